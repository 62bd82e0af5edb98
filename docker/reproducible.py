"""Makes an image of Docker reproducible: the same content gives the same digest.

    docker save IMAGE | python docker/reproducible.py SECONDS IMAGE... | docker load

Docker's builder puts the clock into every layer and into the image's description, along with the
names of its temporary containers. This takes an archive as `docker save` writes it, gives every
file and every step the time SECONDS after 1970, drops those names, and names the result IMAGE.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import sys
import tarfile
from datetime import UTC, datetime
from typing import IO, Any

#: What a step names the files by that it copied, their times and modes included.
DIGEST = re.compile(r"\b(dir|file|multi):[0-9a-f]{64}\b")


def member(name: str, content: bytes, archive: tarfile.TarFile) -> None:
    """Append a file to an archive, at no time and of no one."""
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def layer(content: bytes, seconds: int) -> bytes:
    """Return a layer whose files all have the same time and belong to root, in order of names."""
    out = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(content)) as old,
        tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as new,
    ):
        for entry in sorted(old.getmembers(), key=lambda entry: entry.name):
            body = old.extractfile(entry) if entry.isfile() else None
            entry.mtime = seconds
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = ""
            entry.pax_headers = {}
            # What the checkout's umask left open or closed makes no difference.
            entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
            new.addfile(entry, body)
    return out.getvalue()


def description(old: dict[str, Any], layers: list[bytes], seconds: int) -> dict[str, Any]:
    """Return the image's description without its builder's clock and containers."""
    created = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    config = {key: value for key, value in old["config"].items() if value and key != "Image"}
    return {
        "architecture": old["architecture"],
        "os": old["os"],
        "created": created,
        "config": config,
        "rootfs": {
            "type": "layers",
            "diff_ids": [f"sha256:{hashlib.sha256(one).hexdigest()}" for one in layers],
        },
        "history": [
            step | {"created": created, "created_by": DIGEST.sub("", step.get("created_by", ""))}
            for step in old["history"]
        ],
    }


def rewritten(archive: IO[bytes], seconds: int, names: list[str], out: IO[bytes]) -> str:
    """Write the reproducible archive, and return the digest of the image."""
    with tarfile.open(fileobj=archive) as old:

        def read(name: str) -> bytes:
            body = old.extractfile(name)
            if body is None:
                sys.exit(f"{name}: expected a file in the archive, found something else")
            return body.read()

        (image,) = json.loads(read("manifest.json"))
        layers = [layer(read(name), seconds) for name in image["Layers"]]
        told = json.dumps(
            description(json.loads(read(image["Config"])), layers, seconds), sort_keys=True
        ).encode()
    digest = hashlib.sha256(told).hexdigest()
    files = [f"{number}/layer.tar" for number in range(len(layers))]
    manifest = [{"Config": f"{digest}.json", "RepoTags": names, "Layers": files}]
    with tarfile.open(fileobj=out, mode="w|") as new:
        member(f"{digest}.json", told, new)
        for name, content in zip(files, layers, strict=True):
            member(name, content, new)
        member("manifest.json", json.dumps(manifest).encode(), new)
    return digest


def main() -> None:
    """Rewrite the archive on stdin to stdout."""
    archive = io.BytesIO(sys.stdin.buffer.read())
    rewritten(archive, int(sys.argv[1]), sys.argv[2:], sys.stdout.buffer)


if __name__ == "__main__":
    main()
