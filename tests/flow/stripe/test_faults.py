"""Whatever goes wrong with a request that moves money, it is done once or clearly refused."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import pytest
from msgspec.structs import replace
from stripe_dying import VERBS
from stripe_house import House, town
from stripe_judge import Judge, pass_by

from recoup.errors import Busy, InProgress, RecoupError, Unreachable
from recoup.processors.stripe.calls.wire import Patience
from recoup.testing.stripe_server import Fault

#: What is asked for, by verb: each request of it that changes something.
TARGETS = (
    ("start", "POST /v1/subscriptions"),
    ("change", "POST /v1/subscriptions/*"),
    ("later", "POST /v1/subscription_schedules"),
    ("later", "POST /v1/subscription_schedules/*"),
    ("cancel", "DELETE /v1/subscriptions/*"),
    ("bill", "POST /v1/invoices"),
    ("bill", "POST /v1/invoices/*/add_lines"),
    ("charge", "POST /v1/invoices/*/finalize"),
    ("charge", "POST /v1/invoices/*/pay"),
    ("refund", "POST /v1/refunds"),
    ("collect", "POST /v1/invoices/*/pay"),
)
FAULTS = {
    "request lost": Fault("drop"),
    "reply lost": Fault("lost_reply"),
    "500 without effect": Fault("error"),
    "500 with effect": Fault("error_after"),
    "429": Fault("busy", times=4),
    "429 and when": Fault("busy", times=4, seconds=0.05),
    "lock timeout": Fault("locked", times=4),
    "409": Fault("conflict", times=4),
    "connection refused": Fault("refuse"),
    "answer broken off": Fault("reset"),
    "half an answer": Fault("truncated"),
    "500, and told to retry": Fault("error_after", should_retry=True),
    "429, and told not to": Fault("busy", times=4, should_retry=False),
    "late": Fault("delay", seconds=0.2),
}
#: With these nothing was begun, or it was done: nobody has a reason to refuse in the end.
HARMLESS = frozenset(FAULTS) - {"request lost", "connection refused", "500 without effect"}
#: What a caller is told while nobody knows the end yet.
OPEN = (Unreachable, Busy, InProgress)


def soon(holds):
    until = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.01)


@dataclass
class Case:
    verb: str
    where: str
    what: str
    who: object = None


class TestARequestThatGoesWrong:
    def test_is_done_once_or_refused(self, house):
        """Every request with some of what can go wrong with it, in turn."""
        names = [name for name in FAULTS if name != "late"]
        self.ends_well(
            house,
            [
                Case(*target, names[(2 * place + 5 * n) % len(names)])
                for place, target in enumerate(TARGETS)
                for n in range(2)
            ],
        )

    @pytest.mark.long
    @pytest.mark.parametrize("place", range(len(TARGETS)))
    def test_in_any_way_is_done_once_or_refused(self, house, place):
        self.ends_well(house, [Case(*TARGETS[place], name) for name in FAULTS if name != "late"])

    def test_that_is_answered_too_late_is_done_once(self, database_url, home, clerk):
        """Only who calls is impatient, and nobody goes on before all that he asked for is done."""
        impatient = Patience(connect=60.0, read=0.1, pause=0.01, total=1.0)
        cases = [
            Case("charge", "POST /v1/invoices/*/pay", "late"),
            Case("refund", "POST /v1/refunds", "late"),
        ]
        done = []

        def watch(step, request):
            clerk(step, request)
            if step == "done":
                done.append(request.what)

        with town(watch=watch) as server, House.of(database_url, home, server) as house:
            clerk.now = lambda: server.fake.now
            how = {"door": False, "patience": impatient}

            def called(verb, who):
                sent = []
                with House.of(
                    database_url, home, server, watch=lambda *told: sent.append(told), **how
                ) as caller:
                    done.clear()
                    with suppress(*OPEN):
                        VERBS[verb](caller.recoup, who)
                    soon(lambda: len(done) == len(sent))

            judge = Judge(house, Counter(case.verb for case in cases))
            for case in cases:
                self.strike(house, case, judge, called=called)
            self.all_end_well(house, cases, judge)

    def ends_well(self, house, cases):
        judge = Judge(house, Counter(case.verb for case in cases))
        for case in cases:
            self.strike(house, case, judge)
        self.all_end_well(house, cases, judge)

    def all_end_well(self, house, cases, judge):
        pass_by(house, timedelta(days=5))
        for case in cases:
            said = judge.again(case.verb, case.who)
            assert said in {"done", "refused"}, (case, said)
            assert case.what not in HARMLESS or said == "done", case
        pass_by(house, timedelta(hours=1))
        assert house.differences() == []
        assert house.rows("SELECT kind, detail FROM tasks WHERE closed_at IS NULL") == []

    def strike(self, house, case, judge, *, called=None):
        case.who = judge.somebody(case.verb)
        house.server.add_fault(replace(FAULTS[case.what], to=case.where))
        said = (called or judge.called)(case.verb, case.who)
        house.server.clear_faults()
        assert isinstance(said, OPEN) or not isinstance(said, RecoupError), (case, said)
