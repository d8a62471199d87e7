"""Documents as bytes that are kept: read again they are equal, whatever has changed meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import msgspec

from recoup.core.documents import Document
from recoup.errors import Unreadable
from recoup.pdf.stores.base import digest

#: Of the form, so that a later one can tell.
VERSION: Final = 1
#: Of one that names a logo: whoever does not know of these must not set it without.
WITH_LOGO: Final = 2


class _Frozen(msgspec.Struct, frozen=True):
    version: int
    document: Document
    logo: str | None = None  #: digest


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(_Frozen).decode


def frozen(document: Document) -> bytes:
    """
    Return a document as bytes; equal ones give equal bytes.

    Its logo is named by its digest and kept beside it: one picture is in many documents.
    """
    says = msgspec.to_builtins(replace(document, logo=None))
    del says["logo"]  # those without one are the bytes that they were before there were any
    if document.logo is None:
        return _encode({"version": VERSION, "document": says})
    return _encode({"version": WITH_LOGO, "document": says, "logo": digest(document.logo)})


def thawed(content: bytes, kept: Callable[[str], bytes]) -> Document:
    """
    Return the document that was frozen.

    Args:
        kept: Returns a content by its digest: a logo.

    Raises:
        Unreadable: the bytes are none, or of a form that is not known here.
    """
    try:
        found = _decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Unreadable(f"a frozen document can not be read: {error}") from error
    if found.version not in {VERSION, WITH_LOGO}:
        raise Unreadable(f"a frozen document of the form {found.version} is not known here")
    if found.logo is None:
        return found.document
    return replace(found.document, logo=kept(found.logo))
