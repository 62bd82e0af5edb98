"""The published OpenLineage schemas, against which events are checked."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import referencing

from printed import ROOT

FOLDER = ROOT / "tests" / "openlineage"


def check_schemas(events: list[dict[str, Any]]) -> None:
    """Check each event, and each facet in it, against the schema that it names."""
    files = [FOLDER / "OpenLineage.json", *(FOLDER / "facets").glob("*.json")]
    schemas = [json.loads(file.read_text()) for file in files]
    registry = referencing.Registry().with_resources(
        (schema["$id"], referencing.Resource.from_contents(schema)) for schema in schemas
    )
    for event in events:
        found = [(event["schemaURL"], event)]
        pending: list[Any] = [event]
        while pending:
            value = pending.pop()
            children = value.values() if isinstance(value, dict) else value
            pending += [child for child in children if isinstance(child, dict | list)]
            if isinstance(value, dict) and "_schemaURL" in value:
                found.append((value["_schemaURL"], value))
        for url, value in found:
            jsonschema.Draft202012Validator({"$ref": url}, registry=registry).validate(value)
