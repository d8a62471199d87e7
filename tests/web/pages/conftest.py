"""One scene for all tests of a file; each has customers of its own in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import pytest
from linked import Debtor, owing, shared_scene
from paged import Browser
from starlette.testclient import TestClient

from recoup import web
from recoup.testing.scene import Scene

_numbers = count(1)


@pytest.fixture(scope="module")
def scene(server_url: str, template: str, tmp_path_factory) -> Iterator[Scene]:
    with shared_scene(server_url, template, tmp_path_factory.mktemp("home")) as made:
        yield made


@pytest.fixture
def somebody(scene: Scene) -> Callable[..., Debtor]:
    """Make a customer who owes; each call another one."""
    return lambda **told: owing(scene, f"c{next(_numbers)}", **told)


@pytest.fixture
def ada(somebody: Callable[..., Debtor]) -> Debtor:
    return somebody()


@pytest.fixture(scope="module")
def browser(scene: Scene) -> Iterator[Browser]:
    with TestClient(
        web.links_app(scene.recoup), base_url="https://pay.example.com", follow_redirects=False
    ) as client:
        yield Browser(client)
