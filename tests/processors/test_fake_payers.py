"""Instruments and customers, by script."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from recoup.core import states
from recoup.core.account import Signal
from recoup.errors import Rejected
from recoup.processors.fake import (
    LOST,
    NO_FUNDS,
    Asks,
    Broke,
    Declines,
    Habit,
    Payer,
    Pays,
    Refusal,
    Slow,
    Sometimes,
)
from recoup.processors.fake.payers import meet

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)


def kinds(payer, times, *, now=NOON, off_session=True, dice=500):
    answers = []
    for _ in range(times):
        answer, payer = meet(payer, now=now, off_session=off_session, dice=dice)
        answers.append(answer.kind)
    return answers


class TestAPayer:
    @pytest.mark.parametrize(
        ("payer", "expected"),
        [
            pytest.param(Pays(), ["pays"] * 4, id="pays"),
            pytest.param(Declines(), ["declines"] * 4, id="never pays"),
            pytest.param(Declines(LOST, 2), ["declines"] * 2 + ["pays"] * 2, id="pays in the end"),
            pytest.param(
                Declines(NO_FUNDS, 1, Asks()), ["declines"] + ["asks"] * 3, id="then asks"
            ),
            pytest.param(Asks(declines=True), ["declines"] * 4, id="refuses without asking"),
            pytest.param(Slow(then=Pays()), ["waits"] + ["pays"] * 3, id="slow once"),
            pytest.param(Slow(), ["waits"] * 4, id="always slow"),
        ],
    )
    def test_answers_in_turn(self, payer, expected):
        assert kinds(payer, 4) == expected

    def test_who_must_authenticate_pays_when_present(self):
        assert kinds(Asks(), 2, off_session=False) == ["pays", "pays"]

    @pytest.mark.parametrize("payer", [Asks(), Asks(declines=True), Sometimes(0, then=Asks())])
    def test_who_must_authenticate_is_asked_to_when_present(self, payer):
        answer, left = meet(payer, now=NOON, off_session=False, dice=500, authenticated=False)

        assert (answer.kind, left) == ("asks", payer)

    @pytest.mark.parametrize(
        ("after", "answer"),
        [
            pytest.param(-TICK, "declines", id="just before payday"),
            pytest.param(timedelta(0), "pays", id="on payday"),
            pytest.param(5 * DAY - TICK, "pays", id="before it is spent"),
            pytest.param(5 * DAY, "declines", id="spent"),
            pytest.param(14 * DAY, "pays", id="next payday"),
            pytest.param(-14 * DAY, "pays", id="payday before"),
        ],
    )
    def test_who_is_broke_pays_after_payday(self, after, answer):
        payer = Broke(payday=NOON, every=14 * DAY)

        assert kinds(payer, 1, now=NOON + after) == [answer]

    @pytest.mark.parametrize(("dice", "answer"), [(299, "declines"), (300, "pays")])
    def test_who_declines_sometimes_goes_by_the_dice(self, dice, answer):
        assert kinds(Sometimes(300), 1, dice=dice) == [answer]

    @pytest.mark.parametrize(
        "payer",
        [Pays(), Declines(LOST, 3, Broke(NOON)), Sometimes(10, LOST), Asks(), Slow(2 * DAY, LOST)],
    )
    def test_is_data(self, payer):
        assert msgspec.json.decode(msgspec.json.encode(payer), type=Payer) == payer


class TestATry:
    def test_carries_every_code_of_its_refusal(self, town):
        refusal = Refusal("do_not_honor", "try_again_later", "05", "24")
        invoice, _, _ = town.debt(Declines(refusal))

        refused = town.fake.pay_invoice(invoice, method=None, key="k1")

        assert refused.signal == Signal("do_not_honor", "try_again_later", "05", "24")

    def test_with_an_expired_card_is_declined_whatever_its_script(self, town):
        invoice, _, method = town.debt(Pays(), expires=(2026, 2))

        town.fake.advance(datetime(2026, 3, 1, tzinfo=UTC) - TICK)
        in_time = town.fake.invoice(invoice)
        town.fake.advance(datetime(2026, 3, 1, tzinfo=UTC))
        late = town.fake.pay_invoice(invoice, method=method, key="k1")
        town.fake.update_method(method, expires=(2029, 2))
        renewed = town.fake.pay_invoice(invoice, method=method, key="k2")

        assert states.is_owed(in_time.status)
        assert late.signal.decline_code == "expired_card"
        assert states.succeeded(renewed.state)

    def test_in_the_last_month_of_the_card_is_not(self, town):
        invoice, _, _ = town.debt(Pays(), expires=(2026, 2))
        town.fake.advance(datetime(2026, 3, 1, tzinfo=UTC) - TICK)

        assert states.succeeded(town.fake.pay_invoice(invoice, method=None, key="k1").state)

    def test_of_the_same_card_under_two_methods_meets_one_script(self, town):
        invoice, _, _ = town.debt(fingerprint="same")
        customer = town.fake.invoice(invoice).customer
        second = town.fake.attach_method(customer, Declines(LOST, 1), fingerprint="same")

        first_try = town.fake.pay_invoice(invoice, method=second, key="k1")
        second_try = town.fake.pay_invoice(invoice, method=None, key="k2")

        assert first_try.instrument == second_try.instrument
        assert states.was_declined(first_try.state)
        assert states.succeeded(second_try.state)

    @pytest.mark.parametrize(
        ("fails", "captured"), [(None, 2900), (Refusal("account_closed"), 0)], ids=["ok", "late"]
    )
    def test_by_bank_debit_settles_when_the_bank_says(self, town, fails, captured):
        invoice, _, _ = town.debt(Slow(4 * DAY, fails), kind="sepa_debit")
        moving = town.fake.pay_invoice(invoice, method=None, key="k1")

        town.wait(4 * DAY - TICK)
        before = town.fake.charges_of(invoice)[-1]
        town.wait(TICK)
        after = town.fake.find_payment(invoice, key="k1", since=moving.at)

        assert states.in_flight(before.state)
        assert states.succeeded(after.state) == bool(captured)
        assert after.signal.decline_code == (fails and "account_closed")
        books = town.fake.books().captured
        assert (books[invoice].minor if invoice in books else 0) == captured

    def test_that_waits_for_the_customer_is_finished_by_the_customer(self, town):
        invoice, _, _ = town.debt(Asks())
        asked = town.fake.pay_invoice(invoice, method=None, key="k1")

        town.fake.customer_pays(invoice)

        found = town.fake.find_payment(invoice, key="k1", since=asked.at)
        assert states.awaits_customer(asked.state)
        assert states.succeeded(found.state)
        assert len(town.fake.charges_of(invoice)) == 2

    def test_that_waits_is_canceled_by_the_next(self, town):
        invoice, _, _ = town.debt(Asks())
        asked = town.fake.pay_invoice(invoice, method=None, key="k1")
        again = town.fake.pay_invoice(invoice, method=None, key="k2")

        found = town.fake.find_payment(invoice, key="k1", since=asked.at)

        assert found.state == states.AttemptState.CANCELED
        assert asked.processor_id != again.processor_id

    def test_that_waits_is_canceled_with_its_invoice(self, town):
        invoice, _, _ = town.debt(Asks())
        asked = town.fake.pay_invoice(invoice, method=None, key="k1")

        town.fake.void(invoice)

        found = town.fake.find_payment(invoice, key="k1", since=asked.at)
        assert found.state == states.AttemptState.CANCELED


class TestAHabit:
    def test_of_paying_happens_some_time_after_the_failure(self, town):
        invoice, _, _ = town.debt(Pays(), habits=(Habit(3 * DAY),))

        town.wait(3 * DAY - TICK)
        before = town.fake.invoice(invoice).status
        town.wait(TICK)

        assert states.is_owed(before)
        assert states.is_paid(town.fake.invoice(invoice).status)

    def test_of_putting_in_a_new_card_leaves_the_invoice_to_others(self, town):
        invoice, _, old = town.debt(Declines(LOST), habits=(Habit(DAY, "replace_method", Pays()),))
        town.wait(DAY)

        paid = town.fake.pay_invoice(invoice, method=None, key="k1")

        assert paid.method != old
        assert states.succeeded(paid.state)

    def test_of_leaving_ends_the_subscription(self, town):
        _, subscription, _ = town.debt(Declines(LOST), habits=(Habit(DAY, "cancel"),))

        town.wait(DAY)

        assert states.has_ended(town.fake.subscription(subscription).status)

    def test_does_nothing_once_the_invoice_is_settled(self, town):
        invoice, subscription, _ = town.debt(Pays(), habits=(Habit(DAY, "cancel"),))
        town.fake.pay_invoice(invoice, method=None, key="k1")

        town.wait(DAY)

        assert not states.has_ended(town.fake.subscription(subscription).status)

    def test_belongs_to_some_customers_by_the_dice(self, town):
        with town.fake.batch():
            for _ in range(200):
                town.subscriber(Declines(LOST, 1), habits=(Habit(DAY, per_mille=500),))
        town.wait(33 * DAY)

        paid = len(town.fake.books().captured) - 200

        assert 70 < paid < 130


class TestAMethod:
    def test_of_nobody_pays_nothing(self, town):
        invoice, _, method = town.debt()
        town.fake.detach_method(method)

        with pytest.raises(Rejected, match="does not belong"):
            town.fake.pay_invoice(invoice, method=method, key="k1")

    def test_that_was_the_default_leaves_none_behind(self, town):
        subscription, method = town.subscriber()
        town.fake.detach_method(method)

        with pytest.raises(Rejected, match="no attached payment source"):
            town.fake.subscribe(town.fake.subscription(subscription).customer, town.price)

    def test_is_detached_once(self, town):
        _, _, method = town.debt()
        town.fake.detach_method(method)

        with pytest.raises(Rejected, match="not attached"):
            town.fake.detach_method(method)
