"""The processor's side: what it shows now against what is mirrored, found and absorbed again."""

from __future__ import annotations

import re

import pytest

from recoup.errors import Unreachable
from recoup.processors.fake.idempotency import Fault

#: Whom a fault is planted in, the edit, and what must be found: class, kind of subject, field.
FAULTS = [
    ("payers", 0, "UPDATE subscriptions SET quantity = 7 WHERE customer_id = %(id)s",
     ("mirror_changed", "subscription", "quantity")),
    ("recovered", 0, "UPDATE subscriptions SET status = 'canceled' WHERE customer_id = %(id)s",
     ("mirror_refused", "subscription", "*")),
    ("debtors", 0, ("UPDATE invoices SET amount_remaining = 1 WHERE customer_id = %(id)s "
     "AND status = 'open'"), ("mirror_changed", "invoice", "amount_remaining")),
    ("debtors", 1, ("UPDATE payment_methods SET exp_year = 2050 WHERE customer_id = %(id)s"),
     ("mirror_changed", "method", "exp_year")),
]  # fmt: skip


def seen(business):
    """The findings about the processor, as (customer, class, kind of subject, field)."""
    return {
        (one.customer_id, one.class_, re.split("[: ]", one.subject)[0], one.field)
        for one in business.recoup.drift.findings(limit=1000)
        if one.store == "processor"
    }


class TestAScanOfTheProcessor:
    def test_finds_nothing_where_all_was_heard_and_every_fault_where_it_is_planted(self, business):
        assert business.scan(processor=True) == {}
        wanted = set()
        for kind, place, sql, (class_, subject, field) in FAULTS:
            id = business.id(kind, place)
            assert business.edit(sql, id=id) > 0, sql
            wanted.add((id, class_, subject, field))

        business.scan(processor=True)

        assert wanted <= seen(business)
        assert {one[0] for one in seen(business)} == {one[0] for one in wanted}

    def test_changes_nothing_but_findings(self, business):
        business.edit(FAULTS[0][2], id=business.id("payers", 0))
        before = business.snapshot()

        business.scan(processor=True)

        assert business.snapshot() == before
        assert business.scene.rows("SELECT * FROM ledger_entries WHERE cause LIKE 'drift:%'") == []

    def test_finds_what_happened_there_and_was_not_heard_of(self, business):
        fake = business.scene.fake
        bill = fake.invoices_of(business.subscriber("debtors", 0).subscription)[-1]
        fake.mark_paid_out_of_band(bill.id)
        stranger = fake.create_customer(email="new@example.com")

        business.scan(processor=True)

        id = business.id("debtors", 0)
        assert (id, "mirror_changed", "invoice", "status") in seen(business)
        unknown = [
            one.subject for one in business.recoup.drift.findings()
            if (one.customer_id, one.class_) == (None, "mirror_unknown")
        ]  # fmt: skip
        assert unknown == [f"customer {stranger}"]

    def test_is_over_when_it_was_heard_of(self, business):
        fake = business.scene.fake
        bill = fake.invoices_of(business.subscriber("debtors", 0).subscription)[-1]
        fake.mark_paid_out_of_band(bill.id)
        business.scan(processor=True)
        assert seen(business)
        business.scene.pace.settle()

        business.scan(processor=True)

        assert seen(business) == set()

    def test_goes_on_where_it_was_cut_off(self, business):
        business.edit(FAULTS[0][2], id=business.id("payers", 0))
        drift = business.recoup.drift
        for _ in range(2):  # the second one gets no further
            business.scene.fake.add_fault(Fault("outage", call="object_page"))
            with pytest.raises(Unreachable):
                drift.scan(processor=True)

        assert drift.scan(processor=True).finished
        assert len(seen(business)) == 1


class TestARepair:
    def test_absorbs_what_the_processor_shows(self, business):
        business.let_in()
        fake, id = business.scene.fake, business.id("debtors", 0)
        bill = fake.invoices_of(business.subscriber("debtors", 0).subscription)[-1]
        fake.mark_paid_out_of_band(bill.id)
        business.confirm(processor=True)

        assert business.recoup.drift.repair().repaired == 1

        assert business.scene.standing(business.subscriber("debtors", 0)) == "current"
        held = "SELECT id FROM restrictions WHERE customer_id = :id AND lifted_at IS NULL"
        assert business.scene.rows(held, id=id) == []
        business.scene.pace.settle()  # the news of it come late, and change nothing
        assert business.scan(processor=True) == {}
        assert business.scene.violations() == ()

    def test_waits_while_the_processor_does_not_answer(self, business):
        business.let_in()
        business.edit(FAULTS[0][2], id=business.id("payers", 0))
        business.confirm()
        business.scene.fake.add_fault(Fault("outage", call="look_up"))

        assert business.recoup.drift.repair().waits == 1
        assert business.recoup.drift.repair().repaired == 1

    def test_gives_one_task_for_all_that_concerns_nobody_here(self, business):
        business.let_in()
        for number in range(3):
            business.scene.fake.create_customer(email=f"{number}@example.com")
        business.confirm(processor=True)

        assert business.recoup.drift.repair().task == 1
        business.recoup.drift.repair()

        tasks = business.scene.rows("SELECT detail FROM tasks WHERE kind = 'drift'")
        assert len(tasks) == 1
        assert "of 3 that concern nobody here: recoup recover" in tasks[0]["detail"]
