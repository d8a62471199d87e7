from __future__ import annotations

import http.client
import json
import multiprocessing
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import count

import dying_server

from recoup.webhooks.signature import HEADER, sign

SECRET = "whsec_of_the_tests_0001"
SENDERS = 8
KILLS = 52


def post(port, body):
    """The status that came back, or None when nobody answered; who shall come again does."""
    status = 503
    while status == 503:
        status = once(port, body)
    return status


def once(port, body):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    header = sign(body, SECRET, at=datetime.now(UTC))
    try:
        connection.request("POST", "/webhooks/stripe", body, {HEADER: header})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


class Undertaker:
    """Starts servers that die, each a fork of one process that has imported everything."""

    def __init__(self, place):
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["recoup.web.serving", "recoup.testing.crash_worker"])
        names = {
            "database_url": "DATABASE_URL",
            "home": "HOME",
            "stripe_webhook_secrets": "STRIPE_WEBHOOK_SECRETS",
        }
        self._settings = {k: place.environment[f"RECOUP_{v}"] for k, v in names.items()}

    def kill(self, step, letters):
        """Post `letters`, eight at once, to a server until it dies at `step`.

        Return those that were sent, those that were answered, and where it died.
        """
        here, there = self._context.Pipe(duplex=False)
        process = self._context.Process(
            target=dying_server.serve, args=(self._settings, step, there)
        )
        process.start()
        there.close()
        sent, received = [], []
        try:
            port = here.recv()
            with ThreadPoolExecutor(SENDERS) as senders:
                while None not in received:
                    assert len(sent) < 100 * SENDERS, "it does not die"
                    bodies = [next(letters) for _ in range(SENDERS)]
                    sent += bodies
                    received += senders.map(lambda body: post(port, body), bodies)
            where = list(iter(lambda: told(here), None))[-1]
            process.join(60)
            assert process.exitcode == -signal.SIGKILL
        finally:
            here.close()
            if process.is_alive():
                process.kill()
                process.join()
        assert set(received) <= {200, None}
        answered = [body for body, status in zip(sent, received, strict=True) if status]
        return sent, answered, where


def told(pipe):
    """The next step, or None at the end."""
    try:
        return pipe.recv()
    except EOFError:
        return None


class TestAServerThatIsKilled:
    def test_has_kept_whatever_it_said_it_received(self, place, letter):
        """SIGKILL at each of the first steps of eight posts at once, a server after the other."""
        undertaker, letters = Undertaker(place), map(letter, count())
        sent, promised, graves = [], [], set()

        for step in range(1, KILLS + 1):
            tried, answered, where = undertaker.kill(step, letters)
            sent += tried
            promised += answered
            graves.add(where)

        kept = {key for (key,) in place.rows("SELECT key FROM inbox")}
        assert {json.loads(body)["id"] for body in promised} <= kept
        assert len(promised) > KILLS
        assert len(graves) == 7, graves
        orphans = "SELECT key FROM inbox WHERE 'absorb:' || id NOT IN (SELECT key FROM effects)"
        assert place.rows(orphans) == []
        self.is_made_good_by_delivering_again(place, sent)

    def is_made_good_by_delivering_again(self, place, bodies):
        port = int(place.start().url.rpartition(":")[2])
        with ThreadPoolExecutor(SENDERS) as senders:
            assert set(senders.map(lambda body: post(port, body), bodies)) == {200}
        assert place.run("worker", "--drain").returncode == 0
        wanted = [("applied", len(bodies))]
        assert place.rows("SELECT state, count(*) FROM inbox GROUP BY 1") == wanted
