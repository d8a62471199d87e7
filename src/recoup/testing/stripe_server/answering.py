"""
From a request to its answer: who asks, which version, which route, which parameters, once.

Everything before the execution refuses without a trace. The execution is one transaction of the
world, with the saved answer in it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from recoup.errors import CustomerTaxLocationInvalid, InvalidValue, Rejected
from recoup.processors.fake.idempotency import BankSaidNo
from recoup.processors.fake.world import Session, World
from recoup.testing.stripe_server import definitions, faults, forms, keeping, versions
from recoup.testing.stripe_server.expanding import Expanding
from recoup.testing.stripe_server.faults import Fault, Rates, TooFast
from recoup.testing.stripe_server.route import Call, Json, Refusal, Route

_encode: Final = msgspec.json.Encoder(order="sorted").encode
_pretty: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came; header names are lower-case. `path` has no query."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def what(self) -> str:
        """Method and path: "POST /v1/customers"."""
        return f"{self.method} {self.path}"

    @property
    def key(self) -> str | None:
        """Its idempotency key."""
        return self.headers.get("idempotency-key")


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, ready to be sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that may be executed."""

    id: str
    route: Route
    ids: tuple[str, ...]
    params: Mapping[str, Any]
    version: str
    key: str | None


class Answering:
    """
    Answers requests out of one world.

    Args:
        key: The account's secret key.
        version: The account's version, for requests that ask for none.
    """

    def __init__(
        self,
        world: World,
        routes: Mapping[str, Route],
        expanding: Expanding,
        *,
        key: str,
        version: str,
        rates: Rates | None,
    ) -> None:
        self._world = world
        self._expanding = expanding
        self._key = key
        self._version = version
        self._rates = rates
        self._routes = sorted(_compiled(routes), key=lambda one: one[1].count(":"))
        #: What a bug of the server raised: such a 500 is not Stripe's.
        self.bugs: list[Exception] = []

    def answer(self, request: Request, fault: Fault | None = None) -> Reply:
        """Return the answer to `request`; what of `fault` concerns the answer is in it."""
        with self._world.session() as s:
            id_, at = f"req_fake_{s.count('req'):06d}", s.now
        headers = {
            "Date": formatdate(at, usegmt=True),
            "Content-Type": "application/json",
            "Request-Id": id_,
            "Stripe-Version": request.headers.get("stripe-version") or self._version,
            "Cache-Control": "no-cache, no-store",
        }
        try:
            asked = self._understood(request, id_)
            if fault is not None and fault.refused:
                raise faults.refusal(fault)
            status, body = self._once(request, asked, fault, headers)
        except Refusal as refusal:
            status, body = refusal.status, _error(refusal, id_)
            _advise(headers, refusal)
        if fault is not None and fault.seconds is not None and fault.refused:
            headers["Retry-After"] = f"{fault.seconds:g}"
        if fault is not None and fault.should_retry is not None:
            headers["Stripe-Should-Retry"] = str(fault.should_retry).lower()
        return Reply(status, headers, body)

    # -- before anything happens ----------------------------------------------------------

    def _understood(self, request: Request, id_: str) -> _Asked:
        versions.refuse_stranger(request.headers, self._key)
        versions.refuse_others(request.headers)
        version = versions.version(request.headers.get("stripe-version"), self._version)
        name, route, ids = self._route(request)
        if self._rates is not None:
            self._rates.take(name)
        key = versions.idempotency_key(request.headers)
        if request.method == "POST":
            forms.refuse_body(request.headers.get("content-type"), request.body)
        given = request.body if request.method == "POST" else request.query
        if request.method == "POST" and request.query:
            raise Refusal("Parameters of a POST request go into its body, not into its URL")
        params = definitions.checked(
            forms.decoded(given), route.params, played=route.played, clears=route.clears
        )
        return _Asked(id_, route, ids, params, version, key if request.method == "POST" else None)

    def _route(self, request: Request) -> tuple[str, Route, tuple[str, ...]]:
        for method, name, pattern, route in self._routes:
            match = pattern.fullmatch(request.path)
            if match and method == request.method:
                return f"{method} {name}", route, tuple(map(unquote, match.groups()))
        raise Refusal(
            f"Unrecognized request URL ({request.method}: {request.path}). Please see"
            " https://stripe.com/docs or we can help at https://support.stripe.com/.",
            status=404,
        )

    # -- the execution --------------------------------------------------------------------

    def _once(
        self, request: Request, asked: _Asked, fault: Fault | None, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        if asked.key is None:
            return self._execute(asked, fault)
        headers["Idempotency-Key"] = asked.key
        kept = keeping.begin(
            self._world,
            asked.key,
            path=request.path,
            asked=_encode(asked.params),
            request_id=asked.id,
        )
        if kept is not None:
            headers["Original-Request"] = kept.request_id
            headers["Idempotent-Replayed"] = "true"
            status, body = kept.status, kept.body
        else:
            headers["Original-Request"] = asked.id
            try:
                status, body = self._execute(asked, fault)
            finally:
                keeping.end(self._world, asked.key)
        if status >= 500:
            headers["Stripe-Should-Retry"] = "false"
        return status, body

    def _execute(self, asked: _Asked, fault: Fault | None) -> tuple[int, bytes]:
        kind = None if fault is None else fault.kind
        if kind == "delay":
            time.sleep((fault and fault.seconds) or 0)
        try:
            with self._world.session() as s:
                s.request = {"id": asked.id, "idempotency_key": asked.key}
                if kind == "error":
                    return self._saved(s, asked, _broken(asked.id))
                done = self._do(s, asked)
                return self._saved(s, asked, _broken(asked.id) if kind == "error_after" else done)
        except Exception as error:  # noqa: BLE001  any of them has an answer
            refusal = refused(error, asked.ids, asked.params)
            if refusal is None:
                self.bugs.append(error)
                return _broken(asked.id)
            with self._world.session() as s:
                if isinstance(error, BankSaidNo):
                    s.save(error.card)
                return self._saved(s, asked, (refusal.status, _error(refusal, asked.id)))

    def _do(self, s: Session, asked: _Asked) -> tuple[int, bytes]:
        call = Call(s, asked.ids, asked.params, asked.version)
        try:
            answer = asked.route.answer(call)
            paths = asked.params.get("expand", [])
            if paths:
                answer = self._expanding.expanded(s, answer, paths, asked.version)
        except Refusal as refusal:
            if not refusal.kept:
                raise
            return refusal.status, _error(refusal, asked.id)
        return 200, _pretty(answer)

    @staticmethod
    def _saved(s: Session, asked: _Asked, answer: tuple[int, bytes]) -> tuple[int, bytes]:
        if asked.key is not None:
            keeping.save(s, asked.key, *answer)
        return answer


def _compiled(
    routes: Mapping[str, Route],
) -> list[tuple[str, str, re.Pattern[str], Route]]:
    return [
        (method, path, re.compile(re.sub(r":\w+", "([^/]+)", path)), route)
        for (method, path), route in ((name.split(" "), route) for name, route in routes.items())
    ]


# -- errors -------------------------------------------------------------------------------

_NO_SUCH: Final = re.compile(r"No such ([\w ]+): '(.*)'")
#: What Stripe calls our things in this sentence, where it is not the same word.
_NOUNS: Final[Mapping[str, str]] = {
    "intent": "payment_intent",
    "method": "PaymentMethod",
    "promotioncode": "promotion code",
}
_TAX: Final = (
    "The customer's location isn't recognized. Set a valid customer address in order to"
    " automatically calculate tax."
)


def refused(error: Exception, ids: tuple[str, ...], params: Mapping[str, Any]) -> Refusal | None:
    """Return an error of the fake in Stripe's words; None: it is a bug of ours."""
    if isinstance(error, Refusal):
        return error
    text = str(error)
    missing = _NO_SUCH.fullmatch(text)
    if isinstance(error, CustomerTaxLocationInvalid):
        return Refusal(_TAX, code="customer_tax_location_invalid")
    if isinstance(error, BankSaidNo):
        return Refusal(text, status=402, type="card_error", code="card_declined")
    if isinstance(error, Rejected) and missing is not None:
        noun, id_ = missing[1], missing[2].removeprefix("coupon_")
        return Refusal(
            f"No such {_NOUNS.get(noun, noun)}: '{id_}'",
            status=404 if id_ in ids else 400,
            code="resource_missing",
            param="id" if id_ in ids else param_of(params, id_),
        )
    if isinstance(error, Rejected | InvalidValue):
        return Refusal(text)
    return None


def param_of(params: Any, value: str, at: str = "") -> str | None:
    """Return the name, in brackets, of the parameter that is `value`."""
    if isinstance(params, str):
        return at if params == value else None
    parts: Any = ()
    if isinstance(params, Mapping):
        parts = params.items()
    elif isinstance(params, list):
        parts = enumerate(params)
    for name, part in parts:
        found = param_of(part, value, f"{at}[{name}]" if at else str(name))
        if found is not None:
            return found
    return None


def _error(refusal: Refusal, request_id: str) -> bytes:
    error: Json = dict(refusal.error)
    if "code" in error:
        word = str(error["code"]).replace("_", "-")
        error.setdefault("doc_url", f"https://stripe.com/docs/error-codes/{word}")
    error["request_log_url"] = f"https://dashboard.stripe.com/test/logs/{request_id}"
    return _pretty({"error": error})


def _broken(request_id: str) -> tuple[int, bytes]:
    refusal = Refusal(
        "Sorry! There was an error while talking to Stripe. Please try again.",
        status=500,
        type="api_error",
    )
    return 500, _error(refusal, request_id)


def _advise(headers: dict[str, str], refusal: Refusal) -> None:
    if refusal.error.get("code") == "lock_timeout":
        headers["Stripe-Should-Retry"] = "true"
    if isinstance(refusal, TooFast):
        headers["Stripe-Rate-Limited-Reason"] = refusal.reason
