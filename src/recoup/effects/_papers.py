"""
Documents: made once, kept, and given out as they were made.

What a document says is frozen before it is set, so a translation made years later says the same.
Nothing is looked up, set or kept while a transaction is open; a crash at any point leaves at most
contents that nobody names, and the same document is made again from the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine

from recoup import pdf
from recoup.core.billing.views import Invoice
from recoup.core.documents import Document, Kind, Party, issuing
from recoup.errors import DocumentsUnreachable, InvalidValue, NotFound, NotPossible
from recoup.pdf.freezing import frozen, thawed
from recoup.pdf.stores import Contents
from recoup.processors.base import Processor
from recoup.store import documents, views
from recoup.store.documents import DatabaseContents, NewPaper, Paper, Refunded
from recoup.store.views.reading import Ref

#: How often a document is made again because somebody was faster.
_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who issues documents, and in which manner. From the settings."""

    seller: Party
    foot: str | None = None
    color: str = "#1f4fd8"
    time_zone: str = "Etc/UTC"
    locale: str | None = None  #: for customers who gave none
    facturx: bool = False
    logo: Path | None = None  #: read anew for every invoice that is frozen


@dataclass(frozen=True, slots=True)
class Issued:
    """A document as it was issued."""

    id: int
    kind: str
    number: str
    invoice_id: int
    locale: str
    digest: str  #: SHA-256 of `content`
    issued_at: datetime
    facturx: bool  #: it carries itself as data
    without_facturx: str | None  #: why it does not carry itself as data, where it was to
    filename: str  #: what a file of it is called
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Sought:
    """Which document is asked for, and what is on record of it."""

    invoice: Invoice
    kind: Kind
    subject: str
    refund: Refunded | None
    method: str | None
    locale: str
    first: Paper | None
    same: Paper | None


class Papers:
    """
    Makes documents and gives them out.

    Args:
        contents: Where new ones are kept; those that the database keeps are found as well.
        on: Whether they are made by themselves, and come with mails.
        patience: How long a mail waits for the one it brings.
    """

    def __init__(
        self,
        database: Engine,
        processor: Processor,
        now: Callable[[], datetime],
        issuer: Issuer,
        contents: Contents | None = None,
        *,
        on: bool = False,
        patience: timedelta = timedelta(minutes=15),
    ) -> None:
        own = DatabaseContents(database)
        self.on = on
        self.patience = patience
        self._database = database
        self._processor = processor
        self._now = now
        self._issuer = issuer
        self._contents: Contents = own if contents is None else contents
        self._kept: Mapping[str, Contents] = {own.name: own, self._contents.name: self._contents}

    def pdf(
        self,
        invoice: Ref,
        *,
        kind: str = "invoice",
        refund: int | None = None,
        locale: str | None = None,
        facturx: bool = False,
    ) -> Issued:
        """
        Return a document of an invoice, made now if it was not yet.

        The first time it is made it is issued: from then on it is the same bytes, whatever
        changes. In another language it says the same.

        Args:
            kind: "invoice"; "receipt", once the matter is closed; "credit_note", once something
                was given back.
            refund: Our id of the refund that the credit note is for; by default the newest.
            locale: BCP 47, of a language that documents are in, wherever it is spoken; by default
                the one it was issued in, which is the customer's.
            facturx: Refuse one that does not carry itself as data.

        Raises:
            NotFound: there is no such invoice, or the processor has it no more.
            NotPossible: there is nothing of this kind to issue, or not with `facturx`.
            InvalidValue: there is no such kind or language, or it has too many lines.
            ConfigError: the extra `documents` is not installed, or the logo can not be set.
            DocumentsUnreachable: what keeps documents does not answer, or the logo can not be
                read.
            ProcessorError: the processor does not answer.
        """
        made = self._issued(invoice, _kind(kind), refund, locale)[0]
        if facturx and not made.facturx:
            why = made.without_facturx or "RECOUP_DOCUMENTS_FACTURX was off when it was issued"
            raise NotPossible(f"the {made.kind} {made.number} is no Factur-X: {why}")
        return made

    def content(self, paper: Paper) -> bytes:
        """
        Return the PDF of a document that was issued. No transaction may be open.

        Raises:
            NotFound, DocumentsUnreachable: it can not be had.
        """
        return self._place(paper).get(paper.content)

    def expire(self, before: datetime) -> int:
        """
        Forget documents issued before `before` (UTC), for good; return how many.

        Invoices must be kept for years, which differ from country to country: nothing calls this
        by itself. A crash may leave contents that no document names.
        """
        forgotten = 0
        while True:
            with self._database.begin() as connection:
                count, contents = documents.expire(connection, before)
            for kept_in, name in contents:
                if kept_in in self._kept:
                    self._kept[kept_in].delete(name)
            forgotten += count
            if not count:
                return forgotten

    def _issued(
        self, invoice: Ref, kind: Kind, refund: int | None, locale: str | None
    ) -> tuple[Issued, Document | None]:
        """Return the document, and what it says where that was looked at."""
        for _ in range(_TRIES):
            with self._database.connect() as connection:
                sought = self._sought(connection, invoice, kind, refund, locale)
            if sought.same is not None:
                return _given(sought.same, self.content(sought.same)), None
            made = self._made(sought)
            if made is not None:
                return made
        raise DocumentsUnreachable(f"the {kind} of invoice {invoice} is being made elsewhere")

    def _sought(
        self,
        connection: Connection,
        ref: Ref,
        kind: Kind,
        refund: int | None,
        locale: str | None,
    ) -> _Sought:
        seen = views.read_invoice(connection, ref, now=self._now())
        given = None
        if kind == Kind.CREDIT_NOTE:
            given = documents.refunded(connection, seen.id, refund)
        subject = self._subject(connection, seen, kind, given)
        first = documents.first(connection, seen.id, kind.value, subject)
        if locale is None:
            own = documents.locale_of(connection, seen.customer_id) or self._issuer.locale
            language = pdf.tag(own) if first is None else first.locale
        else:
            language = _language(locale)
        return _Sought(
            seen, kind, subject, given,
            documents.method_of(connection, seen.paid_by),
            language,
            first,
            documents.find(connection, seen.id, kind.value, subject, language),
        )  # fmt: skip

    def _subject(
        self, connection: Connection, seen: Invoice, kind: Kind, refund: Refunded | None
    ) -> str:
        """Return what tells it apart; a receipt stays to be had when the money went back since."""
        try:
            return issuing.subject(kind, seen, None if refund is None else refund.id)
        except NotPossible:
            known = documents.newest(connection, seen.id, kind.value)
            if kind != Kind.RECEIPT or known is None:
                raise
            return known.subject

    def _made(self, sought: _Sought) -> tuple[Issued, Document] | None:
        """Make a document and put it on record; None: somebody was faster, and says otherwise."""
        if sought.first is None:
            document = self._document(sought)
            name = self._frozen(document)
        else:
            name = sought.first.frozen
            document = self._thawed(sought.first)
        facturx = self._issuer.facturx
        rendered = pdf.render(document, locale=sought.locale, as_data=facturx)
        paper = NewPaper(
            customer_id=sought.invoice.customer_id,
            invoice_id=sought.invoice.id,
            kind=sought.kind.value,
            subject=sought.subject,
            number=document.number,
            locale=rendered.locale,
            frozen=name,
            content=self._contents.put(rendered.content),
            kept_in=self._contents.name,
            facturx=rendered.facturx,
            without_facturx=rendered.without_facturx,
            issued_at=document.issued_at,
        )
        with self._database.begin() as connection:
            kept = documents.issue(connection, paper, now=self._now())
        if kept is None:
            return None
        same = kept.content == paper.content
        return _given(kept, rendered.content if same else self.content(kept)), document

    def _document(self, sought: _Sought) -> Document:
        """Return what a document says that nobody has asked for yet."""
        seen, issuer = sought.invoice, self._issuer
        if sought.kind == Kind.INVOICE:
            bill = self._processor.bill(seen.processor_id)
            if bill is None:
                raise NotFound(f"the processor has no invoice {seen.processor_id!r} any more")
            return issuing.invoice(
                bill,
                seen,
                seller=issuer.seller,
                foot=issuer.foot,
                color=issuer.color,
                time_zone=issuer.time_zone,
                logo=None if issuer.logo is None else pdf.logo(issuer.logo),
            )
        invoice = self._invoice(seen)
        if sought.refund is not None:
            refund = sought.refund
            return issuing.credit_note(
                invoice, amount=refund.amount, ordinal=refund.ordinal, at=refund.at
            )
        return issuing.receipt(invoice, seen, method=sought.method, now=self._now())

    def _invoice(self, seen: Invoice) -> Document:
        """Return what the invoice says, which is issued first if it was not yet."""
        _, document = self._issued(seen.id, Kind.INVOICE, None, None)
        if document is not None:
            return document
        with self._database.connect() as connection:
            first = documents.first(connection, seen.id, Kind.INVOICE.value, "")
        if first is None:
            raise NotFound(f"the invoice {seen.id} is on record no more")
        return self._thawed(first)

    def _frozen(self, document: Document) -> str:
        """Keep what a document says, and return its digest."""
        if document.logo is not None:  # first, so that nothing names one that is not there
            self._contents.put(document.logo)
        return self._contents.put(frozen(document))

    def _thawed(self, paper: Paper) -> Document:
        place = self._place(paper)
        return thawed(place.get(paper.frozen), place.get)

    def _place(self, paper: Paper) -> Contents:
        kept = self._kept.get(paper.kept_in)
        if kept is None:
            raise DocumentsUnreachable(
                f"document {paper.id} is kept in {paper.kept_in}, which no setting names"
            )
        return kept


def _kind(name: str) -> Kind:
    try:
        return Kind(name)
    except ValueError:
        raise InvalidValue(f"kind: expected one of {', '.join(Kind)}, got {name!r}") from None


def _language(locale: str) -> str:
    """Return the language that somebody asks for: what it is not in, it is not told in English."""
    found = pdf.near(locale)
    if found is None:
        raise InvalidValue(f"locale: expected one of {', '.join(pdf.SHIPPED)}, got {locale!r}")
    return found


def _given(paper: Paper, content: bytes) -> Issued:
    return Issued(
        id=paper.id,
        kind=paper.kind,
        number=paper.number,
        invoice_id=paper.invoice_id,
        locale=paper.locale,
        digest=paper.content,
        issued_at=paper.issued_at,
        facturx=paper.facturx,
        without_facturx=paper.without_facturx,
        filename=paper.filename,
        content=content,
    )
