"""`Recoup`: the one object a host holds. It wires the parts and owns no rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection

from recoup import commands, reference, wiring, work
from recoup.commands import calling_off
from recoup.commands.base import Kind, Office
from recoup.commands.bound import Bound, bound
from recoup.commands.coupons import Coupons
from recoup.commands.customers import Customers
from recoup.commands.dunning import Dunning
from recoup.commands.invoices import Invoices
from recoup.commands.methods import Methods
from recoup.commands.payments import Payments
from recoup.commands.subscriptions import Subscriptions
from recoup.config import Config
from recoup.core.account import CustomerId
from recoup.core.billing import contact
from recoup.core.billing.catalogue import Catalogue
from recoup.core.policy import Policies
from recoup.core.states import Trigger
from recoup.drift import Rollouts
from recoup.effects import Access, Listeners, Mailing, endpoints, posting
from recoup.effects.base import World
from recoup.entitlements import Entitlements
from recoup.jobs import inline
from recoup.jobs.clocks import Clock, Recurring
from recoup.jobs.loop import OurDesk
from recoup.jobs.worker import Worker
from recoup.links import Links
from recoup.mail.senders import sender_for
from recoup.mail.senders.base import Sender
from recoup.metrics.desk import Metrics
from recoup.processors import PROCESSORS
from recoup.processors.base import Processor
from recoup.recompute import Engine, Run, recompute
from recoup.store import campaigns, database
from recoup.store.lending import Host, Lender
from recoup.store.line import DatabaseLine, Pace
from recoup.store.records import settings
from recoup.timeline import Ledger
from recoup.webhooks.importing import Importing
from recoup.webhooks.receive import Summary, absorb_stored, ingest
from recoup.webhooks.recovering import Recovery


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
        kinds: What callers may ask for, by name; by default every verb there is.

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
        kinds: Mapping[str, Kind[Any]] = commands.KINDS,
    ) -> None:
        self.config = config
        policies = wiring.carried(policies or wiring.chosen(config), config)
        url = database.database_url(config)  # with its password: the engine masks it
        self.database = database.connect(url, schema=config.schema_name)
        database.ensure_current(self.database)
        with self.database.connect() as connection:
            kept = settings.read(connection)
            known = settings.known_policies(connection)
            carriers = campaigns.engines(connection)
        self.clock = clock or wiring.clock(kept.get(wiring.SIMULATED_NOW), config)
        books = kept.get(wiring.FAKE_BOOKS)
        line = DatabaseLine(self.database, Pace.of(live=config.live_mode))
        self.processor = processor or PROCESSORS[config.processor](
            config, Path(books) if books else None, line
        )
        self.engine = Engine(
            wiring.policies(policies, known, self.processor),
            reference.load_rules(),
            budgets=wiring.budgets(config),
        )
        self.plans = plans or wiring.sold(config)
        self.documents = wiring.papers(config, self.database, self.processor, self.clock.now)
        self.world = _world(self, sender or sender_for(config), kinds)
        self.handlers = work.handlers(self.world, self.engine, carriers)
        self._lender = Lender(self.database, config.schema_name)
        self.mail = Mailing(self.database, self.world, self.clock.now, self._lender)
        self.on = Listeners(self.database, self.handlers).on
        follows = posting(config, self.clock.now)
        self.access = Access(self.database, self.world, self.handlers, self.clock.now, follows)
        self.endpoints, self._courier = endpoints.by(config, self.database, self.clock.now)
        source = self.database, self.processor, self.clock.now, self._recomputed, config.live_mode
        recovery, self.imports = Recovery(*source), Importing(*source)
        self.recover = recovery.run
        self._recurring = _recurring(self, recovery)
        wiring.begin(self.database, self.engine, self._recurring, config, now=self.clock.now())
        self.drift = wiring.drift(
            config, self.database, self.engine, self.processor, self.clock.now, self.access
        )
        self._open_to(_office(self, kinds))
        self.entitlements = Entitlements(self.database, self.plans, processor=self.processor.name)
        self.ledger = Ledger(self.database)
        self.metrics = Metrics(self.database, self.engine, self.clock.now)

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
        self.entitlements.close()
        self._courier.close()
        self.database.dispose()

    def acting_as(self, actor: str) -> Self:
        """
        Return the same Recoup in somebody's name: the ledger says who asked, "cli:ann".

        It shares everything with this one, and ends with it: only this one is closed. The name
        stays in the ledger for ever; it must be nobody's who may ask to be erased.

        Raises:
            InvalidValue: no name, one longer than 100 characters, or not on one line.
        """
        made = copy(self)
        made._open_to(  # noqa: SLF001  it is one of us
            self.office.by(contact.words("actor", actor))
        )
        return made

    def using(self, host: Host) -> Bound:
        """
        Return every noun, bound to the host's transaction: what is asked commits or rolls back
        with the host's work, and the processor hears of it only after the commit.

        Args:
            host: An SQLAlchemy `Session` or `Connection`, a psycopg 3 connection, or Django's
                `django.db.connection`, to the database that Recoup is in.

        Raises:
            WrongConnection: it can not be used; the text says what is needed.
        """
        return Bound(bound(self.office, self._lender, host))

    def result(self, key: str) -> Any:
        """
        Return the result of the command with this key.

        Raises:
            NotFound: there is none; the transaction that recorded it may not be committed.
            InProgress: it is not over.
            RecoupError: what it was refused with.
        """
        return self.office.result(key)

    def wait(self, key: str, *, timeout: float | None = None) -> Any:
        """
        Carry out the command with this key here, unless a worker does, and return its result.

        Args:
            timeout: Seconds to wait for whoever carries it out; by default 30.

        Raises:
            NotFound: there is none; the transaction that recorded it may not be committed.
            InProgress: it is still being carried out elsewhere.
            RecoupError: as the verb itself does.
        """
        return self.office.wait(key, timeout=timeout)

    def call_off(self, key: str, *, reason: str) -> None:
        """
        Refuse the command with this key, which has no answer, and let what waits for it go on.

        There must be one (NotFound) that is not over (NotPossible) nor at work (InProgress).
        """
        calling_off.call_off(self.office, key, contact.words("reason", reason))

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
            live=self.config.live_mode,
        )

    def absorb_stored(self) -> Summary:
        """Absorb what is stored and not absorbed: after a crash, or when its time has come."""
        return absorb_stored(
            self.database,
            self.processor.name,
            read=self.processor.read,
            now=self.clock.now(),
            on_absorbed=self._absorbed,
            look_up=self.processor.look_up if self.config.webhook_mode == "fetch" else None,
            live=self.config.live_mode,
        )

    def recompute(
        self, ids: Iterable[CustomerId], *, trigger: Trigger = Trigger.OPERATOR_RECOMPUTE
    ) -> Run:
        """Bring these customers to the state they should be in, in one transaction."""
        with self.database.begin() as connection:
            return recompute(
                connection, ids, engine=self.engine, trigger=trigger, now=self.clock.now()
            )

    def sweep(self) -> Run:
        """Recompute everybody whose time has come."""
        desk = OurDesk(self.database, self.clock, self.handlers)
        return work.sweep_all(desk, self.engine)

    def worker(self, queues: Sequence[str] | None = None) -> Worker:
        """
        Return a worker, which also does what recurs.

        Args:
            queues: Those it serves; by default the ones of the settings.
        """
        return Worker(
            self.database,
            self._courier.beside(self.handlers),
            self.clock,
            self.config.queues if queues is None else queues,
            recurring=self._recurring,
        )

    def _open_to(self, office: Office) -> None:
        self.office = office
        self.customers = Customers(office)
        self.methods = Methods(office)
        self.subscriptions = Subscriptions(office)
        self.invoices = Invoices(office)
        self.payments = Payments(office)
        self.coupons = Coupons(office)
        self.dunning = Dunning(office)
        self.links = Links(office, wiring.pages(self.config))
        self.rollouts = Rollouts(
            office.database, self.engine.policies, office.now, actor=office.actor,
            sample=self.config.rollout_sample,
        )  # fmt: skip

    def _carry_out(self, key: str) -> bool:
        desk = OurDesk(self.database, self.clock, self.handlers)
        return inline.carry_out(desk, key.partition(":")[0], key)

    def _recomputed(
        self, connection: Connection, customer_ids: Iterable[CustomerId], *,
        trigger: Trigger, now: datetime,
    ) -> Run:  # fmt: skip
        return recompute(connection, customer_ids, engine=self.engine, trigger=trigger, now=now)

    def _absorbed(
        self, connection: Connection, ids: Iterable[CustomerId], trigger: Trigger
    ) -> None:
        self._recomputed(connection, ids, trigger=trigger, now=self.clock.now())


def _world(recoup: Recoup, sender: Sender, kinds: Mapping[str, Kind[Any]]) -> World:
    """Return what effects reach, and their way back into the loop."""
    config = recoup.config
    return World(
        processor=recoup.processor,
        sender=sender,
        policies=recoup.engine.policies,
        rules=recoup.engine.rules,
        recompute=recoup._recomputed,  # noqa: SLF001  they are one
        absorb=recoup.absorb_stored,
        brand=wiring.brand(config),
        papers=recoup.documents,
        pages=wiring.pages(config),
        kinds=kinds,
        plans=recoup.plans,
    )


def _recurring(recoup: Recoup, recovery: Recovery) -> tuple[Recurring, ...]:
    """Return what is done again and again."""
    config = recoup.config
    return work.recurring(
        recoup.engine,
        recoup.absorb_stored,
        recover=lambda: recovery.when_due(config.recover_hour),
        scan=lambda: recoup.drift.when_due(),  # noqa: PLW0108  it is made further down
        documents=config.documents,
        minute=config.activation_minute,
        queues=config.queues,
    )


def _office(recoup: Recoup, kinds: Mapping[str, Kind[Any]]) -> Office:
    """Return where commands are recorded and carried out."""
    return Office(
        database=recoup.database,
        processor=recoup.processor,
        now=recoup.clock.now,
        recompute=recoup._recomputed,  # noqa: SLF001  they are one
        carry_out=recoup._carry_out,  # noqa: SLF001  they are one
        unstored=recoup.world.unstored,
        engine=recoup.engine,
        plans=recoup.plans,
        kinds=kinds,
    )
