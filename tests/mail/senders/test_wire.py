"""What goes over the wire is what the library would send."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from recoup.mail.emails import EMAILS
from recoup.mail.language.locales import SHIPPED
from recoup.mail.letter import SAMPLE
from recoup.mail.message import compose
from recoup.mail.senders._wire import addresses, dotted, serialised

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NAMES = [
    None,
    "Ada",
    "Ada O'Brien-Smith",
    "Example Inc.",
    "Žofie Müller-漢字",
    "=?utf-8?q?Ada?=",
    "A" * 200,
    "Ada\r\nBcc: eve@evil.example",
]


def made(mail: str = "receipt", **facts: object) -> EmailMessage:
    known = replace(EMAILS[mail].sample().facts, **facts)
    return compose(EMAILS[mail].about(known), known, key="k", case="case:1", date=NOON)


def hosts() -> EmailMessage:
    """Return a message as a host makes them."""
    message = EmailMessage(policy=SMTP)
    message["From"] = "Example <billing@example.com>"
    message["To"] = "Ada Lovelace <ada@example.com>"
    message["Subject"] = "Žofie"
    message.set_content("plain\n.\n")
    message.add_alternative("<p>Žofie</p>", subtype="html")
    return message


class TestSerialising:
    @pytest.mark.parametrize("locale", SHIPPED)
    @pytest.mark.parametrize("mail", sorted(EMAILS))
    def test_gives_the_librarys_bytes_for_every_type_in_every_language(self, mail, locale):
        message = made(mail, locale=locale)

        assert serialised(message) == message.as_bytes(policy=SMTP)

    @pytest.mark.parametrize("name", NAMES)
    def test_gives_the_librarys_bytes_whatever_a_name_holds(self, name):
        message = made(name=name)

        assert serialised(message) == message.as_bytes(policy=SMTP)

    def test_gives_the_librarys_bytes_for_a_message_of_a_hosts(self):
        message = hosts()

        assert serialised(message) == message.as_bytes(policy=SMTP)

    def test_tells_what_was_changed_after_it_was_made(self):
        message = made()
        message["X-Host"] = "yes"
        message.get_payload()[0].set_payload("one\rtwo\r\nthree\n\nfour")
        message.get_payload()[1].set_payload("Žofie", "utf-8")
        message.attach(EmailMessage(policy=SMTP))

        assert serialised(message) == message.as_bytes(policy=SMTP)
        assert b"X-Host: yes\r\n" in serialised(message)

    @pytest.mark.parametrize("where", ["preamble", "epilogue"])
    def test_keeps_what_stands_around_the_parts(self, where):
        message = made()
        setattr(message, where, "For old programs.")

        assert b"For old programs." in serialised(message)
        assert serialised(message) == message.as_bytes(policy=SMTP)

    def test_keeps_what_is_attached(self):
        message = made()
        message.add_attachment(b"%PDF-1", "application", "pdf", filename="INV-1.pdf")

        assert serialised(message) == message.as_bytes(policy=SMTP)

    def test_leaves_messages_of_ours_as_they_were_parsed(self):
        message = made(name="Ada Lovelace")

        serialised(message)

        assert message["To"].addresses[0].display_name == "Ada Lovelace"
        assert message.get_body(("plain",)).get_content_charset() == "utf-8"


class TestAddresses:
    @pytest.mark.parametrize("name", NAMES)
    def test_of_messages_of_ours_are_those_that_were_given(self, name):
        message = made(name=name)

        assert addresses(message, "To") == [SAMPLE.to]
        assert addresses(message, "From") == ["billing@example.com"]

    @pytest.mark.parametrize(
        "header",
        [
            "ada@example.com",
            "<ada@example.com>",
            "Ada Lovelace <ada@example.com>",
            '"Ada, L." <ada@example.com>',
            "ada@example.com, bob@example.com",
            "Friends: ada@example.com, bob@example.com;",
            "Ada (at home) <ada@example.com>",
            "=?utf-8?q?=3Ceve=40evil=2Eexample=3E?= <ada@example.com>",
        ],
    )
    def test_kept_as_they_came_are_read_as_the_library_reads_them(self, header):
        message = EmailMessage(policy=SMTP)
        message.set_raw("To", header)

        assert addresses(message, "to") == [a.addr_spec for a in message["To"].addresses]


class TestDotting:
    @pytest.mark.parametrize(
        "data",
        [b"", b".", b"..\r\n", b"a\r\n.\r\n..b\r\n", b".a\r\nb.\r\n\r\n.", b"a\r\n.b"],
    )
    def test_doubles_each_dot_that_begins_a_line_and_ends_the_last_line(self, data):
        ended = data if data.endswith(b"\r\n") else data + b"\r\n"

        assert dotted(data) == re.sub(rb"(?m)^\.", b"..", ended)
