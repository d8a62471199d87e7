"""Mails that were taken are noted one by one, before the next one goes out."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from recoup.processors.fake import NO_FUNDS, Declines

EIGHT = datetime(2026, 2, 1, 8, tzinfo=UTC)
CUT = text(
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def noted(world) -> int:
    sql = "SELECT count(*) AS n FROM mails WHERE accepted_at IS NOT NULL"
    return int(world.rows(sql)[0]["n"])


@pytest.fixture
def five(world):
    for number in range(5):
        world.subscriber(Declines(NO_FUNDS), email=f"{number}@example.com")
    world.pace.at(world.failed_at)
    return world


class TestANote:
    def test_of_each_mail_is_committed_before_the_next_one_is_sent(self, five):
        found = []
        five.outbox.meanwhile = lambda _message: found.append(noted(five))

        five.pace.at(EIGHT)

        assert found == [0, 1, 2, 3, 4]
        assert noted(five) == 5

    def test_is_made_although_every_connection_was_cut_since_the_last(self, five):
        found, gone = [], []

        def cut(_message):
            found.append(noted(five))
            if len(found) == 3:
                with five.recoup.database.connect() as connection:
                    gone.append(connection.scalar(CUT))

        five.outbox.meanwhile = cut

        five.pace.at(EIGHT)

        assert gone[0] >= 1
        assert found == [0, 1, 2, 3, 4]
        assert len(five.outbox.ids) == len(set(five.outbox.ids)) == 5
        assert noted(five) == 5
