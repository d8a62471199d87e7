"""The engines that cases name, loaded when they are first needed, and never in the way."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any, Final

from sqlalchemy import Connection

from recoup.campaigns.base import BUILTIN, Campaign, CampaignEngine, Many, Works
from recoup.campaigns.builtin import Builtin
from recoup.errors import ConfigError
from recoup.jobs.base import Handler
from recoup.store import campaigns as rows

log: Final = logging.getLogger(__name__)

#: Campaigns by the name of the engine that carries them; None: ours.
ByEngine = Mapping[str | None, list[Campaign]]


class Engines:
    """
    Every engine that a case may name.

    Args:
        engines: Those that are made already, by name.
    """

    def __init__(self, engines: Mapping[str, CampaignEngine] | None = None) -> None:
        self._made: dict[str | None, CampaignEngine] = {None: Builtin()}
        self._made.update(engines or {})

    def named(self, name: str | None) -> CampaignEngine:
        """
        Return an engine; it is imported when it is asked for first.

        Raises:
            ConfigError: there is no such thing, or it is none.
        """
        if name not in self._made:
            self._made[name] = _loaded(str(name))
        return self._made[name]

    def handlers(self, name: str | None) -> Mapping[str, Handler]:
        """Return how an engine's own effects are run."""
        engine = self.named(name)
        return engine.handlers() if isinstance(engine, Works) else {}

    def start(self, connection: Connection, campaigns: ByEngine) -> None:
        """Hand campaigns over to their engines. An engine that fails is logged and counted."""
        for name, some in campaigns.items():
            self._tell(connection, "start", name, some)

    def cancel(self, connection: Connection, campaigns: ByEngine) -> None:
        """Have their engines drop campaigns. An engine that fails is logged and counted."""
        for name, some in campaigns.items():
            self._tell(connection, "cancel", name, some)

    def _tell(
        self, connection: Connection, verb: str, name: str | None, campaigns: list[Campaign]
    ) -> None:
        """
        Tell one engine, each time in a transaction of its own within the caller's.

        The caller's goes on, and so do the campaigns that the engine is told of by themselves.
        """
        try:
            engine = self.named(name)
        except ConfigError as problem:
            _failed(connection, name, verb, campaigns, problem)
            return
        for tell, given, meant in _calls(engine, verb, campaigns):
            try:
                with connection.begin_nested():
                    tell(connection, given)
            except Exception as problem:  # noqa: BLE001  whatever somebody else's engine does
                _failed(connection, name, verb, meant, problem)


#: How an engine is told, what it is given, and the campaigns that this is about.
_Call = tuple[Callable[[Connection, Any], None], Any, Sequence[Campaign]]


def _calls(engine: CampaignEngine, verb: str, campaigns: list[Campaign]) -> Iterable[_Call]:
    if isinstance(engine, Many):
        many = engine.start_campaigns if verb == "start" else engine.cancel_campaigns
        return [(many, campaigns, campaigns)]
    one = engine.start_campaign if verb == "start" else engine.cancel_campaign
    return [(one, campaign, [campaign]) for campaign in campaigns]


def _failed(
    connection: Connection,
    name: str | None,
    verb: str,
    campaigns: Sequence[Campaign],
    problem: Exception,
) -> None:
    """Log and count what an engine could not do; the decision goes on without it."""
    told = f"{type(problem).__name__}: {problem}"[:500]
    log.error(
        "%s of %d campaigns by %s failed", verb, len(campaigns), name or "us", exc_info=problem
    )
    for one in campaigns:
        rows.failed(
            connection,
            customer_id=one.customer_id,
            case_id=one.case_id,
            engine=name or BUILTIN,
            verb=verb,
            error=told,
            now=one.at,
        )


def _loaded(name: str) -> CampaignEngine:
    module, _, attribute = name.partition(":")
    try:
        made = getattr(import_module(module), attribute)()
    except Exception as problem:
        raise ConfigError(
            "RECOUP_CAMPAIGN_ENGINE: expected 'builtin' or 'package.module:attribute' of an "
            f"engine that can be made, got {name!r} ({type(problem).__name__}: {problem}). "
            "See docs/campaigns.md."
        ) from problem
    for verb in ("start_campaign", "cancel_campaign"):
        if not callable(getattr(made, verb, None)):
            raise ConfigError(f"RECOUP_CAMPAIGN_ENGINE: {name!r} has no {verb}")
    engine: CampaignEngine = made
    return engine
