"""Keys and faults, as Stripe's API v1 has them: never kinder."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup.core import states
from recoup.errors import Busy, KeyReused, Rejected, Unreachable
from recoup.processors.fake import NO_FUNDS, Declines, Fault, Pays

HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)
REFUSES = Declines(NO_FUNDS)


def pay(town, invoice, key="k1", method=None):
    return town.fake.pay_invoice(invoice, method=method, key=key)


class TestAKey:
    @pytest.mark.parametrize(
        ("age", "tries"),
        [
            pytest.param(24 * HOUR - TICK, 2, id="just before a day, replays"),
            pytest.param(24 * HOUR, 3, id="at a day, executes again"),
        ],
    )
    def test_is_pruned_when_it_is_a_day_old(self, town, age, tries):
        invoice, _, _ = town.debt(REFUSES)
        pay(town, invoice)

        town.wait(age)
        pay(town, invoice)

        assert len(town.fake.charges_of(invoice)) == tries

    def test_charges_again_after_a_day_when_nobody_looks_first(self, town):
        invoice, _, _ = town.debt(Declines(NO_FUNDS, 1, Pays()))
        refused = pay(town, invoice)
        town.wait(24 * HOUR)

        again = pay(town, invoice)

        assert (states.was_declined(refused.state), states.succeeded(again.state)) == (True, True)

    def test_may_name_another_request_after_a_day(self, town):
        invoice, subscription, _ = town.debt(REFUSES)
        pay(town, invoice)
        town.wait(24 * HOUR)

        town.fake.cancel_subscription(subscription, reason="test", key="k1")

        assert states.has_ended(town.fake.subscription(subscription).status)

    def test_belongs_to_one_kind_of_request(self, town):
        invoice, subscription, _ = town.debt(REFUSES)
        pay(town, invoice)

        with pytest.raises(KeyReused):
            town.fake.cancel_subscription(subscription, reason="test", key="k1")

    def test_repeats_a_refusal_that_has_become_wrong(self, town):
        invoice, _, method = town.debt(REFUSES)
        town.fake.detach_method(method)
        with pytest.raises(Rejected, match="no payment method"):
            pay(town, invoice)
        town.fake.attach_method(town.fake.invoice(invoice).customer)

        with pytest.raises(Rejected, match="no payment method"):
            pay(town, invoice)

        assert states.succeeded(pay(town, invoice, key="k2").state)

    @pytest.mark.parametrize("key", ["", "k" * 256])
    def test_of_the_wrong_length_is_refused_and_not_saved(self, town, key):
        invoice, _, _ = town.debt()

        with pytest.raises(Rejected, match="1 to 255"):
            pay(town, invoice, key=key)

        assert len(town.fake.charges_of(invoice)) == 1

    def test_in_use_by_a_running_request_is_refused_and_not_saved(self, town):
        invoice, _, _ = town.debt()
        heard = []

        def ask_again(step, key):
            if step == "received":
                with pytest.raises(Busy):
                    pay(town, invoice)
                with pytest.raises(Busy):
                    town.fake.find_payment(invoice, key=key, since=town.fake.now)
                heard.append(key)

        town.fake._watch = ask_again
        paid = pay(town, invoice)

        assert (heard, states.succeeded(paid.state)) == (["k1"], True)
        assert pay(town, invoice) == paid

    def test_of_a_request_that_broke_may_be_used_again(self, town):
        invoice, _, _ = town.debt()

        def break_down(step, _key):
            raise KeyboardInterrupt(step)

        watch, town.fake._watch = town.fake._watch, break_down
        with pytest.raises(KeyboardInterrupt):
            pay(town, invoice)
        town.fake._watch = watch

        assert town.fake.find_payment(invoice, key="k1", since=town.fake.now) is None
        assert states.succeeded(pay(town, invoice).state)

    def test_is_not_spent_inside_a_batch(self, town):
        invoice, _, _ = town.debt()

        with town.fake.batch(), pytest.raises(RuntimeError, match="remote call"):
            pay(town, invoice)


class TestAFault:
    @pytest.mark.parametrize(
        ("kind", "captured", "replay"),
        [
            pytest.param("outage", 0, "executes", id="outage"),
            pytest.param("lost_reply", 2900, "answers", id="reply lost"),
            pytest.param("error", 0, "fails", id="500 without effect"),
            pytest.param("error_after", 2900, "fails", id="500 with effect"),
        ],
    )
    def test_leaves_the_outcome_unknown(self, town, kind, captured, replay):
        invoice, _, _ = town.debt()
        town.fake.add_fault(Fault(kind))
        since = town.fake.now

        with pytest.raises(Unreachable):
            pay(town, invoice)

        books = town.fake.books().captured
        assert (books[invoice].minor if invoice in books else 0) == captured
        found = town.fake.find_payment(invoice, key="k1", since=since)
        assert (found is not None) == bool(captured)
        if replay == "fails":
            with pytest.raises(Unreachable):
                pay(town, invoice)
        else:
            assert states.succeeded(pay(town, invoice).state)

    def test_busy_says_how_long_to_wait_and_does_nothing(self, town):
        invoice, _, _ = town.debt()
        town.fake.add_fault(Fault("busy", after=2.5))

        with pytest.raises(Busy) as told:
            pay(town, invoice)

        assert told.value.after == 2.5
        assert len(town.fake.charges_of(invoice)) == 1
        assert states.succeeded(pay(town, invoice).state)

    def test_happens_as_often_as_it_says_after_those_it_lets_through(self, town):
        invoice, _, _ = town.debt(REFUSES)
        town.fake.add_fault(Fault("outage", times=2, skip=1))
        happened = []

        for number in range(5):
            try:
                pay(town, invoice, key=f"k{number}")
                happened.append("answer")
            except Unreachable:
                happened.append("outage")

        assert happened == ["answer", "outage", "outage", "answer", "answer"]

    def test_that_lasts_is_over_at_its_instant(self, town):
        invoice, _, _ = town.debt()
        over = town.fake.now + 6 * HOUR
        town.fake.add_fault(Fault("outage", times=None, until=over))

        for _ in range(3):
            with pytest.raises(Unreachable):
                pay(town, invoice)
        town.fake.advance(over - TICK)
        with pytest.raises(Unreachable):
            town.fake.find_payment(invoice, key="k1", since=over)
        town.fake.advance(over)

        assert states.succeeded(pay(town, invoice).state)

    def test_concerns_only_the_call_it_names(self, town):
        invoice, subscription, _ = town.debt()
        town.fake.add_fault(Fault("outage", "cancel_subscription"))

        assert states.succeeded(pay(town, invoice).state)
        with pytest.raises(Unreachable):
            town.fake.cancel_subscription(subscription, reason="test", key="k2")
        assert not states.has_ended(town.fake.subscription(subscription).status)
