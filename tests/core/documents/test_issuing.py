from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from recoup.core.billing.views import Invoice, Outcome
from recoup.core.documents import Bill, BillLine, Kind, Party, Stamp, Tax, issuing
from recoup.core.money import Money
from recoup.errors import NotPossible

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = datetime(2026, 3, 9, 12, tzinfo=UTC)
VAT = Tax(931, Decimal(19))
BILL = Bill(
    number="F-1", currency="EUR", issued_at=NOON, due_at=LATER, buyer=Party("Ada"),
    lines=(BillLine("Team", 4900, taxes=(VAT,)),), taxes=(VAT,), subtotal=4900, discount=0,
    total=5831,
)  # fmt: skip


def euros(minor):
    return Money(minor, "EUR")


SEEN = Invoice(
    id=7, processor_id="in_7", customer_id=1, subscription_id=None, number="F-1", status="open",
    outcome=Outcome.OPEN, resolved_as=None, due=euros(5831), paid=euros(0),
    remaining=euros(5831), refunded=euros(0), description=None, reason="manual", created_at=NOON,
    due_at=LATER, finalized_at=NOON, closed_at=None, paid_by=None, disputed=False,
)  # fmt: skip
PAID = replace(SEEN, outcome=Outcome.PAID, paid=euros(5831), closed_at=LATER, paid_by=3)
FORGIVEN = replace(SEEN, outcome=Outcome.RESOLVED, resolved_as="forgiven", closed_at=LATER)


def invoice(seen=SEEN, bill=BILL, logo=None):
    return issuing.invoice(
        bill, seen, seller=Party("Us"), foot=None, color="#000000", time_zone="Etc/UTC", logo=logo
    )


class TestAnInvoice:
    def test_says_what_is_owed_and_bears_no_stamp(self):
        made = invoice()

        assert (made.kind, made.number, made.stamp, made.open) == (Kind.INVOICE, "F-1", None, 5831)

    @pytest.mark.parametrize(
        ("seen", "stamp"), [(PAID, Stamp("paid", LATER)), (FORGIVEN, Stamp("forgiven", LATER))]
    )
    def test_that_is_made_late_bears_what_was_true_then(self, seen, stamp):
        assert invoice(seen).stamp == stamp

    def test_has_a_logo_which_what_is_about_it_has_too(self):
        made = invoice(PAID, logo=b"picture")
        about = [
            issuing.receipt(made, PAID, method=None, now=LATER),
            issuing.credit_note(made, amount=euros(100), ordinal=1, at=LATER),
        ]

        assert [one.logo for one in (invoice(), made, *about)] == [None, *[b"picture"] * 3]

    def test_counts_credit_as_settled(self):
        made = invoice(replace(SEEN, due=euros(5000)), replace(BILL, balance=-831))

        assert (made.settled, made.open) == (831, 5000)

    @pytest.mark.parametrize("bill", [replace(BILL, total=5830), replace(BILL, currency="USD")])
    def test_is_not_made_of_what_disagrees_with_our_rows(self, bill):
        with pytest.raises(NotPossible, match="our rows 5831 EUR"):
            invoice(bill=bill)

    def test_without_a_number_is_none(self):
        with pytest.raises(NotPossible, match="no number"):
            invoice(replace(SEEN, number=None))

    def test_adds_up_taxes_that_only_lines_have(self):
        lines = (*BILL.lines, BillLine("Books", 1000, taxes=(Tax(70, Decimal(7)),)), *BILL.lines)
        bill = replace(BILL, lines=lines, taxes=(), total=12732)

        made = invoice(replace(SEEN, due=euros(12732)), bill)

        assert made.taxes == (Tax(1862, Decimal(19)), Tax(70, Decimal(7)))


class TestAReceipt:
    def test_is_stamped_as_paid_where_money_was_received(self):
        made = issuing.receipt(invoice(), PAID, method="Visa", now=LATER)

        assert made.stamp == Stamp("paid", LATER)
        assert (made.issued_at, made.settled, made.method) == (LATER, 5831, "Visa")

    def test_is_never_stamped_as_paid_where_none_was(self):
        made = issuing.receipt(invoice(), FORGIVEN, method="Visa", now=LATER)

        assert made.stamp == Stamp("forgiven", LATER)
        assert (made.settled, made.method) == (0, None)

    @pytest.mark.parametrize("outcome", [Outcome.OPEN, Outcome.OVERDUE, Outcome.DRAFT])
    def test_is_none_while_the_matter_is_open(self, outcome):
        with pytest.raises(NotPossible, match=f"is {outcome}"):
            issuing.receipt(invoice(), replace(SEEN, outcome=outcome), method=None, now=LATER)

    def test_says_the_rest_of_the_invoice_as_it_was_issued(self):
        issued = invoice()

        made = issuing.receipt(issued, PAID, method=None, now=LATER)

        assert (made.lines, made.buyer, made.total) == (issued.lines, issued.buyer, 5831)


class TestACreditNote:
    def test_of_all_of_it_has_the_invoices_lines(self):
        made = issuing.credit_note(invoice(), amount=euros(5831), ordinal=1, at=LATER)

        assert (made.number, made.invoice, made.total) == ("F-1-CN1", "F-1", 5831)
        assert (made.lines, made.taxes) == (BILL.lines, (VAT,))

    @pytest.mark.parametrize("minor", [1, 2, 1000, 5830])
    def test_of_a_part_has_its_part_of_the_tax(self, minor):
        made = issuing.credit_note(invoice(), amount=euros(minor), ordinal=2, at=LATER)

        (line,), (tax,) = made.lines, made.taxes
        assert line.amount + tax.amount == made.total == minor
        assert abs(tax.amount - minor * 931 / 5831) < 1
        assert tax.percent == 19

    def test_of_what_has_no_proportion_has_one_sum(self):
        odd = replace(invoice(), taxes=(Tax(-10), Tax(941)))

        made = issuing.credit_note(odd, amount=euros(100), ordinal=1, at=LATER)

        assert (made.taxes, made.lines[0].amount) == ((), 100)

    def test_needs_something_that_was_given_back(self):
        with pytest.raises(NotPossible, match="nothing was given back"):
            issuing.subject(Kind.CREDIT_NOTE, PAID)


class TestASubject:
    def test_tells_receipts_apart_by_how_the_matter_was_closed(self):
        assert issuing.subject(Kind.RECEIPT, PAID) == "paid"
        assert issuing.subject(Kind.RECEIPT, FORGIVEN) == "forgiven"

    def test_tells_credit_notes_apart_by_their_refund(self):
        assert issuing.subject(Kind.CREDIT_NOTE, PAID, 4) == "refund:4"
