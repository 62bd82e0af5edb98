"""URIs of objects and of prefixes, taken literally: a `%` in a path is a `%` (SPEC 13)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
#: The longest name of a folder on local disk, and the longest key of one on S3, in bytes.
NAME_BYTES_MAX, KEY_BYTES_MAX = 255, 944


def argument(text: str) -> str:
    """Return the URI of a path or URI on the command line."""
    return resolved(f"file://{Path.cwd()}/", text)


def resolved(base: str, text: str) -> str:
    """Return a URI, which may be relative to the folder of another.

    Raises:
        ValueError: It is none that the job can use.
    """
    if "://" not in text:
        text = f"file://{text}" if text.startswith("/") else _beside(base, text)
    scheme, _, path = text.partition("://")
    if scheme == "file" and path.startswith("/"):
        text = f"file://{_normal(path)}"
    elif scheme == "s3" and path.partition("/")[0]:
        bucket, _, key = path.partition("/")
        text = f"s3://{bucket}/{key}"
    else:
        raise ValueError(f"expected s3://bucket/path, file:///path or a path, found {text!r}")
    if CONTROL.search(text):
        raise ValueError(f"expected a URI or a path without control characters, found {text!r}")
    return text


def _beside(base: str, text: str) -> str:
    """Return the URI of a relative path that starts at the folder of another URI."""
    scheme, _, path = base.partition("://")
    root, _, folder = path.rpartition("/")[0].partition("/")
    return f"{scheme}://{root}{_normal(f'/{folder}/{text}')}"


def prefix(uri: str) -> str:
    """Return the URI of all that lies below a place."""
    return uri if uri.endswith("/") else f"{uri}/"


def local(uri: str) -> Path | None:
    """Return the path of a place on local disk; `None` if it is elsewhere."""
    return Path(uri.removeprefix("file://")) if uri.startswith("file:///") else None


def _normal(path: str) -> str:
    """Return an absolute path without `.`, `..` and doubled slashes; one at its end stays."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in {"", "."}:
            parts.append(part)
    tail = "/" if path.endswith("/") and parts else ""
    return f"/{'/'.join(parts)}{tail}"


def segment(run_id: str) -> str:
    """Return the name of a run's folder, as Hive-style readers decode it."""
    return "run=" + re.sub(r"[^A-Za-z0-9._-]", lambda c: f"%{ord(c.group()):02X}", run_id)


def too_long(uri: str, run_id: str) -> str | None:
    """Return why the storage of an output cannot hold a run's folder."""
    name = segment(run_id)
    if local(uri) is not None:
        length, most, of = len(name), NAME_BYTES_MAX, "name"
    else:
        key = f"{uri}{name}/".removeprefix("s3://").partition("/")[2]
        length, most, of = len(key.encode()), KEY_BYTES_MAX, "key"
    if length <= most:
        return None
    return f"expected a folder whose {of} has at most {most} bytes, found {length} in {name}"


def overlap(inputs: Mapping[str, str], outputs: Mapping[str, str]) -> str | None:
    """Return which output is not a place of its own.

    The next run would read an output inside an input as input. An output inside another would show
    up in its listings. An input below an output's `run=` folders would be deleted as a leftover.
    """
    seen: dict[str, str] = {}
    for output, uri in outputs.items():
        others = [(f"outputs.{name}", other, "") for name, other in seen.items()]
        others += [(f"inputs.{name}", other, "run=") for name, other in inputs.items()]
        for name, other, below in others:
            if uri.startswith(other):
                relation = "the same as" if uri == other else "inside"
            elif other.startswith(uri + below):
                relation = "around"
            else:
                continue
            return (
                f"outputs.{output}: expected a place of its own, found {uri}, which is {relation} "
                f"{name} ({other}); choose another URI"
            )
        seen[output] = uri
    return None
