"""Checks that the imports within each Python folder form no circle.

    python circles.py FOLDER ...

Imports inside functions count, too: they are circles that show only when a function is called.
"""

from __future__ import annotations

import ast
import graphlib
import sys
from collections.abc import Callable
from pathlib import Path


def imported(source: str) -> set[str]:
    """Return the names of everything that a module may import: modules, and members of them."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def graph(folder: Path) -> dict[str, set[str]]:
    """Return the modules below a folder that each of them imports."""
    files = {
        ".".join(path.relative_to(folder).with_suffix("").parts): path
        for path in sorted(folder.rglob("*.py"))
    }
    return {
        name: {other for other in imported(path.read_text()) if other in files and other != name}
        for name, path in files.items()
    }


def circle(edges: dict[str, set[str]]) -> list[str]:
    """Return the names of one circle, the first again at the end, or nothing."""
    try:
        graphlib.TopologicalSorter(edges).prepare()
    except graphlib.CycleError as error:
        found: list[str] = error.args[1]
        return found
    return []


def check(graph_of: Callable[[Path], dict[str, set[str]]]) -> None:
    """Print one circle for each named folder that has any, and exit with 1 if there is one."""
    folders = [Path(name) for name in sys.argv[1:]]
    found = {folder: names for folder in folders if (names := circle(graph_of(folder)))}
    for folder, names in found.items():
        print(f"{folder}: expected no circle, found {' <- '.join(names)}")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    check(graph)
