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

from recoup.errors import Rejected, Unreachable
from recoup.processors.base import Line
from recoup.processors.stripe.calls.errors import sorted_out
from recoup.processors.stripe.calls.wire import USUAL, Patience, Watch, Wire

#: The version that Recoup was tested with; that of the SDK's own definitions.
PINNED: Final = "2026-10-28.endive"
LONGEST_KEY: Final = 255

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class _Answered(Protocol):
    @property
    def last_response(self) -> stripe.StripeResponse | None: ...


#: Makes one call with the SDK: `lambda sdk, options: sdk.v1.invoices.pay(id, params, options)`.
Call = Callable[[StripeClient, RequestOptions], _Answered]


@dataclass(frozen=True, slots=True)
class Reply:
    """
    What Stripe answered: the object's JSON, Stripe's own time (UTC), the request's id.

    A `replayed` answer is the one of the first time: the object may have changed since.
    """

    body: Mapping[str, Any]
    at: datetime
    request_id: str | None
    replayed: bool = False


class Client:
    """
    Calls Stripe. For any number of threads.

    Args:
        line: What all processes that ask share.
        base: Where it is.
        patience: How long is waited.
        watch: Told of every HTTP request: its method, path and form.
    """

    def __init__(
        self,
        key: str,
        *,
        line: Line,
        base: str,
        version: str = PINNED,
        patience: Patience = USUAL,
        watch: Watch | None = None,
    ) -> None:
        self.version = version
        self.livemode = "_live_" in key
        # For the whole process: or else the SDK keeps an id in the user's home and sends it.
        stripe.enable_telemetry = False
        self._wire = Wire(line, patience=patience, watch=watch)
        self._sdk = StripeClient(
            key, stripe_version=version, base_addresses={"api": base}, http_client=self._wire
        )

    def do(self, call: Call, *, key: str | None = None) -> Reply:
        """
        Make one call; with `key` it is done once, however often it is made within a day.

        Raises:
            Unreachable, Busy, KeyReused, Rejected: see `recoup.processors.base`. A refusal is a
                `Denied`, which has Stripe's code, and one by the bank a `Declined`, which says
                what the bank said.
        """
        options: RequestOptions = {}
        if key is not None:
            if not 0 < len(key) <= LONGEST_KEY or not (key.isascii() and key.isprintable()):
                raise Rejected(f"an idempotency key has 1 to {LONGEST_KEY} visible characters")
            # To the wire it says that there is a key of ours: the SDK makes one up by itself.
            options = {"idempotency_key": key, "max_network_retries": 1}
        try:
            response = call(self._sdk, options).last_response
        except stripe.StripeError as error:
            raise sorted_out(error) from None  # its text and fields may hold what is secret
        assert response is not None  # noqa: S101  every object of an answer has it
        at = response.headers.get("Date")
        if at is None:
            raise Unreachable("the answer has no date, so it is none of Stripe's")
        return Reply(
            _decode(response.body),
            parsedate_to_datetime(at).astimezone(UTC),
            response.request_id,
            response.headers.get("Idempotent-Replayed") == "true",
        )

    def all(self, call: Callable[[StripeClient, str | None], _Answered]) -> Iterator[Reply]:
        """Make a listing call for page after page; it is given the id to start after."""
        after: str | None = None
        while True:
            reply = self.do(_page(call, after))
            yield reply
            if not reply.body["has_more"] or not reply.body["data"]:
                return
            after = str(reply.body["data"][-1]["id"])

    def close(self) -> None:
        """Give the connections back."""
        self._wire.close()


def _page(call: Callable[[StripeClient, str | None], _Answered], after: str | None) -> Call:
    def one(sdk: StripeClient, _: RequestOptions) -> _Answered:
        return call(sdk, after)

    return one
