"""What news does to what billing needs: discounts, changes to come, losses, the erased."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import text

from recoup.processors.stripe.reader import read
from recoup.store import tables
from recoup.store.absorb import absorb
from recoup.store.invariants import check
from recoup.store.writer import Writer
from recoup.testing import events
from recoup.testing.events import NEW_YEAR, OLDEST

NOW = datetime(2026, 3, 1, tzinfo=UTC)
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def connection(engine):
    with engine.begin() as connection:
        yield connection


class Post:
    """Absorbs one event after another, a second apart."""

    def __init__(self, connection):
        self.connection = connection
        self.second = 0

    def __call__(self, type, object, *, at=None, version=events.NEWEST):
        self.second += 1
        at = NEW_YEAR + (self.second if at is None else at)
        told = events.event(type, object, id=f"evt_{self.second:03}", at=at, version=version)
        writer = Writer(self.connection, now=NOW, actor="test", cause="test")
        return absorb(writer, "stripe", [read(told).facts])

    def set(self, table, **values):
        """Change the table's only row as a command does, ledger and all."""
        writer = Writer(self.connection, now=NOW, actor="ann", cause="command")
        writer.update(table, self.one(f"SELECT * FROM {table.name}")._asdict(), values)
        writer.flush()

    def one(self, sql):
        return self.connection.execute(text(sql)).one()

    def value(self, sql):
        return self.connection.scalars(text(sql)).one()


@pytest.fixture
def post(connection):
    made = Post(connection)
    made("customer.created", events.customer("cus_1"))
    yield made
    names = {each.invariant for each in check(connection, now=START).violations}
    # Some invoices here are paid by nobody we show, and nobody decides on what is owed again.
    assert names <= {"payments_match_invoice", "debt_has_case"}


def subscription(**fields):
    return events.subscription("sub_1", "cus_1", **fields)


class TestASubscription:
    def test_is_kept_with_all_that_was_agreed(self, post):
        told = subscription(
            metadata={"team": "7"},
            billing_cycle_anchor=NEW_YEAR,
            pause_collection={"behavior": "void", "resumes_at": NEW_YEAR},
            cancellation_details={"reason": None, "feedback": "unused"},
            discounts=[{"coupon": {"id": "ten"}, "promotion_code": "promo_1"}],
        )

        post("customer.subscription.created", told)

        row = post.one("SELECT * FROM subscriptions")
        assert row.items == [{"id": "si_sub_1", "price": "price_basic", "quantity": 1}]
        assert (row.prices, row.metadata, row.next_items) == (["price_basic"], {"team": "7"}, [])
        assert (row.anchor, row.resumes_at) == (START, START)
        assert (row.pause_behavior, row.feedback) == ("void", "unused")
        assert (row.coupon, row.promotion_code) == ("ten", "promo_1")

    def test_keeps_its_discount_when_news_does_not_speak_of_it(self, post):
        ten = [{"coupon": {"id": "ten"}}]
        post("customer.subscription.created", subscription(discounts=ten))

        post("customer.subscription.updated", subscription(discounts=["di_1"]))
        kept = post.value("SELECT coupon FROM subscriptions")
        post("customer.subscription.updated", subscription(discounts=[]))

        assert (kept, post.value("SELECT coupon FROM subscriptions")) == ("ten", None)


class TestAChangeToCome:
    item = subscription()["items"]["data"][0]

    @pytest.fixture
    def coming(self, post):
        post("customer.subscription.created", subscription())
        wanted = (
            '[{"price": "price_seat", "quantity": 2}, {"price": "price_basic", "quantity": 1}]'
        )
        post.connection.execute(text(f"UPDATE subscriptions SET next_items = '{wanted}'"))
        return post

    def items(self, quantity):
        seats = self.item | {"id": "si_2", "price": "price_seat", "quantity": quantity}
        return {"items": {"object": "list", "data": [self.item, seats]}}

    def left(self, post):
        return len(post.value("SELECT next_items FROM subscriptions"))

    def test_is_forgotten_when_it_has_come(self, coming):
        coming("customer.subscription.updated", subscription(**self.items(2)))

        assert self.left(coming) == 0

    @pytest.mark.parametrize("fields", [{}, {"metadata": {"a": "b"}}], ids=["same", "other"])
    def test_is_kept_while_the_items_are_what_they_were(self, coming, fields):
        coming("customer.subscription.updated", subscription(**fields))

        assert self.left(coming) == 2

    def test_is_kept_while_a_quantity_is_another(self, coming):
        coming("customer.subscription.updated", subscription(**self.items(3)))

        assert self.left(coming) == 2

    def test_is_forgotten_at_the_end(self, coming):
        coming("customer.subscription.deleted", subscription(status="canceled"))

        assert self.left(coming) == 0


class TestAnInvoice:
    def shown(self, status, **fields):
        return events.invoice("in_1", "cus_1", status=status, version=OLDEST, **fields)

    def how(self, post):
        return post.value("SELECT resolved_as FROM invoices")

    def test_is_kept_with_its_words_and_sums(self, post):
        more = {"pre_payment_credit_notes_amount": 3, "post_payment_credit_notes_amount": 2}

        post("invoice.finalized", self.shown("open", description="Seats", tax=190, **more))

        row = post.one("SELECT description, tax, credited, charged_back FROM invoices")
        assert row == ("Seats", 190, 5, 0)

    @pytest.mark.parametrize(
        ("fields", "how"),
        [
            ({"status": "draft"}, None),
            ({"status": "open"}, None),
            ({"status": "uncollectible"}, "written_off"),
            ({"status": "void"}, "voided"),
            ({"status": "paid"}, None),
            ({"status": "paid", "out_of_band": True}, "paid_out_of_band"),
            ({"status": "paid", "amount": 0}, "nothing_due"),
        ],
    )
    def test_says_how_it_was_closed_without_money(self, post, fields, how):
        post("invoice.updated", self.shown(**fields))

        assert self.how(post) == how

    def test_that_was_written_off_says_what_became_of_it_then(self, post):
        post("invoice.marked_uncollectible", self.shown("uncollectible"))
        post("invoice.voided", self.shown("void"))

        assert self.how(post) == "voided"

    def test_keeps_what_somebody_decided_until_money_comes(self, post):
        post("invoice.marked_uncollectible", self.shown("uncollectible"))
        post.set(tables.invoices, resolved_as="forgiven")
        post("invoice.updated", self.shown("uncollectible", description="x"))
        kept = self.how(post)
        post("invoice.paid", self.shown("paid"))

        assert (kept, self.how(post)) == ("forgiven", None)


class TestALostDispute:
    @pytest.fixture
    def paid(self, post):
        old = {"payment_intent": "pi_1", "version": OLDEST}
        post("invoice.paid", events.invoice("in_1", "cus_1", status="paid", **old))
        for name, amount in (("ch_1", 600), ("ch_2", 400)):
            shown = events.charge(name, "cus_1", invoice="in_1", amount=amount, **old)
            post("charge.succeeded", shown)
        return post

    def taken(self, post):
        return post.one("SELECT charged_back, disputed FROM invoices")

    @pytest.mark.parametrize(
        ("status", "taken"),
        [
            ("needs_response", (0, True)),
            ("won", (0, False)),
            ("warning_closed", (0, False)),
            ("lost", (500, False)),
        ],
    )
    def test_takes_back_and_no_other(self, paid, status, taken):
        shown = events.dispute("dp_1", "ch_1", amount=500, status=status)

        paid("charge.dispute.updated", shown)

        assert self.taken(paid) == taken

    def test_takes_back_no_more_of_a_payment_than_it_brought(self, paid):
        for name, charge, amount in (
            ("dp_1", "ch_1", 500),
            ("dp_2", "ch_1", 500),
            ("dp_3", "ch_2", 9),
        ):
            shown = events.dispute(name, charge, amount=amount, status="lost")
            paid("charge.dispute.closed", shown)

        assert self.taken(paid) == (609, False)

    def test_is_told_once_however_often_it_comes(self, paid):
        lost = events.dispute("dp_1", "ch_1", amount=500, status="lost")
        paid("charge.dispute.closed", lost)
        entries = "SELECT count(*) FROM ledger_entries"
        before = paid.value(entries)

        paid("charge.dispute.closed", lost, at=paid.second)

        assert self.taken(paid) == (500, False)
        assert paid.value(entries) == before

    def test_with_another_still_open_leaves_the_invoice_disputed(self, paid):
        paid("charge.dispute.closed", events.dispute("dp_1", "ch_1", amount=1, status="lost"))
        paid("charge.dispute.created", events.dispute("dp_2", "ch_2"))

        assert self.taken(paid) == (1, True)


class TestARefund:
    def test_is_kept_with_its_reason(self, post):
        post("invoice.finalized", events.invoice("in_1", "cus_1", version=OLDEST))
        paid = events.charge("ch_1", "cus_1", invoice="in_1", version=OLDEST, payment_intent=None)
        post("charge.succeeded", paid)

        post("refund.created", events.refund("re_1", "ch_1", reason="duplicate"))

        assert post.value("SELECT reason FROM refunds") == "duplicate"


class TestAMethodThatGoes:
    def test_is_no_backup_any_more(self, post):
        post("payment_method.attached", events.payment_method("pm_1", "cus_1"))
        post.set(tables.payment_methods, backup=1, consented_at=NOW, consented_by="ann")

        post("payment_method.detached", events.payment_method("pm_1", None))

        assert post.one("SELECT backup, detached FROM payment_methods") == (None, True)


class TestAnErasedCustomer:
    """The columns of the person stay as the erasing left them, whatever comes later."""

    person = "email, name, locale, metadata, data"

    @pytest.fixture
    def erased(self, post):
        gone = {"email": None, "name": "erased", "locale": None, "metadata": {}, "data": {}}
        post.set(tables.customers, erased_at=NOW, **gone)
        return post

    def test_stays_erased_when_the_processor_speaks_of_the_person(self, erased):
        before = erased.one(f"SELECT {self.person} FROM customers")

        erased("customer.updated", events.customer("cus_1", metadata={"a": "b"}, currency="usd"))

        assert erased.one(f"SELECT {self.person} FROM customers") == before
        assert erased.value("SELECT currency FROM customers") == "USD"

    def test_leaves_nothing_personal_in_what_comes_later(self, erased):
        erased("payment_method.attached", events.payment_method("pm_1", "cus_1"))
        erased("customer.subscription.created", subscription(metadata={"who": "Ada"}))
        erased("invoice.finalized", events.invoice("in_1", "cus_1", description="Ada"))

        assert erased.value("SELECT last4 FROM payment_methods") is None
        assert erased.value("SELECT metadata FROM subscriptions") == {}
        assert erased.value("SELECT description FROM invoices") is None

    def test_keeps_the_texts_of_its_codes_erased(self, post):
        ten = events.coupon("TEN")
        code = events.promotion_code("promo_1", ten, "ADA", customer="cus_1")
        post("coupon.created", ten)
        post("promotion_code.created", code)
        post.set(tables.customers, erased_at=NOW)
        post.set(tables.promotion_codes, code="erased-1")

        post("promotion_code.updated", code | {"active": False})
        post("promotion_code.created", code | {"id": "promo_2"})

        codes = post.connection.scalars(text("SELECT code FROM promotion_codes ORDER BY id")).all()
        assert codes[0] == "erased-1"
        assert codes[1].startswith("erased-")

    def test_was_kept_as_told_before(self, post):
        row = post.one(f"SELECT {self.person} FROM customers")

        assert (row.email, row.name, row.locale) == ("cus_1@example.com", "Ada", "de")
        assert row.data["id"] == "cus_1"


class TestACoupon:
    def test_is_kept_with_the_uses_that_were_counted_here(self, post):
        post("coupon.created", events.coupon("TEN", percent_off=12.5, max_redemptions=3))
        post.connection.execute(text("UPDATE coupons SET redemptions = 1, prices = '{price_1}'"))

        post(
            "coupon.updated", events.coupon("TEN", percent_off=12.5, name="New", times_redeemed=9)
        )

        row = post.one("SELECT name, percent_off, redemptions, prices, deleted FROM coupons")
        assert row == ("New", Decimal("12.50"), 1, ["price_1"], False)
        post.connection.execute(text("UPDATE coupons SET redemptions = 0"))

    def test_of_an_amount_is_kept_in_our_currency_codes(self, post):
        fixed = {"percent_off": None, "amount_off": 500, "currency": "eur"}
        post("coupon.created", events.coupon("FIVE", **fixed))

        assert post.one("SELECT amount_off, currency FROM coupons") == (500, "EUR")

    def test_is_no_news_of_any_customer(self, post):
        assert post("coupon.created", events.coupon("TEN")).customers == frozenset()


class TestAPromotionCode:
    ten = events.coupon("TEN")

    def test_waits_for_its_coupon(self, post):
        told = post("promotion_code.created", events.promotion_code("promo_1", self.ten, "SPRING"))

        assert told.waiting == {0: "coupon:TEN"}
        assert post("coupon.created", self.ten).arrived == {"coupon:TEN"}

    def test_waits_for_its_customer(self, post):
        post("coupon.created", self.ten)
        code = events.promotion_code("promo_1", self.ten, "SPRING", customer="cus_9")

        assert post("promotion_code.created", code).waiting == {0: "customer:cus_9"}

    @pytest.mark.parametrize(
        ("whose", "active"),
        [("cus_1", ["promo_2"]), (None, ["promo_1", "promo_2"])],
        ids=["the same people", "others"],
    )
    def test_closes_the_older_one_of_the_same_text_and_people(self, post, whose, active):
        post("coupon.created", self.ten)
        first = events.promotion_code("promo_1", self.ten, "SPRING", customer="cus_1")
        post("promotion_code.created", first)

        again = events.promotion_code("promo_2", self.ten, "spring", customer=whose)
        post("promotion_code.created", again)

        sql = "SELECT processor_id FROM promotion_codes WHERE active ORDER BY id"
        assert list(post.connection.scalars(text(sql))) == active
