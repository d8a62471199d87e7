"""Where a company's own systems are told of events: what hosts and operators do with endpoints."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from difflib import get_close_matches
from secrets import token_hex
from typing import Final

from sqlalchemy import Connection, Engine

from recoup.config import Config
from recoup.effects import _addresses
from recoup.effects._secrets import Signer
from recoup.effects._wire import Wire
from recoup.effects.post import Courier
from recoup.errors import InvalidValue, NotPossible
from recoup.jobs import queue
from recoup.store.events import deliveries, endpoints
from recoup.store.events.catalogue import EVENTS
from recoup.store.events.deliveries import Delivery
from recoup.store.events.endpoints import Endpoint, Kept, Try
from recoup.store.events.outbox import ALL

#: How long a secret goes on being used after another one has taken its place.
OVERLAP: Final = timedelta(hours=24)
LONGEST_OVERLAP: Final = timedelta(days=7)
#: More signatures at once would not be read by everybody who verifies them.
MOST_SECRETS: Final = 8
#: What a post is called that is a test.
TEST: Final = "endpoint.test"
_LONGEST_WORDS: Final = 500


@dataclass(frozen=True, slots=True)
class Secret:
    """An endpoint, and what its posts are signed with from now on: shown once, never stored."""

    endpoint: Endpoint
    secret: str = field(repr=False)  #: "whsec_…"


class Endpoints:
    """
    Systems of the company's own that are told of events by signed HTTP posts.

    An endpoint is told of what is recorded after it was made, by any process that runs `worker`.
    """

    def __init__(self, database: Engine, now: Callable[[], datetime], courier: Courier) -> None:
        self._database = database
        self._now = now
        self._courier = courier
        self._anywhere = courier.wire.anywhere

    def create(
        self, url: str, types: Collection[str] = (ALL,), *, description: str = ""
    ) -> Secret:
        """
        Have a system told of events from now on; return its secret, which is shown only here.

        Args:
            url: Where it is: https, on the Internet, port 443 or 8443, without a password.
            types: "invoice.paid" and others; `*` is every type.
            description: For people.

        Raises:
            ConfigError: RECOUP_SECRET_KEY is not set.
            InvalidValue: posts must not go there, or there is no such type.
        """
        _check(url, types, description, anywhere=self._anywhere)
        now = self._now()
        with self._database.begin() as connection:
            id = endpoints.create(connection, url, types, description, now=now)
            made = self._rolled(connection, id, 1, now=now, until=now)
        self._courier.look_again()
        return made

    def list(self, *, after: int = 0, limit: int = 50) -> tuple[Endpoint, ...]:
        """Return endpoints by id, those behind `after`."""
        with self._database.connect() as connection:
            return endpoints.listing(connection, after=after, limit=limit)

    def get(self, id: int) -> Endpoint:
        """
        Return an endpoint.

        Raises:
            NotFound: there is none with this id.
        """
        with self._database.connect() as connection:
            return endpoints.read(connection, id)

    def update(
        self,
        id: int,
        *,
        url: str | None = None,
        types: Collection[str] | None = None,
        description: str | None = None,
    ) -> Endpoint:
        """
        Change where it is or what it is told of; what is on its way goes to the new place.

        Raises:
            NotFound: there is none with this id.
            InvalidValue: posts must not go there, or there is no such type.
        """
        with self._database.begin() as connection:
            old = endpoints.read(connection, id, lock=True)
            new = (
                old.url if url is None else url,
                old.types if types is None else types,
                old.description if description is None else description,
            )
            _check(*new, anywhere=self._anywhere)
            endpoints.update(connection, id, *new)
            return endpoints.read(connection, id)

    def disable(self, id: int, *, reason: str) -> Endpoint:
        """
        Have its deliveries wait, those to come too, until it is enabled, for 90 days at most.

        Raises:
            NotFound: there is none with this id.
            InvalidValue: no reason, or not on one line.
        """
        _check_words("reason", reason.strip(), least=1)
        with self._database.begin() as connection:
            endpoints.read(connection, id, lock=True)
            endpoints.disable(connection, id, reason, now=self._now())
            return endpoints.read(connection, id)

    def enable(self, id: int) -> Endpoint:
        """
        Tell it of events again, and of what it missed while it was disabled.

        Raises:
            NotFound: there is none with this id.
        """
        with self._database.begin() as connection:
            endpoints.read(connection, id, lock=True)
            if endpoints.enable(connection, id, now=self._now()):
                queue.ring(connection, "default")
            return endpoints.read(connection, id)

    def roll_secret(self, id: int, *, overlap: timedelta = OVERLAP) -> Secret:
        """
        Return a new secret, which is shown only here. Posts are signed with the old one too for
        as long as `overlap`; with none, it was found out, at once with the new one alone.

        Raises:
            ConfigError: RECOUP_SECRET_KEY is not set.
            NotFound: there is none with this id.
            NotPossible: eight secrets are good already.
            InvalidValue: an overlap of more than 7 days, or less than nothing.
        """
        if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
            raise InvalidValue(f"overlap: expected up to {LONGEST_OVERLAP.days} days")
        now = self._now()
        with self._database.begin() as connection:
            endpoints.read(connection, id, lock=True)
            kept = endpoints.secrets(connection, id, now=now)
            if overlap and len(kept) >= MOST_SECRETS:
                raise NotPossible(
                    f"endpoint {id} has {len(kept)} secrets that are good: wait until one is not, "
                    "or roll it without an overlap"
                )
            number = max((one.number for one in kept), default=0) + 1
            return self._rolled(connection, id, number, now=now, until=now + overlap)

    def delete(self, id: int) -> int:
        """
        Tell it of nothing more; return how many deliveries that waited are given up.

        Raises:
            NotFound: there is none with this id.
        """
        with self._database.begin() as connection:
            endpoints.read(connection, id, lock=True)
            return endpoints.delete(connection, id, now=self._now())

    def deliveries(
        self,
        id: int,
        *,
        stand: str | None = None,
        customer_id: int | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> tuple[Delivery, ...]:
        """
        Return how its deliveries stand, newest first.

        Args:
            stand: Only "waiting", "failing", "delivered", "held", "given_up" or "canceled".
            before: Only those with a smaller id.

        Raises:
            NotFound: there is none with this id.
        """
        with self._database.connect() as connection:
            endpoints.read(connection, id)
            return deliveries.listing(
                connection, id, stand=stand, customer_id=customer_id, before=before, limit=limit
            )

    def tries(
        self,
        id: int,
        *,
        event_id: int | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> tuple[Try, ...]:
        """
        Return the log: every post to it of the last 90 days, newest first.

        Args:
            event_id: Only those of this event.
            before: Only those with a smaller id.

        Raises:
            NotFound: there is none with this id.
        """
        with self._database.connect() as connection:
            endpoints.read(connection, id)
            return endpoints.tries(connection, id, event_id=event_id, before=before, limit=limit)

    def replay(
        self,
        id: int,
        events: Sequence[int] | None = None,
        *,
        type: str | None = None,
        since: datetime | None = None,
        customer_id: int | None = None,
        given_up: bool = False,
    ) -> int:
        """
        Tell it again of events, with the same ids; return of how many. What is on its way already
        is not told twice. An event is kept for 90 days, if anybody wanted it when it happened.

        Args:
            events: Their ids; by default all of its types that the other conditions name.
            since: Only what was recorded from this instant on.
            given_up: Only what was tried for three days and given up.

        Raises:
            NotFound: there is no such endpoint or event.
            InvalidValue: no condition is given.
        """
        if events is None and not (type or since or customer_id or given_up):
            raise InvalidValue("replay: name the events, a type, an instant or a customer")
        if type is not None:
            _check_type(type)
        now = self._now()
        with self._database.begin() as connection:
            endpoints.read(connection, id)
            told = deliveries.replay(
                connection, id, now=now, ids=events, type=type, since=since,
                customer_id=customer_id, given_up=given_up,
            )  # fmt: skip
            queue.ring(connection, "default")
        return told

    def send_test(self, id: int) -> Try:
        """
        Post an event of the type "endpoint.test" now, whether it is enabled or not; return what
        came of it.

        Raises:
            ConfigError: RECOUP_SECRET_KEY is not set, or another one.
            NotFound: there is none with this id.
        """
        return self._courier.test(self.get(id), TEST, now=self._now())

    def _rolled(
        self, connection: Connection, id: int, number: int, *, now: datetime, until: datetime
    ) -> Secret:
        signer, salt = self._courier.signer, token_hex(16)
        kept = Kept(number, salt, signer.mark(id, number, salt))
        endpoints.roll(connection, id, kept, now=now, until=until)
        return Secret(endpoints.read(connection, id), signer.secret(id, number, salt))


def by(config: Config, database: Engine, now: Callable[[], datetime]) -> tuple[Endpoints, Courier]:
    """Return endpoints as the settings have them, and who posts to them from this process."""
    key = None if config.secret_key is None else config.secret_key.get_secret_value()
    courier = Courier(database, Signer(key), Wire(anywhere=config.allow_private_urls))
    return Endpoints(database, now, courier), courier


def _check(url: str, types: Collection[str], description: str, *, anywhere: bool) -> None:
    _addresses.target(url, anywhere=anywhere)
    if isinstance(types, str) or not types:
        raise InvalidValue("types: expected a list of types, or of * for every type")
    for type in types:
        if type != ALL:
            _check_type(type)
    _check_words("description", description)


def _check_type(type: str) -> None:
    if type not in EVENTS:
        close = get_close_matches(str(type), EVENTS, n=1)
        hint = f"did you mean {close[0]!r}? There are" if close else "there are"
        raise InvalidValue(f"no event is called {str(type)[:100]!r}: {hint} {', '.join(EVENTS)}")


def _check_words(name: str, given: str, *, least: int = 0) -> None:
    if not least <= len(given) <= _LONGEST_WORDS or not given.isprintable():
        raise InvalidValue(f"{name}: expected {least} to {_LONGEST_WORDS} characters on one line")
