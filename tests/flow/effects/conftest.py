from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from recoup.core import states
from recoup.processors.fake import NO_FUNDS, Broke, Declines
from recoup.testing.mail import Outbox
from recoup.testing.scene import Scene

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


class Interrupted(Outbox):
    """An outbox that lets something happen while it takes a mail."""

    def __init__(self):
        super().__init__()
        self.meanwhile = None

    def script(self, *sends):
        """Say how the next sends go: None takes the mail, an error is raised instead."""
        self._script = iter(sends)

    def send(self, message):
        if self.meanwhile is not None:
            self.meanwhile(message)
        super().send(message)


class Watch:
    """What the fake is asked, in order; something may happen when it is."""

    def __init__(self):
        self.steps = []
        self.meanwhile = {}

    def __call__(self, step, key):
        self.steps.append((step, key))
        happen = self.meanwhile.get(step)
        if happen is not None:
            happen(key)

    @property
    def keys(self):
        """The keys of what the fake began to do, in order."""
        return [key for step, key in self.steps if step == "received"]


class World(Scene):
    """A scene in which a renewal fails, with its processor watched and its mails interrupted."""

    watch: Watch

    def debtor(self, payer=None, *, funds_on=None, **who):
        """
        Have somebody's renewal fail and be heard of at 2026-02-01 01:00 UTC, an hour after.

        A first try is due two days later; on `funds_on`, days after the failure, there is money.
        """
        if funds_on is not None:
            payer = Broke(self.failed_at + funds_on * DAY, lasts=9 * DAY)
        who = self.subscriber(payer or Declines(NO_FUNDS), **who)
        self.pace.at(self.failed_at)
        return who

    @property
    def failed_at(self):
        return self.fake_start + 31 * DAY + HOUR

    @property
    def first_try(self):
        return self.failed_at + 3 * DAY

    def invoice(self, of):
        """Return the processor's id of the renewal that failed."""
        return self.fake.invoices_of(of.subscription)[-1].id

    def attempts(self):
        """Return the attempts of ours, oldest first."""
        return self.rows("SELECT * FROM attempts WHERE ordinal IS NOT NULL ORDER BY id")

    def effect(self, kind, key=""):
        """Return the newest effect of a kind, whose key begins so."""
        sql = """SELECT * FROM effects WHERE kind = :kind AND starts_with(key, :key)
                 ORDER BY id DESC LIMIT 1"""
        return self.rows(sql, kind=kind, key=key)[0]

    def charged(self, of):
        """Return how often money was taken for the renewal."""
        charges = self.fake.charges_of(self.invoice(of))
        return sum(states.succeeded(charge.state) for charge in charges)

    def do(self, sql, **given):
        """Change rows behind everybody's back."""
        with self.recoup.database.begin() as connection:
            connection.execute(text(sql), given)

    def in_transaction(self):
        """Return how many connections are lent, and how many of the server's are in one."""
        open_now = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                      AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
                      AND backend_type = 'client backend'"""
        lent = self.recoup.database.pool.checkedout()
        return lent, self.rows(open_now)[0]["count"]


@pytest.fixture
def world(database_url, home):
    """An empty business; whatever is done to it, every invariant must hold when it ends."""
    watch, outbox = Watch(), Interrupted()
    with World.open(database_url, home, outbox=outbox, watch=watch) as opened:
        opened.watch = watch
        opened.fake_start = opened.now
        yield opened
        assert opened.violations() == ()
