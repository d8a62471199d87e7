"""Paying bad debt as an operator does: rehearsed first, with a reason, and on record."""

from __future__ import annotations

import pytest

from recoup.core.money import Money
from recoup.errors import (
    AmountDiffers,
    DebtForbidden,
    DebtInFlight,
    DebtSettled,
    InvalidValue,
    KeyConflict,
    NotPossible,
    TooManyTries,
)
from recoup.processors.fake.payers import Declines, Refusal, Slow

PRICE = Money(4900, "EUR")
BOTH = Money(9800, "EUR")


class TestARehearsal:
    def counts(self, scene):
        """How much there is of everything that a payment writes."""
        names = (
            "commands", "ledger_entries", "attempts", "effects", "decisions", "mails", "runs",
        )  # fmt: skip
        return {name: scene.rows(f"SELECT count(*) AS n FROM {name}")[0]["n"] for name in names}

    def test_says_what_would_be_charged_with_what_and_what_would_follow(self, scene, debtor):
        one, two = debtor.invoices

        told = debtor.pay(reason="they called", dry_run=True)

        way = f"{debtor.who.method} (visa)"
        assert told.changes == (
            f"charge 49.00 EUR of invoice {one} with {way}",
            f"charge 49.00 EUR of invoice {two} with {way}",
            "the bad debt of subscription:1 is accounted for",
            f"invoice {one} is bad debt no more: paid",
            f"invoice {two} is bad debt no more: paid",
            "standing bad_debt -> current",
        )
        assert told.why[:2] == (
            "nothing forbids it: no dispute, no payment under way, no rule of a card network",
            "0 payments brought no money in the last hour, 5 may",
        )
        assert (told.dry_run, told.method, told.failed) == (True, debtor.who.method, None)
        assert (told.amount, told.paid) == (BOTH, Money(0, "EUR"))
        assert [(c.invoice_id, c.amount, c.payment) for c in told.charges] == [
            (one, PRICE, None),
            (two, PRICE, None),
        ]

    def test_writes_nothing_and_asks_nobody(self, scene, debtor, monkeypatch):
        def asked(*args, **more):
            raise AssertionError("the processor was asked")

        before = self.counts(scene)
        with monkeypatch.context() as patched:
            patched.setattr(type(scene.recoup.processor), "ask", asked)
            patched.setattr(type(scene.recoup.processor), "pay_invoice", asked)
            debtor.pay(dry_run=True, key="k")
        debtor.pay(debtor.invoices[1], reason="they called", dry_run=True)

        assert self.counts(scene) == before
        assert debtor.left() == [None, None]

    def test_is_what_then_comes(self, scene, debtor):
        debtor.with_money()
        scene.pace.settle()
        told = debtor.pay(debtor.invoices[0], dry_run=True)

        made = debtor.pay(debtor.invoices[0])

        assert (told.key, told.amount) == (made.key, made.amount)
        assert f"invoice {debtor.invoices[0]} is bad debt no more: paid" in told.changes
        assert debtor.left() == ["paid", None]
        assert (made.dry_run, made.changes, made.why) == (False, (), ())

    def test_names_the_method_that_is_asked_for(self, scene, debtor):
        other = scene.fake.attach_method(debtor.who.customer, fingerprint="another")
        scene.pace.settle()

        told = debtor.pay(debtor.invoices[0], method=other, dry_run=True)

        assert told.method == other
        assert told.changes[0].endswith(f"with {other} (visa)")

    def test_is_refused_as_the_payment_would_be(self, scene, debtor):
        dry = {"dry_run": True, "reason": "they called"}
        with pytest.raises(AmountDiffers, match=r"98\.00 EUR .* 49\.00 EUR"):
            debtor.pay(expected_amount=PRICE, **dry)
        with pytest.raises(DebtSettled, match="is paid"):
            debtor.pay(scene.recoup.invoices.list(customer=debtor.id)[0].id, **dry)
        debtor.dunning.pause_charging(reason="wrong prices")
        with pytest.raises(NotPossible, match="charging is paused"):
            debtor.pay(off_session=True, **dry)
        scene.fake.update_method(debtor.who.method, payer=Slow())
        debtor.pay(debtor.invoices[0])
        with pytest.raises(DebtInFlight, match="under way"):
            debtor.pay(debtor.invoices[0], off_session=True, **dry)

        kinds = "SELECT FROM commands WHERE kind = 'dunning.pay_bad_debt' AND state = 'refused'"
        assert scene.rows(kinds) == []

    def test_of_a_payment_that_was_made_says_that_nothing_more_is_charged(self, debtor):
        debtor.with_a_bank_that_asks()
        (waits,) = debtor.pay(debtor.invoices[0]).charges

        told = debtor.pay(debtor.invoices[0], dry_run=True)

        assert told.dry_run
        assert told.changes == ("it is the payment that was made before: nothing more is charged",)
        assert told.charges[0].payment.id == waits.payment.id

    def test_under_the_key_of_another_payment_is_refused(self, debtor):
        debtor.pay(debtor.invoices[0], key="k")

        with pytest.raises(KeyConflict):
            debtor.pay(debtor.invoices[1], key="k", dry_run=True)

    def test_with_a_dead_card_is_refused_too(self, scene, debtor):
        scene.fake.update_method(debtor.who.method, payer=Declines(Refusal("stolen_card")))
        debtor.pay(debtor.invoices[0])

        with pytest.raises(DebtForbidden, match="new way to pay"):
            debtor.pay(debtor.invoices[0], dry_run=True)

    def test_says_where_it_would_stop(self, scene, debtor):
        no = Declines(Refusal("insufficient_funds", network_decline_code="AM04"))
        debit = scene.fake.attach_method(
            debtor.who.customer, no, kind="sepa_debit", country="DE", default=False
        )
        scene.pace.settle()
        two = debtor.invoices[1]
        for _ in range(3):  # its scheme lets it be presented again twice
            debtor.pay(two, method=debit)
            scene.live(days=7)

        told = debtor.pay(method=debit, dry_run=True)

        assert [charge.refused is None for charge in told.charges] == [True, False]
        assert not any(words.startswith("nothing forbids") for words in told.why)
        assert told.changes[1].startswith(f"invoice {two} is not charged: ")
        assert f"invoice {debtor.invoices[0]} is bad debt no more: paid" in told.changes
        assert f"invoice {two} is bad debt no more: paid" not in told.changes

    def test_after_five_refusals_says_when_again(self, debtor):
        for place in range(5):
            debtor.pay(debtor.invoices[place % 2])

        with pytest.raises(TooManyTries, match="again in 60 minutes"):
            debtor.pay(dry_run=True)


class TestAnOperatorWhoPaysBadDebt:
    """Who says why is one: it is kept with every charge, and a refusal is on record."""

    def recorded(self, scene):
        sql = "SELECT actor, state, args ->> 'reason' AS why FROM commands WHERE kind LIKE :kinds"
        rows = scene.rows(f"{sql} ORDER BY id", kinds="dunning.pay_bad_debt%")
        return [(row["actor"], row["state"], row["why"]) for row in rows]

    def test_is_on_record_with_who_and_why(self, scene, debtor):
        debtor.with_money()
        ann = scene.recoup.acting_as("cli:ann").dunning

        ann.pay_bad_debt(debtor.id, debtor.invoices, reason="they called")

        assert self.recorded(scene) == [("cli:ann", "done", "they called")] * 2

    def test_is_the_same_payment_whatever_the_reason(self, scene, debtor):
        debtor.with_money()

        made = debtor.pay(reason="they called")

        assert debtor.pay(reason="they called again") == debtor.pay() == made
        assert debtor.charged() == 9800

    def test_that_is_refused_is_on_record(self, scene, debtor):
        ann = scene.recoup.acting_as("cli:ann").dunning
        for _ in range(2):
            with pytest.raises(AmountDiffers, match="98"):
                ann.pay_bad_debt(
                    debtor.id,
                    debtor.invoices,
                    expected_amount=PRICE,
                    reason="they called",
                    key="k",
                )

        assert self.recorded(scene) == [("cli:ann", "refused", "they called")] * 2
        assert debtor.charged() == 0
        debtor.with_money()
        assert debtor.pay(key="k").paid == BOTH

    def test_by_nobody_in_particular_leaves_no_record_of_a_refusal(self, scene, debtor):
        with pytest.raises(AmountDiffers):
            debtor.pay(expected_amount=PRICE)

        assert self.recorded(scene) == []

    @pytest.mark.parametrize("reason", ["", "two\nlines"])
    def test_says_it_on_a_line(self, debtor, reason):
        with pytest.raises(InvalidValue, match="reason"):
            debtor.pay(reason=reason)
