"""A worker that Stripe itself kills, at what it sees of the worker's requests."""

from __future__ import annotations

from itertools import count

import pytest
from stripe_dying import VERBS
from stripe_house import House, town
from stripe_range import MOMENTS, Range, Sniper, portrait

#: The first request of a verb that is not a mere look: who dies before it has asked for nothing.
FIRST = {"change": 4, "later": 5}
#: How many requests a verb makes, and one: the call that nobody is killed in.
CALLS = {
    "start": 3,
    "change": 7,
    "later": 9,
    "cancel": 3,
    "bill": 4,
    "charge": 6,
    "refund": 3,
    "collect": 3,
}


@pytest.fixture
def at_range(database_url, home, tmp_path):
    """Make a range with people enough."""
    sniper, made = Sniper(), []

    def make(people, debtors):
        made.append(Range(database_url, home, server, sniper, people=people, debtors=debtors))
        return made[0]

    with town(tmp_path / "world.sqlite3", watch=sniper) as server:
        yield make
        for each in made:
            each.close()


class Campaign:
    """Kills at every request of every verb, `moments` of four each; who was hurt, and who not."""

    def __init__(self, make, moments, first):
        need = {verb: (CALLS[verb] - first.get(verb, 1) + 1) * moments for verb in VERBS}
        self.range = make(sum(need.values()) - need["collect"], need["collect"])
        self._people, self._debtors = iter(self.range.people), iter(self.range.debtors)
        self.unhurt, self.hurt, self.graves = {}, [], []
        for place, verb in enumerate(VERBS):
            for turn in range(moments):
                self._kill_at_all_of(verb, place + turn, first.get(verb, 1))

    def _kill_at_all_of(self, verb, turn, first):
        for number in count(first):
            who = next(self._debtors if verb == "collect" else self._people)
            shot = self.range.call(verb, who, at=(MOMENTS[(turn + number) % 4], number))
            if shot is None:
                self.unhurt[verb] = who
                return
            self.hurt.append((verb, who, shot))
            self.graves.append(shot)

    def survived(self, house):
        """Call everything again with its key: it was done once, and all is as if nobody died."""
        whole = {verb: portrait(house.fake, who.customer) for verb, who in self.unhurt.items()}
        for verb, who, shot in self.hurt:
            VERBS[verb](house.recoup, who)
            assert portrait(house.fake, who.customer) == whole[verb], (verb, shot)
        house.live(hours=3)
        assert house.differences() == []
        assert house.rows("SELECT kind, detail FROM tasks WHERE closed_at IS NULL") == []
        assert house.rows("SELECT key, reason FROM effects WHERE state = 'parked'") == []


def recovering(range_):
    """Open a house in which a new worker may go on."""
    range_.free()
    return House.of(range_.url, range_.home, range_.server)


class TestAWorkerThatStripeSeesDie:
    def test_loses_nothing_and_does_nothing_twice(self, at_range):
        """Each request of each verb, at one moment."""
        campaign = Campaign(at_range, 1, FIRST)

        assert len(campaign.graves) == 23
        with recovering(campaign.range) as house:
            house.recoup.worker().tick()
            house.pace.settle()
            campaign.survived(house)

    @pytest.mark.long
    @pytest.mark.parametrize("then", ["the news comes first", "a worker comes first", "it dies"])
    def test_at_any_moment_of_any_request_is_made_good(self, at_range, then):
        campaign = Campaign(at_range, len(MOMENTS), {})

        assert len(campaign.graves) == sum(each - 1 for each in CALLS.values()) * len(MOMENTS)
        if then == "it dies":
            self.dies_again(campaign.range)
        with recovering(campaign.range) as house:
            house.recoup.worker().tick()
            if then == "a worker comes first":
                house.recoup.worker().drain()
            house.pace.settle()
            campaign.survived(house)

    def dies_again(self, range_):
        """Workers who go on are shot too: at the first, the third, the sixth … they ask for."""
        for number in count(1):
            range_.free()
            at = (MOMENTS[number % 4], number * (number + 1) // 2)
            if range_.call("drain", at=at) is None:
                return
