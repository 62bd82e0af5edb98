"""Random forms of one table as pyarrow writes it: types, encodings, codecs, pages."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from forms_lake import AMOUNT, DATE, DOUBLE, ID, INSTANT, KINDS, LIST, TEXT

INTEGERS = [
    pa.int16(),
    pa.int32(),
    pa.int64(),
    pa.uint16(),
    pa.uint32(),
    pa.uint64(),
]
FLOATS = [pa.float32(), pa.float64()]
TEXTS = [
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.binary(),
    pa.large_binary(),
    pa.binary_view(),
    pa.dictionary(pa.int16(), pa.string()),
    pa.dictionary(pa.int16(), pa.string()),
    pa.dictionary(pa.uint16(), pa.large_string()),
    pa.dictionary(pa.int32(), pa.binary()),
]
WHOLE = [pa.decimal32(7, 0), pa.decimal64(15, 0), pa.decimal128(9, 0), pa.decimal128(38, 0)]
INSTANTS = [
    pa.timestamp(unit, zone)
    for unit in ("s", "ms", "us", "ns")
    for zone in (None, "UTC", "America/New_York", "+02:00")
]
TYPES: dict[str, list[pa.DataType]] = {
    TEXT: TEXTS,
    ID: [*TEXTS, *INTEGERS, *WHOLE, pa.decimal256(40, 0), pa.dictionary(pa.int16(), pa.int64())],
    INSTANT: [*INSTANTS, pa.dictionary(pa.int16(), pa.timestamp("us", "UTC"))],
    DATE: [*INSTANTS, pa.date32(), pa.date64(), pa.dictionary(pa.int8(), pa.timestamp("ns"))],
    DOUBLE: [*FLOATS, pa.float16(), pa.int16(), pa.int32(), pa.int64()],
    AMOUNT: [
        *FLOATS,
        *INTEGERS,
        pa.decimal32(9, 2),
        pa.decimal64(18, 6),
        pa.decimal128(9, 1),
        pa.decimal128(18, 2),
        pa.decimal128(38, 10),
        pa.decimal256(60, 8),
    ],
    LIST: [
        pa.list_(pa.float64()),
        pa.list_(pa.float32()),
        pa.list_(pa.float16()),
        pa.large_list(pa.float64()),
        pa.list_(pa.field("item", pa.float64(), nullable=False)),
        pa.list_(pa.float64(), 3),
        pa.list_view(pa.float64()),
        pa.large_list_view(pa.float32()),
    ],
}
#: The encodings that pyarrow writes by physical type.
ENCODINGS = {
    "bytes": ["PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"],
    "integer": ["PLAIN", "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"],
    "float": ["PLAIN", "BYTE_STREAM_SPLIT"],
    "fixed": ["PLAIN", "BYTE_STREAM_SPLIT", "DELTA_BYTE_ARRAY"],
}


def _in_dictionary(column: pa.ChunkedArray, to: pa.DataType) -> pa.ChunkedArray:
    values = cast(column, to.value_type).dictionary_encode()
    try:
        return values.cast(to)
    except pa.ArrowNotImplementedError:
        return values


def cast(column: pa.ChunkedArray, to: pa.DataType) -> pa.ChunkedArray:
    """The column in another type."""
    if pa.types.is_dictionary(to):
        return _in_dictionary(column, to)
    if pa.types.is_list(column.type):
        return pa.chunked_array([pa.array(column.to_pylist(), to)])
    if pa.types.is_string(column.type) and pa.types.is_decimal(to):
        column = column.cast(pa.int64()).cast(pa.decimal128(38, 0))
    elif pa.types.is_timestamp(column.type) and getattr(to, "tz", None) is None:
        column = column.cast(pa.timestamp("us"))
    elif pa.types.is_float16(to):
        column = column.cast(pa.float32())
    return column.cast(to)


def _encodings(kind: pa.DataType) -> list[str]:
    if pa.types.is_dictionary(kind):
        return []
    if pa.types.is_binary(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return ENCODINGS["bytes"]
    if pa.types.is_integer(kind) or pa.types.is_timestamp(kind):
        return ENCODINGS["integer"]
    if pa.types.is_floating(kind) and not pa.types.is_float16(kind):
        return ENCODINGS["float"]
    return ["PLAIN"]


def random_form(seed: int) -> tuple[dict[str, Any], Any]:
    """A description of a random form, and the form."""
    rng = random.Random(seed)
    types = {name: rng.choice(TYPES[kind]) for name, kind in KINDS.items()}
    int96 = rng.random() < 0.15
    dictionary = rng.random() < 0.6
    encodings: dict[str, str] = {}
    if not dictionary and rng.random() < 0.7 and not int96:
        for name, kind in types.items():
            choices = _encodings(kind)
            if choices and KINDS[name] != LIST:
                encodings[name] = rng.choice(choices)
    settings: dict[str, Any] = {
        "compression": rng.choice(["none", "snappy", "gzip", "brotli", "lz4", "zstd"]),
        "data_page_version": rng.choice(["1.0", "2.0"]),
        "data_page_size": rng.choice([50, 1000, 1 << 20]),
        "write_batch_size": rng.choice([1, 7, 100, 1024]),
        "row_group_size": rng.choice([13, 100, 1 << 20]),
        "write_statistics": rng.random() < 0.7,
        "write_page_index": rng.random() < 0.5,
        "write_page_checksum": rng.random() < 0.3,
        "store_schema": rng.random() < 0.5,
        "use_dictionary": dictionary,
        "dictionary_pagesize_limit": rng.choice([10, 100, 1 << 20]),
        "store_decimal_as_integer": rng.random() < 0.5,
        "use_compliant_nested_type": rng.random() < 0.5,
        "version": rng.choice(["1.0", "2.4", "2.6"]),
    }
    if int96:
        settings["use_deprecated_int96_timestamps"] = True
    if settings["version"] == "1.0" or not settings["store_schema"]:
        # Older versions and files without the hint have no such units and types.
        settings["allow_truncated_timestamps"] = True
    required = rng.random() < 0.3

    def form(table: pa.Table, folder: Path) -> None:
        columns, fields = [], []
        for name in table.column_names:
            column = cast(table[name], types[name])
            nullable = column.null_count > 0 or not required
            columns.append(column)
            fields.append(pa.field(name, column.type, nullable))
        order = rng.sample(range(len(fields)), len(fields))
        shuffled = pa.table([columns[i] for i in order], pa.schema([fields[i] for i in order]))
        own = {name: how for name, how in encodings.items() if name in shuffled.column_names}
        extra = {"column_encoding": own} if own else {}
        pq.write_table(shuffled, folder / "part-0.parquet", **settings, **extra)

    described = {"types": {name: str(kind) for name, kind in types.items()}, **settings}
    return {**described, "encodings": encodings, "required": required, "int96": int96}, form
