"""Folding the ledger gives the rows, now and at any instant before."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import count

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb
from sqlalchemy.engine import make_url

from recoup.store import batch, database, tables
from recoup.store.ledger import state_as_of
from recoup.store.ledgered import LEDGERED
from recoup.store.writer import Writer

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
INSTANTS = st.one_of(st.none(), st.datetimes(timezones=st.just(UTC)))
SEEN = {"seen_rank": 0, "seen_at": START, "seen_tie": 0, "seen_event": "evt_1"}
_numbers = count(1)

#: What a step of a history sets on a row.
CHANGES = {
    "subscriptions": st.fixed_dictionaries(
        {},
        optional={
            "plan": st.sampled_from([None, "basic", "pro", "Größe M"]),
            "quantity": st.integers(0, 9),
            "cancel_at": INSTANTS,
            "trial_end": INSTANTS,
        },
    ),
    "invoices": st.fixed_dictionaries(
        {},
        optional={
            "amount_remaining": st.integers(0, 2**62),
            "disputed": st.booleans(),
            "first_failed_at": INSTANTS,
            "number": st.sampled_from(["R-1", "R-2"]),  # the ledger does not tell of it
        },
    ),
    "customers": st.fixed_dictionaries(
        {},
        optional={
            "segment": st.sampled_from([None, "smb", "大企業"]),
            "country": st.sampled_from([None, "DE", "JP"]),
            "name": st.sampled_from(["Ann", "Bea"]),  # nor of this
        },
    ),
}
#: Seconds until the step, and what it does: a change, or something new.
STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 0.000001, 1, 86_400]),
        st.one_of(
            *(st.tuples(st.just(name), changes) for name, changes in CHANGES.items()),
            st.tuples(st.just("holds"), st.just({})),
        ),
    ),
    min_size=1,
    max_size=12,
)
MANY, ALL = (
    settings(
        max_examples=number,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    for number in (40, 1000)
)
#: Of each history, besides those at which something happened.
ASKED = 100


@pytest.fixture
def connection(database_url):
    engine = database.connect(make_url(database_url).set(drivername="postgresql+psycopg"))
    with engine.connect() as made:
        yield made
    engine.dispose()


class History:
    """One customer's, lived through the writer; knows what the rows were after each step."""

    def __init__(self, connection) -> None:
        self.connection = connection
        self.now = START
        self.snapshots: dict[datetime, dict[str, dict[str, object]]] = {}
        self.ids: dict[str, int] = {}
        number = next(_numbers)
        writer = self.writer()
        owner = writer.new_id(tables.customers)
        subscription = writer.new_id(tables.subscriptions)
        self.ids = {"customers": owner, "subscriptions": subscription}
        named = {"processor": "fake", "currency": "EUR"}
        writer.insert(
            tables.customers,
            {**named, "id": owner, "metadata": Jsonb({}), "deleted": False, "created_at": START},
        )
        writer.insert(
            tables.subscriptions,
            {
                **named, **SEEN, "id": subscription, "customer_id": owner, "prices": [],
                "processor_id": f"sub_{number}", "status": "active", "quantity": 1,
                "collection_method": "charge_automatically",
            },
        )  # fmt: skip
        invoice = writer.insert(
            tables.invoices,
            {
                **named, **SEEN, "customer_id": owner, "subscription_id": subscription,
                "processor_id": f"in_{number}", "status": "open", "amount_due": 5,
                "amount_paid": 0, "amount_remaining": 5, "reason": "manual", "created_at": START,
                "collection_method": "charge_automatically", "tries": 0, "out_of_band": False,
                "disputed": False, "tax": 0, "credited": 0, "charged_back": 0,
            },
        )  # fmt: skip
        self.ids["invoices"] = invoice
        writer.flush()
        self.snapshots[self.now] = self.rows()

    def writer(self) -> Writer:
        return Writer(self.connection, now=self.now, actor="engine", cause="run:1")

    def live(self, after: float, name: str, values: dict[str, object]) -> None:
        self.now += timedelta(seconds=after)
        writer = self.writer()
        if name == "holds":
            hold = {
                "customer_id": self.ids["customers"],
                "kind": "hold",
                "reason": "asked",
                "actor": "ann",
            }
            writer.insert(tables.holds, hold | {"since": self.now})
        else:
            writer.update(tables.metadata.tables[name], self.row(name), values)
        writer.flush()
        self.snapshots[self.now] = self.rows()

    def row(self, name: str) -> dict[str, object]:
        with batch.driver(self.connection).cursor() as cursor:
            cursor.execute(f"SELECT * FROM {name} WHERE id = %s".encode(), (self.ids[name],))
            values = cursor.fetchone()
            return dict(zip((column.name for column in cursor.description), values, strict=True))

    def rows(self) -> dict[str, dict[str, object]]:
        """What the tables say, in the ledger's words."""
        found = {}
        for of in LEDGERED.values():
            owner = "id" if of.kind == "customer" else "customer_id"
            sql = (
                f"SELECT {of.key}, {', '.join(of.columns)} FROM {of.table.name} WHERE {owner} = %s"
            )
            for key, *row in batch.fetch(self.connection, sql, (self.ids["customers"],)):
                values = dict(zip(of.columns, msgspec.to_builtins(row), strict=True))
                found[f"{of.kind}:{key}"] = told(values)
        return found


def told(values: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


def folded(connection, customer: int, instant: datetime) -> dict[str, dict[str, object]]:
    state = state_as_of(connection, customer, instant)
    return {subject: told(fields) for subject, fields in state.items()}


def lived(connection, steps, seed: int) -> None:
    """Live through `steps`, then ask what was, at instants thrown with `seed`."""
    history = History(connection)
    for after, (name, values) in steps:
        history.live(after, name, values)
    customer, lasted = history.ids["customers"], history.now - START
    dice = random.Random(seed)
    instants = [START + lasted * dice.random() for _ in range(ASKED)]

    for instant in [*instants, *history.snapshots]:
        newest = max(at for at in history.snapshots if at <= instant)
        assert folded(connection, customer, instant) == history.snapshots[newest]


class TestStateAsOf:
    @MANY
    @given(steps=STEPS, seed=st.integers(0, 2**32))
    def test_is_what_the_rows_were_at_any_instant(self, connection, steps, seed):
        lived(connection, steps, seed)

    @pytest.mark.long
    @ALL
    @given(steps=STEPS, seed=st.integers(0, 2**32))
    def test_is_what_the_rows_were_in_a_thousand_histories(self, connection, steps, seed):
        lived(connection, steps, seed)

    def test_is_nothing_before_the_first_entry(self, connection):
        history = History(connection)

        before = START - timedelta(microseconds=1)
        assert state_as_of(connection, history.ids["customers"], before) == {}

    def test_has_no_personal_values(self, connection):
        history = History(connection)
        history.live(1, "customers", {"name": "Ann", "email": "ann@example.com"})

        bodies = batch.fetch(connection, "SELECT body FROM ledger_entries")

        assert not any("ann" in body.lower() for (body,) in bodies)
