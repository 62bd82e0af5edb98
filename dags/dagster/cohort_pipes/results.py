"""What a Dagster run reports: the results of several partitions as one, and those of a rerun."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from cohort_pipes.request import partition_of


def merged(results: Sequence[tuple[str, Sequence[Any]]]) -> Iterator[Any]:
    """Return one result per asset and check. Those of a single partition stay as they are."""
    if len(results) == 1:
        yield from results[0][1]
        return
    yield from _materializations(results)
    yield from _checks(results)


def materializations(
    summary: Mapping[str, Any], assets: Sequence[str]
) -> list[dg.AssetMaterialization]:
    """Return what a rerun has done to each asset, from the job's summary."""
    return [
        dg.AssetMaterialization(
            asset_key=asset,
            partition=partition_of(summary["run_id"]),
            metadata={
                "run_id": summary["run_id"],
                "status": summary["status"],
                "dagster/row_count": summary["rows"][asset],
                "lineage": dg.MetadataValue.path(summary["lineage"]),
            },
        )
        for asset in assets
    ]


def _materializations(
    results: Sequence[tuple[str, Sequence[Any]]],
) -> Iterator[dg.MaterializeResult]:
    of_asset: dict[dg.AssetKey, list[tuple[str, dg.MaterializeResult]]] = {}
    for key, reported in results:
        for result in reported:
            if isinstance(result, dg.MaterializeResult):
                of_asset.setdefault(result.asset_key, []).append((key, result))
    for asset_key, days in of_asset.items():
        rows = [int(_value(result, "dagster/row_count") or 0) for _, result in days]
        table = ["| Partition | Rows | Lineage |", "|---|--:|---|"]
        for (key, result), count in zip(days, rows, strict=True):
            table.append(f"| {key} | {count} | `{_value(result, 'lineage')}` |")
        yield dg.MaterializeResult(
            asset_key=asset_key,
            metadata={
                "dagster/row_count": sum(rows),
                "partitions": len(days),
                "by_partition": dg.MetadataValue.md("\n".join(table)),
            },
        )


def _checks(results: Sequence[tuple[str, Sequence[Any]]]) -> Iterator[dg.AssetCheckResult]:
    of_check: dict[tuple[dg.AssetKey, str], list[tuple[str, dg.AssetCheckResult]]] = {}
    for key, reported in results:
        for result in reported:
            if isinstance(result, dg.AssetCheckResult):
                check = (result.asset_key, result.check_name)
                of_check.setdefault(check, []).append((key, result))
    for (asset_key, name), days in of_check.items():
        failed = [key for key, result in days if not result.passed]
        yield dg.AssetCheckResult(
            asset_key=asset_key,
            check_name=name,
            passed=not failed,
            metadata={"partitions": len(days), "failed": ", ".join(failed) or "none"},
        )


def _value(result: dg.MaterializeResult, name: str) -> Any:
    value = (result.metadata or {}).get(name)
    return getattr(value, "value", value)
