"""Documents as bytes that are kept: read again they are equal, whatever has changed meanwhile."""

from __future__ import annotations

from typing import Final

import msgspec

from recoup.core.documents import Document
from recoup.errors import Unreadable

#: Of the form, so that a later one can tell.
VERSION: Final = 1


class _Frozen(msgspec.Struct, frozen=True):
    version: int
    document: Document


_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_decode: Final = msgspec.json.Decoder(_Frozen).decode


def frozen(document: Document) -> bytes:
    """Return a document as bytes; equal ones give equal bytes."""
    return _encode(_Frozen(VERSION, document))


def thawed(content: bytes) -> Document:
    """
    Return the document that was frozen.

    Raises:
        Unreadable: the bytes are none, or of a form that is not known here.
    """
    try:
        found = _decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Unreadable(f"a frozen document can not be read: {error}") from error
    if found.version != VERSION:
        raise Unreadable(f"a frozen document of the form {found.version} is not known here")
    return found.document
