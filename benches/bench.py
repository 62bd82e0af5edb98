"""Measures the job beside DuckDB and Polars: wall, CPU time and peak memory of whole processes.

    python bench.py [--rates 0.01 0.001] [--layouts tick store] [--runs 5] [--only NAME ...]

The day has 2,000 stores, 50 SKUs and a tick every five minutes, which makes 28.8 million rows in
each prediction log. Contestants take turns: a warm-up each, then `--runs` rounds, of which the
medians count. Outputs must agree in every column that the peers compute. Data is made once, under
target/bench.

--only chooses sections: `peers` is the above; `growth` has ten times the prediction rows for the
same reports; `interval` is one five-minute interval of 200 stores with a day of input; `chain` is
a run that covers one store's chain of 20,000 ticks, beside one over the same rows in 2,000 stores.

Exits with 1 if outputs differ or if a figure is beyond its floor. The floors lie a little on the
safe side of what was measured, so that a miss means that something got worse.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

# This process must stay small: Linux counts a child's peak from the fork on, so its own memory is
# the least that any contestant can show. What reads data and outputs runs in other processes.
import job

SCRATCH = job.ROOT / "target" / "bench"
DAY = ("2025-01-01T00:00:00+00:00", "2025-01-02T00:00:00+00:00")
# The days of `generate_chain.py`.
CHAIN = ("2025-01-01T00:00:00+00:00", "2025-03-12T00:00:00+00:00")
TICK = ("2025-01-01T12:00:00+00:00", "2025-01-01T12:05:00+00:00")
PEERS = ("DuckDB", "Polars")
Interval = tuple[str, str]
# Measured: 3.5 to 3.7 times as fast as the faster peer, with 0.21 to 0.28 of the leaner one's peak.
SPEED_MIN = 3.0
MEMORY_MAX = 1 / 3
# Measured: 1.0 and 1.5.
GROWTH_MEMORY_MAX = 1.2
GROWTH_TIME_MAX = 2.5
# Measured: 27.
INTERVAL_MS_MAX = 60.0
CHAIN_CPU_MAX = 2.0


@dataclass(frozen=True)
class Usage:
    """What a process took: seconds of wall time, seconds of CPU time, MiB at the peak."""

    wall: float
    cpu: float
    peak: float


def measure(command: Sequence[str], codes: Sequence[int] = (0,)) -> Usage:
    """Runs a command to its end, with one of these exit codes."""
    begun = time.perf_counter()
    with tempfile.TemporaryFile() as messages:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=messages)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in codes:
            messages.seek(0)
            said = messages.read().decode()
            sys.exit(f"{' '.join(command)}\nexit {process.returncode}\n{said}")
    return Usage(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def median(values: Iterable[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def medians(usages: Sequence[Usage]) -> Usage:
    return Usage(
        *(median(getattr(usage, name) for usage in usages) for name in ("wall", "cpu", "peak"))
    )


def data(name: str, script: str = "generate.py", **options: object) -> Path:
    """Returns the folder of the input logs of that name; makes them if they are not there yet."""
    folder = SCRATCH / name
    if not (folder / "made").exists():
        print(f"making {folder.relative_to(job.ROOT)}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        flags = [f"--{key.replace('_', '-')}={value}" for key, value in options.items()]
        made = [sys.executable, str(job.BENCHES / script), str(folder), *flags]
        subprocess.run(made, check=True)
        (folder / "made").touch()
    return folder


class Contestant:
    """One way to compute the outputs; every measured run starts without them."""

    def __init__(self, name: str, folder: Path, interval: Interval) -> None:
        self.name, self.folder, self.interval = name, folder, interval
        self.out = SCRATCH / "out" / folder.name / name.lower()

    def run(self) -> Usage:
        shutil.rmtree(self.out, ignore_errors=True)
        if self.name == "cohort":
            return measure(job.command(job.manifest(self.folder, self.out, *self.interval)))
        start, end = self.interval
        script = job.BENCHES / f"peer_{self.name.lower()}.py"
        options = ["--start", start, "--end", end, "--gap", str(job.GAP_S)]
        return measure([sys.executable, str(script), str(self.folder), str(self.out), *options])


def race(contestants: Sequence[Contestant], runs: int) -> dict[str, Usage]:
    """Runs a warm-up each, then rounds in turn; returns the medians by name."""
    for contestant in contestants:
        contestant.run()
    rounds = [[contestant.run() for contestant in contestants] for _ in range(runs)]
    return {
        contestant.name: medians(usages)
        for contestant, usages in zip(contestants, zip(*rounds, strict=True), strict=True)
    }


def agreement(ours: Contestant, peers: Contestant) -> bool:
    script = job.BENCHES / "compare.py"
    done = subprocess.run(
        [sys.executable, str(script), str(ours.out), str(peers.out)],
        capture_output=True,
        text=True,
        check=False,
    )
    print(f"  {peers.name}'s rows are {done.stdout.strip() or done.stderr}")
    return done.returncode == 0


class Verdicts:
    """Counts the figures that are beyond their floors."""

    def __init__(self) -> None:
        self.missed = 0

    def add(self, what: str, held: bool) -> None:
        self.missed += not held
        print(f"  {'held' if held else 'WORSE':5}  {what}")


def table(usages: dict[str, Usage]) -> None:
    ours = usages["cohort"]
    print(
        f"  {'':8} {'wall s':>8} {'CPU s':>8} {'peak MiB':>9}    {'wall':>7} {'CPU':>7} {'peak':>7}"
    )
    for name, used in usages.items():
        ratios = (used.wall / ours.wall, used.cpu / ours.cpu, used.peak / ours.peak)
        shown = " ".join(f"{ratio:6.1f}x" for ratio in ratios)
        print(f"  {name:8} {used.wall:8.3f} {used.cpu:8.3f} {used.peak:9.0f}    {shown}")


def bench_peers(args: argparse.Namespace, verdicts: Verdicts) -> None:
    for layout in args.layouts:
        for rate in args.rates:
            folder = data(f"{layout}-{rate}", stores=2000, skus=50, layout=layout, rate=rate)
            print(f"\n{layout}-major, {float(rate):.1%} of cells anomalous, 2 x 28.8 million rows")
            contestants = [Contestant(name, folder, DAY) for name in ("cohort", *PEERS)]
            usages = race(contestants, args.runs)
            table(usages)
            agreed = [agreement(contestants[0], peer) for peer in contestants[1:]]
            verdicts.add("outputs agree", all(agreed))
            ours, peers = usages["cohort"], [usages[name] for name in PEERS]
            wall = min(peer.wall for peer in peers) / ours.wall
            cpu = min(peer.cpu for peer in peers) / ours.cpu
            peak = ours.peak / min(peer.peak for peer in peers)
            verdicts.add(
                f"{wall:.1f} times as fast as the faster peer (at least {SPEED_MIN:g})",
                wall >= SPEED_MIN,
            )
            verdicts.add(
                f"{cpu:.1f} times less CPU than the thriftier peer (at least {SPEED_MIN:g})",
                cpu >= SPEED_MIN,
            )
            verdicts.add(
                f"{peak:.2f} of the leaner peer's peak (at most {MEMORY_MAX:.2f})",
                peak <= MEMORY_MAX,
            )


def bench_growth(args: argparse.Namespace, verdicts: Verdicts) -> None:
    sizes = {"small": 200, "large": 2000}
    folders = [
        data(f"growth-{name}", stores=stores, report_stores=200, skus=50)
        for name, stores in sizes.items()
    ]
    print("\nten times the prediction rows (2 x 2.88 to 2 x 28.8 million) for the same reports")
    small, large = (
        race([Contestant("cohort", folder, DAY)], args.runs)["cohort"] for folder in folders
    )
    print(
        f"  wall {small.wall:.3f} s to {large.wall:.3f} s,"
        f" CPU {small.cpu:.3f} s to {large.cpu:.3f} s"
    )
    print(f"  peak {small.peak:.1f} MiB to {large.peak:.1f} MiB")
    memory, wall = large.peak / small.peak, large.wall / small.wall
    verdicts.add(
        f"{memory:.2f} times the memory (at most {GROWTH_MEMORY_MAX:g})",
        memory <= GROWTH_MEMORY_MAX,
    )
    verdicts.add(
        f"{wall:.1f} times the wall time (at most {GROWTH_TIME_MAX:g})", wall <= GROWTH_TIME_MAX
    )


def bench_interval(args: argparse.Namespace, verdicts: Verdicts) -> None:
    folder = data("growth-small", stores=200, report_stores=200, skus=50)
    print("\none five-minute interval of 200 stores with a day of input (2 x 2.88 million rows)")
    used = race([Contestant("cohort", folder, TICK)], args.runs)["cohort"]
    ms = used.wall * 1000
    print(f"  wall {ms:.0f} ms, CPU {used.cpu * 1000:.0f} ms, peak {used.peak:.1f} MiB")
    verdicts.add(
        f"{ms:.0f} ms for the whole process (at most {INTERVAL_MS_MAX:g})", ms < INTERVAL_MS_MAX
    )


def bench_chain(args: argparse.Namespace, verdicts: Verdicts) -> None:
    print("\na run over 20,000 ticks, five minutes apart: one store's chain, or in 2,000 stores")
    chain, dealt = (
        race(
            [Contestant("cohort", data(name, "generate_chain.py", stores=stores), CHAIN)],
            args.runs,
        )["cohort"]
        for name, stores in (("chain", 1), ("dealt", 2000))
    )
    print(f"  CPU {chain.cpu:.3f} s for the chain, {dealt.cpu:.3f} s for the stores")
    ratio = chain.cpu / dealt.cpu
    verdicts.add(
        f"{ratio:.2f} times the CPU time (at most {CHAIN_CPU_MAX:g})", ratio <= CHAIN_CPU_MAX
    )


SECTIONS = {
    "peers": bench_peers,
    "growth": bench_growth,
    "interval": bench_interval,
    "chain": bench_chain,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rates", nargs="+", default=["0.01", "0.001"])
    parser.add_argument(
        "--layouts", nargs="+", choices=["tick", "store"], default=["tick", "store"]
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    args = parser.parse_args()
    if not job.BINARY.exists():
        sys.exit(f"{job.BINARY}: expected the release binary; run `make build` first")
    verdicts = Verdicts()
    for name in args.only:
        SECTIONS[name](args, verdicts)
    sys.exit(f"\nfigures that got worse: {verdicts.missed}" if verdicts.missed else 0)


if __name__ == "__main__":
    main()
