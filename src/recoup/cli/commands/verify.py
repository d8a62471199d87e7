from __future__ import annotations

import click

from recoup.cli.opening import opened
from recoup.cli.output import as_json_option, emit, listed
from recoup.cli.progress import Bar
from recoup.store.invariants import INVARIANTS
from recoup.verification import Verified, verified


@click.command()
@as_json_option
@click.pass_context
def verify(ctx: click.Context, as_json: bool) -> None:
    """
    Check everything that must be true: the stored rows, the ledger, and the fake's own books.

    Reads only. Run it when workers are idle, or what is on its way may look forgotten. Exit code
    1 on any violation.

    Example: recoup verify --json
    """
    names = [invariant.name for invariant in INVARIANTS]
    with opened() as recoup, Bar("checking", len(INVARIANTS)) as bar:
        found = verified(recoup, progress=lambda invariant: bar.to(names.index(invariant.name)))
    if as_json:
        waiting = [{"subject": subject, "detail": detail} for subject, detail in found.waiting]
        emit({"checked": found.checked, "violations": found.violations, "waiting": waiting})
    else:
        _say(found)
    ctx.exit(1 if found.violations else 0)


def _say(found: Verified) -> None:
    listed(
        ("invariant", "where", "what"),
        [(one.invariant, one.subject, one.detail) for one in found.violations],
        empty=f"{found.checked} invariants hold.",
        more=f"{len(found.violations)} violations of {found.checked} invariants checked.",
    )
    if found.waiting:
        click.echo(
            f"{len(found.waiting)} events still wait for what they belong to: "
            "recoup webhooks list --state waiting"
        )
