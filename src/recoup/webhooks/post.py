"""
The door that companies knock at: look at the bytes, keep them, ask for them to be absorbed.

What is refused is refused before anything is read into it, and leaves no row. What is accepted is
committed with the effect that absorbs it before anybody answers, so a 2xx is a promise; nothing
here waits for an event to be understood.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol, Self

import msgspec
from sqlalchemy import Engine

from recoup.config import Config
from recoup.errors import masked
from recoup.jobs import queue
from recoup.store import database, inbox
from recoup.store.inbox import LARGEST
from recoup.webhooks import signature
from recoup.webhooks.signature import Fault

log: Final = logging.getLogger(__name__)

_BLANKS: Final = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender is told: a status of HTTP, and a code that says why."""

    status: int
    code: str
    message: str = ""

    def body(self) -> dict[str, Any]:
        """Return it as the sender reads it."""
        if self.status < 400:
            return {"status": self.code}
        return {"error": {"code": self.code, "message": self.message}}


RECEIVED: Final = Answer(200, "received")
OVERSIZE: Final = Answer(413, "oversize", "an event is at most 1 MiB")
UNAVAILABLE: Final = Answer(503, "unavailable", "it could not be kept: send it again later")
WRONG_MODE: Final = Answer(400, "wrong_mode", "events of the other mode do not belong here")
FOREIGN: Final = Answer(400, "foreign_account", "events of other accounts do not belong here")
_FAULTS: Final = {
    fault: Answer(400, fault.value, "the signature does not hold for these bytes, here and now")
    for fault in Fault
} | {Fault.NO_SECRET: Answer(404, Fault.NO_SECRET.value, "no webhook secret is configured")}


class Headers(Protocol):
    """Headers of a request, as far as a door needs them; a name may stand there twice."""

    def get(self, name: str, default: str, /) -> str:
        """Return the first value of a header."""
        ...

    def getlist(self, name: str, /) -> list[str]:
        """Return every value of a header."""
        ...


class Holder(Protocol):
    """What a `Recoup` has, as far as a door needs it."""

    config: Config
    database: Engine

    @property
    def processor(self) -> Any: ...

    @property
    def clock(self) -> Any: ...


class _Head(msgspec.Struct):
    """What of an event says whether it belongs here; nothing else is decoded."""

    livemode: Any = None
    account: Any = None


_head: Final = msgspec.json.Decoder(_Head).decode
_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Door:
    """
    Where events of one processor come in.

    Args:
        secrets: All that its signatures may be made with now. None of them: nothing comes in.
        live: Whether events of live mode are let in, and not those of test mode.
        now: Tells the UTC instant.
    """

    engine: Engine
    processor: str
    secrets: tuple[str, ...] = field(repr=False)
    live: bool
    now: Callable[[], datetime]

    @classmethod
    def of(cls, recoup: Holder, *, engine: Engine | None = None) -> Self:
        """Return the door of a `Recoup`, on its own connections or on those of `engine`."""
        return cls(
            engine or recoup.database,
            recoup.processor.name,
            recoup.config.secrets(),
            recoup.config.live_mode,
            recoup.clock.now,
        )

    def post(self, body: bytes, header: str | None) -> Answer:
        """Check and keep one body; return what its sender is told. Raises nothing."""
        refused = self.refused(body, header)
        if refused is not None:
            return refused
        try:
            self.keep([body])
        except Exception as error:  # noqa: BLE001  whatever it is, the sender tries again
            log.warning("an event could not be kept: %s", described(error))
            return UNAVAILABLE
        return RECEIVED

    def presented(self, headers: Headers) -> str | None:
        """Return what of a request's headers proves whose its body is."""
        return ",".join(headers.getlist(signature.HEADER))

    def refused(self, body: bytes, header: str | None) -> Answer | None:
        """
        Return why `body` is not let in, or None.

        Args:
            header: The value of `Stripe-Signature`; several of them joined by a comma.
        """
        if len(body) > LARGEST:
            return OVERSIZE
        found = signature.fault(body, header, secrets=self.secrets, now=self.now())
        return self._misled(body) if found is None else _FAULTS[found]

    def keep(self, bodies: Sequence[bytes]) -> None:
        """
        Keep `bodies` and enqueue their absorption, in one transaction; repeats change nothing.

        Raises:
            Exception: the database failed, or refused one of them. Nothing is kept, or nobody
                knows: the same again will tell.
        """
        faults = {body: "a name stands twice in it" for body in bodies if _repeats_a_name(body)}
        try:
            self._keep(bodies, faults)
        except Exception as error:
            if not database.is_lost(error):
                raise
            self.engine.dispose()  # the server was restarted: all that we hold are dead
            self._keep(bodies, faults)

    def _keep(self, bodies: Sequence[bytes], faults: Mapping[bytes, str]) -> None:
        now = self.now()
        then = queue.following("absorb", queue="webhooks", now=now)
        # One statement is a transaction of its own: nothing is to be begun, or ended, around it.
        engine = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            inbox.store(connection, self.processor, bodies, now=now, faults=faults, then=then)

    def alive(self) -> bool:
        """Whether the database answers."""
        try:
            with self.engine.connect() as connection:
                inbox.claimed(connection, [])
        except Exception:  # noqa: BLE001  whatever it is, it does not
            return False
        return True

    def _misled(self, body: bytes) -> Answer | None:
        """Whether a signed event belongs elsewhere; one that can not be read belongs here."""
        try:
            head = _head(body)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return None
        if isinstance(head.livemode, bool) and head.livemode is not self.live:
            return WRONG_MODE
        return None if head.account is None else FOREIGN


def described(error: BaseException) -> str:
    """Return the kind of an error and the first line of it; further ones may quote rows."""
    said = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
    return masked(f"{type(error).__name__}: {said}")


class _Repeated(Exception):
    """A name stands twice in one object."""


def _repeats_a_name(body: bytes) -> bool:
    """
    Whether a name stands twice in an object: readers differ on which of the two counts.

    What is encoded again and has lost nothing but blanks repeats no name. That is five times as
    fast as looking at every object, which only has to be done where texts are escaped.
    """
    try:
        again = _encode(_decode(body))
        if len(again.translate(None, _BLANKS)) == len(body.translate(None, _BLANKS)):
            return False
        json.loads(body, object_pairs_hook=_unrepeated)
    except _Repeated:
        return True
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False  # nobody can read it, so nobody reads it in two ways
    return False


def _unrepeated(pairs: list[tuple[str, object]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise _Repeated
