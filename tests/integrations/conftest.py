"""A shop with one customer on the example applications' plan, and the way to load those."""

from __future__ import annotations

import importlib.util
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from recoup import Recoup, plan_file
from recoup.core.billing.catalogue import Catalogue
from recoup.processors.fake import NO_FUNDS, Declines
from recoup.store import tables
from recoup.store.listener import TRUSTED
from recoup.store.writer import Writer
from recoup.testing.scene import Scene

EXAMPLES = Path(__file__).parents[2] / "examples"


class Shop:
    """
    Ada, the host's user "ada", subscribes to the plan of the examples.

    Nothing is stubbed: her access is what the rows say, and those are what the fake has told.
    """

    def __init__(self, scene, server_url):
        self.scene = scene
        self._server_url = server_url
        self.ada = scene.subscriber()
        (bought,) = scene.rows("SELECT customer_id, prices FROM subscriptions")
        self._name(bought["customer_id"])
        shown = plan_file.load(EXAMPLES / "flask_app/plans.toml")
        team = replace(shown.plans["team"], prices=frozenset(bought["prices"]))
        self.recoup = Recoup(
            scene.recoup.config,
            processor=scene.fake,
            sender=scene.outbox,
            clock=scene.clock,
            plans=Catalogue({"team": team}, shown.kinds),
        )

    def _name(self, customer_id):
        with self.scene.recoup.database.begin() as connection:
            writer = Writer(connection, now=self.scene.now, actor="host", cause="test")
            before = {"id": customer_id, "owner_type": None, "owner_id": None}
            writer.update(tables.customers, before, {"owner_type": "user", "owner_id": "ada"})
            writer.flush()

    def dun(self, *, days):
        """Let Ada's payments fail and live on for so many days."""
        self.scene.fake.update_method(self.ada.method, payer=Declines(NO_FUNDS))
        self.scene.pace.until(self.scene.until_failed(self.ada) + timedelta(days=days))
        time.sleep(TRUSTED)  # no answer that is kept is older

    @contextmanager
    def database_down(self):
        """End every connection and let no new one in."""
        name = make_url(self.recoup.database.url).database
        with psycopg.connect(self._server_url, autocommit=True) as admin:
            admin.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false')
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                (name,),
            )
            yield
            admin.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')


@pytest.fixture
def shop(database_url, server_url, home):
    with Scene.open(database_url, home) as scene:
        made = Shop(scene, server_url)
        yield made
        made.recoup.close()
        assert scene.violations() == ()


@pytest.fixture
def example():
    """Load the application of an example."""

    def load(name):
        path = EXAMPLES / name / "app.py"
        spec = importlib.util.spec_from_file_location(f"example_{name}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def django_site():
    """Django, set up once in this process; a test overrides the settings that it needs."""
    import django
    from django.conf import settings

    if not settings.configured:
        settings.configure(SECRET_KEY="of the tests", ALLOWED_HOSTS=["testserver"])
        django.setup()
