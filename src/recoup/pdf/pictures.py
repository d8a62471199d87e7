"""
Which picture the bytes of a logo are, and why one is not taken.

A picture is data, and nothing it names is looked at. An SVG could name files, addresses and
programs, and letters that are shown otherwise wherever other fonts are: one that does is refused.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from typing import Final
from xml.parsers import expat

from recoup.errors import InvalidValue

#: Bytes that a logo may have: it is in every document.
MOST: Final = 200_000
#: Pixels that it may have to a side: a small file can hold a picture that fills the memory.
WIDEST: Final = 4000
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"
_SVG: Final = "http://www.w3.org/2000/svg"
#: Markers of JPEG that say how large it is, and those that nothing follows (ITU-T T.81, B.1.1.3).
_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD8)})
_PROGRAMS: Final = frozenset({"script", "foreignObject", "handler", "listener"})
_LETTERS: Final = frozenset({"text", "textPath", "tref", "tspan"})
_ITSELF: Final = "an SVG that refers to nothing but itself, and not "
#: What styles load from elsewhere: all but `url(#…)`.
_ELSEWHERE: Final = re.compile(r"@import|url\(\s*[\"']?\s*(?!\s|[\"'#])", re.IGNORECASE)


def kind(content: bytes) -> str:
    """
    Return what a picture is by its bytes: "png", "jpg" or "svg".

    Raises:
        InvalidValue: it is none of these.
    """
    if content.startswith(_PNG):
        return "png"
    if content.startswith(_JPEG):
        return "jpg"
    head = content[:1024].removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(b"<svg") or (head.startswith((b"<?xml", b"<!")) and b"<svg" in content):
        return "svg"
    raise InvalidValue("a PNG, JPEG or SVG")


def check(content: bytes) -> None:
    """
    Refuse a picture that is not to be set, in the words of what was expected.

    Raises:
        InvalidValue: it is of no known kind, too large, not whole, or an SVG that needs anything
            but itself.
    """
    if len(content) > MOST:
        raise InvalidValue(f"a picture of at most {MOST // 1000} kB")
    found = kind(content)
    if found == "svg":
        _Svg().read(content)
        return
    try:
        sides = _png(content) if found == "png" else _jpeg(content)
    except (struct.error, IndexError):
        raise InvalidValue("a whole picture") from None
    if not all(0 < side <= WIDEST for side in sides):
        raise InvalidValue(f"a picture of at most {WIDEST} × {WIDEST} pixels")


def _png(content: bytes) -> tuple[int, ...]:
    return struct.unpack_from(">II", content, 16)


def _jpeg(content: bytes) -> tuple[int, ...]:
    at = 2
    while True:
        marker = content[at + 1]
        if content[at] != 0xFF:
            raise InvalidValue("a whole picture")
        if marker in _FRAMES:
            return struct.unpack_from(">HH", content, at + 5)
        if marker == 0xFF or marker in _ALONE:
            at += 1 if marker == 0xFF else 2
        else:
            (length,) = struct.unpack_from(">H", content, at + 2)
            at += 2 + length


class _Svg:
    """Reads an SVG, and stops at what is refused."""

    def __init__(self) -> None:
        self._begun = False
        self._words: list[str] = []

    def read(self, content: bytes) -> None:
        parser = expat.ParserCreate("utf-8", namespace_separator=" ")  # it fetches nothing
        parser.StartElementHandler = self._begin
        parser.CharacterDataHandler = self._words.append
        parser.EntityDeclHandler = self._entity
        parser.ProcessingInstructionHandler = self._instruction
        try:
            parser.Parse(content, True)
        except expat.ExpatError as error:
            raise InvalidValue(f"an SVG in UTF-8 that can be read ({error})") from None
        _within("".join(self._words))

    def _begin(self, name: str, attributes: Mapping[str, str]) -> None:
        space, _, local = name.rpartition(" ")
        if not self._begun and (space, local) != (_SVG, "svg"):
            raise InvalidValue(f"an SVG, which begins with <svg> of {_SVG}")
        self._begun = True
        if local in _PROGRAMS:
            raise InvalidValue(f"an SVG without programs, such as <{local}>")
        if space == _SVG and local in _LETTERS:
            raise InvalidValue(f"an SVG whose letters are outlines, and not <{local}>")
        for key, value in attributes.items():
            self._attribute(key.rpartition(" ")[2], value)

    def _attribute(self, name: str, value: str) -> None:
        if name.lower().startswith("on"):
            raise InvalidValue(f"an SVG without programs, such as {name}")
        if name in {"href", "src"} and not value.strip().startswith("#"):
            raise InvalidValue(f"{_ITSELF}{name}={value[:80]!r}")
        _within(value)

    def _entity(self, name: str, *_: object) -> None:
        raise InvalidValue(f"an SVG without entities of its own, such as {name}")

    def _instruction(self, target: str, _data: str) -> None:
        raise InvalidValue(f"an SVG without instructions, such as <?{target}?>")


def _within(style: str) -> None:
    found = _ELSEWHERE.search(style)
    if found:
        shown = style[found.start() : found.start() + 80]
        raise InvalidValue(f"{_ITSELF}{shown!r}")
