"""What invoices show to whom they are addressed, of the fake and of Stripe's shapes."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from recoup.core.billing.requests import CreateInvoice, LineWanted
from recoup.core.documents import BillLine, Party, Tax
from recoup.core.money import Money
from recoup.errors import Unreadable
from recoup.processors.fake import FakeProcessor
from recoup.processors.stripe.papers import bills

FEBRUARY, MARCH = 1769904000, 1772323200
OBJECT = {
    "id": "in_1", "object": "invoice", "number": "A-1", "currency": "eur", "created": FEBRUARY,
    "due_date": MARCH, "status_transitions": {"finalized_at": FEBRUARY},
    "customer_name": "Ada", "customer_email": "ada@example.com",
    "customer_address": {
        "line1": "Road 1", "line2": None, "city": "Paris", "postal_code": "75001", "state": None,
        "country": "FR",
    },
    "customer_tax_ids": [{"type": "eu_vat", "value": "FR12345678901"}],
    "subtotal": 5900, "total": 6321, "amount_due": 6000, "description": "Thank you",
    "total_discount_amounts": [{"amount": 500, "discount": "di_1"}],
}  # fmt: skip
LINE = {
    "id": "il_1", "object": "line_item", "amount": 4900, "currency": "eur", "quantity": 7,
    "description": "Team", "period": {"start": FEBRUARY, "end": MARCH},
    "discount_amounts": [{"amount": 500, "discount": "di_1"}],
}  # fmt: skip
BASIL = {
    "amount": 836, "tax_behavior": "exclusive", "taxability_reason": "standard_rated",
    "taxable_amount": 4400, "type": "tax_rate_details",
    "tax_rate_details": {"tax_rate": "txr_19"},
}  # fmt: skip
OLD = {"amount": 85, "inclusive": True, "tax_rate": {"id": "txr_85", "object": "tax_rate"}}
RATES = {"txr_19": Decimal(19), "txr_85": Decimal("8.5")}


def read(object_=OBJECT, *lines):
    return bills.read(object_, lines, percent=RATES.get)


class TestStripes:
    def test_tells_everything_that_is_printed(self):
        bill = read(OBJECT | {"total_taxes": [BASIL]}, LINE | {"taxes": [BASIL]})

        assert bill.buyer == Party(
            "Ada", ("Road 1", "75001 Paris"), "FR", "ada@example.com", "FR12345678901"
        )
        tax = Tax(836, Decimal(19), "standard_rated")
        assert bill.taxes == (tax,)
        assert bill.lines == (
            BillLine(
                "Team", 4900, 7, 500, (tax,), datetime.fromtimestamp(FEBRUARY, UTC),
                datetime.fromtimestamp(MARCH, UTC),
            ),
        )  # fmt: skip
        assert (bill.subtotal, bill.discount, bill.total, bill.balance) == (5900, 500, 6321, -321)
        assert (bill.number, bill.note) == ("A-1", "Thank you")

    def test_tells_taxes_of_old_versions(self):
        bill = read(OBJECT | {"total_tax_amounts": [OLD]}, LINE | {"tax_amounts": [OLD]})

        assert bill.taxes == (Tax(85, Decimal("8.5"), None, inclusive=True),)
        assert bill.lines[0].taxes == bill.taxes
        assert bill.lines[0].net == 4900 - 500 - 85

    def test_counts_as_we_do(self):
        bill = read(OBJECT | {"currency": "isk", "total": 6300, "amount_due": 6300}, LINE)

        assert (bill.currency, bill.total, bill.lines[0].amount) == ("ISK", 63, 49)

    def test_makes_do_with_what_is_not_told(self):
        bare = {"customer_name": None, "customer_address": None, "customer_tax_ids": None}
        line = LINE | {"description": None, "quantity": None, "period": None}

        bill = read(OBJECT | bare, line)

        assert bill.buyer == Party(None, (), None, "ada@example.com", None)
        assert (bill.lines[0].description, bill.lines[0].quantity) == ("", 1)
        assert (bill.lines[0].begins, bill.taxes) == (None, ())

    @pytest.mark.parametrize("field", ["currency", "created", "status_transitions"])
    def test_is_not_guessed(self, field):
        wrong = {name: value for name, value in OBJECT.items() if name != field}
        if field == "created":
            wrong["status_transitions"] = {"finalized_at": None}

        with pytest.raises(Unreadable, match=field):
            read(wrong)


@pytest.fixture
def fake(tmp_path):
    with FakeProcessor(tmp_path / "books.sqlite3") as made:
        yield made


class TestTheFakes:
    def test_tells_what_it_billed(self, fake):
        customer = fake.create_customer(email="ada@example.com", name="Ada", country="DE")
        lines = (
            LineWanted("Work", Money(4900, "EUR"), 7, Money(931, "EUR").minor),
            LineWanted("Books", Money(1000, "EUR"), 1, 70),
        )
        made = fake.ask(CreateInvoice(customer, lines), key="1").object

        bill = fake.bill(made)

        assert bill.buyer == Party("Ada", (), "DE", "ada@example.com")
        assert [(one.description, one.quantity) for one in bill.lines] == [
            ("Work", 7),
            ("Books", 1),
        ]
        assert bill.taxes == (
            Tax(931, Decimal(19), "standard_rated"), Tax(70, Decimal(7), "standard_rated"),
        )  # fmt: skip
        assert bill.total == 6901

    def test_has_no_bill_of_what_it_has_not(self, fake):
        assert fake.bill("in_nobodys") is None
