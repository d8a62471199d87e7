"""
One round of posts to one endpoint: what is posted, and what each answer means.

Source: docs/webhooks-out.md, "When it fails".
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec

from recoup.effects._wire import Posted
from recoup.errors import LostClaim
from recoup.jobs.base import Cancel, Claim, Desk, Done, Fail, Park, Snooze, Wish
from recoup.jobs.words import described
from recoup.store.database import reading
from recoup.store.events import endpoints, outbox
from recoup.store.events.catalogue import Event
from recoup.store.events.endpoints import HELD, Endpoint, Try

log: Final = logging.getLogger(__name__)

API_VERSION: Final = "v1"
#: How long is waited after each try that failed; docs/webhooks-out.md has the table.
WAITS: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (
        10, 60, 300, 1800, 2 * 3600, 4 * 3600, 8 * 3600, 12 * 3600, 21 * 3600, 24 * 3600
    )
)  # fmt: skip
#: An endpoint of which every try has failed for so long is disabled.
FAILING: Final = timedelta(days=5)
#: How long deliveries wait that nobody can sign.
UNSIGNED: Final = timedelta(minutes=5)
ANOTHER_KEY: Final = (
    "RECOUP_SECRET_KEY: not the one that the endpoint's secrets were made with: set that one, or "
    "roll its secret"
)

_encode: Final = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Round:
    """Some deliveries to one endpoint, and what they need."""

    endpoint: Endpoint
    send: Callable[[bytes, datetime], Posted]  #: signs and posts, at an instant of our clock
    events: Mapping[int, Event]
    recorded: Mapping[int, datetime]
    desk: Desk
    until: float  #: by the monotonic clock
    over: bool = False  #: whether nothing more is to be posted now

    def lane(self, claims: Sequence[Claim]) -> None:
        """Deliver these, one after the other, and settle every one of them."""
        for claim in claims:
            try:
                self._deliver(claim)
            except LostClaim as lost:
                log.warning("effect %d (%s): %s", claim.id, claim.key, lost)
            except Exception as error:
                log.exception("effect %d (%s)", claim.id, claim.key)
                _give_back(self.desk, claim, error)

    def _deliver(self, claim: Claim) -> None:
        desk, event = self.desk, self.events.get(event_id(claim))
        if event is None:
            settle(desk, {claim: Cancel("the event is not kept any more")})
            return
        if self.over or time.monotonic() > self.until:
            settle(desk, {claim: Snooze(desk.now(), "others have their turn first")})
            return
        with reading(desk.engine) as connection:
            earlier = outbox.waits_until(connection, claim.id)
        if earlier is not None:
            until = max(earlier, desk.now()) + timedelta(seconds=1)
            reason = "an earlier one of the same customer comes first"
            settle(desk, {claim: Snooze(until, reason)})
            return
        posted = self.send(body(event, self.recorded[event.id]), desk.now())
        self._conclude(claim, event, posted)

    def _conclude(self, claim: Claim, event: Event, posted: Posted) -> None:
        """Write what a post came to, and what follows for the endpoint."""
        desk, endpoint, now = self.desk, self.endpoint, self.desk.now()
        made = tried(endpoint, event, posted, now=now, replay=bool(claim.args.get("replay")))
        with desk.engine.begin() as connection:
            wish: Wish
            if posted.error is None:
                endpoints.worked(connection, endpoint.id)
                wish = Done({"status": posted.status, "ms": posted.ms})
            else:
                quiet = None if posted.after is None else now + posted.after
                since = endpoints.failed(connection, endpoint.id, now=now, quiet_until=quiet)
                over = _end_of(posted, since, now)
                self.over = self.over or over is not None or quiet is not None
                wish = Fail(posted.error, after=_wait(claim.attempt, posted))
                if over is not None:
                    if endpoints.disable(connection, endpoint.id, over, now=now):
                        endpoints.alert(
                            connection, endpoint.id, f"endpoint {endpoint.id}: {over}", now=now
                        )
                        log.error("endpoint %d is disabled: %s", endpoint.id, over)
                    wish = Park(HELD)
            endpoints.log(connection, made)
            desk.settle(connection, {claim: wish})


def refusal(
    found: Sequence[Endpoint], secrets: Sequence[str], now: datetime
) -> Cancel | Park | Snooze | None:
    """Return why nothing is posted now, if so."""
    if not found:
        return Cancel("its endpoint was deleted")
    (endpoint,) = found
    if not endpoint.enabled:
        return Park(HELD)
    if endpoint.quiet_until is not None and endpoint.quiet_until > now:
        return Snooze(endpoint.quiet_until, "its endpoint asked for patience")
    if not secrets:
        log.error("endpoint %d: %s", endpoint.id, ANOTHER_KEY)
        return Snooze(now + UNSIGNED, ANOTHER_KEY)
    return None


def put_off(desk: Desk, id: int, claims: Sequence[Claim], why: Cancel | Park | Snooze) -> None:
    with desk.engine.begin() as connection:
        # Locked: whoever enables it brings back what is parked, and this must be among it.
        found = endpoints.known(connection, [id], lock=True)
        if isinstance(why, Park) and found and found[0].enabled:
            why = Snooze(desk.now(), "its endpoint was enabled just now")
        desk.settle(connection, dict.fromkeys(claims, why))


def settle(desk: Desk, wishes: Mapping[Claim, Wish]) -> None:
    with desk.engine.begin() as connection:
        desk.settle(connection, wishes)


def _give_back(desk: Desk, claim: Claim, error: Exception) -> None:
    try:
        settle(desk, {claim: Fail(described(error))})
    except Exception as again:  # noqa: BLE001  then its lease runs out
        log.warning("effect %d (%s): %s", claim.id, claim.key, again)


def _end_of(posted: Posted, since: datetime, now: datetime) -> str | None:
    """Return why the endpoint is to be disabled, if it is."""
    if posted.gone:
        return "it answered 410: it is gone"
    if now - since >= FAILING:
        return f"no post has been delivered for {FAILING.days} days; the last one: {posted.error}"
    return None


def _wait(attempt: int, posted: Posted) -> timedelta:
    """Return how long to wait after the try that is number `attempt` (1 is the first)."""
    wait = WAITS[min(attempt, len(WAITS)) - 1]
    return max(wait, posted.after or wait)


def tried(
    endpoint: Endpoint, event: Event, posted: Posted, *, now: datetime, replay: bool = False
) -> Try:
    return Try(
        id=0,
        endpoint_id=endpoint.id,
        event_id=event.id or None,
        type=event.type,
        customer_id=event.customer_id or None,
        tried_at=now,
        replay=replay,
        delivered=posted.error is None,
        status=posted.status,
        ms=posted.ms,
        answer=posted.answer or None,
        error=posted.error,
    )


def body(event: Event, created: datetime) -> bytes:
    """Return what is posted; the same bytes for the same event."""
    return _encode(
        {
            "id": event.id,
            "type": event.type,
            "api_version": API_VERSION,
            "created": created,
            "customer_id": event.customer_id,
            "subject": event.subject,
            "occurred_at": event.occurred_at,
            "data": event.data,
        }
    )


def event_id(claim: Claim) -> int:
    return int(claim.args["event_id"] or 0)
