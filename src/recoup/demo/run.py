"""A period of a pretended business: its customers sign up, and both worlds live on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from recoup.demo import cast
from recoup.demo.afterwards import HEARD
from recoup.demo.pace import Pace
from recoup.demo.stage import Stage
from recoup.store.queries import agenda
from recoup.store.records import settings

#: Turns are no closer than this, as a cron job's would be.
TURN: Final = timedelta(hours=6)
#: The progress is counted no oftener than this; counting costs a query.
SHOWN: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Turn:
    """Where the run stands."""

    now: datetime
    signed_up: int
    open_cases: int
    recovered: int
    lost: int


def play(
    stage: Stage,
    *,
    customers: int,
    days: int,
    seed: int,
    show: Callable[[Turn], None] = lambda _turn: None,
) -> None:
    """Run `days` days on a fresh stage; `show` is told of every day."""
    start = shown = stage.clock.now()
    waiting = list(reversed(cast.cast(customers, seed=seed, start=start)))
    prices = cast.prices(stage.fake)
    pace = Pace(stage.recoup, stage.fake, stage.clock)

    def next_sign_up() -> datetime | None:
        return waiting[-1].at if waiting else None

    end = start + timedelta(days=days)
    for now in pace.turns(end, at_least=TURN, also=next_sign_up):
        while waiting and waiting[-1].at <= now:
            part = waiting.pop()
            stage.fake.advance(part.at)
            cast.enter(stage.fake, part, prices)
        pace.at(now)
        if now - shown >= SHOWN:
            show(_turn(stage, now, customers - len(waiting)))
            shown = now
    with stage.recoup.database.begin() as connection:
        settings.write(connection, {HEARD: str(pace.heard)})
    stage.recoup.worker().tick()  # so that nothing that recurs is found late


def _turn(stage: Stage, now: datetime, signed_up: int) -> Turn:
    with stage.recoup.database.connect() as connection:
        open_cases, recovered, lost = agenda.cases_by_end(connection)
    return Turn(now, signed_up, open_cases, recovered, lost)
