from __future__ import annotations

import os
import time
from itertools import count

import pytest

from recoup.testing.histories import History, opened

#: Cases that are over, and of which the ledger does not say once that they ended.
ENDS = """
    SELECT c.id, c.ending, count(l.*) AS ends FROM cases c
    LEFT JOIN ledger_entries l ON l.customer_id = c.customer_id
         AND l.subject = 'case:' || c.id AND l.type IN ('case.ended', 'case.recorded')
    WHERE c.ending IS NOT NULL GROUP BY c.id HAVING count(l.*) <> 1"""
#: Debts that are over, while no case says how. What a start waits for is none.
UNENDED = """
    SELECT i.processor_id FROM invoices i LEFT JOIN cases c ON c.id = i.case_id
    WHERE c.ending IS NULL AND i.first_failed_at IS NOT NULL AND i.status <> 'open'
    AND i.gate_id IS NULL
    AND NOT EXISTS (SELECT FROM invoices o WHERE o.case_id = i.case_id AND (o.status = 'open'
                    OR o.charged_back > 0 AND o.status = 'paid' AND o.resolved_as IS NULL))"""
#: Mails to those who owed nothing when they went out.
FALSE_MAILS = """
    SELECT m.id FROM mails m JOIN notices n ON n.id = (m.args->>'notice_id')::bigint
    JOIN cases c ON c.id = n.case_id WHERE m.state = 'sent' AND m.sent_at > c.ended_at
    AND EXISTS (SELECT FROM ledger_entries l WHERE l.subject = 'case:' || c.id
                AND l.type = 'case.ended' AND l.recorded_at < m.sent_at)"""
#: Tries that a refusal forbade which had happened before, and of which nobody had told us yet.
UNWARNED = """
    SELECT 'attempt ' || a.id AS subject FROM attempts a
    JOIN attempts d ON d.instrument = a.instrument AND d.happened_at < a.requested_at
    JOIN ledger_entries l ON l.subject = 'attempt:' || d.id AND l.type = 'attempt.declined'
    WHERE l.recorded_at > a.requested_at"""
#: What was taken in and is not understood.
UNREAD = "SELECT id, reason FROM inbox WHERE state IN ('failed', 'parked')"
#: Whose systems have not been told of everything.
BEHIND = "SELECT customer_id FROM access_versions WHERE behind_since IS NOT NULL"
OF_REFUSALS = {"no_try_after_stop", "within_network_limits"}


def broken(scene):
    """Return the promises broken, but those that nobody could keep because news came too late."""
    unwarned = {row["subject"] for row in scene.rows(UNWARNED)}
    return [
        found
        for found in scene.violations()
        if not (found.invariant in OF_REFUSALS and found.subject in unwarned)
    ]


def drifted(scene):
    """Return what a scan finds now, or one of the nights has found."""
    scene.recoup.drift.scan(processor=True, thorough=True)
    return scene.recoup.drift.findings(ended=True)


def wrong(scene):
    """Return what must not be when all is at rest."""
    found = {
        "broken": broken(scene),
        "not ended once": scene.rows(ENDS),
        "not ended": scene.rows(UNENDED),
        "false mails": scene.rows(FALSE_MAILS),
        "not understood": scene.rows(UNREAD),
        "not told": scene.rows(BEHIND),
        "drifted": drifted(scene),
    }
    return {what: rows for what, rows in found.items() if rows}


def lived(url, home, seed, steps, *, prompt=False):
    """
    Play one history to its rest; return what it came to, or fail with the steps it took.

    Where news is prompt, everything that holds at rest must hold after each of its steps.
    """
    with opened(url, home, seed=seed) as scene:
        history = History(scene, seed, prompt=prompt)
        try:
            if not prompt:
                history.play(steps)
            for _ in range(steps if prompt else 0):
                history.play(1)
                found = broken(scene)
                assert found == [], found
            history.rest()
            found = wrong(scene)
            assert found == {}, found
        except Exception as problem:
            story = "\n".join(history.steps)
            raise AssertionError(f"seed {seed}: {problem}\nafter\n{story}") from problem
        told = [body for _, body in scene.fake.events(limit=10**6)]
        log = scene.rows(
            "SELECT customer_id, seq, type, subject, body, occurred_at, recorded_at "
            "FROM ledger_entries ORDER BY 1, 2"
        )
        return history.steps, told, log, scene.outbox.ids


class TestARandomHistory:
    @pytest.mark.parametrize("seed", range(9))
    def test_breaks_no_promise(self, database_url, home, seed):
        lived(database_url, home, seed, steps=60)

    @pytest.mark.parametrize("seed", range(9, 12))
    def test_agrees_with_the_books_after_every_step(self, database_url, home, seed):
        lived(database_url, home, seed, steps=40, prompt=True)

    def test_is_the_same_for_the_same_seed(self, new_database, tmp_path):
        first, second = (lived(new_database(), tmp_path / n, 99, steps=30) for n in "ab")

        assert first == second

    @pytest.mark.long
    def test_breaks_no_promise_for_as_long_as_there_is_time(self, new_database, tmp_path):
        until = time.monotonic() + float(os.environ.get("RECOUP_TEST_BUDGET", "300"))
        for seed in count(1000):
            if time.monotonic() > until:
                break
            lived(new_database(), tmp_path / str(seed), seed, steps=200, prompt=seed % 4 == 0)

        assert seed > 1000
