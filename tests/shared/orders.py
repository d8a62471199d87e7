"""What became of every order of a flow's events, all in one database."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from itertools import permutations

from sqlalchemy import text
from stories import Flow, tagged

#: The domain state. What was only ever meant to happen and was called off is left out: a try
#: that was never asked for, a notice that was never sent, and when something was decided on.
STATE = {
    "customers": """
        SELECT c.processor_id AS tag, default_method, deleted, standing, run_state, next_wake_at
        FROM customers c JOIN standings s ON s.customer_id = c.id""",
    "subscriptions": """
        SELECT c.processor_id AS tag, s.processor_id, status, ended_at, end_reason
        FROM subscriptions s JOIN customers c ON c.id = s.customer_id""",
    "invoices": """
        SELECT c.processor_id AS tag, i.processor_id, i.status, amount_paid, amount_remaining,
               first_failed_at, closed_at, disputed, k.opened_at
        FROM invoices i JOIN customers c ON c.id = i.customer_id
        LEFT JOIN cases k ON k.id = i.case_id""",
    "attempts": """
        SELECT c.processor_id AS tag, a.processor_id, ordinal, origin, state, amount, method,
               a.instrument, off_session, happened_at, ended_at, decline_code
        FROM attempts a JOIN customers c ON c.id = a.customer_id
        WHERE NOT (state = 'canceled' AND requested_at IS NULL AND ordinal IS NOT NULL)""",
    "refunds": """
        SELECT c.processor_id AS tag, r.processor_id, r.amount, r.status
        FROM refunds r JOIN customers c ON c.id = r.customer_id""",
    "cases": """
        SELECT c.processor_id AS tag, anchor, opened_at, rung, ending, ended_at, settled_at
        FROM cases k JOIN customers c ON c.id = k.customer_id""",
    "notices": """
        SELECT c.processor_id AS tag, anchor, step, state, due_at
        FROM notices n JOIN customers c ON c.id = n.customer_id WHERE state <> 'canceled'""",
    "restrictions": """
        SELECT c.processor_id AS tag, consequence, rung, since
        FROM restrictions r JOIN customers c ON c.id = r.customer_id WHERE lifted_at IS NULL""",
    "tasks": """
        SELECT c.processor_id AS tag, t.kind FROM tasks t JOIN customers c ON c.id = t.customer_id
        WHERE closed_at IS NULL""",
}


class Desk:
    """A Recoup, and what it made of every order. Its processor knows nothing of the stories."""

    def __init__(self, recoup):
        self.recoup = recoup

    def prepare(self, flow):
        """Do what is to be done before the events of a flow come."""

    def take(self, lines):
        lines = list(lines)
        summary = self.recoup.ingest(lines)
        assert (summary.failed, summary.parked) == (0, {})

    def come_to_rest(self):
        """Do what a worker does in the next minute: drop what nobody needs, look again."""
        self.recoup.worker(["billing"]).drain()
        self.recoup.absorb_stored()
        while self.recoup.sweep().seen:
            pass

    def states(self):
        """Return the state that each order ended in."""
        found = defaultdict(list)
        with self.recoup.database.connect() as connection:
            for table, sql in STATE.items():
                for row in connection.execute(text(sql)):
                    number = re.search(r"_o(\d+)_", row.tag)[1]
                    found[int(number)].append(f"{table} {row}".replace(f"_o{number}_", "_"))
            trouble = (
                "SELECT state, waiting_for FROM inbox WHERE state NOT IN ('applied', 'ignored')"
            )
            assert connection.execute(text(trouble)).all() == []
        return {order: tuple(sorted(rows)) for order, rows in found.items()}


def together(desk, flow, orders):
    """Take in every order whole, a hundred and more of them in one transaction."""
    for start in range(0, len(orders), 160):
        some = range(start, min(start + 160, len(orders)))
        desk.take(tagged(flow.six[place], n) for n in some for place in orders[n])


def one_by_one(desk, flow, orders):
    """Take in every order event by event, deciding after each."""
    for step in range(6):
        desk.take(tagged(flow.six[order[step]], n) for n, order in enumerate(orders))


def one_by_one_and_again(desk, flow, orders):
    """Take in every order event by event, each followed by two copies of an earlier one."""
    for step in range(6):
        lines = []
        for n, order in enumerate(orders):
            earlier = flow.six[order[(n + step) % (step + 1)]]
            lines.append(tagged(flow.six[order[step]], n))
            lines.append(tagged(earlier, n))
            lines.append(tagged(earlier, n, copy=f"_{step}"))
        desk.take(lines)


def assert_one_end(desk, play, deliver, orders):
    flow = Flow(play)
    desk.recoup.clock.set(flow.now)
    desk.prepare(flow)
    for start in range(0, len(orders), 100):
        some = range(start, min(start + 100, len(orders)))
        desk.take(tagged(line, n) for n in some for line in flow.before)
    deliver(desk, flow, orders)
    desk.come_to_rest()
    states = desk.states()
    assert len(states) == len(orders)
    expected = states[orders.index(tuple(range(6)))]
    differing = {orders[n]: state for n, state in states.items() if state != expected}
    for order, state in differing.items():
        lacks, has = sorted(set(expected) - set(state)), sorted(set(state) - set(expected))
        told = "\n".join(("lacks:", *lacks, "has instead:", *has))
        raise AssertionError(f"{len(differing)} of {len(orders)} orders differ; {order}\n{told}")


ALL = list(permutations(range(6)))


def some(count):
    """Return the order of events as told, and others."""
    return [ALL[0], *random.Random(1).sample(ALL[1:], count - 1)]
