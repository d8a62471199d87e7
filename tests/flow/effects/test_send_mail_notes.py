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

REFUSE = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'no room'; END $$;
    CREATE TRIGGER refuse BEFORE UPDATE OF accepted_at ON mails
    FOR EACH ROW EXECUTE FUNCTION refuse();
"""


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

    def test_that_is_refused_is_logged_and_its_mail_recorded_with_the_others(self, five, caplog):
        with five.recoup.database.begin() as connection:
            connection.exec_driver_sql(REFUSE)

        five.pace.at(EIGHT)

        assert noted(five) == 0
        assert len(five.outbox.ids) == len(set(five.outbox.ids)) == 5
        assert len(five.rows("SELECT id FROM mails WHERE state = 'sent'")) == 5
        assert caplog.text.count("could not be noted: no room") == 5
