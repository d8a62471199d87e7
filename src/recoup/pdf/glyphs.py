"""Which characters a font has a glyph for, read from its `cmap` table."""

from __future__ import annotations

import struct
from collections.abc import Iterator

#: Formats of sub-tables that hold Unicode: segments of the first plane, and groups of all.
_SEGMENTS = 4
_GROUPS = 12


def covered(font: bytes) -> frozenset[int]:
    """
    Return the code points that an OpenType or TrueType font shows.

    Source: the OpenType specification, "cmap". Only formats 4 and 12 are read, which every font
    for Unicode has.
    """
    start = _table(font, b"cmap")
    (count,) = struct.unpack_from(">H", font, start + 2)
    found: set[int] = set()
    for place in range(count):
        (offset,) = struct.unpack_from(">I", font, start + 4 + 8 * place + 4)
        (format,) = struct.unpack_from(">H", font, start + offset)
        if format == _SEGMENTS:
            found.update(_segments(font, start + offset))
        elif format == _GROUPS:
            found.update(_groups(font, start + offset))
    return frozenset(found)


def _table(font: bytes, tag: bytes) -> int:
    (count,) = struct.unpack_from(">H", font, 4)
    for place in range(count):
        name, _, offset, _ = struct.unpack_from(">4sIII", font, 12 + 16 * place)
        if name == tag:
            return int(offset)
    raise ValueError(f"the font has no {tag.decode()}")


def _segments(font: bytes, at: int) -> Iterator[int]:
    (double,) = struct.unpack_from(">H", font, at + 6)
    count = double // 2
    ends = struct.unpack_from(f">{count}H", font, at + 14)
    starts = struct.unpack_from(f">{count}H", font, at + 16 + double)
    deltas = struct.unpack_from(f">{count}H", font, at + 16 + 2 * double)
    ranges = at + 16 + 3 * double
    offsets = struct.unpack_from(f">{count}H", font, ranges)
    for place, (first, last) in enumerate(zip(starts, ends, strict=True)):
        for point in range(first, min(last, 0xFFFE) + 1):
            if not offsets[place]:
                glyph = (point + deltas[place]) & 0xFFFF
            else:
                where = ranges + 2 * place + offsets[place] + 2 * (point - first)
                (glyph,) = struct.unpack_from(">H", font, where)
            if glyph:
                yield point


def _groups(font: bytes, at: int) -> Iterator[int]:
    (count,) = struct.unpack_from(">I", font, at + 12)
    for place in range(count):
        first, last, _ = struct.unpack_from(">III", font, at + 16 + 12 * place)
        yield from range(first, last + 1)
