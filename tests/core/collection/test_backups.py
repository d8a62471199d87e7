"""Backups: tried when the default way to pay can not be any more, and only with consent."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from recoup.core.account import Signal
from recoup.core.collection.plan import Need
from recoup.core.policy import DEFAULT
from recoup.core.states import AttemptState

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SECOND_DAY = replace(DEFAULT, timer="fixed", schedule=(2 * DAY,))
LOST = Signal(decline_code="lost_card")
ASKED = Signal(decline_code="authentication_required")


@pytest.fixture
def backup(make):
    def made(number: int = 2, *, place: int | None = 1, **given):
        values = {"instrument": f"fp_{number}", "is_default": False, "backup": place}
        if place is not None:
            values["consented_at"] = make.T - 3 * DAY
        return make.method(f"pm_{number}", **{**values, **given})

    return made


@pytest.fixture
def second(make):
    """A refusal of the second card."""

    def made(at, signal: Signal | None = None, **given):
        known = {"method": "pm_2", "instrument": "fp_2"} | given
        return make.attempt(at, signal, **known)

    return made


class TestABackup:
    def test_takes_over_where_the_default_is_barred(self, make, backup):
        account = make.account(make.attempt(signal=LOST), methods=(make.method(), backup()))

        made = make.plan(account, make.T + HOUR)

        assert (made.at, made.method, made.origin) == (make.T + HOUR, "pm_2", "retry")
        told = " ".join(made.reasons)
        assert "Refused as fraud on 2026-01-05 10:00 UTC: this needs a new way to pay." in told
        assert (
            "The customer allows another way to pay since 2026-01-02 10:00 UTC: "
            "number 1 of the backups, visa card pm_2." in told
        )

    def test_takes_over_where_the_default_is_out_of_date(self, make, backup):
        old = make.method(expires=(2025, 12))
        made = make.plan(make.account(make.attempt(), methods=(old, backup())))

        assert made.method == "pm_2"
        assert "The card is out of date after 2025-12" in " ".join(made.reasons)

    def test_takes_over_where_the_default_is_used_up(self, make, backup):
        tried = (make.attempt(), make.attempt(make.T + 2 * DAY))
        account = make.account(*tried, methods=(make.method(), backup()))

        made = make.plan(account, make.T + 3 * DAY, policy=SECOND_DAY)

        assert (made.method, made.at) == ("pm_2", make.T + 3 * DAY)
        assert "All 1 tries of the fixed schedule are used up." in made.reasons

    def test_takes_over_where_there_is_no_default(self, make, backup):
        made = make.plan(make.account(make.attempt(), methods=(backup(),)))

        assert made.method == "pm_2"
        assert "There is no default way to pay." in made.reasons

    def test_takes_over_from_a_debit_that_its_scheme_does_not_present_again(self, make, backup):
        debit = make.method(kind="sepa_debit", instrument="fp_1", brand=None)
        unlisted = Signal(network_decline_code="AC04")
        account = make.account(
            make.attempt(signal=unlisted, brand=None), methods=(debit, backup())
        )

        assert make.plan(account).method == "pm_2"

    def test_waits_while_the_default_still_has_a_try(self, make, backup):
        account = make.account(make.attempt(), methods=(make.method(), backup()))

        made = make.plan(account, policy=SECOND_DAY)

        assert (made.method, made.at) == ("pm_1", make.T + 2 * DAY)

    def test_does_not_stand_in_for_the_customers_own_authentication(self, make, backup):
        account = make.account(make.attempt(signal=ASKED), methods=(make.method(), backup()))

        made = make.plan(account)

        assert (made.at, made.need) == (None, Need.CUSTOMER)

    def test_is_not_touched_when_the_payer_has_died(self, make, backup):
        debit = make.method(kind="us_bank_account", brand=None)
        died = make.attempt(signal=Signal(network_decline_code="R15"), brand=None)

        made = make.plan(make.account(died, methods=(debit, backup())))

        assert (made.at, made.need) == (None, Need.PERSON)

    def test_is_nothing_without_a_place_in_the_customers_order(self, make, backup):
        account = make.account(
            make.attempt(signal=LOST), methods=(make.method(), backup(place=None))
        )

        made = make.plan(account)

        assert (made.at, made.need) == (None, Need.NEW_METHOD)

    def test_is_the_first_in_order_that_may_be_tried(self, make, backup):
        account = make.account(
            make.attempt(signal=LOST),
            methods=(
                backup(4, place=3),
                make.method(),
                backup(3, place=2),
                backup(2, place=1, expires=(2025, 1)),
            ),
        )

        assert make.plan(account).method == "pm_3"

    def test_is_nothing_new_when_it_is_the_same_instrument(self, make, backup):
        same = backup(instrument="fp_1")

        made = make.plan(make.account(make.attempt(signal=LOST), methods=(make.method(), same)))

        assert made.at is None


class TestItsHistory:
    def test_is_its_own(self, make, backup, second):
        dead, now = make.attempt(signal=LOST), make.T + DAY
        account = make.account(dead, second(now), methods=(make.method(), backup()))

        made = make.plan(account, now, policy=SECOND_DAY)

        assert (made.method, made.at) == ("pm_2", make.T + 2 * DAY)

    def test_bars_it_too(self, make, backup, second):
        account = make.account(
            make.attempt(signal=LOST),
            second(make.T + DAY, LOST),
            methods=(make.method(), backup(), backup(3, place=2)),
        )

        assert make.plan(account, make.T + DAY).method == "pm_3"

    def test_counts_what_it_was_used_for_elsewhere(self, make, backup, second):
        elsewhere = tuple(
            second(make.T - (n + 1) * HOUR, invoice_id=9, brand="mastercard", id=100 + n)
            for n in range(10)
        )
        card = backup(brand="mastercard")
        account = replace(
            make.account(make.attempt(signal=LOST), methods=(make.method(), card)), uses=elsewhere
        )

        made = make.plan(account)

        assert made.method == "pm_2"
        assert made.at == min(a.at for a in elsewhere) + DAY

    def test_has_one_try_in_flight_at_a_time(self, make, backup, second):
        moving = second(make.T + DAY, state=AttemptState.REQUESTED)
        account = make.account(
            make.attempt(signal=LOST), moving, methods=(make.method(), backup(), backup(3))
        )

        assert make.plan(account, make.T + DAY).at is None

    def test_gives_way_to_a_new_default(self, make, backup, second):
        new = make.method("pm_5", instrument="fp_5", changed_at=make.T + 2 * DAY)
        account = make.account(
            make.attempt(signal=LOST), second(make.T + DAY), methods=(backup(), new)
        )

        made = make.plan(account, make.T + 2 * DAY)

        assert (made.method, made.origin) == ("pm_5", "new_method")

    def test_says_all_codes_that_nobody_knows(self, make, backup, second):
        account = make.account(
            make.attempt(signal=Signal(decline_code="lost_card", advice_code="odd")),
            second(make.T + DAY, Signal(decline_code="queer")),
            methods=(make.method(), backup()),
        )

        made = make.plan(account, make.T + DAY)

        assert made.unknown_codes == ("advice_code odd", "decline_code queer")

    def test_says_once_more_why_when_nothing_is_left(self, make, backup, second):
        account = make.account(
            make.attempt(signal=LOST),
            second(make.T + DAY, LOST),
            methods=(make.method(), backup()),
        )

        made = make.plan(account, make.T + DAY)

        assert (made.at, made.need) == (None, Need.NEW_METHOD)
        assert sum("Refused as fraud" in why for why in made.reasons) == 2
