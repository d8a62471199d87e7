from __future__ import annotations

import json
import re
import signal
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import text

from recoup.jobs.clocks import PATIENCE, FixedClock, Recurring, run_due
from recoup.jobs.loop import OurDesk
from recoup.store import database
from recoup.web.health import Watch
from recoup.webhooks.signature import HEADER, sign

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECRET = "whsec_of_the_tests_0001"


def look(engine, now=NOW):
    return Watch(engine, lambda: now).look()


def run_clocks(engine, at):
    every = Recurring("sweep", timedelta(seconds=10), lambda _desk: None)
    run_due(OurDesk(engine, FixedClock(at), {}), (every,))


class TestHowItIs:
    def test_is_ok_when_nothing_lies_about(self, engine):
        run_clocks(engine, NOW)

        seen = look(engine)

        assert (seen.status, seen.database, seen.schema) == ("ok", True, True)
        assert set(seen.inbox.values()) == {0}
        assert (seen.missed_clocks, seen.parked_effects) == ((), {})
        assert seen.oldest_received_s is None

    @pytest.mark.parametrize(("after", "missed"), [(-1, ()), (0, ("sweep",))])
    def test_tells_of_clocks_that_have_missed_a_run(self, engine, after, missed):
        run_clocks(engine, NOW)
        late = timedelta(seconds=10) + PATIENCE[0]

        seen = look(engine, NOW + late + timedelta(seconds=after))

        assert seen.missed_clocks == missed
        assert seen.status == ("attention" if missed else "ok")

    def test_tells_what_the_inbox_and_the_queues_have_not_ended(self, engine):
        with engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO inbox (processor, key, raw, state, reason, received_at) VALUES "
                    "('stripe', 'a', '', 'received', NULL, :old), "
                    "('stripe', 'b', '', 'received', NULL, :now), "
                    "('stripe', 'c', '', 'parked', 'odd', :old), "
                    "('stripe', 'd', '', 'applied', NULL, :old)"
                ),
                {"old": NOW - timedelta(seconds=90), "now": NOW},
            )
            connection.execute(
                text(
                    "INSERT INTO effects (kind, key, queue, state, reason, due_at, created_at) "
                    "VALUES ('absorb', 'absorb:1', 'webhooks', 'parked', 'why', :now, :now)"
                ),
                {"now": NOW},
            )

        seen = look(engine)

        assert seen.status == "attention"
        assert seen.inbox == {"received": 2, "waiting": 0, "failed": 0, "parked": 1}
        assert seen.parked_effects == {"absorb": 1}
        assert seen.oldest_received_s == 90.0

    def test_asks_the_database_once_for_many(self, engine):
        watch = Watch(engine, lambda: NOW)
        first = watch.look()
        with engine.begin() as connection:
            connection.execute(text("DROP TABLE clocks CASCADE"))

        assert watch.look() is first
        assert not look(engine).database

    def test_knows_that_the_schema_is_of_another_version(self, engine):
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = 'other'"))

        seen = look(engine)

        assert (seen.database, seen.schema, seen.status) == (True, False, "attention")

    def test_is_down_when_nothing_answers(self, engine):
        nowhere = database.connect(
            engine.url.set(host="127.0.0.1", port=1), patience=timedelta(seconds=2), ping=False
        )

        assert look(nowhere).status == "down"
        nowhere.dispose()


class TestTheFigures:
    def test_have_few_labels_and_nobodys_data(self, place, send, letter):
        server = place.start()
        for number in range(5):
            send(server, letter(number))
        send(server, b'{"id":"evt_odd"')
        httpx.post(f"{server.url}/webhooks/stripe", content=letter(1), timeout=60)
        place.run("worker", "--drain")

        answer = httpx.get(f"{server.url}/metrics", timeout=60)

        labels = set(re.findall(r'(\w+)="([^"]*)"', answer.text))
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert 'recoup_webhook_posts_total{code="received"} 6.0' in answer.text
        assert 'recoup_webhook_posts_total{code="signature_missing"} 1.0' in answer.text
        assert "recoup_webhook_seconds_count 7.0" in answer.text
        assert "recoup_database_up 1.0" in answer.text
        assert 'recoup_inbox_events{state="parked"} 1.0' in answer.text
        known = {"code", "state", "kind", "clock", "le", "route", "status", "outcome"}
        assert {name for name, _ in labels} <= known
        for word in ("evt_", "cus_", "example.com", "whsec"):
            assert word not in answer.text


class TestTheServer:
    def test_ends_after_what_it_has_in_hand(self, place, letter, in_hand):
        server = place.start()
        body = letter(1)
        signed = f"{HEADER}: {sign(body, SECRET, at=datetime.now(UTC))}"
        request = in_hand(server, "/webhooks/stripe", body, signed)
        server.process.send_signal(signal.SIGTERM)
        request.until_nobody_listens()
        answer = request.end()

        assert answer.startswith(b"HTTP/1.1 200")
        assert server.process.wait(60) == 0
        assert "stopped" in server.said
        assert place.rows("SELECT key FROM inbox") == [("evt_1",)]

    def test_writes_its_log_as_json_where_that_is_wanted(self, place):
        server = place.start("--log-format", "json")
        server.stop()

        lines = [line for line in server.said.splitlines() if line.startswith("{")]
        assert any("startup complete" in json.loads(line)["message"] for line in lines)

    def test_takes_nothing_into_a_demonstration(self, place):
        place.rows("INSERT INTO settings VALUES ('demo', 'yes')")

        result = place.run("serve", "--port", "0")

        assert result.returncode == 2
        assert "demonstration" in result.stderr
