"""
A second is all that the processor's clock tells apart, and a subscription goes to and fro.

Every order of the same reports about one second ends in the same row, the one of the report that
came last there. The orders run side by side, each with a subscription of its own.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations

import pytest
from sqlalchemy import text

from recoup.processors.stripe.reader import read
from recoup.testing import events
from recoup.testing.events import NEW_YEAR, NEWEST, OLDEST
from recoup.webhooks.receive import ingest

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SECOND = NEW_YEAR + 3600

#: What happened in one second, as it did: (status shown, status left for it); the last one holds.
STORIES = {
    "a trial begins": [("trialing", "created"), ("trialing", None)],
    "a trial begins that was sent an invoice": [("trialing", "created"), ("trialing", "active")],
    "who has just paid is given a trial": [
        ("incomplete", "created"),
        ("active", "incomplete"),
        ("trialing", "active"),
    ],
    "who has just paid is given a trial and a name": [
        ("incomplete", "created"),
        ("active", "incomplete"),
        ("trialing", "active"),
        ("trialing", None),
    ],
    "the first renewal fails": [
        ("incomplete", "created"),
        ("active", "incomplete"),
        ("active", None),
        ("past_due", "active"),
    ],
    "a trial ends without money": [
        ("trialing", "created"),
        ("active", "trialing"),
        ("past_due", "active"),
    ],
    "a trial is cut short and begins again": [
        ("trialing", "created"),
        ("active", "trialing"),
        ("active", None),
    ],
    "a debt begins and is paid": [("past_due", "active"), ("active", "past_due")],
    "a debt is paid and its plan changes": [("active", "past_due"), ("active", None)],
    "a debt is given up": [("past_due", "active"), ("unpaid", "past_due")],
    "a trial ends without a card": [("trialing", None), ("paused", "trialing")],
    "it ends at once": [
        ("incomplete", "created"),
        ("active", "incomplete"),
        ("canceled", "deleted"),
    ],
    "it ends in debt": [
        ("active", None),
        ("past_due", "active"),
        ("active", None),
        ("canceled", "deleted"),
    ],
    "its first payment never came": [
        ("incomplete", "created"),
        ("incomplete", None),
        ("incomplete_expired", "incomplete"),
    ],
}


def told(story, n, *, version):
    """Return the reports of one order's own subscription, oldest first."""
    lines = []
    for k, (status, before) in enumerate(story):
        kind = before if before in {"created", "deleted"} else "updated"
        thing = events.subscription(
            f"sub{n}", "cus", status=status, version=version, metadata={"k": str(k)}
        )
        changed = kind == "updated"
        previous = ({"status": before} if before else {"metadata": {}}) if changed else None
        made = events.event(
            f"customer.subscription.{kind}",
            thing,
            id=f"evt{n}.{k}",
            at=SECOND,
            version=version,
            previous=previous,
        )
        lines.append(events.line(made))
    return lines


def take(engine, lines):
    ingest(
        engine,
        "stripe",
        lines,
        read=read,
        now=NOW,
        on_absorbed=lambda *_: None,
        batch_size=1000,
    )


def rows(engine):
    """Return the status and the report of every subscription, by its number."""
    sql = "SELECT processor_id, status, metadata->>'k', seen_event, seen_tie FROM subscriptions"
    with engine.connect() as connection:
        found = connection.execute(text(sql)).all()
        left = connection.execute(text("SELECT reason FROM inbox WHERE state <> 'applied'")).all()
    assert left == []
    return {id: (status, int(k), event[-1], tie) for id, status, k, event, tie in found}


@pytest.fixture
def customer(engine):
    known = events.event("customer.created", events.customer("cus"), id="evt_cus", at=NEW_YEAR)
    take(engine, [events.line(known)])


@pytest.mark.usefixtures("customer")
class TestASecondIn:
    @pytest.mark.parametrize("version", [OLDEST, NEWEST])
    @pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
    def test_which_much_happens_ends_as_it_did_in_any_order(self, engine, story, version):
        orders = list(permutations(range(len(story))))
        lines = [told(story, f"{n:03}", version=version) for n in range(len(orders))]

        for step in range(len(story)):
            take(engine, [lines[n][order[step]] for n, order in enumerate(orders)])

        last, (status, _) = len(story) - 1, story[-1]
        ends = rows(engine)
        assert len(ends) == len(orders)
        assert {end[:3] for end in ends.values()} == {(status, last, str(last))}
        assert len({end[3] for end in ends.values()}) == 1

    @pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
    def test_which_much_happens_ends_so_in_one_batch_and_twice(self, engine, story):
        together = told(story, "000", version=NEWEST)
        backwards = told(story, "001", version=NEWEST)

        take(engine, [*together, *reversed(together)])
        for line in [*reversed(backwards), *backwards]:
            take(engine, [line])

        ends = rows(engine)
        assert ends["sub000"] == ends["sub001"]
        assert ends["sub000"][:2] == (story[-1][0], len(story) - 1)

    def test_which_a_debt_came_and_went_ends_without_it_in_any_order(self, engine):
        story = [
            ("active", None),
            ("past_due", "active"),
            ("active", "past_due"),
            ("active", None),
        ]
        orders = list(permutations(range(len(story))))
        lines = [told(story, f"{n:03}", version=NEWEST) for n in range(len(orders))]

        for step in range(len(story)):
            take(engine, [lines[n][order[step]] for n, order in enumerate(orders)])

        assert {end[0] for end in rows(engine).values()} == {"active"}

    def test_something_is_left_does_not_hold_for_the_next(self, engine):
        fails = told([("past_due", "active")], "0", version=NEWEST)
        (pays,) = told([("active", None)], "0", version=NEWEST)
        later = pays.replace(b'"evt0.0"', b'"evt0.1"').replace(
            b'"created":%d,"data"' % SECOND, b'"created":%d,"data"' % (SECOND + 1)
        )

        take(engine, [*fails, later])

        assert rows(engine)["sub0"] == ("active", 0, "1", 0)
