from __future__ import annotations

import pytest
from sqlalchemy import text

KEY = {"recoup_secret_key": "of-the-tests-0123456789abcdefghijklmnop"}


@pytest.fixture
def ada(cli):
    """A customer of the fake's."""
    words = ("customers", "create", "--owner", "user:42", "--email", "ada@example.com")
    assert cli(*words).exit_code == 0


class TestLinks:
    def test_are_made_and_say_what_they_are_for(self, cli, ada):
        made = cli("links", "make", "user:42", "--purpose", "view", "--days", "7", **KEY)

        assert made.exit_code == 0, made.output
        link = next(word for word in made.output.split() if "/links/" in word)
        assert link.startswith("http://localhost:8000/links/v1.")
        for token in (link, link.rpartition("/")[2]):
            read = cli("links", "read", token, **KEY)
            assert read.exit_code == 0
            assert "view" in read.output

    def test_that_open_nothing_exit_2(self, cli, ada):
        result = cli("links", "read", "v1.a.b", **KEY)

        assert result.exit_code == 2
        assert "opens nothing" in result.output

    def test_need_a_key(self, cli, ada):
        result = cli("links", "make", "user:42")

        assert result.exit_code == 2
        assert "RECOUP_SECRET_KEY" in result.output

    def test_are_written_nowhere(self, cli, ada, engine):
        sql = text("SELECT count(*) FROM ledger_entries")
        with engine.connect() as connection:
            before = connection.scalar(sql)
        assert cli("links", "make", "user:42", **KEY).exit_code == 0

        with engine.connect() as connection:
            assert connection.scalar(sql) == before
