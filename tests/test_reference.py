"""The reference is what the docstrings say, and every public verb says something."""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_spec = importlib.util.spec_from_file_location("reference", ROOT / "tools/reference.py")
reference = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(reference)
VERBS = [
    pytest.param(kind, name, id=f"{noun}.{name}")
    for noun, kind in reference.NOUNS.items()
    for name, _ in inspect.getmembers(kind, inspect.isfunction)
    if not name.startswith("_")
]


class TestTheReference:
    def test_is_what_the_docstrings_say(self):
        pages = reference.pages()

        written = {path.name: path.read_text() for path in (ROOT / "docs/reference").glob("*.md")}
        assert written == pages, "run `make docs`"

    @pytest.mark.parametrize(("kind", "name"), VERBS)
    def test_tells_of_every_verb_what_it_does(self, kind, name):
        told = inspect.getdoc(getattr(kind, name))

        assert told
        assert told[0].isupper()
