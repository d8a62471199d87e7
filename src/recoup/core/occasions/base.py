"""What an occasion is: a cause, the type of mail it has sent, and the key that makes it one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from string import Formatter
from typing import Any, Final

from recoup.core.ledger import Changes

Scalar = str | int | bool | None

#: Nothing is told of what happened longer ago than this: an import, or news after an outage,
#: must not fill anybody's mailbox with the past.
STALE: Final = timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class Fixed:
    """
    What never changes about a subject, whatever is heard of it and in whatever order.

    The type of a mail may depend on nothing else: that makes it the same however often and in
    whatever order its cause is told.
    """

    one_off: bool = False  #: an invoice that is of no subscription
    alone: bool = False  #: a payment that was tried without its customer being there
    start: bool = False  #: a gate that a start waits for; else a change of plan does
    case_id: int | None = None  #: of a restriction


@dataclass(frozen=True, slots=True)
class Posted:
    """A mail that is due: its type, its key, and what its worker reads its rows by."""

    mail: str
    key: str
    customer_id: int
    args: Mapping[str, Scalar]


def always(_: Fixed) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Occasion:
    """
    One cause of one type of mail.

    `cause` is an event of the catalogue, "invoice.paid", or a sign that only mails go by; or
    "campaign" and "clock". `key` and `args` are templates: `{id}` is the subject's id, `{at}` the
    instant it happened, `{case_id}` what is fixed, any other name what a field became.
    """

    mail: str
    cause: str
    key: str
    where: str = ""  #: in words, what else must be so: "of a subscription"
    is_: Callable[[Fixed], bool] = always
    happened: tuple[str, ...] = ()  #: fields that say when it happened, the first that does wins
    known: bool = False  #: only if the subject was known before: as first heard of it is no news
    #: What the changes must show besides.
    shows: Callable[[Changes], bool] = lambda _: True
    args: Mapping[str, str] | None = None  #: name -> template; by default the subject's id

    @property
    def subject(self) -> str:
        """What the key begins with: "invoice"."""
        return self.key.partition(":")[0]

    def at(self, changes: Changes, occurred_at: datetime) -> datetime:
        """Return when it happened (UTC): as the rows say, else as the news does."""
        for name in self.happened:
            value = changes.get(name, (None, None))[1]
            if isinstance(value, datetime):
                return value
        return occurred_at

    def posted(
        self, customer_id: int, subject: str, changes: Changes, at: datetime, fixed: Fixed
    ) -> Posted:
        """Return the mail of this occasion."""
        kind, _, id = subject.rpartition(":")

        def value(name: str) -> Any:
            if name == "id":
                return int(id)
            if name == "at":
                return at
            if name == "case_id" and fixed.case_id is not None:
                return fixed.case_id
            return changes[name][1]

        spelled = {name: _spelled(value(name)) for name in _names(self.key)}
        named = self.args or {f"{kind}_id": "id"}
        args = {name: _scalar(value(template)) for name, template in named.items()}
        return Posted(self.mail, self.key.format_map(spelled), customer_id, args)


@cache
def _names(template: str) -> tuple[str, ...]:
    return tuple(name for _, name, _, _ in Formatter().parse(template) if name)


def stamp(at: datetime) -> str:
    """Return an instant as keys have it: UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _spelled(value: Any) -> str:
    return stamp(value) if isinstance(value, datetime) else str(value)


def _scalar(value: Any) -> Scalar:
    found: Scalar = stamp(value) if isinstance(value, datetime) else value
    return found
