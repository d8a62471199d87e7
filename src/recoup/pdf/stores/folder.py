"""Documents as files, in a folder that all workers see."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from recoup.errors import DocumentsUnreachable, NotFound
from recoup.pdf.stores.base import digest, unchanged


class Folder:
    """
    Keeps contents in files named by their digest, in sub-folders of its first two letters.

    A file is there whole or not at all, also after a crash.
    """

    name = "folder"

    def __init__(self, path: Path) -> None:
        self._path = path

    def put(self, content: bytes) -> str:
        """See `recoup.pdf.stores.base.Contents`."""
        name = digest(content)
        place = self._place(name)
        if place.exists():
            return name
        try:
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            number, written = tempfile.mkstemp(dir=place.parent, prefix=".new-")
            try:
                with os.fdopen(number, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                Path(written).replace(place)
            except BaseException:
                Path(written).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise DocumentsUnreachable(f"{place}: {error.strerror}") from error
        return name

    def get(self, name: str) -> bytes:
        """See `recoup.pdf.stores.base.Contents`."""
        place = self._place(name)
        try:
            return unchanged(place.read_bytes(), name, str(self._path))
        except FileNotFoundError:
            raise NotFound(f"there is no document {name} in {self._path}") from None
        except OSError as error:
            raise DocumentsUnreachable(f"{place}: {error.strerror}") from error

    def delete(self, name: str) -> None:
        """See `recoup.pdf.stores.base.Contents`."""
        place = self._place(name)
        try:
            place.unlink(missing_ok=True)
        except OSError as error:
            raise DocumentsUnreachable(f"{place}: {error.strerror}") from error

    def _place(self, name: str) -> Path:
        return self._path / name[:2] / name
