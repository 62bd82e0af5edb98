"""How computations end with their kernel, with the interpreter, and in a fork."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

import pyarrow as pa

import cohort_events as ce
from test_kernel import DAY, batch, stores

#: A producer in Python, which must not be called while the interpreter ends.
PRODUCER = """
import sys, time, pyarrow as pa, cohort_events as ce
from test_kernel import DAY, batch

rows = batch(*["a"] * 1000)

def for_ever():
    print("begun", flush=True)
    while True:
        time.sleep(0.001)
        if rows is not None:
            yield rows

reader = pa.RecordBatchReader.from_batches(rows.schema, for_ever())
"""


def script(code: str) -> subprocess.Popen[str]:
    """Run a script in the folder of the tests."""
    command = [sys.executable, "-c", PRODUCER + textwrap.dedent(code)]
    pipe = subprocess.PIPE
    folder = Path(__file__).parent
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=folder)


@pytest.mark.parametrize(
    "code",
    [
        "kernel = ce.Kernel(**DAY); kernel.push(reader); time.sleep(0.1)",
        "kernel = ce.Kernel(**DAY); kernel.push(reader); del kernel",
        """
        many = pa.RecordBatchReader.from_batches(
            rows.schema, (batch(*[chr(97 + n)] * 1000) for n in range(26))
        )
        kernel = ce.Kernel(**DAY)
        next(kernel.push(many))
        """,
    ],
)
def test_a_process_may_end_in_the_middle_of_a_kernel(code: str) -> None:
    for _ in range(3):
        child = script(code)
        _, said = child.communicate(timeout=60)
        assert (child.returncode, said) == (0, "")


@pytest.mark.parametrize("code", ["", "rows = rows.slice(0, 0)"])
def test_a_process_may_end_after_ctrl_c(code: str) -> None:
    for _ in range(3):
        child = script(f"{code}\nce.cohort(reader, **DAY)")
        assert child.stdout and child.stdout.readline() == "begun\n"
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=60)
        # As the interpreter ends by itself.
        assert child.returncode == -signal.SIGINT
        assert said.endswith("\nKeyboardInterrupt\n")


def test_a_process_may_end_while_daemons_compute() -> None:
    for _ in range(5):
        child = script("""
            import threading
            def work():
                while True:
                    ce.cohort(rows, **DAY)
            for _ in range(3):
                threading.Thread(target=work, daemon=True).start()
            time.sleep(0.2)
        """)
        _, said = child.communicate(timeout=60)
        assert (child.returncode, said) == (0, "")


def test_a_second_ctrl_c_ends_a_process_that_waits_for_its_producer() -> None:
    child = script("""
        rows = None
        try:
            ce.cohort(reader, **DAY)
        except KeyboardInterrupt:
            print("once", flush=True)
    """)
    assert child.stdout
    assert child.stdout.readline() == "begun\n"
    child.send_signal(signal.SIGINT)
    assert child.stdout.readline() == "once\n"
    while child.poll() is None:
        # Until it waits, Python's own handler may take one.
        child.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(0.5)
    assert child.returncode in {130, -signal.SIGINT}


def test_a_kernel_of_before_a_fork_is_refused_after_it() -> None:
    child = script("""
        import os
        kernel = ce.Kernel(**DAY)
        if os.fork() == 0:
            try:
                list(kernel.push(rows))
            except ce.UsageError as error:
                print(error, flush=True)
            sys.exit()
        os.wait()
        print(sum(len(table) for _, table in [*kernel.push(rows), *kernel.finish()]) > 0)
    """)
    said, fault = child.communicate(timeout=60)
    assert (child.returncode, fault) == (0, "")
    refused, computed = said.splitlines()
    assert "made before a fork" in refused
    assert computed == "True"


def test_a_kernel_that_is_let_go_asks_its_producer_no_more() -> None:
    rows = batch(*["a"] * 10)
    asked, ended = threading.Event(), threading.Event()

    def for_ever() -> object:
        try:
            while True:
                asked.set()
                yield rows
        finally:
            ended.set()

    kernel = ce.Kernel(**DAY)
    kernel.push(pa.RecordBatchReader.from_batches(rows.schema, for_ever()))
    assert asked.wait(60)
    del kernel
    assert ended.wait(60)


def test_two_threads_in_one_kernel_are_a_usage_error() -> None:
    asked, go_on = threading.Event(), threading.Event()

    def rows() -> object:
        asked.set()
        go_on.wait(60)
        yield batch("a")

    kernel = ce.Kernel(**DAY)
    reader = pa.RecordBatchReader.from_batches(batch().schema, rows())
    other = threading.Thread(target=lambda: list(kernel.push(reader)))
    other.start()
    assert asked.wait(60)
    with pytest.raises(ce.UsageError, match="one thread at a time in a kernel"):
        kernel.push(batch("b"))
    go_on.set()
    other.join()
    assert set(stores(kernel.finish())) == {("mrch", "a"), ("melog", "a")}


def test_the_tags_are_found_as_all_columns_are() -> None:
    def counted(names: list[str]) -> dict[str, int]:
        kernel = ce.Kernel(**DAY)
        rows = batch("a").append_column("tick_at", pa.nulls(1, pa.timestamp("us")))
        scores = batch("a", log="scores")
        scores = scores.append_column("tick_at", scores["detected_at"])
        score = pa.array([0.5])
        for one in (rows, scores):
            list(kernel.push(one.append_column("anomaly_score", score).rename_columns(names)))
        list(kernel.finish())
        return {log: found["rows_read"] for log, found in kernel.inputs.items()}

    names = ["log", "store_id", "detected_at", "tick_at", "anomaly_score"]
    for found in (counted(names), counted([name.upper() for name in names])):
        assert found == {"reports": 1, "scores": 1, "sales": 0}
    with pytest.raises(ce.DataError, match='expected one column "log", found 2'):
        counted(["LOG", "store_id", "detected_at", "tick_at", "Log"])
