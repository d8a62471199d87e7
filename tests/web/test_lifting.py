from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from recoup.web.health import Watch
from recoup.web.metrics import Figures

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MICRO = timedelta(microseconds=1)
FOLLOWS = "INSERT INTO access_store (name, since) VALUES ('webhook', '2026-01-01Z')"
WAITS = """
    WITH who AS (
        INSERT INTO customers (processor, processor_id, created_at)
        VALUES ('fake', 'cus_1', :at) RETURNING id
    ), what AS (
        INSERT INTO cases (customer_id, scope, anchor, opened_at, policy)
        SELECT id, 'invoice:1', :at, :at, 'default/1' FROM who RETURNING id, customer_id
    ), told AS (
        INSERT INTO access_versions (customer_id, version, changed_at, behind_since)
        SELECT id, 1, :at, :at FROM who
    )
    INSERT INTO restrictions (customer_id, case_id, scope, consequence, rung, since, lifted_at)
    SELECT customer_id, id, 'invoice:1', 'suspend', 'suspended', :at, :at FROM what"""


@pytest.fixture
def waiting(engine):
    """Have somebody wait since an instant for the host to undo something."""

    def wait(at, *before):
        with engine.begin() as connection:
            for sql in (*before, WAITS):
                connection.execute(text(sql), {"at": at})

    return wait


def figures(engine):
    told = Figures(Watch(engine, lambda: NOW, undo_within=10 * MINUTE)).text().decode()
    return dict(re.findall(r"^recoup_access_(\w+) (\S+)$", told, re.MULTILINE))


class TestWhoIsLifting:
    @pytest.mark.parametrize(("after", "long"), [(10 * MINUTE - MICRO, 0), (10 * MINUTE, 1)])
    def test_for_too_long_is_counted_apart(self, engine, waiting, after, long):
        waiting(NOW - after, FOLLOWS)

        found = figures(engine)

        assert (found["lifting"], found["lifting_long"]) == ("1.0", f"{long}.0")
        assert found["behind"] == f"{long}.0"
        assert float(found["lifting_oldest_seconds"]) == pytest.approx(after.total_seconds())

    @pytest.mark.parametrize(("after", "status"), [(9 * MINUTE, "ok"), (11 * MINUTE, "attention")])
    def test_for_too_long_is_for_somebody_to_look_at(self, engine, waiting, after, status):
        waiting(NOW - after, FOLLOWS)

        assert Watch(engine, lambda: NOW).look().status == status

    def test_is_nobody_where_nobody_follows(self, engine, waiting):
        waiting(NOW - 20 * MINUTE, "DELETE FROM access_store")

        assert figures(engine)["lifting"] == "0.0"
        assert figures(engine)["lifting_oldest_seconds"] == "0.0"
