"""A run of the job on Spark, with the manifest and the options of `cohort run`:

    spark-submit --master ... spark_job.py --manifest URI --run-id ID \\
        --interval-start 2025-01-01T00:00:00Z --interval-end 2025-01-02T00:00:00Z

It writes the same two logs and a lineage. Like the binary it prints one line, the summary, or one
line that says why it failed, and ends with the same exit codes. spark-submit shows both on
stdout. It differs from the binary in this:

- Parts are as many as Spark makes, and a part has other bytes than the binary's.
- No row is rejected for lying outside its partition, and no `rejects` are written.
- The lineage has the tags only of input files on local disk.
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

from cohort_events import __version__
from cohort_events import spark as cohort_spark
from cohort_events._core import clock
from cohort_events._manifest import ARGUMENTS, WRITTEN, Manifest, parse
from cohort_events._spark_files import Files
from cohort_events._spark_inputs import Input, inputs
from cohort_events.errors import BugError, CohortError, DataError, NoInputError, TemporaryError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

#: What Spark says of rows at fault, and of arguments: the kernel's own classes, by their names.
AT_FAULT = {"DataError": DataError, "USER_RAISED_EXCEPTION": DataError, "BugError": BugError}


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


def run(spark: SparkSession, chosen: argparse.Namespace) -> dict[str, Any]:
    """Run the manifest, and return the summary."""
    began, files = time.monotonic(), Files(spark)
    if not files.exists(chosen.manifest):
        raise NoInputError(f"{chosen.manifest}: expected a run manifest, found nothing there")
    manifest = parse(chosen.manifest, files.read(chosen.manifest), chosen)
    if chosen.command == "rerun":
        manifest = recorded(files, manifest, chosen)
    given = inputs(spark, files, manifest)
    interval: dict[str, Any] = {"start": manifest.start, "end": manifest.end}
    found = cohort_spark.cohort(
        **{name: log.frame for name, log in given.items()},
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
    status, text = commit(files, manifest, lineage(given, manifest, outputs, facts))
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
    lengths = {name: n for name, n in files.listed(staged) if name.endswith(".parquet")}
    # A log without rows may have no file, and Spark reads no folder without files.
    written = contents(spark, staged) if lengths else {}
    listed = []
    for number, (name, (digest, count)) in enumerate(sorted(written.items())):
        uri = f"{folder}/part-{number:05}-{digest[:16]}.parquet"
        files.move(f"{staged}/{name}", uri)
        listed.append({"uri": uri, "rows": count, "bytes": lengths[name], "sha256": digest})
    files.remove(staged)
    rows_written = sum(count for _, count in written.values())
    return {"uri": manifest.outputs[log], "rows": rows_written, "files": listed}


def contents(spark: SparkSession, folder: str) -> dict[str, tuple[str, int]]:
    """Return digest and rows of the files in a folder that have any rows, by their names."""
    read = spark.read.format("binaryFile").load(f"{folder}/*.parquet")
    digests = {
        row.path.rpartition("/")[2]: hashlib.sha256(row.content).hexdigest()
        for row in read.select("path", "content").toLocalIterator()
    }
    counted = (
        spark.read
        .parquet(folder)
        .selectExpr("_metadata.file_name as name")
        .groupBy("name")
        .count()
        .collect()
    )
    return {row.name: (digests[row.name], row["count"]) for row in counted}


def lineage(
    given: Mapping[str, Input],
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
        "job": {"name": "cohort", "version": __version__},
        "manifest": manifest.resolved(),
        "inputs": {
            log: given[ARGUMENTS[log]].lineage(facts)
            for log in ARGUMENTS
            if ARGUMENTS[log] in given
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
