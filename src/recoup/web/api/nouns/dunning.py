"""What operators decide about a customer's debt: holds, one more try, another policy, the stop."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from recoup.core.dunning import acts
from recoup.core.dunning.acts import Acted
from recoup.store.operators.holds import HoldRow
from recoup.web.api.endpoint import Asked, Endpoint, Paging, Rows
from recoup.web.api.nouns.operations import number
from recoup.web.api.shapes import paged, shape

_ACTED: Final = shape(Acted)
_SCOPE: Final = "operations:write"

Reason = Annotated[str, Meta(min_length=1, max_length=500)]
Until = Annotated[datetime, Meta(tz=True, description="ISO 8601; at most 365 days from now.")]
_Days = Annotated[
    int,
    Meta(ge=1, le=acts.LONGEST.days, description="Of grace: whole days, instead of `until`."),
]


class Decision(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    reason: Reason
    dry_run: bool = False


class Holding(Decision, frozen=True, forbid_unknown_fields=True, kw_only=True):
    kind: Literal["hold", "promise", "grace", "exempt"] = "hold"
    until: Until | None = None
    days: _Days | None = None

    def __post_init__(self) -> None:
        """
        Check that it ends, and that it is said in one way when.

        Raises:
            ValueError: it is not; decoding turns it into the refusal of a field.
        """
        if self.kind == "grace":
            if (self.until is None) == (self.days is None):
                raise ValueError("grace takes one of until and days")
        elif self.days is not None:
            raise ValueError(f"days: only grace takes them, {self.kind} takes until")
        elif self.until is None:
            raise ValueError("Object missing required field `until`")

    def end(self) -> dict[str, Any]:
        """Return when it ends, as its verb takes it."""
        return {"until": self.until} if self.days is None else {"days": self.days}


class Releasing(Decision, frozen=True, forbid_unknown_fields=True, kw_only=True):
    hold: Annotated[int, Meta(ge=1, lt=10**18)] | None = None


class Retrying(Decision, frozen=True, forbid_unknown_fields=True, kw_only=True):
    method: str | None = None


class Moving(Decision, frozen=True, forbid_unknown_fields=True, kw_only=True):
    policy: str


class MovingMany(Decision, frozen=True, forbid_unknown_fields=True, kw_only=True):
    before: Annotated[str, Meta(description="The version that they follow.")]
    policy: str


class Charging(Struct, frozen=True, kw_only=True):
    """Whether anybody is charged by itself; else who stopped it, why, and since when."""

    paused: bool
    actor: str | None = None
    reason: str | None = None
    since: str | None = None


class Moved(Struct, frozen=True, kw_only=True):
    """What became of each case."""

    data: tuple[_ACTED, ...]  # type: ignore[valid-type]  # made at run time


class Holds(Paging, frozen=True, kw_only=True):
    customer: str | None = None
    over: bool = False


def _holds(asked: Asked) -> Rows:
    query: Holds = asked.query
    return Rows(
        asked.recoup.dunning.holds(
            customer=asked.whose(),
            over=query.over,
            after=query.after,
            limit=query.limit + 1,
        )
    )


def _hold(asked: Asked) -> Acted:
    told: Holding = asked.body
    dunning = asked.recoup.dunning
    verbs: dict[str, Any] = {
        "hold": dunning.hold,
        "promise": dunning.promise,
        "grace": dunning.extend_grace,
        "exempt": dunning.exempt,
    }
    made: Acted = verbs[told.kind](
        asked.customer(),
        **told.end(),
        reason=told.reason,
        dry_run=told.dry_run,
        key=asked.key,
    )
    return made


def _release(asked: Asked) -> Acted:
    told: Releasing = asked.body
    return asked.recoup.dunning.release(
        asked.customer(), hold=told.hold, reason=told.reason, dry_run=told.dry_run, key=asked.key
    )


def _retry(asked: Asked) -> Acted:
    told: Retrying = asked.body
    return asked.recoup.dunning.retry(
        asked.id, method=told.method, reason=told.reason, dry_run=told.dry_run, key=asked.key
    )


def _move(asked: Asked) -> Acted:
    told: Moving = asked.body
    return asked.recoup.dunning.change_policy(
        number(asked, "case"),
        told.policy,
        reason=told.reason,
        dry_run=told.dry_run,
        key=asked.key,
    )


def _move_many(asked: Asked) -> dict[str, Any]:
    told: MovingMany = asked.body
    moved = asked.recoup.dunning.change_policies(
        told.before, told.policy, reason=told.reason, dry_run=told.dry_run
    )
    return {"data": moved}


def _pause(asked: Asked) -> Acted:
    return asked.recoup.dunning.pause_charging(**_said(asked))


def _resume(asked: Asked) -> Acted:
    return asked.recoup.dunning.resume_charging(**_said(asked))


def _said(asked: Asked) -> dict[str, Any]:
    told: Decision = asked.body
    return {"reason": told.reason, "dry_run": told.dry_run, "key": asked.key}


def _charging(asked: Asked) -> Charging:
    found = asked.recoup.dunning.charging_paused()
    if found is None:
        return Charging(paused=False)
    return Charging(paused=True, actor=found.actor, reason=found.reason, since=found.since)


def _decides(path: str, summary: str, run: Any, takes: type[Struct]) -> Endpoint:
    return Endpoint("POST", path, _SCOPE, summary, run, _ACTED, takes=takes, keyed=True)


ENDPOINTS: Final = (
    Endpoint(
        "GET",
        "/holds",
        "operations:read",
        "List holds in force, by id; with `over` those that are over too",
        _holds,
        paged(shape(HoldRow, name="Hold")),
        query=Holds,
        listed=True,
    ),
    _decides(
        "/customers/{id}/holds",
        "Let dunning stand still for a customer until an instant, or rehearse it",
        _hold,
        Holding,
    ),
    _decides(
        "/customers/{id}/release", "End a customer's holds, or the one named", _release, Releasing
    ),
    _decides(
        "/invoices/{id}/retry",
        "Try to collect off-session, once, now; only a payment that `succeeded` means money",
        _retry,
        Retrying,
    ),
    _decides("/cases/{id}/policy", "Have a running case follow another policy", _move, Moving),
    Endpoint(
        "POST",
        "/cases/policy",
        _SCOPE,
        "Have every open case of a version follow another one; a refused one says so in `failed`",
        _move_many,
        Moved,
        takes=MovingMany,
    ),
    Endpoint(
        "GET",
        "/charging",
        "operations:read",
        "Show whether charging is paused, by whom and why",
        _charging,
        Charging,
    ),
    _decides("/charging/pause", "Stop every try by itself, of everybody", _pause, Decision),
    _decides("/charging/resume", "Let charging go on", _resume, Decision),
)
