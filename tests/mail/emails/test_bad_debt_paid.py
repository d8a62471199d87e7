from dataclasses import replace

import pytest

from recoup.core.money import Money
from recoup.mail.base import Card
from recoup.mail.emails.bad_debt_paid.email import BadDebtPaid
from recoup.mail.template import render


@pytest.fixture
def paid(facts, noon):
    card = Card("visa", "4242")
    return replace(facts, owed=(), amount=Money(4900, "EUR"), at=noon, card=card)


class TestBadDebtPaid:
    def test_says_what_came_and_what_it_settles(self, paid, read):
        email = BadDebtPaid.about(paid)

        told = read(email)
        assert "your Team subscription" in render(email).subject
        assert "€49.00 for your Team subscription" in told
        assert "This settles invoice INV-1." in told
        assert "Date: March 2, 2026" in told
        assert "Visa ending in 4242" in told

    def test_says_that_what_was_closed_is_open(self, paid, keys):
        assert {"open", "done", "button"} <= set(keys(BadDebtPaid.about(paid)))

    def test_opens_nothing_while_more_is_owed(self, paid, read, keys):
        email = BadDebtPaid.about(replace(paid, owed=(Money(1000, "EUR"),)))

        assert "€10.00" in read(email)
        assert {"left", "pay"} <= set(keys(email))
        assert not {"open", "done"} & set(keys(email))

    def test_opens_nothing_where_something_is_closed_still(self, paid, keys):
        closed, silent = (
            keys(BadDebtPaid.about(replace(paid, consequences=(name,))))
            for name in ("suspend", "notify")
        )

        assert "open" not in closed
        assert "open" in silent

    def test_does_not_start_what_has_ended(self, paid, keys):
        told = keys(BadDebtPaid.about(replace(paid, ended=True)))

        assert {"over", "again"} <= set(told)
        assert "open" not in told

    def test_settles_several_invoices(self, paid, read):
        email = BadDebtPaid.about(replace(paid, invoices=("INV-1", "INV-2")))

        assert "This settles invoices INV-1 and INV-2." in read(email)

    @pytest.mark.parametrize(
        ("count", "said"), [(1, "الفاتورة"), (2, "الفاتورتان"), (3, "الفواتير"), (11, "الفواتير")]
    )
    def test_counts_invoices_as_arabic_does(self, paid, read, count, said):
        numbers = tuple(f"INV-{number}" for number in range(count))

        (line,) = (
            line
            for line in render(
                BadDebtPaid.about(replace(paid, invoices=numbers)), locale="ar"
            ).text.split("\n\n")
            if "سُدّدت" in line
        )
        assert said in line.split()

    def test_leaves_out_what_is_not_known(self, facts, keys):
        told = keys(BadDebtPaid.about(replace(facts, owed=(), invoices=())))

        assert {"received_plain", "settled_plain"} <= set(told)
        assert not [key for key in told if key.startswith("labels.")]
