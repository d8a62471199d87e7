from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click

from recoup import work
from recoup.billing import Recoup
from recoup.cli.opening import opened
from recoup.cli.output import as_json_option, emit, instant, iso_instant
from recoup.demo.afterwards import catch_up
from recoup.recompute import Run


@click.command()
@click.option(
    "--now",
    "at",
    type=iso_instant,
    help="Move the simulated clock, for good: it never goes back. With the fake processor only.",
)
@click.option("--once", is_flag=True, help="Make one pass, even when it makes more due.")
@click.option(
    "--clock",
    "names",
    multiple=True,
    metavar="NAME",
    help=f"Run this now, due or not, and nothing else: {', '.join(work.CLOCKS)}. Repeatable.",
)
@as_json_option
@click.pass_context
def tick(
    ctx: click.Context, at: datetime | None, once: bool, names: tuple[str, ...], as_json: bool
) -> None:
    """
    Look at everybody whose time has come, and do what recurs. Effects are left to the workers.

    Passes are made until one finds nothing to do, then it ends: call it from cron where no
    worker runs. Exit code 1 when a customer could not be decided on, or what recurs failed.

    Example: recoup tick --now 2026-03-01T00:00:00Z
    """
    _known(names)
    with opened(at=at) as recoup:
        done = _wound(recoup, names) if names else _passed(recoup, once=once)
    if as_json:
        emit(done)
    else:
        _say(done)
    ctx.exit(1 if done["failed"] or _failing(done) or done["busy"] else 0)


def _known(names: Sequence[str]) -> None:
    unknown = [name for name in names if name not in work.CLOCKS]
    if unknown:
        raise click.BadParameter(
            f"expected some of {', '.join(work.CLOCKS)}, got {', '.join(unknown)}",
            param_hint="--clock",
        )


def _passed(recoup: Recoup, *, once: bool) -> dict[str, Any]:
    total, passes, ran = Run(), 0, Counter[str]()
    worker = recoup.worker()
    while True:
        heard = catch_up(recoup)
        run = recoup.sweep()
        wound = worker.tick()
        passes += 1
        total.seen += run.seen
        total.changes |= run.changes
        total.failed |= run.failed
        ran.update(wound)
        if once or not (heard or run.seen or wound):
            return _told(recoup, total, ran, passes=passes)


def _wound(recoup: Recoup, names: Sequence[str]) -> dict[str, Any]:
    """Run these clocks and nothing else, but the fake's news, which the moved clock brings."""
    catch_up(recoup)
    wanted = [name for name in work.CLOCKS if name in names]
    ran = Counter(recoup.worker().wind(*wanted))
    busy = [name for name in wanted if name not in ran]
    return _told(recoup, Run(), ran, passes=0, busy=busy)


def _told(
    recoup: Recoup, run: Run, ran: Counter[str], *, passes: int, busy: Sequence[str] = ()
) -> dict[str, Any]:
    now = recoup.clock.now()
    with recoup.database.connect() as connection:
        health = work.clocks_health(connection, now)
    return {
        "now": now,
        "passes": passes,
        "customers": run.seen,
        "changed": len(run.changes),
        "failed": [{"customer": id, "reason": why} for id, why in sorted(run.failed.items())],
        "clocks": {
            one.name: {
                "ran": ran[one.name],
                "last_run": one.last_run,
                "due_at": one.due_at,
                "runs": one.runs,
                "failures": one.failures,
                "error": one.error,
            }
            for one in health
        },
        "busy": list(busy),
    }


def _failing(done: dict[str, Any]) -> dict[str, str]:
    """Return the clocks that were run now and failed, and why."""
    clocks = done["clocks"].items()
    return {name: run["error"] for name, run in clocks if run["ran"] and run["error"]}


def _say(done: dict[str, Any]) -> None:
    if done["customers"]:
        click.echo(
            f"{instant(done['now'])}: looked at {done['customers']} customers, "
            f"changed {done['changed']}."
        )
    elif done["passes"]:
        click.echo(f"{instant(done['now'])}: nobody's time had come.")
    ran = [name for name, run in done["clocks"].items() if run["ran"]]
    if ran:
        click.echo(f"Recurring work done: {', '.join(ran)}.")
    for name in done["busy"]:
        click.echo(f"{name} is being run by somebody else: it was not run here.", err=True)
    for name, why in _failing(done).items():
        click.echo(f"{name} failed: {why}", err=True)
    for one in done["failed"]:
        click.echo(f"Customer {one['customer']} failed: {one['reason']}", err=True)
