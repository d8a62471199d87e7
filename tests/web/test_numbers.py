from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from recoup import web
from recoup.metrics import NUMBERS
from recoup.processors.fake import NO_FUNDS, Declines
from recoup.testing.scene import Scene
from recoup.web import numbers

SERIES = re.compile(r"^recoup_(\w+?)(?:\{(.*)\})? (\S+)$", re.MULTILINE)


@pytest.fixture
def scene(database_url, home):
    with Scene.open(database_url, home) as opened:
        yield opened


@pytest.fixture
def lived(scene):
    """The scene with somebody whose renewal has failed for six days."""
    ada = scene.subscriber(Declines(NO_FUNDS))
    scene.until_failed(ada)
    scene.live(days=6)
    return scene


@pytest.fixture
def ask(scene):
    with TestClient(web.app(scene.recoup)) as client:
        yield lambda **query: client.get("/metrics/numbers", params=query)


class TestNumbersForPrometheus:
    def test_say_what_the_tables_say(self, lived, ask):
        since = lived.now.replace(year=lived.now.year - 1)

        answer = ask(days="365")

        told = {
            (name, labels): float(value) for name, labels, value in SERIES.findall(answer.text)
        }
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        wanted = dict(self.expected(lived, since))
        assert told == wanted
        assert not any(name.startswith("drift") for name, _ in told)  # /metrics has them
        assert told["recovery_failed", 'class="soft",currency="EUR"'] == 1.0

    def expected(self, scene, since):
        for number in NUMBERS:
            if not numbers.told(number):
                continue
            table = scene.recoup.metrics.read(number.name, since=since)
            for row in table.rows:
                cells = dict(zip(number.columns, row, strict=True))
                labels = ",".join(
                    f'{name}="{cells[name] or ""}"' for name in sorted(number.labels)
                )
                for name, value in cells.items():
                    if name not in number.labels and value is not None:
                        yield (f"{number.name}_{name}", labels), float(value)

    def test_of_a_window_forget_what_happened_before(self, lived, ask):
        lived.live(days=4)

        assert "recoup_recovery_failed{" in ask().text
        assert "recoup_recovery_failed{" not in ask(days="7").text
        assert "recoup_standings_customers{" in ask(days="7").text

    @pytest.mark.parametrize("days", ["0", "3661", "-1", "x", "", "1.5", "99999999999"])
    def test_of_no_window_are_refused_with_what_was_expected(self, ask, days):
        answer = ask(days=days)

        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "invalid_value"
        assert "days: expected" in answer.json()["error"]["message"]

    def test_of_a_window_below_nothing_are_refused_by_the_range(self, ask):
        assert ask(days="-1").json()["error"]["message"] == "days: expected 1 to 3660, got -1"

    def test_are_not_told_while_the_database_does_not_answer(self, scene, ask):
        scene.recoup.database.dispose()
        with scene.recoup.database.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE standings RENAME TO standings_gone")
        try:
            assert ask().status_code == 503
        finally:
            with scene.recoup.database.begin() as connection:
                connection.exec_driver_sql("ALTER TABLE standings_gone RENAME TO standings")
