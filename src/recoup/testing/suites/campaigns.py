"""
What `CampaignEngine` promises, as tests: subclass, give it an engine, run with pytest.

    class TestMine(CampaignEngineConformance):
        @pytest.fixture
        def carrier(self): return Mine()

        def coming(self, connection, campaign): ...

It needs the fixture `engine`, an SQLAlchemy engine on an empty database of Recoup's. Whether a
step then goes out is the guard's and no engine's, so nothing of that is asked here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest
from sqlalchemy import Connection, Engine, event, text

from recoup.campaigns.base import Campaign, CampaignEngine, Planned
from recoup.testing.accounts import NOON

DAY: Final = timedelta(days=1)
SPANS: Final = {"reminder": 0, "action_required": 5, "final_notice": 21}


def campaign(case: int = 1, *, anchor_days: int = 0) -> Campaign:
    """Return a campaign of three steps that begins at its anchor."""
    anchor = NOON + anchor_days * DAY
    steps = tuple(Planned(key, anchor + days * DAY) for key, days in SPANS.items())
    return Campaign(7, case, "subscription:3", anchor, "default/1", steps, at=anchor)


@contextmanager
def removals(connection: Connection) -> Iterator[list[str]]:
    """Collect the statements that change or delete rows."""
    seen: list[str] = []

    def heard(_1: Any, _2: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().upper().startswith(("UPDATE", "DELETE")):
            seen.append(statement)

    event.listen(connection, "before_cursor_execute", heard)
    try:
        yield seen
    finally:
        event.remove(connection, "before_cursor_execute", heard)


class CampaignEngineConformance:
    """The promises of `recoup.campaigns.base.CampaignEngine`."""

    @pytest.fixture
    def carrier(self) -> CampaignEngine:
        """The engine under test."""
        raise NotImplementedError

    def coming(self, connection: Connection, campaign: Campaign) -> Sequence[str]:
        """Return the keys of the steps that the engine will bring up, as far as it has them."""
        raise NotImplementedError

    def test_takes_on_the_first_step_at_least(
        self, engine: Engine, carrier: CampaignEngine
    ) -> None:
        with engine.begin() as connection:
            carrier.start_campaign(connection, campaign())

        assert next(iter(self._coming(engine))) == "reminder"

    def test_does_nothing_without_a_step(self, engine: Engine, carrier: CampaignEngine) -> None:
        empty = replace(campaign(), steps=())
        with engine.begin() as connection:
            carrier.start_campaign(connection, empty)

        assert self._coming(engine, empty) == ()
        assert _effects(engine) == 0

    def test_takes_on_the_same_campaign_once(
        self, engine: Engine, carrier: CampaignEngine
    ) -> None:
        with engine.begin() as connection:
            carrier.start_campaign(connection, campaign())
        once = self._coming(engine), _effects(engine)

        with engine.begin() as connection:
            carrier.start_campaign(connection, campaign())

        assert (self._coming(engine), _effects(engine)) == once

    def test_leaves_nothing_of_a_transaction_that_is_rolled_back(
        self, engine: Engine, carrier: CampaignEngine
    ) -> None:
        with engine.connect() as connection:
            carrier.start_campaign(connection, campaign())
            connection.rollback()

        assert self._coming(engine) == ()
        assert _effects(engine) == 0

    def test_removes_what_waits_in_one_statement(
        self, engine: Engine, carrier: CampaignEngine
    ) -> None:
        with engine.begin() as connection:
            carrier.start_campaign(connection, campaign())

        with engine.begin() as connection, removals(connection) as statements:
            carrier.cancel_campaign(connection, campaign())

        assert len(statements) == 1
        assert self._coming(engine) == ()

    def test_goes_on_with_a_campaign_whose_cancelling_is_rolled_back(
        self, engine: Engine, carrier: CampaignEngine
    ) -> None:
        with engine.begin() as connection:
            carrier.start_campaign(connection, campaign())
        before = self._coming(engine)

        with engine.connect() as connection:
            carrier.cancel_campaign(connection, campaign())
            connection.rollback()

        assert self._coming(engine) == before

    @pytest.mark.parametrize(
        "other", [campaign(2), campaign(anchor_days=3)], ids=["of another case", "later anchor"]
    )
    def test_leaves_another_campaign_alone(
        self, engine: Engine, carrier: CampaignEngine, other: Campaign
    ) -> None:
        with engine.begin() as connection:
            carrier.start_campaign(connection, campaign())
            carrier.start_campaign(connection, other)
        before = self._coming(engine, other)

        with engine.begin() as connection:
            carrier.cancel_campaign(connection, campaign())

        assert self._coming(engine, other) == before
        assert self._coming(engine) == ()

    def test_cancels_what_it_never_had_and_what_is_over_already(
        self, engine: Engine, carrier: CampaignEngine
    ) -> None:
        for _ in range(2):
            with engine.begin() as connection:
                carrier.cancel_campaign(connection, campaign())

        assert self._coming(engine) == ()

    def test_takes_a_campaign_on_again_that_was_called_off(
        self, engine: Engine, carrier: CampaignEngine
    ) -> None:
        """A debt is paid and owed again: the anchor moves away and comes back."""
        with engine.begin() as connection:
            carrier.start_campaign(connection, campaign())
            carrier.cancel_campaign(connection, campaign())
            carrier.start_campaign(connection, campaign())

        assert next(iter(self._coming(engine))) == "reminder"

    def _coming(self, engine: Engine, of: Campaign | None = None) -> tuple[str, ...]:
        with engine.connect() as connection:
            return tuple(self.coming(connection, of or campaign()))


def _effects(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text("SELECT count(*) FROM effects")) or 0)
