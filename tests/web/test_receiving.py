from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from recoup.web import serving


class TestReceiving:
    def test_answers_once_the_event_and_its_work_are_committed(self, place, send, letter):
        answer = send.until_taken(place.start(), letter(1))

        assert (answer.status_code, answer.json()) == (200, {"status": "received"})
        assert place.rows("SELECT key, state FROM inbox") == [("evt_1", "received")]
        assert place.rows("SELECT kind, queue, state FROM effects") == [
            ("absorb", "webhooks", "scheduled")
        ]

    def test_by_two_servers_of_the_same_events_at_once_makes_each_a_row_once(
        self, place, send, letter
    ):
        """Two hundred events, each posted eight times at once, to either server in turn."""
        servers = [place.start(), place.start()]
        posts = [(servers[n % 2], letter(event)) for event in range(200) for n in range(8)]

        with ThreadPoolExecutor(8) as senders:
            answers = list(senders.map(lambda post: send.until_taken(*post), posts))
        worked = place.run("worker", "--drain")

        assert {answer.status_code for answer in answers} == {200}
        assert worked.returncode == 0, worked.stderr
        assert place.rows("SELECT state, count(*) FROM inbox GROUP BY 1") == [("applied", 200)]
        assert place.rows("SELECT kind, state, count(*) FROM effects GROUP BY 1, 2") == [
            ("absorb", "done", 200)
        ]
        orphans = "SELECT FROM inbox WHERE 'absorb:' || id NOT IN (SELECT key FROM effects)"
        assert place.rows(orphans) == []
        assert place.rows("SELECT count(*) FROM customers") == [(200,)]
        assert [each.stop() for each in servers] == [0, 0]

    def test_goes_on_when_a_signature_is_rolled(self, place, send, letter):
        """Old alone, both, new alone: no valid one is refused, and none by a retired secret."""
        old, new = send, replace(send, secret="whsec_of_the_tests_0002")
        phases = (
            (old.secret, {old}),
            (f"{new.secret}, {old.secret}", {old, new}),
            (new.secret, {new}),
        )

        for secrets, valid in phases:
            server = place.start(RECOUP_STRIPE_WEBHOOK_SECRETS=secrets)
            for number in range(20):
                for sender in (old, new):
                    wanted = 200 if sender in valid else 400
                    assert sender.until_taken(server, letter(number)).status_code == wanted
            server.stop()


class TestListening:
    @pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
    def test_is_by_tcp_by_name_so_that_no_answer_waits_for_a_packet_to_fill(self, host):
        """Else asyncio leaves the delay of small packets on: forty milliseconds an answer."""
        with serving.listening(host, 0) as listener:
            assert listener.proto == socket.IPPROTO_TCP

    def test_where_somebody_does_is_refused(self, place):
        with serving.listening("127.0.0.1", 0) as listener:
            port = str(listener.getsockname()[1])

            result = place.run("serve", "--port", port)

        assert result.returncode == 2
        assert "in use" in result.stderr
