import re
from email import message_from_bytes
from email.policy import default

import pytest

from recoup.errors import InvalidValue
from recoup.mail.emails import EMAILS
from recoup.mail.preview import render_all


class TestThePreview:
    def test_writes_every_type_and_an_index(self, tmp_path):
        files = render_all(tmp_path / "previews")

        assert files[0].name == "index.html"
        assert {f.name for f in files[1:]} == {f"{m}.{e}" for m in EMAILS for e in ("txt", "eml")}
        assert all(f.is_file() for f in files)

    def test_writes_only_the_type_asked_for(self, tmp_path):
        files = render_all(tmp_path, only="dunning_reminder")

        names = [f.name for f in files]
        assert names == ["index.html", "dunning_reminder.txt", "dunning_reminder.eml"]

    def test_refuses_a_type_it_does_not_know(self, tmp_path):
        with pytest.raises(InvalidValue, match="no mail is called 'x'"):
            render_all(tmp_path / "no", only="x")

        assert not (tmp_path / "no").exists()

    def test_writes_mails_that_can_be_read(self, tmp_path):
        render_all(tmp_path)

        for name, mail in EMAILS.items():
            raw = (tmp_path / f"{name}.eml").read_bytes()
            subject = message_from_bytes(raw, policy=default)["Subject"]
            assert subject.strip() == mail.sample().subject

    def test_loads_nothing_from_elsewhere(self, tmp_path):
        page = render_all(tmp_path)[0].read_text()

        assert not re.search(r"<(script|img|link|iframe)|@import|url\(", page)
        assert all("//" not in target for target in re.findall(r'(?:href|src)="([^"]*)"', page))

    def test_is_the_same_every_time(self, tmp_path):
        first = [f.read_bytes() for f in render_all(tmp_path)]

        assert [f.read_bytes() for f in render_all(tmp_path)] == first
