"""Checks the bill of materials: valid CycloneDX, the same each time, complete, and of no machine.

python bill.py
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator


def bill() -> str:
    """Return what docker/sbom.py writes."""
    with tempfile.TemporaryDirectory() as folder:
        file, roots = Path(folder) / "sbom.cdx.json", Path(folder) / "roots.pem"
        roots.write_text("roots")
        subprocess.run([sys.executable, "docker/sbom.py", str(file), str(roots)], check=True)
        return file.read_text()


def main() -> None:
    """Exit with what is wrong, if anything is."""
    text = bill()
    if text != bill():
        sys.exit("docker/sbom.py: expected the same bytes each time, found others")
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if wrong is not None:
        sys.exit(f"docker/sbom.py: expected valid CycloneDX 1.6, found {wrong}")
    for path in (str(Path.cwd()), str(Path.home()), os.uname().nodename):
        if path in text:
            sys.exit(f"docker/sbom.py: expected nothing of this machine, found {path}")
    lock = tomllib.loads(Path("Cargo.lock").read_text(encoding="utf-8"))
    pinned = {package["name"] for package in lock["package"]}
    listed = json.loads(text)["components"]
    others = {component["name"] for component in listed} - pinned
    libraries = {"rust-std", "glibc", "libgcc"}
    if others != libraries | {"echarts", "ca-certificates"}:
        sys.exit(f"docker/sbom.py: expected crates and what else ships, found others: {others}")
    unhashed = {one["name"] for one in listed if "hashes" not in one}
    if unhashed != libraries | {"cohort-core"}:
        sys.exit(f"docker/sbom.py: expected a digest for each package, found none for {unhashed}")


if __name__ == "__main__":
    main()
