"""
The fonts that documents are set in, and nothing of what the machine has.

FiraGO, by Carrois and HERE, has Latin, Greek, Cyrillic, Arabic and Hebrew; Noto Sans CJK JP, by
Google and Adobe, has Japanese, Chinese and Korean. Both are under the SIL Open Font License and
come with packages of the extra `documents`, so the same document gives the same bytes everywhere.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from recoup.errors import ConfigError
from recoup.pdf.glyphs import covered

INSTALL: Final = 'pip install "recoup[documents]"'


@dataclass(frozen=True, slots=True)
class Fonts:
    """Fonts at hand: their families in the order they are tried, and what they can show."""

    handle: Any  #: typst's
    families: tuple[str, ...]
    covers: frozenset[int]  #: code points


def _fira() -> Mapping[str, bytes]:
    regular = import_module("pymupdf_fonts.FiraGO_Regular").fontbuffer
    bold = import_module("pymupdf_fonts.FiraGO_Bold").fontbuffer
    return {"FiraGO-Regular.ttf": regular, "FiraGO-Bold.ttf": bold}


def _noto() -> Mapping[str, bytes]:
    module = import_module("noto_cjk_sans_jp_regular")
    return {module.FONT_FILE: module.FONT_PATH.read_bytes()}


#: Family -> what gives its files.
_PACKS: Final[Mapping[str, Callable[[], Mapping[str, bytes]]]] = {
    "FiraGO": _fira,
    "Noto Sans CJK JP": _noto,
}


def missing() -> tuple[str, ...]:
    """Return the packages of the extra `documents` that are not installed, by their modules."""
    wanted = ("typst", "pymupdf_fonts", "noto_cjk_sans_jp_regular")
    return tuple(name for name in wanted if find_spec(name) is None)


@cache
def fonts() -> Fonts:
    """
    Return the fonts, which are unpacked once in a process.

    Raises:
        ConfigError: the extra `documents` is not installed whole.
    """
    try:
        typst = import_module("typst")
        packs = {family: files() for family, files in _PACKS.items()}
    except ImportError as error:
        raise ConfigError(
            f"documents need packages that are not installed ({error.name}): {INSTALL}"
        ) from error
    folder = Path(tempfile.mkdtemp(prefix="recoup-fonts-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    covers: set[int] = set()
    for files in packs.values():
        for name, data in files.items():
            (folder / name).write_bytes(data)
        covers |= frozenset.intersection(*(covered(data) for data in files.values()))
    handle = typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(folder)]
    )
    missing = set(packs) - set(handle.families())
    if missing:
        raise ConfigError(f"no font of the family {', '.join(sorted(missing))}: {INSTALL}")
    return Fonts(handle, tuple(packs), frozenset(covers))
