"""Keeps nothing: for tests of what must go on without a store."""

from __future__ import annotations

from recoup.errors import NotFound
from recoup.pdf.stores.base import digest


class Null:
    """Takes everything and has nothing."""

    name = "null"

    def put(self, content: bytes) -> str:
        """See `recoup.pdf.stores.base.Contents`; but nothing is kept."""
        return digest(content)

    def get(self, name: str) -> bytes:
        """See `recoup.pdf.stores.base.Contents`."""
        raise NotFound(f"there is no document {name}: nothing is kept")

    def delete(self, name: str) -> None:
        """See `recoup.pdf.stores.base.Contents`."""
