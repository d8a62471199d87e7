"""FastAPI: a route that depends on a feature, and one that takes webhooks in."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

from fastapi import APIRouter, HTTPException, Request
from fastapi.concurrency import run_in_threadpool

from recoup.billing import Recoup
from recoup.integrations.base import (
    FORBIDDEN,
    SEE_OTHER,
    Customer,
    Entitling,
    allows,
    unnamed,
)
from recoup.web.receiving import Receiving
from recoup.webhooks.post import Door

CustomerOf = Callable[[Request], Customer | Awaitable[Customer | None] | None]


def webhooks(recoup: Recoup) -> APIRouter:
    """
    Return a router that takes events in at `/webhooks/stripe`; a worker absorbs them.

    `api.include_router(webhooks(recoup))`. Its end lets what was accepted be kept.
    """
    receiving = Receiving(Door.of(recoup))

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        yield
        await receiving.close()

    router = APIRouter(lifespan=lifespan)
    router.add_route("/webhooks/stripe", receiving.__call__, methods=["POST"])
    return router


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
