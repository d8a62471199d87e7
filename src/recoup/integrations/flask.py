"""Flask: a view that requires a feature, and one that takes webhooks in."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Blueprint, Request, Response, abort, current_app, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from recoup.billing import Recoup
from recoup.integrations.base import (
    FORBIDDEN,
    SEE_OTHER,
    Customer,
    Entitling,
    allows,
    unnamed,
    worded,
)
from recoup.store.inbox import LARGEST
from recoup.webhooks.post import OVERSIZE, Door
from recoup.webhooks.signature import HEADER

CustomerOf = Callable[[Request], Customer | None]
View = Callable[..., Any]


def webhooks(recoup: Recoup) -> Blueprint:
    """
    Return a blueprint that takes events in at `/webhooks/stripe`; a worker absorbs them.

    `app.register_blueprint(webhooks(recoup))`. Exempt it where the host protects every form
    (Flask-WTF: `csrf.exempt(…)`): what is signed needs no token.
    """
    door, blueprint = Door.of(recoup), Blueprint("recoup_webhooks", __name__)

    @blueprint.post("/webhooks/stripe")
    def stripe() -> Response:
        length = request.content_length
        if length is not None and length > LARGEST:
            answer = OVERSIZE
        else:
            body = request.get_data() if length is not None else request.stream.read(LARGEST + 1)
            answer = door.post(body, ",".join(request.headers.getlist(HEADER)))
        return Response(worded(answer), answer.status, mimetype="application/json")

    return blueprint


class Guard:
    """
    Lets through whose customer is entitled, and answers everybody else the same.

    Args:
        entitlements: `recoup.entitlements`, or what its `cached` returns.
        customer_of: Says whose request it is, None when it is nobody's. When it aborts, that is
            the answer; any other error is a no.
        redirect: Where a no is sent to; by default it is a 403.
    """

    def __init__(
        self, entitlements: Entitling, customer_of: CustomerOf, *, redirect: str | None = None
    ) -> None:
        self._entitlements = entitlements
        self._customer_of = customer_of
        self._redirect = redirect

    def requires(
        self, feature: str, *, redirect: str | None = None
    ) -> Callable[[View], Callable[..., ResponseReturnValue]]:
        """Return a decorator, to stand below the route; `redirect` goes before the guard's own."""
        elsewhere = redirect or self._redirect

        def decorate(view: View) -> Callable[..., ResponseReturnValue]:
            @wraps(view)
            def guarded(*args: Any, **kwargs: Any) -> ResponseReturnValue:
                if not allows(self._entitlements, self._customer(), feature):
                    return _refused(elsewhere)
                answer: ResponseReturnValue = current_app.ensure_sync(view)(*args, **kwargs)
                return answer

            return guarded

        return decorate

    def _customer(self) -> Customer | None:
        try:
            return self._customer_of(request)
        except HTTPException:
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, nobody is named
            unnamed(error)
            return None


def _refused(elsewhere: str | None) -> ResponseReturnValue:
    if elsewhere is None:
        abort(FORBIDDEN)
    return redirect(elsewhere, SEE_OTHER)
