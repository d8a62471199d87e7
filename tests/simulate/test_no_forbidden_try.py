"""
Random histories of cards: whatever banks answer, Recoup makes no forbidden try.

Debts share cards, banks answer with any row of any table, customers try, details are updated and
cards replaced. Every try the plan wants is made, and judged by the independent checker.
"""

from __future__ import annotations

import heapq
import random
from dataclasses import replace
from datetime import timedelta

import pytest

from recoup.core.account import Attempt, Signal
from recoup.core.collection.plan import plan
from recoup.core.money import Money
from recoup.core.policy import DEFAULT
from recoup.core.states import AttemptState
from recoup.reference import load_rules
from recoup.simulation import world
from recoup.simulation.checker import Try, against_advice, forbidden
from recoup.simulation.contenders import Refusal, account_of
from recoup.simulation.payers import DAY, draw

RULES = load_rules()
HOURLY = tuple(timedelta(hours=n) for n in range(1, 40))
POLICIES = (
    replace(DEFAULT, collector="recoup"),
    replace(DEFAULT, collector="recoup", timer="fixed", schedule=HOURLY),
    replace(DEFAULT, collector="recoup", timer="fixed", schedule=tuple(12 * h for h in HOURLY)),
)
SOFT = (
    Signal("insufficient_funds", None, "51", None),
    Signal("do_not_honor", None, "05", "02"),
    Signal("card_velocity_exceeded", None, "61", None),
    Signal("processing_error", None, "96", None),
    Signal("insufficient_funds", None, "51", "24"),
    Signal("insufficient_funds", "try_again_later", "51", "27"),
    Signal(),
)
#: Debts of one card, and how many of its refusals are soft: else it is soon out of use.
DEBTS, MOSTLY = 6, 0.985


def any_signal(dice):
    if dice.random() < MOSTLY:
        return dice.choice(SOFT)
    return Signal(
        dice.choice([None, *RULES.declines]),
        dice.choice([None, None, *RULES.advice]),
        dice.choice([None, *RULES.iso8583]),
        dice.choice([None, *RULES.mastercard]),
    )


class Card:
    """One customer whose debts are all charged to one card after another."""

    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.policy = self.dice.choice(POLICIES)
        payer = draw(world("mixed"), 9, seed)
        country = self.dice.choices(["US", "IN"], [0.98, 0.02])[0]
        payer = replace(payer, updated=None, country=country)
        base = account_of(payer, [Refusal(0, SOFT[0], 0)], 0)
        amounts = [Money(self.dice.choice([900, 900, 2500]), "USD") for _ in range(DEBTS)]
        starts = [payer.at(self.dice.randrange(20 * DAY)) for _ in amounts]
        self.start = min(starts)
        self.invoices = [
            replace(base.invoices[0], id=n, due=owed, remaining=owed, created_at=at,
                    first_failed_at=at)
            for n, (owed, at) in enumerate(zip(amounts, starts, strict=True), 1)
        ]  # fmt: skip
        self.method = replace(base.methods[0], instrument="card_0")
        self.base, self.attempts, self.tries, self.wrong = base, [], 0, []

    def account(self):
        attempts = tuple(self.attempts)
        return replace(self.base, invoices=tuple(self.invoices), attempts=attempts,
                       uses=attempts, methods=(self.method,))  # fmt: skip

    def refuse(self, invoice, at, origin, *, off_session=True, state=AttemptState.DECLINED):
        self.attempts.append(
            Attempt(len(self.attempts) + 1, invoice.id, None, origin, state, invoice.remaining,
                    "pm_1", self.method.instrument, self.method.brand, off_session, at,
                    any_signal(self.dice) if state == AttemptState.DECLINED else Signal())
        )  # fmt: skip
        self.attempts.sort(key=lambda a: a.at)

    def judge(self, invoice, at):
        """Have the independent checker look at a try that is about to be made."""
        since = self.start - timedelta(days=400)
        age = lambda when: int((when - since).total_seconds())  # noqa: E731  said once
        earlier = [
            Try(age(a.at), a.amount, a.signal, a.by_customer, a.invoice_id)
            for a in self.attempts
            if a.instrument == self.method.instrument and a.state == AttemptState.DECLINED
        ]
        wanted = Try(age(at), invoice.remaining, debt=invoice.id)
        brand, country = self.method.brand, self.method.country
        self.tries += 1
        renewed = age(self.method.changed_at)
        self.wrong.extend(
            forbidden(wanted, earlier, brand=brand, country=country, renewed=renewed)
        )
        newest = [one for one in earlier if one.debt == invoice.id][-1:]
        if against_advice(wanted, newest, brand=brand):
            self.wrong.append("against advice")

    def live(self):
        """Play everything that is planned, in the order of time."""
        todo = [(invoice.first_failed_at, n, "fails") for n, invoice in enumerate(self.invoices)]
        for _ in range(self.dice.randrange(6)):
            at = self.start + timedelta(hours=self.dice.randrange(24 * 40))
            what = self.dice.choice(["customer", "updated", "replaced"])
            todo.append((at, self.dice.randrange(DEBTS), what))
        heapq.heapify(todo)
        while todo:
            at, n, what = heapq.heappop(todo)
            self.turn(todo, at, n, what)
        return self

    def turn(self, todo, at, n, what):
        invoice = self.invoices[n]
        if what == "fails":
            self.refuse(invoice, at, "renewal")
        elif what == "customer":
            self.refuse(invoice, at, "customer", off_session=False)
        elif what == "updated":
            self.method = replace(self.method, changed_at=at)
        elif what == "replaced":
            self.method = replace(self.method, changed_at=at, instrument=f"card_{len(todo)}_{n}")
        until = invoice.first_failed_at + timedelta(days=28)
        made = plan(self.account(), invoice, policy=self.policy, rules=RULES, until=until, now=at)
        if what == "try" and made.at is not None and made.at <= at:
            self.judge(invoice, at)
            self.refuse(invoice, at, made.origin)
            made = plan(
                self.account(), invoice, policy=self.policy, rules=RULES, until=until, now=at
            )
        if made.at is not None and not any(t[1:] == (n, "try") and t[0] <= made.at for t in todo):
            heapq.heappush(todo, (made.at, n, "try"))


def made(wanted, first):
    """Live until so many tries were made; return how many, and what was wrong with them."""
    tries, wrong, seed = 0, [], first
    while tries < wanted:
        card = Card(seed).live()
        tries += card.tries
        wrong.extend((seed, why) for why in card.wrong)
        seed += 1
    return tries, wrong


class TestRecoup:
    def test_makes_no_forbidden_try(self):
        tries, wrong = made(6_000, 0)

        assert tries >= 6_000
        assert wrong == []

    @pytest.mark.long
    def test_makes_no_forbidden_try_in_a_million(self):
        tries, wrong = made(1_000_000, 100_000)

        assert tries >= 1_000_000
        assert wrong == []


class TestTheHistories:
    def test_reach_the_limits_of_networks(self):
        """Where the limits are not asked, the checker has something to find."""
        busiest = max(
            (Card(seed).live() for seed in range(60)), key=lambda card: len(card.attempts)
        )

        assert len(busiest.attempts) > 30

    def test_in_which_a_plan_forgot_a_refusal_are_found_wrong(self):
        card = Card(3).live()
        last = card.attempts[-1].at
        card.attempts.append(
            replace(card.attempts[-1], id=99, at=last, signal=Signal(decline_code="stolen_card"),
                    instrument=card.method.instrument)
        )  # fmt: skip

        card.judge(card.invoices[0], last + timedelta(days=1))

        assert card.wrong
