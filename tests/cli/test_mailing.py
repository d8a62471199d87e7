"""`recoup mail send-test`, `suppressed` and `unsuppress`."""

from __future__ import annotations

import pytest
from resend_server import KEY, ResendServer
from smtp_server import Script, SmtpServer
from sqlalchemy import text

from recoup.billing import Recoup
from recoup.config import Config


@pytest.fixture
def bounced(shop, database_url, home):
    """The shop, whose customers 2 to 4 have an address that bounced."""
    with Recoup(Config.load(database_url=database_url, home=home)) as recoup:
        recoup.mail.bounced(address="someone@example.com")
    return shop


class TestSendTest:
    def test_says_what_the_server_answered(self, cli):
        with SmtpServer(Script({"DOT": "250 2.0.0 queued as 4711"})) as server:
            result = cli(
                "mail", "send-test", "--to", "ann@example.com", recoup_smtp_url=server.url
            )

        assert result.exit_code == 0, result.output
        assert result.output == "receipt: taken by smtp: 250 2.0.0 queued as 4711\n"
        assert b"To: Ada Lovelace <ann@example.com>" in server.taken[0]

    def test_sends_each_type_over_one_connection_in_the_language_that_was_asked_for(self, cli):
        with SmtpServer() as server:
            words = ("--to", "ann@example.com", "--locale", "de", "--json")
            types = ("--type", "receipt", "--type", "dunning_reminder")
            result = cli("mail", "send-test", *words, *types, recoup_smtp_url=server.url)

        assert result.exit_code == 0, result.output
        assert (len(server.taken), server.connections) == (2, 1)
        assert all(b"Content-Language: de" in mail for mail in server.taken)

    def test_of_the_same_sample_twice_is_two_mails(self, cli):
        with SmtpServer() as server:
            for _ in range(2):
                cli("mail", "send-test", "--to", "a@example.com", recoup_smtp_url=server.url)

        assert len(set(server.ids)) == 2

    @pytest.mark.parametrize(
        ("script", "words"),
        [
            ({"RCPT": "550 no such user"}, "receipt: smtp: refused for good: 550 no such user\n"),
            ({"RCPT": "451 later"}, "receipt: smtp: not taken: 451 later\n"),
            ({"DOT": "drop"}, "receipt: smtp: handed over, and nobody knows: no answer after"),
        ],
    )
    def test_says_what_a_refusal_means_and_exits_1(self, cli, script, words):
        with SmtpServer(Script(script)) as server:
            result = cli("mail", "send-test", "--to", "a@example.com", recoup_smtp_url=server.url)

        assert result.exit_code == 1
        assert result.output.startswith(words)

    def test_goes_by_whichever_sender_the_settings_name(self, cli, home):
        with ResendServer() as server:
            settings = {"recoup_resend_api_key": KEY, "recoup_resend_api_base": server.url}
            by_http = cli("mail", "send-test", "--to", "a@example.com", **settings)
        to_a_file = cli("mail", "send-test", "--to", "a@example.com")

        assert by_http.output.startswith("receipt: taken by resend: 200 ")
        assert len(server.sent) == 1
        (written,) = (home / "mail").glob("*.eml")
        assert to_a_file.output == f"receipt: taken by file: {written}\n"

    def test_refuses_what_is_no_address(self, cli):
        result = cli("mail", "send-test", "--to", "nobody")

        assert result.exit_code == 2
        assert "not an address" in result.output


class TestSuppressed:
    def test_lists_whom_nothing_is_sent_to(self, bounced):
        rows = bounced.json("mail", "suppressed")["suppressed"]

        assert [(row["id"], row["cause"]) for row in rows] == [
            (1, "bounce"), (2, "bounce"), (3, "bounce"), (4, "bounce"),
        ]  # fmt: skip
        assert "someone@example.com" not in bounced("mail", "suppressed").output

    def test_goes_on_where_the_last_page_ended(self, bounced):
        first = bounced.json("mail", "suppressed", "--limit", "3")
        second = bounced.json("mail", "suppressed", "--after", str(first["next"]))

        assert [row["id"] for row in first["suppressed"]] == [1, 2, 3]
        assert [row["id"] for row in second["suppressed"]] == [4]

    def test_is_empty_where_nothing_bounced(self, shop):
        assert "Mails go to every address." in shop("mail", "suppressed").output


class TestUnsuppress:
    def test_lets_mails_go_again_and_keeps_who_said_so(self, bounced, engine):
        told = bounced.json(
            "mail", "unsuppress", "2", "--reason", "it was full", "--actor", "cli:ann"
        )

        assert told == {"customer": 2, "was_suppressed": True}
        assert [row["id"] for row in bounced.json("mail", "suppressed")["suppressed"]] == [1, 3, 4]
        with engine.connect() as connection:
            sql = "SELECT ended_by, why FROM suppressions WHERE ended_at IS NOT NULL"
            assert connection.execute(text(sql)).all() == [("cli:ann", "it was full")]

    def test_needs_a_reason_and_a_customer(self, bounced):
        assert bounced("mail", "unsuppress", "2").exit_code == 2
        assert bounced("mail", "unsuppress", "99", "--reason", "x").exit_code == 2
