"""Tests of rust_circles.py on crates of a few lines.

python rust_circles_test.py
"""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

import circles
import rust_circles


def edges(**files: str) -> dict[str, set[str]]:
    """Return what each file of a crate depends on. A file's name is given without `.rs`."""
    with tempfile.TemporaryDirectory() as folder:
        for name, code in files.items():
            file = Path(folder, *name.split("__")).with_suffix(".rs")
            file.parent.mkdir(exist_ok=True)
            file.write_text(code, encoding="utf-8")
        return rust_circles.named(Path(folder))


class RustCirclesTest(unittest.TestCase):
    """Each test names the rule."""

    def test_two_files_that_use_each_other_are_a_circle(self) -> None:
        found = edges(
            lib="mod a;\nmod b;\n",
            a="use crate::b::B;\npub(crate) struct A(B);\n",
            b="pub(crate) fn b() -> crate::a::A {}\npub(crate) struct B;\n",
        )
        self.assertEqual(found["crate::a"], {"crate::b"})
        self.assertEqual(found["crate::b"], {"crate::a"})
        self.assertTrue(circles.circle(found))

    def test_files_in_one_direction_are_none(self) -> None:
        found = edges(lib="mod a;\nmod b;\n", a="use super::b::B;\n", b="pub(crate) struct B;\n")
        self.assertEqual(found, {"crate": set(), "crate::a": {"crate::b"}, "crate::b": set()})
        self.assertEqual(circles.circle(found), [])

    def test_who_uses_a_name_that_is_passed_on_depends_on_its_definer(self) -> None:
        found = edges(
            lib="mod a;\nmod b;\npub use b::B;\n",
            a="use crate::B;\n",
            b="pub struct B;\n",
        )
        self.assertEqual(found, {"crate": set(), "crate::a": {"crate::b"}, "crate::b": set()})

    def test_a_circle_behind_a_name_that_is_passed_on_is_found(self) -> None:
        found = edges(
            lib="mod a;\nmod folder;\n",
            a="use crate::folder::B;\npub(crate) struct A;\n",
            folder__mod="mod b;\npub(crate) use self::b::{B, C as D};\n",
            folder__b="use crate::a::A;\npub(crate) struct B(A);\npub(crate) struct C;\n",
        )
        self.assertEqual(found["crate::a"], {"crate::folder::b"})
        self.assertTrue(circles.circle(found))

    def test_tests_comments_and_literals_do_not_count(self) -> None:
        found = edges(
            lib="mod a;\nmod b;\n",
            a=(
                "// crate::b::B\n"
                'const TEXT: &str = "crate::b::B";\n'
                "#[cfg(test)]\nmod tests {\n    use crate::b::B;\n}\n"
            ),
            b="pub(crate) struct B;\n",
        )
        self.assertEqual(found["crate::a"], set())


if __name__ == "__main__":
    unittest.main()
