"""
Rows edited behind the engine, one after another: each comes back to the truth by the smallest
change, or a person is told and nothing has changed; while a payment is under way, nothing either.
"""

from __future__ import annotations

import json
import random

import pytest
from sqlalchemy.exc import IntegrityError

TABLES = {
    "standing": ("standings", "customer_id"),
    "case": ("cases", "id"),
    "notice": ("notices", "id"),
    "restriction": ("restrictions", "id"),
    "subscription": ("subscriptions", "id"),
    "invoice": ("invoices", "id"),
    "attempt": ("attempts", "id"),
    "method": ("payment_methods", "id"),
}
#: What a repair changes besides the field that was edited: since when it is so, and who looks.
BESIDES = {("case", "rung_since"), ("standing", "next_wake_at")}
UNDER_WAY = (
    "UPDATE attempts SET state = %(state)s, ended_at = NULL "
    "WHERE id = (SELECT max(id) FROM attempts WHERE customer_id = %(id)s)"
)


def edits(chance):
    """An edit of each sort, with values by chance."""
    shift = f"{chance.choice('+-')} interval '{chance.randint(1, 400)} hours'"
    rung = chance.choice(["reminded", "soft", "suspended"])
    return {
        "standing": f"UPDATE standings SET standing = '{chance.choice(['current', rung])}'",
        "wake": "UPDATE standings SET next_wake_at = NULL",
        "late": f"UPDATE standings SET next_wake_at = next_wake_at {shift}",
        "rung": f"UPDATE cases SET rung = '{rung}'",
        "anchor": f"UPDATE cases SET anchor = anchor {shift}",
        "lifted": "UPDATE restrictions SET lifted_at = since",
        "taken": "UPDATE restrictions SET lifted_at = NULL, undone_at = NULL",
        "quantity": f"UPDATE subscriptions SET quantity = {chance.randint(2, 99)}",
        "status": f"UPDATE subscriptions SET status = '{chance.choice(['active', 'past_due'])}'",
        "period": f"UPDATE subscriptions SET period_end = period_end {shift}",
        "owed": f"UPDATE invoices SET amount_remaining = {chance.randint(0, 4000)}",
        "paid": "UPDATE invoices SET status = 'paid', amount_remaining = 0",
        "case": "UPDATE invoices SET case_id = NULL",
        "notice": "UPDATE notices SET state = 'scheduled', delivered_at = NULL",
        "card": f"UPDATE payment_methods SET exp_year = {chance.randint(2030, 2060)}",
    }


def changed(before, after):
    """The fields of rows that are not the same: (kind, id, field)."""
    return {
        (kind, id, name)
        for kind, id in before.keys() | after.keys()
        for name in {**before.get((kind, id), {}), **after.get((kind, id), {})}
        if before.get((kind, id), {}).get(name) != after.get((kind, id), {}).get(name)
    }


def put_back(business, before):
    """Undo by hand what was edited by hand."""
    for kind, id, name in sorted(changed(before, business.snapshot())):
        table, key = TABLES[kind]
        sql = (
            f"UPDATE {table} SET {name} = (SELECT {name} FROM "
            f"jsonb_populate_record(NULL::{table}, %(row)s::jsonb)) WHERE {key} = %(id)s"
        )
        business.edit(sql, row=json.dumps(before[kind, id]), id=id)


class Round:
    """One customer's row is edited, found, and repaired or given to a person."""

    def __init__(self, business, seed):
        self.business, self.chance = business, random.Random(seed)
        kind = self.chance.choice(["debtors", "payers", "recovered"])
        self.id = business.id(kind, 0)
        self.word, sql = self.chance.choice(sorted(edits(self.chance).items()))
        self.before = business.snapshot()
        self.sql = f"{sql} WHERE customer_id = %(id)s"

    def play(self):
        """Return what became of it, or "nothing" if the edit changed nothing."""
        business = self.business
        try:
            business.edit(self.sql, id=self.id)
        except IntegrityError:  # the database itself keeps it out
            return "nothing"
        self.edited = business.snapshot()
        if self.edited == self.before or not business.confirm(processor=True):
            put_back(business, self.before)
            business.scan(processor=True)
            return "nothing"
        if self.chance.random() < 0.3:
            self.waits()
        done = business.recoup.drift.repair()
        after = business.snapshot()
        if done.repaired:
            self.is_the_truth(after)
        else:
            assert after == self.edited, f"{self.sql}: a task, and yet rows are changed"
            put_back(business, self.before)
        assert business.scan(processor=True) == {}, self.sql
        return "repaired" if done.repaired else "task"

    def waits(self):
        """While a payment is under way nothing is touched."""
        state = self.chance.choice(["requested", "processing", "unknown", "action_required"])
        if self.business.edit(UNDER_WAY, id=self.id, state=state):
            under_way = self.business.snapshot()
            assert self.business.recoup.drift.repair().repaired == 0
            assert self.business.snapshot() == under_way
            put_back(self.business, self.edited)

    def is_the_truth(self, after):
        fields = {(k, i, n) for k, i, n in changed(self.before, after) if (k, n) not in BESIDES}
        kinds = {kind for kind, _, _ in fields}
        assert kinds <= {"restriction"}, f"{self.sql}: {sorted(fields)}"
        assert not kinds or self.word in {"lifted", "taken"}, f"{self.sql}: {sorted(fields)}"


def play(business, seeds):
    outcomes = [Round(business, seed).play() for seed in seeds]
    assert business.scene.violations() == ()
    return outcomes


class TestARowThatIsEdited:
    def test_comes_back_to_the_truth_or_is_a_persons(self, business):
        business.let_in()

        outcomes = play(business, range(12))

        assert outcomes.count("repaired") >= 3

    @pytest.mark.long
    @pytest.mark.parametrize("part", range(25))
    def test_does_so_500_times(self, business, part):
        business.let_in()

        play(business, range(1_000 + part * 20, 1_020 + part * 20))
