"""What keeps contents must do."""

from __future__ import annotations

from hashlib import sha256
from typing import Protocol

from recoup.errors import DocumentsUnreachable


class Contents(Protocol):
    """
    Keeps contents by their digest; prove one with `recoup.testing.suites.documents`.

    Raises:
        DocumentsUnreachable: it does not take, or does not give; nobody knows more. Again later.
    """

    name: str  #: under which rows say where a document is kept

    def put(self, content: bytes) -> str:
        """Keep `content`, and return its digest. What is there already is left alone."""
        ...

    def get(self, name: str) -> bytes:
        """
        Return the content with this digest, unchanged.

        Raises:
            NotFound: there is none.
        """
        ...

    def delete(self, name: str) -> None:
        """Keep it no more. Deleting what is not there is a success."""
        ...


def digest(content: bytes) -> str:
    """Return what a content is kept by: its SHA-256, in hexadecimal."""
    return sha256(content).hexdigest()


def unchanged(content: bytes, name: str, where: str) -> bytes:
    """
    Return `content`, whose digest is `name`.

    Raises:
        DocumentsUnreachable: it is another one: what was issued is not given out changed.
    """
    if digest(content) != name:
        raise DocumentsUnreachable(f"the document {name} in {where} is not what was put there")
    return content
