"""The lines of code that the README prints for each reader, run as they are printed."""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa

from committed import ROOT

HEADING = "### Reading the two logs"
#: What a line of the README begins with before it; `spark` and `ctx` are sessions.
IMPORTS = {
    "pandas": "import pandas as pd",
    "pyarrow": "import pyarrow.dataset as ds",
    "Polars": "import polars as pl",
    "DuckDB": "import duckdb",
    "DataFusion": "",
    "Spark": "",
    "fastparquet": "from fastparquet import ParquetFile",
}


def section() -> str:
    """What the README says below the heading."""
    below = (ROOT / "README.md").read_text().split(f"\n{HEADING}\n")[1]
    return re.split(r"\n#{1,3} ", below)[0]


def lines() -> dict[str, str]:
    """Each reader's line."""
    return dict(re.findall(r"^\| (\w+) \| `([^`]+)` \|", section(), flags=re.MULTILINE))


def blocks(language: str) -> list[str]:
    """The blocks of code of a language."""
    return re.findall(rf"```{language}\n(.*?)```", section(), flags=re.DOTALL)


def read(reader: str, log: str, folder: str, names: dict[str, Any]) -> Any:
    """Run the reader's line for a log in a folder, or on S3, with these names over its imports."""
    line = lines()[reader]
    assert line.count("lake/minority_event_log/") == 1, line
    namespace: dict[str, Any] = {}
    exec(IMPORTS[reader], namespace)
    namespace.update(names)
    return eval(line.replace("lake/minority_event_log/", f"{folder}/{log}/"), namespace)


def to_arrow(reader: str, value: Any) -> pa.Table:
    """What a reader has read, as an Arrow table."""
    match reader:
        case "pandas" | "fastparquet":
            table = pa.Table.from_pandas(value, preserve_index=False)
            # From Python's decimals, Arrow infers the precision that these values need.
            fields = [
                field.with_type(pa.decimal128(18, field.type.scale))
                if pa.types.is_decimal(field.type)
                else field
                for field in table.schema
            ]
            return table.cast(pa.schema(fields))
        case "pyarrow":
            return value
        case "Polars":
            return value.to_arrow()
        case "DuckDB" | "DataFusion":
            return value.to_arrow_table()
        case "Spark":
            return value.toArrow()
    raise ValueError(f"{reader}: expected a reader that this function knows")


def kind(data_type: pa.DataType) -> str:
    """What the published schemas call an Arrow type."""
    types = pa.types
    texts = (types.is_string, types.is_large_string, types.is_string_view)
    if any(is_text(data_type) for is_text in texts):
        return "string"
    if types.is_list(data_type) or types.is_large_list(data_type):
        return f"list of {kind(data_type.value_type)}"
    if types.is_timestamp(data_type):
        return f"timestamp({data_type.unit}, {data_type.tz})"
    if types.is_decimal(data_type):
        return f"decimal({data_type.precision},{data_type.scale})"
    return str(data_type)
