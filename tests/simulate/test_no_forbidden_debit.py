"""
Random customers with bank debits and backups: no forbidden presentment, and no forbidden try.

Banks answer with any code of any table. Each presentment is judged by the checker of debits, each
try of a card by the one of cards, and every instrument must be the default or a backup.
"""

from __future__ import annotations

import ast
import heapq
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from recoup.core.account import Attempt, Method, Signal
from recoup.core.collection.plan import plan
from recoup.core.collection.rules import CARD, SCHEMES
from recoup.core.policy import DEFAULT
from recoup.core.states import AttemptState
from recoup.reference import load_rules
from recoup.simulation import debits, world
from recoup.simulation.checker import Try, forbidden
from recoup.simulation.contenders import Refusal, account_of
from recoup.simulation.debits import Entry, forbidden_debit
from recoup.simulation.payers import DAY, draw

RULES = load_rules()
MONDAY = datetime(2026, 1, 5, 10, tzinfo=UTC)
DAYS = timedelta(days=1)
DAILY = tuple(n * DAYS for n in range(1, 27))
POLICIES = (
    replace(DEFAULT, collector="recoup"),
    replace(DEFAULT, collector="recoup", timer="fixed", schedule=DAILY),
)
#: What banks say most: else every account is soon out of use.
OFTEN = {"us_bank_account": ["R01", "R09"], "sepa_debit": ["AM04", "MS03"], "bacs_debit": ["0"]}
DEBTS, MOSTLY = 3, 0.8


class Customer:
    """Debts of one customer, charged to what is on file: a default and up to two backups."""

    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.policy = self.dice.choice(POLICIES)
        payer = replace(draw(world("mixed"), 9, seed), updated=None, country="US")
        self.base = account_of(payer, [Refusal(0, Signal(), 0)], 0)
        starts = [payer.at(self.dice.randrange(20 * DAY)) for _ in range(DEBTS)]
        self.invoices = [
            replace(self.base.invoices[0], id=n, created_at=at, first_failed_at=at)
            for n, at in enumerate(starts, 1)
        ]
        self.methods = [self.method(place, payer.at(-DAY)) for place in range(3)]
        self.attempts, self.tries, self.wrong = [], 0, []

    def method(self, place, at):
        kind = self.dice.choice([*sorted(OFTEN), CARD]) if place < 2 else CARD
        return Method(
            processor_id=f"pm_{place}",
            kind=kind,
            instrument=f"fp_{self.dice.random()}",
            brand=self.dice.choice(["visa", "mastercard", "amex"]) if kind == CARD else None,
            country=self.dice.choice(["DE", "FR", "BE"]),
            expires=None,
            is_default=place == 0,
            changed_at=at,
            backup=place or None,
            consented_at=at if place else None,
        )

    def signal(self, kind):
        if kind == CARD:
            code = self.dice.choice(["insufficient_funds", "lost_card", "expired_card"])
            return Signal(decline_code=code)
        if self.dice.random() < MOSTLY:
            return Signal(network_decline_code=self.dice.choice(OFTEN[kind]))
        # A dash names the report of Bacs: those besides ARUDD answer no debit.
        codes = [code for code in sorted(RULES.debits[kind]) if "-" not in code]
        return Signal(network_decline_code=self.dice.choice(codes))

    def refuse(self, invoice, at, origin, method):
        self.attempts.append(
            Attempt(len(self.attempts) + 1, invoice.id, None, origin, AttemptState.DECLINED,
                    invoice.remaining, method.processor_id, method.instrument, method.brand,
                    True, at, self.signal(method.kind))
        )  # fmt: skip

    def planned(self, invoice, at):
        attempts = tuple(self.attempts)
        account = replace(self.base, invoices=tuple(self.invoices), attempts=attempts,
                          uses=attempts, methods=tuple(self.methods))  # fmt: skip
        until = invoice.first_failed_at + 28 * DAYS
        return plan(account, invoice, policy=self.policy, rules=RULES, until=until, now=at)

    def judge(self, invoice, at, method):
        self.tries += 1
        used = [a for a in self.attempts if a.instrument == method.instrument]
        if method.kind == CARD:
            begin = MONDAY - 400 * DAYS
            tried = [
                Try(int((a.at - begin).total_seconds()), a.amount, a.signal, debt=a.invoice_id)
                for a in used
            ]
            wanted = Try(int((at - begin).total_seconds()), invoice.remaining, debt=invoice.id)
            why = forbidden(wanted, tried, brand=method.brand, country=method.country)
        else:
            mine = [a for a in used if a.invoice_id == invoice.id]
            entries = [Entry(a.at, a.signal.network_decline_code) for a in mine]
            scheme = SCHEMES[method.kind]
            why = forbidden_debit(at, entries, scheme=scheme, country=method.country)
        self.wrong.extend(why)

    def live(self):
        todo = [(invoice.first_failed_at, n, "fails") for n, invoice in enumerate(self.invoices)]
        for _ in range(self.dice.randrange(3)):
            at = self.invoices[0].first_failed_at + timedelta(hours=self.dice.randrange(24 * 30))
            todo.append((at, self.dice.randrange(DEBTS), "replaced"))
        heapq.heapify(todo)
        while todo:
            at, n, what = heapq.heappop(todo)
            invoice = self.invoices[n]
            if what == "fails":
                self.refuse(invoice, at, "renewal", self.methods[0])
            elif what == "replaced":
                place = self.dice.randrange(3)
                self.methods[place] = self.method(place, at)
            made = self.planned(invoice, at)
            if what == "try" and made.at is not None and made.at <= at:
                (method,) = (m for m in self.methods if m.processor_id == made.method)
                self.judge(invoice, at, method)
                self.refuse(invoice, at, made.origin, method)
                made = self.planned(invoice, at)
            if made.at is not None and (made.at, n, "try") not in todo:
                heapq.heappush(todo, (max(made.at, at), n, "try"))
        return self


def lived(wanted, first):
    """Live until so many tries were made; return how many, and what was wrong."""
    tries, wrong, seed = 0, [], first
    while tries < wanted:
        customer = Customer(seed).live()
        wrong.extend((seed, why) for why in customer.wrong)
        tries += customer.tries
        seed += 1
    return tries, wrong


class TestRecoup:
    def test_makes_no_forbidden_presentment(self):
        tries, wrong = lived(1_500, 0)

        assert tries >= 1_500
        assert wrong == []

    @pytest.mark.long
    def test_makes_no_forbidden_presentment_in_a_hundred_thousand(self):
        assert lived(100_000, 50_000)[1] == []


def found(scheme, days, *codes, country="DE", every=7):
    entries = [Entry(MONDAY + every * n * DAYS, code) for n, code in enumerate(codes)]
    return forbidden_debit(MONDAY + days * DAYS, entries, scheme=scheme, country=country)


class TestForbidden:
    @pytest.mark.parametrize(
        ("scheme", "codes"),
        [("ACH", ["R01", "R09"]), ("SEPA", ["AM04", "MS03"]), ("Bacs", ["0", "0", "0"])],
    )
    def test_is_one_more_presentment_than_the_scheme_has(self, scheme, codes):
        assert found(scheme, 28, *codes) == ()
        assert found(scheme, 28, *codes, codes[-1]) == (f"{scheme}: presented again too often",)

    @pytest.mark.parametrize(
        ("scheme", "code"), [("ACH", "R02"), ("ACH", "R10"), ("SEPA", "MD01"), ("Bacs", "1")]
    )
    def test_is_any_after_a_code_that_the_scheme_does_not_list(self, scheme, code):
        assert found(scheme, 21, code) == (f"{scheme}: never after {code}",)

    @pytest.mark.parametrize(("country", "allowed"), [("DE", True), ("FR", False), (None, False)])
    def test_is_one_where_the_code_is_not_listed(self, country, allowed):
        assert (found("SEPA", 14, "MS03", country=country) == ()) is allowed
        assert found("SEPA", 14, "AM04", country=country) == ()

    def test_is_more_than_the_codes_own_row_has(self):
        assert found("SEPA", 21, "ED05") == ()
        assert found("SEPA", 21, "AM04", "ED05") == ("SEPA: presented again too often",)

    @pytest.mark.parametrize(("scheme", "days"), [("ACH", 180), ("SEPA", 42), ("Bacs", 28)])
    def test_is_one_behind_the_window(self, scheme, days):
        code = {"ACH": "R01", "SEPA": "AM04", "Bacs": "0"}[scheme]
        monday = days // 7 * 7

        assert found(scheme, monday, code) == ()
        assert found(scheme, monday + 7, code) == (f"{scheme}: too late",)

    @pytest.mark.parametrize(("days", "allowed"), [(4, True), (5, False), (6, False), (7, True)])
    def test_is_one_on_no_banking_day(self, days, allowed):
        assert (found("ACH", days, "R01") == ()) is allowed

    @pytest.mark.parametrize(("days", "allowed"), [(4, False), (7, True)])
    def test_is_one_of_which_the_payer_was_not_told_under_bacs(self, days, allowed):
        assert (found("Bacs", days, "0") == ()) is allowed
        assert found("SEPA", days, "AM04") == ()


class TestTheChecker:
    def test_knows_nothing_of_what_it_checks(self):
        tree = ast.parse(Path(debits.__file__).read_text())
        imported = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}

        assert not any("recoup" in module for module in imported)
