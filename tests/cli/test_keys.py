from __future__ import annotations

import pytest
from sqlalchemy import text

from recoup.store import keys


@pytest.fixture
def made(cli):
    return cli.json("keys", "create", "shop", "--scope", "customers:read", "--actor", "cli:ann")


class TestKeys:
    def test_are_made_and_shown_this_once(self, cli, made):
        listed = cli.json("keys", "list")["keys"]

        assert made["key"].startswith(f"rk_{made['id']}_")
        assert [(one["name"], one["scopes"]) for one in listed] == [("shop", ["customers:read"])]
        assert made["created_by"] == "cli:ann"
        assert made["key"] not in cli("keys", "list", "--all").output

    def test_are_shown_to_people_too(self, cli):
        result = cli("keys", "create", "shop", "--scope", "customers:read")

        assert result.exit_code == 0
        assert "rk_1_" in result.output

    def test_open_what_they_say(self, cli, made, engine):
        from datetime import UTC, datetime

        with engine.begin() as connection:
            who = keys.holder(connection, made["key"], now=datetime.now(UTC))

        assert who.scopes == {"customers:read"}

    def test_are_rolled_and_revoked(self, cli, made):
        new = cli.json("keys", "roll", "shop", "--grace", "1h")
        gone = cli.json("keys", "revoke", "shop", "--actor", "cli:bob")

        assert new["key"] != made["key"]
        assert (gone["id"], gone["revoked_by"]) == (new["id"], "cli:bob")
        listed = {one["id"]: one["successor"] for one in cli.json("keys", "list")["keys"]}
        assert listed == {made["id"]: new["id"]}

    @pytest.mark.parametrize(
        ("words", "code"),
        [
            (("create", "shop", "--scope", "customers:read"), 1),
            (("create", "other", "--scope", "customer:read"), 2),
            (("create", "Other", "--scope", "customers:read"), 2),
            (("create", "other"), 2),
            (("revoke", "other"), 2),
        ],
        ids=["taken", "scope", "name", "no scope", "unknown"],
    )
    def test_that_can_not_be_are_refused(self, cli, made, words, code):
        assert cli("keys", *words).exit_code == code

    def test_that_were_denied_something_are_listed(self, cli, made, engine):
        with engine.begin() as connection:
            keys.deny(
                connection,
                key_id=made["id"],
                endpoint="POST /api/v1/customers",
                reason="scope",
                request="r1",
                now=connection.scalar(text("SELECT now()")),
            )

        (one,) = cli.json("keys", "denied")["denials"]

        assert (one["name"], one["reason"], one["times"]) == ("shop", "scope", 1)
