"""The server: a world, a port, and what a test does to both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, Self

import msgspec

from recoup.errors import InvalidValue
from recoup.processors.fake import NEWEST, FakeProcessor
from recoup.processors.fake.world import World
from recoup.testing.stripe_server import faults, keeping, resources, sending, versions
from recoup.testing.stripe_server.answering import Answering, Request
from recoup.testing.stripe_server.expanding import Expanding
from recoup.testing.stripe_server.faults import Fault, Rates
from recoup.testing.stripe_server.route import Refusal
from recoup.testing.stripe_server.sending import Endpoint, Sent
from recoup.testing.stripe_server.wire import Front, Watch


def _watch_nothing(step: str, request: Request) -> None:
    del step, request


class StripeServer:
    """
    A server in Stripe's shape on 127.0.0.1; its client is the official SDK.

        with StripeServer(FakeProcessor(":memory:")) as server:
            sdk = StripeClient(server.key, base_addresses={"api": server.url})

    Args:
        world: A fake, or the path of its file; several servers may share a file.
        port: 0 takes a free one.
        key: The account's secret key.
        version: The account's version; None is that of the world.
        rates: How many requests a second are taken; None takes any number.
        smart_retries: Whether failed renewals are tried again by themselves; `fake.smart_retries`
            says how.
        watch: Told of each request's steps: see `recoup.testing.stripe_server.wire.Watch`.

    Leaving the `with` raises what a bug of the server raised meanwhile: a 500 of ours must not
    look like one of Stripe's.
    """

    def __init__(
        self,
        world: FakeProcessor | Path | str = ":memory:",
        *,
        port: int = 0,
        key: str = "sk_test_of_recoup",
        version: str | None = None,
        rates: Rates | None = None,
        smart_retries: bool = False,
        watch: Watch = _watch_nothing,
    ) -> None:
        self._own = not isinstance(world, FakeProcessor)
        #: Its levers: the clock, the customers, their banks, the books.
        self.fake = (
            world
            if isinstance(world, FakeProcessor)
            else FakeProcessor(world, api_version=version or NEWEST)
        )
        if smart_retries:
            self.fake.smart_retries()
        self.key = key
        self.rates = rates
        self._world: World = self.fake._world
        with self._world.session() as s:
            for schema in (keeping.SCHEMA, faults.SCHEMA, *sending.SCHEMAS):
                s.connection.execute(schema)
            usual = s.api_version
        self._answering = Answering(
            self._world,
            resources.ROUTES,
            Expanding(resources.SHOWS, resources.PARTS),
            key=key,
            version=version or usual,
            rates=rates,
        )
        self._watch = watch
        self._sending = Lock()
        self._front = self._started(port)
        self._port = int(self._front.server_address[1])

    @property
    def url(self) -> str:
        """Where it is, for the SDK's `base_addresses`."""
        return f"http://127.0.0.1:{self._port}"

    def close(self) -> None:
        """
        Stop, and let go of a world of its own.

        Raises:
            ExceptionGroup: bugs of the server.
        """
        self._stop()
        if self._own:
            self.fake.close()
        bugs, self._answering.bugs = self._answering.bugs, []
        if bugs:
            raise ExceptionGroup("the server for tests has bugs", bugs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- what goes wrong ------------------------------------------------------------------

    def add_fault(self, fault: Fault) -> None:
        """Have something go wrong with the next requests."""
        faults.add(self._world, fault)

    def clear_faults(self) -> None:
        """Let nothing go wrong any more."""
        faults.clear(self._world)

    @contextmanager
    def down(self) -> Iterator[None]:
        """Be away: no connection is taken, and open ones are reset."""
        self._stop()
        try:
            yield
        finally:
            self._front = self._started(self._port)

    # -- webhooks -------------------------------------------------------------------------

    def endpoint(self, url: str, *, secret: str | None = None, **options: Any) -> Endpoint:
        """
        Have everything from now on told to `url`; `options` are the fields of `Endpoint`.

        Nothing is sent but by `deliver()` and within `delivering()`.

        Raises:
            InvalidValue: no such version.
        """
        try:
            versions.version(options.get("version"), "")
        except Refusal as refusal:
            raise InvalidValue(str(refusal)) from None
        with self._world.session() as s:
            id_ = f"we_fake_{s.count('we'):06d}"
            made = Endpoint(id=id_, url=url, secret=secret or f"whsec_{id_}", **options)
            sending.add(s, made)
        return made

    def endpoints(self) -> list[Endpoint]:
        """Return whom the world tells, the oldest first."""
        with self._world.session() as s:
            return sending.endpoints(s)

    def roll_secret(
        self, endpoint: str, secret: str, *, lasts: timedelta = sending.ROLLED_FOR
    ) -> Endpoint:
        """Let `secret` sign from now on, and the old one too while it lasts: a day at most."""
        with self._world.session() as s:
            found = sending.matching(sending.endpoints(s), endpoint)
            sending.change(s, made := sending.rolled(found, secret, s.now, lasts))
        return made

    def change_endpoint(self, endpoint: str, **options: Any) -> Endpoint:
        """
        Change how the post works from now on, or where it goes.

        With `enabled=False` nothing is sent, and what is on its way is given up; what happens
        meanwhile is never sent.
        """
        with self._world.session() as s:
            found = sending.matching(sending.endpoints(s), endpoint)
            sending.change(s, made := msgspec.structs.replace(found, **options))
        return made

    def deliver(self, *, now: Callable[[], datetime] | None = None) -> list[Sent]:
        """
        Send what is due by the world's clock, retries too; return the tries made.

        Signatures are dated with the world's clock, or with `now` for a receiver on real time.
        """
        with self._sending:
            return sending.deliver(self._world, now=now)

    @contextmanager
    def delivering(
        self, *, every: float = 0.02, now: Callable[[], datetime] | None = None
    ) -> Iterator[None]:
        """Deliver all the time, in a thread of its own, and a last time when it is over."""
        over = Event()

        def go_on() -> None:
            while not over.wait(every):
                self.deliver(now=now)

        thread = Thread(target=go_on, name="post")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self.deliver(now=now)

    def sent(self) -> list[Sent]:
        """Return every try to deliver so far, in order."""
        with self._world.session() as s:
            return sending.log(s)

    def _started(self, port: int) -> Front:
        front = Front(port, self._world, self._answering, self._watch)
        Thread(
            target=front.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True, name="stripe"
        ).start()
        return front

    def _stop(self) -> None:
        self._front.shutdown()
        self._front.server_close()
        self._front.hang_up()
