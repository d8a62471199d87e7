"""Stripe itself, by its official SDK."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Self

from recoup.config import Config
from recoup.core.billing.answers import Answer, Quote
from recoup.core.billing.requests import ChangeSubscription, Request
from recoup.core.documents import Bill
from recoup.core.facts import PaymentFact, Reading
from recoup.errors import ConfigError
from recoup.processors.base import Kind, Line, Page
from recoup.processors.stripe import collecting, reader, showing
from recoup.processors.stripe.calls.client import PINNED, Client
from recoup.processors.stripe.desk import asking, quoting
from recoup.processors.stripe.papers import bills


class StripeProcessor:
    """
    Stripe, as `recoup.processors.base.Processor` asks for it.

    Args:
        client: Makes its calls.
        retries_itself: Whether the account's own retries are on. The API does not show it; in a
            new account they are.
    """

    name = "stripe"
    events_kept = timedelta(days=30)

    def __init__(self, client: Client, *, retries_itself: bool = True) -> None:
        self._client = client
        self.retries_itself = retries_itself

    @classmethod
    def of(cls, config: Config, line: Line) -> Self:
        """Return the processor of the settings."""
        if config.stripe_api_key is None:
            raise ConfigError("RECOUP_STRIPE_API_KEY: expected a key to ask Stripe with")
        return cls(
            Client(
                config.stripe_api_key.get_secret_value(),
                line=line,
                base=config.stripe_api_base,
                version=config.stripe_api_version or PINNED,
            ),
            retries_itself=config.stripe_retries,
        )

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def pay_invoice(
        self, invoice: str, *, method: str | None, key: str, off_session: bool = True
    ) -> PaymentFact:
        """See `recoup.processors.base.Collects`."""
        return collecting.pay(
            self._client, invoice, method=method, key=key, off_session=off_session
        )

    def find_payment(self, invoice: str, *, key: str, since: datetime) -> PaymentFact | None:
        """See `recoup.processors.base.Collects`."""
        return collecting.find(self._client, invoice, key=key, since=since)

    def cancel_subscription(self, subscription: str, *, reason: str, key: str) -> None:
        """See `recoup.processors.base.Ends`."""
        collecting.cancel(self._client, subscription, reason=reason, key=key)

    def ask(self, request: Request, *, key: str) -> Answer:
        """See `recoup.processors.base.Bills`."""
        return asking.ask(self._client, request, key)

    def find(self, request: Request, *, key: str, since: datetime) -> Answer | None:
        """See `recoup.processors.base.Bills`."""
        return asking.find(self._client, request, key, since)

    def quote(self, change: ChangeSubscription) -> Quote:
        """See `recoup.processors.base.Bills`."""
        return quoting.quote(self._client, change)

    def event_page(self, since: datetime, *, after: str | None = None) -> Page:
        """See `recoup.processors.base.Shows`."""
        return showing.event_page(self._client, since, after)

    def object_page(self, kind: Kind, *, after: str | None = None, of: str | None = None) -> Page:
        """See `recoup.processors.base.Shows`."""
        return showing.object_page(self._client, kind, after, of)

    def look_up(self, kind: Kind, id: str) -> bytes | None:
        """See `recoup.processors.base.Shows`."""
        return showing.look_up(self._client, kind, id)

    def bill(self, invoice: str) -> Bill | None:
        """See `recoup.processors.base.Shows`."""
        return bills.bill(self._client, invoice)

    def read(self, event: Mapping[str, Any]) -> Reading:
        """See `recoup.processors.base.Tells`."""
        return reader.read(event)
