"""Django: guarded views, a view that takes webhooks in, and verbs in Django's own transaction."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from asgiref.sync import sync_to_async
from django.core.exceptions import PermissionDenied
from django.db import DEFAULT_DB_ALIAS, connections
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from recoup.billing import Recoup
from recoup.commands.bound import Bound
from recoup.integrations.base import SEE_OTHER, Customer, Entitling, allows, unnamed, worded
from recoup.store.inbox import LARGEST
from recoup.webhooks.post import OVERSIZE, Door
from recoup.webhooks.signature import HEADER

CustomerOf = Callable[[HttpRequest], Customer | None]
View = Callable[..., Any]


def recoup_in(recoup: Recoup, using: str = DEFAULT_DB_ALIAS) -> Bound:
    """
    Return Recoup's verbs, bound to the transaction that Django is in on its database `using`.

    Outside of `atomic` each verb gets a transaction of its own.

    Raises:
        WrongConnection: its backend is not PostgreSQL through psycopg 3.
    """
    return recoup.using(connections[using])


def webhooks(recoup: Recoup) -> View:
    """
    Return a view that takes events in; a worker absorbs them.

    `path("webhooks/stripe", webhooks(recoup))`. It needs no CSRF token, because what comes is
    signed, and commits by itself, whatever `ATOMIC_REQUESTS` says.
    """
    door = Door.of(recoup)

    def stripe(request: HttpRequest) -> HttpResponse:
        try:
            # Never more than that, whatever the host's own limit is, and as it came.
            body = request.read(LARGEST + 1)
        except UnreadablePostError:
            return HttpResponse(status=400)
        answer = OVERSIZE if len(body) > LARGEST else door.post(body, request.headers.get(HEADER))
        return HttpResponse(worded(answer), "application/json", answer.status)

    view: View = csrf_exempt(require_POST(stripe))
    return view


class Guard:
    """
    Lets through whose customer is entitled, and answers everybody else the same.

    Args:
        entitlements: `recoup.entitlements`, or what its `cached` returns.
        customer_of: Says whose request it is, None when it is nobody's. When it raises
            PermissionDenied or Http404, that is the answer; any other error is a no.
        redirect: Where a no is sent to; by default it is a 403.
    """

    def __init__(
        self, entitlements: Entitling, customer_of: CustomerOf, *, redirect: str | None = None
    ) -> None:
        self._entitlements = entitlements
        self._customer_of = customer_of
        self._redirect = redirect

    def requires(self, feature: str, *, redirect: str | None = None) -> Callable[[View], View]:
        """
        Return a decorator for a view, plain or async; `redirect` goes before the guard's own.

        For a class: `@method_decorator(guard.requires(…), name="dispatch")`.
        """
        elsewhere = redirect or self._redirect

        def decorate(view: View) -> View:
            if iscoroutinefunction(view):

                @wraps(view)
                async def guarded_async(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                    if await sync_to_async(self._allows)(request, feature):
                        return await view(request, *args, **kwargs)
                    return _refused(elsewhere)

                return guarded_async

            @wraps(view)
            def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                if self._allows(request, feature):
                    return view(request, *args, **kwargs)
                return _refused(elsewhere)

            return guarded

        return decorate

    def _allows(self, request: HttpRequest, feature: str) -> bool:
        return allows(self._entitlements, self._customer(request), feature)

    def _customer(self, request: HttpRequest) -> Customer | None:
        try:
            return self._customer_of(request)
        except (PermissionDenied, Http404):
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, nobody is named
            unnamed(error)
            return None


def _refused(elsewhere: str | None) -> HttpResponse:
    """Answer with the host's own page for 403, or send them elsewhere."""
    if elsewhere is None:
        raise PermissionDenied
    return HttpResponse(status=SEE_OTHER, headers={"Location": elsewhere})
