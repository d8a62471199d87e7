"""What is bought, changed: credits, charges, and quotes that are billed as shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.core.billing.requests import (
    CancelSubscription,
    ChangeSubscription,
    ItemChange,
    ItemWanted,
    PauseSubscription,
    ResumeSubscription,
)
from recoup.core.money import Money
from recoup.core.states import SubscriptionStatus
from recoup.errors import Busy, Rejected, Unreachable
from recoup.processors.fake import NO_FUNDS, Asks, Declines, Fault, Refusal, Slow
from recoup.processors.fake.billing.lines import part
from recoup.processors.fake.model import instant, smallest

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
MONTH = 31 * DAY


@pytest.fixture
def dear(host):
    return host.fake.create_price(Money(6200, "EUR"))


@pytest.fixture
def cheap(host):
    return host.fake.create_price(Money(3100, "EUR"))


@pytest.fixture
def begun(host, cheap):
    """A subscription of 31 euros for January, ten days old."""
    answer = host.start(ItemWanted(cheap))
    host.wait(10 * DAY)
    return answer


def amounts(invoice):
    return [line.amount for line in invoice.lines]


class TestAPart:
    @pytest.mark.parametrize(
        ("amount", "of", "whole", "currency", "share"),
        [
            (100, 1, 8, "EUR", 13),  # 12.5 goes up
            (100, 1, 9, "EUR", 11),  # 11.1 goes down
            (-100, 1, 8, "EUR", -13),  # a credit as its charge
            (100, 1, 8, "JPY", 13),
            (1000, 1, 80, "KWD", 10),  # 12.5 fils, of which Stripe takes tens
            (1000, 15, 1000, "KWD", 20),  # 15 fils go up
            (20000, 15, 2000, "MGA", 200),  # 150 hundredths of an ariary go up
        ],
    )
    def test_is_rounded_half_up_in_units_stripe_takes(self, amount, of, whole, currency, share):
        assert part(amount, of, whole, currency) == share

    @given(
        st.integers(0, 10**12),
        st.sampled_from(["EUR", "JPY", "KWD", "MGA"]),
        st.integers(1, 366 * 86_400),
        st.data(),
    )
    def test_is_never_further_off_than_half_a_unit(self, units, currency, whole, data):
        unit, of = smallest(currency), data.draw(st.integers(0, whole))

        share = part(units * unit, of, whole, currency)

        assert share % unit == 0
        assert abs(2 * (share * whole - units * unit * of)) <= whole * unit
        assert part(-units * unit, of, whole, currency) == -share


class TestAChangeNow:
    def test_credits_what_is_unused_and_charges_what_remains(self, host, begun, dear):
        answer = host.ask(host.change(begun, (dear,), proration="invoice_now"))

        bill = host.invoices(begun)[-1]
        assert amounts(bill) == [-2100, 4200]
        assert (bill.amount, bill.reason, bill.status) == (2100, "subscription_update", "paid")
        assert all(line.proration for line in bill.lines)
        assert host.newest(answer).prices == (dear,)

    def test_keeps_the_item_and_the_period(self, host, begun, dear):
        before = host.sub(begun)

        host.ask(host.change(begun, (dear, 2)))

        after = host.sub(begun)
        assert after.items[0].id == before.items[0].id
        assert (after.anchor, after.period_end) == (before.anchor, before.period_end)

    def test_puts_lines_on_the_next_invoice_unless_said_otherwise(self, host, begun, dear):
        host.ask(host.change(begun, (dear,)))
        assert len(host.invoices(begun)) == 1

        host.wait(21 * DAY)

        assert amounts(host.invoices(begun)[-1]) == [-2100, 4200, 6200]

    def test_can_cost_nothing_before_the_next_period(self, host, begun, dear):
        host.ask(host.change(begun, (dear,), proration="none"))

        host.wait(21 * DAY)

        assert amounts(host.invoices(begun)[-1]) == [6200]

    def test_gives_back_no_more_than_was_billed(self, host, begun, dear, cheap):
        host.ask(host.change(begun, (dear,), proration="none"))

        quote = host.fake.quote(host.change(begun, (cheap,), proration="invoice_now"))

        assert (quote.due_now.minor, quote.credit.minor) == (0, 0)

    def test_adds_changes_and_removes_items_and_leaves_the_others(self, host, begun, cheap, dear):
        host.ask(host.change(begun, ItemChange(price=dear, quantity=2)))
        first, second = host.sub(begun).items
        third = host.fake.create_price(Money(100, "EUR"))

        host.ask(host.change(begun, ItemChange(first.id, removed=True), ItemChange(price=third)))

        assert [(i.price, i.quantity) for i in host.sub(begun).items] == [(dear, 2), (third, 1)]
        assert host.sub(begun).items[0].id == second.id

    def test_that_changes_nothing_is_no_news(self, host, begun, cheap):
        assert host.ask(host.change(begun, (cheap, 1), proration="invoice_now")).facts == ()

    def test_in_a_trial_costs_nothing(self, host, dear):
        trial = host.start(trial_end=host.fake.now + 14 * DAY)

        host.ask(host.change(trial, (dear,), proration="invoice_now"))
        host.wait(14 * DAY)

        assert [i.total for i in host.invoices(trial)] == [0, 6200]

    def test_that_costs_less_leaves_credit_that_lowers_the_next_invoices(self, host, dear, cheap):
        begun = host.start(ItemWanted(dear))
        host.wait(10 * DAY)

        host.ask(host.change(begun, (cheap,), proration="invoice_now"))
        host.wait(21 * DAY + HOUR)

        owed, renewal = host.invoices(begun)[-2:]
        assert (owed.total, owed.amount, owed.status) == (-2100, 0, "paid")
        assert (renewal.total, renewal.credit_used, renewal.amount) == (3100, 2100, 1000)
        assert host.fake.books().balances["credit", "EUR"] == 0
        assert host.fake.books().imbalance() == {}

    def test_of_which_the_credit_is_used_up_over_several_invoices(self, host, dear):
        begun = host.start(ItemWanted(dear))
        tiny = host.fake.create_price(Money(1000, "EUR"))

        host.ask(host.change(begun, (tiny,), proration="invoice_now"))
        host.wait(160 * DAY)

        assert [i.amount for i in host.invoices(begun)[2:]] == [0, 0, 0, 0, 0]
        assert host.fake.books().balances["credit", "EUR"] == -200

    def test_returns_credit_with_the_invoice_that_is_voided(self, host, dear, cheap):
        begun = host.start(ItemWanted(dear))
        host.wait(10 * DAY)
        host.ask(host.change(begun, (cheap,), proration="invoice_now"))
        host.fake.attach_method(host.sub(begun).customer, Declines(NO_FUNDS))
        host.wait(21 * DAY + HOUR)

        host.fake.void(host.invoices(begun)[-1].id)

        assert host.fake.books().balances["credit", "EUR"] == -2100
        assert host.fake.books().balances["receivable", "EUR"] == 0


class TestAnotherInterval:
    @pytest.mark.parametrize(
        ("proration", "lines"), [("create", [-2100, 36500]), ("none", [36500])]
    )
    def test_begins_a_new_period_now_and_bills_it_at_once(self, host, begun, proration, lines):
        year = host.fake.create_price(Money(36500, "EUR"), interval="year")
        now = host.fake.now

        told = host.newest(host.ask(host.change(begun, (year,), proration=proration)))
        host.wait(365 * DAY)

        assert (told.period_start, told.anchor) == (now, now)
        assert told.period_end == now + 365 * DAY
        assert [amounts(i) for i in host.invoices(begun)[1:]] == [lines, [36500]]

    def test_begins_when_what_was_free_is_no_longer(self, host, dear):
        free = host.start(ItemWanted(host.fake.create_price(Money(0, "EUR"))))
        host.wait(10 * DAY)

        told = host.newest(host.ask(host.change(free, (dear,))))

        assert told.period_start == host.fake.now
        assert host.invoices(free)[-1].amount == 6200


class TestAChangeLater:
    def test_holds_from_the_next_period_on(self, host, begun, dear, cheap):
        told = host.newest(host.ask(host.change(begun, (dear,), at_period_end=True)))
        host.wait(21 * DAY - SECOND)
        before = host.item(begun).price
        host.wait(SECOND)

        assert (told.prices, before, host.item(begun).price) == ((cheap,), cheap, dear)
        assert amounts(host.invoices(begun)[-1]) == [6200]

    def test_that_was_wanted_already_is_no_news(self, host, begun, dear):
        host.ask(host.change(begun, (dear,), at_period_end=True))

        assert host.ask(host.change(begun, (dear,), at_period_end=True)).facts == ()

    def test_replaces_one_that_was_scheduled_before(self, host, begun, dear):
        other = host.fake.create_price(Money(700, "EUR"), interval="year")
        host.ask(host.change(begun, (dear,), at_period_end=True))
        host.ask(host.change(begun, (other,), at_period_end=True))

        host.wait(21 * DAY)

        assert amounts(host.invoices(begun)[-1]) == [700]
        assert instant(host.sub(begun).period_end) == datetime(2027, 2, 1, tzinfo=UTC)

    @pytest.mark.parametrize("how", ["resume", "cancel", "change now"])
    def test_is_forgotten_when_something_else_is_wanted(self, host, begun, dear, how):
        host.ask(host.change(begun, (dear,), at_period_end=True))

        host.ask(
            {
                "resume": ResumeSubscription(begun.object),
                "cancel": CancelSubscription(begun.object, at_period_end=True),
                "change now": host.change(begun, (None, 2)),
            }[how]
        )

        assert host.sub(begun).next_items is None

    def test_can_not_be_when_there_is_no_next_period(self, host, begun, dear):
        host.ask(CancelSubscription(begun.object, at_period_end=True))

        with pytest.raises(Rejected, match="no next period"):
            host.ask(host.change(begun, (dear,), at_period_end=True))


class TestABillThatIsNotPaid:
    @pytest.mark.parametrize(
        ("payer", "words"),
        [
            (Declines(Refusal()), r"card was declined \(generic_decline\)"),
            (Declines(NO_FUNDS), r"declined \(insufficient_funds\)"),
            (Asks(), "authentication"),
        ],
    )
    def test_undoes_the_change_as_a_whole(self, host, town, begun, dear, payer, words):
        host.fake.attach_method(host.sub(begun).customer, payer)
        before = host.sub(begun)

        with town.unchanged(words):
            host.ask(host.change(begun, (dear,), proration="invoice_now"))

        assert host.sub(begun) == before

    def test_is_paid_by_the_next_try_once_the_bank_thinks_again(self, host, begun, dear):
        host.fake.attach_method(host.sub(begun).customer, Declines(NO_FUNDS, 1))
        change = host.change(begun, (dear,), proration="invoice_now")
        with pytest.raises(Rejected):
            host.ask(change)

        host.ask(change)

        assert host.invoices(begun)[-1].amount == 2100

    def test_yet_leaves_the_change_while_the_money_is_on_its_way(self, host, begun, dear):
        host.fake.attach_method(host.sub(begun).customer, Slow(3 * DAY, NO_FUNDS))

        host.ask(host.change(begun, (dear,), proration="invoice_now"))
        before = host.sub(begun)
        host.wait(3 * DAY)

        assert (before.items[0].price, before.status) == (dear, SubscriptionStatus.ACTIVE)
        assert host.sub(begun).status == SubscriptionStatus.PAST_DUE


class TestARefusal:
    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"items": ()}, "at least one"),
            ({"items": ("item", {"item": "si_none", "quantity": 2})}, "No such subscription item"),
            ({"items": ({"quantity": 2}, {"quantity": 3})}, "named only once"),
            ({"items": ({"removed": True},)}, "at least one active item"),
            ({"items": ("item", {"quantity": 3})}, "must have a price"),
            ({"items": ({"quantity": 0},)}, "Invalid quantity"),
            ({"items": ({"price": "price_none"},)}, "No such price"),
            ({"items": ("item", {"price": "cheap"})}, "same price"),
            ({"items": ({"price": "dollars"},)}, "another currency"),
            ({"items": ("item", {"price": "yearly"})}, "same interval"),
            ({"items": ({"quantity": 2},), "proration": "maybe"}, "proration_behavior"),
            ({"items": ({"quantity": 2},), "prorate_at": -10 * DAY - SECOND}, "current period"),
            ({"items": ({"quantity": 2},), "prorate_at": 21 * DAY}, "current period"),
        ],
    )
    def test_changes_nothing(self, host, town, begun, cheap, change, words):
        prices = {
            "cheap": cheap,
            "dollars": host.fake.create_price(Money(1, "USD")),
            "yearly": host.fake.create_price(Money(1, "EUR"), interval="year"),
        }
        asked = dict(change)
        new = "item" in asked["items"]
        asked["items"] = tuple(
            ItemChange(**({} if new else {"item": host.item(begun).id}) | one)
            if "price" not in one
            else ItemChange(
                None if new else host.item(begun).id, prices.get(one["price"], one["price"])
            )
            for one in asked["items"]
            if one != "item"
        )
        if "prorate_at" in asked:
            asked["prorate_at"] = host.fake.now + asked["prorate_at"]
        request = ChangeSubscription(begun.object, **asked)

        with town.unchanged(words):
            host.ask(request)
        with town.unchanged(words):
            host.fake.quote(request)

    def test_is_given_when_the_last_change_was_later(self, host, begun, dear):
        host.ask(host.change(begun, (dear,)))
        before = host.fake.now - SECOND

        with pytest.raises(Rejected, match="last change"):
            host.ask(host.change(begun, (None, 2), prorate_at=before))
        host.ask(host.change(begun, (None, 2), prorate_at=before + SECOND))

    def test_is_given_while_collection_is_paused(self, host, town, begun, dear):
        host.ask(PauseSubscription(begun.object))

        with town.unchanged("paused"):
            host.ask(host.change(begun, (dear,), proration="invoice_now"))
        host.ask(host.change(begun, (dear,), proration="create"))

    def test_is_given_before_the_first_payment(self, host, town, dear):
        begun = host.start(payer=Declines(NO_FUNDS))

        with town.unchanged("incomplete"):
            host.ask(host.change(begun, (dear,)))


class TestAQuote:
    def test_shows_the_bill_and_the_one_after(self, host, begun, dear):
        quote = host.fake.quote(host.change(begun, (dear,), proration="invoice_now"))

        assert [line.amount.minor for line in quote.lines] == [-2100, 4200]
        assert (quote.due_now.minor, quote.credit.minor) == (2100, 0)
        assert (quote.next_at, quote.next_due.minor) == (host.fake.now + 21 * DAY, 6200)

    def test_of_a_later_change_is_due_with_the_next_period(self, host, begun, dear):
        quote = host.fake.quote(host.change(begun, (dear,), at_period_end=True))

        assert (quote.due_now.minor, quote.lines, quote.next_due.minor) == (0, (), 6200)

    def test_knows_no_next_bill_of_what_ends_before_it(self, host, begun, dear):
        host.ask(CancelSubscription(begun.object, at_period_end=True))

        quote = host.fake.quote(host.change(begun, (dear,)))

        assert (quote.next_at, quote.next_due.minor) == (None, 0)

    @pytest.mark.parametrize(
        ("kind", "error"), [("outage", Unreachable), ("busy", Busy), ("error", Unreachable)]
    )
    def test_may_get_no_answer(self, host, town, begun, dear, kind, error):
        host.fake.add_fault(Fault(kind, "quote"))

        with town.unchanged("fake|429", error):
            host.fake.quote(host.change(begun, (dear,)))

    def test_is_refused_inside_a_batch(self, host, begun, dear):
        with pytest.raises(RuntimeError, match="batch"), host.fake.batch():
            host.fake.quote(host.change(begun, (dear,)))
