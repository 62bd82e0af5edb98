"""Writes the software bill of materials of the binary that ships, as CycloneDX 1.6 in JSON.

    python docker/sbom.py FILE [ROOTS]

It lists what Cargo.lock pins and the build for this machine's kind takes: what is linked into the
binary, and, with the scope `excluded`, what only builds it. To these it adds what ships and is no
crate: Rust's standard library, the C libraries that are linked statically, the charting library,
and the certificate roots in the file ROOTS, if the bill is that of an image. The same commit, built
with the same toolchain, gives the same bytes: it holds no clock, no path and no name of the
machine.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
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


def no_crate(
    name: str, version: str, expression: str, purl: str, digest: str | None = None
) -> dict[str, Any]:
    """Return the entry of something that ships and is no crate."""
    entry: dict[str, Any] = {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "scope": "required",
        "purl": purl,
        "licenses": [{"expression": expression}],
    }
    if digest:
        entry["hashes"] = [{"alg": "SHA-256", "content": digest}]
    return entry


def version_of(package: str, otherwise: str) -> str:
    """Return the version of a package of Debian's, or another one where there are none."""
    if shutil.which("dpkg-query") is None:
        return otherwise
    asked = ("dpkg-query", "-W", "-f=${Version}\n", package)
    done = subprocess.run(asked, check=False, capture_output=True, text=True)
    return done.stdout.split("\n")[0] or otherwise


def charts() -> dict[str, Any]:
    """Return the charting library that the build script takes out of a crate."""
    script = (ROOT / "build.rs").read_text(encoding="utf-8")
    found = re.search(r"echarts-([\d.]+)\.min\.js.*?SCRIPT_SHA256: &str = \"(\w+)\"", script, re.S)
    if found is None:
        sys.exit("build.rs: expected the version of ECharts and its SHA-256, found neither")
    version, digest = found.groups()
    return no_crate("echarts", version, "Apache-2.0", f"pkg:npm/echarts@{version}", digest)


def shipped(rustc: dict[str, str], roots: Path | None) -> list[dict[str, Any]]:
    """Return what ships and is no crate."""
    rust = rustc["release"]
    found = [
        no_crate("rust-std", rust, "MIT OR Apache-2.0", f"pkg:generic/rust-std@{rust}"),
        charts(),
    ]
    if rustc["host"].endswith("-gnu"):
        glibc = version_of("libc6-dev", output_of("getconf", "GNU_LIBC_VERSION").split()[-1])
        gcc = output_of("cc", "-dumpfullversion").strip()
        exception = "GPL-3.0-or-later WITH GCC-exception-3.1"
        found += [
            no_crate("glibc", glibc, "LGPL-2.1-or-later", f"pkg:generic/glibc@{glibc}"),
            no_crate("libgcc", gcc, exception, f"pkg:generic/libgcc@{gcc}"),
        ]
    if roots is not None:
        digest = hashlib.sha256(roots.read_bytes()).hexdigest()
        version = version_of("ca-certificates", digest[:16])
        purl = f"pkg:generic/ca-certificates@{version}"
        found.append(no_crate("ca-certificates", version, "MPL-2.0", purl, digest))
    return found


def dependencies(
    metadata: dict[str, Any], built: set[str], no_crates: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return what each entry depends on, as Cargo resolves it for the whole workspace."""
    packages = {package["id"]: purl(package) for package in metadata["packages"]}
    root = metadata["resolve"]["root"]
    others = [one["bom-ref"] for one in no_crates]
    found = [
        {
            "ref": packages[node["id"]],
            "dependsOn": sorted({
                packages[other["pkg"]] for other in node["deps"] if other["pkg"] in built
            })
            + (others if node["id"] == root else []),
        }
        for node in metadata["resolve"]["nodes"]
        if node["id"] in built
    ]
    found.sort(key=lambda one: str(one["ref"]))
    return found + [{"ref": other, "dependsOn": []} for other in others]


def bill(roots: Path | None) -> dict[str, Any]:
    """Return the whole bill."""
    lines = output_of("rustc", "-vV").splitlines()
    rustc = dict(line.split(": ", 1) for line in lines if ": " in line)
    platform = f"--filter-platform={rustc['host']}"
    metadata = json.loads(
        output_of("cargo", "metadata", "--format-version=1", "--locked", platform)
    )
    packages = {package["id"]: package for package in metadata["packages"]}
    root = metadata["resolve"]["root"]
    built = reached(metadata, {None, "build"})
    linked = reached(metadata, {None}) - macros(metadata)
    digests = checksums()
    components = [
        component(packages[key], digests.get(purl(packages[key])), linked=key in linked)
        for key in sorted(built, key=lambda key: purl(packages[key]))
        if key != root
    ]
    no_crates = shipped(rustc, roots)
    application = component(packages[root], None, linked=True) | {"type": "application"}
    content: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": application},
        "components": components + no_crates,
        "dependencies": dependencies(metadata, built, no_crates),
    }
    number = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(content, sort_keys=True))
    return content | {"serialNumber": number.urn}


def main() -> None:
    """Write the bill to the file that the command line names."""
    file, *roots = map(Path, sys.argv[1:])
    content = json.dumps(bill(roots[0] if roots else None), indent=1)
    file.write_text(content + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
