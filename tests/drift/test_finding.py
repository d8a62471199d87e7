"""What a scan finds: nothing in order, and every fault that is planted, by its name."""

from __future__ import annotations

from typing import get_args

import pytest

from recoup.core.changes import Change
from recoup.drift.differences import TOLD
from recoup.store import observe
from recoup.store.drift import CLASSES, Class, stirring
from recoup.store.queries import customers

#: Whom a fault is planted in, the edit, and the classes that must be found.
FAULTS = [
    ("payers", "UPDATE standings SET standing = 'soft' WHERE customer_id = %(id)s", "standing"),
    ("debtors", "UPDATE standings SET standing = 'current' WHERE customer_id = %(id)s",
     "standing"),
    ("debtors", "UPDATE standings SET next_wake_at = NULL WHERE customer_id = %(id)s", "wake"),
    ("debtors", ("UPDATE standings SET next_wake_at = next_wake_at + interval '300 days' "
     "WHERE customer_id = %(id)s"), "wake"),
    ("debtors", "DELETE FROM restrictions WHERE customer_id = %(id)s AND lifted_at IS NULL",
     "restriction_missing row_missing"),
    ("debtors", ("UPDATE restrictions SET lifted_at = since WHERE customer_id = %(id)s "
     "AND lifted_at IS NULL"), "restriction_missing row_changed"),
    ("payers", ("INSERT INTO restrictions (customer_id, case_id, scope, consequence, rung, since) "
     "SELECT id, 1, 'subscription:1', 'suspend', 'suspended', now() FROM customers "
     "WHERE id = %(id)s"), "restriction_false row_unrecorded"),
    ("debtors", "UPDATE cases SET rung = 'reminded' WHERE customer_id = %(id)s",
     "case row_changed"),
    ("debtors", ("UPDATE cases SET ending = 'recovered', ended_at = now(), rung = NULL, "
     "rung_since = NULL WHERE customer_id = %(id)s"), "case row_changed"),
    ("debtors", "DELETE FROM cases WHERE customer_id = %(id)s", "row_missing"),
    ("debtors", ("UPDATE invoices SET status = 'paid', amount_remaining = 0 "
     "WHERE customer_id = %(id)s AND status = 'open'"), "case row_changed"),
    ("debtors", "UPDATE invoices SET case_id = NULL WHERE customer_id = %(id)s",
     "invoice row_changed"),
    ("debtors", ("UPDATE invoices SET first_failed_at = first_failed_at - interval '20 days' "
     "WHERE customer_id = %(id)s AND first_failed_at IS NOT NULL"), "case row_changed"),
    ("debtors", "DELETE FROM notices WHERE customer_id = %(id)s", "notice_missing row_missing"),
    ("recovered", ("UPDATE notices SET state = 'scheduled', delivered_at = NULL, "
     "reason = NULL WHERE customer_id = %(id)s"), "notice_false row_changed"),
    ("recovered", "UPDATE attempts SET amount = amount + 1 WHERE customer_id = %(id)s",
     "row_changed"),
    ("debtors", "UPDATE attempts SET state = 'succeeded' WHERE customer_id = %(id)s",
     "row_changed"),
    ("payers", "UPDATE subscriptions SET status = 'canceled' WHERE customer_id = %(id)s",
     "row_changed"),
    ("payers", ("UPDATE payment_methods SET exp_year = 2040, exp_month = 1 "
     "WHERE customer_id = %(id)s"), "row_changed"),
    ("payers", "UPDATE customers SET country = 'FR' WHERE id = %(id)s", "row_changed"),
    ("payers", ("UPDATE ledger_entries SET body = replace(body, 'active', 'unpaid') "
     "WHERE customer_id = %(id)s AND body LIKE '%%active%%'"), "row_changed"),
    ("debtors", ("DELETE FROM ledger_entries e WHERE customer_id = %(id)s AND type = "
     "'restriction.imposed'"), "row_unrecorded"),
    ("payers", ("INSERT INTO tasks (customer_id, key, kind, detail, opened_at) SELECT id, "
     "'unreachable:' || id, 'unreachable', 'x', now() FROM customers WHERE id = %(id)s"), "task"),
    ("recovered", "UPDATE cases SET ending = 'exhausted' WHERE customer_id = %(id)s",
     "row_changed"),
    ("debtors", "UPDATE cases SET policy = 'gone/9' WHERE customer_id = %(id)s",
     "undecidable row_changed"),
]  # fmt: skip


class TestAScan:
    def test_finds_nothing_where_all_is_in_order_and_every_fault_where_it_is_planted(self, town):
        assert town.scan(thorough=True) == {}
        assert town.scan() == {}
        places = {"debtors": 0, "payers": 0, "recovered": 0}
        planted = {}
        for kind, sql, classes in FAULTS:
            id = town.id(kind, places[kind])
            places[kind] += 1
            assert town.edit(sql, id=id) > 0, sql
            planted[id] = sql, set(classes.split())

        found = town.scan(thorough=True)

        missed = [
            sql for id, (sql, classes) in planted.items() if not classes <= found.get(id, set())
        ]
        assert missed == []
        assert set(found) == set(planted)
        assert all(
            one.cause == "behind the engine" or one.store == "decision"
            for one in town.recoup.drift.findings(limit=1000)
        )

    def test_has_more_than_twenty_kinds_of_faults_planted(self):
        assert len(FAULTS) >= 20

    def test_says_what_is_stored_what_should_be_and_since_when(self, business):
        id = business.id("payers", 0)
        business.edit("UPDATE standings SET standing = 'soft' WHERE customer_id = %(id)s", id=id)
        began = business.scene.now

        business.confirm()

        found = business.recoup.drift.findings(customer=id, confirmed=True)
        assert {(one.store, one.class_) for one in found} == {
            ("decision", "standing"),
            ("ledger", "row_changed"),
        }
        for one in found:
            assert (one.subject, one.field) == (f"standing:{id}", "standing")
            assert (one.stored, one.expected) == ("soft", "current")
            assert (one.first_seen, one.times) == (began, 2)
            assert one.cause == "behind the engine"
            assert business.recoup.drift.get(one.id) == one

    def test_is_over_when_what_it_found_is_gone(self, business):
        id = business.id("payers", 0)
        edit = "UPDATE standings SET standing = %(to)s WHERE customer_id = %(id)s"
        business.edit(edit, id=id, to="soft")
        assert set(business.scan()) == {id}
        business.edit(edit, id=id, to="current")

        assert business.scan() == {}

        over = business.recoup.drift.findings(customer=id, ended=True)
        assert {one.state for one in over} == {"gone"}
        assert all(one.ended_at == business.scene.now for one in over)

    def test_goes_on_where_it_was_stopped(self, business):
        ids = [business.id("payers", 0), business.id("recovered", 0)]
        edit = "UPDATE standings SET standing = 'soft' WHERE customer_id = ANY(%(ids)s)"
        business.edit(edit, ids=ids)

        halted = business.recoup.drift.scan(stop=lambda: True)
        whole = business.recoup.drift.scan()

        assert (halted.finished, halted.customers) == (False, 0)
        assert (whole.finished, whole.customers) == (True, 4)
        assert {one.customer_id for one in business.recoup.drift.findings()} == set(ids)

    def test_passes_over_who_is_due_and_who_is_in_trouble(self, business):
        due, troubled = business.id("debtors", 0), business.id("debtors", 1)
        business.edit(
            "UPDATE standings SET next_wake_at = %(now)s WHERE customer_id = %(id)s",
            id=due, now=business.scene.now,
        )  # fmt: skip
        business.edit(
            "UPDATE standings SET run_state = 'failed', failures = 1, run_error = 'x', "
            "next_wake_at = NULL WHERE customer_id = %(id)s",
            id=troubled,
        )

        assert business.scan() == {}

    def test_folds_only_what_has_changed_since(self, business):
        first = business.recoup.drift.scan()
        second = business.recoup.drift.scan()
        business.recoup.customers.update(business.id("payers", 0), name="Grace")
        business.recoup.customers.put_data(business.id("payers", 0), {"a": 1})
        third = business.recoup.drift.scan(thorough=True)

        assert (first.folded, second.folded, third.folded) == (4, 0, 4)

    def test_sees_all_about_whom_there_is_something_to_decide(self, business):
        with business.recoup.database.connect() as connection:
            everybody = customers.ids_after(connection, 0, limit=100)
            seen = observe.observe(connection, everybody, now=business.scene.now, idle=False)
            net = set(stirring(connection, everybody[0], everybody[-1]))

        assert {one.id for one in seen.accounts} <= net
        assert business.id("payers", 0) not in net


class TestWhatItFinds:
    def test_is_told_for_every_kind_of_change(self):
        assert set(TOLD) == set(get_args(Change))

    def test_is_of_a_class_that_is_described(self):
        assert set(CLASSES) == set(Class)

    @pytest.mark.parametrize("class_", ["row_missing", "row_unrecorded", "undecidable", "attempt"])
    def test_is_for_a_person_where_nothing_undoes_it(self, class_):
        assert CLASSES[Class(class_)].inverse is None
