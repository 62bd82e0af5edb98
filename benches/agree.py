"""Compares the job with DuckDB on dirty data: every row and every column that the peer computes.

DuckDB is the only peer here: Polars is compared on the clean data of `bench.py`.

    python agree.py [--seeds 10] [--first-seed 1] [--keep]

Each seed makes three days of 40 stores with duplicates, gaps, rejected rows, and missing SKUs and
onsets. One store is never quiet, and long chains are cut every eleven hours or every day. The cases
are the whole range in one run, a day in the middle, intervals that cut events apart, and the union
of six-hour runs against the peer's single run. If the two differ, prints the first differences and
exits with 1. Works under target/peers; --keep leaves a seed that differed.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import job
from compare import compare

STORES, SKUS, DAYS = 40, 10, 3
FIRST = "2025-01-01T00:00:00+00:00"
# Longer than the data, so that every event closes inside.
LAST = "2025-01-05T00:00:00+00:00"
INTERVALS = [
    (FIRST, LAST),
    ("2025-01-02T00:00:00+00:00", "2025-01-03T00:00:00+00:00"),
    ("2025-01-01T23:47:11+00:00", "2025-01-02T05:00:00.000001+00:00"),
    ("2025-01-02T12:00:00+00:00", "2025-01-02T12:05:00+00:00"),
    ("2025-01-03T23:00:00+00:00", "2025-01-04T03:00:00+00:00"),
]
STEP = timedelta(hours=6)
# Seconds, in turn. Both are shorter than the data, so that chains are cut.
DURATIONS = (11 * 3600, 86_400)


@dataclass(frozen=True)
class Case:
    """The folders of both sides' outputs, and the columns that are not compared."""

    name: str
    ours: Path
    peers: Path
    ignored: tuple[str, ...] = ()


def call(*command: object) -> None:
    """Runs a command; shows its standard error only if it fails."""
    parts = [str(part) for part in command]
    done = subprocess.run(parts, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(parts)}\nexit {done.returncode}\n{done.stderr}")


def run_peer(data: Path, out: Path, start: str, end: str, duration: int) -> None:
    script = job.BENCHES / "peer_duckdb.py"
    interval = ("--start", start, "--end", end, "--gap", job.GAP_S)
    call(sys.executable, script, data, out, "--dirty", *interval, "--max-event-duration", duration)


def run_job(data: Path, out: Path, start: str, end: str, duration: int) -> None:
    options = ("--max-event-duration", f"PT{duration}S")
    call(*job.command(job.manifest(data, out, start, end), *options))


def run_job_in_steps(data: Path, out: Path, start: str, end: str, duration: int) -> None:
    """Makes a run for every six hours, the latest first: the order must not matter."""
    manifest = job.manifest(data, out, start, end)
    options = ("--max-event-duration", f"PT{duration}S")
    cut = datetime.fromisoformat(end)
    while cut > datetime.fromisoformat(start):
        cut, after = cut - STEP, cut
        interval = ("--interval-start", cut.isoformat(), "--interval-end", after.isoformat())
        call(*job.command(manifest, "--run-id", f"{cut:%Y-%m-%dT%H}", *interval, *options))


def cases(data: Path, scratch: Path, duration: int) -> Iterator[Case]:
    """Runs both sides of each case."""
    for number, interval in enumerate(INTERVALS):
        ours, peers = scratch / f"job-{number}", scratch / f"peer-{number}"
        run_job(data, ours, *interval, duration)
        run_peer(data, peers, *interval, duration)
        yield Case(f"[{interval[0]}, {interval[1]})", ours, peers)
    steps = scratch / "job-steps"
    run_job_in_steps(data, steps, FIRST, LAST, duration)
    yield Case("union of six-hour runs", steps, scratch / "peer-0", ignored=("run_id",))


def check(seed: int, keep: bool) -> int:
    """Returns the number of cases that differ."""
    scratch = job.ROOT / "target" / "peers" / f"seed-{seed}"
    shutil.rmtree(scratch, ignore_errors=True)
    data = scratch / "data"
    size = ("--stores", STORES, "--skus", SKUS, "--days", DAYS, "--seed", seed)
    layout = ("--layout", ("tick", "store")[seed % 2])
    call(sys.executable, job.BENCHES / "generate.py", data, "--dirty", *size, *layout)
    failed, compared = 0, 0
    duration = DURATIONS[seed % len(DURATIONS)]
    for case in cases(data, scratch, duration):
        differences, rows = compare(case.ours, case.peers, case.ignored)
        compared += sum(rows.values())
        if differences:
            failed += 1
            print(f"seed {seed}, {case.name}: {case.ours} and {case.peers} differ")
            print("\n".join(f"  {line}" for line in differences))
    if failed == 0:
        print(f"seed {seed}: {compared:,} rows equal", flush=True)
    if not (failed and keep):
        shutil.rmtree(scratch, ignore_errors=True)
    return failed


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    seeds = range(args.first_seed, args.first_seed + args.seeds)
    failed = sum(check(seed, args.keep) for seed in seeds)
    sys.exit(f"cases that differ: {failed}" if failed else 0)


if __name__ == "__main__":
    main()
