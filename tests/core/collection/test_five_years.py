"""Five years of random refusals: the limits are counted again here, and never exceeded."""

from __future__ import annotations

import random
from bisect import bisect_right
from dataclasses import replace
from datetime import timedelta

import pytest

from recoup.core.account import Account, Signal
from recoup.core.money import Money
from recoup.core.policy import DEFAULT
from recoup.core.states import AttemptState

DAY, HOUR = timedelta(days=1), timedelta(hours=1)

#: What the networks forbid, written down again by hand.
VISA_NEVER = {"04", "07", "12", "14", "15", "41", "43", "46", "57", "R0", "R1", "R3"}
MASTERCARD_NEVER = {"03", "21"}

OFTEN = [
    Signal("insufficient_funds", None, "51"),
    Signal("generic_decline", "try_again_later", "05"),
    Signal("processing_error", None, "96"),
    Signal("issuer_not_available", None, "91"),
    Signal("reenter_transaction", None, "19"),
    Signal("code_of_next_year"),
]
ADVISED = [Signal("insufficient_funds", None, "51", advice) for advice in ("24", "25", "28")]
SELDOM = {
    "visa": [Signal("lost_card", None, "41"), Signal("expired_card", None, "54"),
             Signal("do_not_honor", None, "14")],
    "mastercard": [Signal("do_not_honor", "do_not_try_again", "79", "03"),
                   Signal("generic_decline", None, "79", "21")],
    "amex": [Signal("stolen_card"), Signal("authentication_required")],
}  # fmt: skip

#: Somebody's impatient policy: only the networks' own limits hold it back.
HOURLY = replace(DEFAULT, timer="fixed", schedule=tuple(n * HOUR for n in range(1, 28 * 24)))


class Life:
    """One card, charged for one thing or several, by us and by its holder."""

    def __init__(self, make, seed, *, policy, months):
        self.make, self.policy, self.months = make, policy, months
        self.dice = random.Random(seed)
        self.brand = self.dice.choice(["visa", "visa", "mastercard", "mastercard", "amex"])
        self.method = make.method(brand=self.brand)
        self.log, self.final = [], []
        self.changed = {self.method.instrument: []}

    def refuse(self):
        roll = self.dice.random()
        if roll < 0.01:
            return self.dice.choice(SELDOM[self.brand])
        return self.dice.choice(ADVISED if self.brand == "mastercard" and roll < 0.2 else OFTEN)

    def attempt(self, at, invoice, origin, *, paid=False):
        made = self.make.attempt(
            at,
            None if paid else self.refuse(),
            id=len(self.log) + 1,
            invoice_id=invoice.id,
            origin=origin,
            state=AttemptState.SUCCEEDED if paid else AttemptState.DECLINED,
            amount=invoice.remaining,
            instrument=self.method.instrument,
            brand=self.brand,
            off_session=origin != "customer",
        )
        self.log.append(made)
        codes = made.signal
        if (
            codes.network_decline_code in VISA_NEVER
            or codes.network_advice_code in MASTERCARD_NEVER
        ):
            self.final.append(made)

    def update(self, at):
        """Attach another card, or correct the details of this one."""
        if self.dice.random() < 0.5:
            name = f"fp_{len(self.changed) + 1}"
            self.method = replace(self.method, instrument=name, changed_at=at)
            self.changed[name] = []
        else:
            self.method = replace(self.method, changed_at=at)
            self.changed[self.method.instrument].append(at)

    def account(self, invoices, now) -> Account:
        """What the store would give: the last weeks, and refusals that are for ever."""
        recent = bisect_right(self.log, now - 40 * DAY, key=lambda a: a.at)
        uses = (*(a for a in self.final if a.id <= recent), *self.log[recent:])
        ids = {invoice.id for invoice in invoices}
        mine = tuple(a for a in uses if a.invoice_id in ids)
        return self.make.account(*mine, uses=uses, invoices=invoices, methods=(self.method,))

    def live(self):
        for month in range(self.months):
            start = self.make.T + month * 30 * DAY
            amounts = [
                self.dice.choice([1000, 1000, 2500]) for _ in range(self.dice.randint(1, 3))
            ]
            invoices = tuple(
                self.make.invoice(
                    month * 10 + n, remaining=Money(amount, "USD"), first_failed_at=start
                )
                for n, amount in enumerate(amounts)
            )
            for invoice in invoices:
                self.attempt(start, invoice, "renewal")
            self.collect(invoices, start, start + 28 * DAY)

    def collect(self, invoices, now, until):
        while invoices:
            account = self.account(invoices, now)
            plans = [
                (self.make.plan(replace(account, invoices=(i,)), now, policy=self.policy,
                                until=until), i)
                for i in invoices
            ]  # fmt: skip
            due = [(made.at, i.id, made.origin, i) for made, i in plans if made.at is not None]
            theirs = now + self.dice.expovariate(1 / 9) * DAY
            if theirs < until and (not due or theirs < min(due)[0]):
                now = theirs
                if self.dice.random() < 0.3:
                    self.update(now)
                else:
                    self.attempt(now, invoices[0], "customer")
                continue
            if not due:
                return
            now, _, origin, invoice = min(due)
            paid = self.dice.random() < 0.02
            self.attempt(now, invoice, origin, paid=paid)
            if paid:
                invoices = tuple(i for i in invoices if i.id != invoice.id)


def violations(life):
    """Count again, from the bare log, every try of ours that a network forbids."""
    refused = {name: [] for name in life.changed}
    judges = {"visa": visa, "mastercard": mastercard, "amex": amex}
    for tried in life.log:
        before = refused[tried.instrument]
        if tried.origin not in {"customer", "renewal"}:
            month = before[bisect_right(before, tried.at - 30 * DAY, key=lambda a: a.at) :]
            yield from judges[tried.brand](tried, before, month, life.changed[tried.instrument])
            yield from advised(tried, month)
        if tried.state == AttemptState.DECLINED:
            before.append(tried)


def visa(ours, before, month, updates):
    if any(a.signal.network_decline_code in VISA_NEVER for a in before):
        yield "visa never", ours
    if sum(a.off_session for a in month) >= 20:
        yield "visa 20 in 30 days", ours


def mastercard(ours, before, month, updates):
    if sum(ours.at - a.at < DAY for a in month) >= 10:
        yield "mastercard 10 in a day", ours
    if sum(a.amount == ours.amount for a in month) >= 35:
        yield "mastercard 35 in 30 days", ours
    for stop in before:
        if stop.signal.network_advice_code in MASTERCARD_NEVER:
            updated = any(stop.at < at <= ours.at for at in updates)
            if not updated or ours.at - stop.at < 30 * DAY:
                yield "mastercard never", ours


def amex(ours, before, month, updates):
    if len(month) >= 20:
        yield "our own limit", ours


def advised(ours, month):
    last = next((a for a in reversed(month) if a.invoice_id == ours.invoice_id), None)
    hours = {"24": 1, "25": 24, "28": 144}
    wait = None if last is None else hours.get(last.signal.network_advice_code)
    if wait is not None and ours.at - last.at < wait * HOUR:
        yield "an advised wait", ours


class TestFiveYears:
    @pytest.mark.parametrize("seed", range(0, 60, 10))
    def test_of_refusals_never_break_a_limit(self, make, seed):
        lives = [Life(make, n, policy=DEFAULT, months=61) for n in range(seed, seed + 10)]

        for life in lives:
            life.live()

        assert [found for life in lives for found in violations(life)] == []
        assert sum(len(life.log) for life in lives) > 5_000

    @pytest.mark.long
    @pytest.mark.parametrize("seed", range(10_000, 20_000, 1_000))
    def test_of_ten_thousand_cards_never_break_a_limit(self, make, seed):
        for number in range(seed, seed + 1_000):
            life = Life(make, number, policy=DEFAULT, months=61)
            life.live()
            assert list(violations(life)) == []

    @pytest.mark.parametrize("seed", range(1000, 1006))
    def test_of_an_hourly_schedule_never_break_a_limit_either(self, make, seed):
        life = Life(make, seed, policy=HOURLY, months=3)

        life.live()

        assert list(violations(life)) == []

    def test_would_break_limits_if_nobody_counted(self, make):
        life = Life(make, 1, policy=HOURLY, months=1)
        life.brand = "mastercard"
        invoice = make.invoice()
        for hour in range(40):
            life.attempt(make.T + hour * HOUR / 2, invoice, "retry")

        found = {name for name, _ in violations(life)}
        assert {"mastercard 10 in a day", "mastercard 35 in 30 days"} <= found
