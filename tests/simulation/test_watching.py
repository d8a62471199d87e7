"""Whoever looks at a random history sees it when somebody who owes nothing is troubled."""

from __future__ import annotations

import pytest

from recoup.processors.fake import NO_FUNDS, Declines
from recoup.testing.histories.watching import Watch, Witness
from recoup.testing.scene import Scene


@pytest.fixture
def scene(database_url, home):
    """A renewal failed nine days ago: a notice was sent, and something is restricted."""
    with Scene.open(database_url, home, outbox=Witness()) as opened:
        opened.watch = Watch(opened, prompt=True)
        opened.until_failed(opened.subscriber(Declines(NO_FUNDS)))
        opened.live(days=9)
        yield opened


def paid_behind_us(scene):
    with scene.recoup.database.begin() as connection:
        connection.exec_driver_sql("UPDATE invoices SET amount_remaining = 0")


class TestAWatch:
    def test_minds_nothing_that_happens_to_a_debtor(self, scene):
        scene.watch.check()

        sql = "SELECT 1 FROM mails WHERE state = 'sent' AND key LIKE 'notice:%'"
        assert scene.watch.mails == len(scene.rows(sql)) > 0
        assert len(scene.rows("SELECT 1 FROM restrictions WHERE lifted_at IS NULL")) == 1

    def test_sees_who_is_restricted_and_owes_nothing(self, scene):
        paid_behind_us(scene)

        with pytest.raises(AssertionError, match="restricted or flagged, and nothing is due"):
            scene.watch.check()

    def test_sees_whose_debt_the_processor_does_not_know(self, scene):
        with scene.fake.batch():
            for bill in scene.rows("SELECT processor_id FROM invoices WHERE status = 'open'"):
                scene.fake.void(bill["processor_id"])

        with pytest.raises(AssertionError, match="the processor knows of no debt"):
            scene.watch.check()

    def test_sees_who_is_written_to_and_owes_nothing(self, scene):
        (first, *_) = scene.outbox.messages
        scene.outbox.send(first)
        scene.watch.check()
        paid_behind_us(scene)
        scene.outbox.send(first)

        with pytest.raises(AssertionError, match="mailed, and nothing is due"):
            scene.watch.check()
