"""
What Stripe's errors mean to a caller: what can be done next.

| answer                                         | raised                                |
|------------------------------------------------|---------------------------------------|
| none, a broken one, a 5xx, a 408 or 424        | `Unreachable`: the outcome is unknown |
| 429, 409, `lock_timeout`, `rate_limit`         | `Busy`: nothing was begun             |
| `idempotency_error`                            | `KeyReused`                           |
| 402                                            | `Declined`, a `Denied`                |
| `customer_tax_location_invalid`                | `CustomerTaxLocationInvalid`          |
| any other 4xx                                  | `Denied`, a `Rejected`                |

Source: docs.stripe.com/api/errors, docs.stripe.com/error-codes, docs.stripe.com/error-low-level.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import stripe

from recoup.errors import (
    Busy,
    CustomerTaxLocationInvalid,
    KeyReused,
    NotPaid,
    ProcessorError,
    Rejected,
    Unreachable,
)

#: Codes of what was refused before anything began.
NOT_BEGUN: Final = frozenset({"lock_timeout", "rate_limit"})
_UNKNOWN: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.FAILED_DEPENDENCY})
_WAITING: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.CONFLICT})
_NO_ENTRY: Final = "Stripe does not take the API key: it is wrong, expired or was revoked"
#: An hour: who says more to wait means something else.
_LONGEST_WAIT: Final = 3600.0


class Denied(Rejected):
    """
    Stripe refused the request. `code` and `param` are Stripe's words, where it has some.

    `payment_intent` is the JSON of the payment that was in the way or that failed.
    """

    def __init__(
        self,
        message: str,
        *,
        request_id: str | None = None,
        status: int | None = None,
        error: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, request_id=request_id)
        told: Mapping[str, Any] = {} if error is None else error
        self.status = status
        self.code: str | None = _text(told, "code")
        self.param: str | None = _text(told, "param")
        intent = told.get("payment_intent")
        self.payment_intent: Mapping[str, Any] | None = (
            intent if isinstance(intent, Mapping) else None
        )

    @property
    def missing(self) -> bool:
        """Whether what the request named does not exist, or not any more."""
        return self.status == HTTPStatus.NOT_FOUND or self.code == "resource_missing"


class Declined(Denied, NotPaid):
    """
    The payment was refused or awaits its customer; what was done for it stays done.

    The codes are what came back from Stripe, the bank and the network; `charge` is the failed
    charge's id. A payment that awaits its customer has the code
    "invoice_payment_intent_requires_action" and no charge.
    """

    def __init__(
        self,
        message: str,
        *,
        request_id: str | None = None,
        status: int | None = None,
        error: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, request_id=request_id, status=status, error=error)
        told: Mapping[str, Any] = {} if error is None else error
        self.charge: str | None = _text(told, "charge")
        self.decline_code: str | None = _text(told, "decline_code")
        self.advice_code: str | None = _text(told, "advice_code")
        self.network_decline_code: str | None = _text(told, "network_decline_code")
        self.network_advice_code: str | None = _text(told, "network_advice_code")


def sorted_out(error: stripe.StripeError) -> ProcessorError:
    """
    Return what `error` means to a caller.

    Its text is Stripe's, with the code and the parameter; never an address, a key or a body.
    """
    status, request_id = error.http_status, error.request_id
    told = _told(error)
    if status is None or told is None:
        return Unreachable(_silence(error), request_id=request_id)
    code, kind = _text(told, "code"), _text(told, "type")
    message = _message(told)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _UNKNOWN:
        return Unreachable(f"Stripe failed with {status}: {message}", request_id=request_id)
    if status in _WAITING or code in NOT_BEGUN:
        return Busy(f"{status}: {message}", request_id=request_id, after=wait_of(error.headers))
    if kind == "idempotency_error":
        return KeyReused(message, request_id=request_id)
    if code == CustomerTaxLocationInvalid.code:
        return CustomerTaxLocationInvalid(message, request_id=request_id)
    if status == HTTPStatus.UNAUTHORIZED:
        message = _NO_ENTRY
    kind_ = Declined if status == HTTPStatus.PAYMENT_REQUIRED else Denied
    return kind_(message, request_id=request_id, status=status, error=told)


def wait_of(headers: Mapping[str, str] | None) -> float | None:
    """Return the seconds that the answer says to wait, at most an hour; None: it does not say."""
    given = (headers or {}).get("Retry-After", "")
    try:
        return min(max(float(given), 0.0), _LONGEST_WAIT)
    except ValueError:  # a date, or nothing
        return None


def _told(error: stripe.StripeError) -> Mapping[str, Any] | None:
    body = error.json_body
    told = body.get("error") if isinstance(body, Mapping) else None
    return told if isinstance(told, Mapping) else None


def _silence(error: stripe.StripeError) -> str:
    if isinstance(error, stripe.APIConnectionError):
        return error.user_message or "no answer from Stripe"
    return f"what answered in Stripe's place is not understood (HTTP {error.http_status})"


def _message(told: Mapping[str, Any]) -> str:
    words = _text(told, "message") or "Stripe gave no reason"
    names = (_text(told, "code"), _text(told, "decline_code"), _text(told, "param"))
    named = ", ".join(name for name in names if name)
    return f"{words} ({named})" if named else words


def _text(told: Mapping[str, Any], name: str) -> str | None:
    value = told.get(name)
    return value if isinstance(value, str) and value else None
