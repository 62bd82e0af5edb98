"""Checks that the files of each Rust crate form no circle.

    python rust_circles.py FOLDER ...

A FOLDER holds a crate's lib.rs. A file depends on another if it names something defined there, by
`use` or by a path. A `pub use` only passes a name on: whoever uses that name depends on the file
that defines it, and neither of them on the file that passes it on. A file that also uses such a
name itself depends on the definer, like anybody else. Tests are left out, since they may reach
anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import circles

Names = tuple[str, ...]

#: Comments and literals. A quote may also begin a lifetime, which is no literal.
NO_CODE = re.compile(
    r'//[^\n]*|/\*.*?\*/|\bb?r(?P<marks>#*)".*?"(?P=marks)|b?"(?:\\.|[^"\\])*"'
    r"|b?'(?:\\.[^']*|[^'\\])'",
    re.DOTALL,
)
TEST_BLOCK = re.compile(
    r"^(?P<indent> *)#\[cfg\(test\)\]\n(?: *#\[[^\n]*\]\n)*(?P<head>[^\n]*)\n", re.MULTILINE
)
MODULE = re.compile(r"^(?:pub(?:\([^)]*\))? )?mod (?P<name>\w+);", re.MULTILINE)
USE = re.compile(r"^ *(?P<public>pub(?:\([^)]*\))? )?use (?P<tree>[^;]+);", re.MULTILINE)
WORD = re.compile(r"(?<![\w:])[A-Za-z_]\w*")
PATH = re.compile(r"(?<![\w:.])(?P<path>[A-Za-z_]\w*(?:::[A-Za-z_]\w*)+)")


@dataclass
class Module:
    """A file: its code, its child modules, and what each name that it imports stands for."""

    code: str
    children: set[str] = field(default_factory=set)
    imports: dict[str, Names] = field(default_factory=dict)
    #: The imports that make it depend on others: not a name that it only passes on.
    own: set[str] = field(default_factory=set)


def without_tests(code: str) -> str:
    """Return formatted code without the items that are compiled for tests only."""
    while found := TEST_BLOCK.search(code):
        end = found.end()
        if found["head"].endswith("{"):
            closing = f"\n{found['indent']}}}"
            end = code.index(closing, end - 1) + len(closing)
        code = code[: found.start()] + code[end:]
    return code


def leaves(tree: str) -> Iterator[tuple[Names, str]]:
    """Yield each path that a `use` brings in, and the name that it has from then on."""
    tree = tree.strip()
    if found := re.fullmatch(r"((?:\w+::)*)\{(.*)\}", tree, re.DOTALL):
        prefix = tuple(filter(None, found[1].split("::")))
        depth, begin, inner = 0, 0, found[2] + ","
        for at, character in enumerate(inner):
            depth += (character == "{") - (character == "}")
            if character == "," and depth == 0:
                if part := inner[begin:at].strip():
                    for names, name in leaves(part):
                        whole = prefix + names
                        yield (prefix, prefix[-1]) if names == ("self",) else (whole, name)
                begin = at + 1
        return
    path, _, alias = tree.partition(" as ")
    whole = tuple(path.split("::"))
    yield whole, alias or whole[-1]


def crate(folder: Path) -> dict[Names, Module]:
    """Return the modules of a crate by their path, without those that are for tests only."""
    modules: dict[Names, Module] = {}
    waiting: list[tuple[Names, Path]] = [((), folder / "lib.rs")]
    while waiting:
        path, file = waiting.pop()
        code = without_tests(NO_CODE.sub(" ", file.read_text(encoding="utf-8")))
        module = modules[path] = Module(code)
        within = file.parent if file.name in {"lib.rs", "mod.rs"} else file.with_suffix("")
        for found in MODULE.finditer(code):
            name = found["name"]
            module.children.add(name)
            flat = within / f"{name}.rs"
            waiting.append(((*path, name), flat if flat.exists() else within / name / "mod.rs"))
        used = set(WORD.findall(USE.sub("", code)))
        for found in USE.finditer(code):
            for names, name in leaves(found["tree"]):
                module.imports[name] = names
                if not found["public"] or name in used:
                    module.own.add(name)
    return modules


def absolute(modules: dict[Names, Module], at: Names, path: Names) -> Names | None:
    """Return a path from the crate's root as seen from a module, or nothing for other crates."""
    first, rest = path[0], path[1:]
    if first == "crate":
        return rest
    if first == "self":
        return at + rest
    if first == "super":
        return absolute(modules, at[:-1], rest) if rest and rest[0] == "super" else at[:-1] + rest
    return at + path if first in modules[at].children else None


def definer(modules: dict[Names, Module], at: Names, path: Names) -> Names | None:
    """Return the module that defines what a path leads to, or nothing if it is no item here."""
    whole = absolute(modules, at, path)
    if whole is None:
        # A name that was imported, such as a module or a type.
        seen = modules[at].imports.get(path[0])
        if seen is None or seen[0] == path[0]:
            return None
        return definer(modules, at, (*seen, *path[1:]))
    here: Names = ()
    for position, name in enumerate(whole):
        if name in modules[here].children and (*here, name) in modules:
            here = (*here, name)
            continue
        passed_on = modules[here].imports.get(name)
        if passed_on is None:
            return here
        return definer(modules, here, (*passed_on, *whole[position + 1 :]))
    # A module by itself is no item: what is used of it has a path of its own.
    return None


def graph(modules: dict[Names, Module]) -> dict[Names, set[Names]]:
    """Return which modules each module depends on."""
    edges: dict[Names, set[Names]] = {}
    for at, module in modules.items():
        paths = {module.imports[name] for name in module.own}
        code = USE.sub("", module.code)
        paths |= {tuple(found["path"].split("::")) for found in PATH.finditer(code)}
        found_in = {definer(modules, at, path) for path in paths}
        edges[at] = {other for other in found_in if other is not None and other != at}
    return edges


def named(folder: Path) -> dict[str, set[str]]:
    """Return the files of a crate that each of them depends on, by their paths in Rust."""
    edges = graph(crate(folder))
    return {spelled(at): {spelled(other) for other in others} for at, others in edges.items()}


def spelled(names: Names) -> str:
    """Return a file's path in Rust."""
    return "::".join(("crate", *names))


if __name__ == "__main__":
    circles.check(named)
