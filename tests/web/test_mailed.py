"""What a mail provider posts: kept before it is understood, once, and only if it is signed."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import httpx
import pytest

from recoup.mail.hearing import resend

SECRET = "whsec_" + base64.b64encode(b"a secret of the tests").decode()


def bounce(number: int = 1) -> bytes:
    about = {"type": "Permanent", "message": "no such mailbox"}
    data = {"email_id": str(number), "to": ["nobody@example.com"], "bounce": about}
    return json.dumps({"type": "email.bounced", "data": data}).encode()


def post(server, body: bytes, *, secret: str = SECRET, **headers: str) -> httpx.Response:
    stamp = str(int(datetime.now(UTC).timestamp()))
    signed = resend.signature(body, id="msg_1", stamp=stamp, secret=secret)
    given = {"svix-id": "msg_1", "svix-timestamp": stamp, "svix-signature": f"v1,{signed}"}
    return httpx.post(
        f"{server.url}/webhooks/resend", content=body, headers=given | headers, timeout=60
    )


@pytest.fixture
def server(place):
    return place.start(RECOUP_RESEND_WEBHOOK_SECRETS=SECRET)


class TestPostsAboutMails:
    def test_are_answered_once_they_and_their_work_are_committed(self, place, server):
        answer = post(server, bounce())

        assert (answer.status_code, answer.json()) == (200, {"status": "received"})
        assert place.rows("SELECT source, state, raw FROM mail_posts") == [
            ("resend", "received", bounce())
        ]
        assert place.rows("SELECT kind, queue, state FROM effects") == [
            ("hear_of_mail", "webhooks", "scheduled")
        ]

    def test_that_come_again_are_kept_once_and_understood_once(self, place, server):
        for _ in range(3):
            assert post(server, bounce()).status_code == 200
        place.run("worker", "--drain")
        assert post(server, bounce()).status_code == 200

        assert place.rows("SELECT state, raw FROM mail_posts") == [("ignored", None)]
        assert place.rows("SELECT state FROM effects") == [("done",)]

    def test_that_are_not_signed_leave_no_row(self, place, server):
        other = "whsec_" + base64.b64encode(b"somebody else's secret").decode()

        assert post(server, bounce(), secret=other).status_code == 400
        assert post(server, bounce(), **{"svix-id": "msg_2"}).status_code == 400
        assert (
            httpx.post(f"{server.url}/webhooks/resend", content=bounce(), timeout=60).status_code
            == 400
        )
        assert httpx.get(f"{server.url}/webhooks/resend", timeout=60).status_code == 405
        assert place.rows("SELECT count(*) FROM mail_posts") == [(0,)]
        assert place.rows("SELECT count(*) FROM effects") == [(0,)]

    def test_are_refused_where_no_secret_is_configured(self, place):
        server = place.start()

        assert post(server, bounce()).status_code == 404
        assert place.rows("SELECT count(*) FROM mail_posts") == [(0,)]
