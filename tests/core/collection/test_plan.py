"""Whether one obligation is tried again by itself, when, with what, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from recoup.core.account import Hold, Signal
from recoup.core.collection.plan import PAUSE, Need
from recoup.core.collection.timers import ADVANCES
from recoup.core.money import Money
from recoup.core.periods import Period
from recoup.core.policy import DEFAULT
from recoup.core.states import AttemptState, InvoiceStatus

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
TICK = timedelta(microseconds=1)


class TestWithoutACharge:
    @pytest.mark.parametrize(
        ("given", "reason"),
        [
            ({"status": InvoiceStatus.PAID}, "Nothing is owed"),
            ({"remaining": Money(0, "USD")}, "Nothing is owed"),
            ({"first_failed_at": None}, "No automatic payment for it has failed"),
            ({"disputed": True}, "disputed"),
            ({"was_disputed": True}, "was disputed"),
        ],
    )
    def test_an_invoice_says_why(self, make, given, reason):
        made = make.plan(make.account(make.attempt(), invoices=(make.invoice(**given),)))

        assert made.at is None
        assert reason in made.reasons[0]

    def test_a_deleted_customer_is_left_alone(self, make):
        made = make.plan(replace(make.account(make.attempt()), deleted=True))

        assert (made.at, made.reasons) == (None, ("The customer was deleted at the processor.",))

    @pytest.mark.parametrize("state", ["intended", "requested", "processing", "unknown"])
    def test_an_attempt_under_way_is_awaited(self, make, state):
        moving = make.attempt(make.T + DAY, state=AttemptState(state))
        made = make.plan(make.account(make.attempt(), moving), make.T + 9 * DAY)

        assert made.at is None
        assert made.reasons == (f"The attempt of 2026-01-06 10:00 UTC is under way ({state}).",)

    @pytest.mark.parametrize(
        ("given", "reason"),
        [
            ({}, "tries again by itself."),
            ({"processor_gave_up": True}, "has given up."),
            ({"processor_next_try_at": "soon"}, "itself, next on 2026-01-07 10:00 UTC."),
        ],
    )
    def test_the_processor_collects_where_it_is_the_collector(self, make, given, reason):
        if given.get("processor_next_try_at"):
            given = {"processor_next_try_at": make.T + 2 * DAY}
        account = make.account(make.attempt(), invoices=(make.invoice(**given),))

        made = make.plan(account, policy=replace(DEFAULT, collector="processor"))

        assert made.at is None
        assert made.reasons[-1].endswith(reason)

    def test_the_processors_refusals_are_read_all_the_same(self, make):
        account = make.account(make.attempt(signal=Signal("lost_card", "brand_new")))

        made = make.plan(account, policy=replace(DEFAULT, collector="processor"))

        assert made.verdict.decline_class == "fraud"
        assert made.unknown_codes == ("advice_code brand_new",)

    def test_a_new_way_to_pay_is_no_reason_where_the_processor_collects(self, make):
        new = make.method("pm_2", instrument="fp_2", changed_at=make.T + HOUR)
        account = make.account(make.attempt(), methods=(new,))

        made = make.plan(account, make.T + DAY, policy=replace(DEFAULT, collector="processor"))

        assert (made.at, made.need) == (None, None)

    def test_a_try_that_the_processor_has_announced_is_left_to_it(self, make):
        announced = make.invoice(processor_next_try_at=make.T + DAY)
        account = make.account(make.attempt(), invoices=(announced,))

        made = make.plan(account, make.T + 2 * DAY)

        assert made.at is None
        assert made.reasons[-1] == (
            "The processor has announced a try of its own on 2026-01-06 10:00 UTC, "
            "so we make none."
        )

    def test_a_try_that_was_announced_and_not_made_is_waited_for_three_days(self, make):
        announced = make.invoice(processor_next_try_at=make.T + DAY)
        account = make.account(make.attempt(), invoices=(announced,))

        assert make.plan(account, make.T + 4 * DAY - timedelta(microseconds=1)).at is None
        assert make.plan(account, make.T + 4 * DAY).at is not None

    def test_a_try_that_was_announced_and_made_is_over(self, make):
        announced = make.invoice(processor_next_try_at=make.T + DAY)
        made = make.attempt(make.T + DAY, origin="processor")
        account = make.account(make.attempt(), made, invoices=(announced,))

        assert make.plan(account, make.T + DAY).at is not None


class TestTheMethod:
    def test_is_missing(self, make):
        made = make.plan(make.account(make.attempt(), methods=()))

        assert (made.at, made.need) == (None, Need.NEW_METHOD)
        assert made.verdict.wording == "insufficient_funds"
        assert made.reasons[-1] == "There is no way to pay on file."

    def test_is_missing_and_nobody_said_why_it_failed(self, make):
        made = make.plan(make.account(methods=()))

        assert (made.at, made.verdict, made.need) == (None, None, Need.NEW_METHOD)

    def test_is_never_a_backup_nobody_agreed_to(self, make):
        backup = make.method("pm_2", instrument="fp_2", is_default=False)
        made = make.plan(make.account(make.attempt(), methods=(backup,)))

        assert made.at is None
        assert "consent" in made.reasons[-1]

    def test_is_used_through_its_last_month_and_not_after(self, make):
        def ask(expires):
            method = make.method(expires=expires)
            return make.plan(make.account(make.attempt(), methods=(method,)))

        assert ask((2026, 1)).at == make.T + 3 * DAY
        over = ask((2025, 12))
        assert (over.at, over.need) == (None, Need.NEW_METHOD)
        assert "out of date after 2025-12" in over.reasons[-1]

    def test_of_a_refusal_nobody_named_is_taken_for_the_one_on_file(self, make):
        nameless = make.attempt(instrument=None, method=None)

        made = make.plan(make.account(nameless))

        assert (made.at, made.origin) == (make.T + 3 * DAY, "retry")


class TestANewMethod:
    def test_is_tried_at_once_and_once(self, make):
        dead = make.attempt(signal=Signal(decline_code="lost_card"))
        other = make.method("pm_2", instrument="fp_2", brand="mastercard")
        account = make.account(dead, methods=(make.method(is_default=False), other))
        now = make.T + 3 * DAY

        made = make.plan(account, now)
        refused = make.attempt(now, origin="new_method", method="pm_2", instrument="fp_2")
        after = make.plan(make.also(account, refused), now)

        assert (made.at, made.origin, made.method) == (now, "new_method", "pm_2")
        assert (after.at, after.origin) == (now + DAY, "retry")

    def test_may_be_the_same_card_with_new_details(self, make):
        expired = make.attempt(signal=Signal(decline_code="expired_card"))

        def ask(changed_at):
            method = make.method(changed_at=changed_at)
            return make.plan(make.account(expired, methods=(method,)), make.T + DAY)

        assert (ask(make.T).at, ask(make.T).need) == (None, Need.NEW_METHOD)
        updated = ask(make.T + TICK)
        assert (updated.at, updated.origin) == (make.T + DAY, "new_method")

    def test_is_not_one_that_changed_at_the_very_refusal(self, make):
        def origin(changed_at):
            method = make.method(changed_at=changed_at)
            return make.plan(make.account(make.attempt(), methods=(method,))).origin

        assert origin(make.T) == "retry"
        assert origin(make.T + TICK) == "new_method"

    def test_is_not_the_same_card_brought_back_from_the_dead(self, make):
        dead = make.attempt(signal=Signal(decline_code="stolen_card"))
        again = make.method("pm_2", changed_at=make.T + DAY)

        made = make.plan(make.account(dead, methods=(again,)), make.T + 2 * DAY)

        assert (made.at, made.need) == (None, Need.NEW_METHOD)

    def test_does_not_shorten_the_wait_a_network_advised(self, make):
        advised = make.attempt(
            signal=Signal("insufficient_funds", None, "51", "28"), brand="mastercard"
        )
        method = make.method(brand="mastercard", changed_at=make.T + HOUR)

        made = make.plan(make.account(advised, methods=(method,)), make.T + DAY)

        assert (made.at, made.origin) == (make.T + 6 * DAY, "new_method")

    def test_is_one_added_after_a_failure_we_were_only_told_of(self, make):
        method = make.method(changed_at=make.T + HOUR)

        made = make.plan(make.account(methods=(method,)), make.T + 2 * HOUR)

        assert (made.at, made.origin) == (make.T + 2 * HOUR, "new_method")

    def test_frees_a_try_that_waits_for_the_customer(self, make):
        waiting = make.attempt(state=AttemptState.ACTION_REQUIRED, signal=Signal())
        other = make.method("pm_2", instrument="fp_2")

        made = make.plan(make.account(waiting, methods=(other,)), make.T + HOUR)

        assert (made.at, made.origin) == (make.T + HOUR, "new_method")


class TestAuthentication:
    @pytest.mark.parametrize("state", [AttemptState.ACTION_REQUIRED, AttemptState.DECLINED])
    def test_is_asked_for_by_a_link(self, make, state):
        code = None if state == AttemptState.ACTION_REQUIRED else "authentication_required"
        waiting = make.attempt(state=state, signal=Signal(decline_code=code))

        made = make.plan(make.account(waiting), make.T + 5 * DAY)

        assert (made.at, made.need) == (None, Need.CUSTOMER)
        assert made.verdict.wording == "authentication_required"

    def test_is_still_asked_for_when_that_try_was_called_off(self, make):
        signal = Signal(decline_code="authentication_required")
        over = make.attempt(make.T + DAY, signal, state=AttemptState.CANCELED)

        made = make.plan(make.account(make.attempt(), over), make.T + 5 * DAY)

        assert (made.at, made.need) == (None, Need.CUSTOMER)

    def test_is_still_asked_for_when_the_customer_tried_in_vain_since(self, make):
        asked = make.attempt(make.T + DAY, Signal(decline_code="authentication_required"))
        signal = Signal(decline_code="insufficient_funds")
        since = make.attempt(make.T + 2 * DAY, signal, origin="customer", off_session=False)
        account = make.account(make.attempt(), asked, since)
        early, late = (
            replace(account, methods=(make.method(changed_at=make.T + at),))
            for at in (DAY, DAY + TICK)
        )

        made = make.plan(account, make.T + 5 * DAY)

        assert (made.at, made.need) == (None, Need.CUSTOMER)
        assert made.verdict.wording == "insufficient_funds"
        assert "asked for the customer on 2026-01-06 10:00 UTC" in made.reasons[-1]
        assert make.plan(early, make.T + 5 * DAY).at is None
        assert make.plan(late, make.T + 5 * DAY).at is not None


class TestTime:
    def test_never_runs_past_the_ladders_end(self, make):
        account, due = make.account(make.attempt()), make.T + 3 * DAY

        assert make.plan(account, until=due).at == due
        late = make.plan(account, until=due - TICK)
        assert late.at is None
        assert "after the ladder's end" in late.reasons[-1]

    def test_makes_an_overdue_try_now(self, make):
        now = make.T + 20 * DAY

        assert make.plan(make.account(make.attempt()), now).at == now

    def test_waits_for_a_hold_to_end(self, make):
        def ask(end):
            hold = Hold(1, "promised to pay", Period(make.T, end))
            return make.plan(replace(make.account(make.attempt()), holds=(hold,)))

        assert ask(make.T + 4 * DAY).at == make.T + 4 * DAY
        assert ask(make.T + 2 * DAY).at == make.T + 3 * DAY
        assert (ask(None).at, ask(None).need) == (None, Need.PERSON)

    def test_repeats_a_try_that_was_called_off_after_a_pause(self, make):
        slot = make.T + 3 * DAY
        off = make.attempt(slot, Signal(), state=AttemptState.CANCELED)

        made = make.plan(make.account(make.attempt(), off), slot)

        assert made.at == slot + PAUSE

    @pytest.mark.parametrize(("times", "pauses"), [(2, 2), (4, 8), (7, 64), (8, 96), (40, 96)])
    def test_repeats_what_is_called_off_again_and_again_seldomer_and_at_least_daily(
        self, make, times, pauses
    ):
        slot = make.T + 3 * DAY
        offs = [
            replace(make.attempt(slot, Signal(), state=AttemptState.CANCELED), id=80 + n)
            for n in range(times)
        ]

        made = make.plan(make.account(make.attempt(), *offs), slot)

        assert made.at == slot + pauses * PAUSE

    def test_leaves_a_week_before_a_bacs_debit_is_presented_again(self, make):
        refused = make.attempt(signal=Signal(network_decline_code="0"), brand=None)
        bank = make.method(kind="bacs_debit", brand=None, country="GB")

        assert make.plan(make.account(refused, methods=(bank,))).at == make.T + 7 * DAY

    def test_names_every_instant_in_words(self, make):
        made = make.plan(make.account(make.attempt()))

        assert made.reasons[-1] == "The next try is on 2026-01-08 10:00 UTC."

    @pytest.mark.parametrize("count", range(1, 13))
    def test_follows_a_fixed_schedule_to_the_instant(self, make, count):
        schedule = tuple(n * 2 * DAY for n in range(1, count + 1))
        policy = replace(DEFAULT, timer="fixed", schedule=schedule)
        account, made, now = make.account(make.attempt()), [], make.T

        while (at := make.plan(account, now, policy=policy).at) is not None:
            made.append(at)
            now = at
            account = make.also(account, make.attempt(at))

        assert made == [make.T + span for span in schedule]

    @pytest.mark.parametrize("origin", [o for o, advances in ADVANCES.items() if not advances])
    def test_keeps_its_place_whoever_else_tries(self, make, origin):
        besides = make.attempt(make.T + 5 * DAY, origin=origin, off_session=origin != "customer")

        made = make.plan(make.account(make.attempt(), besides), make.T + 5 * DAY)

        assert made.at == make.T + 6 * DAY

    def test_reports_codes_nobody_knows(self, make):
        made = make.plan(make.account(make.attempt(signal=Signal(decline_code="brand_new"))))

        assert made.unknown_codes == ("decline_code brand_new",)
        assert made.at == make.T + 8 * DAY

    def test_prices_a_try_before_the_limit_allows_it(self, make):
        minutes = (make.T + n * timedelta(minutes=1) for n in range(10))
        theirs = [
            make.attempt(at, Signal(decline_code="processing_error"), brand="mastercard",
                         off_session=n > 0, origin="customer" if n else "renewal")
            for n, at in enumerate(minutes)
        ]  # fmt: skip
        account = make.account(*theirs, methods=(make.method(brand="mastercard"),))

        made = make.plan(account, make.T + HOUR)

        assert made.at == make.T + DAY
        assert made.fee == Money(50, "USD")
        assert made.price == Money(0, "USD")
