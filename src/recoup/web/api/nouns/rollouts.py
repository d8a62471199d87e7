"""Rollouts: looked at, widened, taken back. Their names have a stroke, so the body names them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from msgspec import Meta, Struct

from recoup.drift.rollouts import Harm, Listed, Moves
from recoup.store.rollouts import RolloutRow
from recoup.web.api.endpoint import Asked, Endpoint
from recoup.web.api.shapes import shape

_SCOPE: Final = "operations:write"
_ROLLOUT = shape(RolloutRow, name="Rollout", without={"salt"})
_ROLLOUTS = shape(Listed, name="Rollouts")
_MOVES = shape(Moves, name="RolloutMoves")
_HARM = shape(Harm, name="RolloutHarm")

Name = Annotated[str, Meta(description="drift_repair, policy:KEY/VERSION or timer:NAME.")]


class Which(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    rollout: Name


class Moved(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A rollout, and why it is moved."""

    rollout: Name
    reason: str


class TakenBack(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A rollout, why it is taken back, and whether to the shadow."""

    rollout: Name
    reason: str
    shadow: bool = False


class Named(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A rollout, whom it is for from its stage `named` on, and why."""

    rollout: Name
    customers: Annotated[list[str], Meta(min_length=1, max_length=100)]
    reason: str


def _list(asked: Asked) -> Listed:
    return Listed(asked.recoup.rollouts.list())


def _moves(asked: Asked) -> Moves:
    query: Which = asked.query
    return Moves(asked.recoup.rollouts.moves(query.rollout))


def _harm(asked: Asked) -> Harm:
    query: Which = asked.query
    return Harm(asked.recoup.rollouts.harmful(query.rollout))


def _name(asked: Asked) -> RolloutRow:
    body: Named = asked.body
    return asked.recoup.rollouts.name(body.rollout, body.customers, reason=body.reason)


def _widen(asked: Asked) -> RolloutRow:
    body: Moved = asked.body
    return asked.recoup.rollouts.widen(body.rollout, reason=body.reason)


def _rollback(asked: Asked) -> RolloutRow:
    body: TakenBack = asked.body
    return asked.recoup.rollouts.rollback(body.rollout, reason=body.reason, shadow=body.shadow)


ENDPOINTS: Final[Sequence[Endpoint]] = (
    Endpoint("GET", "/rollouts", "operations:read", "List rollouts, by name", _list, _ROLLOUTS),
    Endpoint(
        "GET",
        "/rollouts/moves",
        "operations:read",
        "List who moved a rollout, and why, newest first",
        _moves,
        _MOVES,
        query=Which,
    ),
    Endpoint(
        "GET",
        "/rollouts/harm",
        "operations:read",
        "List decisions in the shadow that would have done harm, newest first",
        _harm,
        _HARM,
        query=Which,
    ),
    Endpoint(
        "POST",
        "/rollouts/widen",
        _SCOPE,
        "Bring a rollout to its next stage, if its shadow has done no harm",
        _widen,
        _ROLLOUT,
        takes=Moved,
    ),
    Endpoint(
        "POST",
        "/rollouts/rollback",
        _SCOPE,
        "Take a rollout back at once, from any stage",
        _rollback,
        _ROLLOUT,
        takes=TakenBack,
    ),
    Endpoint(
        "POST",
        "/rollouts/name",
        _SCOPE,
        "Name customers, who are members from the stage named on",
        _name,
        _ROLLOUT,
        takes=Named,
    ),
)
