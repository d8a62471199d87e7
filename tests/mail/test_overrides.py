from dataclasses import dataclass, replace
from email.message import EmailMessage

import pytest

from recoup.errors import ConfigError, InvalidValue, Undeliverable
from recoup.mail.base import Email
from recoup.mail.emails import EMAILS
from recoup.mail.layout.engine import Layout
from recoup.mail.letter import NOON, SAMPLE
from recoup.mail.message import compose, message_id
from recoup.mail.overrides import Mails
from recoup.mail.parts import Say

DELIVERY = {"key": "k", "case": "case:1", "date": NOON}


@dataclass(frozen=True, slots=True)
class Curt(EMAILS["receipt"]):
    """A receipt of the host's: our words, and fewer of them."""

    def parts(self):
        yield Say("where")


class Forging:
    """A mailer of the host's that says who sends, who gets it, and more."""

    def compose(self, type, facts, *, key, case, date, attachments=()):
        message = EmailMessage()
        message["Subject"] = f"{type} for {facts.plan}"
        message["From"] = "someone@else.example"
        message["To"] = "eve@evil.example"
        message["Bcc"] = "eve@evil.example"
        message["Cc"] = "eve@evil.example"
        message["Message-ID"] = "<1@else.example>"
        message.set_content("Hello")
        for name, type_, data in attachments:
            message.add_attachment(data, *type_.split("/"), filename=name)
        return message


@pytest.fixture
def mails():
    return Mails()


class TestMails:
    def test_are_ours_where_nothing_was_changed(self, mails):
        ours = compose(EMAILS["receipt"].about(SAMPLE), SAMPLE, **DELIVERY)

        assert mails.compose("receipt", SAMPLE, **DELIVERY).as_bytes() == ours.as_bytes()

    def test_refuse_an_address_that_is_none_whoever_makes_them(self, mails):
        nobody = replace(SAMPLE, to="nobody")

        with pytest.raises(Undeliverable):
            mails.compose("receipt", nobody, **DELIVERY)
        mails.replace(Forging())
        with pytest.raises(Undeliverable):
            mails.compose("receipt", nobody, **DELIVERY)

    def test_show_their_sample_as_a_brand_writes_it(self, mails):
        brand = replace(SAMPLE.brand, business="Acme", mail_from="Acme <us@acme.example>")

        message = mails.sample("receipt", brand, locale="de")

        assert message["From"].addresses[0].addr_spec == "us@acme.example"
        assert "Acme" in message.get_body(("plain",)).get_content()
        assert (
            message["Subject"] == "Zahlungsbeleg für Ihr Team-Abo" or "Team" in message["Subject"]
        )

    def test_have_no_sample_of_what_is_no_type(self, mails):
        with pytest.raises(InvalidValue, match="no mail is called 'x'"):
            mails.sample("x", SAMPLE.brand)


class TestATemplateForEachMessage:
    def test_is_chosen_by_type_and_facts(self, mails, tmp_path):
        (tmp_path / "gold.html").write_text("<p>gold {{ subject }}</p>")
        gold = Layout.from_file(tmp_path / "gold.html")
        seen = []

        def choose(type, facts):
            seen.append((type, facts.plan))
            return gold if facts.plan == "Gold" else None

        mails.choose_template(choose)
        made = mails.compose("receipt", replace(SAMPLE, plan="Gold"), **DELIVERY)
        other = mails.compose("trial_ended", SAMPLE, **DELIVERY)

        assert seen == [("receipt", "Gold"), ("trial_ended", "Team")]
        assert made.get_body(("html",)).get_content().startswith("<p>gold Receipt")
        assert "gold" not in other.get_body(("html",)).get_content()


class TestAClassOfTheHosts:
    def test_says_what_its_type_says(self, mails):
        mails.use("receipt", Curt)

        text = mails.compose("receipt", SAMPLE, **DELIVERY).get_body(("plain",)).get_content()

        assert "We received" not in text
        assert "Hello Ada Lovelace," in text

    def test_leaves_the_other_types_and_the_other_mailers_alone(self, mails):
        mails.use("receipt", Curt)

        assert type(mails.email("trial_ended", SAMPLE)) is EMAILS["trial_ended"]
        assert type(Mails().email("receipt", SAMPLE)) is EMAILS["receipt"]

    @pytest.mark.parametrize("wrong", [str, None, "receipt", Curt(SAMPLE)])
    def test_is_refused_when_it_is_none(self, mails, wrong):
        with pytest.raises(InvalidValue, match="a class made from Email"):
            mails.use("receipt", wrong)

    def test_is_refused_for_what_is_no_type(self, mails):
        with pytest.raises(InvalidValue, match="no mail is called 'x'"):
            mails.use("x", Curt)

    def test_without_words_of_its_own_fails_when_it_is_made(self, mails, tmp_path):
        class Mute(Email):
            folder = tmp_path

            def subject(self):
                return Say("subject")

            def parts(self):
                yield from ()

        mails.use("receipt", Mute)

        with pytest.raises(ConfigError, match=r"en\.toml"):
            mails.compose("receipt", SAMPLE, **DELIVERY)


class TestAMailerOfTheHosts:
    def test_makes_the_message_and_says_neither_who_nor_when(self, mails):
        mails.replace(Forging())

        made = mails.compose(
            "receipt", SAMPLE, **DELIVERY, attachments=[("a.pdf", "application/pdf", b"%PDF")]
        )

        assert made["Subject"] == "receipt for Team"
        assert made["To"].addresses[0].addr_spec == SAMPLE.to
        assert made["From"].addresses[0].addr_spec == "billing@example.com"
        assert made["Cc"] is made["Bcc"] is None
        assert made["Message-ID"] == message_id("k", domain="example.com")
        assert made["References"] == message_id("case:1", domain="example.com")
        assert made["Date"].datetime == NOON
        assert [part.get_filename() for part in made.iter_attachments()] == ["a.pdf"]
        assert made.get_all("MIME-Version") == ["1.0"]
