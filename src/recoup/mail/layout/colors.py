"""
Colours that can be read, made from the one that a business calls its own.

Source: WCAG 2.2, 1.4.3: text and what is behind it differ by 4.5 to 1, or more.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

READABLE: Final = 4.5
WHITE: Final = "#ffffff"
BLACK: Final = "#000000"
#: Behind text, in the layout: by day, and by night.
PAPER: Final = (WHITE, "#f3f4f6")
NIGHT: Final = ("#1f2329", "#121417")

_COLOR: Final = re.compile(r"#[0-9a-fA-F]{6}")
_STEPS: Final = 20


def is_color(text: str) -> bool:
    """Return whether `text` is a colour such as "#1f4fd8"."""
    return _COLOR.fullmatch(text) is not None


def contrast(one: str, other: str) -> float:
    """Return by how much two colours differ: from 1 (not at all) to 21 (black and white)."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@lru_cache(maxsize=256)
def on(color: str) -> str:
    """Return white or black, whichever is easier to read on `color`; never under 4.5."""
    return max((WHITE, BLACK), key=lambda text: contrast(text, color))


@lru_cache(maxsize=256)
def readable(color: str, papers: tuple[str, ...]) -> str:
    """Return `color`, moved towards black or white until it can be read on all `papers`."""
    towards = on(papers[0])
    mixed = (_mixed(color, towards, step / _STEPS) for step in range(_STEPS + 1))
    return next(c for c in mixed if all(contrast(c, paper) >= READABLE for paper in papers))


def _luminance(color: str) -> float:
    red, green, blue = (_linear(part / 255) for part in _parts(color))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def _parts(color: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(color[1:]))


def _mixed(color: str, other: str, share: float) -> str:
    pairs = zip(_parts(color), _parts(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)
