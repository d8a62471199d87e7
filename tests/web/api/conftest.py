"""A shop on the fake processor whose API is asked as a client does, and keys to ask with."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from cloning import create_clone
from sqlalchemy.engine import make_url
from starlette.testclient import TestClient

from recoup import web
from recoup.core.money import Money
from recoup.store import keys
from recoup.store.keys import SCOPES
from recoup.testing.scene import Scene

_numbers = count(1)


@dataclass(frozen=True)
class Api:
    """A client of the API of a scene; `client` speaks to it without a key."""

    scene: Scene
    client: TestClient
    key: str

    def key_for(self, *scopes: str, name: str | None = None, **more: Any) -> str:
        """Make a key that has these scopes, by default all there are."""
        recoup = self.scene.recoup
        with recoup.database.begin() as connection:
            return keys.create(
                connection,
                name or f"key-{next(_numbers)}",
                scopes or SCOPES,
                actor="test",
                now=recoup.clock.now(),
                **more,
            ).text

    def get(self, path: str, *, key: str | None = None, **query: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {key or self.key}"}
        return self.client.get(f"/api/v1{path}", headers=headers, params=query or None)

    def post(
        self,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        command: str | None = None,
        **headers: str,
    ) -> httpx.Response:
        headers = {
            "authorization": f"Bearer {key or self.key}",
            "idempotency-key": command or f"command-{next(_numbers)}",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        if isinstance(body, bytes):
            return self.client.post(f"/api/v1{path}", headers=headers, content=body)
        return self.client.post(
            f"/api/v1{path}", headers=headers, json={} if body is None else body
        )

    def rows(self, sql: str, **given: Any) -> list[Any]:
        return [tuple(row.values()) for row in self.scene.rows(sql, **given)]


@contextmanager
def opened(database_url: str, home: Path) -> Iterator[Api]:
    with (
        Scene.open(database_url, home) as scene,
        TestClient(web.app(scene.recoup), raise_server_exceptions=False) as client,
    ):
        made = Api(scene, client, "")
        yield Api(scene, client, made.key_for(name="all"))


@pytest.fixture
def api(database_url: str, home: Path) -> Iterator[Api]:
    with opened(database_url, home) as made:
        yield made


@pytest.fixture(scope="module")
def still(
    server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    """One for all tests of a file that leave it as it is; its only customer is user:1."""
    name = f"api_{os.getpid()}_{time.monotonic_ns()}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        create_clone(admin, name, of=template)
        url = make_url(server_url).set(drivername="postgresql", database=name)
        home = tmp_path_factory.mktemp("api")
        with opened(url.render_as_string(hide_password=False), home) as made:
            made.post("/customers", {"owner_type": "user", "owner_id": "1"})
            yield made
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def price(api: Api) -> str:
    return api.scene.fake.create_price(Money(4900, "EUR"))
