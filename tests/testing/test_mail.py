from datetime import UTC, datetime

import pytest

from recoup.errors import MailUnreachable, Undeliverable
from recoup.mail.emails import EMAILS
from recoup.mail.letter import SAMPLE
from recoup.mail.message import compose
from recoup.testing.mail import Outbox


@pytest.fixture
def message():
    email = EMAILS["dunning_reminder"].sample()
    date = datetime(2026, 3, 2, tzinfo=UTC)
    return compose(email, SAMPLE, key="k", case=None, date=date)


class TestOutbox:
    def test_keeps_what_it_is_given(self, message):
        outbox = Outbox()

        outbox.send(message)

        assert outbox.to(SAMPLE.to) == [message]
        assert outbox.to("nobody@example.com") == []
        assert outbox.assert_sent(to=SAMPLE.to, subject="did not go through") is message

    def test_follows_its_script_and_then_takes_everything(self, message):
        outbox = Outbox([Undeliverable("no"), None])
        with pytest.raises(Undeliverable):
            outbox.send(message)
        outbox.send(message)
        outbox.send(message)

        assert len(outbox.messages) == 2

    def test_keeps_a_mail_whose_answer_got_lost(self, message):
        outbox = Outbox([MailUnreachable("lost", accepted_maybe=True), MailUnreachable("no")])
        for _ in range(2):
            with pytest.raises(MailUnreachable):
                outbox.send(message)

        assert outbox.ids == [message["Message-ID"]]

    def test_lists_what_was_sent_when_nothing_fits(self, message):
        outbox = Outbox()
        outbox.send(message)

        with pytest.raises(AssertionError, match="did not go through"):
            outbox.assert_sent(to="nobody@example.com")
