from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from recoup.billing import Recoup
from recoup.cli.opening import opened
from recoup.cli.output import as_json_option, emit, instant, iso_instant
from recoup.demo.afterwards import catch_up


@click.command()
@click.option(
    "--now",
    "at",
    type=iso_instant,
    help="Move the simulated clock, for good; with the fake processor only.",
)
@click.option("--once", is_flag=True, help="Make one pass, even when it makes more due.")
@as_json_option
@click.pass_context
def tick(ctx: click.Context, at: datetime | None, once: bool, as_json: bool) -> None:
    """
    Look at everybody whose time has come, and do what recurs. Effects are left to the workers.

    Passes are made until one finds nothing to do, then it ends: call it from cron where no
    worker runs. Exit code 1 when a customer could not be decided on.

    Example: recoup tick --now 2026-03-01T00:00:00Z
    """
    with opened(at=at) as recoup:
        done = _passed(recoup, once=once)
    if as_json:
        emit(done)
    else:
        _say(done)
    ctx.exit(1 if done["failed"] else 0)


def _passed(recoup: Recoup, *, once: bool) -> dict[str, Any]:
    now = recoup.clock.now()
    seen, changed, passes = 0, 0, 0
    failed: dict[int, str] = {}
    clocks: list[str] = []
    worker = recoup.worker()
    while True:
        heard = catch_up(recoup)
        run = recoup.sweep()
        ran = worker.tick()
        passes += 1
        seen += run.seen
        changed += len(run.changes)
        failed |= run.failed
        clocks.extend(ran)
        if once or not (heard or run.seen or ran):
            break
    return {
        "now": now,
        "passes": passes,
        "customers": seen,
        "changed": changed,
        "failed": [{"customer": id, "reason": why} for id, why in sorted(failed.items())],
        "clocks": clocks,
    }


def _say(done: dict[str, Any]) -> None:
    if done["customers"]:
        click.echo(
            f"{instant(done['now'])}: looked at {done['customers']} customers, "
            f"changed {done['changed']}."
        )
    else:
        click.echo(f"{instant(done['now'])}: nobody's time had come.")
    if done["clocks"]:
        click.echo(f"Recurring work done: {', '.join(done['clocks'])}.")
    for one in done["failed"]:
        click.echo(f"Customer {one['customer']} failed: {one['reason']}", err=True)
