from __future__ import annotations

from enum import StrEnum

import pytest

from recoup.core import states
from recoup.core.states import MACHINES, AttemptState, InvoiceStatus, SubscriptionStatus
from recoup.errors import IllegalTransition

PAIRS = [
    pytest.param(moves, source, target, id=f"{machine}: {source} -> {target}")
    for machine, moves in MACHINES.items()
    for source in moves
    for target in moves
]


class TestMoves:
    @pytest.mark.parametrize(("moves", "source", "target"), PAIRS)
    def test_are_legal_exactly_when_the_table_lists_them(self, moves, source, target):
        if source == target or target in moves[source]:
            assert states.checked(moves, source, target) == target
        else:
            with pytest.raises(IllegalTransition, match=f"{source} -> {target}"):
                states.checked(moves, source, target)

    @pytest.mark.parametrize("moves", MACHINES.values(), ids=MACHINES)
    def test_are_given_for_every_status(self, moves):
        kind: type[StrEnum] = type(next(iter(moves)))

        assert set(moves) == set(kind)

    @pytest.mark.parametrize(
        ("moves", "ranks"),
        [
            (states.ATTEMPT_MOVES, states.ATTEMPT_RANK),
            (states.INVOICE_MOVES, states.INVOICE_RANK),
        ],
        ids=["attempts", "invoices"],
    )
    def test_raise_the_rank_of_what_never_goes_back(self, moves, ranks):
        falling = [(a, b) for a in moves for b in moves[a] if ranks[b] <= ranks[a]]

        assert falling == []


class TestPredicates:
    def test_nothing_leaves_a_settled_invoice(self):
        settled = {s for s in InvoiceStatus if states.is_paid(s) or states.is_resolved(s)}

        assert settled == {
            InvoiceStatus.PAID,
            InvoiceStatus.VOID,
            InvoiceStatus.UNCOLLECTIBLE,
        }
        assert not any(states.is_owed(status) for status in settled)

    def test_what_is_resolved_is_never_paid(self):
        assert not [s for s in InvoiceStatus if states.is_paid(s) and states.is_resolved(s)]

    def test_an_outage_is_no_refusal(self):
        assert not states.was_declined(AttemptState.UNKNOWN)
        assert states.in_flight(AttemptState.UNKNOWN)

    def test_a_missing_authentication_occupies_the_obligation_but_moves_nothing(self):
        assert states.is_open(AttemptState.ACTION_REQUIRED)
        assert not states.in_flight(AttemptState.ACTION_REQUIRED)

    def test_an_ended_subscription_is_not_live(self):
        ended = {s for s in SubscriptionStatus if states.has_ended(s)}

        assert ended == {SubscriptionStatus.CANCELED, SubscriptionStatus.INCOMPLETE_EXPIRED}
        assert not any(states.is_live(status) for status in ended)


class TestTheWordsForASubscription:
    @pytest.mark.parametrize("paused", [False, True])
    @pytest.mark.parametrize("ended", [False, True])
    @pytest.mark.parametrize("status", SubscriptionStatus)
    def test_are_true_together_only_where_that_makes_sense(self, status, ended, paused):
        row = {"ended": ended, "paused": paused}
        active, resting = states.is_active(status, **row), states.is_paused(status, **row)
        over = states.has_ended(status, ended=ended)

        assert [active, resting, over].count(True) <= 1
        assert not (over and states.is_past_due(status, ended=ended))
        assert not (active and states.is_past_due(status, ended=ended))

    @pytest.mark.parametrize(
        ("status", "paused", "word"),
        [
            ("trialing", False, "active"),
            ("active", False, "active"),
            ("active", True, "paused"),
            ("trialing", True, "paused"),
            ("paused", False, "paused"),
            ("past_due", True, "paused"),
            ("past_due", False, None),
            ("unpaid", False, None),
            ("incomplete", False, None),
            ("canceled", True, "ended"),
            ("incomplete_expired", False, "ended"),
        ],
    )
    def test_are_these(self, status, paused, word):
        status = SubscriptionStatus(status)
        said = {
            "active": states.is_active(status, ended=False, paused=paused),
            "paused": states.is_paused(status, ended=False, paused=paused),
            "ended": states.has_ended(status),
        }

        assert {name for name, true in said.items() if true} == ({word} if word else set())

    @pytest.mark.parametrize("status", SubscriptionStatus)
    def test_say_that_any_row_with_an_end_has_ended(self, status):
        assert states.has_ended(status, ended=True)
        assert not states.is_active(status, ended=True, paused=False)
        assert not states.is_paused(status, ended=True, paused=True)
        assert not states.is_past_due(status, ended=True)
