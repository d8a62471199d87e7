from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default
from time import monotonic

import pytest

from recoup.errors import MailUnreachable, Undeliverable
from recoup.mail.emails import EMAILS
from recoup.mail.letter import SAMPLE
from recoup.mail.message import compose
from recoup.mail.senders.smtp import SmtpSender

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def plain(text: str) -> EmailMessage:
    made = EmailMessage(policy=SMTP)
    made["From"] = "Example <billing@example.com>"
    made["To"] = SAMPLE.to
    made["Message-ID"] = "<k@example.com>"
    made.set_content(text)
    return made


def sender(server, *, user="", scheme="smtp", **options):
    return SmtpSender(f"{scheme}://{user}localhost:{server.port}", **{"timeout": 60, **options})


class TestSending:
    def test_hands_the_mail_over_as_it_was_made(self, start, message):
        server = start()

        sender(server).send(message)

        (taken,) = server.taken
        received = message_from_bytes(taken.content, policy=default)
        assert taken.mail_from == "billing@example.com"
        assert taken.rcpt_tos == [SAMPLE.to]
        assert received["Message-ID"] == message["Message-ID"]
        for kind in ("plain", "html"):
            there, here = received.get_body((kind,)), message.get_body((kind,))
            assert there.get_content().splitlines() == here.get_content().splitlines()

    def test_goes_to_nobody_but_to(self, start, message):
        server = start()
        message["Cc"] = "eve@evil.example"
        message["Bcc"] = "mallory@evil.example"

        sender(server).send(message)

        assert server.taken[0].rcpt_tos == [SAMPLE.to]

    @pytest.mark.parametrize("text", [".", "..", ".\r\n.\r\nQUIT", "a\n.\nb", "x", ""])
    def test_keeps_every_dot(self, start, text):
        server = start()
        dotted = plain(text)

        sender(server).send(dotted)

        received = message_from_bytes(server.taken[0].content, policy=default)
        assert received.get_content().splitlines() == (dotted.get_content().splitlines())

    def test_brings_no_header_or_recipient_that_a_customer_wrote(self, start):
        server = start()
        sends = sender(server)
        pieces = (
            "\r\n",
            "\n",
            "\r",
            "\0",
            "\u2028",
            "\x85",
            "=?utf-8?q?=0d=0a?=",
            '", ',
            "x" * 999,
        )
        evil = ("Bcc: eve@evil.example", "<eve@evil.example>", ".\r\nRCPT TO:<eve@evil.example>")

        for piece in pieces:
            for words in evil:
                name = f"Ada{piece}{words}{piece}"
                hostile = replace(SAMPLE, name=name, plan=name, invoices=(name,))
                email = EMAILS["receipt"].about(hostile)
                mail = compose(email, hostile, key=name, case="c", date=NOON)
                sends.send(mail)

        assert len(server.taken) == len(pieces) * len(evil)
        for taken in server.taken:
            received = message_from_bytes(taken.content, policy=default)
            assert taken.rcpt_tos == [SAMPLE.to]
            assert [a.addr_spec for a in received["To"].addresses] == [SAMPLE.to]
            assert received["Bcc"] is None


class TestRefusals:
    @pytest.mark.parametrize("stage", ["RCPT", "DATA"])
    @pytest.mark.parametrize("answer", ["550 no such user", "554 spam", "599 no"])
    def test_of_the_mail_for_good_are_undeliverable(self, start, message, stage, answer):
        server = start({stage: answer})

        with pytest.raises(Undeliverable, match=answer):
            sender(server).send(message)

        assert server.taken == []

    @pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
    @pytest.mark.parametrize("answer", ["421 closing", "450 busy", "451 greylisted", "499 no"])
    def test_for_now_are_unreachable(self, start, message, stage, answer):
        server = start({stage: answer})

        with pytest.raises(MailUnreachable, match=answer) as caught:
            sender(server).send(message)

        assert not caught.value.accepted_maybe
        assert server.taken == []

    @pytest.mark.parametrize("answer", ["550 not your domain", "530 log in first"])
    def test_of_the_sender_are_no_bounce(self, start, message, answer):
        with pytest.raises(MailUnreachable, match=answer):
            sender(start({"MAIL": answer})).send(message)

    def test_hold_the_servers_words_on_one_line(self, start, message):
        server = start({"RCPT": "550-first\r\n550 second \x1b[31m" + "x" * 400})

        with pytest.raises(Undeliverable) as caught:
            sender(server).send(message)

        text = str(caught.value)
        assert "first second" in text
        assert text.isprintable()
        assert len(text) <= 300

    def test_leave_the_next_mail_alone(self, start, message):
        server = start({"RCPT": "550 no"})
        sends = sender(server)
        with pytest.raises(Undeliverable):
            sends.send(message)
        server.script.answers = {}

        sends.send(message)

        assert len(server.taken) == 1


class TestLosingTheServer:
    def test_when_nobody_listens_is_unreachable(self, start, message):
        server = start()
        port = server.port
        server.server.close()

        with pytest.raises(MailUnreachable, match=f"localhost:{port}"):
            sender(server).send(message)

    def test_when_its_name_is_unknown_is_unreachable(self, message):
        with pytest.raises(MailUnreachable, match=r"nowhere\.invalid:25"):
            SmtpSender("smtp://nowhere.invalid", timeout=5).send(message)

    @pytest.mark.parametrize("stage", ["MAIL", "RCPT"])
    @pytest.mark.parametrize("what", ["stall", "drop"])
    def test_before_the_mail_is_surely_not_sent(self, start, message, stage, what):
        with pytest.raises(MailUnreachable) as caught:
            sender(start({stage: what}), timeout=0.3).send(message)

        assert not caught.value.accepted_maybe

    @pytest.mark.parametrize("what", ["stall", "drop"])
    def test_after_the_final_dot_leaves_it_in_doubt(self, start, message, what):
        with pytest.raises(MailUnreachable, match="after the final dot") as caught:
            sender(start({"DATA": what}), final_timeout=0.3).send(message)

        assert caught.value.accepted_maybe

    def test_after_the_final_dot_waits_longer_than_for_other_answers(self, start, message):
        """A machine so busy that it does not come to the dot in time is given longer."""
        server, usual, reached = start({"DATA": "stall"}), 0.1, False
        while not reached:
            usual *= 2
            begun = monotonic()
            with pytest.raises(MailUnreachable) as caught:
                sender(server, timeout=usual, final_timeout=3 * usual).send(message)
            took, reached = monotonic() - begun, caught.value.accepted_maybe

        assert took >= 3 * usual

    @pytest.mark.parametrize("answer", ["100 hm", "gibberish", "700 hm", "354 go on"])
    def test_an_answer_that_is_none_leaves_it_in_doubt(self, start, message, answer):
        with pytest.raises(MailUnreachable) as caught:
            sender(start({"DATA": answer})).send(message)

        assert caught.value.accepted_maybe

    def test_after_its_yes_changes_nothing(self, start, message):
        server = start({"DATA": "drop after"})

        sender(server).send(message)

        assert len(server.taken) == 1


class TestEncryption:
    def test_is_used_when_offered(self, start, trusting, message):
        server = start(tls=True)

        sender(server, context=trusting).send(message)

        assert len(server.taken) == 1
        assert server.script.encrypted == [True]

    def test_is_there_from_the_start_with_smtps(self, start, trusting, message):
        server = start(implicit=True)

        sender(server, scheme="smtps", context=trusting).send(message)

        assert server.script.encrypted == [True]

    @pytest.mark.parametrize("options", [{"tls": True}, {"implicit": True}], ids=str)
    def test_with_an_unknown_certificate_is_refused(self, start, message, options):
        server = start(**options)
        scheme = "smtps" if "implicit" in options else "smtp"

        with pytest.raises(MailUnreachable, match="certificate verify failed"):
            sender(server, scheme=scheme).send(message)

        assert server.script.said == []

    def test_with_anothers_certificate_is_refused(self, start, trusting, message):
        server = start(tls=True)

        with pytest.raises(MailUnreachable, match="certificate verify failed"):
            SmtpSender(f"smtp://127.0.0.1:{server.port}", context=trusting).send(message)


class TestLoggingIn:
    def test_takes_user_and_password_from_the_url(self, start, trusting, message):
        server = start(tls=True, auth=True)

        sender(server, user="ada%40example.com:s3cret%21@", context=trusting).send(message)

        assert len(server.taken) == 1

    def test_with_a_wrong_password_is_no_bounce_and_shows_no_password(
        self, start, trusting, message
    ):
        server = start(tls=True, auth=True)

        with pytest.raises(MailUnreachable, match="535") as caught:
            sender(server, user="ada:wr0ngpass@", context=trusting).send(message)

        assert "wr0ngpass" not in str(caught.value)

    def test_never_happens_in_the_clear(self, start, message):
        server = start()

        with pytest.raises(MailUnreachable, match="never goes in the clear"):
            sender(server, user="ada:s3cret%21@").send(message)

        assert server.script.said == []
