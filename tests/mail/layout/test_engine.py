import runpy
from pathlib import Path

import pytest

from recoup.errors import ConfigError
from recoup.mail.emails import EMAILS
from recoup.mail.layout import engine
from recoup.mail.layout.engine import Layout
from recoup.mail.template import words

ROOT = Path(__file__).parents[3]


@pytest.fixture
def written(tmp_path):
    """Return a function from a template's text to the layout that it is."""

    def layout(text: str) -> Layout:
        file = tmp_path / "layout.html"
        file.write_text(text)
        return Layout.from_file(file)

    return layout


class TestTheLayoutOfAllMails:
    def test_is_compiled_from_its_source(self):
        stale = runpy.run_path(str(ROOT / "tools/mails.py"))["stale"]

        assert [str(target) for target, _ in stale()] == []

    def test_is_what_a_type_has_that_brings_none(self, tmp_path):
        assert engine.ours(tmp_path) is engine.ours("receipt") is engine.ours()

    def test_gives_way_to_one_that_a_type_brings(self, tmp_path):
        (tmp_path / "mail.html").write_text("<p>{{ subject }}</p>")

        html, text = engine.ours(tmp_path).fill(words(EMAILS["receipt"].sample()))

        assert html == "<p>Receipt for your Team subscription</p>"
        assert text == engine.ours().fill(words(EMAILS["receipt"].sample()))[1]


class TestALayoutOfTheHosts:
    def test_escapes_what_it_shows(self, written):
        html, _ = written("<p>{{ subject.text }}</p>").fill(
            {**words(EMAILS["receipt"].sample()), "subject": {"text": "<b>"}}
        )

        assert html == "<p>&lt;b&gt;</p>"

    @pytest.mark.parametrize(
        "text",
        [
            "{{ subject.__class__.__mro__[1].__subclasses__() }}",
            "{{ ''.__class__ }}",
            "{{ blocks.append(1) }}",
            "{{ self.__init__.__globals__ }}",
            "{% set x = blocks.__class__.__base__ %}{{ x.__subclasses__() }}",
        ],
    )
    def test_can_not_leave_its_sandbox(self, written, text):
        layout = written(text)

        with pytest.raises(Exception, match=r"unsafe|undefined|not safely"):
            layout.fill(words(EMAILS["receipt"].sample()))

    @pytest.mark.parametrize("text", ["{% for %}", "{{", "{% include 'x' %}{% endblock %}"])
    def test_is_refused_when_it_is_no_template(self, written, text):
        with pytest.raises(ConfigError, match=r"layout\.html"):
            written(text)

    def test_is_refused_when_it_is_not_there(self, tmp_path):
        with pytest.raises(ConfigError, match="nowhere"):
            Layout.from_file(tmp_path / "nowhere.html")

    def test_can_not_include_what_is_not_beside_it(self, written):
        layout = written("{% include '../../etc/passwd' %}")

        with pytest.raises(Exception, match="etc/passwd"):
            layout.fill(words(EMAILS["receipt"].sample()))
