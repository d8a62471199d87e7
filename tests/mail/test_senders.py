from pathlib import Path

import pytest

import recoup.mail.senders
from recoup.config import Config
from recoup.errors import ConfigError
from recoup.mail.senders import SENDERS, sender_for
from recoup.mail.senders.file import FileSender
from recoup.mail.senders.smtp import SmtpSender

FOLDER = Path(recoup.mail.senders.__file__).parent
ROOT = Path(__file__).parents[2]


class TestTheCatalogue:
    def test_registers_every_module(self):
        modules = {path.stem for path in FOLDER.glob("[!_]*.py")} - {"base"}

        assert modules == set(SENDERS)

    @pytest.mark.parametrize("name", SENDERS)
    def test_has_a_heading_and_a_test_file_for_each(self, name):
        assert f"## `{name}`" in (ROOT / "docs" / "senders.md").read_text().splitlines()
        assert (ROOT / "tests" / "mail" / "senders" / f"test_{name}.py").is_file()


class TestChoosingASender:
    def test_writes_files_under_home_without_a_server(self, home):
        sender = sender_for(Config.load(home=home, smtp_url=None))

        assert isinstance(sender, FileSender)
        assert sender.folder == home / "mail"

    def test_uses_the_server_when_there_is_one(self, home):
        url = "smtp://us%40er:pa%3Ass@mail.example:2525"

        sender = sender_for(Config.load(home=home, smtp_url=url))

        assert isinstance(sender, SmtpSender)
        assert (sender.host, sender.port, sender.user) == ("mail.example", 2525, "us@er")
        assert "pa" not in repr(sender)

    @pytest.mark.parametrize(("scheme", "port"), [("smtp", 25), ("smtps", 465)])
    def test_knows_the_usual_ports(self, scheme, port):
        assert SmtpSender(f"{scheme}://mail.example").port == port

    def test_refuses_smtp_without_a_server(self, home):
        with pytest.raises(ConfigError, match="RECOUP_SMTP_URL"):
            SENDERS["smtp"](Config.load(home=home, smtp_url=None))
