"""The page of `recoup explain`: one customer, told so that a person enjoys reading it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from rich.console import Group
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

from recoup.cli.output import cell, instant, printable, table
from recoup.core.explain import AttemptView, Explanation, Line, NoticeView, PlannedTry, Record

#: Standing -> its colour; rungs of any name are between well and bad.
_COLOURS: Final = {"current": "green", "bad_debt": "red"}


def page(told: Explanation, *, lines: int | None = 40, decisions: int | None = 3) -> Group:
    """Return everything there is to say, so many lines of the story and decisions at most."""
    return Group(*_parts(told, lines, decisions))


def _parts(told: Explanation, lines: int | None, decisions: int | None) -> Iterator[Any]:
    yield _head(told)
    yield from _section("Trouble", _trouble(told))
    yield from _section("Awaited", [Text(printable(one.words)) for one in told.waiting])
    yield from _section("Came too late", _late(told))
    yield from _section("Cases", _cases(told))
    yield from _section("Owed", _obligations(told))
    yield from _section("Tries to come", _plan(told))
    yield from _section("Tries so far", _attempts(told))
    yield from _section("Notices", _notices(told))
    yield from _section("Restrictions", _restrictions(told))
    yield from _section("Holds", _holds(told))
    yield from _section("Tasks for a person", [Text(printable(t.detail)) for t in told.tasks])
    yield from _section(
        "A recompute would change", [Text(printable(f"• {w}")) for w in told.pending]
    )
    yield from _section("Newest decisions", _decisions(told.decisions[:decisions]))
    yield from _section("The story", _story(told.story, lines))


def _head(told: Explanation) -> Panel:
    who = told.customer
    ids = [f"customer {who.id}", f"{who.processor} {who.processor_id}"]
    body = Text()
    body.append(told.standing, style=f"bold {_COLOURS.get(told.standing, 'yellow')}")
    body.append(f"  {printable(told.words)}\n")
    body.append(f"{printable(' · '.join(ids))}\n", style="dim")
    body.append(f"as of {instant(told.as_of)}", style="dim")
    if told.next_wake_at is None:
        body.append(", looked at again when there is news", style="dim")
    else:
        body.append(f", looked at again {instant(told.next_wake_at)}", style="dim")
    return Panel(body, title=Text(printable(who.name)), title_align="left", expand=True)


def _section(title: str, body: Iterable[Any]) -> Iterator[Any]:
    """Yield a heading and what is under it; nothing when there is nothing to say."""
    parts = list(body)
    if parts:
        yield Text(f"\n{title}", style="bold")
        yield from (Padding(part, (0, 0, 0, 2), expand=False) for part in parts)


def _trouble(told: Explanation) -> Iterator[Any]:
    trouble = told.trouble
    if trouble is None:
        return
    again = "when a person says so: recoup recompute"
    if trouble.next_try_at is not None:
        again = instant(trouble.next_try_at)
    yield Text(
        f"{trouble.state} ({trouble.failures} in a row): {printable(trouble.reason)}", "red"
    )
    yield Text(f"tried again {again}")


def _late(told: Explanation) -> Iterator[Any]:
    for one in told.late:
        yield Text(printable(f"{one.amount} with {one.payment} ({one.why}): {one.becomes}."))


def _cases(told: Explanation) -> Iterator[Any]:
    for case in told.cases:
        if case.end is not None:
            yield Text(f"{printable(case.about)}: {case.end} on {instant(case.ended_at)}", "red")
            continue
        rung = f"on rung {case.rung} since {instant(case.rung_since)}" if case.rung else "no rung"
        yield Text(f"{printable(case.about)}: {rung}, policy {case.policy}")
        yield Text(f"in default since {instant(case.since)}; {printable(case.why)}", style="dim")
        ahead = f"next rung {case.next_rung}" if case.next_rung else "no rung above"
        if case.next_rung and case.not_before:
            ahead += f" not before {instant(case.not_before)}"
        by = instant(case.deadline) if case.deadline else "no day known, it is on hold"
        yield Text(f"{ahead}; over whatever happens by {by}", style="dim")


def _obligations(told: Explanation) -> Iterator[Any]:
    if told.obligations:
        yield table(
            ("id", "invoice", "owed", "of", "failed since", "for"),
            [
                (one.invoice_id, one.number or one.invoice, one.amount, one.billed, one.since,
                 f"{one.about} (disputed)" if one.disputed else one.about)
                for one in told.obligations
            ],
        )  # fmt: skip


def _plan(told: Explanation) -> Iterator[Any]:
    for one in told.plan:
        yield Text.assemble(
            (printable(one.invoice), "bold"), f" (invoice {one.invoice_id}): {_when(one)}"
        )
        yield from (Text(printable(reason), style="dim") for reason in one.reasons)


def _when(one: PlannedTry) -> str:
    if one.at is None and one.stopped is not None:
        return f"no try by itself: charging is paused {printable(one.stopped)}"
    if one.at is None:
        need = f"; it needs a {one.need.replace('_', ' ')}" if one.need else ""
        return f"no try by itself{need}"
    words = f"{instant(one.at)}"
    words += f" with {one.method.words}" if one.method else ""
    if one.price is not None:
        words += f"; the network charges {one.price or 'nothing'} for it"
    return f"{words}; before that it would charge {one.fee}" if one.fee else words


def _attempts(told: Explanation) -> Iterator[Any]:
    if told.attempts:
        yield table(
            ("when", "amount", "by", "outcome", "with"),
            [
                (one.at, one.amount, one.origin, _outcome(one),
                 one.method.words if one.method else None)
                for one in told.attempts
            ],
        )  # fmt: skip


def _outcome(one: AttemptView) -> str:
    words = one.outcome.replace("_", " ")
    return ", ".join(part for part in (words, one.code, one.meaning) if part)


def _notices(told: Explanation) -> Iterator[Any]:
    rows = [
        *(_notice(one) for one in told.notices.sent),
        *(_notice(one) for one in told.notices.skipped),
        *(_notice(one) for one in told.notices.due),
    ]
    if rows:
        yield table(("notice", "what became of it", "warns of"), rows)


def _notice(one: NoticeView) -> tuple[object, ...]:
    if one.bounced_at is not None:
        became = f"bounced {instant(one.bounced_at)}"
    elif one.delivered_at is not None:
        became = f"sent {instant(one.delivered_at)}"
    elif one.reason is not None:
        became = f"not sent: {one.reason}"
    elif one.due_at is None:
        became = "due when the hold ends"
    else:
        became = f"due {instant(one.due_at)}"
    return one.step, became, one.announces


def _restrictions(told: Explanation) -> Iterator[Any]:
    for one in told.restrictions:
        about = f"{one.consequence} on {printable(one.about)} since {instant(one.since)}"
        yield Text(about, style="yellow" if one.live else "red")
        after = "Once it is paid" if one.live else "The next recompute lifts it"
        yield Text(f"{printable(one.why)} {after}: {one.inverse}.", style="dim")


def _holds(told: Explanation) -> Iterator[Any]:
    for one in told.holds:
        until = instant(one.until) if one.until else "a person ends it"
        state = "in force" if one.in_force else "over"
        who = printable(f"{one.kind} by {one.actor}")
        yield Text(f"{instant(one.since)} until {until} ({state}), {who}: {printable(one.reason)}")


def _decisions(decisions: tuple[Record, ...]) -> Iterator[Any]:
    for place, one in enumerate(decisions):
        yield Text.assemble((instant(one.at), "bold"), f"  {one.trigger}, run {one.run_id}")
        yield from (Text(f"• {printable(words)}") for words in one.changes)
        older = decisions[place + 1].reasons if place + 1 < len(decisions) else ()
        new = [words for words in one.reasons if place == 0 or words not in older]
        yield from (Text(printable(words), style="dim") for words in new)


def _story(story: tuple[Line, ...], lines: int | None) -> Iterator[Any]:
    shown = story if lines is None else story[-lines:]
    if len(shown) < len(story):
        yield Text(f"… {len(story) - len(shown)} earlier lines: --all shows them", style="dim")
    for line in shown:
        style = "dim italic" if line.kind == "decision" else ""
        yield Text.assemble((instant(line.at), "cyan"), "  ", (cell(line.words), style))
