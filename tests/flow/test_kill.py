from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from studio import Studio

from recoup.processors.fake import LOST, NO_FUNDS, Broke, Declines
from recoup.testing.crash import Work
from recoup.testing.scene import Scene

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
#: When everything is due. The other dates follow from it: see `prepare`.
DUE = datetime(2026, 4, 29, 10, tzinfo=UTC)
#: What must come out the same, however often a worker died on the way. It all happens at one
#: instant, so instants are compared too. Ids made meanwhile are not: a rolled back transaction
#: uses some up. Nor is who told first what became of a charge, its event or its request.
ROWS = (
    "SELECT processor_id, status, ended_at, end_reason, end_requested_at FROM subscriptions",
    "SELECT processor_id, status, amount_paid, first_failed_at, closed_at FROM invoices",
    """SELECT processor_id, ordinal, idempotency_key, origin, state, amount, happened_at,
    requested_at, ended_at, decline_code FROM attempts""",
    "SELECT customer_id, scope, anchor, opened_at, rung, ending, ended_at, settled_at FROM cases",
    "SELECT customer_id, step, state, reason, due_at, delivered_at, bounced_at FROM notices",
    "SELECT customer_id, scope, consequence, rung, since, lifted_at FROM restrictions",
    "SELECT customer_id, standing, next_wake_at, run_state FROM standings",
    "SELECT customer_id, type, state, reason, sent_at FROM mails",
    "SELECT key, detail, opened_at, closed_at FROM tasks",
    "SELECT kind, key, state FROM effects WHERE state NOT IN ('done', 'canceled')",
)


def prepare(url, home):
    """
    Play a business until much is due at one instant, and stop before any of it is done.

    Two dead cards failed four weeks ago: their subscriptions are to be ended. Two more failed six
    days ago: a notice is due. Three without funds failed four days ago: a try is due, and two of
    those cards have money again.
    """
    with Scene.open(url, home, start=DUE - 59 * DAY - 10 * HOUR) as scene:
        _ = [scene.subscriber(Declines(LOST)) for _ in range(2)]
        scene.live(days=22)
        _ = [scene.subscriber(Declines(LOST)) for _ in range(2)]
        scene.live(days=2)
        _ = [scene.subscriber(Broke(payday=DUE - DAY)) for _ in range(2)]
        scene.subscriber(Declines(NO_FUNDS))
        scene.pace.until(DUE - 4 * DAY)
        scene.fake.advance(DUE)
    return Work(url, home / "books.sqlite3", home, DUE)


@pytest.fixture(scope="module")
def studio(server_url, template, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kill")
    made = Studio(server_url, template, folder, prepare=prepare, rows=ROWS)
    yield made
    made.close()


@pytest.fixture(scope="module")
def unhurt(studio):
    return studio.unhurt()


class TestTheWorldOfTheKills:
    def test_has_every_kind_of_effect_due(self, studio, unhurt):
        run, outcome = unhurt

        asked = [step for step in run.steps if step.endswith("received")]
        assert len([step for step in asked if step.startswith("recoup:end:")]) == 2
        assert len(asked) == 5
        # Of two notices, of two recoveries, and of two subscriptions that end.
        assert run.steps.count("before a mail") == 6
        assert len(outcome.captured) == 9
        assert len(run.steps) >= 50


@pytest.mark.parametrize("first", range(1, 5))
class TestAWorkerThatIsKilled:
    def test_at_any_step_loses_and_doubles_nothing(self, studio, unhurt, first):
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
    def test_while_it_recovers_loses_and_doubles_nothing(self, studio, unhurt, first):
        for point in range(first, len(unhurt[0].steps) + 1, 4):
            # Every seventh step of the recovery, another seventh after each first kill.
            for again in count(1 + point % 7, 7):
                run, outcome = studio.killed_at(point, again)
                if not run.killed:
                    break
                studio.assert_same(outcome, unhurt[1], f"{point}, then at {run.last}")
