"""A run of the job on Spark, with the manifest of `cohort run`:

    spark-submit --master ... spark_job.py --manifest URI --run-id ID \\
        --interval-start 2025-01-01T00:00:00Z --interval-end 2025-01-02T00:00:00Z

It writes the same two logs and a lineage. Like the binary it prints one line, the summary, or one
line that says why it failed, and ends with the same exit codes. spark-submit shows both on
stdout. docs/spark.md says in what else it differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from cohort_events import __version__
from cohort_events import spark as cohort_spark
from cohort_events._core import clock
from cohort_events._manifest import (
    ARGUMENTS,
    WRITTEN,
    Manifest,
    demo_run_id,
    manifest,
    named_by_demo,
    places,
    read,
    run_of,
)
from cohort_events._places import argument, segment
from cohort_events._spark_failures import failure, line
from cohort_events._spark_files import Files
from cohort_events._spark_inputs import Input, inputs
from cohort_events._spark_outputs import (
    Part,
    committed,
    place,
    remove_others,
    settled,
    stage,
    sweep,
)
from cohort_events.errors import DataError, ManifestError, NoInputError, UsageError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

#: What rows depend on, whatever the cluster sets.
CONF = {
    "spark.sql.caseSensitive": "true",
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.legacy.parquet.nanosAsLong": "true",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "false",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.session.timeZone": "UTC",
}


class Options(argparse.ArgumentParser):
    """The command line, whose faults are one line too."""

    def error(self, message: str) -> NoReturn:
        """End the process."""
        self.exit(2, f"cohort: {message}; see --help\n")


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line. A wrong one ends the process with 2."""
    parser = Options(prog="spark_job.py", description=__doc__, allow_abbrev=False)
    parser.add_argument("command", nargs="?", choices=["run", "rerun"], default="run")
    for name in ("manifest", "lineage", "run-id", "interval-start", "interval-end"):
        parser.add_argument(f"--{name}")
    for name in ("gap", "max-event-duration", "max-lookback"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--expect-same", action="store_true")
    parser.add_argument("--partitions", type=int)
    chosen = parser.parse_args(arguments)
    if chosen.command == "run" and (not chosen.manifest or chosen.lineage):
        parser.error("expected --manifest, and no --lineage")
    if chosen.command == "rerun" and bool(chosen.lineage) == bool(chosen.manifest):
        parser.error("expected --lineage, or --manifest and --run-id")
    if chosen.command == "rerun" and bool(chosen.manifest) != bool(chosen.run_id):
        parser.error("expected --manifest and --run-id together")
    if chosen.partitions is not None and chosen.partitions < 1:
        parser.error("expected --partitions of at least 1")
    return chosen


def run(spark: SparkSession, chosen: argparse.Namespace) -> dict[str, Any]:
    """Run the manifest, and return the summary."""
    began, files = time.monotonic(), Files(spark)
    wanted = (recorded if chosen.command == "rerun" else given)(files, chosen)
    for output, uri in wanted.outputs.items():
        files.check_output(uri, wanted.folder(output))
    before = committed(files, wanted.lineage, wanted.run_id)
    sweep(files, wanted)
    try:
        status, made, written = carried_out(spark, files, wanted, before, chosen)
    except BaseException:
        # What went wrong first is what is told.
        with suppress(Exception):
            sweep(files, wanted)
        raise
    sweep(files, wanted)
    return summary(wanted, status, made) | {
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


def carried_out(
    spark: SparkSession,
    files: Files,
    wanted: Manifest,
    before: dict[str, Any] | None,
    chosen: argparse.Namespace,
) -> tuple[str, dict[str, Any], int]:
    """Compute and commit the run. Return its status, its lineage, and the length of its parts."""
    logs = inputs(spark, files, wanted)
    parts, facts = computed(spark, files, wanted, logs, chosen.partitions)
    if before is not None:
        parts = {
            log: settled(spark, files, wanted, before, log, of_log) for log, of_log in parts.items()
        }
    made = lineage(logs, wanted, parts, facts)
    status = "committed" if before is None else "unchanged" if before == made else "replaced"
    if status == "replaced" and chosen.expect_same:
        raise ManifestError(
            f"{wanted.lineage}: expected to commit the same content again, found other content "
            "committed; leave out --expect-same to replace it"
        )
    placed = [place(spark, files, wanted, log, of_log) for log, of_log in parts.items()]
    if status == "unchanged" and any(placed):
        status = "committed"
    if before != made:
        files.write(wanted.lineage, json.dumps(made, indent=2) + "\n")
    remove_others(files, wanted, made["outputs"])
    return status, made, sum(part.bytes for of_log in parts.values() for part in of_log)


def given(files: Files, chosen: argparse.Namespace) -> Manifest:
    """Return the run that a manifest describes."""
    uri, said = of_manifest(files, chosen.manifest)
    demo = None
    if (named := named_by_demo(uri, said, chosen)) is not None:
        if not files.is_file(named):
            raise NoInputError(f"{named}: expected a demo_run_config, found nothing there")
        demo = demo_run_id(named, files.read(named))
    return manifest(uri, said, chosen, demo)


def of_manifest(files: Files, text: str) -> tuple[str, dict[str, Any]]:
    """Return the place of a manifest, and what it says."""
    try:
        uri = argument(text)
    except ValueError as error:
        raise UsageError(f"--manifest: {error}") from None
    if not files.exists(uri):
        raise NoInputError(f"{uri}: expected a run manifest, found nothing there")
    if not files.is_file(uri):
        raise ManifestError(f"{uri}: expected a run manifest, found a folder")
    return uri, read(uri, files.read(uri))


def recorded(files: Files, chosen: argparse.Namespace) -> Manifest:
    """Return the run that a committed lineage records. The command line has the last word."""
    if chosen.manifest:
        uri, said = of_manifest(files, chosen.manifest)
        run_of("--run-id", chosen.run_id)
        known_as = f"{places(uri, said)['lineage']}{segment(chosen.run_id)}/lineage.json"
    else:
        try:
            known_as = argument(chosen.lineage)
        except ValueError as error:
            raise UsageError(f"--lineage: {error}") from None
    found = committed(files, known_as, chosen.run_id)
    if found is None:
        raise NoInputError(
            f"{known_as}: expected the lineage of a committed run, found nothing there"
        )
    kept = argparse.Namespace(**vars(chosen) | {"run_id": None})
    wanted = manifest(known_as, found["manifest"], kept)
    if chosen.manifest and wanted.lineage != known_as:
        raise ManifestError(
            f"{known_as}: expected the lineage of a run that was written here, found one of "
            f"{wanted.lineage}; the lake was moved or copied, so run its manifest instead"
        )
    return wanted


def computed(
    spark: SparkSession,
    files: Files,
    wanted: Manifest,
    logs: Mapping[str, Input],
    partitions: int | None,
) -> tuple[dict[str, list[Part]], dict[str, int]]:
    """Stage the rows of both logs, and return their parts and what was counted."""
    try:
        found = cohort_spark.cohort(
            **{name: log.frame for name, log in logs.items()},
            start=wanted.start,
            end=wanted.end,
            **wanted.settings,
            run_id=wanted.run_id,
            partitions=partitions,
        )
    except UsageError as error:
        # The settings were checked, so it speaks of the logs.
        raise DataError(str(error)) from None
    try:
        parts = {
            log: stage(spark, files, wanted, log, in_order(getattr(found, short)))
            for log, short in WRITTEN.items()
        }
        return parts, {row.name: row.value for row in found.facts.collect()}
    finally:
        found.unpersist()


def in_order(rows: DataFrame) -> DataFrame:
    """Return the rows in the contract's order: each store's come from one task, in that order."""
    from pyspark.sql import functions as F

    numbered = rows.withColumn("number", F.monotonically_increasing_id())
    return numbered.sort("store_id", "number").drop("number")


def lineage(
    logs: Mapping[str, Input],
    wanted: Manifest,
    parts: Mapping[str, Sequence[Part]],
    facts: Mapping[str, int],
) -> dict[str, Any]:
    """Return what the run read, wrote and counted."""
    content = "".join(f"{part.digests.whole}\n" for of_log in parts.values() for part in of_log)
    counts = "counts."
    return {
        "version": 1,
        "run_id": wanted.run_id,
        "interval": {"start": wanted.start, "end": wanted.end},
        "gap": wanted.settings["gap"],
        "job": {"name": "cohort", "version": __version__},
        "manifest": wanted.resolved(),
        "inputs": {
            log: logs[name].lineage(facts) for log, name in ARGUMENTS.items() if name in logs
        },
        "outputs": {
            log: {
                "uri": wanted.outputs[log],
                "rows": sum(part.rows for part in of_log),
                "files": [part.lineage() for part in of_log],
            }
            for log, of_log in parts.items()
        },
        "counts": {
            name.removeprefix(counts): value
            for name, value in facts.items()
            if name.startswith(counts)
        },
        "lookback": {"start": clock(facts["lookback_start"])},
        "content_sha256": hashlib.sha256(content.encode()).hexdigest(),
    }


def summary(wanted: Manifest, status: str, made: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the job prints, but for its execution."""
    return {
        "run_id": wanted.run_id,
        "status": status,
        "interval": made["interval"],
        "lineage": wanted.lineage,
        "rows": {log: output["rows"] for log, output in made["outputs"].items()},
        "counts": made["counts"],
    }


def session() -> SparkSession:
    """Return the session, in which Spark reads as the contract says."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName("cohort")
    for name, setting in CONF.items():
        builder = builder.config(name, setting)
    return builder.getOrCreate()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, and return the exit code."""
    chosen, spark = options(arguments), None
    try:
        spark = session()
        print(json.dumps(run(spark, chosen)), flush=True)
    except (Exception, KeyboardInterrupt) as error:
        ended = failure(error)
        print(line(ended), file=sys.stderr)
        return ended.exit_code
    finally:
        if spark is not None:
            spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
