"""Compares the job's outputs with a peer's, column by column, and shows where they first differ.

    python compare.py JOB PEER [--ignore COLUMN ...]

JOB is the folder above the job's output datasets; PEER holds mrch.parquet and melog.parquet (and
may take the place of JOB). Rows are matched by the contract's key. Every column that the peer has
is compared: its type, its nulls and its values, doubles to 1e-9, all else exactly. Exits with 1 if
the two differ.
"""

import argparse
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection, DuckDBPyRelation


@dataclass(frozen=True)
class Log:
    """A log: its name with the peers, its dataset's name, and the columns of its key."""

    name: str
    dataset: str
    key: tuple[str, ...]


LOGS = [
    Log(
        "mrch",
        "minority_reports_cohorted_log",
        ("report_group_id", "report_id", "sku", "version"),
    ),
    Log("melog", "minority_event_log", ("event_id", "version")),
]
SHOWN = 3


def relation(connection: DuckDBPyConnection, root: Path, log: Log) -> DuckDBPyRelation | None:
    """Returns the log's rows, or nothing if the job had none to write."""
    single = root / f"{log.name}.parquet"
    files = [single] if single.exists() else sorted((root / log.dataset).rglob("part-*.parquet"))
    if not files:
        return None
    paths = [str(path) for path in files]
    return connection.read_parquet(paths, hive_partitioning=False)


class Comparison:
    """Compares one log: the job's rows are the table `a`, the peer's are `b`."""

    def __init__(self, connection: DuckDBPyConnection, log: Log, ignored: Collection[str]) -> None:
        self.connection, self.log, self.ignored = connection, log, ignored
        self.differences: list[str] = []

    def examples(self, rows: DuckDBPyRelation) -> None:
        for row in rows.limit(SHOWN).project("columns(*)::varchar").fetchall():
            named = zip(rows.columns, row, strict=True)
            self.differences.append("  " + ", ".join(f"{name}={value}" for name, value in named))

    def query(self, sql: str) -> DuckDBPyRelation:
        return self.connection.sql(sql)

    def say(self, text: str) -> None:
        self.differences.append(f"{self.log.name}: {text}")

    def run(self, job: DuckDBPyRelation | None, peer: DuckDBPyRelation) -> None:
        if job is None:
            if len(peer):
                self.say(f"the job wrote no file, the peer {len(peer)} rows")
            return
        for name, rows in (("a", job), ("b", peer)):
            self.query(f"drop table if exists {name}")
            rows.create(name)
        common = self.schemas(job, peer)
        if self.keys_are_unique():
            self.only_in("the job", "a", "b")
            self.only_in("the peer", "b", "a")
            for column, kind in common:
                self.values(column, kind)

    def schemas(self, job: DuckDBPyRelation, peer: DuckDBPyRelation) -> list[tuple[str, str]]:
        """Returns the columns to compare, with their types."""
        have = dict(zip(job.columns, map(str, job.types), strict=True))
        common = []
        for column, kind in zip(peer.columns, map(str, peer.types), strict=True):
            if have.get(column) != kind:
                self.say(f"{column} is {have.get(column, 'missing')}, the peer's is {kind}")
            elif column not in self.ignored:
                common.append((column, kind))
        return common

    def keys_are_unique(self) -> bool:
        key = ", ".join(self.log.key)
        unique = True
        for whose, table in (("job", "a"), ("peer", "b")):
            twice = self.query(f"select {key} from {table} group by all having count(*) > 1")
            if len(twice):
                self.say(f"the {whose} has {len(twice)} keys twice, such as")
                self.examples(twice)
                unique = False
        return unique

    def joined(self) -> str:
        return " and ".join(
            f"a.{column} is not distinct from b.{column}" for column in self.log.key
        )

    def only_in(self, whose: str, table: str, other: str) -> None:
        rows = self.query(
            f"select {table}.* from {table} anti join {other} on {self.joined()}"
            f" order by {', '.join(f'{table}.{column}' for column in self.log.key)}"
        )
        if len(rows):
            self.say(f"{len(rows)} rows only in {whose}, such as")
            self.examples(rows)

    def values(self, column: str, kind: str) -> None:
        same = f"a.{column} is not distinct from b.{column}"
        if kind == "DOUBLE":
            same = f"({same} or coalesce(abs(a.{column} - b.{column}) <= 1e-9, false))"
        key = ", ".join(f"a.{name}" for name in self.log.key)
        rows = self.query(
            f"select a.{column} as job, b.{column} as peer, {key}, a.written_at"
            f" from a join b on {self.joined()} where not {same} order by {key}"
        )
        if len(rows):
            self.say(f"{column} differs in {len(rows)} rows, such as")
            self.examples(rows)


def compare(
    job: Path, peer: Path, ignored: Collection[str] = ()
) -> tuple[list[str], dict[str, int]]:
    """Returns the lines that say how the two differ, and the number of rows compared by log."""
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'; set threads = 2")
    differences: list[str] = []
    rows: dict[str, int] = {}
    for log in LOGS:
        comparison = Comparison(connection, log, ignored)
        peers = relation(connection, peer, log)
        if peers is None:
            sys.exit(f"{peer}: expected the peer's {log.name}.parquet there, found none")
        comparison.run(relation(connection, job, log), peers)
        differences += comparison.differences
        rows[log.name] = len(peers)
    return differences, rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("job", type=Path)
    parser.add_argument("peer", type=Path)
    parser.add_argument("--ignore", nargs="*", default=[])
    args = parser.parse_args()
    differences, rows = compare(args.job, args.peer, args.ignore)
    print(
        "\n".join(differences) or f"equal: {rows['mrch']:,} MRCH and {rows['melog']:,} MELOG rows"
    )
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
