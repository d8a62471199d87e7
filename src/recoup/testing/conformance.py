"""
What `Processor` promises, as tests: subclass, provide a `merchant` fixture, run with pytest.

    class TestMine(ProcessorConformance):
        @pytest.fixture
        def merchant(self): ...

Nothing here knows a processor; what must be staged goes through `Merchant`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal, Protocol

import pytest

from recoup.core import states
from recoup.core.facts import PaymentFact
from recoup.core.money import Money
from recoup.errors import KeyReused, Rejected, Unreachable
from recoup.processors.base import Collects, Ends, Processor, Tells

SECOND: Final = timedelta(seconds=1)
KEY: Final = "recoup:conformance:1"
OTHER_KEY: Final = "recoup:conformance:2"

#: What the bank says to the next off-session try; the ones after it are answered alike.
Mood = Literal["pays", "declines", "asks", "waits"]


@dataclass(frozen=True, slots=True)
class Owed:
    """An open invoice of a subscription whose renewal failed."""

    invoice: str
    subscription: str
    method: str  #: its default
    due: Money


class Merchant(Protocol):
    """The scripting seam: a processor in test mode, and what it looks like from outside."""

    processor: Processor

    def owed(self, mood: Mood) -> Owed:
        """Make a customer of its own with an open invoice, to be answered with `mood`."""
        ...

    def lose(self, what: Literal["request", "reply"]) -> None:
        """Lose the next request before it is received, or its reply after it was done."""
        ...

    def now(self) -> datetime: ...

    def wait(self, span: timedelta) -> None:
        """Let time pass at the processor."""
        ...

    def captured(self, invoice: str) -> int:
        """Return the minor units taken for the invoice, by the processor's own books."""
        ...

    def tries(self, invoice: str) -> int:
        """Return how many payments of the invoice the processor shows."""
        ...

    def ended(self, subscription: str) -> bool: ...

    def events(self) -> Sequence[Mapping[str, Any]]:
        """Return every event so far, decoded, oldest first."""
        ...


class ProcessorConformance:
    """What a payment company must do for Recoup."""

    def test_has_every_capability(self, merchant: Merchant) -> None:
        assert isinstance(merchant.processor, Collects)
        assert isinstance(merchant.processor, Ends)
        assert isinstance(merchant.processor, Tells)
        assert merchant.processor.name
        assert isinstance(merchant.processor.retries_itself, bool)

    def test_collects_what_remains(self, merchant: Merchant) -> None:
        owed = merchant.owed("pays")

        paid = merchant.processor.pay_invoice(owed.invoice, method=None, key=KEY)

        assert states.succeeded(paid.state)
        assert (paid.invoice, paid.amount, paid.method) == (owed.invoice, owed.due, owed.method)
        assert paid.idempotency_key == KEY
        assert merchant.captured(owed.invoice) == owed.due.minor

    def test_collects_with_the_method_that_is_named(self, merchant: Merchant) -> None:
        owed = merchant.owed("pays")

        paid = merchant.processor.pay_invoice(owed.invoice, method=owed.method, key=KEY)

        assert (paid.method, states.succeeded(paid.state)) == (owed.method, True)

    def test_answers_a_refusal_with_its_code_and_takes_nothing(self, merchant: Merchant) -> None:
        owed = merchant.owed("declines")

        refused = merchant.processor.pay_invoice(owed.invoice, method=None, key=KEY)

        assert states.was_declined(refused.state)
        assert refused.signal.decline_code
        assert merchant.captured(owed.invoice) == 0

    def test_answers_that_the_customer_is_needed(self, merchant: Merchant) -> None:
        owed = merchant.owed("asks")

        asked = merchant.processor.pay_invoice(owed.invoice, method=None, key=KEY)

        assert states.awaits_customer(asked.state)
        assert merchant.captured(owed.invoice) == 0

    def test_answers_that_the_money_is_on_its_way(self, merchant: Merchant) -> None:
        owed = merchant.owed("waits")

        moving = merchant.processor.pay_invoice(owed.invoice, method=None, key=KEY)

        assert states.in_flight(moving.state)
        assert merchant.captured(owed.invoice) == 0

    def test_does_not_try_again_while_the_money_is_on_its_way(self, merchant: Merchant) -> None:
        owed = merchant.owed("waits")
        merchant.processor.pay_invoice(owed.invoice, method=None, key=KEY)
        tries = merchant.tries(owed.invoice)

        with pytest.raises(Rejected):
            merchant.processor.pay_invoice(owed.invoice, method=None, key=OTHER_KEY)

        assert merchant.tries(owed.invoice) == tries

    @pytest.mark.parametrize("mood", ["pays", "declines", "asks", "waits"])
    def test_gives_the_same_answer_to_the_same_key(self, merchant: Merchant, mood: Mood) -> None:
        owed = merchant.owed(mood)
        first = merchant.processor.pay_invoice(owed.invoice, method=None, key=KEY)
        tries = merchant.tries(owed.invoice)

        again = merchant.processor.pay_invoice(owed.invoice, method=None, key=KEY)

        assert again == first
        assert merchant.tries(owed.invoice) == tries

    def test_keeps_an_answer_for_nearly_a_day(self, merchant: Merchant) -> None:
        owed = merchant.owed("declines")
        first = merchant.processor.pay_invoice(owed.invoice, method=None, key=KEY)

        merchant.wait(timedelta(hours=24) - SECOND)

        assert merchant.processor.pay_invoice(owed.invoice, method=None, key=KEY) == first

    def test_tries_again_under_a_new_key(self, merchant: Merchant) -> None:
        owed = merchant.owed("declines")
        first = merchant.processor.pay_invoice(owed.invoice, method=None, key=KEY)

        second = merchant.processor.pay_invoice(owed.invoice, method=None, key=OTHER_KEY)

        assert second.processor_id != first.processor_id

    def test_refuses_a_key_that_was_used_for_another_method(self, merchant: Merchant) -> None:
        owed = merchant.owed("declines")
        merchant.processor.pay_invoice(owed.invoice, method=None, key=KEY)

        with pytest.raises(KeyReused):
            merchant.processor.pay_invoice(owed.invoice, method=owed.method, key=KEY)

    def test_refuses_a_key_that_was_used_for_another_invoice(self, merchant: Merchant) -> None:
        owed, other = merchant.owed("declines"), merchant.owed("pays")
        merchant.processor.pay_invoice(owed.invoice, method=None, key=KEY)

        with pytest.raises(KeyReused):
            merchant.processor.pay_invoice(other.invoice, method=None, key=KEY)

        assert merchant.captured(other.invoice) == 0

    def test_takes_keys_of_255_characters_and_not_of_256(self, merchant: Merchant) -> None:
        owed = merchant.owed("declines")
        longest = "recoup:" + "k" * 248

        merchant.processor.pay_invoice(owed.invoice, method=None, key=longest)

        with pytest.raises(Rejected):
            merchant.processor.pay_invoice(owed.invoice, method=None, key=longest + "k")

    def test_refuses_what_is_paid(self, merchant: Merchant) -> None:
        owed = merchant.owed("pays")
        merchant.processor.pay_invoice(owed.invoice, method=None, key=KEY)

        with pytest.raises(Rejected):
            merchant.processor.pay_invoice(owed.invoice, method=None, key=OTHER_KEY)

        assert merchant.captured(owed.invoice) == owed.due.minor

    def test_refuses_an_invoice_nobody_knows(self, merchant: Merchant) -> None:
        with pytest.raises(Rejected):
            merchant.processor.pay_invoice("in_nobody_knows", method=None, key=KEY)

    def test_refuses_the_method_of_somebody_else(self, merchant: Merchant) -> None:
        owed, other = merchant.owed("pays"), merchant.owed("pays")

        with pytest.raises(Rejected):
            merchant.processor.pay_invoice(owed.invoice, method=other.method, key=KEY)

        assert merchant.captured(owed.invoice) == 0

    def test_does_nothing_when_the_request_is_lost(self, merchant: Merchant) -> None:
        owed, since = merchant.owed("pays"), merchant.now()
        merchant.lose("request")

        with pytest.raises(Unreachable):
            merchant.processor.pay_invoice(owed.invoice, method=None, key=KEY)

        assert merchant.processor.find_payment(owed.invoice, key=KEY, since=since) is None
        assert merchant.captured(owed.invoice) == 0

    def test_charges_once_when_a_lost_request_is_repeated(self, merchant: Merchant) -> None:
        owed = merchant.owed("pays")
        merchant.lose("request")
        with pytest.raises(Unreachable):
            merchant.processor.pay_invoice(owed.invoice, method=None, key=KEY)

        paid = merchant.processor.pay_invoice(owed.invoice, method=None, key=KEY)

        assert states.succeeded(paid.state)
        assert merchant.captured(owed.invoice) == owed.due.minor

    @pytest.mark.parametrize("mood", ["pays", "declines", "asks", "waits"])
    def test_finds_what_became_of_a_lost_reply(self, merchant: Merchant, mood: Mood) -> None:
        owed, since = merchant.owed(mood), merchant.now()
        merchant.lose("reply")
        with pytest.raises(Unreachable):
            merchant.processor.pay_invoice(owed.invoice, method=None, key=KEY)

        found = merchant.processor.find_payment(owed.invoice, key=KEY, since=since)

        assert found == merchant.processor.pay_invoice(owed.invoice, method=None, key=KEY)

    def test_finds_a_payment_long_after_its_key_is_forgotten(self, merchant: Merchant) -> None:
        owed, since = merchant.owed("pays"), merchant.now()
        paid = merchant.processor.pay_invoice(owed.invoice, method=None, key=KEY)
        merchant.wait(timedelta(days=20))

        found = merchant.processor.find_payment(owed.invoice, key=KEY, since=since)

        assert found is not None
        assert found.processor_id == paid.processor_id

    def test_finds_nothing_under_a_key_that_was_not_used(self, merchant: Merchant) -> None:
        owed, since = merchant.owed("pays"), merchant.now()
        merchant.processor.pay_invoice(owed.invoice, method=None, key=KEY)

        assert merchant.processor.find_payment(owed.invoice, key=OTHER_KEY, since=since) is None

    def test_finds_nothing_from_before_the_instant_asked_for(self, merchant: Merchant) -> None:
        owed = merchant.owed("declines")
        merchant.processor.pay_invoice(owed.invoice, method=None, key=KEY)
        later = merchant.now() + SECOND

        assert merchant.processor.find_payment(owed.invoice, key=KEY, since=later) is None

    def test_finds_the_payment_of_this_invoice_only(self, merchant: Merchant) -> None:
        owed, other, since = merchant.owed("pays"), merchant.owed("pays"), merchant.now()
        merchant.processor.pay_invoice(owed.invoice, method=None, key=KEY)

        assert merchant.processor.find_payment(other.invoice, key=KEY, since=since) is None

    def test_ends_a_subscription(self, merchant: Merchant) -> None:
        owed = merchant.owed("declines")

        merchant.processor.cancel_subscription(owed.subscription, reason="test", key=KEY)

        assert merchant.ended(owed.subscription)

    @pytest.mark.parametrize("key", [KEY, OTHER_KEY])
    def test_ends_what_has_ended_without_complaint(self, merchant: Merchant, key: str) -> None:
        owed = merchant.owed("declines")
        merchant.processor.cancel_subscription(owed.subscription, reason="test", key=KEY)
        before = len(merchant.events())

        merchant.processor.cancel_subscription(owed.subscription, reason="test", key=key)

        assert len(merchant.events()) == before

    def test_refuses_to_end_what_nobody_knows(self, merchant: Merchant) -> None:
        with pytest.raises(Rejected):
            merchant.processor.cancel_subscription("sub_nobody", reason="test", key=KEY)

    def test_reads_every_event_it_sends(self, merchant: Merchant) -> None:
        for mood in ("pays", "declines", "asks", "waits"):
            owed = merchant.owed(mood)
            merchant.processor.pay_invoice(owed.invoice, method=None, key=f"recoup:{mood}")

        readings = [merchant.processor.read(event) for event in merchant.events()]

        assert readings
        assert all(bool(one.facts) != bool(one.ignored) for one in readings)

    @pytest.mark.parametrize("mood", ["pays", "declines", "waits"])
    def test_tells_what_it_answered(self, merchant: Merchant, mood: Mood) -> None:
        owed = merchant.owed(mood)

        answer = merchant.processor.pay_invoice(owed.invoice, method=None, key=KEY)

        readings = [merchant.processor.read(event) for event in merchant.events()]
        told = [
            fact
            for reading in readings
            for fact in reading.facts
            if isinstance(fact, PaymentFact) and fact.processor_id == answer.processor_id
        ]
        newest = max(told, key=lambda fact: fact.seen)
        # Not every processor says with an answer which event will tell of it.
        assert replace(newest, invoice=owed.invoice, seen=answer.seen) == answer
        assert newest.seen.rank == answer.seen.rank
