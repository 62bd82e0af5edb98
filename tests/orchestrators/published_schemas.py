"""The published OpenLineage schemas, for holding events against them."""

from __future__ import annotations

import json
import os
from pathlib import Path


def check_schemas(events: list[dict]) -> None:
    """Hold events against the published schemas, where an environment variable says they are."""
    folder = os.environ.get("COHORT_OPENLINEAGE_SCHEMAS")
    if not folder:
        print("the schemas were not checked: COHORT_OPENLINEAGE_SCHEMAS names no folder")
        return
    import jsonschema
    import referencing

    files = [Path(folder, "OpenLineage.json"), *Path(folder, "facets").glob("*.json")]
    schemas = [json.loads(file.read_text()) for file in files]
    resources = [referencing.Resource.from_contents(schema) for schema in schemas]
    registry = referencing.Registry().with_resources((r.id(), r) for r in resources)
    for event in events:
        found = [(event["schemaURL"], event)]
        pending = [event]
        while pending:
            value = pending.pop()
            children = value.values() if isinstance(value, dict) else value
            pending += [child for child in children if isinstance(child, dict | list)]
            if isinstance(value, dict) and "_schemaURL" in value:
                found.append((value["_schemaURL"], value))
        for url, value in found:
            jsonschema.Draft202012Validator({"$ref": url}, registry=registry).validate(value)
