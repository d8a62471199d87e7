"""
English for what mails say: names, sums, instants and consequences.

Everything that came from outside passes `one_line`, so a value can not add a line to a mail, let
alone a header.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import parseaddr
from typing import Final
from zoneinfo import ZoneInfo

from recoup.core.money import Money
from recoup.core.periods import utc
from recoup.mail.base import Announced

#: Longest name, plan or reason that is shown whole, in characters.
LONGEST: Final = 100

#: What a person can not see, but a mail program may obey: controls, line and paragraph ends,
#: halves of surrogate pairs, and the format marks that turn text around.
UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
#: The two joiners are format marks that Persian and emoji are spelt with.
JOINERS: Final = frozenset("\u200c\u200d")

MONTHS: Final = (
    "January February March April May June July August September October November December"
).split()

#: How each consequence reads after "from Monday on". Milder ones take nothing away.
CONSEQUENCES: Final[Mapping[str, str]] = {
    "restrict_features": "new seats, new projects and exports to other services are paused",
    "read_only": "you can see everything but change nothing",
    "suspend": "you can sign in, export your data and pay, and nothing else",
    "cancel": "your subscription ends",
}
#: Consequences a customer does not notice.
SILENT: Final = frozenset({"notify"})


def visible(text: str) -> str:
    """Return `text` with a space for each character that can not be seen, line ends included."""
    if text.isprintable():
        return text
    return "".join(
        " " if unicodedata.category(c) in UNSEEN and c not in JOINERS else c for c in text
    )


def one_line(text: str, *, longest: int = LONGEST) -> str:
    """
    Return `text` as one line of visible characters, cut to `longest`.

    What can not be seen becomes a space, runs of spaces one. A cut text ends in "…".
    """
    # Four times as much is looked at, so that a huge value costs nothing.
    line = " ".join(visible(text[: 4 * longest]).split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def greeting(name: str | None) -> str:
    """
    Return how the mail begins.

    A name that holds a link greets nobody: whoever signs up with another's address would
    otherwise send them a link in our name.
    """
    called = one_line(name or "")
    if not called or "://" in called or "www." in called.lower():
        return "Hello,"
    return f"Hello {called},"


def listed(items: Sequence[str], *, most: int = 5) -> str:
    """Return "a", "a and b" or "a, b and c"; beyond `most`, how many more there are."""
    shown = list(items[:most])
    if len(items) > most:
        shown.append(f"{len(items) - most} more")
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def sums(amounts: Sequence[Money]) -> str:
    """Return the amounts with their currencies, never added up."""
    return listed([str(amount) for amount in amounts], most=len(amounts))


def zone(name: str | None) -> ZoneInfo:
    """Return the time zone called `name`; Etc/UTC when there is none such."""
    try:
        return ZoneInfo(name or "Etc/UTC")
    except (LookupError, ValueError, OSError):  # OSError: "Europe" is a folder, 10 kB no path
        return ZoneInfo("Etc/UTC")


def day(instant: datetime, time_zone: str | None) -> str:
    """Return "8 March 2026", as seen in `time_zone`."""
    local = utc(instant).astimezone(zone(time_zone))
    return f"{local.day} {MONTHS[local.month - 1]} {local.year}"


def moment(instant: datetime, time_zone: str | None) -> str:
    """Return "8 March 2026, 14:05 (Europe/Berlin)"."""
    place = zone(time_zone)
    local = utc(instant).astimezone(place)
    return f"{day(instant, time_zone)}, {local:%H:%M} ({place.key})"


def change(announced: Announced) -> str:
    """
    Return what a rung means for the customer, "" when they would not notice it.

    A consequence without words here is named by its rung, so that no rung goes unannounced.
    """
    felt = [name for name in announced.consequences if name not in SILENT]
    words = [CONSEQUENCES[name] for name in felt if name in CONSEQUENCES]
    if len(words) < len(felt):
        words.append(f"access is limited further ({one_line(announced.rung)})")
    return "; ".join(words)


def business_of(mail_from: str) -> str:
    """Return the name in a sender such as "Acme <billing@acme.example>", or its domain."""
    name, address = parseaddr(mail_from)
    return one_line(name) or address.rpartition("@")[2]
