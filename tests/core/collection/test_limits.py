"""Each limit, stood on from both sides."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from recoup.core.account import Signal
from recoup.core.collection.limits import banking_day, earliest, on_instrument, stamp
from recoup.core.money import Money
from recoup.core.states import AttemptState

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)


@pytest.fixture
def ask(make, rules):
    def allowance(*attempts, now, by_customer=False, uses=None, **method):
        account = make.account(
            *attempts, methods=(make.method(**method),), uses=attempts if uses is None else uses
        )
        return earliest(
            account,
            account.invoices[0],
            account.methods[0],
            rules=rules,
            now=now,
            by_customer=by_customer,
        )

    return allowance


def hourly(make, count, **given):
    return [make.attempt(make.T + n * HOUR, **given) for n in range(count)]


class TestVisa:
    def test_allows_the_twentieth_and_not_one_more(self, make, ask):
        now = make.T + DAY

        assert ask(*hourly(make, 19), now=now).at == now
        assert ask(*hourly(make, 20), now=now).at == make.T + 30 * DAY

    def test_stops_counting_an_attempt_at_exactly_thirty_days(self, make, ask):
        tries, free = hourly(make, 20), make.T + 30 * DAY

        assert ask(*tries, now=free - TICK).at == free
        assert ask(*tries, now=free).at == free

    def test_names_the_price_of_not_waiting(self, make, ask):
        now = make.T + DAY

        assert ask(*hourly(make, 20), now=now).fee == Money(10, "USD")
        assert ask(*hourly(make, 19), now=now).fee is None

    def test_counts_the_cardholders_attempts_apart(self, make, ask):
        now, theirs = make.T + DAY, hourly(make, 20, off_session=False, origin="customer")

        assert ask(*theirs, now=now).at == now
        assert ask(*theirs, now=now, by_customer=True).at == make.T + 30 * DAY

    @pytest.mark.parametrize(
        "signal",
        [
            Signal(network_decline_code="41"),
            Signal(network_decline_code="r1"),
            Signal(network_advice_code="01"),
        ],
    )
    def test_never_allows_a_card_of_category_one(self, make, ask, signal):
        later = make.T + 3650 * DAY
        refused = make.attempt(signal=signal)

        assert ask(refused, now=later).at is None
        assert ask(refused, now=later, changed_at=later).at is None
        assert ask(refused, now=later, by_customer=True).fee == Money(10, "USD")

    def test_counts_what_other_customers_did_with_the_card(self, make, ask):
        others = [make.attempt(make.T + n * HOUR, invoice_id=99) for n in range(20)]

        assert ask(uses=others, now=make.T + DAY).at == make.T + 30 * DAY

    def test_counts_each_attempt_once_and_other_cards_not(self, make, ask):
        tries = hourly(make, 12)
        elsewhere = hourly(make, 12, instrument="fp_2")

        assert ask(*tries, uses=(*tries, *elsewhere), now=make.T + DAY).at == make.T + DAY

    @pytest.mark.parametrize(
        ("state", "counts"),
        [
            (AttemptState.INTENDED, True),
            (AttemptState.UNKNOWN, True),
            (AttemptState.ACTION_REQUIRED, True),
            (AttemptState.CANCELED, False),
            (AttemptState.SUCCEEDED, False),
        ],
    )
    def test_counts_what_may_have_been_refused(self, make, ask, state, counts):
        tries = [*hourly(make, 19), make.attempt(make.T + 20 * HOUR, state=state)]
        now = make.T + DAY

        assert (ask(*tries, now=now).at != now) == counts


class TestMastercard:
    def test_allows_ten_refusals_a_day(self, make, ask):
        def tries(count):
            minutes = (make.T + n * timedelta(minutes=1) for n in range(count))
            return [make.attempt(at, brand="mastercard") for at in minutes]

        now = make.T + HOUR

        assert ask(*tries(9), now=now, brand="mastercard").at == now
        stopped = ask(*tries(10), now=now, brand="mastercard")
        assert stopped.at == make.T + DAY
        assert stopped.fee == Money(50, "USD")
        assert "2026-01-06 10:00 UTC" in stopped.reasons[0]

    def test_allows_thirty_five_of_one_amount_in_thirty_days(self, make, ask):
        def tries(count, **given):
            every = (make.T + n * 12 * HOUR for n in range(count))
            return [make.attempt(at, brand="mastercard", **given) for at in every]

        now = make.T + 18 * DAY

        assert ask(*tries(34), now=now, brand="mastercard").at == now
        assert ask(*tries(35), now=now, brand="mastercard").at == make.T + 30 * DAY
        other = Money(999, "USD")
        assert ask(*tries(35, amount=other), now=now, brand="mastercard").at == now

    def test_counts_the_customers_attempts_too(self, make, ask):
        tries = [
            make.attempt(make.T + n * TICK, brand="mastercard", off_session=False)
            for n in range(10)
        ]

        assert ask(*tries, now=make.T + HOUR, brand="mastercard").at == make.T + DAY

    @pytest.mark.parametrize("advice", ["03", "21"])
    def test_closes_a_card_until_it_is_updated_and_thirty_days_have_passed(
        self, make, ask, advice
    ):
        stopped = make.attempt(brand="mastercard", signal=Signal(network_advice_code=advice))
        updated = make.T + DAY

        assert ask(stopped, now=make.T + 40 * DAY, brand="mastercard").at is None
        soon = ask(stopped, now=updated, brand="mastercard", changed_at=updated)
        assert soon.at == make.T + 30 * DAY
        late = ask(stopped, now=make.T + 40 * DAY, brand="mastercard", changed_at=updated)
        assert late.at == make.T + 40 * DAY


class TestOtherCards:
    @pytest.mark.parametrize("brand", ["amex", "discover", "jcb", None])
    def test_have_our_own_limit(self, make, ask, brand):
        tries = [make.attempt(make.T + 2 * n * DAY / 3, brand=brand) for n in range(20)]
        now = make.T + 20 * DAY

        assert ask(*tries[1:], now=now, brand=brand).at == now
        assert ask(*tries, now=now, brand=brand).at == make.T + 30 * DAY

    def test_issued_in_india_are_never_charged_by_themselves(self, make, ask):
        assert ask(now=make.T, country="IN").at is None
        assert ask(now=make.T, country="IN", by_customer=True).at == make.T

    def test_that_are_no_cards_have_no_limit_we_know(self, make, ask):
        assert ask(*hourly(make, 50), now=make.T + 3 * DAY, kind="link").at == make.T + 3 * DAY


class TestBankDebits:
    def entries(self, make, count, code, **given):
        signal = Signal(network_decline_code=code)
        days = (make.T + 7 * n * DAY for n in range(count))
        return [make.attempt(at, signal, brand=None, **given) for at in days]

    @pytest.mark.parametrize(
        ("kind", "code", "again"),
        [("us_bank_account", "R01", 2), ("sepa_debit", "AM04", 2), ("bacs_debit", "0", 3)],
    )
    def test_are_presented_again_as_often_as_the_scheme_allows(self, make, ask, kind, code, again):
        now = make.T + 28 * DAY

        assert ask(*self.entries(make, again, code), now=now, kind=kind, brand=None).at == now
        full = ask(*self.entries(make, again + 1, code), now=now, kind=kind, brand=None)
        assert full.at is None

    @pytest.mark.parametrize(
        ("kind", "code", "days"),
        [("us_bank_account", "R01", 180), ("sepa_debit", "AM04", 42), ("bacs_debit", "0", 28)],
    )
    def test_are_presented_again_within_the_schemes_window(self, make, ask, kind, code, days):
        entry = make.attempt(
            make.T + (-days % 7) * DAY, Signal(network_decline_code=code), brand=None
        )
        last = entry.at + days * DAY

        assert ask(entry, now=last, kind=kind, brand=None).at == last
        assert ask(entry, now=last + TICK, kind=kind, brand=None).at is None

    def test_refused_without_a_reason_are_presented_again_in_five_countries(self, make, ask):
        (entry,) = self.entries(make, 1, "MS03")
        now = make.T + DAY

        assert ask(entry, now=now, kind="sepa_debit", brand=None, country="DE").at == now
        assert ask(entry, now=now, kind="sepa_debit", brand=None, country="FR").at is None
        assert ask(entry, now=now, kind="sepa_debit", brand=None, country=None).at is None

    def test_move_from_a_weekend_to_monday(self, make, ask):
        saturday = make.T + 5 * DAY
        moved = ask(now=saturday, kind="sepa_debit", brand=None)

        assert moved.at == make.T + 7 * DAY
        assert moved.reasons == ("Moved to the next weekday, 2026-01-12 10:00 UTC.",)
        assert banking_day(saturday + DAY) == make.T + 7 * DAY
        assert banking_day(saturday - DAY) == saturday - DAY


class TestTheInstrument:
    def test_is_known_by_its_method_when_nobody_told_us(self, make):
        nameless = make.attempt(instrument=None)
        other = make.attempt(make.T + DAY, instrument=None, method="pm_2")

        assert on_instrument(make.account(nameless, other), make.method()) == [nameless]

    def test_keeps_two_attempts_that_have_no_id_yet(self, make):
        one, two = make.attempt(id=None), make.attempt(make.T + DAY, id=None)

        assert on_instrument(make.account(two, one), make.method()) == [one, two]


def test_instants_are_written_out():
    assert stamp(datetime.fromisoformat("2026-01-05T09:05:59+00:00")) == "2026-01-05 09:05 UTC"
