"""Measures the Python package: on Spark beside Spark's own SQL, and beside the kernel in Rust.

    python bench_spark.py [--stores 2000] [--rate 0.01] [--runs 3] [--only spark kernel]

`spark`: a day of so many stores, 50 SKUs and a tick every five minutes, on Spark with two threads:
`cohort_events.spark.cohort` beside peer_spark.py. Processor time is that of all processes, the JVM
and Python's workers alike; memory is the peak of the largest worker. Outputs must agree in every
column that the peer computes.

`kernel`: the rows of that day that its lines need, as Arrow tables in memory: `cohort()` beside the
same rows through the kernel's own functions (`cargo bench --bench kernel`), both on one thread.

Contestants take turns: a warm-up each, then `--runs` rounds, of which the medians count, and of
`kernel` the least. Exits with 1 if outputs differ or if a figure is beyond its floor.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import resource
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import job
from bench import DAY, SCRATCH, data, median

# What the package must reach.
CPU_SHARE_MAX = 0.7
WORKER_MIB_MAX = 150
KERNEL_SHARE_MAX = 1.15
#: Orphans become this process's children, so that their processor time is counted.
PR_SET_CHILD_SUBREAPER = 36
POLL_S = 0.05


@dataclass(frozen=True)
class Usage:
    """What all processes of a run took: seconds, seconds of CPU time, MiB of a Python worker."""

    wall: float
    cpu: float
    worker: float


def workers_peak(peaks: dict[int, float]) -> None:
    """Notes the peak of every Python worker of Spark that this process has started."""
    parents, found = {}, {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        process = int(folder.name)
        try:
            lines = (folder / "status").read_text().splitlines()
            status = dict(line.split(":", 1) for line in lines)
            parents[process] = int(status["PPid"])
            if b"pyspark.daemon" in (folder / "cmdline").read_bytes():
                found[process] = int(status["VmHWM"].split()[0]) / 1024
        except (OSError, ValueError, KeyError):
            # It has ended in between.
            continue
    for process, peak in found.items():
        above = process
        while above in parents and above != os.getpid():
            above = parents[above]
        if above == os.getpid():
            peaks[process] = peak


def measure(command: Sequence[str]) -> Usage:
    """Runs a command and all that it starts to the end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    peaks: dict[int, float] = {}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(POLL_S):
            workers_peak(peaks)

    watcher = threading.Thread(target=watch)
    watcher.start()
    done = subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
    )
    wall = time.perf_counter() - begun
    over.set()
    watcher.join()
    if done.returncode:
        sys.exit(f"{shlex.join(command)}\nexit {done.returncode}\n{done.stderr}")
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            break
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Usage(wall, cpu, max(peaks.values(), default=0.0))


def spark(folder: Path, runs: int) -> bool:
    """Runs both contestants in turn; returns whether all is as it must be."""
    outs = {name: SCRATCH / "out" / folder.name / name for name in ("package_spark", "peer_spark")}

    def run(name: str) -> Usage:
        shutil.rmtree(outs[name], ignore_errors=True)
        start, end = DAY
        options = ["--start", start, "--end", end, "--gap", str(job.GAP_S), "--threads", "2"]
        script = str(job.BENCHES / f"{name}.py")
        return measure([sys.executable, script, str(folder), str(outs[name]), *options])

    for name in outs:
        run(name)
    rounds = [{name: run(name) for name in outs} for _ in range(runs)]
    found = {
        name: Usage(
            median(used[name].wall for used in rounds),
            median(used[name].cpu for used in rounds),
            max(used[name].worker for used in rounds),
        )
        for name in outs
    }
    for name, used in found.items():
        memory = f", Python workers up to {used.worker:.0f} MiB" if used.worker else ""
        print(f"{name:14} {used.cpu:6.1f} s of processors, {used.wall:5.1f} s{memory}")
    package, peer = found.values()
    print(f"share of the peer's processor time: {package.cpu / peer.cpu:.2f}")
    compare = [sys.executable, str(job.BENCHES / "compare.py"), *map(str, outs.values())]
    compare += ["--ignore", "run_id"]
    same = subprocess.run([*compare], check=False).returncode == 0
    return same and package.cpu <= CPU_SHARE_MAX * peer.cpu and package.worker <= WORKER_MIB_MAX


def kernel(folder: Path, runs: int) -> bool:
    """Runs both contestants in turn; returns whether the package is fast enough."""
    script = str(job.BENCHES / "package_kernel.py")
    needed = SCRATCH / "needed" / folder.name
    if not (needed / "made").exists():
        shutil.rmtree(needed, ignore_errors=True)
        subprocess.run([sys.executable, script, "needed", str(folder), str(needed)], check=True)
        (needed / "made").touch()
    cargo = shlex.split(os.environ.get("CARGO", "cargo"))
    rust = [*cargo, "bench", "--locked", "--quiet", "--bench", "kernel", "--", str(needed)]
    commands = {"package": [sys.executable, script, "run", str(needed)], "kernel": rust}

    def run(name: str) -> dict[str, float]:
        done = subprocess.run(commands[name], stdout=subprocess.PIPE, text=True, check=True)
        figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return figures

    for name in commands:
        run(name)
    rounds = [{name: run(name) for name in commands} for _ in range(runs)]
    # What others do on the machine only adds to a time.
    least = {name: min(found[name]["cpu"] for found in rounds) for name in commands}
    for name, cpu in least.items():
        print(f"{name:14} {cpu:6.3f} s of one processor, {rounds[0][name]['rows']:.0f} rows")
    share = least["package"] / least["kernel"]
    print(f"share of the kernel's processor time: {share:.2f}")
    same = rounds[0]["package"]["rows"] == rounds[0]["kernel"]["rows"]
    return same and share <= KERNEL_SHARE_MAX


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stores", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=0.01)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=["spark", "kernel"])
    args = parser.parse_args()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.environ |= {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    name = f"spark-50-{args.stores}-{args.rate}"
    folder = data(name, stores=args.stores, skus=50, rate=args.rate)
    sections = {"spark": spark, "kernel": kernel}
    good = [sections[name](folder, args.runs) for name in args.only or sections]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
