from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.engine import make_url

from recoup.core.billing.catalogue import Catalogue, FeatureKind, Plan
from recoup.core.policy import Policies
from recoup.recompute import Engine, recompute, sweep
from recoup.reference import load_rules
from recoup.store import database, tables
from recoup.store.writer import Writer

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class Shop:
    """Customers whose renewal failed, as the writer stores them, and the loop over them."""

    noon = NOON

    def __init__(self, engine):
        self.engine = engine
        self.loop = Engine(Policies(), load_rules())
        self._numbers = count(1)
        self._tables = sorted(inspect(engine).get_table_names())

    def debtors(self, number=1, *, failed_at=NOON, wake=NOON, **invoice):
        """Add customers with a card and a renewal that failed for want of funds; return ids."""
        with self.engine.begin() as connection:
            writer = Writer(connection, now=failed_at, actor="test", cause="test")
            ids = [self._debtor(writer, failed_at, wake, invoice) for _ in range(number)]
            writer.flush()
        return ids

    def _debtor(self, writer, failed_at, wake, invoice):
        n = next(self._numbers)
        seen = {"processor": "fake", "seen_at": failed_at, "seen_event": "evt"}
        owner = writer.insert(
            tables.customers,
            {"processor": "fake", "processor_id": f"cus_{n}", "email": f"{n}@example.com",
             "country": "DE", "currency": "EUR", "default_method": f"pm_{n}",
             "created_at": failed_at - 90 * DAY},
        )  # fmt: skip
        writer.insert(
            tables.standings,
            {"customer_id": owner, "standing": "current", "next_wake_at": wake,
             "run_state": "ok", "failures": 0},
        )  # fmt: skip
        writer.insert(
            tables.payment_methods,
            seen | {"customer_id": owner, "processor_id": f"pm_{n}", "kind": "card",
                    "instrument": f"fp_{n}", "brand": "visa", "country": "DE", "exp_year": 2030,
                    "exp_month": 12, "changed_at": failed_at - 90 * DAY},
        )  # fmt: skip
        bought = writer.insert(
            tables.subscriptions,
            seen | {"customer_id": owner, "processor_id": f"sub_{n}", "status": "past_due",
                    "plan": "price_1", "prices": ["price_1"], "currency": "EUR",
                    "collection_method": "charge_automatically"},
        )  # fmt: skip
        owed = writer.insert(
            tables.invoices,
            seen | {"customer_id": owner, "subscription_id": bought, "processor_id": f"in_{n}",
                    "status": "open", "currency": "EUR", "amount_due": 4900, "amount_paid": 0,
                    "amount_remaining": 4900, "reason": "subscription_cycle",
                    "collection_method": "charge_automatically",
                    "created_at": failed_at - timedelta(hours=1),
                    "first_failed_at": failed_at} | invoice,
        )  # fmt: skip
        writer.insert(
            tables.attempts,
            seen | {"customer_id": owner, "invoice_id": owed, "origin": "processor",
                    "state": "declined", "amount": 4900, "currency": "EUR",
                    "processor_id": f"ch_{n}", "method": f"pm_{n}", "instrument": f"fp_{n}",
                    "brand": "visa", "off_session": True, "happened_at": failed_at,
                    "ended_at": failed_at, "decline_code": "insufficient_funds"},
        )  # fmt: skip
        return owner

    def recompute(self, ids, *, now=NOON, trigger="test"):
        """Run the loop over these customers and commit."""
        with self.engine.begin() as connection:
            return recompute(connection, ids, engine=self.loop, trigger=trigger, now=now)

    def sweep(self, now=NOON, *, limit=1000):
        """Run the loop over whoever is due and commit."""
        with self.engine.begin() as connection:
            connection.execute(text("SET LOCAL lock_timeout = '60s'"))
            return sweep(connection, engine=self.loop, now=now, limit=limit)

    def answer(self, now):
        """Do to the rows what the effects would: every try is refused, every notice arrives."""
        self.do(
            "UPDATE attempts SET state = 'requested', requested_at = :now WHERE state='intended'",
            "UPDATE attempts SET state = 'declined', decline_code = 'insufficient_funds', "
            "ended_at = :now, processor_id = 'ch_of_' || idempotency_key "
            "WHERE state = 'requested'",
            "UPDATE notices SET state = 'sent', delivered_at = :now WHERE state = 'scheduled'",
            now=now,
        )

    def spoil(self, id):
        """Give a customer a row that means nothing, so that no account can be made of it."""
        self.do(
            "INSERT INTO subscriptions (customer_id, processor, processor_id, status, currency, "
            "collection_method, seen_at, seen_event) VALUES (:id, 'fake', 'odd_' || :id, 'odd', "
            "'EUR', 'charge_automatically', :now, 'evt')",
            id=id,
            now=NOON,
        )

    def mend(self, id):
        """Take away what `spoil` put there."""
        self.do("DELETE FROM subscriptions WHERE processor_id = 'odd_' || :id", id=id)

    def do(self, *statements, **given):
        """Change rows behind everybody's back."""
        with self.engine.begin() as connection:
            for sql in statements:
                connection.execute(text(sql), given)

    def rows(self, sql, **given):
        """Return what a query finds, as tuples; plain values where it asks for one column."""
        with self.engine.connect() as connection:
            found = [tuple(row) for row in connection.execute(text(sql), given)]
        return [row[0] for row in found] if found and len(found[0]) == 1 else found

    def contents(self, *, but=("runs",)):
        """Return every row with the transaction that wrote it; a run always leaves its own."""
        with self.engine.connect() as connection:
            return {
                name: sorted(
                    map(
                        tuple,
                        connection.execute(text(f"SELECT xmin::text, t::text FROM {name} t")),
                    )
                )
                for name in self._tables
                if name not in but
            }


@pytest.fixture
def shop(engine):
    return Shop(engine)


@pytest.fixture
def new_shop(new_database):
    """Make shops, each on a database of its own."""
    engines = []

    def make():
        url = make_url(new_database()).set(drivername="postgresql+psycopg")
        engines.append(database.connect(url))
        return Shop(engines[-1])

    yield make
    for engine in engines:
        engine.dispose()


class Buyers:
    """Customers, what they bought and what is closed to them, as bare rows. Each verb commits."""

    features = frozenset({"seats", "edit", "look", "export"})

    @classmethod
    def plans(cls, *prices):
        """The catalogue in which these prices are the plan pro; 'p' is, when none is named."""
        pro = Plan("pro", frozenset(prices or "p"), cls.features, {"projects": 10, "guests": None})
        kinds = {"seats": FeatureKind.GROWTH, "look": FeatureKind.READ}
        return Catalogue({"pro": pro}, kinds | {"export": FeatureKind.FLOOR})

    def __init__(self, engine):
        self.engine = engine

    def run(self, sql, **given):
        with self.engine.begin() as connection:
            result = connection.execute(text(sql), given)
            return result.scalar() if result.returns_rows else None

    def customer(self, name="cus_1", owner=None):
        return self.run(
            "INSERT INTO customers (processor, processor_id, owner_type, owner_id, created_at) "
            "VALUES ('fake', :name, :type, :owner, now()) RETURNING id",
            name=name,
            type=owner and "team",
            owner=owner,
        )

    def subscription(self, customer, *, status="active", price="p"):
        return self.run(
            "INSERT INTO subscriptions (customer_id, processor, processor_id, status, prices, "
            "currency, collection_method, seen_at, seen_event) VALUES (:customer, 'fake', "
            "'sub_' || nextval('subscriptions_id_seq'), :status, ARRAY[:price], 'EUR', "
            "'charge_automatically', now(), 'evt') RETURNING id",
            customer=customer,
            status=status,
            price=price,
        )

    def case(self, customer, subscription, **more):
        given = {"ending": None, "ended": None, "settled": None} | more
        return self.run(
            "INSERT INTO cases (customer_id, scope, anchor, opened_at, policy, ending, ended_at, "
            "settled_at) VALUES (:customer, :scope, now(), now(), 'default/1', :ending, :ended, "
            ":settled) RETURNING id",
            customer=customer,
            scope=f"subscription:{subscription}",
            **given,
        )

    def restrict(self, customer, subscription, consequence="suspend"):
        return self.run(
            "INSERT INTO restrictions (customer_id, case_id, scope, consequence, rung, since) "
            "VALUES (:customer, :case, :scope, :consequence, 'rung', now()) RETURNING id",
            customer=customer,
            case=self.case(customer, subscription),
            scope=f"subscription:{subscription}",
            consequence=consequence,
        )

    def lift(self, restriction):
        self.run("UPDATE restrictions SET lifted_at = now() WHERE id = :id", id=restriction)


@pytest.fixture
def buyers(engine):
    return Buyers(engine)
