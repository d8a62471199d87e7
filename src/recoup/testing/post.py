"""
A bad postman between the fake processor and the inbox, and what must hold whenever he has been.

Events come late, twice and in any order; none is lost. After each of his rounds the engine does
what is due, and what holds at any time is checked.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Final

from recoup.core import states
from recoup.processors.fake.model import Charge
from recoup.testing.scene import Scene

#: How late an event comes, in hours, and how many of a hundred do.
_DELAYS: Final = ((0, 70), (1, 15), (12, 10), (72, 5))
_TWICE: Final = 0.1
#: More rounds than this at one instant are a circle, not work.
_CIRCLE: Final = 500

#: What no row may say at any time. Each finds who or what does.
_NEVER: Final = {
    "restricted, and nothing is due": """
        SELECT customer_id FROM restrictions r WHERE lifted_at IS NULL AND NOT EXISTS (
            SELECT FROM invoices i WHERE i.customer_id = r.customer_id AND (
                status = 'open' AND amount_remaining > 0 AND first_failed_at IS NOT NULL
                OR status = 'paid' AND charged_back > 0 AND resolved_as IS NULL))""",
    "a recompute failed": "SELECT customer_id, run_error FROM standings WHERE run_state <> 'ok'",
    "an event was not understood": """
        SELECT id, reason FROM inbox WHERE state IN ('failed', 'parked')
        AND reason NOT LIKE 'the processor could not be asked%'""",
    "an effect was given up": "SELECT id, key, reason FROM effects WHERE state = 'parked'",
    "a case ended twice": """
        SELECT subject FROM ledger_entries WHERE type IN ('case.ended', 'case.recorded')
        GROUP BY subject HAVING count(*) > 1""",
}


class Post:
    """
    Brings the fake's events to the scene's inbox, late, twice and shuffled.

    Args:
        scene: Whose events and whose inbox.
        dice: What decides on each letter.
    """

    def __init__(self, scene: Scene, dice: random.Random) -> None:
        self._scene = scene
        self._dice = dice
        self._worker = scene.recoup.worker()
        self._heard = 0
        self._bag: list[tuple[datetime, int, bytes]] = []
        self._prompt = False
        self.look: Callable[[], None] = lambda: None  #: who else looks after each round

    def be_prompt(self) -> None:
        """Bring everything at once from now on, what is in the bag too."""
        self._prompt = True

    def at(self, now: datetime) -> None:
        """Move the world and the engine to `now`, and do everything that is due there."""
        self._scene.fake.advance(now)
        self._scene.clock.set(now)
        self.settle()

    def settle(self) -> None:
        """
        Bring what has arrived by now, and let the engine do what is due.

        Raises:
            AssertionError: something holds that never may.
        """
        recoup = self._scene.recoup
        for _ in range(_CIRCLE):
            lines = self._arrived()
            recoup.ingest(lines)
            swept = recoup.sweep().seen
            ticked = self._worker.tick("activation")
            ran = self._worker.drain()
            waited = recoup.absorb_stored()
            if not (lines or swept or ticked or ran or waited.applied):
                break
        else:
            raise AssertionError(f"work does not end at {self._scene.now}")
        self._check()

    def _arrived(self) -> list[bytes]:
        while events := self._scene.fake.events(after=self._heard):
            self._heard = events[-1][0]
            for number, body in events:
                for _ in range(1 + (self._dice.random() < _TWICE)):
                    heappush(self._bag, (self._scene.now + self._delay(), number, body))
        lines = []
        while self._bag and (self._prompt or self._bag[0][0] <= self._scene.now):
            lines.append(heappop(self._bag)[2])
        self._dice.shuffle(lines)
        return lines

    def _delay(self) -> timedelta:
        hours, shares = zip(*_DELAYS, strict=True)
        (most,) = self._dice.choices(hours, shares)
        return self._dice.random() * most * timedelta(hours=1)

    def _check(self) -> None:
        for what, sql in _NEVER.items():
            found = self._scene.rows(sql)
            assert found == [], f"{what}: {found}"
        twice = {id: n for id, n in Counter(self._scene.outbox.ids).items() if n > 1}
        assert not twice, f"mails went out more than once: {twice}"
        self._check_money()
        self.look()

    def _check_money(self) -> None:
        """Whatever we believe: by the processor's books nobody has paid twice."""
        books = self._scene.fake.books()
        assert not books.imbalance()
        for invoice in books.captured:
            paid: list[Charge] = [
                charge
                for charge in self._scene.fake.charges_of(invoice)
                if states.succeeded(charge.state)
            ]
            assert len(paid) <= 1, f"{invoice} was paid {len(paid)} times"
