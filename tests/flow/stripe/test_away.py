"""Nobody of ours was there for a day or a month, and a request had no answer when they left."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from stripe_judge import Judge, pass_by

from recoup.testing.stripe_server import Fault

#: Each verb, and the request of it that nobody heard an answer to.
TARGETS = (
    ("start", "POST /v1/subscriptions"),
    ("refund", "POST /v1/refunds"),
    ("charge", "POST /v1/invoices/*/pay"),
    ("collect", "POST /v1/invoices/*/pay"),
    ("bill", "POST /v1/invoices"),
    ("change", "POST /v1/subscriptions/*"),
    ("later", "POST /v1/subscription_schedules/*"),
    ("cancel", "DELETE /v1/subscriptions/*"),
    ("bill", "POST /v1/invoices/*/add_lines"),
)
LOST = {"the reply was lost": "lost_reply", "the request was lost": "drop"}
#: The verbs that move money by themselves.
MONEY = 4


def expected(verb, where, what, away):
    """Return how it ends; see `Judge.again`."""
    late = away > timedelta(days=30)
    if late and (verb == "change" or (verb == "later" and what == "the reply was lost")):
        return "nobody knows"  # what changed a subscription is told by its events alone
    if verb == "collect" and what == "the request was lost":
        return "done" if away < timedelta(days=14) else "owed"  # the plan makes another try
    # The invoice is found half made, and its making goes on.
    goes_on = where.endswith("/add_lines")
    return "done" if what == "the reply was lost" or goes_on else "refused"


class TestARequestWithoutAnAnswer:
    """No key is ever used when it is old: the server of these tests sees to that."""

    def test_is_looked_up_a_day_later_and_not_made_again(self, house):
        self.is_looked_up(house, timedelta(hours=25), TARGETS[:MONEY])

    def test_is_a_persons_matter_once_stripe_tells_nothing_of_it_any_more(self, house):
        change = next(target for target in TARGETS if target[0] == "change")
        self.is_looked_up(house, timedelta(days=31), [change])

    @pytest.mark.long
    @pytest.mark.parametrize(
        "away",
        [
            pytest.param(timedelta(hours=25), id="25 hours"),
            pytest.param(timedelta(hours=72), id="72 hours"),
            pytest.param(timedelta(days=31), id="31 days"),
        ],
    )
    def test_is_looked_up_however_much_later(self, house, away):
        self.is_looked_up(house, away, TARGETS)

    def is_looked_up(self, house, away, targets):
        judge = Judge(house, Counter(verb for verb, _ in targets for _ in LOST))
        cases = [(verb, where, what) for verb, where in targets for what in LOST]
        struck = []
        for verb, where, what in cases:
            who = judge.somebody(verb)
            house.server.add_fault(Fault(LOST[what], to=where))
            judge.called(verb, who)
            house.server.clear_faults()
            struck.append((verb, where, what, who))

        house.move(away)
        pass_by(house, timedelta(days=5))

        for verb, where, what, who in struck:
            assert judge.again(verb, who) == expected(verb, where, what, away), (verb, what)
        pass_by(house, timedelta(hours=1))
        assert house.differences() == []
