"""How the parts that `Recoup` holds are made from its settings and its database."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Engine as Database

from recoup import plan_file, policy_file
from recoup.campaigns import Engines
from recoup.campaigns.base import BUILTIN
from recoup.config import Config
from recoup.core.billing.catalogue import NOTHING_SOLD, Catalogue
from recoup.core.collection.timers import RetryTimer
from recoup.core.documents import Party
from recoup.core.links import Pages, Seal
from recoup.core.policy import Policies
from recoup.drift import Drift, Host
from recoup.effects import Access, Issuer, Papers
from recoup.errors import ConfigError
from recoup.jobs import clocks
from recoup.jobs.clocks import Clock, Recurring, SystemClock, TestClock
from recoup.mail.base import Brand
from recoup.mail.emails import NOTICES
from recoup.mail.wording import business_of
from recoup.pdf.stores import S3, Contents, Folder
from recoup.processors.base import Processor
from recoup.recompute import Budgets, Engine
from recoup.store.mails.post import SETTING
from recoup.store.records import settings

log: Final = logging.getLogger(__name__)

#: The setting that makes a database run on a simulated clock; only ever set for the fake.
SIMULATED_NOW: Final = "simulated_now"
#: The setting that says where the fake processor's own books are.
FAKE_BOOKS: Final = "fake_books"


def begin(
    database: Database,
    engine: Engine,
    recurring: Sequence[Recurring],
    config: Config,
    *,
    now: datetime,
) -> None:
    """
    Keep the policies in use and the mails that are switched off, and have what recurs be due from
    `now` (UTC) on.
    """
    tables = [
        (choice.policy.name, policy_file.table(choice.policy))
        for choice in engine.policies.choices
    ]
    with database.begin() as connection:
        settings.remember_policies(connection, tables, now=now)
        settings.write(connection, {SETTING: ",".join(config.mail_off)})
        clocks.schedule(connection, recurring, now=now)


def clock(simulated: str | None, config: Config) -> Clock:
    if simulated is None:
        return SystemClock()
    if config.processor != "fake":
        raise ConfigError(
            "RECOUP_PROCESSOR: expected 'fake', because this database runs on a simulated clock "
            f"and holds pretended customers, got {config.processor!r}"
        )
    return TestClock(datetime.fromisoformat(simulated))


def chosen(config: Config) -> Policies:
    """Return the policies of the settings' file, or the default one."""
    if config.policy is None:
        return Policies()
    return policy_file.load(config.policy, mails=NOTICES)


def carried(policies: Policies, config: Config) -> Policies:
    """
    Return the policies with the engine that the settings name for the steps of new cases, their
    timers, and how long systems of the host's own may take to undo what was lifted.

    Raises:
        ConfigError: there is no such engine, or a timer can not be had.
    """
    undo_within = timedelta(minutes=config.access_patience_minutes)
    loaded = {**timers(policies), **policies.timers}
    policies = replace(policies, undo_within=undo_within, timers=loaded)
    if config.campaign_engine == BUILTIN:
        return policies
    Engines().named(config.campaign_engine)
    patience = timedelta(hours=config.campaign_patience_hours)
    return replace(policies, engine=config.campaign_engine, patience=patience)


def brand(config: Config) -> Brand:
    """Return who writes mails, as the settings say."""
    return Brand(
        business=config.mail_business or business_of(config.mail_from) or "us",
        mail_from=config.mail_from,
        base_url=config.base_url,
        support=config.mail_support,
        address=config.mail_address,
        logo=config.mail_logo,
        color=config.mail_color,
        font=config.mail_font,
        locale=config.mail_locale,
        time_zone=config.mail_time_zone,
        unsubscribe_url=config.mail_unsubscribe_url,
    )


def pages(config: Config) -> Pages | None:
    """Return what makes signed links; None: there is no key to sign them with."""
    if config.secret_key is None:
        return None
    secrets = (config.secret_key.get_secret_value(), *config.signed_before())
    where = config.links_url
    lasts = timedelta(days=config.link_days)
    return Pages(where or config.base_url, Seal(secrets), lasts, mailed=where is not None)


def issuer(config: Config) -> Issuer:
    """Return who issues documents, and how these look, as the settings say."""
    who = brand(config)
    address = config.seller_address or config.mail_address or ""
    lines = tuple(line.strip() for line in address.split(";") if line.strip())
    seller = Party(
        name=config.seller_name or who.business,
        address=lines,
        country=config.seller_country,
        email=config.mail_support if "@" in (config.mail_support or "") else None,
        tax_id=config.seller_vat_id,
    )
    return Issuer(
        seller=seller,
        foot=config.seller_note,
        color=who.color,
        time_zone=who.time_zone or "Etc/UTC",
        locale=who.locale,
        facturx=config.documents_facturx,
        logo=config.documents_logo,
    )


def papers(
    config: Config, database: Database, processor: Processor, now: Callable[[], datetime]
) -> Papers:
    """Return what makes documents, and keeps them where the settings say."""
    contents: Contents | None = None
    if config.documents_s3_url is not None:
        contents = S3.of(config.documents_s3_url.get_secret_value(), now=now)
    elif config.documents_folder is not None:
        contents = Folder(config.documents_folder)
    patience = timedelta(minutes=config.documents_patience_minutes)
    who = issuer(config)
    return Papers(database, processor, now, who, contents, on=config.documents, patience=patience)


def sold(config: Config) -> Catalogue:
    """Return the plans of the settings' file, or none."""
    return NOTHING_SOLD if config.plans is None else plan_file.load(config.plans)


def policies(
    chosen: Policies, kept: Mapping[str, Mapping[str, Any]], processor: Processor
) -> Policies:
    """
    Return the policies in use with the older versions that cases still follow.

    Where a policy leaves open who collects, that is the processor if it retries by itself.
    """
    known = {name: policy_file.policy(body) for name, body in kept.items()}
    choices = tuple(
        replace(choice, policy=choice.policy.collected_by(processor=processor.retries_itself))
        for choice in chosen.choices
    )
    both = sorted(one.policy.name for one in choices if one.policy.ours)
    if processor.retries_itself and both:
        log.warning("the processor retries by itself, and so do the policies %s", ", ".join(both))
    made = replace(chosen, choices=choices, known={**chosen.known, **known})
    return replace(made, timers={**timers(made), **chosen.timers})


def timers(policies: Policies) -> dict[str, RetryTimer]:
    """
    Return the timers that are named by module.

    One that only running cases need may be gone: then those cases fail visibly, and no others.

    Raises:
        ConfigError: a policy for new cases names one that can not be had.
    """
    found: dict[str, RetryTimer] = {}
    wanted = {choice.policy.timer for choice in policies.choices} - set(policies.timers)
    for name in sorted({policy.timer for policy in policies.known.values()} | wanted):
        module, _, attribute = name.partition(":")
        if not attribute:
            continue
        try:
            found[name] = getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            if name in wanted:
                raise ConfigError(
                    f"a policy names the timer {name!r}, which can not be had: {error}. "
                    "See docs/declines.md."
                ) from error
            log.warning("the timer %s of an older policy can not be had: %s", name, error)
    return found


def budgets(config: Config) -> Budgets:
    """Return how many customers may be raised within an hour."""
    return Budgets(ordinary=config.raise_budget)


def drift(
    config: Config,
    database: Database,
    engine: Engine,
    processor: Processor,
    now: Callable[[], datetime],
    access: Access,
) -> Drift:
    """Return what looks for drift."""
    host = Host(access.differences, access.retry)
    return Drift(database, engine, processor, now, host=host, live=config.live_mode)
