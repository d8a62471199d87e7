"""One client for every call to Stripe: at our common pace, with our keys, with our errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Protocol

import msgspec
import stripe
from stripe import RequestOptions, StripeClient

from recoup.processors.base import Line

#: The version that Recoup was tested with; that of the SDK's own definitions.
PINNED: Final = "2026-10-28.endive"

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class _Answered(Protocol):
    @property
    def last_response(self) -> stripe.StripeResponse | None: ...


#: Makes one call with the SDK: `lambda sdk, options: sdk.v1.invoices.pay(id, params, options)`.
Call = Callable[[StripeClient, RequestOptions], _Answered]


@dataclass(frozen=True, slots=True)
class Reply:
    """What Stripe answered: the object's JSON, Stripe's own time (UTC), the request's id."""

    body: Mapping[str, Any]
    at: datetime
    request_id: str | None


class Client:
    """
    Calls Stripe.

    Args:
        line: What all processes that ask share.
        base: Where it is.
    """

    def __init__(self, key: str, *, line: Line, base: str, version: str = PINNED) -> None:
        self.version = version
        self.livemode = "_live_" in key
        self._sdk = StripeClient(
            key, stripe_version=version, base_addresses={"api": base}, max_network_retries=0
        )
        self._line = line

    def do(self, call: Call, *, key: str | None = None) -> Reply:
        """
        Make one call; with `key` it is done once, however often it is made within a day.

        Raises:
            Unreachable, Busy, KeyReused, Rejected: see `recoup.processors.base`. A refusal by
                the bank is a `Declined`, a `Rejected` that says what the bank said.
        """
        options: RequestOptions = {} if key is None else {"idempotency_key": key}
        response = call(self._sdk, options).last_response
        assert response is not None  # noqa: S101  every object of an answer has it
        return Reply(
            _decode(response.body),
            parsedate_to_datetime(response.headers["date"]).astimezone(UTC),
            response.request_id,
        )

    def all(self, call: Callable[[StripeClient, str | None], _Answered]) -> Iterator[Reply]:
        """Make a listing call for page after page; it is given the id to start after."""
        after: str | None = None
        while True:
            last = after
            reply = self.do(lambda sdk, _, last=last: call(sdk, last))  # type: ignore[misc]
            yield reply
            if not reply.body["has_more"]:
                return
            after = str(reply.body["data"][-1]["id"])
