"""What holds for every type, whoever adds it."""

from dataclasses import FrozenInstanceError, fields
from datetime import UTC, datetime
from pathlib import Path

import pytest

import recoup.mail.emails
from recoup.core.policy import DEFAULT
from recoup.mail.emails import EMAILS
from recoup.mail.letter import SAMPLE
from recoup.mail.message import compose

FOLDER = Path(recoup.mail.emails.__file__).parent
ROOT = Path(__file__).parents[2]
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class TestTheCatalogue:
    def test_registers_every_folder(self):
        folders = {p.name for p in FOLDER.iterdir() if p.is_dir() and p.name != "__pycache__"}

        assert folders == set(EMAILS)

    def test_has_every_mail_the_default_policy_sends(self):
        assert {step.mail for step in DEFAULT.steps} <= set(EMAILS)


@pytest.mark.parametrize("mail", EMAILS)
class TestEveryEmail:
    def test_renders_from_its_sample(self, mail):
        email = EMAILS[mail].sample()

        assert email.subject
        assert "\n" not in email.subject
        assert email.text.endswith("\n")
        assert SAMPLE.pay_url in email.text.splitlines()

    def test_has_its_two_templates(self, mail):
        assert {p.name for p in (FOLDER / mail).glob("*.txt")} == {"subject.txt", "text.txt"}

    def test_has_a_heading_in_the_docs(self, mail):
        assert f"## `{mail}`" in (ROOT / "docs" / "emails.md").read_text().splitlines()

    def test_has_a_test_file(self, mail):
        assert (ROOT / "tests" / "mail" / "emails" / f"test_{mail}.py").is_file()

    def test_is_a_frozen_value(self, mail):
        email = EMAILS[mail].sample()

        assert email == EMAILS[mail].sample()
        with pytest.raises((FrozenInstanceError, AttributeError)):
            setattr(email, fields(email)[0].name, "other")

    def test_becomes_a_message_that_holds_its_text(self, mail):
        email = EMAILS[mail].sample()

        message = compose(email, SAMPLE, key=mail, case="case:1", date=NOON)

        assert message.get_content().replace("\r\n", "\n") == email.text
