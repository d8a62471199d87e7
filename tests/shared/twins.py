"""Two equal worlds: one is asked as the fake, the other as Stripe, over the server."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from recoup.core.facts import CustomerFact, Seen
from recoup.processors.fake import FakeProcessor
from recoup.processors.stripe.calls.client import PINNED, Client
from recoup.processors.stripe.calls.wire import Patience
from recoup.processors.stripe.processor import StripeProcessor
from recoup.testing.stripe_server import Fault, StripeServer

NEVER = Seen(0, datetime.min.replace(tzinfo=UTC), 0, "")


class Twins:
    """`fake` is asked directly, `stripe` over HTTP of a world that was staged alike."""

    def __init__(self, fake, server, line, version):
        self.fake, self.server, self.behind = fake, server, server.fake
        self.watched = []
        self.client = Client(
            server.key,
            line=line,
            base=server.url,
            version=version,
            patience=Patience(read=60.0, pause=0.01, total=60.0),
            watch=lambda *told: self.watched.append(told),
        )
        self.stripe = StripeProcessor(self.client)
        self.count = 0

    def stage(self, play):
        """Do the same to both worlds; return what came of it, which is the same too."""
        one, other = play(self.fake), play(self.behind)
        assert one == other
        return one

    def wait(self, span):
        self.stage(lambda fake: fake.advance(fake.now + span))

    def ask(self, request, *, key=None):
        """Ask Stripe alone, each time with a key of its own unless one is given."""
        self.count += 1
        return self.stripe.ask(request, key=key or f"recoup:twins:{self.count}")

    def same(self, request, *, key=None):
        """Ask both; what they say must be the same. Return Stripe's answer."""
        key = key or f"recoup:twins:{self.count + 1}"
        wanted = self.fake.ask(request, key=key)
        answer = self.ask(request, key=key)
        assert (answer.object, answer.status) == (wanted.object, wanted.status)
        assert newest(answer) == newest(wanted)
        return answer

    def lose(self, what, to="*"):
        """Lose the next request like `to` before it is received, or its reply."""
        kind = {"request": "drop", "reply": "lost_reply"}[what]
        self.server.add_fault(Fault(kind, to=to))

    def find(self, request, key, *, ago=timedelta(0)):
        """Find what became of a request made `ago`."""
        return self.stripe.find(request, key=key, since=self.behind.now - ago)

    def events(self):
        return len(self.behind.events(limit=100_000))


def newest(answer):
    """Return the newest an answer says about each thing, without how new it is and who made it."""
    found = {}
    for fact in sorted(answer.facts, key=lambda fact: fact.seen):
        bare = {"idempotency_key": None} if isinstance(fact, CustomerFact) else {}
        found[type(fact).__name__, fact.processor_id] = replace(fact, seen=NEVER, **bare)
    return found


@contextmanager
def twins(line, version=None):
    wanted = {"api_version": version} if version else {}
    with (
        FakeProcessor(":memory:", **wanted) as fake,
        FakeProcessor(":memory:", **wanted) as behind,
        StripeServer(behind) as server,
    ):
        made = Twins(fake, server, line, version or PINNED)
        yield made
        made.client.close()
