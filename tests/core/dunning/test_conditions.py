"""Which debts a condition is for, and which conditions are for at least as many."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from recoup.core.dunning.cases import with_cases
from recoup.core.dunning.conditions import ALWAYS, About, When, about
from recoup.core.money import Money
from recoup.core.policy import DAY, Policies
from recoup.errors import InvalidPolicy
from recoup.testing.accounts import NOON, invoice, owing

FIFTY, HUNDRED = Money(5000, "EUR"), Money(10_000, "EUR")
KNOWN = About("soft", (FIFTY,), "company", "price_team", "DE", 90 * DAY)
NOBODY = About(None, (), None, None, None, None)


class TestACondition:
    @pytest.mark.parametrize("of", [KNOWN, NOBODY])
    def test_that_asks_nothing_fits_everybody(self, of):
        assert ALWAYS.why_not(of) is None

    @pytest.mark.parametrize(
        ("when", "why"),
        [
            (When(classes=frozenset({"hard"})), "the refusal is soft"),
            (When(segments=frozenset({"person"})), "the segment is company"),
            (When(plans=frozenset({"price_solo"})), "the plan is price_team"),
            (When(countries=frozenset({"FR"})), "the country is DE"),
            (When(currencies=frozenset({"USD"})), "the debt is in another currency"),
            (When(min_amount=Money(1, "USD")), "nothing is owed in USD"),
        ],
    )
    def test_says_why_it_does_not_fit(self, when, why):
        assert when.why_not(KNOWN) == why

    @pytest.mark.parametrize(
        "when",
        [
            When(classes=frozenset({"soft", "hard"})),
            When(segments=frozenset({"company"})),
            When(plans=frozenset({"price_team"})),
            When(countries=frozenset({"DE", "FR"})),
            When(currencies=frozenset({"EUR"})),
        ],
    )
    def test_fits_one_of_those_it_names_and_nobody_unknown(self, when):
        assert when.why_not(KNOWN) is None
        assert when.why_not(NOBODY) is not None

    @pytest.mark.parametrize(
        ("when", "fits"),
        [
            (When(min_amount=FIFTY), True),
            (When(min_amount=Money(5001, "EUR")), False),
            (When(max_amount=FIFTY), True),
            (When(max_amount=Money(4999, "EUR")), False),
            (When(min_amount=Money(1, "EUR"), max_amount=HUNDRED), True),
        ],
    )
    def test_includes_the_amounts_it_names(self, when, fits):
        assert (when.why_not(KNOWN) is None) is fits

    @pytest.mark.parametrize(
        ("span", "why"),
        [
            (90 * DAY, None),
            (90 * DAY + timedelta(seconds=1), "the time as a customer is 90 d"),
        ],
    )
    def test_includes_the_tenure_it_names(self, span, why):
        assert When(min_tenure=span).why_not(KNOWN) == why

    def test_takes_no_unknown_tenure_for_a_long_one(self):
        why = When(min_tenure=timedelta(0)).why_not(NOBODY)

        assert why == "the time as a customer is not known"
        assert When(min_tenure=timedelta(0)).why_not(replace(KNOWN, tenure=timedelta(0))) is None

    @pytest.mark.parametrize(
        ("given", "why"),
        [
            ({"classes": frozenset({"odd"})}, "no class of decline is called 'odd'"),
            ({"min_amount": HUNDRED, "max_amount": FIFTY}, "no amount is from 100.00 EUR"),
            ({"min_amount": FIFTY, "max_amount": Money(1, "USD")}, "amounts of two currencies"),
            ({"min_tenure": -DAY}, "a tenure is 0 or more"),
        ],
    )
    def test_that_nothing_can_fit_is_refused(self, given, why):
        with pytest.raises(InvalidPolicy, match=why):
            When(**given)


class TestCovering:
    @pytest.mark.parametrize(
        ("wide", "narrow"),
        [
            (ALWAYS, When(countries=frozenset({"DE"}))),
            (When(countries=frozenset({"DE", "FR"})), When(countries=frozenset({"DE"}))),
            (When(min_amount=FIFTY), When(min_amount=HUNDRED)),
            (When(max_amount=HUNDRED), When(max_amount=FIFTY)),
            (When(min_tenure=DAY), When(min_tenure=2 * DAY, plans=frozenset({"p"}))),
        ],
    )
    def test_is_to_fit_whatever_the_other_fits(self, wide, narrow):
        assert wide.covers(narrow)
        assert wide.covers(wide)
        assert not narrow.covers(wide)

    def test_never_compares_two_currencies(self):
        dollars = When(min_amount=Money(1, "USD"))

        assert not dollars.covers(When(min_amount=HUNDRED))
        assert not dollars.covers(ALWAYS)


class TestWhatIsAsked:
    def test_is_each_currency_by_itself_and_the_tenure_at_the_start(self):
        account = owing(
            invoice(1), invoice(2), invoice(3, amount=Money(700, "USD")), code="lost_card"
        )
        bought = replace(account.subscriptions[0], activated_at=NOON - 400 * DAY)
        account = replace(account, subscriptions=(bought,), segment="company")
        (case,) = _cases(account)

        found = about(case, account, decline_class="fraud")

        assert found.owed == (Money(2000, "EUR"), Money(700, "USD"))
        assert found.tenure == 400 * DAY
        assert (found.segment, found.plan, found.country) == ("company", "price_team", "DE")

    def test_of_a_one_off_is_no_plan_and_no_tenure(self):
        account = owing(invoice(subscription=None))
        (case,) = _cases(account)

        found = about(case, account, decline_class=None)

        assert (found.plan, found.tenure) == (None, None)


def _cases(account):
    return with_cases(account, policies=Policies()).cases
