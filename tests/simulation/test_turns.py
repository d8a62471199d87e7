from __future__ import annotations

from datetime import timedelta

import pytest

from recoup.processors.fake import (
    EXPIRED,
    LOST,
    NO_FUNDS,
    START,
    Asks,
    Broke,
    Declines,
    Habit,
    Refusal,
    Slow,
)
from recoup.testing.scene import Scene

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
_DOWN = Refusal("processing_error", network_decline_code="96")

#: Payers without dice, and whose luck does not turn within hours of a try.
PAYERS = (
    (Declines(LOST), ()),
    (Declines(NO_FUNDS), ()),
    (Declines(EXPIRED), (Habit(4 * DAY, "replace_method"),)),
    (Broke(payday=START + 45 * DAY, lasts=9 * DAY), ()),
    (Declines(_DOWN, 2), ()),
    (Asks(declines=True), (Habit(10 * DAY, "pay"),)),
    (Declines(_DOWN, 1, then=Slow(takes=4 * DAY)), ()),
    (Declines(NO_FUNDS), (Habit(3 * DAY, "cancel"),)),
)

ENDINGS = """
    SELECT s.processor_id, c.ending FROM cases c JOIN subscriptions s
    ON c.scope = 'subscription:' || s.id ORDER BY s.processor_id, c.opened_at"""
ATTEMPTS = """
    SELECT i.processor_id, a.origin, a.state FROM attempts a
    JOIN invoices i ON i.id = a.invoice_id ORDER BY i.processor_id, a.happened_at"""
NOTICES = """
    SELECT c.scope, n.step, n.state FROM notices n JOIN cases c ON c.id = n.case_id
    WHERE n.state = 'sent' ORDER BY c.scope, n.anchor, n.due_at"""


def came_to(url, home, *, every):
    """Return what 65 days came to when the engine looks `every` so often, at the most."""
    with Scene.open(url, home) as scene:
        for payer, habits in PAYERS:
            scene.subscriber(payer, habits=habits)
        scene.pace.until(START + 61 * DAY, at_least=every)
        assert scene.violations() == ()
        return tuple(scene.rows(sql) for sql in (ENDINGS, ATTEMPTS, NOTICES))


class TestAnEngineThatLooksMoreRarely:
    @pytest.mark.parametrize(
        "every",
        [
            pytest.param(6 * HOUR, id="every 6 hours"),
            pytest.param(11 * HOUR, id="every 11 hours", marks=pytest.mark.long),
        ],
    )
    def test_does_the_same_in_the_end(self, new_database, tmp_path, every):
        often = came_to(new_database(), tmp_path / "often", every=HOUR)
        rarely = came_to(new_database(), tmp_path / "rarely", every=every)

        assert len({row["ending"] for row in often[0]}) >= 3
        assert rarely == often
