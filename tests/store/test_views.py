"""What a host gets to see of the rows: by any name, in pages, in one query each."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from recoup.core.billing.catalogue import Catalogue, Plan
from recoup.core.billing.views import Item
from recoup.core.money import Money
from recoup.errors import NotFound
from recoup.processors.stripe.reader import read
from recoup.store import views
from recoup.store.absorb import absorb
from recoup.store.writer import Writer
from recoup.testing import events
from recoup.testing.events import NEW_YEAR

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PLANS = Catalogue({"pro": Plan("pro", frozenset({"price_basic"}))})


def euros(minor):
    return Money(minor, "EUR")


@pytest.fixture
def connection(engine):
    with engine.begin() as connection:
        yield connection


def take(connection, *told):
    """Absorb objects with their types, one event each, a second apart."""
    facts = [
        read(events.event(type, object, id=f"evt_{n}", at=NEW_YEAR + n)).facts
        for n, (type, object) in enumerate(told, 1)
    ]
    absorb(Writer(connection, now=NOW, actor="test", cause="test"), "stripe", facts)


def customer(name="cus_1", **fields):
    return "customer.created", events.customer(name, **fields)


def invoice(name="in_1", status="open", owner="cus_1", **fields):
    fields = {"payment_intent": f"pi_{name}"} | fields
    return f"invoice.{status}", events.invoice(name, owner, status=status, **fields)


def charge(name="ch_1", of="in_1", status="succeeded", owner="cus_1", **fields):
    shown = events.charge(name, owner, payment_intent=f"pi_{of}", status=status, **fields)
    return f"charge.{status}", shown


def refund(name, charge="ch_1", **fields):
    return "refund.created", events.refund(name, charge, **fields)


READERS = {
    "customers": views.read_customer,
    "payment_methods": views.read_method,
    "subscriptions": lambda c, ref: views.read_subscription(c, ref, plans=PLANS),
    "invoices": lambda c, ref: views.read_invoice(c, ref, now=NOW),
    "attempts": views.read_payment,
    "refunds": views.read_refund,
    "coupons": views.read_coupon,
    "promotion_codes": views.read_promotion_code,
}
LISTS = {
    "customers": views.list_customers,
    "subscriptions": lambda c: views.list_subscriptions(c, plans=PLANS),
    "invoices": lambda c: views.list_invoices(c, now=NOW),
    "payments": views.list_payments,
    "coupons": views.list_coupons,
    "promotion_codes": views.list_promotion_codes,
}
#: Two of everything, so that none is found by being the only one.
EVERYTHING = [
    made
    for n in (1, 2)
    for made in (
        customer(f"cus_{n}"),
        ("payment_method.attached", events.payment_method(f"pm_cus_{n}", f"cus_{n}")),
        ("customer.subscription.created", events.subscription(f"sub_{n}", f"cus_{n}")),
        invoice(f"in_{n}", "paid", owner=f"cus_{n}", subscription=f"sub_{n}"),
        charge(f"ch_{n}", f"in_{n}", owner=f"cus_{n}"),
        refund(f"re_{n}", f"ch_{n}"),
        ("coupon.created", events.coupon(f"TEN_{n}")),
        (
            "promotion_code.created",
            events.promotion_code(f"promo_{n}", events.coupon(f"TEN_{n}"), f"SPRING{n}"),
        ),
    )
]


class TestEveryReader:
    @pytest.mark.parametrize("table", READERS)
    def test_finds_by_our_id_its_digits_and_the_processors_id(self, connection, table):
        take(connection, *EVERYTHING)
        found = connection.execute(text(f"SELECT id, processor_id FROM {table} ORDER BY id")).all()

        for id, name in found:
            shown = READERS[table](connection, id)
            assert (shown.id, shown.processor_id) == (id, name)
            assert READERS[table](connection, str(id)) == shown
            assert READERS[table](connection, name) == shown
        assert len(found) == 2

    @pytest.mark.parametrize("table", READERS)
    @pytest.mark.parametrize("ref", [0, -1, 999, 10**30, "999", "nobody", "9" * 40, "", "in_1\0x"])
    def test_names_what_is_not_there(self, connection, table, ref):
        take(connection, *EVERYTHING)

        with pytest.raises(NotFound) as raised:
            READERS[table](connection, ref)

        assert repr(ref) in str(raised.value)


@pytest.mark.parametrize("ask", LISTS.values(), ids=LISTS)
def test_a_list_is_one_query_however_long_it_is(connection, tmp_path, ask):
    take(connection, *EVERYTHING)
    driver = connection.connection.driver_connection.pgconn

    with (tmp_path / "trace").open("w+") as trace:
        driver.trace(trace.fileno())
        shown = ask(connection)
        driver.untrace()
        executed = trace.seek(0) or trace.read().count("\tExecute\t")

    assert (len(shown), executed) == (2, 1)


class TestLists:
    def test_are_pages_by_id(self, connection):
        take(connection, *(customer(f"cus_{n}") for n in range(5)))
        first = views.list_customers(connection, limit=2)

        rest = views.list_customers(connection, after=first[-1].id)

        assert [shown.processor_id for shown in (*first, *rest)] == [f"cus_{n}" for n in range(5)]

    def test_keep_to_whom_they_were_asked_for(self, connection):
        take(connection, *EVERYTHING)
        one, two = views.list_customers(connection)

        shown = views.list_invoices(connection, now=NOW, customer_id=one.id)
        subscription = shown[0].subscription_id

        assert [each.processor_id for each in shown] == ["in_1"]
        assert views.list_invoices(connection, now=NOW, subscription_id=subscription) == shown
        assert not views.list_invoices(
            connection, now=NOW, customer_id=two.id, subscription_id=subscription
        )
        assert [p.processor_id for p in views.list_payments(connection, customer_id=two.id)] == [
            "ch_2"
        ]
        assert [
            s.processor_id
            for s in views.list_subscriptions(connection, plans=PLANS, customer_id=two.id)
        ] == ["sub_2"]
        assert len(views.list_invoices(connection, now=NOW)) == 2
        assert len(views.list_payments(connection)) == 2
        assert len(views.list_coupons(connection)) == 2
        assert len(views.list_promotion_codes(connection)) == 2


class TestACustomer:
    def test_is_shown_whole(self, connection):
        take(connection, customer(metadata={"team": "7"}, balance=-5))

        shown = views.read_customer(connection, "cus_1")

        assert (shown.email, shown.name, shown.locale) == ("cus_1@example.com", "Ada", "de")
        assert (shown.version, shown.metadata, shown.data["balance"]) == (1, {"team": "7"}, -5)

    def test_has_a_new_version_after_every_change(self, connection):
        take(connection, customer(), ("customer.updated", events.customer("cus_1", name="Bo")))
        before = views.read_customer(connection, "cus_1")
        connection.execute(text("UPDATE customers SET name = 'Cy'"))

        assert views.read_customer(connection, "cus_1").version == before.version + 1


class TestMethods:
    def test_are_listed_default_first_then_backups_in_order(self, connection):
        names = ("pm_a", "pm_b", "pm_c", "pm_cus_1", "pm_gone")
        attached = [("payment_method.attached", events.payment_method(n, "cus_1")) for n in names]
        gone = ("payment_method.detached", events.payment_method("pm_gone", None))
        take(connection, customer(), *attached, gone)
        for name, place in (("pm_a", 2), ("pm_c", 1)):
            connection.execute(
                text(
                    "UPDATE payment_methods SET backup = :n, consented_at = now(), "
                    "consented_by = 'ann' WHERE processor_id = :name"
                ),
                {"n": place, "name": name},
            )
        id = views.read_customer(connection, "cus_1").id

        shown = views.list_methods(connection, id)

        assert [m.processor_id for m in shown] == ["pm_cus_1", "pm_c", "pm_a", "pm_b"]
        assert [m.default for m in shown] == [True, False, False, False]
        assert "pm_gone" in [
            m.processor_id for m in views.list_methods(connection, id, detached=True)
        ]


class TestASubscription:
    def test_is_shown_with_its_items_plan_and_words(self, connection):
        told = events.subscription("sub_1", "cus_1", status="trialing", metadata={"a": "b"})
        take(connection, customer(), ("customer.subscription.created", told))
        connection.execute(
            text("""UPDATE subscriptions SET next_items = '[{"price": "p", "quantity": 2}]'""")
        )

        shown = views.read_subscription(connection, "sub_1", plans=PLANS)

        assert shown.items == (Item("si_sub_1", "price_basic", 1),)
        assert shown.next_items == (Item("", "p", 2),)
        assert (shown.plan, shown.metadata) == ("pro", {"a": "b"})
        assert (shown.active, shown.is_paused, shown.past_due, shown.ended) == (True, *[False] * 3)

    def test_of_no_plan_has_none(self, connection):
        take(
            connection,
            customer(),
            ("customer.subscription.created", events.subscription("sub_1", "cus_1")),
        )

        assert views.read_subscription(connection, "sub_1", plans=Catalogue()).plan is None

    @pytest.mark.parametrize(
        ("fields", "word"),
        [
            ({"pause_collection": {"behavior": "void", "resumes_at": None}}, "is_paused"),
            ({"status": "past_due"}, "past_due"),
            ({"status": "canceled"}, "ended"),
        ],
    )
    def test_is_called_what_it_is(self, connection, fields, word):
        told = events.subscription("sub_1", "cus_1", **fields)
        take(connection, customer(), ("customer.subscription.updated", told))

        shown = views.read_subscription(connection, "sub_1", plans=PLANS)

        words = {"active", "is_paused", "past_due", "ended"}
        assert {each for each in words if getattr(shown, each)} == {word}


class TestACoupon:
    def test_whose_id_is_a_number_is_found_before_the_one_with_that_id(self, connection):
        take(connection, ("coupon.created", events.coupon("A")))
        other = views.read_coupon(connection, "A")
        take(connection, ("coupon.created", events.coupon(str(other.id), percent_off=12.5)))

        shown = views.read_coupon(connection, str(other.id))

        assert (shown.processor_id, shown.percent_off) == (str(other.id), "12.5")
        assert views.read_coupon(connection, other.id) == other

    def test_of_an_amount_shows_the_amount(self, connection):
        fixed = events.coupon("A", percent_off=None, amount_off=500, currency="eur")
        take(connection, ("coupon.created", fixed))

        shown = views.read_coupon(connection, "A")

        assert (shown.percent_off, shown.amount_off) == (None, euros(500))


class TestAPromotionCode:
    def test_is_found_by_its_text_in_any_case_the_active_one_first(self, connection):
        ten = events.coupon("TEN")
        old = events.promotion_code("promo_1", ten, "Spring", active=False)
        new = events.promotion_code("promo_2", ten, "SPRING")
        take(
            connection,
            ("coupon.created", ten),
            ("promotion_code.created", new),
            ("promotion_code.created", old),
        )

        shown = views.read_promotion_code(connection, "spring")

        assert shown == replace(shown, processor_id="promo_2", active=True)
