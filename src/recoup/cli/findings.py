"""What `recoup doctor` looks at, and what it makes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from recoup import pdf, plan_file, policy_file, work
from recoup.cli.opening import clock_of
from recoup.cli.output import instant
from recoup.config import Config
from recoup.core.policy import Policies
from recoup.effects import EFFECTS
from recoup.errors import ConfigError, RecoupError
from recoup.jobs import listing
from recoup.jobs.clocks import ClockHealth
from recoup.mail.emails import NOTICES
from recoup.mail.senders import chosen
from recoup.pdf.fonts import INSTALL, missing
from recoup.processors import PROCESSORS, retries_itself
from recoup.store import database, journeys, line
from recoup.store.delivery import audience, posts
from recoup.store.events import endpoints, outbox
from recoup.store.events.endpoints import Endpoint
from recoup.store.queries import health
from recoup.store.records import settings
from recoup.webhooks.recovering import recovered
from recoup.wiring import SIMULATED_NOW

Level = Literal["ok", "warn", "wrong"]

_OFF: Final = (
    "Switch its retries off and say so with RECOUP_STRIPE_RETRIES=false, or set "
    'collector = "processor" in the policy: docs/processors.md'
)

#: A queue that is later than this, or a recurring run that is so late, has nobody who works on it.
LATE: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    level: Level
    what: str
    help: str = ""  #: what to do; empty when there is nothing to do


def examined(config: Config) -> tuple[Finding, ...]:
    """Return every finding. What cannot be looked at is a finding too."""
    return (*_settings(config), *_database(config))


def _settings(config: Config) -> Iterator[Finding]:
    policies = Policies()
    if config.policy is None:
        yield Finding("policy", "ok", "the default one")
    else:
        try:
            policies = policy_file.load(config.policy, mails=NOTICES)
            names = ", ".join(choice.policy.name for choice in policies.choices)
            yield Finding("policy", "ok", f"{config.policy}: {names}")
        except ConfigError as error:
            yield Finding("policy", "wrong", str(error), "Mend it: recoup policy check FILE")
    yield _plans(config)
    itself = retries_itself(config)
    used = [choice.policy.collected_by(processor=itself) for choice in policies.choices]
    yield _collector(config, {one.name: one.collector or "recoup" for one in used})
    yield _sender(config)
    if config.documents and (gone := missing()):
        what = f"documents are wanted, and {', '.join(gone)} is not installed: none can be made"
        yield Finding("documents", "wrong", what, f"{INSTALL}, or unset RECOUP_DOCUMENTS.")
    if config.documents_logo is not None and not missing():
        yield _logo(config.documents_logo)


def _plans(config: Config) -> Finding:
    if config.plans is None:
        return Finding("plans", "ok", "none: nobody is entitled to anything")
    try:
        sold = plan_file.load(config.plans)
    except ConfigError as error:
        return Finding("plans", "wrong", str(error), "Mend it: recoup plans check FILE")
    return Finding("plans", "ok", f"{config.plans}: {', '.join(sorted(sold.plans))}")


def _logo(file: Path) -> Finding:
    """One that can not be set keeps every new invoice from being made as PDF."""
    try:
        pdf.logo(file)
    except RecoupError as error:
        help = "Mend it: nothing new is issued as PDF; then recoup effects retry ID"
        return Finding("logo", "wrong", str(error), help)
    return Finding("logo", "ok", f"{file} is at the head of documents")


def _collector(config: Config, collectors: Mapping[str, str]) -> Finding:
    """Two who try the same card again break the networks' limits together."""
    itself = retries_itself(config)
    both = sorted(name for name, who in collectors.items() if itself and who == "recoup")
    none = sorted(name for name, who in collectors.items() if not itself and who == "processor")
    if both:
        return Finding(
            "collector", "wrong", f"{config.processor} retries by itself and so does Recoup, by "
            f"{', '.join(both)}", _OFF,
        )  # fmt: skip
    if none:
        return Finding(
            "collector", "wrong", f"{', '.join(none)} leave the tries to {config.processor}, "
            "which makes none", 'Set collector = "recoup" in the policy',
        )  # fmt: skip
    who = "the processor" if itself else "Recoup"
    return Finding("collector", "ok", f"{config.processor}; {who} tries again")


def _sender(config: Config) -> Finding:
    if chosen(config) == "file":
        help = "Set RECOUP_SMTP_URL or RECOUP_RESEND_API_KEY to send them."
        return Finding("mail", "warn", f"mails become files under {config.home / 'mail'}", help)
    where = config.resend_api_base
    if config.smtp_url is not None:
        parts = urlsplit(config.smtp_url.get_secret_value())
        where = f"{parts.scheme}://{parts.hostname}:{parts.port or 'its usual port'}"
    if config.mail_from.rstrip(">").endswith("@example.com"):
        return Finding(
            "mail", "wrong", f"{where}, from {config.mail_from}", "Set RECOUP_MAIL_FROM."
        )
    return Finding("mail", "ok", f"{where}, from {config.mail_from}")


def _mails(config: Config, connection: Connection) -> Iterator[Finding]:
    """What is wrong with mails that only the customers show."""
    country = None if config.mail_address else audience.wants_an_address(connection)
    if country is not None:
        what = f"customers live in {country}, and below mails there is no postal address"
        yield Finding("address", "warn", what, "Set RECOUP_MAIL_ADDRESS: the law there wants one.")
    if chosen(config) == "resend" and not config.mail_secrets():
        help = "Set RECOUP_RESEND_WEBHOOK_SECRETS: docs/senders.md"
        yield Finding("bounces", "warn", "nobody hears of mails that come back", help)
    parked = posts.parked(connection)
    if parked:
        help = "Look: SELECT id, reason FROM mail_posts WHERE state = 'parked'"
        yield Finding("bounces", "warn", f"{parked} posts could not be understood", help)


def _database(config: Config) -> Iterator[Finding]:
    try:
        engine = database.connect(database.database_url(config), schema=config.schema_name)
    except RecoupError as error:
        yield Finding("database", "wrong", str(error), "See docs/configuration.md.")
        return
    try:
        found, wanted = database.current(engine), database.newest()
        with engine.connect() as connection:
            yield from _server(config, connection)
        if found is None and config.database_url is None:
            help = "The first command that needs it makes it: recoup db upgrade"
            yield Finding("schema", "warn", "the embedded database is empty", help)
            return
        if found != wanted:
            what = f"at {found or 'nothing'}, this version needs {wanted}"
            yield Finding("schema", "wrong", what, "Run `recoup db upgrade`.")
            return
        yield Finding("schema", "ok", f"at {found}, the newest")
        yield from _work(config, engine)
    except DBAPIError as error:
        first = str(error.orig).strip().partition("\n")[0]
        yield Finding("database", "wrong", first, "Check RECOUP_DATABASE_URL and the server.")
    finally:
        engine.dispose()


def _server(config: Config, connection: Connection) -> Iterator[Finding]:
    server = health.server(connection)
    where = "embedded" if config.database_url is None else "a server of yours"
    what = f"PostgreSQL {server.version}, {where}"
    if server.number < database.OLDEST_SERVER:
        yield Finding("database", "wrong", what, "PostgreSQL 14 or newer is needed.")
    else:
        yield Finding("database", "ok", what)
    if server.synchronous_commit == "off":
        yield Finding(
            "durability", "wrong", "synchronous_commit is off for our connections",
            "Something between us and the server, a pooler, drops our settings.",
        )  # fmt: skip
    elif server.fsync == "off":
        what = "fsync is off: a power cut may destroy the database"
        yield Finding("durability", "warn", what, "Fine for tests only: set fsync = on.")
    else:
        yield Finding("durability", "ok", "what is committed survives a crash")


def _work(config: Config, engine: Engine) -> Iterator[Finding]:
    now = clock_of(engine).now()
    with engine.connect() as connection:
        if SIMULATED_NOW in settings.read(connection):
            help = "Right for a demo only; `recoup tick --now` moves it."
            yield Finding("clock", "warn", f"simulated, it is {instant(now)}", help)
        else:
            yield Finding("clock", "ok", "the machine's")
        yield from _clocks(work.clocks_health(connection, now))
        yield _queues(connection, config.queues, now)
        left = health.backlog(connection, now=now)
        yield _overdue(left, now)
        yield from _backlog(left)
        told = {outbox.KIND + name for name in outbox.handlers(connection)}
        told |= {f"{endpoints.KIND}{id}" for id in endpoints.ids(connection)}
        yield from _mails(config, connection)
        yield from _endpoints(config, endpoints.listing(connection, limit=1000))
        yield from _journeys(connection, config.processor)
        unknown = listing.unknown_kinds(connection, {*EFFECTS, *told})
        if unknown:
            help = "A newer version wrote them: run its workers, or upgrade this one."
            yield Finding("effects", "wrong", f"of unknown kinds: {_counted(unknown)}", help)
        # Running cases keep the policy they began with, so an old one may still be in use.
        collectors = health.collectors(connection)
        running = _collector(config, collectors)
        if running.level != "ok":
            yield running
        yield from _seen_retrying(connection, collectors)
        if config.processor == "stripe":
            yield _answers(config, engine, line.state(connection))


def _endpoints(config: Config, found: Sequence[Endpoint]) -> Iterator[Finding]:
    if found and config.secret_key is None:
        what = f"{len(found)}, and nothing to sign posts with: nobody is told of anything"
        yield Finding("endpoints", "wrong", what, "Set RECOUP_SECRET_KEY.")
    disabled = [one for one in found if not one.enabled]
    failing = [one for one in found if one.enabled and one.failing_since is not None]
    if disabled:
        what = "; ".join(f"{one.id} is disabled: {one.disabled_for}" for one in disabled)
        help = "What they were to be told waits: recoup endpoints enable ID"
        yield Finding("endpoints", "warn", what, help)
    if failing:
        what = "; ".join(f"{one.id} fails since {instant(one.failing_since)}" for one in failing)
        help = "Look: recoup endpoints deliveries ID --tries"
        yield Finding("endpoints", "warn", what, help)
    if found and config.secret_key is not None and not (disabled or failing):
        yield Finding("endpoints", "ok", f"{len(found)}, every one takes what it is told")
    if config.allow_private_urls:
        help = "Right for development only: unset RECOUP_ALLOW_PRIVATE_URLS."
        yield Finding("urls", "warn", "webhooks out may go to private addresses", help)


def _seen_retrying(connection: Connection, collectors: Mapping[str, str]) -> Iterator[Finding]:
    """What the account's settings do not say its invoices do: who was announced a next try."""
    announced = health.announced_tries(connection)
    if announced and "recoup" in collectors.values():
        what = f"the processor is going to try {announced} failed invoices again, and so is Recoup"
        yield Finding("retries", "warn", what, _OFF)


def _answers(config: Config, engine: Engine, seen: line.State) -> Finding:
    """Whether it answers, and us: nobody may have asked yet, or not with this key."""
    if not seen.silences or seen.last_at is None:
        shared = line.DatabaseLine(engine, line.Pace.of(live=config.live_mode))
        try:
            processor = PROCESSORS[config.processor](config, None, shared)
            with ExitStack() as after:
                after.callback(getattr(processor, "close", lambda: None))
                processor.object_page("coupon")
        except RecoupError as error:
            help = "Check RECOUP_STRIPE_API_KEY, what it may do, and RECOUP_STRIPE_API_BASE."
            return Finding("processor", "wrong", str(error), help)
        return Finding("processor", "ok", "it answers")
    what = f"no answer {seen.silences} times in a row, the last time {instant(seen.last_at)}"
    if seen.resting:
        help = "It is asked once a minute until it answers; nothing is lost meanwhile."
        return Finding("processor", "wrong", what, help)
    return Finding("processor", "warn", what)


def _clocks(health: Sequence[ClockHealth]) -> Iterator[Finding]:
    missed = [clock for clock in health if clock.missed]
    what = "; ".join(map(_late, missed))
    if all(clock.due_at is None for clock in health):
        help = "Start one: recoup worker"
        yield Finding("clocks", "warn", f"no process has run yet; nobody runs {what}", help)
    elif missed:
        dead = any(clock.due_at is None or clock.late_by >= LATE for clock in missed)
        help = "Start a worker: recoup worker; or call `recoup tick` from cron."
        yield Finding("clocks", "wrong" if dead else "warn", f"missed: {what}", help)
    else:
        yield Finding("clocks", "ok", "all on time")
    failing = [clock for clock in health if clock.error is not None]
    if failing:
        what = "; ".join(f"{one.name} ({one.failures} in a row): {one.error}" for one in failing)
        names = " ".join(f"--clock {one.name}" for one in failing)
        help = f"Mend the cause, then try it now: recoup tick {names}"
        yield Finding("failing clocks", "wrong", what, help)


def _late(clock: ClockHealth) -> str:
    if clock.due_at is None:
        return clock.name
    late = timedelta(seconds=clock.late_by // timedelta(seconds=1))
    last = "has never run" if clock.last_run is None else f"last ran {instant(clock.last_run)}"
    return f"{clock.name} is late by {late} ({last}, due since {instant(clock.due_at)})"


def _queues(connection: Connection, served: Sequence[str], now: datetime) -> Finding:
    lags = listing.lag(connection, now)
    if not lags:
        return Finding("queues", "ok", "nothing is due")
    what = ", ".join(f"{lag.due} due on {name}, late by {lag.late}" for name, lag in lags.items())
    if max(lag.late for lag in lags.values()) <= LATE:
        return Finding("queues", "ok", what)
    idle = [name for name, lag in lags.items() if lag.late > LATE and name not in served]
    if idle:
        help = f"RECOUP_QUEUES leaves out {', '.join(idle)}: have workers serve that too."
    else:
        help = "Start a worker, or more of them: recoup worker"
    return Finding("queues", "wrong", what, help)


def _journeys(connection: Connection, processor: str) -> Iterator[Finding]:
    """What the last recovery found, and whom an import still holds."""
    last = journeys.last(connection, "recover", processor)
    if last is not None:
        found = recovered(last.counts, finished=True)
        what = f"{instant(last.begun_at)}: {found.events} events had not arrived, and "
        what += f"{sum(found.objects.values())} objects were otherwise than we knew"
        help = "Look whether webhooks arrive: recoup webhooks list" if found.events else ""
        yield Finding("recovery", "warn" if found.events else "ok", what, help)
    held = journeys.held(connection, processor)
    if held:
        help = f"Let it happen: recoup import {processor} --go"
        what = f"{held} customers are held, nothing is decided about them"
        yield Finding("import", "warn", what, help)


def _overdue(left: health.Backlog, now: datetime) -> Finding:
    if left.overdue_since is None:
        return Finding("sweep", "ok", "nobody's time has come unnoticed")
    what = f"{left.overdue} customers are due, the first since {instant(left.overdue_since)}"
    late = now - left.overdue_since > LATE
    return Finding("sweep", "wrong" if late else "ok", what, "recoup worker" if late else "")


def _backlog(left: health.Backlog) -> Iterator[Finding]:
    if left.parked_effects:
        help = "Look: recoup effects list --state parked; then recoup effects retry ID"
        yield Finding("parked effects", "wrong", _counted(left.parked_effects), help)
    else:
        yield Finding("parked effects", "ok", "none")
    if left.parked_customers:
        help = "Look: recoup customers list --troubled; then recoup recompute ID"
        yield Finding("parked customers", "wrong", str(left.parked_customers), help)
    elif left.failed_customers:
        help = "They are tried again by themselves: recoup customers list --troubled"
        yield Finding("failed customers", "warn", str(left.failed_customers), help)
    else:
        yield Finding("customers", "ok", "every one can be decided on")
    yield from _inbox(left)
    if left.open_tasks:
        yield Finding("tasks", "warn", f"{left.open_tasks} for a person", "recoup tasks list")


def _inbox(left: health.Backlog) -> Iterator[Finding]:
    parked, failed = left.inbox.get("parked", 0), left.inbox.get("failed", 0)
    if parked:
        help = "Look: recoup webhooks list --state parked"
        yield Finding("inbox", "warn", f"{parked} events could not be understood", help)
    if failed:
        help = "They are tried again: recoup webhooks list --state failed"
        yield Finding("inbox", "warn", f"{failed} events failed", help)
    if left.waiting_long:
        help = "What they belong to has not arrived: recoup webhooks list --state waiting"
        what = f"{left.waiting_long} events have waited for more than a day"
        yield Finding("inbox", "warn", what, help)
    if not (parked or failed or left.waiting_long):
        yield Finding("inbox", "ok", "every event has ended, or will soon")


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())
