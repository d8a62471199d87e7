from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import InternalError

from recoup.store import batch
from recoup.store.database import reading

PREPARED = text("SELECT count(*) FROM pg_prepared_statements")


def read(engine, times):
    for _ in range(times):
        with reading(engine) as connection:
            batch.fetch(connection, "SELECT name FROM settings WHERE name = %s", ("mails_off",))


class TestReading:
    def test_leaves_what_the_driver_has_prepared(self, engine):
        read(engine, 10)

        with reading(engine) as connection:
            assert connection.scalar(PREPARED) >= 1

    def test_that_is_rolled_back_would_not(self, engine):
        """Why it does not: when the driver keeps them by itself this way to read can go."""
        read(engine, 10)

        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))

        with reading(engine) as connection:
            assert connection.scalar(PREPARED) == 0

    def test_can_not_write(self, engine):
        with reading(engine) as connection, pytest.raises(InternalError, match="read-only"):
            connection.execute(text("INSERT INTO settings (name, value) VALUES ('a', 'b')"))

    def test_lends_a_connection_that_others_can_write_with_again(self, engine):
        read(engine, 1)

        with engine.begin() as connection:
            connection.execute(text("INSERT INTO settings (name, value) VALUES ('a', 'b')"))
            assert connection.scalar(text("SELECT value FROM settings WHERE name = 'a'")) == "b"
