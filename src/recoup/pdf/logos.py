"""The logo of documents, read from a file when a document is frozen, and tried before."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Final

from recoup.core.documents import Document, Kind, Party
from recoup.errors import ConfigError, DocumentsUnreachable, InvalidValue
from recoup.pdf import pictures
from recoup.pdf.rendering import render

SETTING: Final = "RECOUP_DOCUMENTS_LOGO"
_READ_MORE: Final = "See docs/documents.md."
#: What names of files end with -> what these are.
_ENDINGS: Final = {".png": "png", ".jpg": "jpg", ".jpeg": "jpg", ".svg": "svg"}
#: A document with nothing on it.
_PAGE: Final = Document(
    kind=Kind.INVOICE,
    number="1",
    invoice="1",
    issued_at=datetime(2026, 1, 1, tzinfo=UTC),
    currency="EUR",
    seller=Party("A"),
    buyer=Party("B"),
    lines=(),
    taxes=(),
    subtotal=0,
    discount=0,
    total=0,
)


def logo(file: Path) -> bytes:
    """
    Return the picture in a file, which can be set.

    Raises:
        DocumentsUnreachable: it can not be read now.
        ConfigError: it is no picture that can be set, or the extra `documents` is not installed.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(pictures.MOST + 1)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise DocumentsUnreachable(
            f"{SETTING}: expected a file that can be read, got {str(file)!r} ({why}). {_READ_MORE}"
        ) from error
    try:
        pictures.check(content)
        said = _ENDINGS.get(file.suffix.lower())
        if said not in {None, pictures.kind(content)}:
            raise InvalidValue(f"the {file.suffix} that its name says")  # noqa: TRY301  one message
        _try(content)
    except InvalidValue as error:
        raise ConfigError(
            f"{SETTING}: expected {error}, got {str(file)!r}. {_READ_MORE}"
        ) from error
    return content


@lru_cache(maxsize=4)
def _try(content: bytes) -> None:
    """
    Set a page with it: what can not be set is not frozen.

    Raises:
        InvalidValue: it can not be set.
    """
    try:
        render(replace(_PAGE, logo=content))
    except RuntimeError as error:  # typst's
        why = str(error).strip().partition("\n")[0]
        raise InvalidValue(f"a picture that can be set ({why})") from error
