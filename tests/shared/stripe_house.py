"""
A whole installation on one simulated clock: Stripe played over HTTP, `recoup serve` as its webhook
endpoint, and a Recoup of the settings with a worker. Nothing is patched, nothing is left out.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import uvicorn
from stripe_truth import differences

from recoup import web
from recoup.billing import Recoup
from recoup.config import Config
from recoup.demo import pace
from recoup.jobs.clocks import TestClock
from recoup.processors.fake import FakeProcessor
from recoup.processors.stripe.calls.client import Client
from recoup.processors.stripe.calls.wire import Patience
from recoup.processors.stripe.processor import StripeProcessor
from recoup.store import database
from recoup.store.line import DatabaseLine, Pace
from recoup.testing.mail import Outbox
from recoup.testing.scene import Scene
from recoup.testing.stripe_server import StripeServer, sending
from recoup.web import serving

SECRET = "whsec_of_the_house_0001"
#: So fast that a test waits for nothing; the usual pace is the line's own matter.
FAST = Pace(each=2000, together=4000, rest=timedelta(milliseconds=50))
QUICK = Patience(connect=60.0, read=60.0, pause=0.01, total=60.0)


def settings(url: str, home: Path, *, key: str, base: str, **more: Any) -> Config:
    """Return the settings of a host whose Stripe is at `base`."""
    return Config.load(
        database_url=url,
        home=home,
        stripe_api_key=key,
        stripe_api_base=base,
        stripe_retries=False,
        stripe_webhook_secrets=SECRET,
        **more,
    )


def asking(
    config: Config, *, line: Pace = FAST, patience: Patience = QUICK, watch: Any = None
) -> StripeProcessor:
    """Return the processor of the settings at another pace than the one that Stripe bears."""
    engine = database.connect(database.database_url(config), schema=config.schema_name)
    assert config.stripe_api_key is not None
    client = Client(
        config.stripe_api_key.get_secret_value(),
        line=DatabaseLine(engine, line),
        base=config.stripe_api_base,
        patience=patience,
        watch=watch,
    )
    made = StripeProcessor(client, retries_itself=False)
    close = made.close

    def closed() -> None:
        close()
        engine.dispose()

    made.close = closed  # type: ignore[method-assign]
    return made


class Site:
    """`recoup serve` in a thread: uvicorn, a port, the application as it is mounted anywhere."""

    def __init__(self, recoup: Recoup) -> None:
        listener = serving.listening("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._server = uvicorn.Server(
            uvicorn.Config(
                web.app(recoup),
                http=serving.Impatient,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
            )
        )
        self._thread = Thread(target=self._server.run, args=([listener],), name="serve")
        self._thread.start()
        until = time.monotonic() + 60
        while not self._server.started:
            assert self._thread.is_alive(), "the server did not start"
            assert time.monotonic() < until, "the server did not start in time"
            time.sleep(0.005)

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(60)
        assert not self._thread.is_alive()


class HousePace(pace.Pace):
    """Moves both worlds; what the processor says comes by HTTP, signed, through the front door."""

    def __init__(self, recoup: Recoup, server: StripeServer, clock: TestClock) -> None:
        super().__init__(recoup, server.fake, clock)
        self._server = server

    def listen(self) -> int:
        """Have all that is due delivered, and insist that the door takes it."""
        sent = self._server.deliver()
        refused = [one for one in sent if not one.delivered]
        assert refused == [], f"the door refused {refused[:3]}"
        return len(sent)


class House(Scene):
    """A scene whose processor is Stripe, and whose news comes through the front door."""

    def __init__(
        self, recoup: Recoup, server: StripeServer, clock: TestClock, outbox: Outbox
    ) -> None:
        super().__init__(recoup, server.fake, clock, outbox)
        self.server = server
        self.pace = HousePace(recoup, server, clock)

    @classmethod
    @contextmanager
    def of(
        cls,
        url: str,
        home: Path,
        server: StripeServer,
        *,
        usual: bool = False,
        door: bool = True,
        mode: str = "fetch",
        **how: Any,
    ) -> Iterator[House]:
        """
        Open a house on a database, old or new.

        Args:
            usual: With the processor that the settings make, at Stripe's own pace.
            door: Whether the news comes in.
            mode: Whether what news is about is looked at: RECOUP_WEBHOOK_MODE.
            how: See `asking`.
        """
        home.mkdir(parents=True, exist_ok=True)
        config = settings(url, home, key=server.key, base=server.url, webhook_mode=mode)
        processor = None if usual else asking(config, **how)
        clock, outbox = TestClock(server.fake.now), Outbox()
        with Recoup(config, processor=processor, sender=outbox, clock=clock) as recoup:
            site = Site(recoup) if door else None
            try:
                house = cls(recoup, server, clock, outbox)
                if site is not None:
                    _told_at(server, f"{site.url}{web.asgi.WEBHOOKS}")
                yield house
            finally:
                if site is not None:
                    site.close()
                with suppress(AttributeError):
                    recoup.processor.close()

    def move(self, by: timedelta) -> None:
        """Let both worlds' clocks go on; nobody here does anything meanwhile."""
        self.fake.advance(self.now + by)
        self.clock.set(self.fake.now)

    def differences(self) -> list[str]:
        """Return where our rows, our invariants and the world disagree."""
        return differences(self.recoup, self.fake)


def _told_at(server: StripeServer, url: str) -> None:
    """Have the account's only endpoint be at `url`; what was not sent yet goes there."""
    with server._world.session() as s:
        known = sending.endpoints(s)
    if known:
        server.change_endpoint(known[0].id, url=url)
    else:
        server.endpoint(url, secret=SECRET)


@contextmanager
def town(world: Path | str = ":memory:", **more: Any) -> Iterator[StripeServer]:
    """Open Stripe, played, with a world of its own."""
    with FakeProcessor(world) as fake, StripeServer(fake, **more) as server:
        yield server
