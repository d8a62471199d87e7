from __future__ import annotations

import codecs
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import click

from recoup.cli.opening import opened, refuse_a_demonstration
from recoup.cli.output import as_json_option, emit, printable
from recoup.cli.progress import Bar
from recoup.webhooks.summary import Summary

#: A line that is longer is handed on in parts of this size, so that memory stays flat.
LONGEST: int = 2 * 2**20


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@as_json_option
@click.pass_context
def ingest(ctx: click.Context, files: tuple[str, ...], as_json: bool) -> None:
    """
    Take in events of the processor, one JSON object a line, exactly as received; - is stdin.

    Every line is stored before it is understood. What cannot be understood is kept and parked
    with its reason. The same events again change nothing. Exit code 1 when something was parked.

    Example: recoup ingest events.jsonl
    """
    missing = [name for name in files if name != "-" and not Path(name).is_file()]
    if missing:
        raise click.BadParameter(f"{', '.join(missing)} is no file", param_hint="FILE")
    with opened() as recoup, Bar("taking in", _size(files)) as bar:
        refuse_a_demonstration(recoup)
        summary = recoup.ingest(bar.over(_lines(files)))
    if as_json:
        emit(summary)
    else:
        _say(summary)
    ctx.exit(1 if summary.parked else 0)


def _size(files: Iterable[str]) -> int | None:
    """Return how many bytes there are; None when nobody can know."""
    if "-" in files:
        return None
    return sum(Path(name).stat().st_size for name in files)


def _lines(files: Iterable[str]) -> Iterator[bytes]:
    for name in files:
        if name == "-":
            yield from _cut(sys.stdin.buffer)
        else:
            with Path(name).open("rb") as stream:
                yield from _cut(stream)


def _cut(stream: BinaryIO) -> Iterator[bytes]:
    """
    Yield the lines of a stream.

    Of a line longer than `LONGEST` only the beginning is kept in memory: it is larger than any
    event, and is parked as such.
    """
    first = True
    while line := stream.readline(LONGEST):
        yield line.removeprefix(codecs.BOM_UTF8) if first else line
        first = False
        while len(line) == LONGEST and not line.endswith(b"\n"):
            line = stream.readline(LONGEST)  # the rest of it, let go


def _say(summary: Summary) -> None:
    click.echo(
        f"{summary.lines} lines: {summary.stored} new, {summary.duplicates} known already. "
        f"Applied {summary.applied}, ignored {sum(summary.ignored.values())}, "
        f"waiting for a parent {summary.waiting}, failed {summary.failed}, "
        f"parked {sum(summary.parked.values())}."
    )
    _reasons("Ignored", summary.ignored)
    _reasons("Parked", summary.parked)
    if summary.failed:
        click.echo("Failed ones are tried again by a worker: recoup webhooks list --state failed")
    if summary.parked:
        click.echo("See them: recoup webhooks list --state parked")


def _reasons(what: str, counts: Mapping[str, int]) -> None:
    for reason, count in sorted(counts.items(), key=lambda pair: -pair[1])[:10]:
        click.echo(f"  {what} {count}: {printable(reason)}")
