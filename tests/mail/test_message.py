import re
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recoup.errors import ConfigError, InvalidPeriod, Undeliverable
from recoup.mail.emails import EMAILS
from recoup.mail.letter import SAMPLE
from recoup.mail.message import compose, message_id, parsed

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

HEADERS = [
    "From",
    "To",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Auto-Submitted",
    "MIME-Version",
    "Subject",
    "Content-Type",
]

HI = EMAILS["receipt"].sample()

#: What has forged headers, recipients or whole mails elsewhere.
FRAGMENTS = [
    "\r\nBcc: eve@evil.example\r\n",
    "\nBcc: eve@evil.example",
    "\rCc: eve@evil.example",
    "\r\n\r\nanother body",
    "\r\n.\r\nMAIL FROM:<eve@evil.example>\r\n",
    "\n ",
    "\n\t",
    "\0",
    "\x0b",
    "\x0c",
    "\x1b[2J",
    "\x1c",
    "\x85",
    "\u2028",
    "\u2029",
    "\u202e",
    "\ufeff",
    "\ud800",
    "=?utf-8?q?=0d=0aBcc=3a_eve=40evil=2eexample?=",
    "=?utf-8?b?DQpCY2M6IGV2ZUBldmlsLmV4YW1wbGU=?=",
    "=?utf-8?q?=2c_eve=40evil=2eexample=2c?=",
    "=?",
    "?=",
    "<eve@evil.example>",
    "eve@evil.example, ",
    "eve@evil.example;",
    'group: eve@evil.example;" ',
    '"',
    '\\"',
    "\\",
    ",",
    "(",
    ")",
    "[",
    "A" * 10_000,
    "é" * 10_000,
    "漢, " * 3_000,
    "😀",
    " ",
    "Müller, Anna",
]


def joined(pieces: list[str], *, most: int) -> st.SearchStrategy[str]:
    either = st.one_of(st.sampled_from(pieces), st.text(max_size=20))
    return st.lists(either, max_size=most).map("".join)


hostile = joined(FRAGMENTS, most=5)


class TestComposing:
    @settings(max_examples=100, deadline=None, database=None, derandomize=True)
    @given(name=hostile, business=hostile, plan=hostile, invoice=hostile)
    def test_keeps_headers_and_recipients_whatever_the_values_hold(
        self, name, business, plan, invoice
    ):
        brand = replace(SAMPLE.brand, business=business)
        facts = replace(SAMPLE, name=name, brand=brand, plan=plan, invoices=(invoice,))
        for mail in ("receipt", "dunning_final_notice"):
            message = compose(EMAILS[mail].about(facts), facts, key="k", case="case:1", date=NOON)

            raw = message.as_bytes()
            received = message_from_bytes(raw, policy=default)
            head, _, _ = raw.partition(b"\r\n\r\n")
            lines = head.split(b"\r\n")
            assert received.keys() == HEADERS
            assert [a.addr_spec for a in received["To"].addresses] == [SAMPLE.to]
            assert [a.addr_spec for a in received["From"].addresses] == ["billing@example.com"]
            assert b"\0" not in raw
            assert b"\r" not in raw.replace(b"\r\n", b"")
            assert b"\n" not in raw.replace(b"\r\n", b"")
            assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
            assert sum(not line.startswith((b" ", b"\t")) for line in lines) == len(HEADERS)

    @settings(max_examples=80, deadline=None, database=None, derandomize=True)
    @given(display=hostile)
    def test_keeps_the_sender_whatever_its_name_holds(self, display):
        brand = replace(SAMPLE.brand, mail_from=f'"{display}" <billing@example.com>')
        sender = replace(SAMPLE, brand=brand)

        try:
            message = compose(HI, sender, key="k", case=None, date=NOON)
        except ConfigError:
            return  # a sender that can not be read is refused at once

        received = message_from_bytes(message.as_bytes(), policy=default)
        assert len(received["From"].addresses) == 1
        assert [a.addr_spec for a in received["To"].addresses] == [SAMPLE.to]

    def test_carries_the_words_beyond_ascii(self):
        anna = replace(SAMPLE, name="Žofie Müller-漢字", plan="Žofie ✓", locale="de")

        message = compose(EMAILS["receipt"].about(anna), anna, **self.named())

        received = message_from_bytes(message.as_bytes(), policy=default)
        assert received["To"].addresses[0].display_name == "Žofie Müller-漢字"
        assert "Žofie ✓" in received["Subject"]
        for kind in ("plain", "html"):
            body = received.get_body((kind,))
            assert "Žofie Müller-漢字" in body.get_content()
            assert body.get_content_charset() == "utf-8"
            assert body["Content-Language"] == "de"

    @pytest.mark.parametrize("locale", ["en", "fr", "ja"])
    def test_begins_a_subject_of_any_length_on_its_first_line(self, locale):
        # One that begins on the second is read with a blank in front of it.
        for length in range(10, 120):
            plan = ("Team and more, all of it " * 5)[:length]
            facts = replace(SAMPLE, plan=plan, locale=locale)

            message = compose(EMAILS["receipt"].about(facts), facts, **self.named())

            head, _, _ = message.as_bytes().partition(b"\r\n\r\n")
            (subject,) = re.findall(rb"^Subject:.*(?:\n .*)*", head, re.MULTILINE)
            assert re.match(rb"Subject: \S", subject), subject
            assert max(map(len, subject.splitlines())) <= 78
            received = message_from_bytes(message.as_bytes(), policy=default)
            assert received["Subject"].split() == message["Subject"].split()
            assert received["Subject"] == received["Subject"].strip()

    def test_keeps_separators_and_addresses_out_of_names(self):
        anna = replace(SAMPLE, name='Müller, "Anna" <eve@evil.example>; (x)')

        message = compose(HI, anna, **self.named())

        received = message_from_bytes(message.as_bytes(), policy=default)
        assert received["To"].addresses[0].display_name == "Müller Anna eve evil.example x"

    def test_says_that_a_machine_wrote_it(self):
        message = compose(HI, SAMPLE, **self.named())

        assert message["Auto-Submitted"] == "auto-generated"

    def test_brings_what_is_attached(self):
        files = [
            ("INV-1.pdf", "application/pdf", b"%PDF-1"),
            ("a/b\r\nc.xml", "text/xml", b"<x/>"),
        ]

        message = compose(HI, SAMPLE, **self.named(), attachments=files)

        received = message_from_bytes(message.as_bytes(), policy=default)
        assert [part.get_content_type() for part in received.walk()] == [
            "multipart/mixed",
            "multipart/alternative",
            "text/plain",
            "text/html",
            "application/pdf",
            "text/xml",
        ]
        names = [part.get_filename() for part in received.iter_attachments()]
        assert names == ["INV-1.pdf", "a b c.xml"]
        assert [part.get_payload(decode=True) for part in received.iter_attachments()] == [
            b"%PDF-1",
            b"<x/>",
        ]
        again = compose(HI, SAMPLE, **self.named(), attachments=files)
        assert again.as_bytes() == message.as_bytes()

    def test_offers_no_way_to_unsubscribe_by_default(self):
        message = compose(HI, SAMPLE, **self.named())

        assert message["List-Unsubscribe"] is message["List-Unsubscribe-Post"] is None

    def test_offers_to_unsubscribe_by_one_click_where_the_settings_say_so(self):
        url = "https://app.example.com/no-more?to={to}"
        offering = replace(SAMPLE, brand=replace(SAMPLE.brand, unsubscribe_url=url))

        message = compose(HI, offering, **self.named())

        where = "<https://app.example.com/no-more?to=ada%40example.com>"
        assert message["List-Unsubscribe"] == where
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"

    def test_uses_the_date_it_is_given(self):
        message = compose(HI, SAMPLE, key="k", case=None, date=NOON)

        assert message["Date"].datetime == NOON

    def test_refuses_a_date_without_a_zone(self):
        with pytest.raises(InvalidPeriod):
            compose(HI, SAMPLE, key="k", case=None, date=datetime(2026, 3, 2))  # noqa: DTZ001  the mistake

    def test_is_the_same_bytes_for_the_same_delivery(self):
        first = compose(HI, SAMPLE, **self.named())

        assert compose(HI, SAMPLE, **self.named()).as_bytes() == first.as_bytes()

    def test_threads_the_mails_of_one_case(self):
        one = compose(HI, SAMPLE, key="a", case="case:1", date=NOON)
        two = compose(HI, SAMPLE, key="b", case="case:1", date=NOON)
        other = compose(HI, SAMPLE, key="c", case="case:2", date=NOON)

        assert one["References"] == two["References"] == two["In-Reply-To"]
        assert other["References"] != one["References"]

    def test_threads_nothing_without_a_case(self):
        message = compose(HI, SAMPLE, key="a", case=None, date=NOON)

        assert message["References"] is None
        assert message["In-Reply-To"] is None

    @pytest.mark.parametrize(
        "address",
        [
            "",
            "nobody",
            "a@b@c.example",
            "a@example.com, eve@evil.example",
            "a@example.com\r\nRCPT TO:<eve@evil.example>",
            "a@example.com\n",
            "<a@example.com>",
            "Ada <a@example.com>",
            '"a b"@example.com',
            "a@example.com (comment)",
            "a@[127.0.0.1]",
            "a@example..com",
            "a\0@example.com",
            "a\u2028@example.com",
            "ä@example.com",
            f"{'a' * 250}@example.com",
        ],
    )
    def test_refuses_what_is_not_one_plain_address(self, address):
        with pytest.raises(Undeliverable, match="not an address"):
            compose(HI, replace(SAMPLE, to=address), **self.named())

    def test_refuses_a_sender_without_an_address(self):
        from_nobody = replace(SAMPLE, brand=replace(SAMPLE.brand, mail_from="Billing"))
        with pytest.raises(ConfigError, match="RECOUP_MAIL_FROM"):
            compose(HI, from_nobody, **self.named())

    @staticmethod
    def named():
        return {"key": "k", "case": "case:1", "date": NOON}


class TestTheMessageId:
    def test_is_the_same_for_the_same_key(self):
        assert message_id("notice:7", domain="a.example") == message_id(
            "notice:7", domain="a.example"
        )

    def test_differs_by_key(self):
        assert message_id("notice:7", domain="a.example") != message_id(
            "notice:8", domain="a.example"
        )

    def test_does_not_show_the_key(self):
        assert "ada@example.com" not in message_id("ada@example.com", domain="a.example")

    def test_has_the_senders_domain(self):
        message = compose(HI, SAMPLE, key="k", case=None, date=NOON)

        assert message["Message-ID"] == message_id("k", domain="example.com")

    def test_does_not_depend_on_what_the_mail_says(self):
        one = compose(HI, SAMPLE, key="k", case=None, date=NOON)
        two = compose(HI, replace(SAMPLE, name="X"), key="k", case=None, date=NOON)

        assert one["Message-ID"] == two["Message-ID"]


class TestParsingAnAddress:
    @pytest.mark.parametrize(
        ("address", "parts"),
        [
            ("ada@example.com", ("ada", "example.com")),
            ("ada.l+x'y@mail.example.com", ("ada.l+x'y", "mail.example.com")),
            ("ada@münchen.example", ("ada", "xn--mnchen-3ya.example")),
            (f"{'a' * 242}@example.com", ("a" * 242, "example.com")),
            (f"{'a' * 243}@example.com", None),
            (".ada@example.com", None),
        ],
    )
    def test_takes_dot_strings_and_encodes_domains(self, address, parts):
        assert parsed(address) == parts
