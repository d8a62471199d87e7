"""Each word for a subscription is one rule, in Python and in SQL."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product

import pytest
from sqlalchemy import text

from recoup.core import states
from recoup.core.states import SubscriptionStatus
from recoup.store.views import predicates

NOW = datetime(2026, 3, 1, tzinfo=UTC)
#: Name -> the predicate of a row, and its twin.
PAIRS = {
    "active": (states.is_active, predicates.active),
    "paused": (states.is_paused, predicates.paused),
    "past_due": (
        lambda status, *, ended, paused: states.is_past_due(status, ended=ended),
        predicates.past_due,
    ),
    "ended": (
        lambda status, *, ended, paused: states.has_ended(status, ended=ended),
        predicates.ended,
    ),
}
#: Status, ended, paused, canceling.
ROWS = list(product(SubscriptionStatus, (False, True), (False, True), (False, True)))


@pytest.fixture
def connection(engine):
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO customers (id, processor, processor_id, created_at) "
                "VALUES (1, 'fake', 'cus_1', now())"
            )
        )
        for n, (status, ended, paused, canceling) in enumerate(ROWS):
            connection.execute(
                text(
                    "INSERT INTO subscriptions (id, customer_id, processor, processor_id, status, "
                    "currency, collection_method, seen_at, seen_event, ended_at, pause_behavior, "
                    "cancel_at) VALUES (:n, 1, 'fake', :name, :status, 'EUR', "
                    "'charge_automatically', now(), 'evt_1', :ended, :paused, :cancel)"
                ),
                {
                    "n": n,
                    "name": f"sub_{n}",
                    "status": str(status),
                    "ended": NOW if ended else None,
                    "paused": "void" if paused else None,
                    "cancel": NOW if canceling else None,
                },
            )
        yield connection


class TestTheTwins:
    @pytest.mark.parametrize("word", PAIRS)
    def test_agree_on_every_row_there_can_be(self, connection, word):
        predicate, twin = PAIRS[word]
        sql = f"SELECT s.id FROM subscriptions s WHERE {twin('s')}"

        told = set(connection.scalars(text(sql)))

        expected = {
            n
            for n, (status, ended, paused, _) in enumerate(ROWS)
            if predicate(status, ended=ended, paused=paused)
        }
        assert told == expected
        assert 0 < len(told) < len(ROWS)

    @pytest.mark.parametrize("word", PAIRS)
    def test_say_yes_or_no_of_every_row(self, connection, word):
        _, twin = PAIRS[word]
        sql = f"SELECT count(*) FROM subscriptions x WHERE {twin('x')} IS NULL"

        assert connection.scalar(text(sql)) == 0
