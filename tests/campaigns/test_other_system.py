"""The example as it is run: a process of its own, which knows the file and our API, no more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import uvicorn

from recoup import web
from recoup.processors.fake import NO_FUNDS, Declines, Pays
from recoup.store import keys
from recoup.testing.scene import Scene
from recoup.web import serving

SCRIPT = Path(__file__).parents[2] / "examples/campaign_engine/other_system.py"
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


class Both:
    """A scene, and the other system beside it."""

    def __init__(self, scene, file, url, key):
        self.scene, self.file, self.url, self.key = scene, file, url, key

    def run(self, **changed):
        """Run the other system once; return what it says, a line for each step it asked for."""
        told = {"HANDOVER_FILE": str(self.file), "RECOUP_URL": self.url, "RECOUP_KEY": self.key}
        done = subprocess.run(
            [sys.executable, "-I", str(SCRIPT), self.scene.now.isoformat()],
            env={"PATH": os.environ["PATH"], "no_proxy": "*"} | told | changed,
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.splitlines()

    def told(self):
        return [json.loads(line)["verb"] for line in self.file.read_text().splitlines()]

    def sent(self):
        sql = "SELECT step FROM notices WHERE state = 'sent' ORDER BY id"
        return [row["step"] for row in self.scene.rows(sql)]

    def pay(self, who):
        """Pay the oldest bill that is open."""
        self.scene.fake.update_method(who.method, payer=Pays())
        sql = "SELECT processor_id FROM invoices WHERE status = 'open' ORDER BY id LIMIT 1"
        self.scene.fake.customer_pays(self.scene.rows(sql)[0]["processor_id"])
        self.scene.pace.settle()


@contextmanager
def served(scene):
    """Serve the scene's API on a port of this machine."""
    listener = serving.listening("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(web.app(scene.recoup), ws="none", log_config=None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture
def both(database_url, home, example):
    with (
        Scene.open(database_url, home, campaign_engine="engine:Handover") as scene,
        served(scene) as url,
    ):
        with scene.recoup.database.begin() as connection:
            key = keys.create(
                connection, "other", ("operations:write",), actor="test", now=scene.now
            )
        yield Both(scene, example, url, key.text)
        assert scene.violations() == ()


@pytest.fixture
def ada(both):
    """Her renewal has failed at 1 in the morning, and it is ten by now."""
    who = both.scene.subscriber(Declines(NO_FUNDS))
    both.scene.live(days=31, hours=10)
    assert (both.told(), both.sent()) == (["start"], [])
    return who


class TestTheOtherSystem:
    def test_asks_and_the_notice_goes_out_once_however_often(self, both, ada):
        assert both.run() == ["case 1 reminder: scheduled"]
        both.scene.pace.settle()

        assert both.run() == ["case 1 reminder: sent"]
        both.scene.pace.settle()
        assert both.sent() == ["reminder"]
        assert len(both.scene.outbox.messages) == 1

    def test_brings_every_step_up_on_its_day(self, both, ada):
        for days in (0, 5, 12, 21):
            both.scene.pace.until(both.scene.rows("SELECT anchor FROM cases")[0]["anchor"]
                                  + days * DAY + 9 * HOUR)  # fmt: skip
            both.run()
            both.scene.pace.settle()

        assert both.sent() == [
            "reminder", "action_required", "restriction_notice", "final_notice",
        ]  # fmt: skip

    def test_asks_for_nothing_of_who_has_paid(self, both, ada):
        both.pay(ada)

        assert both.told() == ["start", "cancel"]
        assert both.run() == []
        assert both.scene.outbox.messages == []

    def test_that_has_not_heard_of_it_yet_is_refused(self, both, ada):
        """It reads an old copy of the file, and asks for a step of a case that is over."""
        old = both.file.with_name("old.jsonl")
        old.write_bytes(both.file.read_bytes())
        both.pay(ada)

        (said,) = both.run(HANDOVER_FILE=str(old))

        assert said == "case 1 reminder: refused: case 1 is over"
        assert both.scene.outbox.messages == []

    def test_is_told_that_the_campaign_counts_from_another_bill(self, both, ada):
        """Two months are owed. The first is paid: the same case goes on from the second."""
        grace = both.scene.now + 10 * DAY
        both.scene.recoup.dunning.extend_grace(ada.customer, until=grace, reason="asked for time")
        both.scene.live(days=27)
        old = both.file.with_name("old.jsonl")
        old.write_bytes(both.file.read_bytes())
        anchor = both.scene.rows("SELECT anchor FROM cases")[0]["anchor"]
        both.scene.live(days=2)
        (open_,) = both.scene.rows("SELECT count(*) n FROM invoices WHERE status = 'open'")
        assert open_["n"] == 2

        both.pay(ada)

        (case,) = both.scene.rows("SELECT anchor, ending FROM cases")
        assert case["anchor"] > anchor
        assert both.told() == ["start", "cancel", "start"]
        (said,) = both.run(HANDOVER_FILE=str(old))
        assert "refused: the campaign of" in said
        assert "is over; the present one began" in said

    def test_without_recoup_or_with_a_wrong_key_says_so_and_tries_again(self, both, ada):
        (nobody,) = both.run(RECOUP_URL="http://127.0.0.1:1")
        (stranger,) = both.run(RECOUP_KEY="rk_nothing")

        assert nobody.startswith("case 1 reminder: not asked, Recoup can not be reached")
        assert stranger.startswith("case 1 reminder: refused: ")
        assert both.run() == ["case 1 reminder: scheduled"]
