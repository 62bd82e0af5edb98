"""Partition patterns: strftime fields in a path, such as `dt=%Y%m%d/hour=%H` (SPEC 2).

The schema of the manifest has checked a pattern before it comes here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple, TypeAlias

PIECES = re.compile(r"%-?.|[^%]+")
#: The numbers of each field with leading zeros, and without, as regular expressions.
NUMBERS = {
    "Y": ("(?!0000)[0-9]{4}",) * 2,
    "m": ("0[1-9]|1[0-2]", "[1-9]|1[0-2]"),
    "d": ("0[1-9]|[12][0-9]|3[01]", "[1-9]|[12][0-9]|3[01]"),
    "j": (
        "00[1-9]|0[1-9][0-9]|[12][0-9]{2}|3[0-5][0-9]|36[0-6]",
        "[1-9]|[1-9][0-9]|[12][0-9]{2}|3[0-5][0-9]|36[0-6]",
    ),
    "H": ("[01][0-9]|2[0-3]", "[0-9]|1[0-9]|2[0-3]"),
    "M": ("[0-5][0-9]", "[0-9]|[1-5][0-9]"),
}
MONTHS = 12
DIGITS = {"Y": 4, "m": 2, "d": 2, "j": 3, "H": 2, "M": 2}
#: The finest field of a pattern, and how far its partitions are apart, unless it is a month.
STEPS = (("M", timedelta(minutes=1)), ("H", timedelta(hours=1)), ("dj", timedelta(days=1)))


class Field(NamedTuple):
    """A number in a folder's name: the letter of its field, and whether it has no leading zeros."""

    letter: str
    bare: bool


#: A field, or a text that is taken as it is.
Piece: TypeAlias = Field | str


class Partitioning:
    """A valid pattern."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern.removesuffix("/")
        whole = self.pattern.replace("%F", "%Y-%m-%d").split("/")
        #: The pieces of each level of folders.
        self.levels = [_pieces(level) for level in whole]

    @cached_property
    def _fields(self) -> set[str]:
        pieces = (piece for level in self.levels for piece in level)
        return {piece.letter for piece in pieces if isinstance(piece, Field)}

    def starts(self, first: datetime, end: datetime) -> Iterator[datetime]:
        """Yield the starts of the partitions that overlap `[first, end)`, in order."""
        at: datetime | None = self._floor(first)
        while at is not None and at < end:
            yield at
            at = self._after(at)

    def _floor(self, at: datetime) -> datetime:
        at = at.replace(second=0, microsecond=0)
        if "M" in self._fields:
            return at
        at = at.replace(minute=0)
        if "H" in self._fields:
            return at
        at = at.replace(hour=0)
        if self._fields & {"d", "j"}:
            return at
        return at.replace(day=1) if "m" in self._fields else at.replace(month=1, day=1)

    def _after(self, at: datetime) -> datetime | None:
        """Return the start of the next partition, or `None` past the calendar's end."""
        try:
            for fields, step in STEPS:
                if self._fields & set(fields):
                    return at + step
            if "m" in self._fields and at.month < MONTHS:
                return at.replace(month=at.month + 1)
            return at.replace(year=at.year + 1, month=1)
        except (OverflowError, ValueError):
            return None

    def twins(self, start: datetime) -> list[list[str]]:
        """Return the folders of a partition, level by level: on each its own, then those that
        differ from it only by leading zeros."""
        return [_twins(level, start) for level in self.levels]

    def fits(self, level: int, folder: str) -> bool:
        """Return whether a folder may be one of the pattern's on that level."""
        wanted = "".join(
            f"(?:{NUMBERS[piece.letter][piece.bare]})"
            if isinstance(piece, Field)
            else re.escape(piece)
            for piece in self.levels[level]
        )
        return re.fullmatch(wanted, folder) is not None


def _pieces(level: str) -> list[Piece]:
    pieces: list[Piece] = []
    for found in PIECES.findall(level):
        if found.startswith("%") and found != "%%":
            pieces.append(Field(found[-1], "-" in found))
            continue
        text = "%" if found == "%%" else found
        if pieces and isinstance(pieces[-1], str):
            pieces[-1] += text
        else:
            pieces.append(text)
    return pieces


def _number(field: str, at: datetime) -> int:
    if field == "j":
        return at.timetuple().tm_yday
    return {"Y": at.year, "m": at.month, "d": at.day, "H": at.hour, "M": at.minute}[field]


def _twins(pieces: list[Piece], start: datetime) -> list[str]:
    names = [""]
    for piece, follows in zip(pieces, [*pieces[1:], ""], strict=True):
        ways = [piece] if isinstance(piece, str) else _ways(piece, follows, start)
        names = [name + way for name in names for way in ways]
    return list(dict.fromkeys(names))


def _ways(field: Field, follows: Piece, start: datetime) -> list[str]:
    """Return how a field writes its number, and how it would with other leading zeros."""
    number = _number(field.letter, start)
    padded, bare = f"{number:0{DIGITS[field.letter]}}", str(number)
    ways = [bare, padded] if field.bare else [padded, bare]
    # Without leading zeros, a digit that follows would be taken for one of the number.
    digit_follows = isinstance(follows, Field) or follows[:1].isdigit()
    return ways[:1] if field.letter == "Y" or digit_follows else ways
