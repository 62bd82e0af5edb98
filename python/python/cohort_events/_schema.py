"""Checks a value against a JSON Schema, as far as the schema of the run manifest goes.

It knows the keywords that this schema uses, and no others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, TypeAlias

Schema: TypeAlias = Mapping[str, Any]
#: The types, and how messages call them.
TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "object": ((dict,), "an object"),
    "string": ((str,), "a string"),
    "number": ((int, float), "a number"),
    "boolean": ((bool,), "true or false"),
}
#: How much of a value a message shows.
SHOWN_MAX = 60


def faults(schema: Schema, value: Any) -> Iterator[str]:
    """Yield what is wrong with a value, each with the path of its key."""
    yield from _faults(schema, value, "", schema)


def _faults(schema: Schema, value: Any, at: str, root: Schema) -> Iterator[str]:
    if "$ref" in schema:
        yield from _faults(root["$defs"][schema["$ref"].rpartition("/")[2]], value, at, root)
    place = at or "the top level"
    if "type" in schema and not _is(schema["type"], value):
        kind = TYPES[schema["type"]][1]
        yield f"{place}: expected {kind}, found {shown(value)}; correct the value"
        return
    if not _fits(schema, value, root):
        yield f"{place}: expected {_wanted(schema)}, found {shown(value)}; correct the value"
    if isinstance(value, dict):
        yield from _faults_of_keys(schema, value, at, root)


def _faults_of_keys(schema: Schema, value: Any, at: str, root: Schema) -> Iterator[str]:
    place, known = at or "the top level", schema.get("properties", {})
    for key in value.keys() - known.keys():
        near = get_close_matches(key, known, 1, 0.0)
        advice = f"; did you mean {json.dumps(near[0])}?" if near else ""
        yield f"{place}: expected a known key, found {shown(key)}{advice}"
    for key in schema.get("required", ()):
        if key not in value:
            yield f"{place}: expected the key {json.dumps(key)}, found none; add it"
    for key, of_key in known.items():
        if key in value:
            yield from _faults(of_key, value[key], f"{at}.{key}" if at else key, root)


def _is(kind: str, value: Any) -> bool:
    # Python takes true for 1.
    return isinstance(value, TYPES[kind][0]) and (kind == "boolean" or not isinstance(value, bool))


def _fits(schema: Schema, value: Any, root: Schema) -> bool:
    """Return whether a value fits the keywords that are about the value alone."""

    def is_one(of: Schema) -> bool:
        return not any(_faults(of, value, "", root))

    return (
        ("const" not in schema or (_is("number", value) and value == schema["const"]))
        and ("enum" not in schema or value in schema["enum"])
        and ("pattern" not in schema or _matches(schema["pattern"], value))
        and ("minLength" not in schema or len(value) >= schema["minLength"])
        and ("minimum" not in schema or value >= schema["minimum"])
        and ("maximum" not in schema or value <= schema["maximum"])
        and all(map(is_one, schema.get("allOf", ())))
        and ("anyOf" not in schema or any(map(is_one, schema["anyOf"])))
        and ("not" not in schema or not is_one(schema["not"]))
    )


def _matches(pattern: str, text: str) -> bool:
    # Python's `$` matches before a line feed at the end, and its `\d` digits of every script.
    return re.search(pattern.replace("$", r"\Z"), text, re.ASCII) is not None


def _wanted(schema: Schema) -> str:
    """Return what a schema wants, in its own words."""
    for keyword in ("const", "enum"):
        if keyword in schema:
            return json.dumps(schema[keyword])
    if "minimum" in schema:
        return f"a number from {schema['minimum']} to {schema['maximum']}"
    about = str(schema.get("description", "")).rstrip(".")
    about = about[:1].lower() + about[1:]
    pattern = schema.get("pattern", "")
    return f"{about} ({pattern})" if 0 < len(pattern) < SHOWN_MAX else about


def shown(value: Any) -> str:
    """Return a value as a message shows it."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}..."
