"""
Workers that are killed while what was not paid in time expires, and while late money goes back.

Between a commit and the next, before and after each request to the processor and each mail: who
comes after the dead ends it all as if nobody had died.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from studio import Studio

from recoup.core.activation import PaymentGate
from recoup.core.money import Money
from recoup.processors.fake import NO_FUNDS, Declines, Pays, Slow
from recoup.testing.crash import Work
from recoup.testing.scene import Scene

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
#: When everything is due, the clock too that looks for gates.
DUE = datetime(2026, 4, 29, 10, 20, tzinfo=UTC)
#: What must come out the same. Ids made meanwhile are not: a rolled back transaction uses some up.
ROWS = (
    "SELECT customer_id, status, reason, withdrawal, ended_at FROM gates",
    """SELECT processor_id, status, processor_status, ended_at, end_reason, activated_at
    FROM subscriptions""",
    "SELECT processor_id, status, amount_paid, resolved_as, closed_at, gate_id FROM invoices",
    "SELECT processor_id, state, amount, unowed_at FROM attempts",
    "SELECT customer_id, amount, decision, state, ended_at FROM late_payments",
    "SELECT processor_id, amount, status FROM refunds",
    "SELECT customer_id, type, state, reason, sent_at FROM mails",
    "SELECT customer_id, kind, state FROM commands",
    "SELECT kind, closed_at FROM tasks",
    "SELECT coupon_id, given_back_at FROM redemptions",
    "SELECT processor_id, redemptions FROM coupons",
    "SELECT kind, key, state FROM effects WHERE state NOT IN ('done', 'canceled')",
    """SELECT customer_id, type, count(*) FROM ledger_entries
    WHERE type LIKE 'gate.%' OR type LIKE 'late_payment.%' OR type LIKE 'payment.%'
       OR type LIKE 'refund.%' OR type LIKE 'mail.%' OR type LIKE 'subscription.%'
    GROUP BY 1, 2""",
)


def prepare(url, home) -> Work:
    """
    Play until much is due at one instant, and stop before any of it is done.

    Three starts died an hour ago, and their banks have taken the money since: one is bought after
    all, one is refunded, and of one the bank refuses that. Two are to expire now: one with a
    coupon whose card was declined, and one whose bank debit is on its way.
    """
    with Scene.open(url, home, start=DUE - 4 * HOUR) as scene:
        fake, price = scene.fake, scene.fake.create_price(Money(1000, "EUR"))
        scene.recoup.coupons.create("ONCE", percent_off=20, max_redemptions=1)

        def begin(payer, *, coupon=None, **gate):
            name = fake.create_customer(email="ada@example.com", country="DE")
            method = fake.attach_method(name, payer, country="DE")
            scene.pace.settle()
            begun = scene.recoup.subscriptions.start(
                name, price, gate=PaymentGate(**gate), coupon=coupon
            )
            return fake.subscription(begun.subscription.processor_id).latest_invoice, method

        broke = Declines(NO_FUNDS)
        dead = [
            begin(broke, timeout=HOUR, late="reactivate"),
            *(begin(broke, timeout=HOUR) for _ in range(2)),
        ]
        scene.pace.until(DUE - 50 * MINUTE)
        begin(broke, timeout=40 * MINUTE, coupon="ONCE")
        begin(Slow(takes=5 * DAY), timeout=40 * MINUTE)
        scene.pace.until(DUE - MINUTE)
        fake.advance(DUE)
        fake.refunds_to(dead[2][1], refused=True)
        for invoice, method in dead:
            fake.update_method(method, payer=Pays())
            fake.pay_anyway(invoice)
        return Work(url, home / "books.sqlite3", home, DUE)


@pytest.fixture(scope="module")
def studio(server_url, template, tmp_path_factory):
    made = Studio(
        server_url,
        template,
        tmp_path_factory.mktemp("kill"),
        prepare=prepare,
        rows=ROWS,
        clocks=["activation"],
    )
    yield made
    made.close()


@pytest.fixture(scope="module")
def unhurt(studio):
    return studio.unhurt()


class TestTheWorldOfTheKills:
    def test_has_every_step_of_both_paths(self, unhurt):
        run, outcome = unhurt

        gates, subscriptions = outcome.rows[:2]
        assert len([row for row in gates if "'expired'" in row]) == 5
        assert len([row for row in subscriptions if "'active'" in row]) == 1
        for state in ("reactivated", "refunded", "stuck"):
            assert len([row for row in outcome.rows[4] if f"'{state}'" in row]) == 1
        assert len(outcome.captured) == 3
        assert len(outcome.refunded) == 1
        asked = [step for step in run.steps if step.endswith("received")]
        assert len(asked) == 7
        assert run.steps.count("before a mail") == 3
        assert len(run.steps) >= 60, len(run.steps)


@pytest.mark.parametrize("first", range(1, 5))
class TestAWorkerThatIsKilled:
    def test_at_any_step_loses_nothing_and_does_nothing_twice(self, studio, unhurt, first):
        kills = 0
        for point in count(first, 4):
            run, outcome = studio.killed_at(point)
            if not run.killed:
                break
            kills += 1
            studio.assert_same(outcome, unhurt[1], run.last)

        assert kills == len(range(first, len(unhurt[0].steps) + 1, 4))


@pytest.mark.long
class TestAWorkerThatIsKilledAgain:
    @pytest.mark.parametrize("first", range(1, 5))
    def test_while_it_recovers_loses_nothing(self, studio, unhurt, first):
        for point in range(first, len(unhurt[0].steps) + 1, 4):
            # Every seventh step of the recovery, another seventh after each first kill.
            for again in count(1 + point % 7, 7):
                run, outcome = studio.killed_at(point, again)
                if not run.killed:
                    break
                studio.assert_same(outcome, unhurt[1], f"{point}, then at {run.last}")
