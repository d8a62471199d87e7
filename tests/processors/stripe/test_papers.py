"""An invoice's face is asked of Stripe, every line of it."""

import pytest

from recoup.core.billing.requests import CreateInvoice, LineWanted
from recoup.core.money import Money


@pytest.fixture
def town(stripe_town):
    return stripe_town


def billed(town, count):
    customer = town.fake.create_customer(email="ann@example.com", name="Ann")
    lines = tuple(LineWanted(f"Line {n}", Money(100, "EUR"), 1, 19) for n in range(count))
    return town.fake.ask(CreateInvoice(customer, lines), key=f"bill of {count}").object


class TestABill:
    @pytest.mark.parametrize("count", [1, 10, 11, 100, 101, 230])
    def test_has_every_line_in_its_order(self, town, count):
        bill = town.processor.bill(billed(town, count))

        words = [line.description for line in bill.lines]
        assert sorted(words) == sorted(f"Line {n}" for n in range(count))
        assert len(set(words)) == count
        assert (bill.total, sum(tax.amount for tax in bill.taxes)) == (119 * count, 19 * count)

    def test_is_none_of_what_is_not_there(self, town):
        assert town.processor.bill("in_nobodys") is None

    def test_is_looked_up_and_changes_nothing(self, town):
        invoice = billed(town, 230)
        town.watched.clear()

        town.processor.bill(invoice)

        assert {method for method, *_ in town.watched} == {"GET"}
