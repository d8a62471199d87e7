"""A worker that Stripe itself kills, at what it sees of the worker's requests."""

from __future__ import annotations

from itertools import count

import pytest
from stripe_dying import VERBS
from stripe_house import town
from stripe_range import MOMENTS, Range, Sniper

#: More requests than any verb makes.
MOST = 12


@pytest.fixture
def at_range(database_url, home, tmp_path):
    """Make a range with people enough."""
    sniper = Sniper()
    with town(tmp_path / "world.sqlite3", watch=sniper) as server:
        yield lambda people, debtors: Range(
            database_url, home, server, sniper, people=people, debtors=debtors
        )


class TestAWorkerThatStripeSeesDie:
    def test_loses_nothing_and_does_nothing_twice(self, at_range):
        """Every verb, at every request of it, at one moment each."""
        range_ = at_range(7 * 6, 6)
        people, debtors = iter(range_.people), iter(range_.debtors)

        def next_for(verb):
            return next(debtors if verb == "collect" else people)

        unhurt, hurt, graves = {}, [], []
        for place, verb in enumerate(VERBS):
            unhurt[verb] = next_for(verb)
            range_.call(verb, unhurt[verb])
            for number in count(1):
                who = next_for(verb)
                hurt.append((verb, who))
                shot = range_.call(verb, who, at=(MOMENTS[(place + number) % 4], number))
                if shot is None:
                    break
                graves.append((verb, shot))
        print(len(graves), graves)

        def again(house):
            portraits = {verb: range_.portrait(who) for verb, who in unhurt.items()}
            for verb, who in hurt:
                assert range_.portrait(who) == portraits[verb], (verb, who)
            for verb, who in hurt:
                VERBS[verb](house.recoup, who)
                assert range_.portrait(who) == portraits[verb], (verb, who)
            assert house.differences() == []

        range_.recovered(again, news_first=True)
        assert len(graves) >= 24
