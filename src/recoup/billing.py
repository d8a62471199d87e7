"""`Recoup`: the one object a host holds. It wires the parts and owns no rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import Connection

from recoup import commands, policy_file, reference, work
from recoup.commands.base import Office
from recoup.commands.changes import Changes
from recoup.commands.coupons import Coupons
from recoup.commands.customers import Customers
from recoup.commands.invoices import Invoices
from recoup.commands.methods import Methods
from recoup.commands.payments import Payments
from recoup.commands.subscriptions import Subscriptions
from recoup.config import Config
from recoup.core.account import CustomerId
from recoup.core.billing.catalogue import NOTHING_SOLD, Catalogue
from recoup.core.policy import Policies
from recoup.effects.base import World
from recoup.errors import ConfigError
from recoup.jobs import inline
from recoup.jobs.base import QUEUES
from recoup.jobs.clocks import Clock, SystemClock, TestClock
from recoup.jobs.loop import OurDesk
from recoup.jobs.worker import Worker
from recoup.mail.emails import EMAILS
from recoup.mail.senders import sender_for
from recoup.mail.senders.base import Sender
from recoup.processors import PROCESSORS
from recoup.processors.base import Processor
from recoup.recompute import Engine, Run, recompute
from recoup.store import database
from recoup.store.records import policies as policies_kept
from recoup.store.records import settings
from recoup.webhooks.receive import Summary, absorb_stored, ingest

#: The setting that makes a database run on a simulated clock; only ever set for the fake.
SIMULATED_NOW: Final = "simulated_now"
#: The setting that says where the fake processor's own books are.
FAKE_BOOKS: Final = "fake_books"


class Recoup:
    """
    Everything that happens between "a customer should pay" and "the money is in".

    Args:
        config: The settings.
        processor: The payment company; by default the one the settings name.
        sender: What sends mails; by default the one the settings ask for.
        clock: Tells the time; by default the machine's, or the database's simulated one.
        policies: How debts are handled; by default the settings' file, or the default policy.
        plans: What is sold; by default the settings' file, or nothing.

    Raises:
        ConfigError: a setting is wrong.
        SchemaOutdated: the database is not at this version; run `recoup db upgrade`.
    """

    def __init__(
        self,
        config: Config,
        *,
        processor: Processor | None = None,
        sender: Sender | None = None,
        clock: Clock | None = None,
        policies: Policies | None = None,
        plans: Catalogue | None = None,
    ) -> None:
        self.config = config
        self.url = database.database_url(config)
        self.database = database.connect(self.url, schema=config.schema_name)
        database.ensure_current(self.database)
        with self.database.connect() as connection:
            kept = settings.read(connection)
            known = policies_kept.known(connection)
        self.clock = clock or _clock(kept.get(SIMULATED_NOW), config)
        self.processor = processor or PROCESSORS[config.processor](
            Path(kept.get(FAKE_BOOKS) or config.home / "fake.sqlite3")
        )
        self.engine = Engine(_policies(policies or _chosen(config), known), reference.load_rules())
        self.world = World(
            processor=self.processor,
            sender=sender or sender_for(config),
            policies=self.engine.policies,
            rules=self.engine.rules,
            recompute=self._recomputed,
            absorb=self.absorb_stored,
            base_url=config.base_url,
            mail_from=config.mail_from,
            business=config.mail_from.partition("<")[0].strip() or "us",
            kinds=commands.KINDS,
        )
        self.handlers = work.handlers(self.world)
        self._remember_policies()
        self.plans = plans or NOTHING_SOLD
        self.office = Office(
            database=self.database,
            processor=self.processor,
            now=self.clock.now,
            recompute=self._recomputed,
            carry_out=self._carry_out,
            unstored=self.world.unstored,
            plans=self.plans,
        )
        self.customers = Customers(self.office)
        self.methods = Methods(self.office)
        self.subscriptions = Subscriptions(self.office)
        self.changes = Changes(self.office)
        self.invoices = Invoices(self.office)
        self.payments = Payments(self.office)
        self.coupons = Coupons(self.office)

    @classmethod
    def from_env(cls, **overrides: Any) -> Self:
        """Return a Recoup made from the environment; `overrides` are settings by field name."""
        return cls(Config.load(**overrides))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self.database.dispose()

    def ingest(
        self, lines: Iterable[bytes], *, progress: Callable[[int], None] | None = None
    ) -> Summary:
        """
        Store events exactly as received, one JSON object a line, and absorb them.

        What can not be understood is kept and counted, never dropped. The same events again
        change nothing.
        """
        return ingest(
            self.database,
            self.processor.name,
            lines,
            read=self.processor.read,
            now=self.clock.now(),
            on_absorbed=self._absorbed,
            progress=progress,
        )

    def absorb_stored(self) -> Summary:
        """Absorb what is stored and not absorbed: after a crash, or when its time has come."""
        return absorb_stored(
            self.database,
            self.processor.name,
            read=self.processor.read,
            now=self.clock.now(),
            on_absorbed=self._absorbed,
        )

    def recompute(self, ids: Iterable[CustomerId], *, trigger: str = "operator") -> Run:
        """Bring these customers to the state they should be in, in one transaction."""
        with self.database.begin() as connection:
            return recompute(
                connection, ids, engine=self.engine, trigger=trigger, now=self.clock.now()
            )

    def sweep(self) -> Run:
        """Recompute everybody whose time has come."""
        desk = OurDesk(self.database, self.clock, self.handlers)
        return work.sweep_all(desk, self.engine)

    def worker(self, queues: Sequence[str] = QUEUES) -> Worker:
        """Return a worker for these queues, which also does what recurs."""
        return Worker(
            self.database,
            self.handlers,
            self.clock,
            queues,
            recurring=work.recurring(self.engine, self.absorb_stored),
        )

    def _carry_out(self, key: str) -> bool:
        desk = OurDesk(self.database, self.clock, self.handlers)
        return inline.carry_out(desk, key.partition(":")[0], key)

    def _recomputed(
        self,
        connection: Connection,
        customer_ids: Iterable[CustomerId],
        *,
        trigger: str,
        now: datetime,
    ) -> Run:
        return recompute(connection, customer_ids, engine=self.engine, trigger=trigger, now=now)

    def _absorbed(self, connection: Connection, customer_ids: Iterable[CustomerId]) -> None:
        self._recomputed(connection, customer_ids, trigger="event", now=self.clock.now())

    def _remember_policies(self) -> None:
        tables = [
            (choice.policy.name, policy_file.table(choice.policy))
            for choice in self.engine.policies.choices
        ]
        with self.database.begin() as connection:
            policies_kept.remember(connection, tables, now=self.clock.now())


def _clock(simulated: str | None, config: Config) -> Clock:
    if simulated is None:
        return SystemClock()
    if config.processor != "fake":
        raise ConfigError(
            "RECOUP_PROCESSOR: expected 'fake', because this database runs on a simulated clock "
            f"and holds pretended customers, got {config.processor!r}"
        )
    return TestClock(datetime.fromisoformat(simulated))


def _chosen(config: Config) -> Policies:
    """Return the policies of the settings' file, or the default one."""
    if config.policy is None:
        return Policies()
    return policy_file.load(config.policy, mails=frozenset(EMAILS))


def _policies(chosen: Policies, kept: Mapping[str, Mapping[str, Any]]) -> Policies:
    """Return the policies in use with the older versions that cases still follow."""
    known = {name: policy_file.policy(body) for name, body in kept.items()}
    return replace(chosen, known={**chosen.known, **known})
