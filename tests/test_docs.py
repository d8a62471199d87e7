"""The pages tell the truth: examples run, commands exist, links and references lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from recoup import plan_file, policy_file
from recoup.config import Config, variable
from recoup.core.policy import DEFAULT, Choice
from recoup.mail.emails import EMAILS

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
#: Its console is a part of the story, so all of it is run.
TUTORIAL = ROOT / "docs/tutorial.md"
IDS = [page.relative_to(ROOT).as_posix() for page in PAGES]


def blocks(text: str, language: str) -> Iterator[tuple[int, str]]:
    """Every fenced block of `language`, and the line it begins on."""
    for match in re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yield text.count("\n", 0, match.start(1)) + 1, match[1]


def program(text: str) -> str:
    """A page's examples as one program, each on the line where the page has it."""
    lines: list[str] = []
    for start, body in blocks(text, "python"):
        lines += [""] * (start - 1 - len(lines)) + body.splitlines()
    return "\n".join(lines)


def commands(text: str) -> Iterator[list[str]]:
    """Every command of a page's console blocks, as words."""
    for _, body in blocks(text, "console"):
        for line in body.splitlines():
            if line.startswith("$ "):
                for part in re.split(r"&&|\|\|?|;", line[2:]):
                    words = shlex.split(part, comments=True)
                    while words and "=" in words[0]:
                        words = words[1:]
                    if words:
                        yield words


#: A process that has imported everything, and lets a fork of it be each command that it is told:
#: as new as one from a shell, without the seconds that the imports take. It answers with how the
#: command ended and with what it said.
COMMANDS = """
import json, os, shlex, sys, tempfile
import recoup.billing, recoup.cli
for told in sys.stdin:
    line, environment = json.loads(told)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if not child:
            os.environ.clear()
            os.environ.update(environment)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            sys.argv = shlex.split(line)
            sys.exit(recoup.cli.main())
        _, ended = os.waitpid(child, 0)
        said = [file.seek(0) or file.read().decode() for file in (out, err)]
    print(json.dumps([os.waitstatus_to_exitcode(ended), *said]), flush=True)
"""
#: How a page that is a story runs its console: each command in turn, with what it must show.
SHELL = f"""
import json, os, subprocess, sys
os.environ["PWD"] = os.getcwd()
from functools import cache
from pathlib import Path
@cache
def _commands():
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return subprocess.Popen([sys.executable, "-c", {COMMANDS!r}], **pipes)
def _shell(line, *shown):
    if line.startswith("export "):
        name, _, value = line.removeprefix("export ").partition("=")
        os.environ[name] = os.path.expandvars(value)
    elif line.startswith("recoup "):
        print(json.dumps([line, dict(os.environ)]), file=_commands().stdin, flush=True)
        ended, out, err = json.loads(_commands().stdout.readline())
        assert ended == 0, f"{{line}}: {{out}}{{err}}"
        seen = " ".join(out.replace(chr(9474), " ").split())
        for one in shown:
            wanted = " ".join(one.split())
            assert wanted in seen, f"{{line}}: does not show {{one!r}} but {{seen!r}}"
"""


def story(text: str) -> str:
    """A page as one program: Python as it stands, the console's commands, and the files shown."""
    lines = [f"exec({SHELL!r})"]
    kinds = ("python", "console", "toml")
    for start, kind, body in sorted((n, k, b) for k in kinds for n, b in blocks(text, k)):
        if kind == "python":
            steps = body.splitlines()
        elif kind == "toml":
            steps = [f"Path('plans.toml').write_text({body!r})"]
        else:
            steps = [
                f"_shell{(line, *filter(None, shown.splitlines()))}"
                for line, _, shown in (e.partition("\n") for e in body[2:].split("\n$ "))
            ]
        lines += [""] * (start - 1 - len(lines)) + steps
    return "\n".join(lines)


def anchors(text: str) -> frozenset[str]:
    """What the headings of a page can be linked to as."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return frozenset(
        re.sub(r"[^\w\- ]", "", h).strip().lower().replace(" ", "-") for h in headings
    )


def dead_links(page: Path) -> Iterator[str]:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        found = (page.parent / name) if name else page
        if not found.exists():
            yield f"{page.name}: {target}: there is no such file"
        elif anchor and anchor not in anchors(found.read_text()):
            yield f"{page.name}: {target}: there is no such heading"


def dead_references(root: Path) -> Iterator[str]:
    """Docstrings that send the reader to a page or a heading that is not there."""
    for path in sorted((root / "src").rglob("*.py")):
        text = re.sub(r"\s+", " ", path.read_text())
        for name, heading in re.findall(r'docs/([a-z/-]+\.md)(?:, "([^"]+)")?', text):
            page = root / "docs" / name
            if not page.exists():
                yield f"{path.name}: docs/{name} is missing"
            elif heading and not re.search(
                rf"(?m)^#+ `?{re.escape(heading)}`?$", page.read_text()
            ):
                yield f"{path.name}: docs/{name} has no heading {heading!r}"


def settings_table() -> str:
    """The table of docs/configuration.md, as it must be."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Config.model_fields.items():
        default = field.default
        if isinstance(default, tuple):
            default = ",".join(default)
        default = "unset" if default is None else f"`{default}`"
        rows.append(f"| `{variable(name)}` | {default} | {field.description} |")
    return "\n".join(rows)


class TestAnExample:
    EXAMPLES = tuple(p for p in PAGES if program(p.read_text()) and p != TUTORIAL)

    @pytest.mark.parametrize("page", EXAMPLES, ids=str)
    def test_runs(self, page, tmp_path, database_url):
        script = tmp_path / f"{page.stem}_examples.py"
        script.write_text(program(page.read_text()))
        settings = {"RECOUP_DATABASE_URL": database_url, "RECOUP_HOME": str(tmp_path)}

        result = subprocess.run(
            [sys.executable, "-W", "error", script, database_url],
            env=os.environ | settings,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

        assert result.returncode == 0, f"{page}: {result.stderr}"

    def test_keeps_its_line_and_shares_names_with_those_before(self):
        page = "# A\n\n```python\nx = 1\n```\n\nand\n\n```python\nassert x == 1\n```\n"

        assert program(page).splitlines()[3] == "x = 1"
        assert program(page).splitlines()[9] == "assert x == 1"


class TestTheTutorial:
    def test_can_be_followed(self, tmp_path, database_url):
        script = tmp_path / "tutorial.py"
        script.write_text(story(TUTORIAL.read_text()))
        settings = {"RECOUP_DATABASE_URL": database_url, "COLUMNS": "160"}

        result = subprocess.run(
            [sys.executable, "-W", "error", "-W", "ignore:Using `httpx`", script],
            env=os.environ | settings,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

        assert result.returncode == 0, result.stderr

    @pytest.mark.parametrize(
        ("page", "complaint"),
        [
            ("```console\n$ recoup --version\nno such thing\n```\n", "does not show"),
            ("```console\n$ recoup nothing\n```\n", "No such command"),
            ("```console\n$ export A=1\n```\n```python\nassert os.environ['A'] == '2'\n```\n", ""),
        ],
        ids=["shows something else", "fails", "a wrong assertion"],
    )
    def test_that_is_wrong_is_seen(self, page, complaint):
        result = subprocess.run(
            [sys.executable, "-c", story(page)], capture_output=True, text=True, check=False
        )

        assert result.returncode == 1
        assert complaint in result.stderr


class TestACommand:
    @pytest.mark.parametrize("page", PAGES, ids=IDS)
    def test_of_recoup_exists(self, page):
        wanted = [w for w in commands(page.read_text()) if Path(w[0]).name == "recoup"]
        if wanted:
            from click.testing import CliRunner

            from recoup.cli import main

            for words in wanted:
                result = CliRunner().invoke(main, [*words[1:], "--help"])

                assert result.exit_code == 0, f"{shlex.join(words)}: {result.output}"

    @pytest.mark.parametrize("page", PAGES, ids=IDS)
    def test_of_make_exists(self, page):
        targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        wanted = [w for w in commands(page.read_text()) if w[0] == "make"]

        for words in wanted:
            assert {w for w in words[1:] if "=" not in w} <= set(targets)

    def test_is_read_past_its_settings_and_pipes(self):
        page = (
            "```console\n$ A=1 recoup verify --json | jq .  # all\n$ make a && make b\nout\n```\n"
        )

        assert list(commands(page)) == [
            ["recoup", "verify", "--json"],
            ["jq", "."],
            ["make", "a"],
            ["make", "b"],
        ]

    def test_of_the_readme_is_what_ci_runs(self):
        script = (ROOT / ".ci/run").read_text()
        wanted = list(commands((ROOT / "README.md").read_text()))

        for target in ("check", "test"):
            assert ["make", target] in wanted
            assert f"\nmake {target}\n" in script
        assert os.access(ROOT / ".ci/run", os.X_OK)


class TestALink:
    @pytest.mark.parametrize("page", PAGES, ids=IDS)
    def test_leads_somewhere(self, page):
        assert list(dead_links(page)) == []

    @pytest.mark.parametrize("target", ["gone.md", "there.md#gone", "#gone"])
    def test_that_is_dead_is_seen(self, tmp_path, target):
        (tmp_path / "there.md").write_text("# There\n\n## The `x` ladder\n")
        page = tmp_path / "page.md"
        page.write_text(f"[a]({target}) [b](there.md#the-x-ladder) [c](https://example.com)\n")

        assert len(list(dead_links(page))) == 1

    def test_in_a_docstring_leads_to_a_heading(self):
        assert list(dead_references(ROOT)) == []

    def test_in_a_docstring_that_is_dead_is_seen(self, tmp_path):
        (tmp_path / "src").mkdir()
        (tmp_path / "docs").mkdir()
        (tmp_path / "docs/a.md").write_text("# A\n\n## Cases\n")
        (tmp_path / "src/a.py").write_text(
            '"""Source: docs/a.md, "Cases"; docs/a.md,\n"Gone"; docs/gone.md."""\n'
        )

        assert len(list(dead_references(tmp_path))) == 2


class TestTheSettings:
    def test_are_all_in_the_docs_as_they_are(self):
        assert settings_table() in (ROOT / "docs/configuration.md").read_text()


class TestTheLayers:
    def test_are_those_that_the_imports_are_checked_against(self):
        settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
        (contract,) = (c for c in settings["contracts"] if c["type"] == "layers")
        wanted = [layer for layer in contract["layers"] if not layer.startswith("(")]
        there = [" | ".join(n for n in line.split(" | ") if n[0] != "(") for line in wanted]

        assert "\n".join(there) in (ROOT / "docs/architecture.md").read_text()


class TestThePolicyFile:
    def test_of_the_docs_is_read_and_ends_with_the_default_written_out(self, tmp_path):
        ((_, text),) = blocks((ROOT / "docs/dunning.md").read_text(), "toml")
        (tmp_path / "policies.toml").write_text(text)

        policies = policy_file.load(tmp_path / "policies.toml", mails=frozenset(EMAILS))

        assert policies.choices[-1] == Choice(DEFAULT)
        assert policies.choose(segment="company", currency="EUR").key == "company"


class TestThePlanFile:
    PAGES = sorted([ROOT / "docs/plans.md", *(ROOT / "examples").glob("*/plans.toml")])

    @pytest.mark.parametrize("page", PAGES, ids=[f"{p.parent.name}/{p.name}" for p in PAGES])
    def test_that_is_shown_can_be_used(self, tmp_path, page):
        text = page.read_text()
        if page.suffix == ".md":
            ((_, text),) = blocks(text, "toml")
        (tmp_path / "plans.toml").write_text(text)

        assert "team" in plan_file.load(tmp_path / "plans.toml").plans


class TestADecision:
    PAGES = sorted((ROOT / "docs/decisions").glob("*.md"))

    @pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
    def test_has_its_four_parts_on_one_page(self, page):
        text = page.read_text()

        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == [
            "Context",
            "Decision",
            "Consequences",
            "Alternatives",
        ]
        assert len(text.split()) <= 500

    def test_is_numbered_without_gaps(self):
        assert [int(page.stem[:4]) for page in self.PAGES] == [*range(1, len(self.PAGES) + 1)]


class TestTheSite:
    def test_lists_every_page(self):
        nav = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"]
        listed = re.findall(r"[\w/-]+\.md", str(nav))

        assert sorted(listed) == sorted(
            page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")
        )
