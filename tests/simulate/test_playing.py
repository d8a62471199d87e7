"""Every contender meets the same payers; none beats perfect knowledge; the engine is Recoup's."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from recoup.core import states
from recoup.core.account import Subscription
from recoup.core.collection.timers import Next
from recoup.core.decide import decide
from recoup.core.dunning.conditions import When
from recoup.core.money import Money
from recoup.core.policy import Step
from recoup.core.states import AttemptState, SubscriptionStatus
from recoup.errors import ConfigError
from recoup.simulation import world
from recoup.simulation.bank import answer
from recoup.simulation.contenders import (
    AS_IS,
    CEILING,
    DEFAULT_NAME,
    NOTHING,
    SCHEDULES,
    Refusal,
    account_of,
    cut_off,
    engine,
)
from recoup.simulation.payers import DAY, draw
from recoup.simulation.run import CUSTOMER, RETRY, first_refusal, play

SUBSCRIPTION = Subscription(
    1, "sub_1", SubscriptionStatus.PAST_DUE, "price", None, None, None
)  # fmt: skip


class Recorded:
    """Passes on what another contender says, and keeps what it was shown."""

    def __init__(self, other):
        self.other, self.name, self.refused = other, other.name, []

    def until(self, payer):
        return self.other.until(payer)

    def mails(self, payer):
        return self.other.mails(payer)

    def next_try(self, payer, refused, now):
        self.refused = list(refused)
        return self.other.next_try(payer, refused, now)


def decided(payer, policies, rules):
    """Give the ages at which the whole of Recoup tries, when each try is refused or paid."""
    account = replace(account_of(payer, [first_refusal(payer)], 0), subscriptions=(SUBSCRIPTION,))
    now, ages = payer.anchor, [0]
    while now is not None and now <= payer.anchor + timedelta(days=28):
        account = decide(account, policies=policies, rules=rules, now=now).desired
        tries = [a for a in account.attempts if states.is_open(a.state)]
        if not tries:
            now = account.next_wake_at
            continue
        age = int((now - payer.anchor).total_seconds())
        signal = answer(payer, age, ages)
        ages.append(age)
        if signal is None:
            break
        told = replace(tries[0], id=len(ages), state=AttemptState.DECLINED, signal=signal)
        others = tuple(a for a in account.attempts if a is not tries[0])
        account = replace(account, attempts=(*others, told), uses=(*others, told))
    return ages[1:]


class TestEveryContender:
    def test_is_beaten_by_nobody_when_it_knows_everything(self, payers, compared, named):
        for payer in payers:
            best = play(payer, named[CEILING])
            for contender in compared:
                other = play(payer, contender)

                if other.recovered is not None:
                    assert best.recovered is not None
                    assert best.recovered <= other.recovered

    def test_is_beaten_by_nobody_where_banks_want_more_time_between_tries(self, named):
        slow = replace(world("mixed"), velocity={"day": 2, "hours_between": 12})
        for payer in (draw(slow, 7, number) for number in range(200)):
            best = play(payer, named[CEILING])
            other = play(payer, named[DEFAULT_NAME])

            assert other.recovered is None or best.recovered <= other.recovered

    def test_meets_the_same_payers(self, payers, compared):
        firsts = {
            contender.name: [self.first(payer, contender) for payer in payers[:60]]
            for contender in compared
        }

        assert len({tuple(seen) for seen in firsts.values()}) == 1

    def first(self, payer, contender):
        recorded = Recorded(contender)
        play(payer, recorded)
        return recorded.refused[0]

    def test_that_never_tries_recovers_what_customers_bring(self, payers, named):
        nothing = named[NOTHING]
        for payer in payers:
            comes = payer.comes(nothing.mails(payer))
            outcome = play(payer, nothing)

            came = comes is not None and comes <= nothing.until(payer)
            assert outcome.recovered == (comes if came else None)
            assert outcome.how == (CUSTOMER if came else None)
            assert (outcome.tries, outcome.fees) == (0, 0)

    def test_writes_until_the_money_is_in(self, payers, named):
        for payer in payers:
            outcome = play(payer, named[DEFAULT_NAME])
            end = 29 * DAY if outcome.recovered is None else outcome.recovered

            assert outcome.mails == sum(sent < end for sent in (0, 5 * DAY, 12 * DAY, 21 * DAY))


class TestTheDefault:
    def test_makes_no_forbidden_try_and_none_against_advice(self, payers, named):
        outcomes = [play(payer, named[DEFAULT_NAME]) for payer in payers]

        assert sum(outcome.tries for outcome in outcomes) > 500
        assert all(outcome.forbidden == () for outcome in outcomes)
        assert sum(outcome.against_advice for outcome in outcomes) == 0

    def test_tries_exactly_when_the_whole_of_recoup_does(self, payers, named):
        default = named[DEFAULT_NAME]
        untold = [p for p in payers if p.comes(default.mails(p)) is None and p.updated is None]
        for payer in untold[:60]:
            recorded = Recorded(default)
            outcome = play(payer, recorded)
            tried = [one.age for one in recorded.refused[1:]]
            if outcome.how == RETRY:
                tried.append(outcome.recovered)

            assert decided(payer, default.policies, default.rules) == tried

    def test_tries_at_once_what_an_updater_brought(self, payers, named):
        default = named[DEFAULT_NAME]
        renewed = [
            p
            for p in payers
            if p.updated is not None
            and p.updated < 28 * DAY
            and p.comes(default.mails(p)) is None
            and p.pays(p.updated)
        ]

        assert renewed
        for payer in renewed:
            outcome = play(payer, default)

            assert (outcome.recovered, outcome.how) == (payer.updated, RETRY) or payer.vague

    @pytest.mark.parametrize("most", [1, 3])
    def test_that_is_cut_off_tries_no_more_than_that(self, payers, named, most):
        few = cut_off(named[DEFAULT_NAME], most)

        assert {play(payer, few).tries for payer in payers[:150]} <= set(range(most + 1))

    def test_collects_by_itself_whoever_the_policy_would_let(self, named):
        default = named[DEFAULT_NAME]
        asks = replace(default.policies.choices[0].policy, collector="processor")
        choices = (replace(default.policies.choices[0], policy=asks),)
        made = engine("x", replace(default.policies, choices=choices), default.rules)

        assert made.policies.choices[0].policy.collector == "recoup"


class TestAPolicy:
    def made(self, named, timers=None, **changed):
        """Give the engine under the default policy, with something changed."""
        default = named[DEFAULT_NAME]
        policy = replace(default.policies.choices[0].policy, **changed)
        choices = (replace(default.policies.choices[0], policy=policy),)
        policies = replace(default.policies, choices=choices, timers=timers or {})
        return engine("x", policies, default.rules)

    def test_may_have_a_timer_of_its_own(self, payers, named):
        def daily(history):
            return Next(history.advanced_to + timedelta(days=1), "every day")

        made = self.made(named, timer="mine:daily", timers={"mine:daily": daily})
        payer = next(p for p in payers if p.cause == "technical")

        assert made.next_try(payer, [first_refusal(payer)], 0) == DAY

    def test_sends_what_is_for_this_debt(self, payers, named):
        steps = named[DEFAULT_NAME].policies.choices[0].policy.steps
        dear = When(min_amount=Money(5_000, "USD"))
        word = Step("word", timedelta(days=22), "dunning_reminder", when=dear)
        card = replace(word, key="card", after=timedelta(days=23), when=When(classes={"hard"}))
        made = self.made(named, steps=(*steps, word, card))

        def sent(cause, dear):
            payers_of = (p for p in payers if p.cause == cause and (p.amount >= 5_000) is dear)
            return [age // DAY for age in made.mails(next(payers_of))][4:]

        assert sent("technical", dear=True) == [22]
        assert sent("technical", dear=False) == []
        assert sent("expired", dear=False) == [23]

    @pytest.mark.parametrize(("days", "known"), [(60, True), (61, False)])
    def test_goes_on_no_longer_than_the_truth_is_known(self, payers, named, days, known):
        ladder = named[DEFAULT_NAME].policies.choices[0].policy.ladder
        longer = (*ladder[:-1], replace(ladder[-1], after=timedelta(days=days)))

        if known:
            assert self.made(named, ladder=longer).until(payers[0]) == days * DAY
        else:
            with pytest.raises(ConfigError, match="goes on for 61 days"):
                self.made(named, ladder=longer)


class TestAFixedSchedule:
    def test_counts_its_spans_from_the_try_before(self):
        assert SCHEDULES["fixed 3-5-7"] == (3, 8, 15)
        assert SCHEDULES["fixed 2-5-7-7"] == (2, 7, 14, 21)

    @pytest.mark.parametrize("name", SCHEDULES)
    def test_tries_on_its_days_only(self, payers, named, name):
        days = {int(day * DAY) for day in SCHEDULES[name]}
        for payer in payers[:100]:
            recorded = Recorded(named[name + AS_IS])
            outcome = play(payer, recorded)

            assert {one.age for one in recorded.refused[1:]} <= days
            assert outcome.how != RETRY or outcome.recovered in days

    @pytest.mark.parametrize("name", SCHEDULES)
    def test_makes_forbidden_tries_unless_they_are_refused(self, payers, named, name):
        as_is = [play(payer, named[name + AS_IS]) for payer in payers]
        guarded = [play(payer, named[name]) for payer in payers]

        assert sum(len(outcome.forbidden) for outcome in as_is) > 50
        assert sum(len(outcome.forbidden) for outcome in guarded) == 0
        assert [o.recovered for o in guarded] == [o.recovered for o in as_is]

    def test_pays_for_them(self, payers, named):
        payer = next(
            p for p in payers if p.cause == "lost" and not p.vague and p.brand == "mastercard"
        )
        outcome = play(payer, named["fixed 8-8-8" + AS_IS])

        assert outcome.fees >= 0.5 * len(outcome.forbidden) > 0


class TestAnAccount:
    def test_has_another_instrument_once_an_updater_brought_it(self, payers):
        lost = next(p for p in payers if p.updated is not None and p.cause in {"lost", "closed"})
        expired = next(p for p in payers if p.updated is not None and p.cause == "expired")

        for payer, same in ((lost, False), (expired, True)):
            refused = [Refusal(0, first_refusal(payer).signal, 0)]
            before = account_of(payer, refused, payer.updated - 1).methods[0]
            after = account_of(payer, refused, payer.updated).methods[0]

            assert (before.instrument == after.instrument) is same
            assert after.changed_at == payer.at(payer.updated) > before.changed_at
