"""Measures what people ask of committed runs: `cohort registry` and `cohort verify`.

    python bench_registry.py [--runs 1000] [--events 1000000] [--rounds 5]

The registry and the quick verification look at 1,000 hourly runs with a million events, made once
under target/bench by registry_lake.py. The full verification looks at the day of `make bench`,
beside the run that committed it. The medians of the rounds count.

Exits with 1 if a figure is beyond what it must reach.
"""

import argparse
import shutil
import subprocess
import sys

import job
from bench import DAY, SCRATCH, Usage, Verdicts, data, measure, medians

REGISTRY_S_MAX, REGISTRY_MIB_MAX = 5.0, 500.0
QUICK_S_MAX = 10.0
#: Times the run itself.
FULL_MAX = 1.2


def rounds(command: list[str], count: int, codes: tuple[int, ...] = (0,)) -> Usage:
    """The medians of some rounds, after one that warms up."""
    measure(command, codes)
    return medians([measure(command, codes) for _ in range(count)])


def show(what: str, used: Usage) -> None:
    print(f"{what:28} {used.wall:7.2f} s {used.cpu:7.2f} s of CPU {used.peak:7.0f} MiB", flush=True)


def bench_registry(args: argparse.Namespace, verdicts: Verdicts) -> None:
    lake = SCRATCH / f"registry-{args.runs}-{args.events}"
    if not (lake / "made").exists():
        print(f"making {lake.relative_to(job.ROOT)}", flush=True)
        shutil.rmtree(lake, ignore_errors=True)
        script = str(job.BENCHES / "registry_lake.py")
        subprocess.run(
            [sys.executable, script, str(lake), str(args.runs), str(args.events)], check=True
        )
        (lake / "made").touch()
    of_lake = ["--manifest", str(lake / "manifest.json")]
    table = rounds([str(job.BINARY), "registry", *of_lake], args.rounds)
    show("registry, as a table", table)
    for form in ("jsonl", "parquet"):
        used = rounds([str(job.BINARY), "registry", *of_lake, "--as", form], args.rounds)
        show(f"registry, as {form}", used)
    # Whether it finds something does not matter here.
    quick = rounds([str(job.BINARY), "verify", *of_lake, "--quick"], args.rounds, (0, 1))
    show("verify --quick", quick)
    verdicts.add(f"the registry takes at most {REGISTRY_S_MAX} s", table.wall <= REGISTRY_S_MAX)
    verdicts.add(f"and at most {REGISTRY_MIB_MAX} MiB", table.peak <= REGISTRY_MIB_MAX)
    verdicts.add(f"a quick look takes at most {QUICK_S_MAX} s", quick.wall <= QUICK_S_MAX)


def bench_verify(args: argparse.Namespace, verdicts: Verdicts) -> None:
    folder = data("tick-0.01", stores=2000, skus=50, layout="tick", rate=0.01)
    out = SCRATCH / "out" / "verify"
    shutil.rmtree(out, ignore_errors=True)
    manifest = job.manifest(folder, out, *DAY)
    # Run again, it finds that all is there already, and computes as much.
    run = rounds(job.command(manifest), args.rounds)
    show("run of a day", run)
    verify = rounds([str(job.BINARY), "verify", "--manifest", str(manifest)], args.rounds)
    show("verify of a day", verify)
    ratio = verify.cpu / run.cpu
    print(f"{'':28} {verify.wall / run.wall:7.2f}   {ratio:7.2f}")
    verdicts.add(f"a full look takes at most {FULL_MAX} times the run", ratio <= FULL_MAX)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=("registry", "verify"))
    args = parser.parse_args()
    verdicts = Verdicts()
    if args.only != "verify":
        bench_registry(args, verdicts)
    if args.only != "registry":
        bench_verify(args, verdicts)
    sys.exit(verdicts.missed > 0)


if __name__ == "__main__":
    main()
