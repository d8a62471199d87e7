"""A worker is killed at every step of SMTP, by the server that sees it, and at every commit."""

from __future__ import annotations

import os
import signal
from collections import Counter
from contextlib import contextmanager
from datetime import datetime, timedelta

import psycopg
import pytest
from dying_postman import WHERE, WHO, post
from smtp_server import STEPS, Script, SmtpServer
from studio import Studio

from recoup.processors.fake import LOST, Declines
from recoup.testing.crash import Work, abandon
from recoup.testing.scene import Scene

#: Steps after which the server has the mail, and its sender does not know or has not noted it.
#: Who sees the first piece of a mail may have the rest, dot included, on its way already.
WINDOW = {"BODY", "DOT", "YES"}
#: Each step, and whether the server takes commands at once: it can not know before EHLO.
KILLS = [(step, False) for step in STEPS] + [(s, True) for s in ("MAIL", "DATA", "DOT", "YES")]
DEBTORS = 3


def prepare(url, home):
    """Have three people owe for five days; their next notice is due, and nothing is done yet."""
    with Scene.open(url, home) as scene:
        for number in range(DEBTORS):
            scene.subscriber(Declines(LOST), email=f"{number}@example.com")
        failed: datetime = scene.until_failed(scene.subscriber(Declines(LOST)))
        due = failed + timedelta(days=5, hours=10)
        scene.pace.until(due - timedelta(hours=11))
        scene.fake.advance(due)
    return Work(url, home / "books.sqlite3", home, due)


@pytest.fixture(scope="module")
def studio(server_url, template, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mail")
    made = Studio(server_url, template, folder, prepare=prepare, rows=())
    yield made
    made.close()


class Postbox:
    """One world, one server, and workers between them."""

    def __init__(self, studio: Studio, work: Work, server: SmtpServer) -> None:
        self.studio = studio
        self.work = work
        self.server = server

    def kill_at(self, step: str, number: int, *, pipelining: bool) -> None:
        """Have the server kill the worker when it sees `step` for the `number`-th time."""
        seen = Counter[str]()

        def watch(name: str) -> None:
            seen[name] += 1
            if (name, seen[name]) == (step, number):
                os.kill(int((self.work.home / WHO).read_text()), signal.SIGKILL)

        self.server.script = Script(watch=watch, pipelining=pipelining)

    def run(self, *, kill_at: int | None = None):
        done = self.studio.workers.run(self.work, doing=post, kill_at=kill_at)
        abandon(self.work.database_url)
        return done

    def rows(self, sql: str) -> list[tuple]:
        with psycopg.connect(self.work.database_url) as connection:
            connection.execute("SET search_path TO recoup")
            return connection.execute(sql).fetchall()

    def assert_all_arrived(self, *, pipelining: bool = False) -> list[str]:
        """Return what arrived twice, once everything is sent that the rows say was sent."""
        self.server.script = Script(pipelining=pipelining)
        assert not self.run().killed
        since = f"sent_at = '{self.work.now.isoformat()}'"
        sent = {id for (id,) in self.rows(f"SELECT message_id FROM mails WHERE {since}")}
        assert len(sent) >= DEBTORS + 1
        assert set(self.server.ids) == sent
        assert self.rows("SELECT id FROM mails WHERE state = 'queued'") == []
        assert self.rows("SELECT id FROM notices WHERE state = 'scheduled'") == []
        return [id for id, times in Counter(self.server.ids).items() if times > 1]


@contextmanager
def postbox(studio: Studio):
    with studio.world() as work, SmtpServer() as server:
        (work.home / WHERE).write_text(server.url)
        yield Postbox(studio, work, server)


def kill(studio: Studio, step: str, number: int, *, pipelining: bool) -> None:
    with postbox(studio) as box:
        box.kill_at(step, number, pipelining=pipelining)
        assert box.run().killed

        twice = box.assert_all_arrived()

        assert len(twice) <= (1 if step in WINDOW else 0)
        for id in twice:
            ((doubts,),) = box.rows(f"SELECT doubts FROM mails WHERE message_id = '{id}'")
            assert doubts >= 1


class TestAWorkerThatIsKilledByTheServer:
    @pytest.mark.parametrize("pipelining", [False, True], ids=["step by step", "at once"])
    def test_and_is_not_sends_each_mail_once_in_one_conversation(self, studio, pipelining):
        with postbox(studio) as box:
            assert box.assert_all_arrived(pipelining=pipelining) == []
            assert box.server.connections == 1

    @pytest.mark.parametrize(("step", "pipelining"), KILLS)
    def test_loses_nothing_and_doubles_one_mail_at_most(self, studio, step, pipelining):
        kill(studio, step, 1 if step in {"CONNECT", "EHLO"} else 2, pipelining=pipelining)

    @pytest.mark.long
    @pytest.mark.parametrize("pipelining", [False, True], ids=["step by step", "at once"])
    @pytest.mark.parametrize("number", range(1, DEBTORS + 2))
    @pytest.mark.parametrize("step", STEPS[2:])
    def test_at_any_mail_loses_nothing(self, studio, step, number, pipelining):
        for _ in range(20):
            kill(studio, step, number, pipelining=pipelining)


@pytest.fixture(scope="module")
def steps(studio) -> int:
    """How many steps around commits a worker passes that nobody kills."""
    with postbox(studio) as box:
        return len(box.run().steps)


class TestAWorkerThatIsKilledAtACommit:
    """What was taken has been noted by then, so nothing goes out twice."""

    @pytest.mark.parametrize("back", [0, 2, 3, 5])
    def test_after_a_mail_was_taken_doubles_nothing(self, studio, steps, back):
        with postbox(studio) as box:
            assert box.run(kill_at=steps - back).killed
            assert box.assert_all_arrived() == []

    @pytest.mark.long
    def test_wherever_it_is_doubles_nothing(self, studio, steps):
        for point in range(1, steps + 1):
            with postbox(studio) as box:
                assert box.run(kill_at=point).killed
                assert box.assert_all_arrived() == []
