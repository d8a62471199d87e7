"""
How a command speaks a verb: Recoup is opened in the operator's name, the view it returns is
printed, and a refusal exits 1 with its sentence.

    @customers.command()
    @click.argument("customer")
    @click.option("--reason", required=True)
    @asks
    def delete(recoup: Recoup, customer: str, reason: str, key: str | None) -> Customer: ...

`asks` is for what changes something, `reads` for what does not; what else a verb takes are
ordinary options. What the function returns is printed by `output.tell`.
"""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import wraps
from typing import Any, Final, TypeVar

import click

from recoup.billing import Recoup
from recoup.cli.app import DONE
from recoup.cli.opening import opened
from recoup.cli.output import Listing, as_json_option, emit, printable, tell
from recoup.commands.options import uncalled
from recoup.core.billing.views import Pay, Payment, Start, Started
from recoup.core.dunning.acts import Acted
from recoup.core.dunning.views import DebtPayment
from recoup.errors import CommandError, ProcessorError, RecoupError
from recoup.processors.fake import FakeProcessor
from recoup.store.events.endpoints import Try
from recoup.store.queries import customers

_F = TypeVar("_F", bound=Callable[..., Any])

#: Who gets one of these has no money, and none is on its way.
_NO_MONEY: Final = frozenset({Pay.DECLINED, Pay.CANCELED, Pay.UNKNOWN})


def asks(command: Callable[..., Any]) -> Callable[..., None]:
    """Make a verb a command with `--key`, `--actor` and `--json`."""
    key = click.option(
        "--key", help="The same call again with the same key does nothing again.", metavar="TEXT"
    )
    return key(asks_without_key(command))


def asks_without_key(command: Callable[..., Any]) -> Callable[..., None]:
    """Make a verb that takes no key a command with `--actor` and `--json`."""
    return actor_option(reads(command))


def actor_option(command: _F) -> _F:
    """Give a command `--actor`."""
    decorate = click.option(
        "--actor",
        default=login,
        show_default="cli: and your login name",
        help="Who asks; the ledger keeps it.",
    )
    return decorate(command)


def reads(command: Callable[..., Any]) -> Callable[..., None]:
    """Make what only reads a command with `--json`."""

    @wraps(command)
    def run(
        *, as_json: bool, actor: str | None = None, show_secret: bool = False, **given: Any
    ) -> None:
        with refusals(as_json=as_json), opened() as plain:
            recoup = plain
            if actor is not None:
                recoup = plain.acting_as(actor)
                in_step(recoup)
            result = command(recoup, **given)
        click.get_current_context().meta[DONE] = actor is not None
        tell(result, as_json=as_json, secrets=show_secret)
        click.get_current_context().exit(1 if failed(result) else 0)

    return as_json_option(run)


def secret_option(command: _F) -> _F:
    """Give a command `--show-secret`; without it no client secret is printed."""
    decorate = click.option(
        "--show-secret", is_flag=True, help="Print the client secret that the browser needs."
    )
    return decorate(command)


@contextmanager
def refusals(*, as_json: bool) -> Iterator[None]:
    """Let what is refused exit 1 and what is called wrongly 2; as JSON it is a document too."""
    try:
        yield
    except RecoupError as error:
        if as_json:
            request = getattr(error, "request_id", None)
            told = {
                "type": type(error).__name__,
                "message": uncalled(str(error)),
                "request_id": request,
            }
            with suppress(OSError):  # the sentence is told all the same
                emit({"error": told})
        if isinstance(error, CommandError | ProcessorError):
            raise click.ClickException(printable(uncalled(str(error)))) from error
        raise


def failed(result: object) -> bool:
    """Whether what was asked was done, and yet no money came of it, or nobody took it."""
    if isinstance(result, Try):
        return not result.delivered
    if isinstance(result, Acted):
        return result.failed is not None or (result.payment is not None and failed(result.payment))
    if isinstance(result, Listing):
        return any(isinstance(row, Acted) and failed(row) for row in result.rows)
    if isinstance(result, Payment):
        return result.outcome in _NO_MONEY
    if isinstance(result, DebtPayment):
        return _unpaid(result)
    return isinstance(result, Started) and result.outcome is Start.INCOMPLETE


def _unpaid(result: DebtPayment) -> bool:
    """Whether some of it did not come, or of a rehearsal, would not be asked for."""
    if result.dry_run:
        return result.failed is not None or any(c.refused for c in result.charges)
    return any(c.payment is None or failed(c.payment) for c in result.charges)


def login() -> str:
    """Return the operator's name as the ledger keeps it: "cli:ann"."""
    try:
        return f"cli:{getpass.getuser()}"
    except (ImportError, KeyError, OSError):  # a process without a user, in a container
        return "cli"


def in_step(recoup: Recoup) -> None:
    """Move the fake processor to our clock: nobody else would."""
    if isinstance(recoup.processor, FakeProcessor):
        recoup.processor.advance(recoup.clock.now())


def named(recoup: Recoup, customer: str) -> int:
    """
    Return our id of the customer that our id, the processor's or TYPE:ID names.

    Raises:
        NotFound: nobody has it.
    """
    with recoup.database.connect() as connection:
        return customers.find(connection, customer)


def maybe(recoup: Recoup, customer: str | None) -> int | None:
    """Return our id of the customer, if one is said."""
    return None if customer is None else named(recoup, customer)


def page(
    name: str, rows: Sequence[Any], limit: int, columns: Sequence[str], *, empty: str | None = None
) -> Listing:
    """Return a page of rows that were read with one more than `limit`."""
    more = rows[limit - 1].id if len(rows) > limit else None
    return Listing(name, tuple(rows[:limit]), tuple(columns), paged=True, next=more, empty=empty)


def only(
    name: str, rows: Sequence[Any], columns: Sequence[str], *, empty: str | None = None
) -> Listing:
    """Return all rows there are."""
    return Listing(name, tuple(rows), tuple(columns), empty=empty)
