"""What hosts and operators do with what follows customers' access. Source: docs/access.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from recoup.access.base import AccessStore
from recoup.access.callable import PATIENCE, Read
from recoup.access.callable import Callable as ByCall
from recoup.access.none import Nobody
from recoup.access.webhook import Post, Webhook
from recoup.config import Config
from recoup.core.account.access import AccessState, differences
from recoup.core.states import Trigger
from recoup.effects import _addresses, _secrets, sync_access
from recoup.effects._wire import Posted, Wire
from recoup.effects.base import World
from recoup.errors import ConfigError, InvalidValue, NotFound
from recoup.jobs import queue
from recoup.jobs.base import Handler, NewEffect
from recoup.store import access
from recoup.store.access import Follower
from recoup.store.queries import customers
from recoup.store.queries.pages import Page

_F = TypeVar("_F", bound=Callable[[AccessState], Any])


class Access:
    """
    Systems of the host's own that open and close what customers use.

    A customer is named by our id, the processor's id, or an owner as `type:id`.

    Args:
        handlers: Where workers look for what runs a kind of effect; ours are added to it.
        post: Posts to RECOUP_ACCESS_URL; None where that is not set.
    """

    def __init__(
        self,
        database: Engine,
        world: World,
        handlers: dict[str, Handler],
        now: Callable[[], datetime],
        post: Post | None,
    ) -> None:
        self._database = database
        self._world = world
        self._handlers = handlers
        self._now = now
        self.store: AccessStore = Nobody()  #: what this process tells
        if post is not None:
            self._begin("webhook", Webhook(post))

    def use(self, function: _F, *, read: Read | None = None, patience: timedelta = PATIENCE) -> _F:
        """
        Have a function of this process follow from now on, and tell it who is restricted already,
        or was while somebody followed before.

        A decorator too. Only processes that have the function tell it anything; the others leave
        that to them.

        Args:
            function: Takes an `AccessState`, and returns when the host has followed. It runs in a
                thread of its own, may be called twice, and must not follow an older version.
            read: Takes our id of a customer, and returns the `AccessState` that the host holds,
                or None: for `recoup drift`.
            patience: How long a call is waited for.

        Raises:
            InvalidValue: a coroutine function, or this process has something that follows already.
        """
        self._begin("callable", ByCall(function, read, patience=patience))
        return function

    def state(self, customer: int | str) -> AccessState:
        """
        Return what the host is, or would be, told of a customer now.

        Raises:
            NotFound: there is no such customer.
        """
        with self._database.connect() as connection:
            id = customers.find(connection, str(customer))
            found = access.read(connection, id, plans=self._world.plans, now=self._now())
        if found is None:
            raise NotFound(f"there is no customer {customer}")
        return found.state

    def differences(self, customer: int | str) -> Mapping[str, tuple[str, str]]:
        """
        Ask the host what it holds, and return where that is not what it was told: what is closed,
        as (scope consequence) -> (ours, theirs), each "open" or "closed".

        Raises:
            NotFound: there is no such customer.
            CannotTell: the host can not be asked.
        """
        state = self.state(customer)
        return differences(state, self.store.read(state.customer))

    def list(
        self, *, lifting: bool = False, behind: bool = False, after: int = 0, limit: int = 50
    ) -> Page[Follower]:
        """
        Return how far the host is with customers, by id.

        Args:
            lifting: Only those who wait for something to be undone.
            behind: Only those of whom it has not confirmed the newest.
        """
        with self._database.connect() as connection:
            return access.listing(
                connection, lifting=lifting, behind=behind, after=after, limit=limit
            )

    def get(self, customer: int | str) -> Follower:
        """
        Return how far the host is with a customer.

        Raises:
            NotFound: there is no such customer, or the host was never told of them.
        """
        with self._database.connect() as connection:
            return access.show(connection, customers.find(connection, str(customer)))

    def retry(self, *given: int | str) -> int:
        """
        Have the host told of these customers now, again if it has confirmed already; return of how
        many. What is given back comes first.

        Raises:
            NotFound: there is no such customer.
            InvalidValue: nobody follows.
        """
        now = self._now()
        with self._database.begin() as connection:
            if access.store(connection) is None:
                raise InvalidValue("access: nobody follows, so nobody can be told")
            ids = sorted({customers.find(connection, str(one)) for one in given})
            known = {id: access.behind(connection, id) for id in ids}
            access.changed(
                connection, [id for id, far in known.items() if far is None or far.done], now=now
            )
            back = [id for id, far in known.items() if far is not None and far.lifting]
            self._tell(connection, ids, back, now=now)
        return len(ids)

    def stop(self) -> int:
        """
        Have nobody follow any more: the host asks us. Return how many customers that concerns.

        A process that has RECOUP_ACCESS_URL or a function brings it back when it starts.
        """
        now = self._now()
        with self._database.begin() as connection:
            ids = access.end(connection, now=now)
            for kind in (access.SYNC, access.RESTORE):
                queue.cancel(connection, reason="nobody follows any more", now=now, kind=kind)
            self._world.recompute(connection, ids, trigger=Trigger.ACCESS, now=now)
        return len(ids)

    def _begin(self, name: str, store: AccessStore) -> None:
        if not isinstance(self.store, Nobody):
            raise InvalidValue("access: something of this process follows already")
        now = self._now()
        with self._database.begin() as connection:
            self._tell(connection, access.begin(connection, name, now=now), (), now=now)
        self.store = store
        self._handlers[access.SYNC] = sync_access.handler(self._world, store)
        self._handlers[access.RESTORE] = sync_access.handler(self._world, store, first=True)

    @staticmethod
    def _tell(
        connection: Connection, ids: Sequence[int], back: Sequence[int], *, now: datetime
    ) -> None:
        """Have the host told of `ids` now, first of those of `back`."""
        keys = [access.key(id) for id in ids]
        queue.prefer(connection, [access.key(id) for id in back], kind=access.RESTORE, now=now)
        queue.hasten(connection, keys, now=now)
        effects = [
            NewEffect(
                access.RESTORE if id in back else access.SYNC,
                access.key(id),
                now,
                queue=access.QUEUE,
                customer_id=id,
            )
            for id in ids
        ]
        queue.enqueue(connection, effects, now=now)


def posting(config: Config, now: Callable[[], datetime]) -> Post | None:
    """
    Return what signs and posts to RECOUP_ACCESS_URL; None where that is not set.

    Raises:
        ConfigError: posts must not go there.
    """
    url = config.access_url
    if url is None:
        return None
    anywhere, secrets = config.allow_private_urls, config.signs_access()
    try:
        _addresses.target(url, anywhere=anywhere)
    except _addresses.NotAllowed as refused:
        raise ConfigError(f"RECOUP_ACCESS_URL: {refused}. See docs/access.md.") from None
    wire = Wire(anywhere=anywhere)

    def post(body: bytes, *, kept: int) -> Posted:
        at = now()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Recoup/1 (access)",
            "Connection": "close",
            _secrets.HEADER: _secrets.signature(body, secrets, at=at),
        }
        return wire.post(url, body, headers, now=at, kept=kept)

    return post
