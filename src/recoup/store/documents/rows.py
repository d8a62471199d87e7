"""
A row for each document in each language: what it is of, and by which digests it is kept.

The first row of a document says by what it was frozen; translations are made of the same, however
much later.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, text

_COLUMNS: Final = (
    "id, customer_id, invoice_id, kind, subject, number, locale, frozen, content, kept_in, "
    "facturx, without_facturx, issued_at, made_at"
)
#: Whoever issues one for an invoice waits for whoever does: two would be frozen differently.
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('recoup document ' || :invoice, 0))"


@dataclass(frozen=True, slots=True)
class NewPaper:
    """A document that is to be on record."""

    customer_id: int
    invoice_id: int
    kind: str
    subject: str
    number: str
    locale: str
    frozen: str  #: digest of what it says
    content: str  #: digest of the PDF
    kept_in: str
    facturx: bool
    without_facturx: str | None
    issued_at: datetime


@dataclass(frozen=True, slots=True)
class Paper(NewPaper):
    """A document that was issued."""

    id: int
    made_at: datetime

    @property
    def filename(self) -> str:
        """What a file of it is called."""
        return re.sub(r"[^\w.-]+", "-", f"{self.kind}-{self.number}", flags=re.ASCII) + ".pdf"


def find(
    connection: Connection, invoice_id: int, kind: str, subject: str, locale: str
) -> Paper | None:
    """Return the document in this language, if it was issued in it."""
    return _one(
        connection, "AND kind = :kind AND subject = :subject AND locale = :locale",
        invoice=invoice_id, kind=kind, subject=subject, locale=locale,
    )  # fmt: skip


def first(connection: Connection, invoice_id: int, kind: str, subject: str) -> Paper | None:
    """Return the document in the language it was first issued in, if it was."""
    return _one(
        connection, "AND kind = :kind AND subject = :subject",
        invoice=invoice_id, kind=kind, subject=subject,
    )  # fmt: skip


def newest(
    connection: Connection, invoice_id: int, kind: str, *, subject: str | None = None
) -> Paper | None:
    """
    Return the one of this kind, and of this subject or whatever one, that was issued last, in the
    language it was issued in.
    """
    found = _one(
        connection, "AND kind = :kind AND subject = coalesce(CAST(:subject AS text), subject)",
        invoice=invoice_id, kind=kind, subject=subject, order="id DESC",
    )  # fmt: skip
    return None if found is None else first(connection, invoice_id, kind, found.subject)


def issue(connection: Connection, paper: NewPaper, *, now: datetime) -> Paper | None:
    """
    Put a document on record; return what is on record then.

    None: the document was issued meanwhile, saying something else. Make it again, of that.
    """
    connection.execute(text(_LOCK), {"invoice": str(paper.invoice_id)})
    known = first(connection, paper.invoice_id, paper.kind, paper.subject)
    if known is not None and known.frozen != paper.frozen:
        return None
    same = find(connection, paper.invoice_id, paper.kind, paper.subject, paper.locale)
    if same is not None:
        return same
    given = {name: getattr(paper, name) for name in NewPaper.__dataclass_fields__}
    names = ", ".join(given)
    values = ", ".join(f":{name}" for name in given)
    row = connection.execute(
        text(
            f"INSERT INTO documents ({names}, made_at) VALUES ({values}, :now) "
            f"RETURNING {_COLUMNS}"
        ),
        given | {"now": now},
    ).one()
    return Paper(**row._mapping)  # noqa: SLF001  SQLAlchemy's public name for it


def expire(
    connection: Connection, before: datetime, *, limit: int = 1000
) -> tuple[int, tuple[tuple[str, str], ...]]:
    """
    Forget documents issued before `before` (UTC); return how many, and the contents, by where
    they are kept and their digest, that no document names any more.
    """
    gone = connection.execute(
        text(
            "DELETE FROM documents WHERE id IN (SELECT id FROM documents "
            "WHERE issued_at < :before ORDER BY id LIMIT :limit) "
            "RETURNING kept_in, frozen, content"
        ),
        {"before": before, "limit": limit},
    ).all()
    named = {(row.kept_in, one) for row in gone for one in (row.frozen, row.content)}
    still = connection.execute(
        text(
            "SELECT kept_in, frozen, content FROM documents "
            "WHERE frozen = ANY(:names) OR content = ANY(:names)"
        ),
        {"names": [digest for _, digest in named]},
    )
    kept = {(row.kept_in, one) for row in still for one in (row.frozen, row.content)}
    return len(gone), tuple(sorted(named - kept))


def _one(
    connection: Connection, condition: str, *, invoice: int, order: str = "id", **given: Any
) -> Paper | None:
    sql = f"SELECT {_COLUMNS} FROM documents WHERE invoice_id = :invoice {condition}"
    row = connection.execute(
        text(f"{sql} ORDER BY {order} LIMIT 1"), {"invoice": invoice, **given}
    ).one_or_none()
    return None if row is None else Paper(**row._mapping)  # noqa: SLF001  as above
