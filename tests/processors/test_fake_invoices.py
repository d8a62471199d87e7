"""Invoices that the host makes itself."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup.core import states
from recoup.core.billing.requests import (
    CreateInvoice,
    DeleteCustomer,
    FinalizeInvoice,
    LineWanted,
    MarkPaidOutOfBand,
    MarkUncollectible,
    SendInvoice,
    VoidInvoice,
)
from recoup.core.facts import InvoiceFact
from recoup.core.money import Money
from recoup.processors.fake import LOST, Declines, FakeProcessor, Pays, Slow

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
TEN = LineWanted("Ten", Money(1000, "EUR"))


@pytest.fixture
def ann(town):
    customer = town.fake.create_customer(email="ann@example.com")
    town.fake.attach_method(customer)
    return customer


def euros(minor, **more):
    return LineWanted("Line", Money(minor, "EUR"), **more)


def newest(answer) -> InvoiceFact:
    return [fact for fact in answer.facts if isinstance(fact, InvoiceFact)][-1]


class TestCreating:
    def test_bills_its_lines_with_their_taxes(self, town, ask, ann):
        made = ask(
            CreateInvoice(
                ann,
                (euros(1000, tax=190), euros(-250), euros(600, quantity=3)),
                description="Set-up",
                metadata={"order": "7"},
            )
        )

        fact = newest(made)
        assert (fact.due, fact.remaining) == (Money(1540, "EUR"), Money(1540, "EUR"))
        assert (fact.tax, fact.description, fact.reason) == (190, "Set-up", "manual")
        assert states.is_owed(fact.status)
        shown = town.last()["data"]["object"]
        assert shown["metadata"] == {"order": "7"}
        assert [line["amount"] for line in shown["lines"]["data"]] == [1000, -250, 600]
        assert shown["lines"]["data"][2]["quantity"] == 3
        assert town.fake.books().imbalance() == {}

    def test_is_never_collected_by_itself(self, town, ask, ann):
        made = ask(CreateInvoice(ann, (TEN,)))
        draft = ask(CreateInvoice(ann, (TEN,), finalize=False))

        town.wait(40 * DAY)

        assert states.is_owed(town.fake.invoice(made.object).status)
        assert town.fake.invoice(draft.object).finalized_at is None
        assert town.fake.charges_of(made.object) == []

    def test_is_paid_when_that_is_asked_for(self, town, ask, ann):
        made = ask(CreateInvoice(ann, (TEN,)))

        paid = town.fake.pay_invoice(made.object, method=None, key="k1", off_session=False)

        assert states.succeeded(paid.state)
        assert town.fake.books().captured[made.object] == TEN.amount

    def test_of_nothing_is_paid_once_it_is_final(self, town, ask, ann):
        made = ask(CreateInvoice(ann, (TEN, euros(-1000)), finalize=False))

        done = ask(FinalizeInvoice(made.object))

        assert (made.status, done.status) == ("draft", "paid")
        assert town.fake.books().captured == {}

    def test_is_due_some_days_after_it_is_final(self, town, ask, ann):
        asked = CreateInvoice(ann, (TEN,), collection="send_invoice", days_until_due=14)

        fact = newest(ask(asked))

        assert fact.due_at - fact.finalized_at == 14 * DAY
        town.wait(15 * DAY)
        assert states.is_owed(town.fake.invoice(fact.processor_id).status)

    def test_may_be_in_another_currency_than_the_subscription(self, town, ask, ann):
        town.fake.subscribe(ann, town.price)

        made = ask(CreateInvoice(ann, (LineWanted("Yen", Money(500, "JPY")),)))

        assert newest(made).due == Money(500, "JPY")
        town.fake.pay_invoice(made.object, method=None, key="k1")
        assert town.fake.books().captured_in("JPY") == 500
        assert town.fake.books().captured_in("EUR") == 2900

    @pytest.mark.parametrize("version", ["2022-11-15", "2025-03-31.basil"])
    def test_is_told_alike_in_every_version(self, version):
        with FakeProcessor(":memory:", api_version=version) as fake:
            customer = fake.create_customer()
            asked = CreateInvoice(customer, (euros(1000, tax=70),), description="Set-up")

            fact = newest(fake.ask(asked, key="k1"))

        assert (fact.due.minor, fact.tax, fact.subscription) == (1070, 70, None)

    @pytest.mark.parametrize(
        ("asked", "why"),
        [
            pytest.param({"lines": ()}, "one currency", id="no lines"),
            pytest.param(
                {"lines": (TEN, LineWanted("Yen", Money(5, "JPY")))}, "one currency", id="mixed"
            ),
            pytest.param({"lines": (TEN, euros(-1001))}, "not negative", id="below nothing"),
            pytest.param({"lines": (euros(5, quantity=0),)}, "quantity", id="no quantity"),
            pytest.param({"lines": (LineWanted("", TEN.amount),)}, "description", id="no words"),
            pytest.param({"lines": (euros(100, tax=-1),)}, "Tax of -1", id="tax against"),
            pytest.param({"lines": (euros(0, tax=1),)}, "Tax of 1", id="tax on nothing"),
            pytest.param(
                {"lines": (LineWanted("x", Money(1005, "KWD")),)}, "Invalid amount", id="too fine"
            ),
            pytest.param(
                {"lines": (LineWanted("x", Money(1000, "KWD"), tax=5),)},
                "Invalid amount",
                id="tax too fine",
            ),
            pytest.param({"collection": "send_invoice"}, "days_until_due", id="sent, no days"),
            pytest.param({"days_until_due": 3}, "days_until_due", id="days, not sent"),
            pytest.param(
                {"collection": "send_invoice", "days_until_due": -1}, "days_until_due", id="past"
            ),
            pytest.param({"metadata": {"k": "v" * 501}}, "500", id="metadata"),
            pytest.param({"customer": "cus_none"}, "No such customer", id="nobody"),
        ],
    )
    def test_refuses_what_no_invoice_has(self, town, ask, ann, asked, why):
        with town.unchanged(why):
            ask(CreateInvoice(**{"customer": ann, "lines": (TEN,), **asked}))

    def test_takes_a_total_of_just_nothing_and_the_smallest_dinar(self, ask, ann):
        none = ask(CreateInvoice(ann, (TEN, euros(-1000))))
        least = ask(CreateInvoice(ann, (LineWanted("x", Money(10, "KWD"), tax=10),)))

        assert newest(none).due == Money(0, "EUR")
        assert newest(least).due == Money(20, "KWD")

    def test_is_not_for_who_is_gone_or_can_not_be_mailed(self, town, ask, ann):
        silent = town.fake.create_customer()
        with town.unchanged("Missing email"):
            ask(CreateInvoice(silent, (TEN,), collection="send_invoice", days_until_due=1))
        ask(DeleteCustomer(ann))

        with town.unchanged("was deleted"):
            ask(CreateInvoice(ann, (TEN,)))


class TestFinalizing:
    def test_numbers_the_draft_and_owes_it(self, town, ask, ann):
        draft = ask(CreateInvoice(ann, (TEN,), finalize=False))

        done = ask(FinalizeInvoice(draft.object))

        assert newest(draft).number is None
        assert newest(done).number.endswith("000001")
        assert (draft.status, done.status) == ("draft", "open")
        assert town.fake.books().balances["receivable", "EUR"] == 1000

    def test_is_for_drafts_alone(self, town, ask, ann):
        made = ask(CreateInvoice(ann, (TEN,)))

        with town.unchanged("already finalized"):
            ask(FinalizeInvoice(made.object))
        with town.unchanged("No such invoice"):
            ask(FinalizeInvoice("in_none"))

    def test_of_a_renewal_leaves_the_collecting_to_its_hour(self, town, ask):
        subscription, _ = town.subscriber()
        town.wait(31 * DAY)
        draft = town.fake.subscription(subscription).latest_invoice

        done = ask(FinalizeInvoice(draft))
        town.wait(HOUR)

        assert done.status == "open"
        assert states.is_paid(town.fake.invoice(draft).status)
        assert len(town.fake.charges_of(draft)) == 1

    def test_of_a_renewal_that_was_declined_is_not_tried_twice(self, town, ask):
        subscription, method = town.subscriber()
        town.fake.update_method(method, payer=Declines(LOST))
        town.wait(31 * DAY)
        draft = town.fake.subscription(subscription).latest_invoice
        ask(FinalizeInvoice(draft))
        town.fake.pay_invoice(draft, method=None, key="k1", off_session=False)

        town.wait(2 * HOUR)

        assert len(town.fake.charges_of(draft)) == 1


class TestSending:
    def test_finalises_a_draft_first(self, town, ask, ann):
        asked = CreateInvoice(
            ann, (TEN,), collection="send_invoice", days_until_due=7, finalize=False
        )
        draft = ask(asked)

        sent = ask(SendInvoice(draft.object))

        assert sent.status == "open"
        assert town.told()[-2:] == ["invoice.finalized", "invoice.sent"]

    def test_sends_an_open_one_as_often_as_it_is_asked(self, town, ask, ann):
        made = ask(CreateInvoice(ann, (TEN,)))

        ask(SendInvoice(made.object))
        ask(SendInvoice(made.object))

        assert town.told()[-2:] == ["invoice.sent"] * 2

    def test_is_refused_where_there_is_nothing_to_send(self, town, ask, ann):
        draft = ask(CreateInvoice(ann, (TEN,), finalize=False))
        closed = ask(CreateInvoice(ann, (TEN,)))
        ask(VoidInvoice(closed.object))
        silent = ask(CreateInvoice(town.fake.create_customer(), (TEN,)))

        for invoice, why in ((draft, "send_invoice"), (closed, "not open"), (silent, "email")):
            with town.unchanged(why):
                ask(SendInvoice(invoice.object))


class TestClosing:
    @pytest.mark.parametrize(
        ("request_", "status", "left"),
        [
            (VoidInvoice, "void", {}),
            (MarkUncollectible, "uncollectible", {"written_off": 1000, "revenue": -1000}),
            (MarkPaidOutOfBand, "paid", {"elsewhere": 1000, "revenue": -1000}),
        ],
    )
    def test_leaves_nothing_owed_and_nothing_taken(self, town, ask, ann, request_, status, left):
        made = ask(CreateInvoice(ann, (TEN,)))

        closed = ask(request_(made.object))

        assert closed.status == status
        balances = town.fake.books().balances
        assert {account: minor for (account, _), minor in balances.items() if minor} == left

    @pytest.mark.parametrize("request_", [VoidInvoice, MarkPaidOutOfBand])
    def test_is_possible_after_it_was_given_up(self, town, ask, ann, request_):
        made = ask(CreateInvoice(ann, (TEN,)))
        ask(MarkUncollectible(made.object))

        ask(request_(made.object))

        balances = town.fake.books().balances
        assert balances["written_off", "EUR"] == balances["receivable", "EUR"] == 0

    def test_voids_what_is_void_without_news(self, town, ask, ann):
        made = ask(CreateInvoice(ann, (TEN,)))
        ask(VoidInvoice(made.object))
        before = town.seen()

        assert ask(VoidInvoice(made.object)).status == "void"

        assert town.seen() == before

    def test_does_not_void_a_draft(self, town, ask, ann):
        draft = ask(CreateInvoice(ann, (TEN,), finalize=False))

        with town.unchanged("can not be voided, only deleted"):
            ask(VoidInvoice(draft.object))
        for request_ in (MarkUncollectible, MarkPaidOutOfBand):
            with town.unchanged("open"):
                ask(request_(draft.object))

    @pytest.mark.parametrize("request_", [VoidInvoice, MarkUncollectible, MarkPaidOutOfBand])
    def test_does_not_touch_what_is_paid(self, town, ask, ann, request_):
        made = ask(CreateInvoice(ann, (TEN,)))
        town.fake.pay_invoice(made.object, method=None, key="k1")

        with town.unchanged("open"):
            ask(request_(made.object))

    @pytest.mark.parametrize("request_", [VoidInvoice, MarkUncollectible, MarkPaidOutOfBand])
    def test_waits_for_money_that_is_on_its_way(self, town, ask, request_):
        customer = town.fake.create_customer()
        town.fake.attach_method(customer, Slow(DAY, then=Pays()), kind="sepa_debit")
        made = ask(CreateInvoice(customer, (TEN,)))
        town.fake.pay_invoice(made.object, method=None, key="k1")

        with town.unchanged("processing"):
            ask(request_(made.object))

    def test_gives_up_what_is_open_alone(self, town, ask, ann):
        made = ask(CreateInvoice(ann, (TEN,)))
        ask(MarkUncollectible(made.object))

        with town.unchanged("isn't open"):
            ask(MarkUncollectible(made.object))
        ask(VoidInvoice(made.object))
        with town.unchanged("not open"):
            ask(MarkPaidOutOfBand(made.object))
