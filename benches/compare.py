"""Compares the job's outputs with a peer's, column by column, and says where they first differ.

    python compare.py JOB PEER [--ignore COLUMN ...]

JOB is the folder above the job's output datasets; PEER holds mrch.parquet and melog.parquet (and
may stand in for JOB). Rows are matched by the contract's key. Every column that the peer has is
compared: its type, its nulls and its values, doubles to 1e-9, all else exactly. Exits with 1 where
the two differ.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import duckdb


@dataclass(frozen=True)
class Log:
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


def relation(connection, root, log):
    """The log's rows; nothing where the job had none to write."""
    single = root / f"{log.name}.parquet"
    files = [single] if single.exists() else sorted((root / log.dataset).rglob("part-*.parquet"))
    if not files:
        return None
    paths = [str(path) for path in files]
    return connection.read_parquet(paths, hive_partitioning=False)


class Comparison:
    """One log of the job's, and the peer's, as the tables `a` and `b`."""

    def __init__(self, connection, log, ignored):
        self.connection, self.log, self.ignored = connection, log, ignored
        self.differences = []

    def examples(self, rows):
        for row in rows.limit(SHOWN).project("columns(*)::varchar").fetchall():
            named = zip(rows.columns, row, strict=True)
            self.differences.append("  " + ", ".join(f"{name}={value}" for name, value in named))

    def query(self, sql):
        return self.connection.sql(sql)

    def say(self, text):
        self.differences.append(f"{self.log.name}: {text}")

    def run(self, job, peer):
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

    def schemas(self, job, peer):
        """The columns to compare, with their types."""
        have = dict(zip(job.columns, map(str, job.types), strict=True))
        common = []
        for column, kind in zip(peer.columns, map(str, peer.types), strict=True):
            if have.get(column) != kind:
                self.say(f"{column} is {have.get(column, 'missing')}, the peer's is {kind}")
            elif column not in self.ignored:
                common.append((column, kind))
        return common

    def keys_are_unique(self):
        key = ", ".join(self.log.key)
        unique = True
        for whose, table in (("job", "a"), ("peer", "b")):
            twice = self.query(f"select {key} from {table} group by all having count(*) > 1")
            if len(twice):
                self.say(f"the {whose} has {len(twice)} keys twice, such as")
                self.examples(twice)
                unique = False
        return unique

    def joined(self):
        return " and ".join(
            f"a.{column} is not distinct from b.{column}" for column in self.log.key
        )

    def only_in(self, whose, table, other):
        rows = self.query(
            f"select {table}.* from {table} anti join {other} on {self.joined()}"
            f" order by {', '.join(f'{table}.{column}' for column in self.log.key)}"
        )
        if len(rows):
            self.say(f"{len(rows)} rows in {whose} alone, such as")
            self.examples(rows)

    def values(self, column, kind):
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


def compare(job, peer, ignored=()):
    """The lines that say how the two differ, and the rows compared by log."""
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'; set threads = 2")
    differences, rows = [], {}
    for log in LOGS:
        comparison = Comparison(connection, log, ignored)
        peers = relation(connection, peer, log)
        comparison.run(relation(connection, job, log), peers)
        differences += comparison.differences
        rows[log.name] = len(peers)
    return differences, rows


def main():
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
