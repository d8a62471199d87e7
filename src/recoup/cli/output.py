"""
What every command prints with: one JSON document for programs, tables and sentences for people.

Rich is imported by the functions that need it. Text from outside is shown as text: it is no
markup, and control characters in it do not reach the terminal.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from dataclasses import fields as fields_of
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from recoup.core.billing.views import Pay
from recoup.core.dunning.views import DebtCharge, DebtPayment
from recoup.core.money import Money

if TYPE_CHECKING:
    from rich.console import Console

_F = TypeVar("_F", bound=Callable[..., Any])

#: Width where nobody looks: wide enough for ids, so that what is piped on is whole.
UNSEEN = 160


def as_json_option(command: _F) -> _F:
    """Give a command `--json`, as the argument `as_json`."""
    decorate = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
    return decorate(command)


def page_options(command: _F) -> _F:
    """Give a command `--limit` and `--after`, for pages."""
    limit = click.option(
        "--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="Rows."
    )
    after = click.option("--after", default=0, help="Only rows behind this id.")
    return limit(after(command))


def emit(value: Any) -> None:
    """
    Print a JSON document: instants as ISO 8601 in UTC, money as minor units and currency.

    Dataclasses become objects by their fields.
    """
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def console(*, stderr: bool = False) -> Console:
    """Return a console on which text is text."""
    from rich.console import Console  # noqa: PLC0415  it is slow

    stream = sys.stderr if stderr else sys.stdout
    seen = stream.isatty()
    width = None if seen else shutil.get_terminal_size((UNSEEN, 24)).columns
    made = Console(stderr=stderr, markup=False, highlight=False, emoji=False, width=width)
    made.on_broken_pipe = _raised  # type: ignore[method-assign]  # it would leave by itself, as a refusal
    return made


def _raised() -> None:
    """Let the error in hand go on, to where all of them are told."""
    raise  # noqa: PLE0704  it is called where one is handled


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Any:
    """Return a table of plain cells; the first column is never broken."""
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for place, column in enumerate(columns):
        made.add_column(column, no_wrap=place == 0, overflow="fold")
    for row in rows:
        made.add_row(*map(cell, row))
    return made


def listed(
    columns: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str, more: str | None
) -> None:
    """Print rows as a table, or what it means that there are none, and how to go on."""
    if not rows:
        click.echo(empty)
        return
    console().print(table(columns, rows))
    if more:
        click.echo(more)


def fields(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one a line; what is unset is left out."""
    from rich.table import Table  # noqa: PLC0415

    made = Table.grid(padding=(0, 2))
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in pairs:
        if value is not None and value != "":
            made.add_row(name, cell(value))
    console().print(made)


@dataclass(frozen=True, slots=True)
class Listing:
    """Rows of one kind, and which of their fields a table shows; `paged` ones may go on."""

    name: str
    rows: tuple[Any, ...]
    columns: tuple[str, ...]
    paged: bool = False
    next: int | None = None
    empty: str | None = None  #: what it means that there are none


def tell(result: Any, *, as_json: bool, secrets: bool = False) -> None:
    """Print what a verb returned; client secrets only with `secrets`."""
    if as_json:
        emit(_plain(result, secrets=secrets))
    elif isinstance(result, Listing):
        listed(
            [name.removesuffix("_id").replace("_", " ") for name in result.columns],
            [[getattr(row, name) for name in result.columns] for row in result.rows],
            empty=result.empty or f"There are no such {result.name.replace('_', ' ')}.",
            more=None if result.next is None else f"More: --after {result.next}",
        )
    elif isinstance(result, tuple):
        for one in result:
            fields(_pairs(one, secrets=secrets))
    else:
        fields(_pairs(result, secrets=secrets))


def _plain(result: Any, *, secrets: bool) -> Any:
    if isinstance(result, Listing):
        after = {"next": result.next} if result.paged else {}
        return {result.name: _plain(result.rows, secrets=secrets), **after}
    made = msgspec.to_builtins(result)
    return made if secrets else _without_secrets(made)


def _without_secrets(made: Any) -> Any:
    if isinstance(made, dict):
        return {
            name: None if name == "client_secret" else _without_secrets(value)
            for name, value in made.items()
        }
    return [_without_secrets(one) for one in made] if isinstance(made, list) else made


def _pairs(value: Any, *, secrets: bool, of: str = "") -> Iterator[tuple[str, object]]:
    """Yield the names and values of a view; those of a view within it behind its name."""
    if not _is_view(value) and not isinstance(value, Mapping):
        yield of or "result", value
        return
    for name, part in (value if isinstance(value, Mapping) else parts(value)).items():
        shown = f"{of} {name}".strip().replace("_", " ")
        if isinstance(value, DebtPayment) and name == "charges":
            yield shown, "\n".join(_charged(one, rehearsed=value.dry_run) for one in part)
            continue
        if name == "client_secret" and not secrets:
            continue
        if _is_view(part):
            yield from _pairs(part, secrets=secrets, of=shown)
        else:
            yield shown, part


def _charged(one: DebtCharge, *, rehearsed: bool) -> str:
    """Return what came of one invoice of several, and of one without a payment why it has none."""
    made = one.payment
    if made is None and one.refused is None:
        why = "would be charged" if rehearsed else "not tried: the one before brought no money yet"
    elif made is None:
        why = f"not charged: {one.refused}"
    else:
        why = f"{made.outcome}, payment {made.id}"
        if made.outcome is Pay.REQUIRES_ACTION:
            where = made.action.url if made.action else None
            why += f": the customer has to confirm it{f' at {where}' if where else ''}"
        elif made.decline_code is not None:
            why += f": {made.decline_code}"
    return f"invoice {one.invoice_id}: {one.amount} {why}"


def cell(value: object) -> str:
    """Return a value as a person reads it, without control characters."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, tuple | list):
        between = "\n" if any(map(_is_view, value)) else ", "
        return between.join(map(cell, value)) or "–"
    return printable(_text(value))


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return msgspec.json.encode(value).decode() if value else "–"
    if _is_view(value):
        return " ".join(
            f"{name}={cell(part)}"
            for name, part in parts(value).items()
            if name != "client_secret"
        )
    return str(value)


def _is_view(value: object) -> bool:
    return is_dataclass(value) and not isinstance(value, Money)


def parts(view: Any) -> dict[str, Any]:
    """Return the fields of a view by name."""
    return {one.name: getattr(view, one.name) for one in fields_of(view)}


def instant(at: datetime | None) -> str:
    """Return an instant to the minute, in UTC."""
    return "–" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def money(sums: Iterable[Money]) -> str:
    """Return amounts side by side."""
    return ", ".join(map(str, sums)) or "–"


def printable(text: str) -> str:
    """Return the text with everything that a terminal would obey made visible."""
    return "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in text)


def iso_instant(given: str) -> datetime:
    """
    Return the instant that ISO 8601 text names; UTC where it names no zone.

    Raises:
        BadParameter: it names none.
    """
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        raise click.BadParameter(
            f"expected an instant like 2026-03-01T12:00:00Z, got {given!r}"
        ) from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
