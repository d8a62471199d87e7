"""Stripe itself, by its official SDK."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Self

from recoup.config import Config
from recoup.core.billing.answers import Answer, Quote
from recoup.core.billing.requests import ChangeSubscription, Request
from recoup.core.facts import PaymentFact, Reading
from recoup.errors import ConfigError, Rejected
from recoup.processors.base import Kind, Line, Page
from recoup.processors.stripe import reader
from recoup.processors.stripe.calls.client import PINNED, Client
from recoup.processors.stripe.desk import asking


class StripeProcessor:
    """Stripe, as `recoup.processors.base.Processor` asks for it."""

    name = "stripe"
    retries_itself = False
    events_kept = timedelta(days=30)

    def __init__(self, client: Client) -> None:
        self._client = client

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
            )
        )

    def pay_invoice(
        self, invoice: str, *, method: str | None, key: str, off_session: bool = True
    ) -> PaymentFact:
        """See `recoup.processors.base.Collects`."""
        raise Rejected("pay_invoice is not asked of Stripe")

    def find_payment(self, invoice: str, *, key: str, since: datetime) -> PaymentFact | None:
        """See `recoup.processors.base.Collects`."""
        raise Rejected("find_payment is not asked of Stripe")

    def cancel_subscription(self, subscription: str, *, reason: str, key: str) -> None:
        """See `recoup.processors.base.Ends`."""
        raise Rejected("cancel_subscription is not asked of Stripe")

    def ask(self, request: Request, *, key: str) -> Answer:
        """See `recoup.processors.base.Bills`."""
        return asking.ask(self._client, request, key)

    def find(self, request: Request, *, key: str, since: datetime) -> Answer | None:
        """See `recoup.processors.base.Bills`."""
        return asking.find(self._client, request, key, since)

    def quote(self, change: ChangeSubscription) -> Quote:
        """See `recoup.processors.base.Bills`."""
        raise Rejected("quote is not asked of Stripe")

    def event_page(self, since: datetime, *, after: str | None = None) -> Page:
        """See `recoup.processors.base.Shows`."""
        raise Rejected("event_page is not asked of Stripe")

    def object_page(self, kind: Kind, *, after: str | None = None, of: str | None = None) -> Page:
        """See `recoup.processors.base.Shows`."""
        raise Rejected("object_page is not asked of Stripe")

    def look_up(self, kind: Kind, id: str) -> bytes | None:
        """See `recoup.processors.base.Shows`."""
        raise Rejected("look_up is not asked of Stripe")

    def read(self, event: Mapping[str, Any]) -> Reading:
        """See `recoup.processors.base.Tells`."""
        return reader.read(event)
