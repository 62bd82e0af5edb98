"""Writes the software bill of materials of the binary that ships, as CycloneDX 1.6 in JSON.

    python docker/sbom.py FILE

It lists what Cargo.lock pins and the build for this machine's kind takes: what is linked into the
binary, and, with the scope `excluded`, what only builds it. The same commit gives the same bytes:
it holds no clock, no path and no name of the machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
import uuid
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def output_of(*command: str) -> str:
    """Return what a command prints."""
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout


def reached(metadata: dict[str, Any], kinds: set[str | None]) -> set[str]:
    """Return the ids of the packages that the binary depends on by these kinds of dependency."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    found: set[str] = set()
    ahead = [metadata["resolve"]["root"]]
    while ahead:
        package = ahead.pop()
        if package in found:
            continue
        found.add(package)
        ahead += [
            dependency["pkg"]
            for dependency in nodes[package]["deps"]
            if kinds & {kind["kind"] for kind in dependency["dep_kinds"]}
        ]
    return found


def macros(metadata: dict[str, Any]) -> set[str]:
    """Return the ids of the packages that only the compiler runs."""
    return {
        package["id"]
        for package in metadata["packages"]
        if any("proc-macro" in target["kind"] for target in package["targets"])
    }


def checksums() -> dict[str, str]:
    """Return the digest of each package that Cargo.lock pins."""
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text(encoding="utf-8"))
    return {purl(one): one["checksum"] for one in lock["package"] if "checksum" in one}


def purl(package: dict[str, Any]) -> str:
    """Return the package's name in all bills of materials."""
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package: dict[str, Any], digest: str | None, *, linked: bool) -> dict[str, Any]:
    """Return one entry of the bill."""
    entry: dict[str, Any] = {
        "type": "library",
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "scope": "required" if linked else "excluded",
        "purl": purl(package),
    }
    if package["license"]:
        # Old packages write a slash for `OR`.
        expression = package["license"].replace("/", " OR ").replace("  ", " ")
        entry["licenses"] = [{"expression": expression}]
    if digest:
        entry["hashes"] = [{"alg": "SHA-256", "content": digest}]
    return entry


def bill() -> dict[str, Any]:
    """Return the whole bill."""
    rustc = output_of("rustc", "-vV")
    (host,) = (line[6:] for line in rustc.splitlines() if line.startswith("host: "))
    metadata = json.loads(
        output_of(
            "cargo", "metadata", "--format-version=1", "--locked", f"--filter-platform={host}"
        )
    )
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = metadata["resolve"]["root"]
    built = reached(metadata, {None, "build"})
    linked = reached(metadata, {None}) - macros(metadata)
    digests = checksums()
    order = sorted(built, key=lambda key: purl(packages[key]))
    components = [
        component(packages[key], digests.get(purl(packages[key])), linked=key in linked)
        for key in order
        if key != root
    ]
    dependencies = [
        {
            "ref": purl(packages[key]),
            "dependsOn": sorted({
                purl(packages[other["pkg"]])
                for other in nodes[key]["deps"]
                if other["pkg"] in built
            }),
        }
        for key in order
    ]
    application = component(packages[root], None, linked=True) | {"type": "application"}
    content: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": application},
        "components": components,
        "dependencies": dependencies,
    }
    number = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(content, sort_keys=True))
    return content | {"serialNumber": number.urn}


def main() -> None:
    """Write the bill to the file that the command line names."""
    Path(sys.argv[1]).write_text(json.dumps(bill(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
