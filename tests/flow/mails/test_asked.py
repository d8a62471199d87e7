"""A mail that a host asks for: scalars only, in its transaction, once for each key."""

from __future__ import annotations

import pytest
from mailed import TEN

from recoup.errors import InvalidValue, NotFound


@pytest.fixture
def town(make):
    return make()


@pytest.fixture
def paid(town):
    """Somebody who paid a single invoice; the payment, with its receipt sent."""
    who, _ = town.ada()
    payment = town.recoup.payments.charge(who, TEN, description="A book")
    town.pace.settle()
    assert town.sent()["receipt"] == 1
    return payment


def deliver(town, paid, **more):
    given = {"customer_id": paid.customer_id, "charge_id": paid.id} | more
    return town.recoup.mail.deliver("receipt", **given)


class TestAMailThatIsAskedFor:
    def test_is_sent_once_however_often_it_is_asked_for(self, town, paid):
        keys = {deliver(town, paid) for _ in range(3)}
        town.pace.settle()

        assert len(keys) == 1
        assert town.sent()["receipt"] == 2

    def test_is_another_under_another_key(self, town, paid):
        deliver(town, paid, key="first")
        deliver(town, paid, key="second")
        town.pace.settle()

        assert town.sent()["receipt"] == 3

    def test_is_in_the_language_that_is_asked_for_before_the_customers(self, town, paid):
        deliver(town, paid, locale="de", time_zone="Asia/Tokyo")
        deliver(town, paid, key="unspoken", locale="xx", time_zone="Nowhere/Land")
        town.pace.settle()

        spoken = [mail.get_body(("plain",))["Content-Language"] for mail in town.outbox.messages]
        assert sorted(spoken[-2:]) == ["de", "en"]

    def test_is_refused_where_its_language_is_no_text(self, town, paid):
        with pytest.raises(InvalidValue, match="locale: expected a text"):
            deliver(town, paid, locale=7)

    def test_is_refused_where_the_page_of_a_link_sends_it(self, town, paid):
        with pytest.raises(InvalidValue, match="the page of a link sends it"):
            town.recoup.mail.deliver("fresh_link", customer_id=paid.customer_id)

    def test_may_be_named_by_the_processors_ids(self, town, paid):
        name = town.recoup.customers.get(paid.customer_id).processor_id

        assert deliver(town, paid) == deliver(
            town, paid, customer_id=name, charge_id=paid.processor_id
        )

    @pytest.mark.parametrize("ends", ["commit", "rollback"])
    def test_lives_and_dies_with_the_hosts_transaction(self, town, paid, ends):
        with town.recoup.database.connect() as connection:
            transaction = connection.begin()
            deliver(town, paid, using=connection)
            getattr(transaction, ends)()
        town.pace.settle()

        assert town.sent()["receipt"] == (2 if ends == "commit" else 1)

    def test_is_left_out_where_it_is_not_true(self, town, paid):
        invoice = town.recoup.payments.get(paid.id).invoice_id
        town.recoup.mail.deliver(
            "invoice_finalized", customer_id=paid.customer_id, invoice_id=invoice, key="late"
        )
        town.pace.settle()

        assert town.why("invoice_finalized") == ["nothing of it is owed any more"] * 2

    @pytest.mark.parametrize(
        ("type", "given", "says"),
        [
            ("recipt", {"customer_id": 1}, "did you mean 'receipt'"),
            ("receipt", {"customer_id": 1, "charge_id": object()}, "pass an id"),
            ("receipt", {"customer_id": 1, "charge_id": None}, "expected an id"),
            ("receipt", {"customer_id": 1}, "customer_id and gate_id or invoice_id"),
            ("receipt", {"charge_id": 1}, "customer_id and"),
            ("receipt", {"customer_id": 1, "charge_id": 1, "colour": "red"}, "got charge_id, col"),
            ("dunning_reminder", {"customer_id": 1}, "a campaign sends it"),
        ],
    )
    def test_is_refused_at_the_call_where_it_can_not_be(self, town, type, given, says):
        with pytest.raises(InvalidValue, match=says):
            town.recoup.mail.deliver(type, **given)

    def test_is_only_about_what_is_the_customers(self, town, paid):
        with pytest.raises(NotFound):
            deliver(town, paid, charge_id=paid.id + 1)
        with pytest.raises(NotFound):
            deliver(town, paid, customer_id="cus_nobody")
