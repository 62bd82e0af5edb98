"""The views in schemas/registry.*.sql say what `cohort registry` says, without merges."""

from __future__ import annotations

import json
import random
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from committed import BINARY, LOGS, ROOT, Committed
from test_ddl import statements

EDITS = "user_minority_events_edits_log"
COLUMNS = ("edit_id", "event_id", "field", "new_value", "edited_by", "edited_at", "reason")
#: What the views do not have, and what only merges change.
WITHOUT = {
    *("merged_into", "merged_from", "trail", "unapplied", "conflicts", "undetermined"),
    *("own_impact_estimate", "own_attributed_sales_total", "own_baseline_sales_total"),
}
VALUES: dict[str, tuple[str | None, ...]] = {
    "verdict": ("confirmed", "duplicate", "Confirmed", None),
    "review_status": ("open", "resolved", ""),
    "note": ("a | b", "", None),
    "cohort_name": ("Sale \u202e", None),
    "proposed_cause": ("Promotion", None),
    "suppressed_until": (
        "2025-02-01T00:00:00Z",
        "2025-03-01T12:30:00+02:00",
        "2025-03-02t12:30:00.5z",
        "2025-03-03 12:30:00-17:00",
        "2025-03-04T12:30Z",
        "2025-03-04T24:00:00Z",
        "2025-03-04T00:00:00+0100",
        "9999-12-31T23:59:59-01:00",
        "tomorrow",
        None,
    ),
    "severity_score": ("1",),
    "revert": (),
}


def edits(events: list[str], seed: int) -> pa.Table:
    """Edits of a few events, many of which do not apply, some twice."""
    dice = random.Random(seed)
    rows = []
    for number in range(300):
        field = dice.choice([*VALUES, "revert", "revert"])
        known = [f"e{other}" for other in range(number)] or ["e0"]
        value = dice.choice(known[-12:] if field == "revert" else VALUES[field])
        at = datetime(2025, 1, 2, tzinfo=UTC) + timedelta(minutes=number // 3)
        event = dice.choice([*events[:4], *events[-4:], "0" * 64])
        row = [f"e{number}", event, field, value, "ann", at, dice.choice(["why", None])]
        if dice.random() < 0.1:
            row[dice.randrange(6)] = None
        rows.append(row)
        if dice.random() < 0.1:
            rows.append(list(row))
        if dice.random() < 0.1:
            rows.append([row[0], *dice.choice(rows)[1:]])
    dice.shuffle(rows)
    kinds = [pa.timestamp("us", "UTC") if c == "edited_at" else pa.string() for c in COLUMNS]
    columns = [
        pa.array(values, kind) for values, kind in zip(zip(*rows, strict=True), kinds, strict=True)
    ]
    return pa.table(columns, names=list(COLUMNS))


@pytest.fixture(scope="module", params=[1, 2])
def edited(
    folder: Committed, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, pa.Table]:
    """An edits log over the committed runs, and what the command says of them."""
    place = tmp_path_factory.mktemp("edits")
    manifest = json.loads(Path(folder.manifest).read_text(encoding="utf-8"))
    for part in ("inputs", "outputs"):
        for name, value in manifest[part].items():
            uri = value["uri"] if part == "inputs" else value
            uri = uri if uri.startswith("/") else f"{folder.place}/{uri}"
            manifest[part][name] = {**value, "uri": uri} if part == "inputs" else uri
    manifest.pop("demo_run_config", None)
    log = place / EDITS
    log.mkdir()
    manifest["inputs"][EDITS] = {"uri": f"{log}/"}
    # What the logs leave open and the baseline log shows is null in the views.
    del manifest["inputs"]["baseline_sales_model_prediction_log"]
    (place / "manifest.json").write_text(json.dumps(manifest))
    events = pq.ParquetFile(folder.parts("minority_event_log")[-1]).read(["event_id"])
    table = edits(events["event_id"].to_pylist(), request.param)
    pq.write_table(table.slice(0, 50), log / "a.parquet")
    pq.write_table(table.slice(50), log / "b.parquet")
    return place, registry(place)


def registry(place: Path) -> pa.Table:
    """What the command says."""
    command = [BINARY, "registry", "--manifest", str(place / "manifest.json"), "--as", "parquet"]
    done = subprocess.run(command, capture_output=True, check=True)
    table = pq.read_table(pa.BufferReader(done.stdout))
    return in_order(table.select([c for c in table.column_names if c not in WITHOUT]))


def in_order(table: pa.Table) -> pa.Table:
    return table.sort_by("event_id")


def view(engine: str, place: Path) -> list[str]:
    """The page's statements, for the edits in a folder."""
    text = (ROOT / "schemas" / f"registry.{engine}.sql").read_text()
    text = text.replace("s3://lake/", f"{place}/")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    return [statement for statement in "\n".join(lines).split(";") if statement.strip()]


def assert_same(found: pa.Table, said: pa.Table) -> None:
    found = in_order(found.select(said.column_names).cast(said.schema))
    for column in said.column_names:
        pairs = zip(found[column].to_pylist(), said[column].to_pylist(), strict=True)
        assert [pair for pair in pairs if pair[0] != pair[1]] == [], column


def test_the_edits_and_the_runs_are_such_that_the_views_have_something_to_say(
    edited: tuple[Path, pa.Table],
) -> None:
    said = edited[1]
    assert {"active", "ended"} <= set(said["event_status"].to_pylist())
    for column in ("verdict", "note", "review_status", "suppressed_until"):
        assert said[column].null_count < said.num_rows, column
    assert said["cohort_name"].to_pylist() != said["machine_cohort_name"].to_pylist()


def test_duckdbs_view_says_what_the_command_says(
    folder: Committed, edited: tuple[Path, pa.Table]
) -> None:
    place, said = edited
    connection = duckdb.connect()
    for statement in [*statements("duckdb", folder.place), *view("duckdb", place)]:
        connection.execute(statement)
    assert_same(connection.table("registry").to_arrow_table(), said)


def test_sparks_view_says_what_the_command_says(
    folder: Committed, edited: tuple[Path, pa.Table], spark: Any
) -> None:
    place, said = edited
    # Other tests of this session make the same tables, which hold no data of their own.
    drops = [f"DROP TABLE IF EXISTS {log}" for log in LOGS]
    for statement in [*drops, *statements("spark", folder.place), *view("spark", place)]:
        spark.sql(statement)
    assert_same(spark.table("registry").toArrow(), said)
    for drop in drops:
        spark.sql(drop)


def test_athenas_page_has_the_columns_of_the_command(edited: tuple[Path, pa.Table]) -> None:
    text = (ROOT / "schemas" / "registry.athena.sql").read_text()
    _, _, last = text.rpartition("\n)\nSELECT ")
    assert set(edited[1].column_names) <= set(re.findall(r"\w+", last))
