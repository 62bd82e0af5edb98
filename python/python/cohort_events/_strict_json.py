"""JSON that names each key once, and may have comments (SPEC 10). Nothing else of its dialects."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

#: The longest text that is read.
BYTES_MAX = 4 << 20
STRING_OR_COMMENT = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
#: A half of a pair, which is no character and cannot be written.
SURROGATE = re.compile(r"[\ud800-\udfff]")


def value(content: bytes) -> Any:
    """Return the one value of a text in UTF-8, which may begin with a byte order mark.

    Raises:
        ValueError: It is none, with what was found.
    """
    if len(content) > BYTES_MAX:
        raise ValueError(f"{len(content)} bytes, more than the {BYTES_MAX} that are read")
    try:
        text = content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise ValueError(f"a byte that is not UTF-8 at offset {error.start}") from None
    try:
        read = json.loads(
            STRING_OR_COMMENT.sub(_blank, text),
            object_pairs_hook=_object,
            parse_constant=_no_number,
            parse_float=_number,
        )
    except RecursionError:
        raise ValueError("values that are nested too deeply") from None
    if SURROGATE.search(json.dumps(read, ensure_ascii=False)):
        raise ValueError("half of a surrogate pair")
    return read


def _blank(found: re.Match[str]) -> str:
    """Return a blank for each character of a comment, so that all else keeps its place."""
    text = found.group()
    return text if text.startswith('"') else re.sub(r"[^\n]", " ", text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {json.dumps(twice)} twice in one object")
    return read


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text}, which is no number of JSON")


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text}, which is out of range")
    return number
