"""What providers post about mails, and how it is brought."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

from recoup.mail.hearing import resend
from recoup.webhooks.mailed import MailDoor

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
EIGHT = datetime(2026, 2, 1, 8, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"a secret of the tests").decode()
ADA = "ada@example.com"


def reminded(world):
    """Have somebody owe and be told of it; return the notice's mail."""
    who = world.debtor()
    world.pace.at(EIGHT)
    return who, notice_mail(world)


def notice_mail(world):
    return world.rows("SELECT * FROM mails WHERE type = 'dunning_reminder' ORDER BY id")[-1]


def notice(world):
    return world.rows("SELECT * FROM notices ORDER BY id")[-1]


def tasks(world):
    return [row["kind"] for row in world.rows("SELECT kind FROM tasks WHERE closed_at IS NULL")]


def suppressed(world):
    return [(one.id, one.cause) for one in world.recoup.mail.suppressed().rows]


def post(type, mail=None, *, to=ADA, **more):
    """Return what Resend posts about a mail of ours."""
    tags = {} if mail is None else {"recoup_mail": mail["message_id"][1:41]}
    data = {"email_id": "1", "to": [to], "subject": "Hello", "tags": tags, **more}
    told = {"type": type, "created_at": "2026-02-01T09:00:00Z", "data": data}
    return json.dumps(told).encode()


def bounce(mail=None, *, kind="Permanent", to=ADA, id="1"):
    about = {"type": kind, "subType": "General", "message": "no such mailbox"}
    return post("email.bounced", mail, to=to, bounce=about, id=id)


class Postman:
    """Brings signed posts to the door, as the provider does."""

    def __init__(self, world):
        self.world = world
        self.door = MailDoor(world.recoup.database, (SECRET,), world.clock.now)

    def __call__(self, *bodies):
        for body in bodies:
            stamp = str(int(self.world.now.timestamp()))
            sign = resend.signature(body, id="msg_1", stamp=stamp, secret=SECRET)
            header = f"msg_1\n{stamp}\nv1,{sign}"
            assert self.door.refused(body, header) is None
            self.door.keep([body])
        self.world.pace.settle()
