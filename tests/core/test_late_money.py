"""What a payment gate may be, and what becomes of money that comes too late for one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from recoup.core.account import Account, Late
from recoup.core.activation import PaymentGate, resolved
from recoup.core.money import Money
from recoup.core.states import LateState
from recoup.errors import InvalidValue

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
LATE = Late(
    id=None,
    attempt_id=5,
    invoice_id=9,
    charge="ch_5",
    amount=Money(900, "EUR"),
    decision="refund",
    state=LateState.FOUND,
    why="its gate is expired",
    gate_id=3,
)


def account(*late: Late) -> Account:
    return Account(
        id=1,
        processor="fake",
        currency="EUR",
        country="DE",
        segment=None,
        reachable=True,
        deleted=False,
        standing="current",
        next_wake_at=None,
        late=late,
    )


class TestAPaymentGate:
    @pytest.mark.parametrize(
        "values",
        [
            {"timeout": timedelta(0)},
            {"timeout": timedelta(days=60, seconds=1)},
            {"timeout": timedelta(seconds=1.5)},
            {"timeout": 3600},
            *({"tries": tries} for tries in (0, -1, 51, True, "2")),
            {"late": "keep"},
        ],
    )
    def test_refuses_what_makes_no_sense(self, values):
        with pytest.raises(InvalidValue, match=next(iter(values))):
            PaymentGate(**values)

    def test_takes_what_stands_on_the_edge(self):
        assert PaymentGate(timedelta(seconds=1), 1).tries == 1
        assert PaymentGate(timedelta(days=60), 50).tries == 50


class TestLateMoney:
    @pytest.mark.parametrize(
        ("values", "decision"),
        [
            ({}, "refund"),
            ({"decision": "reactivate", "reactivates_until": NOW}, "reactivate"),
            ({"decision": "reactivate", "reactivates_until": NOW - TICK}, "refund"),
            ({"decision": "reactivate", "reactivates_until": NOW, "replaced": True}, "refund"),
            ({"decision": "reactivate"}, "refund"),
        ],
    )
    def test_goes_back_or_buys_what_it_was_for(self, values, decision):
        (late,) = resolved(account(replace(LATE, **values)), now=NOW).late

        assert (late.state, late.decision) == (LateState.ASKED, decision)

    @pytest.mark.parametrize("first", [LateState.FOUND, LateState.ASKED])
    @pytest.mark.parametrize(
        ("prices", "second"), [(("price_1", "price_2"), "refund"), (("price_2",), "reactivate")]
    )
    def test_buys_nothing_that_other_late_money_buys_already(self, first, prices, second):
        buying = replace(
            LATE, decision="reactivate", reactivates_until=NOW, prices=("price_1",), state=first
        )
        other = replace(buying, attempt_id=6, prices=prices, state=LateState.FOUND)

        found = resolved(account(buying, other), now=NOW).late

        assert [late.decision for late in found] == ["reactivate", second]

    @pytest.mark.parametrize("state", [LateState.FOUND, LateState.STUCK])
    def test_that_others_gave_back_needs_nothing_more(self, state):
        gone = replace(LATE, state=state, amount=Money(0, "EUR"))

        (late,) = resolved(account(gone), now=NOW).late

        assert late.state == LateState.REFUNDED

    @pytest.mark.parametrize("state", [LateState.ASKED, LateState.STUCK])
    def test_that_is_on_its_way_is_left_alone(self, state):
        under_way = replace(LATE, state=state)

        (late,) = resolved(account(under_way), now=NOW).late

        assert late == under_way
