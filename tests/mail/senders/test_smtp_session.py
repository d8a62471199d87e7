"""Many mails in one conversation."""

from __future__ import annotations

from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP
from functools import partial

import pytest
from smtp_server import Script, SmtpServer

from recoup.errors import MailUnreachable, Undeliverable
from recoup.mail.senders.base import session
from recoup.mail.senders.console import ConsoleSender
from recoup.mail.senders.smtp import SmtpSender


def mail(number: int, to: str = "ada@example.com") -> EmailMessage:
    made = EmailMessage(policy=SMTP)
    made["From"] = "Example <billing@example.com>"
    made["To"] = to
    made["Message-ID"] = f"<{number}@example.com>"
    made.set_content(f"This is mail {number}.\n.\n")
    return made


def ids(*numbers: int) -> list[str]:
    return [f"<{number}@example.com>" for number in numbers]


def sender(server: SmtpServer, **options: float) -> SmtpSender:
    return SmtpSender(server.url, **{"timeout": 60, "final_timeout": 60, **options})


@pytest.fixture(params=[False, True], ids=["step by step", "at once"])
def script(request) -> Callable[..., Script]:
    """Make scripts of servers that want commands one by one, or take them at once."""
    return partial(Script, pipelining=request.param)


class TestASession:
    def test_sends_many_mails_over_one_connection(self, script):
        with SmtpServer(script()) as server:
            with sender(server).session() as one:
                for number in range(20):
                    one.send(mail(number))

            assert server.ids == ids(*range(20))
            assert server.connections == 1
            assert server.steps[-1] == "QUIT"

    def test_in_which_nothing_is_sent_begins_nothing(self, script):
        with SmtpServer(script()) as server:
            with sender(server).session():
                pass

            assert server.steps == []

    @pytest.mark.parametrize("most", [1, 2, 3, 7])
    def test_goes_on_where_a_server_takes_so_many_a_connection(self, script, most):
        with SmtpServer(script(most=most)) as server:
            with sender(server).session() as one:
                for number in range(7):
                    one.send(mail(number))

            assert server.ids == ids(*range(7))
            assert server.connections == -(-7 // most)

    @pytest.mark.parametrize("answer", ["550 no such user", "451 later"])
    def test_after_a_refusal_has_the_server_forget_it_and_goes_on(self, script, answer):
        with SmtpServer(script(recipients={"bob@example.com": answer})) as server:
            with sender(server).session() as one:
                one.send(mail(1))
                with pytest.raises((Undeliverable, MailUnreachable), match=answer):
                    one.send(mail(2, "bob@example.com"))
                one.send(mail(3))

            assert server.ids == ids(1, 3)
            assert server.connections == 1
            assert server.steps.count("RSET") == 1

    def test_hangs_up_where_only_that_ends_a_mail_whose_recipient_was_refused(self):
        bob = {"bob@example.com": "550 no such user"}
        with SmtpServer(Script(recipients=bob, pipelining=True, lax=True)) as server:
            with sender(server).session() as one:
                with pytest.raises(Undeliverable, match="550 no such user"):
                    one.send(mail(1, "bob@example.com"))
                one.send(mail(2))

            assert server.ids == ids(2)
            assert len(server.taken) == 1
            assert server.connections == 2

    def test_sends_to_nobody_where_one_of_several_is_refused(self, script):
        with SmtpServer(script(recipients={"bob@example.com": "550 no such user"})) as server:
            with sender(server).session() as one:
                with pytest.raises(Undeliverable, match="550 no such user"):
                    one.send(mail(1, "ada@example.com, bob@example.com"))
                one.send(mail(2))

            assert server.ids == ids(2)
            assert len(server.taken) == 1
            assert server.connections == 1

    def test_after_a_421_hangs_up_and_has_a_new_connection_for_the_next(self, script):
        with SmtpServer(script(recipients={"bob@example.com": "421 closing"})) as server:
            with sender(server).session() as one:
                with pytest.raises(MailUnreachable, match="421") as caught:
                    one.send(mail(1, "bob@example.com"))
                one.send(mail(2))

            assert not caught.value.accepted_maybe
            assert server.ids == ids(2)
            assert server.connections == 2

    @pytest.mark.parametrize("step", ["RCPT", "DATA", "DOT"])
    def test_that_was_cut_goes_on_over_a_new_connection(self, script, step):
        with SmtpServer(script({step: "drop"})) as server:
            with sender(server).session() as one:
                with pytest.raises(MailUnreachable) as caught:
                    one.send(mail(1))
                server.script = script()
                one.send(mail(2))

            assert caught.value.accepted_maybe == (step == "DOT")
            assert server.ids == ids(2)

    def test_that_was_cut_between_two_mails_loses_neither(self, script):
        with SmtpServer(script()) as server:
            with sender(server).session() as one:
                one.send(mail(1))
                server.script = script({"MAIL": "drop"}, watch=_until_connected(server, script))
                one.send(mail(2))

            assert server.ids == ids(1, 2)

    def test_asks_a_server_that_can_not_be_had_once_and_not_for_every_mail(self, script):
        with SmtpServer(script({"CONNECT": "554 go away"})) as server:
            with sender(server).session() as one:
                for number in range(3):
                    with pytest.raises(MailUnreachable, match="554 go away") as caught:
                        one.send(mail(number))
                    assert not caught.value.accepted_maybe

            assert server.connections == 1

    def test_asks_a_server_that_has_stalled_no_further(self, script):
        with SmtpServer(script({"DOT": "stall"})) as server:
            with sender(server, final_timeout=0.2).session() as one:
                with pytest.raises(MailUnreachable, match="final dot") as first:
                    one.send(mail(1))
                with pytest.raises(MailUnreachable, match="not tried") as second:
                    one.send(mail(2))

            assert (first.value.accepted_maybe, second.value.accepted_maybe) == (True, False)
            assert server.steps.count("MAIL") == 1

    def test_leaves_a_goodbye_that_stalls_alone(self, script):
        with SmtpServer(script({"QUIT": "stall"})) as server:
            one = sender(server)
            with one.session() as session_:
                session_.send(mail(1))
                one.timeout = 0.2  # only now, so that nothing else is waited for so shortly

            assert server.ids == ids(1)

    def test_of_a_sender_that_has_none_is_the_sender_itself(self):
        console = ConsoleSender()

        with session(console) as one:
            assert one is console


def _until_connected(server: SmtpServer, script: Callable[..., Script]):
    """Let the script hold until somebody connects again."""

    def watch(step: str) -> None:
        if step == "CONNECT":
            server.script = script()

    return watch


class TestAnswersByStep:
    @pytest.mark.parametrize("step", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "DOT"])
    @pytest.mark.parametrize("answer", ["421 closing", "451 later", "499 hm"])
    def test_for_now_are_unreachable_and_surely_not_sent(self, script, step, answer):
        with SmtpServer(script({step: answer})) as server:
            # After a 421 nothing more is said, not even to the second greeting.
            words = "closed" if (step, answer[:3]) == ("EHLO", "421") else answer[:3]
            with pytest.raises(MailUnreachable, match=words) as caught:
                sender(server).send(mail(1))

            assert not caught.value.accepted_maybe
            assert server.taken == []

    @pytest.mark.parametrize("step", ["CONNECT", "EHLO", "MAIL"])
    def test_for_good_before_the_recipient_is_named_are_no_bounce(self, script, step):
        with SmtpServer(script({step: "550 not you"})) as server:
            with pytest.raises(MailUnreachable, match="550"):
                sender(server).send(mail(1))

            assert server.taken == []

    @pytest.mark.parametrize("step", ["RCPT", "DATA", "DOT"])
    def test_for_good_about_the_mail_are_undeliverable(self, script, step):
        with (
            SmtpServer(script({step: "550 not this"})) as server,
            pytest.raises(Undeliverable, match="550 not this"),
        ):
            sender(server).send(mail(1))

        assert server.taken == []

    @pytest.mark.parametrize("step", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA"])
    @pytest.mark.parametrize("what", ["stall", "drop"])
    def test_that_do_not_come_before_the_mail_are_surely_not_sent(self, script, step, what):
        with SmtpServer(script({step: what})) as server:
            with pytest.raises(MailUnreachable) as caught:
                sender(server, timeout=0.2).send(mail(1))

            assert not caught.value.accepted_maybe

    @pytest.mark.parametrize("what", ["stall", "drop", "drop after"])
    def test_that_do_not_come_after_the_final_dot_leave_it_in_doubt(self, script, what):
        with SmtpServer(script({"DOT": what})) as server:
            with pytest.raises(MailUnreachable, match="final dot") as caught:
                sender(server, final_timeout=0.2).send(mail(1))

            assert caught.value.accepted_maybe
