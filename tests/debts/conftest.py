"""Somebody with two invoices in bad debt, lived once and cloned for each test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
from cloning import create_clone
from indebted import Debtor, in_bad_debt
from sqlalchemy.engine import make_url

from recoup.testing.crash import Work, abandon, copied
from recoup.testing.scene import Scene, Subscriber


@pytest.fixture(scope="session")
def clones(server_url, template, tmp_path_factory) -> Iterator[Callable[[str], tuple[str, Path]]]:
    """Make databases like another one, each with a folder; they go with the run."""
    folder, numbers, made = tmp_path_factory.mktemp("debts"), count(), []

    def clone(of: str) -> tuple[str, Path]:
        made.append(f"debts_{os.getpid()}_{next(numbers)}")
        with psycopg.connect(server_url, autocommit=True) as connection:
            create_clone(connection, made[-1], of=of)
        url = make_url(server_url).set(drivername="postgresql", database=made[-1])
        return url.render_as_string(hide_password=False), folder / made[-1]

    yield clone
    with psycopg.connect(server_url, autocommit=True) as connection:
        for name in made:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def lived(clones, template) -> tuple[Work, Subscriber, int, tuple[int, ...]]:
    """Seventy-five days of refusals."""
    url, home = clones(template)
    books = home / "books.sqlite3"
    with Scene.open(url, home, books=books) as scene:
        debtor = in_bad_debt(scene)
        now = scene.now
    abandon(url)
    return Work(url, books, home, now), debtor.who, debtor.id, debtor.invoices


@pytest.fixture
def work(clones, lived) -> Work:
    """A clone of those days: a database, books and a folder of this test's own."""
    where = lived[0]
    url, home = clones(str(make_url(where.database_url).database))
    return copied(where, database_url=url, home=home)


@pytest.fixture
def reopened(lived):
    """Open a clone as a scene."""

    @contextmanager
    def opened(work: Work) -> Iterator[Debtor]:
        with Scene.open(work.database_url, work.home, start=work.now, books=work.books) as scene:
            yield Debtor(scene, *lived[1:])

    return opened


@pytest.fixture
def debtor(work, reopened) -> Iterator[Debtor]:
    """The customer; whatever is done, every invariant must hold when it ends."""
    with reopened(work) as opened:
        yield opened
        opened.scene.pace.settle()
        assert opened.scene.violations() == ()


@pytest.fixture
def scene(debtor) -> Scene:
    return debtor.scene
