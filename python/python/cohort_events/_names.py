"""Which columns a name means (SPEC 2, *Names*), where the kernel sees no frame."""

from __future__ import annotations

from collections.abc import Sequence


def lower(name: str) -> str:
    """Return a name in lower case, as far as ASCII goes."""
    return "".join(c.lower() if c.isascii() else c for c in name)


def places_of(wanted: str, names: Sequence[str]) -> list[int]:
    """Return the places of a name: of exactly it, or else of those that differ by ASCII case."""
    equal = [place for place, name in enumerate(names) if name == wanted]
    alike = lower(wanted)
    return equal or [place for place, name in enumerate(names) if lower(name) == alike]
