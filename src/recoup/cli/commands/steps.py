"""Single steps of a campaign: verbs of `recoup cases`."""

from __future__ import annotations

from typing import Any, Final

import click

from recoup.billing import Recoup
from recoup.cli.asking import asks
from recoup.cli.commands.dunning import decides
from recoup.cli.reading import INSTANT
from recoup.core.dunning.acts import Acted
from recoup.core.dunning.campaign import Outcome


@click.command()
@click.argument("case", type=int)
@click.argument("step")
@decides
def skip_step(recoup: Recoup, case: int, step: str, **told: Any) -> Acted:
    """
    Leave out a step that has not been sent.

    Refused for the only step that announces a rung still to come: give grace instead.

    Example: recoup cases skip-step 7 action_required --reason "we spoke on the phone"
    """
    return recoup.dunning.skip_step(case, step, **told)


@click.command()
@click.argument("case", type=int)
@click.argument("step")
@decides
def resend_step(recoup: Recoup, case: int, step: str, **told: Any) -> Acted:
    """
    Send a notice that went out once more; for the ladder it counts for nothing.

    Example: recoup cases resend-step 7 reminder --reason "the mail was deleted"
    """
    return recoup.dunning.resend_step(case, step, **told)


@click.command()
@click.argument("case", type=int)
@click.argument("step")
@click.option("--anchor", type=INSTANT, help="Of the campaign that is meant.", metavar="ISO")
@asks
def send_step(recoup: Recoup, case: int, step: str, **told: Any) -> Outcome:
    """
    Ask for a step, as an engine outside does; say how it stands.

    Example: recoup cases send-step 7 reminder
    """
    return recoup.dunning.send_step(case, step, **told)


#: What `recoup cases` has of steps.
COMMANDS: Final = (skip_step, resend_step, send_step)
