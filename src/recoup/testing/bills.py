"""
What `Bills` promises, as tests: subclass, provide a `shop` fixture, run with pytest.

    class TestMine(BillsConformance):
        @pytest.fixture
        def shop(self): ...

Nothing here knows a processor; what must be staged goes through `Shop`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, Protocol

import pytest

from recoup.core import states
from recoup.core.billing import requests as ask
from recoup.core.billing.answers import Answer
from recoup.core.billing.requests import ItemChange, ItemWanted, LineWanted, Request
from recoup.core.facts import InvoiceFact, Seen, SubscriptionFact
from recoup.core.money import Money
from recoup.errors import KeyReused, Rejected, Unreachable
from recoup.processors.base import Bills, Processor

SECOND: Final = timedelta(seconds=1)
DAY: Final = timedelta(days=1)
KEY: Final = "recoup:bills:1"
OTHER_KEY: Final = "recoup:bills:2"

#: What the bank says to a customer who is there.
Mood = Literal["pays", "declines", "asks"]


class Shop(Protocol):
    """The scripting seam: a processor in test mode, and what it looks like from outside."""

    processor: Processor

    def customer(self, mood: Mood = "pays") -> str:
        """Make a customer with a default method that answers with `mood`."""
        ...

    def price(self, amount: Money, interval: Literal["month", "year"] = "month") -> str:
        """Make a price."""
        ...

    def lose(self, what: Literal["request", "reply"]) -> None:
        """Lose the next request before it is received, or its reply after it was done."""
        ...

    def now(self) -> datetime: ...

    def wait(self, span: timedelta) -> None:
        """Let time pass at the processor."""
        ...

    def events(self) -> Sequence[Mapping[str, Any]]:
        """Return every event so far, decoded, oldest first."""
        ...


def started(shop: Shop, *, price: Money | None = None, **how: Any) -> SubscriptionFact:
    """Return a subscription that was just begun."""
    wanted = ask.StartSubscription(
        customer=shop.customer(),
        items=(ItemWanted(shop.price(price or Money(3100, "EUR"))),),
        **how,
    )
    return subscription(shop.processor.ask(wanted, key="recoup:bills:start"))


def subscription(answer: Answer) -> SubscriptionFact:
    """Return the newest that an answer says about a subscription."""
    return max(
        (fact for fact in answer.facts if isinstance(fact, SubscriptionFact)),
        key=lambda fact: fact.seen,
    )


def invoice(answer: Answer) -> InvoiceFact:
    """Return the newest that an answer says about an invoice."""
    return max(
        (fact for fact in answer.facts if isinstance(fact, InvoiceFact)),
        key=lambda fact: fact.seen,
    )


def _coupon(shop: Shop) -> str:
    made = ask.CreateCoupon("WELCOME", percent_off="10", duration="forever")
    return shop.processor.ask(made, key="recoup:bills:coupon").object


def _code(shop: Shop) -> str:
    made = ask.CreatePromotionCode(_coupon(shop), "HELLO")
    return shop.processor.ask(made, key="recoup:bills:code").object


def _leaving(shop: Shop) -> str:
    id_ = started(shop).processor_id
    request = ask.CancelSubscription(id_, at_period_end=True)
    shop.processor.ask(request, key="recoup:bills:leave")
    return id_


def _paused(shop: Shop) -> str:
    id_ = started(shop).processor_id
    shop.processor.ask(ask.PauseSubscription(id_), key="recoup:bills:pause")
    return id_


def _discounted(shop: Shop) -> str:
    return started(shop, coupon=_coupon(shop)).processor_id


def _start(shop: Shop) -> ask.StartSubscription:
    items = (ItemWanted(shop.price(Money(3100, "EUR"))),)
    return ask.StartSubscription(shop.customer(), items)


def _upgrade(shop: Shop, **how: Any) -> ask.ChangeSubscription:
    sub = started(shop)
    shop.wait(10 * DAY)
    to = ItemChange(sub.items[0].processor_id, shop.price(Money(6200, "EUR")))
    return ask.ChangeSubscription(sub.processor_id, (to,), **how)


def _withdrawal(shop: Shop, mood: Mood = "declines") -> ask.WithdrawPayment:
    begun = shop.processor.ask(
        replace(_start(shop), customer=shop.customer(mood)), key="recoup:bills:begin"
    )
    return ask.WithdrawPayment(invoice(begun).processor_id)


def _bill(shop: Shop) -> Request:
    lines = (LineWanted("a day of work", Money(80000, "EUR")),)
    return ask.CreateInvoice(shop.customer(), lines)


#: Name -> a request that can be carried out once what it needs has been staged.
ORDINARY: Final[Mapping[str, Callable[[Shop], Request]]] = {
    "CreateCustomer": lambda _: ask.CreateCustomer(email="ada@example.com"),
    "UpdateCustomer": lambda shop: ask.UpdateCustomer(shop.customer(), name="Ada"),
    "StartSubscription": _start,
    "StartSubscription backdated": lambda shop: replace(
        _start(shop), backdate=shop.now() - 10 * DAY
    ),
    "StartSubscription with a free stretch": lambda shop: replace(
        _start(shop), anchor=shop.now() + 10 * DAY, prorate=False
    ),
    "ChangeSubscription gated": lambda shop: _upgrade(shop, gated=True, proration="invoice_now"),
    "ChangeSubscription from now": lambda shop: _upgrade(shop, gated=True, restart=True),
    "ChangeSubscription": lambda shop: _upgrade(shop, proration="invoice_now"),
    "ChangeSubscription later": lambda shop: _upgrade(shop, at_period_end=True),
    "CancelSubscription": lambda shop: ask.CancelSubscription(started(shop).processor_id),
    "CancelSubscription later": lambda shop: ask.CancelSubscription(
        started(shop).processor_id, at=shop.now() + DAY
    ),
    "ResumeSubscription": lambda shop: ask.ResumeSubscription(_leaving(shop)),
    "PauseSubscription": lambda shop: ask.PauseSubscription(started(shop).processor_id),
    "UnpauseSubscription": lambda shop: ask.UnpauseSubscription(_paused(shop)),
    "ExtendTrial": lambda shop: ask.ExtendTrial(
        started(shop, trial_end=shop.now() + DAY).processor_id, shop.now() + 2 * DAY
    ),
    "UpdateSubscription": lambda shop: ask.UpdateSubscription(
        started(shop).processor_id, metadata={"team": "7"}
    ),
    "ApplyDiscount": lambda shop: ask.ApplyDiscount(started(shop).processor_id, _coupon(shop)),
    "RemoveDiscount": lambda shop: ask.RemoveDiscount(_discounted(shop)),
    "CreateInvoice": _bill,
    "WithdrawPayment": _withdrawal,
    "CreateCoupon": lambda _: ask.CreateCoupon("WELCOME", amount_off=Money(500, "EUR")),
    "DeleteCoupon": lambda shop: ask.DeleteCoupon(_coupon(shop)),
    "CreatePromotionCode": lambda shop: ask.CreatePromotionCode(_coupon(shop), "HELLO"),
    "UpdatePromotionCode": lambda shop: ask.UpdatePromotionCode(_code(shop), active=False),
}

#: Name -> a request that is wrong.
WRONG: Final[Mapping[str, Callable[[Shop], Request]]] = {
    "nobody's subscription": lambda _: ask.CancelSubscription("sub_nobody"),
    "nobody": lambda shop: replace(_start(shop), customer="cus_nobody"),
    "no price": lambda shop: replace(_start(shop), items=(ItemWanted("price_none"),)),
    "no items": lambda shop: replace(_start(shop), items=()),
    "no quantity": lambda shop: ask.StartSubscription(
        shop.customer(), (ItemWanted(shop.price(Money(3100, "EUR")), 0),)
    ),
    "no coupon": lambda shop: replace(_start(shop), coupon="NEVER_MADE"),
    "an item of nobody": lambda shop: ask.ChangeSubscription(
        started(shop).processor_id, (ItemChange("si_nobody", quantity=2),)
    ),
    "an end in the past": lambda shop: ask.CancelSubscription(
        started(shop).processor_id, at=shop.now() - SECOND
    ),
    "an instant outside the period": lambda shop: _upgrade(shop, prorate_at=shop.now() - 90 * DAY),
    "nothing to resume": lambda shop: ask.ResumeSubscription(started(shop).processor_id),
    "a trial that is over": lambda shop: ask.ExtendTrial(
        started(shop).processor_id, shop.now() - SECOND
    ),
    "a beginning to come": lambda shop: replace(_start(shop), backdate=shop.now() + DAY),
    "a gate for later": lambda shop: _upgrade(shop, gated=True, at_period_end=True),
    "nobody's invoice": lambda _: ask.WithdrawPayment("in_nobody"),
    "no discount": lambda shop: ask.RemoveDiscount(started(shop).processor_id),
    "a coupon of nothing": lambda _: ask.CreateCoupon("NOTHING"),
}

each_ordinary = pytest.mark.parametrize("name", ORDINARY)
each_wrong = pytest.mark.parametrize("name", WRONG)


class BillsConformance:
    """What a payment company must do when people ask for something."""

    def test_has_the_capability(self, shop: Shop) -> None:
        assert isinstance(shop.processor, Bills)

    @each_ordinary
    def test_gives_the_same_answer_to_the_same_key(self, shop: Shop, name: str) -> None:
        request = ORDINARY[name](shop)
        first = shop.processor.ask(request, key=KEY)
        before = len(shop.events())

        again = shop.processor.ask(request, key=KEY)

        assert _gist(again) == _gist(first)
        assert len(shop.events()) == before

    @each_ordinary
    def test_keeps_an_answer_for_nearly_a_day(self, shop: Shop, name: str) -> None:
        request = ORDINARY[name](shop)
        first = shop.processor.ask(request, key=KEY)

        shop.wait(timedelta(hours=24) - SECOND)

        assert _gist(shop.processor.ask(request, key=KEY)) == _gist(first)

    @each_ordinary
    def test_refuses_a_key_that_was_used_for_something_else(self, shop: Shop, name: str) -> None:
        shop.processor.ask(ORDINARY[name](shop), key=KEY)
        before = len(shop.events())

        with pytest.raises(KeyReused):
            shop.processor.ask(ask.CreateCustomer(email="else@example.com"), key=KEY)

        assert len(shop.events()) == before

    @each_ordinary
    def test_tells_what_it_answered(self, shop: Shop, name: str) -> None:
        request = ORDINARY[name](shop)
        before = len(shop.events())

        answer = shop.processor.ask(request, key=KEY)

        readings = [shop.processor.read(event) for event in shop.events()[before:]]
        told = [_bare(fact) for reading in readings for fact in reading.facts]
        assert answer.facts
        assert all(_bare(fact) in told for fact in answer.facts)

    @each_ordinary
    def test_finds_what_became_of_a_lost_reply(self, shop: Shop, name: str) -> None:
        request, since = ORDINARY[name](shop), shop.now()
        shop.lose("reply")
        with pytest.raises(Unreachable):
            shop.processor.ask(request, key=KEY)

        found = shop.processor.find(request, key=KEY, since=since)

        assert found is not None
        assert _gist(found) == _gist(shop.processor.ask(request, key=KEY))

    @each_ordinary
    def test_does_nothing_when_the_request_is_lost(self, shop: Shop, name: str) -> None:
        request, since = ORDINARY[name](shop), shop.now()
        before = len(shop.events())
        shop.lose("request")

        with pytest.raises(Unreachable):
            shop.processor.ask(request, key=KEY)

        assert shop.processor.find(request, key=KEY, since=since) is None
        assert len(shop.events()) == before

    @each_wrong
    def test_refuses_what_is_wrong_and_changes_nothing(self, shop: Shop, name: str) -> None:
        request, since = WRONG[name](shop), shop.now()
        before = len(shop.events())

        for _ in range(2):
            with pytest.raises(Rejected):
                shop.processor.ask(request, key=KEY)

        assert len(shop.events()) == before
        assert shop.processor.find(request, key=KEY, since=since) is None

    def test_finds_an_answer_long_after_its_key_is_forgotten(self, shop: Shop) -> None:
        request, since = _start(shop), shop.now()
        first = shop.processor.ask(request, key=KEY)

        shop.wait(20 * DAY)
        found = shop.processor.find(request, key=KEY, since=since)

        assert found is not None
        assert found.object == first.object

    def test_finds_nothing_under_a_key_that_was_not_used(self, shop: Shop) -> None:
        request, since = _start(shop), shop.now()
        shop.processor.ask(request, key=KEY)

        assert shop.processor.find(request, key=OTHER_KEY, since=since) is None

    def test_begins_with_money(self, shop: Shop) -> None:
        answer = shop.processor.ask(_start(shop), key=KEY)

        assert states.is_live(subscription(answer).status)
        assert states.is_paid(invoice(answer).status)
        assert invoice(answer).paid == Money(3100, "EUR")

    @pytest.mark.parametrize(("mood", "asked"), [("declines", False), ("asks", True)])
    def test_is_incomplete_without_it(self, shop: Shop, mood: Mood, asked: bool) -> None:
        request = replace(_start(shop), customer=shop.customer(mood))

        answer = shop.processor.ask(request, key=KEY)

        assert states.is_incomplete(subscription(answer).status)
        assert states.is_owed(invoice(answer).status)
        word = answer.status
        assert (word == "requires_action") is asked
        assert (answer.action is not None and bool(answer.action.client_secret)) is asked

    @pytest.mark.parametrize(("mood", "word"), [("declines", "canceled"), ("pays", "too_late")])
    def test_withdraws_a_payment_unless_it_has_come(
        self, shop: Shop, mood: Mood, word: str
    ) -> None:
        request = _withdrawal(shop, mood)

        for key in (KEY, OTHER_KEY):
            answer = shop.processor.ask(request, key=key)
            assert (answer.object, answer.status) == (request.invoice, word)

    @pytest.mark.parametrize("proration", ["invoice_now", "create", "none"])
    def test_quotes_what_it_bills(self, shop: Shop, proration: ask.Proration) -> None:
        change = _upgrade(shop, proration=proration, prorate_at=shop.now() + 10 * DAY)
        before = len(shop.events())

        quote = shop.processor.quote(change)

        assert len(shop.events()) == before
        shop.wait(timedelta(hours=1))
        answer = shop.processor.ask(change, key=KEY)
        bills = [fact for fact in answer.facts if isinstance(fact, InvoiceFact)]
        assert quote.prorate_at == change.prorate_at
        assert (bills[-1].due if bills else Money(0, "EUR")) == quote.due_now
        assert (
            sum(line.amount.minor for line in quote.lines)
            == {
                "invoice_now": quote.due_now.minor,
                "create": quote.next_due.minor - 6200,
                "none": 0,
            }[proration]
        )

    @pytest.mark.parametrize("key", [KEY, OTHER_KEY])
    def test_ends_what_has_ended_without_complaint(self, shop: Shop, key: str) -> None:
        request = ask.CancelSubscription(started(shop).processor_id)
        shop.processor.ask(request, key=KEY)
        before = len(shop.events())

        answer = shop.processor.ask(request, key=key)

        assert answer.object == request.subscription
        assert len(shop.events()) == before


_NEVER: Final = Seen(0, datetime.min.replace(tzinfo=UTC), 0, "")


def _gist(answer: Answer) -> Any:
    """
    Return an answer without when it was given: one that is given again says how things stand now,
    because an old answer told as news would undo what happened meanwhile.
    """
    facts = tuple(map(_bare, answer.facts))
    return replace(answer, facts=facts, request_id=None)


def _bare(fact: Any) -> Any:
    """
    Return a fact without how new it is, because an answer knows no event's id, and without what
    only a look at a subscription says.
    """
    if isinstance(fact, SubscriptionFact):
        fact = replace(fact, began=None)
    return replace(fact, seen=_NEVER) if hasattr(fact, "seen") else fact
