from __future__ import annotations

import signal
import threading
from collections import Counter

import click

from recoup.billing import Recoup
from recoup.cli.opening import opened, say, warn_of_address
from recoup.cli.output import as_json_option, emit
from recoup.demo.afterwards import catch_up, simulated
from recoup.jobs.base import QUEUES
from recoup.jobs.worker import Worker


@click.command()
@click.option(
    "--queues",
    help=f"Of {', '.join(QUEUES)}, comma separated.  [default: those of RECOUP_QUEUES]",
)
@click.option("--drain", is_flag=True, help="Do what is due, then end.")
@as_json_option
def worker(queues: str | None, drain: bool, as_json: bool) -> None:
    """
    Do what is due: charge, send mails, end subscriptions, and look at whoever's time has come.

    Any number of workers share the work. SIGTERM and Ctrl-C end it after the batch in hand.

    Example: recoup worker --queues billing,mail
    """
    chosen = None if queues is None else _chosen(queues)
    stop = threading.Event()
    if not drain:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
    with opened() as recoup:
        names = chosen or recoup.config.queues
        made = recoup.worker(names)
        if not drain and simulated(recoup):
            say(recoup, "the clock of this database stands still: draining, then ending")
            drain = True
        if drain:
            _report(_drained(recoup, made), as_json)
            return
        warn_of_address(recoup)
        say(recoup, f"working on {', '.join(names)}; Ctrl-C stops")
        made.run(stop)
        say(recoup, "stopped")


def _chosen(queues: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in queues.split(",") if name.strip()))
    unknown = [name for name in names if name not in QUEUES]
    if unknown or not names:
        raise click.BadParameter(
            f"expected some of {', '.join(QUEUES)}, got {', '.join(unknown) or 'none'}",
            param_hint="--queues",
        )
    return names


def _drained(recoup: Recoup, made: Worker) -> Counter[str]:
    """Run what is due and recurs until both are done; return kind -> runs."""
    total: Counter[str] = Counter()
    while True:
        heard = catch_up(recoup)
        clocks = made.tick()
        ran = made.drain()
        total += ran
        if not (heard or ran or clocks):
            return total


def _report(ran: Counter[str], as_json: bool) -> None:
    if as_json:
        emit({"ran": dict(sorted(ran.items()))})
    elif not ran:
        click.echo("Nothing was due.")
    else:
        click.echo(
            "Ran (see `recoup effects list` for what became of each): "
            + ", ".join(f"{count} {kind}" for kind, count in sorted(ran.items()))
        )
