"""FastAPI: a route that depends on a feature."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, cast

from fastapi import HTTPException, Request
from fastapi.concurrency import run_in_threadpool

from recoup.integrations.base import (
    FORBIDDEN,
    SEE_OTHER,
    Customer,
    Entitling,
    allows,
    unnamed,
)

CustomerOf = Callable[[Request], Customer | Awaitable[Customer | None] | None]


class Guard:
    """
    Lets through whose customer is entitled, and answers everybody else the same.

    Args:
        entitlements: `recoup.entitlements`, or what its `cached` returns.
        customer_of: Says whose request it is, None when it is nobody's; may be a coroutine. When
            it raises an HTTPException, that is the answer; any other error is a no.
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
    ) -> Callable[[Request], Awaitable[None]]:
        """Return a dependency, for `Depends`; `redirect` goes before the guard's own."""
        elsewhere = redirect or self._redirect

        async def guarded(request: Request) -> None:
            customer = await self._customer(request)
            if await run_in_threadpool(allows, self._entitlements, customer, feature):
                return
            if elsewhere is None:
                raise HTTPException(FORBIDDEN)
            raise HTTPException(SEE_OTHER, headers={"Location": elsewhere})

        return guarded

    async def _customer(self, request: Request) -> Customer | None:
        try:
            customer_of = cast("Callable[[Request], Any]", self._customer_of)
            if inspect.iscoroutinefunction(customer_of):
                named = customer_of(request)
            else:
                named = await run_in_threadpool(customer_of, request)
            customer: Customer | None = await named if inspect.isawaitable(named) else named
        except HTTPException:
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, nobody is named
            unnamed(error)
            return None
        return customer
