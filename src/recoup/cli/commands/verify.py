from __future__ import annotations

from pathlib import Path

import click

from recoup.billing import Recoup
from recoup.cli.opening import fake_world, opened, stored
from recoup.cli.output import as_json_option, emit, listed
from recoup.cli.progress import Bar
from recoup.config import Config
from recoup.core import states
from recoup.processors.fake import FakeProcessor
from recoup.store.invariants import (
    INVARIANTS,
    Books,
    Verification,
    Violation,
    against_books,
    check,
)


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
    config = Config.load()
    with stored(config) as engine:
        world = fake_world(engine, config)
    with opened() as recoup:
        found = _checked(recoup, world)
    if as_json:
        waiting = [{"subject": subject, "detail": detail} for subject, detail in found.waiting]
        emit({"checked": found.checked, "violations": found.violations, "waiting": waiting})
    else:
        _say(found)
    ctx.exit(1 if found.violations else 0)


def _checked(recoup: Recoup, world: Path | None) -> Verification:
    with Bar("checking", len(INVARIANTS)) as bar, recoup.database.connect() as connection:
        names = [invariant.name for invariant in INVARIANTS]
        found = check(
            connection,
            now=recoup.clock.now(),
            policies=recoup.engine.policies,
            progress=lambda invariant: bar.to(names.index(invariant.name)),
        )
        books = None if world is None else _books(world)
        if books is None:
            return found
        more = against_books(connection, books[0])
    violations = (*found.violations, *books[1], *more)
    return Verification(found.checked + 1, violations, found.waiting)


def _books(world: Path) -> tuple[Books, tuple[Violation, ...]] | None:
    """
    Return what the fake's own double entry says, and where it contradicts itself.

    None for a world in which nothing ever happened: the events came from somewhere else.
    """
    with FakeProcessor(world) as fake:
        if not fake.events(limit=1):
            return None
        theirs = fake.books()
        with fake.batch():
            charges = [
                charge.id
                for invoice in theirs.captured
                for charge in fake.charges_of(invoice)
                if states.succeeded(charge.state)
            ]
    back = {invoice: amount.minor for invoice, amount in theirs.refunded.items()}
    money = {
        invoice: (amount.minor, back.get(invoice, 0), amount.currency)
        for invoice, amount in theirs.captured.items()
    }
    askew = tuple(
        Violation("books_balance", currency, f"the books are out by {minor} minor units")
        for currency, minor in theirs.imbalance().items()
    )
    return Books(processor="fake", money=money, charges=charges), askew


def _say(found: Verification) -> None:
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
