"""Single steps of a campaign: asked for by an engine outside, left out, sent once more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final

from msgspec import Meta, Struct

from recoup.core.dunning.acts import Acted
from recoup.core.dunning.campaign import Outcome
from recoup.web.api.endpoint import Asked, Endpoint
from recoup.web.api.nouns.dunning import Decision
from recoup.web.api.nouns.operations import number
from recoup.web.api.shapes import shape

_SCOPE: Final = "operations:write"
_Anchor = Annotated[datetime, Meta(tz=True, description="Of the campaign that is meant.")]


class Deciding(Decision, frozen=True, forbid_unknown_fields=True, kw_only=True):
    step: str


class Wanted(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    step: str
    anchor: _Anchor | None = None


def _send(asked: Asked) -> Outcome:
    told: Wanted = asked.body
    case = number(asked, "case")
    return asked.recoup.dunning.send_step(case, told.step, anchor=told.anchor, key=asked.key)


def _skip(asked: Asked) -> Acted:
    told: Deciding = asked.body
    return asked.recoup.dunning.skip_step(
        number(asked, "case"),
        told.step,
        reason=told.reason,
        dry_run=told.dry_run,
        key=asked.key,
    )


def _resend(asked: Asked) -> Acted:
    told: Deciding = asked.body
    return asked.recoup.dunning.resend_step(
        number(asked, "case"),
        told.step,
        reason=told.reason,
        dry_run=told.dry_run,
        key=asked.key,
    )


ENDPOINTS: Final[Sequence[Endpoint]] = (
    Endpoint(
        "POST",
        "/cases/{id}/send-step",
        _SCOPE,
        "Ask for a step of a campaign, as an engine outside does; say how it stands",
        _send,
        shape(Outcome, name="StepOutcome"),
        takes=Wanted,
        keyed=True,
    ),
    Endpoint(
        "POST",
        "/cases/{id}/skip-step",
        _SCOPE,
        "Leave out a step that has not been sent, or rehearse it",
        _skip,
        shape(Acted),
        takes=Deciding,
        keyed=True,
    ),
    Endpoint(
        "POST",
        "/cases/{id}/resend-step",
        _SCOPE,
        "Send a notice that went out once more, or rehearse it",
        _resend,
        shape(Acted),
        takes=Deciding,
        keyed=True,
    ),
)
