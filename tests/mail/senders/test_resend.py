"""Resend's API, spoken to over real HTTP: a server that is as strict as theirs."""

from __future__ import annotations

import base64
import socket
import time
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from resend_server import KEY, ResendServer

from recoup.config import Config
from recoup.errors import ConfigError, MailUnreachable, Undeliverable
from recoup.mail.emails import EMAILS
from recoup.mail.letter import SAMPLE
from recoup.mail.message import compose
from recoup.mail.senders import SENDERS, sender_for
from recoup.mail.senders.resend import ResendSender

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def mail(number: int = 1, to: str = "ada@example.com", text: str = "This is it.") -> EmailMessage:
    made = EmailMessage(policy=SMTP)
    made["From"] = "Example <billing@example.com>"
    made["To"] = to
    made["Subject"] = "It is time"
    made["Message-ID"] = f"<abc{number}@example.com>"
    made["Auto-Submitted"] = "auto-generated"
    made["References"] = "<case@example.com>"
    made.set_content(f"{text}\n")
    return made


def sender(server: ResendServer, key: str = KEY, **options: float) -> ResendSender:
    return ResendSender(key, base=server.url, **{"timeout": 60, **options})


@pytest.fixture
def server():
    with ResendServer() as made:
        yield made


class TestSending:
    def test_asks_for_what_the_mail_says(self, server):
        composed = compose(EMAILS["receipt"].sample(), SAMPLE, key="k", case="case:1", date=NOON)
        name = composed["Message-ID"].strip("<>").partition("@")[0]

        sender(server).send(composed)

        (sent,) = server.sent
        assert sent["from"] == "Example <billing@example.com>"
        assert sent["to"] == [SAMPLE.to]
        assert sent["subject"] == composed["Subject"]
        assert sent["text"] == composed.get_body(("plain",)).get_content()
        assert sent["html"] == composed.get_body(("html",)).get_content()
        assert sent["headers"]["Auto-Submitted"] == "auto-generated"
        assert sent["headers"]["References"] == composed["References"]
        assert sent["tags"] == [{"name": "recoup_mail", "value": name}]
        assert server.keys == [name]

    def test_brings_attachments(self, server):
        made = mail()
        made.add_attachment(b"%PDF-1.7 \xff", "application", "pdf", filename="INV-1.pdf")

        sender(server).send(made)

        (file,) = server.sent[0]["attachments"]
        assert (file["filename"], file["content_type"]) == ("INV-1.pdf", "application/pdf")
        assert base64.b64decode(file["content"]) == b"%PDF-1.7 \xff"

    def test_of_many_uses_one_connection(self, server):
        with sender(server).session() as one:
            for number in range(20):
                one.send(mail(number))

        assert len(server.sent) == 20
        assert server.connections == 1

    def test_of_the_same_mail_again_is_one_mail(self, server):
        for _ in range(3):
            sender(server).send(mail())

        assert len(server.sent) == 1

    def test_of_the_same_mail_in_newer_words_was_done_before(self, server):
        """Facts changed between two tries: what went out is what was true at the first."""
        sender(server).send(mail())

        sender(server).send(mail(text="It is another sum now."))

        assert len(server.sent) == 1

    def test_goes_on_where_the_server_closed_the_connection_between_two_mails(self, server):
        with sender(server).session() as one:
            one.send(mail(1))
            server.hang_up()
            one.send(mail(2))

        assert [key for key in server.keys if key == "abc2"] == ["abc2"]
        assert len(server.sent) == 2


class TestRefusals:
    @pytest.mark.parametrize("name", ["validation_error", "invalid_to_address"])
    def test_of_the_address_are_undeliverable(self, server, name):
        words = "Invalid `to` field. The email address needs to follow the format"
        server.script = [(422, name, words)]

        with pytest.raises(Undeliverable, match="Invalid `to` field"):
            sender(server).send(mail())

    @pytest.mark.parametrize(
        ("status", "name"),
        [
            (400, "validation_error"),
            (401, "missing_api_key"),
            (401, "restricted_api_key"),
            (403, "invalid_api_key"),
            (403, "validation_error"),
            (404, "not_found"),
            (405, "method_not_allowed"),
            (409, "concurrent_idempotent_requests"),
            (422, "invalid_from_address"),
            (422, "missing_required_field"),
            (422, "invalid_parameter"),
            (451, "security_error"),
        ],
    )
    def test_that_are_about_us_are_no_bounce(self, server, status, name):
        server.script = [(status, name, "not like this")]

        with pytest.raises(MailUnreachable, match=f"{status} {name}") as caught:
            sender(server).send(mail())

        assert (caught.value.accepted_maybe, caught.value.after) == (False, None)

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_by_a_server_in_trouble_leave_it_in_doubt(self, server, status):
        server.script = [(status, "application_error", "oh")]

        with pytest.raises(MailUnreachable, match=str(status)) as caught:
            sender(server).send(mail())

        assert caught.value.accepted_maybe

    @pytest.mark.parametrize(
        ("name", "header", "seconds"),
        [
            ("rate_limit_exceeded", "2", 2),
            ("rate_limit_exceeded", "0", 1),
            ("rate_limit_exceeded", "soon", 3600),
            ("daily_quota_exceeded", None, 3600),
            ("monthly_quota_exceeded", "99999999", 86400),
        ],
    )
    def test_of_too_much_say_how_long_to_wait_and_the_others_are_not_tried(
        self, server, name, header, seconds
    ):
        server.script = [(429, name, "slowly", header)]

        with sender(server).session() as one:
            for number in range(3):
                with pytest.raises(MailUnreachable, match=name) as caught:
                    one.send(mail(number))
                assert caught.value.after == seconds

        assert len(server.keys) == 1

    def test_leave_the_next_mail_alone(self, server):
        server.script = [(422, "validation_error", "Invalid `to` field.")]

        with sender(server).session() as one:
            with pytest.raises(Undeliverable):
                one.send(mail(1))
            one.send(mail(2))

        assert len(server.sent) == 1

    def test_by_a_wrong_key_show_no_key(self, server):
        with pytest.raises(MailUnreachable, match="403 invalid_api_key") as caught:
            sender(server, "re_wrong_000000000").send(mail())

        assert "re_wrong" not in str(caught.value)
        assert "re_wrong" not in repr(sender(server, "re_wrong_000000000"))


class TestLosingTheServer:
    def test_when_nobody_listens_is_surely_not_sent(self):
        with socket.socket() as deaf:  # bound, so that nobody else listens there
            deaf.bind(("127.0.0.1", 0))
            port = deaf.getsockname()[1]
            with pytest.raises(MailUnreachable, match=f"127.0.0.1:{port}") as caught:
                ResendSender(KEY, base=f"http://127.0.0.1:{port}").send(mail())

        assert not caught.value.accepted_maybe

    @pytest.mark.parametrize("what", ["stall", "drop", "drop after"])
    def test_before_its_answer_leaves_it_in_doubt_and_again_is_one_mail(self, server, what):
        server.script = [what]
        with pytest.raises(MailUnreachable, match="no answer") as caught:
            sender(server, timeout=0.2).send(mail())
        until = time.monotonic() + 60
        while server.script:  # who waits no longer may be ahead of the server
            assert time.monotonic() < until
            time.sleep(0.01)

        sender(server).send(mail())

        assert caught.value.accepted_maybe
        assert len(server.sent) == 1

    def test_with_an_unknown_certificate_is_refused(self, server):
        secure = server.url.replace("http:", "https:")

        with pytest.raises(MailUnreachable):
            ResendSender(KEY, base=secure, timeout=2).send(mail())


class TestTheSettings:
    def test_choose_it_where_there_is_a_key(self, home):
        config = Config.load(home=home, resend_api_key=KEY, resend_api_base="http://x.test/a/")

        made = sender_for(config)

        assert isinstance(made, ResendSender)
        assert (made.host, made.port, made.path) == ("x.test", 80, "/a/emails")
        assert KEY not in repr(config)
        assert config.shown()["RECOUP_RESEND_API_KEY"][0] == "***"

    def test_refuse_it_without_a_key(self, home):
        with pytest.raises(ConfigError, match="RECOUP_RESEND_API_KEY"):
            SENDERS["resend"](Config.load(home=home))

    def test_refuse_two_ways_at_once(self, home):
        with pytest.raises(ConfigError, match="not both"):
            Config.load(home=home, resend_api_key=KEY, smtp_url="smtp://mail.example")

    @pytest.mark.parametrize("key", ["sk_live_0000000000", "re_short", "re_ab cd efgh ij"])
    def test_refuse_what_is_no_key_and_do_not_show_it(self, home, key):
        with pytest.raises(ConfigError, match="RECOUP_RESEND_API_KEY: expected") as caught:
            Config.load(home=home, resend_api_key=key)

        assert key not in str(caught.value)

    @pytest.mark.parametrize("base", ["ftp://x.test", "x.test", "https://u:p@x.test"])
    def test_refuse_a_base_that_is_none(self, home, base):
        with pytest.raises(ConfigError, match="RECOUP_RESEND_API_BASE"):
            Config.load(home=home, resend_api_base=base)


class TestAFakeThatIsStrict:
    """Else the tests above prove little."""

    @pytest.mark.parametrize(
        ("change", "status"),
        [
            ({"from": "nobody"}, 422),
            ({"to": ["nobody"]}, 422),
            ({"to": []}, 422),
            ({"subject": None}, 422),
            ({"text": None}, 422),
            ({"tags": [{"name": "a b", "value": "c"}]}, 422),
            ({"surprise": 1}, 422),
            ({"headers": {"X": 1}}, 422),
        ],
    )
    def test_refuses_what_theirs_does(self, server, change, status):
        assert server.ask(change)[0] == status
        assert server.ask({})[0] == 200

    def test_refuses_a_key_that_was_used_for_another_mail(self, server):
        assert server.ask({}, key="k")[0] == 200
        assert server.ask({}, key="k")[0] == 200
        assert server.ask({"subject": "Other"}, key="k")[:2] == (409, "invalid_idempotent_request")
        assert server.ask({}, key="x" * 257)[0] == 400
        assert len(server.sent) == 1
