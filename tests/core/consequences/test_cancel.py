from __future__ import annotations

from dataclasses import replace

import pytest

from recoup.core.account import Case
from recoup.core.consequences import CONSEQUENCES
from recoup.core.consequences.cancel import REASON
from recoup.core.policy import DAY, DEFAULT
from recoup.core.states import SubscriptionStatus
from recoup.testing.accounts import NOON, invoice, owing

CANCEL = CONSEQUENCES["cancel"]
LATER = NOON + 28 * DAY


def case(scope: str) -> Case:
    return Case(1, scope, NOON, NOON, DEFAULT.name, "ended", LATER)


class TestCancel:
    def test_asks_for_the_end_of_what_the_debt_bought(self):
        account = owing(invoice(1), invoice(2, subscription=2))

        unpaid, untouched = CANCEL.hold(account, case("subscription:1"), now=LATER).subscriptions

        assert (unpaid.end_requested_at, unpaid.end_reason) == (LATER, REASON)
        assert untouched == account.subscriptions[1]

    def test_leaves_the_status_to_the_processors_echo(self):
        asked = CANCEL.hold(owing(), case("subscription:1"), now=LATER).subscriptions[0]

        assert asked.status == owing().subscriptions[0].status

    def test_asks_once(self):
        once = CANCEL.hold(owing(), case("subscription:1"), now=LATER)

        assert CANCEL.hold(once, case("subscription:1"), now=LATER + DAY) is once

    def test_does_not_wait_for_an_end_that_somebody_scheduled(self):
        leaving = replace(owing().subscriptions[0], end_requested_at=NOON, end_reason="requested")
        account = replace(owing(), subscriptions=(leaving,))

        asked = CANCEL.hold(account, case("subscription:1"), now=LATER).subscriptions[0]

        assert (asked.end_requested_at, asked.end_reason) == (LATER, REASON)

    @pytest.mark.parametrize("scope", ["invoice:1", "subscription:99"])
    def test_has_nothing_to_end_without_a_subscription(self, scope):
        assert CANCEL.hold(owing(), case(scope), now=LATER).subscriptions[0].end_reason is None

    def test_does_not_end_what_has_ended(self):
        over = replace(owing().subscriptions[0], status=SubscriptionStatus.CANCELED)
        account = replace(owing(), subscriptions=(over,))

        assert CANCEL.hold(account, case("subscription:1"), now=LATER) is account

    def test_names_its_inverse(self):
        assert CANCEL.inverse == "the customer may subscribe again"
