"""Every entry of a catalogue is registered, has its own test file, and a heading in the docs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from recoup.mail.language.locales import SHIPPED

ROOT = Path(__file__).parents[1]

#: Catalogue -> the file that registers its entries, both below src/recoup.
CATALOGUES = {
    "campaigns": "campaigns/__init__.py",
    "access": "access/__init__.py",
    "commands": "commands/__init__.py",
    "core/consequences": "core/consequences/__init__.py",
    "effects": "effects/__init__.py",
    "integrations": "integrations/__init__.py",
    "jobs/carriers": "jobs/carriers/__init__.py",
    "mail/emails": "mail/emails/__init__.py",
    "mail/senders": "mail/senders/__init__.py",
    "processors": "processors/__init__.py",
}


def entries(folder: Path) -> Iterator[str]:
    """A module each, or a folder with something in it; `base` states the contract."""
    for path in sorted(folder.glob("*")):
        if path.stem.startswith(("_", "base")):
            continue
        if folder.name == "processors" and not (path / "processor.py").exists():
            continue  # a company's language alone is no processor yet
        if folder.name == "commands" and not is_noun(path):
            continue  # it serves nouns and is none
        if path.suffix == ".py" or any(file.stat().st_size for file in path.glob("*.py")):
            yield path.stem


def is_noun(path: Path) -> bool:
    """A module of commands is a noun when it has kinds, and the class named after it."""
    body = ast.parse(path.read_text()).body if path.is_file() else []
    kinds = any(isinstance(n, ast.AnnAssign) and ast.unparse(n.target) == "KINDS" for n in body)
    return kinds and any(isinstance(n, ast.ClassDef) and n.name == path.stem.title() for n in body)


def names(registry: Path) -> frozenset[str]:
    """Every part of a dotted name that is imported or written as text."""
    if not registry.exists():
        return frozenset()
    found: set[str] = set()
    for node in ast.walk(ast.parse(registry.read_text())):
        if isinstance(node, ast.ImportFrom):
            found |= {*(node.module or "").split("."), *(alias.name for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {part for alias in node.names for part in alias.name.split(".")}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= set(node.value.split("."))
    return frozenset(found)


def forgotten(root: Path, catalogue: str) -> Iterator[str]:
    """Say what was forgotten for which entry, and what would mend it."""
    package, registry = root / "src/recoup", CATALOGUES[catalogue]
    tests = {path.stem for path in (root / "tests").rglob("test_*.py")}
    headings = [
        line
        for page in (root / "docs").rglob("*.md")
        for line in page.read_text().splitlines()
        if line.startswith("#")
    ]
    for entry in entries(package / catalogue):
        if entry not in names(package / registry):
            yield f"{catalogue}/{entry}: add its line to {registry}"
        if not any(f"{stem}_".startswith(f"test_{entry}_") for stem in tests):
            yield f"{catalogue}/{entry}: write tests/**/test_{entry}.py"
        if not any(f"`{entry}`" in heading for heading in headings):
            yield f"{catalogue}/{entry}: write about it in docs/, under a heading with `{entry}`"


class TestACatalogue:
    @pytest.mark.parametrize("catalogue", CATALOGUES)
    def test_forgets_nothing(self, catalogue):
        assert list(forgotten(ROOT, catalogue)) == []

    @pytest.mark.parametrize("catalogue", CATALOGUES)
    def test_is_a_folder(self, catalogue):
        assert (ROOT / "src/recoup" / catalogue).is_dir()


class TestANoun:
    def test_is_what_hosts_call_and_not_what_serves_it(self):
        found = set(entries(ROOT / "src/recoup/commands"))

        assert {"customers", "subscriptions", "payments"} <= found
        assert not found & {"bound", "lifecycle", "closing", "paying", "kinds"}


class TestAnEmail:
    def test_has_its_value_and_its_words_in_every_language(self):
        folder = ROOT / "src/recoup/mail/emails"
        wanted = {"__init__.py", "email.py", *(f"{tag}.toml" for tag in SHIPPED)}

        missing = {
            entry: wanted - {path.name for path in (folder / entry).glob("*")}
            for entry in entries(folder)
        }

        assert not any(missing.values()), missing


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose one sender is complete."""
    senders = tmp_path / "src/recoup/mail/senders"
    senders.mkdir(parents=True)
    (senders / "base.py").write_text("class Sender: ...\n")
    (senders / "pigeon.py").write_text("class Pigeon: ...\n")
    (senders / "__init__.py").write_text("from recoup.mail.senders.pigeon import Pigeon\n")
    (tmp_path / "tests/mail").mkdir(parents=True)
    (tmp_path / "tests/mail/test_pigeon.py").touch()
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/mail.md").write_text("# Mail\n\n## `pigeon`\n")
    return tmp_path


class TestAPlantedEntry:
    def test_that_is_complete_is_green(self, project):
        assert list(forgotten(project, "mail/senders")) == []

    @pytest.mark.parametrize(
        ("file", "text", "mend"),
        [
            ("src/recoup/mail/senders/__init__.py", "", "add its line"),
            ("tests/mail/test_pigeon.py", None, "test_pigeon.py"),
            ("docs/mail.md", "# Mail\n\nThe `pigeon` flies.\n", "under a heading"),
        ],
    )
    def test_without_one_step_is_red(self, project, file, text, mend):
        if text is None:
            (project / file).unlink()
        else:
            (project / file).write_text(text)

        (complaint,) = forgotten(project, "mail/senders")

        assert mend in complaint

    def test_may_be_a_folder_that_is_loaded_late(self, project):
        senders = project / "src/recoup/mail/senders"
        (senders / "pigeon.py").unlink()
        (senders / "pigeon").mkdir()
        (senders / "pigeon/__init__.py").write_text("class Pigeon: ...\n")
        (senders / "__init__.py").write_text("SENDERS = {'pigeon': 'recoup.mail.pigeon:Pigeon'}\n")

        assert list(forgotten(project, "mail/senders")) == []

    def test_may_spread_its_tests_over_files(self, project):
        (project / "tests/mail/test_pigeon.py").rename(project / "tests/mail/test_pigeon_wind.py")

        assert list(forgotten(project, "mail/senders")) == []
