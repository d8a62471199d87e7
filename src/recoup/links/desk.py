"""
`recoup.links`: made for one customer and one purpose, read again, renewed by mail.

What a link shows is read from our own rows when it is opened; nothing about it is kept anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection

from recoup.commands.base import Office
from recoup.core.account import scopes
from recoup.core.billing.answers import NextAction
from recoup.core.billing.views import Customer, PaymentMethod
from recoup.core.links import Claim, Pages, Purpose
from recoup.core.money import Money
from recoup.errors import ConfigError, InvalidValue, LinkRefused, NotFound, NotPossible
from recoup.links import reading, renewing, using
from recoup.links.views import Done, How, Link, Opened, Owed
from recoup.store import views
from recoup.store.records import customers
from recoup.store.views.reading import Ref

_UNSIGNED: Final = (
    "RECOUP_SECRET_KEY: expected 32 or more characters, because links are signed with what is "
    "made of it. See docs/links.md."
)


@dataclass(frozen=True, slots=True)
class Links:
    """
    Signed links for customers.

    A link is for one purpose: "pay" what is owed, "update" the payment method, or "view" what is
    owed. It opens nothing else, for nobody else, and nothing once it has expired.
    """

    office: Office
    pages: Pages | None  #: None: there is no RECOUP_SECRET_KEY

    def make(
        self,
        customer: Ref,
        purpose: Purpose | str = Purpose.PAY,
        *,
        scope: str | None = None,
        lasts: timedelta | None = None,
    ) -> Link:
        """
        Return a link for the customer. Nobody is told, and nothing is written.

        Args:
            scope: What the debt bought, "subscription:7" or "invoice:3"; by default all that is
                owed. Not for "update".
            lasts: By default RECOUP_LINK_DAYS.

        Raises:
            ConfigError: RECOUP_SECRET_KEY is not set.
            InvalidValue: there is no such purpose, or a link can not be about that, or last that
                long.
            NotFound: there is no such customer, or the scope is none of theirs.
            NotPossible: the customer is deleted, erased, or not at the processor yet.
        """
        pages = self._signed()
        if purpose not in set(Purpose):
            raise InvalidValue(f"purpose: expected {', '.join(Purpose)}, got {purpose!r:.60}")
        now = self.office.now()
        with self.office.reading() as connection:
            who = views.read_customer(connection, customer)
            customers.living(connection, who.id)
            if scope:
                _theirs(connection, self.office, who.id, scope)
        claim = pages.claim(
            Purpose(purpose), who.id, who.email, now=now, scope=scope or "", lasts=lasts
        )
        token = pages.seal.token(claim)
        url = pages.url(token)
        return Link(claim.purpose, who.id, claim.scope, claim.expires, url=url, token=token)

    def read(self, token: str, *, purpose: Purpose | str | None = None) -> Opened:
        """
        Return what the link with this token is for.

        Args:
            purpose: What it must be for; by default any.

        Raises:
            ConfigError: RECOUP_SECRET_KEY is not set.
            LinkRefused: it opens nothing, or is for something else.
        """
        claim, _ = self._opened(token, purpose)
        return Opened(claim.purpose, claim.customer, claim.scope, claim.expires)

    def owed(self, token: str) -> Owed:
        """Return what the link shows now; the errors are those of `read`."""
        claim, who = self._opened(token, None)
        with self.office.reading() as connection:
            return reading.owed(connection, claim, who, now=self.office.now())

    def pay(
        self, token: str, *, method: Ref | None = None, shown: tuple[Money, ...] | None = None
    ) -> Done:
        """
        Collect what a link for paying is about, each invoice once, oldest first.

        However often it is called, what was paid is not paid again: then nothing is due.

        Args:
            method: One of the customer's own; by default the default one.
            shown: What the customer was shown. Where another sum is owed, nothing is charged.

        Raises:
            ConfigError, LinkRefused: as `read`; also a link that is not for paying.
            NotFound: the customer has no such method.
            Unreachable, Busy: nobody knows what came of it: the same again, a little later.
        """
        claim, who = self._opened(token, Purpose.PAY)
        office = self._of(claim)
        return using.pay(office, claim, who, method=method, shown=shown)

    def update(self, token: str, method: str) -> Done:
        """
        Put a method that the processor knows in the place of the customer's default one.

        Raises:
            ConfigError, LinkRefused: as `read`; also a link that is not for that.
            Unreachable, Busy: nobody knows what came of it: the same again, a little later.
        """
        claim, _ = self._opened(token, Purpose.UPDATE)
        made = using.bring(self._of(claim), claim, method, default=True)
        return made if isinstance(made, Done) else Done(How.UPDATED)

    def bring(self, token: str, method: str) -> PaymentMethod | Done:
        """
        Put a method on file that a link for paying is then used with, and is no default one.

        A `Done` says why it is not; otherwise as `update`.
        """
        claim, _ = self._opened(token, Purpose.PAY)
        return using.bring(self._of(claim), claim, method, default=False)

    def elsewhere(self, token: str, invoice: int) -> NextAction | None:
        """
        Return the processor's own page on which an invoice is paid; None: there is none.

        Raises:
            ConfigError, LinkRefused: as `pay`.
            NotFound: the link is not about this invoice, or nothing of it is owed.
            Unreachable, Busy: it is not known just now: the same again.
        """
        claim, who = self._opened(token, Purpose.PAY)
        return using.elsewhere(self._of(claim), claim, who, invoice)

    def renew(self, token: str) -> None:
        """
        Send a fresh link to the address on file, where the token was ever one of ours.

        It is the same whether there is such a link, customer or address: nobody learns that from
        here. At most one an hour is sent for a link, and five a day to a customer.

        Raises:
            ConfigError: RECOUP_SECRET_KEY is not set.
        """
        claim = self._signed().seal.read(token)
        renewing.send(self.office, claim)

    def _signed(self) -> Pages:
        if self.pages is None:
            raise ConfigError(_UNSIGNED)
        return self.pages

    def _opened(self, token: str, purpose: Purpose | str | None) -> tuple[Claim, Customer]:
        """
        Return what a token says and whose it is, if it holds.

        Raises:
            LinkRefused: it does not, by whatever reason.
        """
        seal, now = self._signed().seal, self.office.now()
        claim = seal.read(token)
        who = self._living(0 if claim is None else claim.customer)
        if claim is None or who is None or not claim.holds(now):
            raise LinkRefused("this link opens nothing")
        if not seal.still(claim, who.email) or purpose not in {None, claim.purpose}:
            raise LinkRefused("this link opens nothing")
        return claim, who

    def _living(self, id: int) -> Customer | None:
        """Return the customer, neither deleted nor erased."""
        with self.office.reading() as connection:
            try:
                customers.living(connection, id)
                return views.read_customer(connection, id)
            except (NotFound, NotPossible):
                return None

    def _of(self, claim: Claim) -> Office:
        """Return the office in the name of the customer who has the link."""
        return self.office.by(f"customer:{claim.customer}")


def _theirs(connection: Connection, office: Office, customer: int, scope: str) -> None:
    """
    Refuse a scope that is not of the customer.

    Raises:
        NotFound: it is somebody else's, or nobody's.
        InvalidValue: it is no scope.
    """
    kind, _, rest = scope.partition(":")
    try:
        subscription = scopes.subscription_id(scope)
    except ValueError:
        raise InvalidValue(f"scope: a subscription's has its number, got {scope!r:.60}") from None
    if subscription is not None:
        found = views.read_subscription(connection, subscription, plans=office.plans).customer_id
    elif kind == "invoice" and rest.isascii() and rest.isdecimal():
        found = views.read_invoice(connection, int(rest), now=office.now()).customer_id
    else:
        raise InvalidValue(f"scope: expected subscription:ID or invoice:ID, got {scope!r:.60}")
    if found != customer:
        raise NotFound(f"nothing of customer {customer} is called {scope!r}")
