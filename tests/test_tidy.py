"""Sizes, names and words: the rules of a tidy tree, each seen red on a planted fault."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

FILE, FUNCTION, CLASS, INIT, MODULES, DEPTH = 400, 60, 250, 60, 12, 4
#: Folders with one entry per thing; a mechanism is any other, and stays small.
CATALOGUES = frozenset(
    "carriers commands consequences effects emails integrations processors resources senders "
    "versions".split()
)
NO_NAMES = frozenset(
    "util utils helper helpers common misc manager managers service services".split()
)

#: Reads a folder and says what is wrong in it, place first.
Rule = Callable[[Path], Iterator[str]]
HAND_WRITTEN = ("src/recoup", "tests", "benchmarks")


def modules(root: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(root.rglob("*.py")):
        yield path.relative_to(root).as_posix(), path


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def lines(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def files_are_short(root: Path) -> Iterator[str]:
    for name, path in modules(root):
        found = len(path.read_text().splitlines())
        if found > FILE:
            yield f"{name}: {found} lines, at most {FILE}"


def functions_are_short(root: Path) -> Iterator[str]:
    for name, path in modules(root):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and lines(node) > FUNCTION:
                yield f"{name}:{node.lineno}: {node.name}: {lines(node)} lines, at most {FUNCTION}"


def classes_are_short(root: Path) -> Iterator[str]:
    for name, path in modules(root):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef) and lines(node) > CLASS:
                yield f"{name}:{node.lineno}: {node.name}: {lines(node)} lines, at most {CLASS}"


def inits_are_registries(root: Path) -> Iterator[str]:
    for name, path in modules(root):
        found = len(path.read_text().splitlines())
        if path.name == "__init__.py" and found > INIT:
            yield f"{name}: {found} lines, at most {INIT}"


def mechanisms_are_small(root: Path) -> Iterator[str]:
    for folder in [root, *(path for path in root.rglob("*") if path.is_dir())]:
        found = [path for path in folder.glob("*.py") if not path.stem.startswith("__")]
        if folder.name not in CATALOGUES and len(found) > MODULES:
            yield f"{folder.relative_to(root)}: {len(found)} modules, at most {MODULES}"


def folders_are_shallow(root: Path) -> Iterator[str]:
    for name, _ in modules(root):
        if name.count("/") > DEPTH:
            yield f"{name}: {name.count('/')} folders deep, at most {DEPTH}"


def names_say_something(root: Path) -> Iterator[str]:
    for name, _ in modules(root):
        for part in Path(name).with_suffix("").parts:
            if part.removeprefix("test_").strip("_") in NO_NAMES:
                yield f"{name}: {part!r} says nothing about what is inside"


#: Standards, bank codes and invoice numbers that look like a tracker's id.
ORDINARY = frozenset("AES ADDACS ARUDD CC INV ISO MD PDF RFC RS SHA TLS UTF US".split())
TICKET = re.compile(r"\b([A-Z]{2,10})-\d+\b(?!-)")
PHASE = re.compile(
    r"(?i)\b(?:phase|ticket|sprint|milestone|story|epic)\s+#?\d+\b"
    r"|\b(?:issue|pull request|pr|bug|fixes|closes|see)\s+#\d+\b"
)
MARKER = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|HA" r"CK)\b")
WRITTEN = {".py", ".md", ".sql", ".toml", ".txt", ".html", ".mjml", ".mako"}


def nothing_points_at_a_tracker(root: Path) -> Iterator[str]:
    for path in [root] if root.is_file() else sorted(root.rglob("*")):
        if path.suffix not in WRITTEN:
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            tickets = [m for m in TICKET.finditer(line) if m[1] not in ORDINARY]
            for match in [*tickets, *PHASE.finditer(line), *MARKER.finditer(line)]:
                yield f"{path.name}:{number}: {match[0]!r} belongs to a tracker"


#: Rule -> the folders of the project it is for.
RULES: dict[Rule, tuple[str, ...]] = {
    files_are_short: HAND_WRITTEN,
    functions_are_short: HAND_WRITTEN,
    classes_are_short: HAND_WRITTEN,
    inits_are_registries: HAND_WRITTEN,
    mechanisms_are_small: ("src/recoup",),
    folders_are_shallow: HAND_WRITTEN,
    names_say_something: HAND_WRITTEN,
    nothing_points_at_a_tracker: (
        *HAND_WRITTEN,
        "docs",
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "pyproject.toml",
    ),
}


def body(count: int) -> str:
    return "    x = 1\n" * count


#: Rule, the file that breaks it, its text, and one step back: the file that does not.
PLANTS = [
    (files_are_short, "core/a.py", "\n" * 401, "core/a.py", "\n" * 400),
    (functions_are_short, "a.py", f"def f():\n{body(60)}", "a.py", f"def f():\n{body(59)}"),
    (classes_are_short, "a.py", f"class A:\n{body(250)}", "a.py", f"class A:\n{body(249)}"),
    (inits_are_registries, "mail/__init__.py", "\n" * 61, "mail/__init__.py", "\n" * 60),
    (inits_are_registries, "mail/__init__.py", "\n" * 61, "mail/base.py", "\n" * 61),
    (folders_are_shallow, "a/b/c/d/e/f.py", "", "a/b/c/d/e.py", ""),
    (names_say_something, "store/utils.py", "", "store/utilities.py", ""),
    (names_say_something, "mail/_helpers/a.py", "", "mail/senders/a.py", ""),
    (names_say_something, "service.py", "", "serviceable.py", ""),
    (nothing_points_at_a_tracker, "a.py", "# see BILL" + "-15", "a.py", "# see ISO-4217, UTF-8"),
    (nothing_points_at_a_tracker, "a.md", "Phase" + " 4", "a.md", "a phase of 4 days"),
    (nothing_points_at_a_tracker, "a.sql", "-- closes" + " #12", "a.sql", "-- closes 12 of them"),
    (nothing_points_at_a_tracker, "a.py", "# TO" + "DO: later", "a.py", "# done, not to do"),
    (nothing_points_at_a_tracker, "a.py", "# (PAY" + "-03)", "a.html", "colour: #123"),
]


def complaints(rule: Rule, folder: Path, name: str, text: str) -> list[str]:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return list(rule(folder))


class TestTheTree:
    @pytest.mark.parametrize(
        ("rule", "folder"),
        [
            pytest.param(rule, folder, id=f"{rule.__name__}-{folder}")
            for rule, folders in RULES.items()
            for folder in folders
        ],
    )
    def test_is_tidy(self, rule, folder):
        assert list(rule(ROOT / folder)) == []

    def test_is_where_the_rules_look_for_it(self):
        assert {"core/money.py", "config/settings.py"} <= {
            name for name, _ in modules(ROOT / "src/recoup")
        }


class TestAPlantedFault:
    @pytest.mark.parametrize(
        ("rule", "name", "text"), [pytest.param(*p[:3], id=p[0].__name__) for p in PLANTS]
    )
    def test_is_seen(self, tmp_path, rule, name, text):
        assert len(complaints(rule, tmp_path, name, text)) == 1

    @pytest.mark.parametrize(
        ("rule", "name", "text"),
        [pytest.param(p[0], *p[3:], id=p[0].__name__) for p in PLANTS],
    )
    def test_is_told_from_what_is_just_within_the_rule(self, tmp_path, rule, name, text):
        assert complaints(rule, tmp_path, name, text) == []

    @pytest.mark.parametrize(("folder", "count", "red"), [
        ("core", 12, False),
        ("core", 13, True),
        ("effects", 13, False),
    ])  # fmt: skip
    def test_of_crowding_is_seen_in_mechanisms_only(self, tmp_path, folder, count, red):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").touch()
        for number in range(count):
            (tmp_path / folder / f"m{number}.py").touch()

        assert bool(list(mechanisms_are_small(tmp_path))) is red

    def test_is_planted_for_every_rule(self):
        assert {plant[0] for plant in PLANTS} | {mechanisms_are_small} == set(RULES)
