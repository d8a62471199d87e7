"""Every debt ends once and in time, whatever happens to its debtor, to us and to the processor."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from debtor_lives import life
from debtors import NOTHING, Broken, World

from recoup.core import states
from recoup.core.policy import DAY, HOUR, Policies
from recoup.core.states import AttemptState, CaseEnd, InvoiceStatus
from recoup.testing.accounts import NOON

UNTIL = NOON + 500 * DAY
#: The instants of the default policy at which something is sent or taken away.
STEPS = (0, 5, 8, 12, 15, 21, 24)


def refused(_world, _attempt):
    return AttemptState.DECLINED, "insufficient_funds", NOTHING


def arrives(_world, _notice):
    return NOTHING, True


class Strict(World):
    """Wants every case to be over a day before the ladder is."""

    def deadline(self, case, account):
        return case.anchor + 27 * DAY


def debtor(*, down=(), answers=refused):
    """Return somebody whose renewal fails at noon, and whose mail arrives."""
    world = World(Policies(), answers=answers, post=arrives, down=down)
    world.at(NOON, world.owe, 1)
    return world


def ended(seeds):
    """Live these lives; return how many obligations had their end."""
    found = 0
    for seed in seeds:
        world = life(seed)
        try:
            world.live(UNTIL)
            world.exactly_one_end()
        except (Broken, AssertionError) as problem:
            raise AssertionError(f"life {seed}: {problem}") from problem
        found += len(world.invoices)
    return found


class TestADebt:
    @pytest.mark.parametrize("start", range(0, 160, 40))
    def test_ends_exactly_once_and_in_time(self, start):
        assert ended(range(start, start + 40)) > 40

    @pytest.mark.long
    @pytest.mark.parametrize("start", range(10_000, 20_000, 1_000))
    def test_ends_exactly_once_and_in_time_however_many_there_are(self, start):
        assert ended(range(start, start + 1_000)) > 1_000

    @pytest.mark.parametrize("day", STEPS)
    @pytest.mark.parametrize(
        ("how", "end"),
        [
            (("paid",), CaseEnd.RECOVERED),
            (("paid", "paid_out_of_band"), CaseEnd.RECOVERED),
            (("paid", "credited"), CaseEnd.SUPERSEDED),
            (("uncollectible", "written_off"), CaseEnd.WRITTEN_OFF),
            (("void", "voided"), CaseEnd.SUPERSEDED),
        ],
        ids=lambda each: each[-1] if isinstance(each, tuple) else None,
    )
    def test_is_over_at_once_when_its_invoice_is_closed(self, day, how, end):
        world = debtor()
        world.at(NOON + day * DAY + HOUR, world.close, 1, InvoiceStatus(how[0]), *how[1:])

        world.live(NOON + day * DAY + HOUR)

        assert world.exactly_one_end() == [end]
        assert (world.standing, world.restrictions) == ("current", ())

    @pytest.mark.parametrize("day", STEPS)
    def test_is_over_at_once_when_only_its_charge_is_told_of(self, day):
        world = debtor()
        world.live(NOON + day * DAY + HOUR)
        bill = world.invoices[1]
        id = next(world.ids)
        world.attempts[id] = world.processors_try(id, bill, AttemptState.SUCCEEDED, None)
        world.look()

        assert world.exactly_one_end() == [CaseEnd.RECOVERED]
        assert (world.standing, world.restrictions) == ("current", ())

    @pytest.mark.parametrize("day", STEPS)
    def test_is_over_at_once_when_the_customer_leaves(self, day):
        world = debtor()
        world.at(NOON + day * DAY + HOUR, world.end, 1, "requested")

        world.live(NOON + day * DAY + HOUR)

        assert world.exactly_one_end() == [CaseEnd.VOLUNTARY]
        assert (world.standing, world.restrictions) == ("current", ())

    def test_of_a_second_and_a_third_lapse_is_told_of_afresh(self):
        world = debtor()
        for lapse in range(1, 4):
            began = NOON + lapse * 40 * DAY
            world.at(began - 30 * DAY, world.close, lapse, InvoiceStatus.PAID)
            if lapse < 3:
                world.at(began, world.owe, lapse + 1)

        world.live(UNTIL)

        assert world.exactly_one_end() == [CaseEnd.RECOVERED] * 3
        steps = [(notice.anchor, notice.step) for notice, _ in world.notices.values()]
        assert len(steps) == len(set(steps)) == 3 * 2


class TestWhatIsChecked:
    def test_is_missed_by_an_engine_that_never_looks(self):
        world = debtor(down=[(NOON + DAY, UNTIL + DAY)])

        world.live(UNTIL)

        with pytest.raises(Broken, match="still open"):
            world.exactly_one_end()

    def test_includes_the_deadline(self):
        world = Strict(Policies(), answers=refused, post=arrives)
        world.at(NOON, world.owe, 1)

        with pytest.raises(Broken, match="was to end by"):
            world.live(UNTIL)


class TestAnEngineThatWasAway:
    @pytest.mark.parametrize("day", range(0, 29, 4))
    def test_for_four_days_makes_no_burst_and_gets_nobody_further(self, day):
        start = NOON + day * DAY + 7 * HOUR
        away(lambda down: debtor(down=down), start, every=4 * HOUR, until=NOON + 45 * DAY)

    @pytest.mark.parametrize("seed", range(6))
    def test_does_so_in_any_life(self, seed):
        _away_in(seed)

    @pytest.mark.long
    def test_does_so_in_hundreds_of_lives(self):
        for seed in range(40_000, 40_300):
            _away_in(seed)


def _away_in(seed):
    start = NOON + (1 + seed % 20 * 3) * DAY + seed % 24 * HOUR
    away(lambda down: _dull(seed, down), start, every=8 * HOUR, until=NOON + 80 * DAY)


def _dull(seed, down):
    """Return a life in which no luck is involved, so that the same facts happen twice."""
    world = life(seed)
    world.answers, world.post, world.down, world.away = refused, arrives, tuple(down), ()
    return world


def away(make, start, *, every, until):
    """Live twice, once with the engine down for four days; compare the two."""
    back = start + 4 * DAY
    always, once = make([]), make([(start, back)])
    always.live(until, every=every)
    once.live(until, every=every)
    returned = [at for at, _ in once.looks if at >= back]
    if returned:
        for counted in (once.told_at, once.tried_at):
            burst = Counter()
            for (at, scope), n in counted.items():
                if returned[0] <= at < returned[0] + HOUR:
                    burst[scope] += n
            assert all(n <= 1 for n in burst.values()), burst
    reached = _reached(always)
    for at, rungs in once.looks:
        for scope, rung in rungs.items():
            assert rung <= reached(scope, at), (at, scope)


def _reached(world):
    """
    Return a function: how far up a scope had come at most by an instant, all the way when its
    ladder was over.
    """
    steps = {}
    for at, rungs in world.looks:
        for scope, rung in rungs.items():
            known = steps.setdefault(scope, [])
            if not known or rung > known[-1][1]:
                known.append((at, rung))
    for case in world.cases.values():
        if case.end is not None:
            steps.setdefault(case.scope, []).append((case.ended_at, 99))
    return lambda scope, at: max((r for then, r in steps.get(scope, ()) if then <= at), default=-1)


class TestALife:
    def test_is_the_same_for_the_same_seed(self):
        first, second = life(7), life(7)
        first.live(UNTIL)
        second.live(UNTIL)

        assert first.cases == second.cases
        assert first.attempts == second.attempts

    def test_has_everything_in_it_somewhere(self):
        worlds = [life(seed) for seed in range(200, 260)]
        for world in worlds:
            world.live(UNTIL)

        ends = {case.end for world in worlds for case in world.cases.values()}
        assert ends == set(CaseEnd)
        assert any(world.down for world in worlds)
        assert any(world.holds for world in worlds)
        assert any(n.bounced_at for world in worlds for n, _ in world.notices.values())
        assert any(c.scope.startswith("prices:") for w in worlds for c in w.cases.values())
        assert any(b.charged_back for world in worlds for b in world.invoices.values())
        assert any(states.succeeded(a.state) for w in worlds for a in w.attempts.values())
        assert timedelta(0) < max(span for world in worlds for span in world.extra.values())
