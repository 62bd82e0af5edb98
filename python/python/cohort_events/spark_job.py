"""A run of the job on Spark, with the manifest and the options of `cohort run`:

    spark-submit --master ... spark_job.py --manifest URI --run-id ID \\
        --interval-start 2025-01-01T00:00:00Z --interval-end 2025-01-02T00:00:00Z

It writes the same two logs and a lineage. Like the binary it prints one line, the summary, or one
line that says why it failed, and ends with the same exit codes. spark-submit shows both on
stdout. It differs from the binary in this:

- Parts are as many as Spark makes, and a part has other bytes than the binary's.
- No row is rejected for lying outside its partition, and no `rejects` are written.
- The lineage is replaced without a condition, and what it replaces is not kept. Never run one
  `run_id` twice at the same time.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from cohort_events import __version__
from cohort_events import spark as cohort_spark
from cohort_events._core import clock
from cohort_events._manifest import ARGUMENTS, WRITTEN, Manifest, parse, whole
from cohort_events.errors import BugError, CohortError, DataError, NoInputError, TemporaryError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

#: What Spark says of rows at fault, and of arguments: the kernel's own classes, by their names.
AT_FAULT = {"DataError": DataError, "USER_RAISED_EXCEPTION": DataError, "BugError": BugError}


class Files:
    """Hadoop's file systems, which know every URI that Spark knows."""

    def __init__(self, spark: SparkSession) -> None:
        self._jvm: Any = spark._jvm
        self._settings = spark._jsc.hadoopConfiguration()
        # A file beside each part, with its checksum, would be a stranger in the run's folder.
        self.of("file:///").setWriteChecksum(False)

    def path(self, uri: str) -> Any:
        """Return a path."""
        return self._jvm.org.apache.hadoop.fs.Path(uri)

    def of(self, uri: str) -> Any:
        """Return the file system of a path."""
        return self.path(uri).getFileSystem(self._settings)

    def exists(self, uri: str) -> bool:
        """Return whether there is such a file or folder."""
        return bool(self.of(uri).exists(self.path(uri)))

    def listed(self, folder: str) -> list[tuple[str, int]]:
        """Return name and length of the files in a folder, in order."""
        if not self.exists(folder):
            return []
        found = self.of(folder).listStatus(self.path(folder))
        files = [(f.getPath().getName(), int(f.getLen())) for f in found if f.isFile()]
        return sorted(files)

    def move(self, source: str, target: str) -> None:
        """Give a file another name, unless the other is there already."""
        if not self.exists(target):
            self.of(source).rename(self.path(source), self.path(target))

    def remove(self, uri: str) -> None:
        """Remove a file or a folder with all that is in it."""
        self.of(uri).delete(self.path(uri), True)

    def write(self, uri: str, text: str) -> None:
        """Write a file, in place of the one before."""
        stream = self.of(uri).create(self.path(uri), True)
        try:
            stream.write(bytearray(text.encode()))
        finally:
            stream.close()

    def read(self, uri: str) -> str:
        """Return a file's text."""
        stream = self.of(uri).open(self.path(uri))
        try:
            return bytes(stream.readAllBytes()).decode()
        finally:
            stream.close()


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line. A wrong one ends the process with 2."""
    parser = argparse.ArgumentParser(prog="spark_job.py", description=__doc__)
    parser.add_argument("command", nargs="?", choices=["run", "rerun"], default="run")
    parser.add_argument("--manifest", required=True)
    for name in ("run-id", "interval-start", "interval-end"):
        parser.add_argument(f"--{name}")
    for name in ("gap", "max-event-duration", "max-lookback"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--partitions", type=int)
    return parser.parse_args(arguments)


def dataset(spark: SparkSession, files: Files, log: str, given: Mapping[str, Any]) -> DataFrame:
    """Return a log under the names that the contract gives its columns."""
    if not files.exists(given["uri"]):
        raise NoInputError(f"{given['uri']}: expected the dataset {log}, found nothing there")
    frame = spark.read.option("recursiveFileLookup", "true").parquet(given["uri"])
    mapped = given.get("columns", {})
    # A name that is mapped away must not be found under its old name.
    frame = frame.drop(*(name for name in mapped if name in frame.columns))
    return frame.withColumnsRenamed({found: name for name, found in mapped.items()})


def run(spark: SparkSession, chosen: argparse.Namespace) -> dict[str, Any]:
    """Run the manifest, and return the summary."""
    began, files = time.monotonic(), Files(spark)
    if not files.exists(chosen.manifest):
        raise NoInputError(f"{chosen.manifest}: expected a run manifest, found nothing there")
    manifest = parse(chosen.manifest, files.read(chosen.manifest), chosen)
    if chosen.command == "rerun":
        manifest = recorded(files, manifest, chosen)
    frames = {
        ARGUMENTS[log]: dataset(spark, files, log, given) for log, given in manifest.inputs.items()
    }
    interval: dict[str, Any] = {"start": manifest.start, "end": manifest.end}
    found = cohort_spark.cohort(
        **frames,
        **interval,
        **manifest.settings,
        run_id=manifest.run_id,
        partitions=chosen.partitions,
    )
    outputs = {
        log: parts(spark, files, manifest, log, in_order(getattr(found, short)))
        for log, short in WRITTEN.items()
    }
    facts = {row.name: row.value for row in found.facts.collect()}
    found.unpersist()
    status, text = commit(files, manifest, lineage(frames, manifest, outputs, facts))
    written = sum(part["bytes"] for log in text["outputs"].values() for part in log["files"])
    return {
        "run_id": manifest.run_id,
        "status": status,
        "interval": interval,
        "lineage": f"{manifest.folder('lineage')}/lineage.json",
        "rows": {log: output["rows"] for log, output in outputs.items()},
        "counts": text["counts"],
        "execution": {
            "wall_ms": int((time.monotonic() - began) * 1000),
            "cpu_ms": 0,
            "threads": spark.sparkContext.defaultParallelism,
            "requests": 0,
            "retries": 0,
            "bytes_written": written,
        },
        "peak_memory_bytes": None,
    }


def recorded(files: Files, manifest: Manifest, chosen: argparse.Namespace) -> Manifest:
    """Return the run that the committed lineage of this `run_id` is of."""
    uri = f"{manifest.folder('lineage')}/lineage.json"
    if not files.exists(uri):
        raise NoInputError(f"{uri}: expected the lineage of a committed run, found nothing there")
    known = json.loads(files.read(uri))["manifest"]
    kept = {name: getattr(chosen, name, None) or known[name] for name in manifest.settings}
    interval = known["interval"]
    return replace(manifest, start=interval["start"], end=interval["end"], settings=kept)


def in_order(rows: DataFrame) -> DataFrame:
    """Return the rows in the contract's order: each store's come from one task, in that order."""
    from pyspark.sql import functions as F

    numbered = rows.withColumn("number", F.monotonically_increasing_id())
    return numbered.sort("store_id", "number").drop("number")


def parts(
    spark: SparkSession, files: Files, manifest: Manifest, log: str, rows: DataFrame
) -> dict[str, Any]:
    """Write a log's parts under the names that their content gives them."""
    folder = manifest.folder(log)
    # Readers take no notice of names that begin with an underscore.
    staged = f"{folder}/_staged"
    rows.write.mode("overwrite").option("compression", "zstd").parquet(staged)
    read = spark.read.format("binaryFile").load(f"{staged}/*.parquet")
    digests = {
        row.path.rpartition("/")[2]: hashlib.sha256(row.content).hexdigest()
        for row in read.select("path", "content").toLocalIterator()
    }
    counted = {
        row.name: row["count"]
        for row in spark.read
        .parquet(staged)
        .selectExpr("_metadata.file_name as name")
        .groupBy("name")
        .count()
        .collect()
    }
    listed = []
    lengths = dict(files.listed(staged))
    full = [name for name in sorted(digests) if counted.get(name)]
    for number, name in enumerate(full):
        uri = f"{folder}/part-{number:05}-{digests[name][:16]}.parquet"
        files.move(f"{staged}/{name}", uri)
        described = {"uri": uri, "rows": counted[name], "bytes": lengths[name]}
        listed.append(described | {"sha256": digests[name]})
    files.remove(staged)
    rows_written = sum(part["rows"] for part in listed)
    return {"uri": manifest.outputs[log], "rows": rows_written, "files": listed}


def lineage(
    frames: Mapping[str, DataFrame],
    manifest: Manifest,
    outputs: Mapping[str, Any],
    facts: Mapping[str, int],
) -> dict[str, Any]:
    """Return what the run read, wrote and counted."""
    digests = [part["sha256"] for output in outputs.values() for part in output["files"]]
    content = "".join(f"{digest}\n" for digest in digests)
    counts = "counts."
    return {
        "version": 1,
        "run_id": manifest.run_id,
        "interval": {"start": manifest.start, "end": manifest.end},
        "gap": manifest.settings["gap"],
        "job": {"name": "cohort-events", "version": __version__},
        "manifest": manifest.resolved(),
        "inputs": {
            log: read(frames[ARGUMENTS[log]], ARGUMENTS[log], given["uri"], facts)
            for log, given in manifest.inputs.items()
        },
        "outputs": dict(outputs),
        "counts": {
            name.removeprefix(counts): value
            for name, value in facts.items()
            if name.startswith(counts)
        },
        "lookback": {"start": clock(facts["lookback_start"])},
        "content_sha256": hashlib.sha256(content.encode()).hexdigest(),
    }


def read(frame: DataFrame, name: str, uri: str, facts: Mapping[str, int]) -> dict[str, Any]:
    """Return what was read of a log."""
    described = (
        frame
        .selectExpr("_metadata.file_path as uri", "_metadata.file_size as bytes")
        .groupBy("uri", "bytes")
        .count()
        .sort("uri")
        .collect()
    )
    files = [
        {
            "uri": whole(unquote(row.uri)),
            "bytes": row.bytes,
            "etag": None,
            "rows": row["count"],
        }
        for row in described
    ]

    def by(key: str) -> dict[str, int]:
        prefix = f"inputs.{name}.{key}."
        return {k.removeprefix(prefix): v for k, v in facts.items() if k.startswith(prefix)}

    counted = {
        "uri": uri,
        "files": files,
        "rows_read": sum(file["rows"] for file in files),
        "rows_rejected": by("rows_rejected"),
        "rows_duplicate": facts.get(f"inputs.{name}.rows_duplicate", 0),
        "values_out_of_range": by("values_out_of_range"),
    }
    ignored = facts.get(f"inputs.{name}.onsets_ignored")
    return counted if ignored is None else counted | {"onsets_ignored": ignored}


def commit(files: Files, manifest: Manifest, made: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Write the lineage, which commits the run, and remove the parts that it does not list."""
    uri = f"{manifest.folder('lineage')}/lineage.json"
    text = json.dumps(made, indent=2) + "\n"
    status = "committed"
    if files.exists(uri):
        status = "unchanged" if files.read(uri) == text else "replaced"
    if status != "unchanged":
        files.write(uri, text)
    for log, output in made["outputs"].items():
        kept = {part["uri"].rpartition("/")[2] for part in output["files"]}
        for name, _ in files.listed(manifest.folder(log)):
            if name.startswith("part-") and name not in kept:
                files.remove(f"{manifest.folder(log)}/{name}")
    return status, made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, and return the exit code."""
    chosen = options(arguments)
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    spark = (
        SparkSession.builder
        .appName("cohort")
        .config("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
        .getOrCreate()
    )
    try:
        print(json.dumps(run(spark, chosen)))
    except CohortError as error:
        return failed(error)
    except PySparkException as error:
        return failed(cause(str(error)))
    finally:
        spark.stop()
    return 0


def cause(text: str) -> CohortError:
    """Return the failure that Spark tells of: one of the kernel's, or one that may pass."""
    for name, kind in AT_FAULT.items():
        lines = [line for line in text.splitlines() if name in line]
        if lines:
            line = lines[-1].partition(name)[2].lstrip("]: ")
            return kind(line.partition(" SQLSTATE:")[0])
    return TemporaryError(text.partition("\n")[0])


def failed(error: CohortError) -> int:
    """Print the one line of a failure, and return its exit code."""
    line = str(error).replace("\n", " ")
    print(f"cohort: {line}", file=sys.stderr)
    return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
