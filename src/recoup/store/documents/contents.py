"""Contents in the database itself: saved with it, and gone with it."""

from __future__ import annotations

from hashlib import sha256
from hmac import compare_digest

from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from recoup.errors import DocumentsUnreachable, NotFound


class DatabaseContents:
    """Keeps contents as rows. See `recoup.pdf.stores.base.Contents`."""

    name = "database"

    def __init__(self, database: Engine) -> None:
        self._database = database

    def put(self, content: bytes) -> str:
        """Keep `content`, and return its digest."""
        name = sha256(content).hexdigest()
        sql = (
            "INSERT INTO document_contents (digest, content) VALUES (:name, :content) "
            "ON CONFLICT DO NOTHING"
        )
        try:
            with self._database.begin() as connection:
                connection.execute(text(sql), {"name": name, "content": content})
        except OperationalError as error:
            raise DocumentsUnreachable("the database does not take a document") from error
        return name

    def get(self, name: str) -> bytes:
        """
        Return the content with this digest.

        Raises:
            NotFound: there is none.
        """
        sql = "SELECT content FROM document_contents WHERE digest = :name"
        try:
            with self._database.connect() as connection:
                found = connection.scalar(text(sql), {"name": name})
        except OperationalError as error:
            raise DocumentsUnreachable("the database does not give a document") from error
        if found is None:
            raise NotFound(f"there is no document {name} in the database")
        return _unchanged(bytes(found), name)

    def delete(self, name: str) -> None:
        """Keep it no more."""
        sql = "DELETE FROM document_contents WHERE digest = :name"
        try:
            with self._database.begin() as connection:
                connection.execute(text(sql), {"name": name})
        except OperationalError as error:
            raise DocumentsUnreachable("the database does not answer") from error


def _unchanged(content: bytes, name: str) -> bytes:
    if not compare_digest(sha256(content).hexdigest(), name):
        raise DocumentsUnreachable(f"the document {name} is not what was put there")
    return content
