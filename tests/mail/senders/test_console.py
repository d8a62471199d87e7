from io import StringIO

from recoup.mail.letter import SAMPLE
from recoup.mail.senders.console import ConsoleSender


class TestConsoleSender:
    def test_shows_headers_and_text(self, message):
        screen = StringIO()

        ConsoleSender(screen).send(message)

        shown = screen.getvalue()
        assert f"To: {SAMPLE.name} <{SAMPLE.to}>" in shown.splitlines()
        assert f"Subject: {message['Subject']}" in shown.splitlines()
        assert "Hello Ada Lovelace," in shown.splitlines()

    def test_shows_it_on_standard_output_by_default(self, message, capsys):
        ConsoleSender().send(message)

        assert "Hello Ada Lovelace," in capsys.readouterr().out
