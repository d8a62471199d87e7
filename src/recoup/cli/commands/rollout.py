from __future__ import annotations

import click

from recoup.billing import Recoup
from recoup.cli.asking import asks_without_key, only, reads
from recoup.cli.output import Listing
from recoup.store.rollouts import RolloutRow

_COLUMNS = ("name", "stage", "since", "named", "decisions", "harmful")
_MOVES = ("at", "source", "target", "actor", "reason", "decisions", "harmful")
_SHADOWS = ("customer_id", "at", "harm", "in_use", "candidate")
_reason = click.option("--reason", required=True, help="Why; it is kept.")


@click.group()
def rollout() -> None:
    """
    Let a risky behaviour in stage by stage, and take it back at once.

    NAME is drift_repair, policy:KEY/VERSION or timer:NAME.

    Example: recoup rollout list
    """


@rollout.command("list")
@reads
def list_(recoup: Recoup) -> Listing:
    """
    List rollouts: their stage, and what their shadows have shown.

    Example: recoup rollout list
    """
    return only("rollouts", recoup.rollouts.list(), _COLUMNS)


@rollout.command()
@click.argument("name")
@reads
def show(recoup: Recoup, name: str) -> RolloutRow:
    """
    Show one rollout.

    Example: recoup rollout show drift_repair
    """
    return recoup.rollouts.get(name)


@rollout.command()
@click.argument("name")
@reads
def moves(recoup: Recoup, name: str) -> Listing:
    """
    List who moved a rollout, and why, newest first.

    Example: recoup rollout moves drift_repair
    """
    return only("moves", recoup.rollouts.moves(name), _MOVES, empty="Nobody has moved it.")


@rollout.command()
@click.argument("name")
@reads
def harm(recoup: Recoup, name: str) -> Listing:
    """
    List decisions in the shadow that would have done harm, newest first.

    Example: recoup rollout harm drift_repair
    """
    told = "No decision in its shadow would have done harm."
    return only("decisions", recoup.rollouts.harmful(name), _SHADOWS, empty=told)


@rollout.command()
@click.argument("name")
@_reason
@asks_without_key
def widen(recoup: Recoup, name: str, reason: str) -> RolloutRow:
    """
    Bring a rollout to its next stage: off, shadow, named, 5, 10, 25, 50, 100 %.

    Refused while the shadow has shown harm, or too little.

    Example: recoup rollout widen drift_repair --reason "a week without harm"
    """
    return recoup.rollouts.widen(name, reason=reason)


@rollout.command()
@click.argument("name")
@click.option("--shadow", is_flag=True, help="To the shadow; else off.")
@_reason
@asks_without_key
def rollback(recoup: Recoup, name: str, reason: str, shadow: bool) -> RolloutRow:
    """
    Take a rollout back at once, from any stage.

    Example: recoup rollout rollback drift_repair --reason "it looks wrong"
    """
    return recoup.rollouts.rollback(name, reason=reason, shadow=shadow)


@rollout.command("name")
@click.argument("name")
@click.argument("customers", nargs=-1, required=True, metavar="CUSTOMER...")
@_reason
@asks_without_key
def name_(recoup: Recoup, name: str, customers: tuple[str, ...], reason: str) -> RolloutRow:
    """
    Name customers, who are members from the stage `named` on.

    Example: recoup rollout name drift_repair user:42 --reason "our own account"
    """
    return recoup.rollouts.name(name, customers, reason=reason)
