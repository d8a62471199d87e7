from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from recoup.cli import main
from recoup.cli.registry import COMMANDS

ROOT = Path(__file__).parents[2]
RECOUP = Path(sys.executable).with_name("recoup")
HEAVY = "sqlalchemy psycopg alembic pydantic rich.console msgspec recoup.billing".split()


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )


def every_command() -> list[tuple[tuple[str, ...], click.Command]]:
    found: list[tuple[tuple[str, ...], click.Command]] = []
    context = click.Context(main)
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        found.append(((name,), command))
        if isinstance(command, click.Group):
            found.extend(((name, sub), below) for sub, below in command.commands.items())
    return found


EVERY = every_command()
NAMES = [" ".join(words) for words, _ in EVERY]


class TestTheHelp:
    def test_loads_nothing_that_is_slow(self):
        result = run(
            "import sys\nfrom recoup.cli import main\n"
            "try: main(['--help'])\nexcept SystemExit: pass\n"
            f"print(sorted(set(sys.modules) & set({HEAVY!r})), file=sys.stderr)"
        )

        assert result.returncode == 0
        assert result.stderr == "[]\n"
        assert all(name in result.stdout for name in COMMANDS)

    def test_would_be_seen_to_load_something_slow(self):
        result = run(f"import sys, recoup.billing\nprint(set(sys.modules) & set({HEAVY!r}))")

        assert "sqlalchemy" in result.stdout

    @pytest.mark.parametrize("name", COMMANDS)
    def test_says_of_a_command_what_the_command_says_of_itself(self, name):
        command = main.get_command(click.Context(main), name)

        assert command is not None
        assert command.name == name
        said = command.get_short_help_str(200)
        first = said.rstrip(".").split()[0]
        assert COMMANDS[name][1].endswith(".")
        assert first[0].isupper()

    @pytest.mark.parametrize(("words", "command"), EVERY, ids=NAMES)
    def test_of_a_command_has_an_example_that_exists(self, words, command):
        result = CliRunner().invoke(main, [*words, "--help"])
        example = re.search(r"Example: (?:[A-Z_]+=\S+ )?recoup (.+)", result.output)

        assert result.exit_code == 0
        assert example, result.output
        assert example[1].split()[: len(words)] == list(words)

    def test_is_shown_when_nothing_is_asked(self):
        result = CliRunner().invoke(main, [])

        assert "Usage:" in result.output
        assert result.exit_code == 2

    def test_knows_its_version(self):
        assert re.fullmatch(
            r"recoup \d+\.\d+\.\d+\n", CliRunner().invoke(main, ["--version"]).output
        )


class TestThePage:
    def test_has_a_heading_for_every_command_and_no_other(self):
        text = (ROOT / "docs/cli.md").read_text()

        assert re.findall(r"^## `recoup ([\w-]+)`$", text, re.MULTILINE) == list(COMMANDS)

    @pytest.mark.parametrize("words", [w for w, _ in EVERY if len(w) == 2], ids=" ".join)
    def test_tells_of_every_command_below_another(self, words):
        assert f"recoup {' '.join(words)}" in (ROOT / "docs/cli.md").read_text()


class TestWithoutTheExtra:
    @pytest.mark.parametrize("missing", ["click", "rich"])
    def test_one_sentence_says_what_to_install(self, missing):
        result = run(
            f"""
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {missing!r}:
            raise ModuleNotFoundError(name, name={missing!r})

sys.meta_path.insert(0, Blocked())
from recoup.cli import main
sys.exit(main())
"""
        )

        assert result.returncode == 2
        assert result.stderr == "The command line is an extra: pip install 'recoup[cli]'.\n"


class TestTheProgram:
    def test_starts(self):
        result = subprocess.run([RECOUP, "--help"], capture_output=True, text=True, check=False)

        assert result.returncode == 0
        assert result.stderr == ""

    @pytest.mark.parametrize("words", ["--help", "policy check file.toml"])
    def test_works_when_nobody_listens(self, words, tmp_path):
        (tmp_path / "file.toml").write_text('[[policy]]\nkey = "a"\nversion = 1\n')
        result = subprocess.run(
            ["sh", "-c", f"exec '{RECOUP}' {words} >&-"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip

        assert (result.returncode, result.stderr) == (0, "")

    @pytest.mark.parametrize(
        "words", [["bogus"], ["ingest"], ["explain"], ["tick", "--now", "soon"], ["worker", "now"]]
    )
    def test_exits_2_when_called_wrongly(self, words):
        result = subprocess.run([RECOUP, *words], capture_output=True, text=True, check=False)

        assert result.returncode == 2
        assert "Traceback" not in result.stderr

    def test_names_a_wrong_setting_and_what_was_expected(self, home):
        env = os.environ | {"RECOUP_HOME": str(home), "RECOUP_DATABASE_URL": "mysql://u:pw@x/y"}

        result = subprocess.run(
            [RECOUP, "customers", "list"], env=env, capture_output=True, text=True, check=False
        )

        assert result.returncode == 2
        assert "RECOUP_DATABASE_URL: expected a postgresql:// URL" in result.stderr
        assert "pw" not in result.stderr

    def test_tells_of_a_server_that_does_not_answer_without_its_password(self, home):
        url = "postgresql://u:sesame@127.0.0.1:1/none"
        env = os.environ | {"RECOUP_HOME": str(home), "RECOUP_DATABASE_URL": url}

        result = subprocess.run(
            [RECOUP, "customers", "list"], env=env, capture_output=True, text=True, check=False
        )

        assert result.returncode == 2
        assert "the database does not answer" in result.stderr
        assert "sesame" not in result.stderr + result.stdout
        assert "Traceback" not in result.stderr
