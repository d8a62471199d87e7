"""What mails have in common: the words their templates may use."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final, Self

from recoup.core.money import Money
from recoup.mail import template, wording
from recoup.mail.base import Announced, MailFacts

NOON: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)

#: A customer who owes, or has paid, for one plan; samples add what their type announces.
SAMPLE: Final = MailFacts(
    to="ada@example.com",
    name="Ada Lovelace",
    base_url="https://app.example.com",
    business="Example",
    mail_from="Example <billing@example.com>",
    owed=(Money(4900, "EUR"),),
    plan="Team",
    invoices=("INV-2026-0042",),
    decline="not enough balance or credit",
    amount=Money(4900, "EUR"),
    at=NOON,
    method="Visa ending in 4242",
    locale="en",
    time_zone="Europe/Berlin",
)


@dataclass(frozen=True, slots=True)
class Written:
    """A mail whose fields are the names in its templates. All are plain words, none is markup."""

    folder: ClassVar[str]  #: under emails/, where its templates are

    greeting: str  #: "Hello Ada,"
    bought: str  #: what it is about: "your Team subscription", "your order" …
    invoices: str  #: "Invoice: INV-1", or ""
    pay_url: str
    business: str

    @classmethod
    def about(cls, facts: MailFacts) -> Self:
        return cls(**words(facts))

    @classmethod
    def sample(cls) -> Self:
        return cls.about(SAMPLE)

    @property
    def subject(self) -> str:
        return " ".join(self._fill("subject.txt").split())

    @property
    def text(self) -> str:
        return self._fill("text.txt")

    def _fill(self, name: str) -> str:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return template.filled(template.source(self.folder, name), values)


@dataclass(frozen=True, slots=True)
class Letter(Written):
    """A mail about a debt."""

    owed: str  #: "49.00 EUR", or "the amount due" when nobody knows
    decline: str  #: a sentence, or ""

    @classmethod
    def about(cls, facts: MailFacts) -> Self:
        return cls(**_debt(facts))


@dataclass(frozen=True, slots=True)
class Warned(Letter):
    """A mail that announces rungs: what changes, and from when."""

    deadline: str  #: "before 8 March 2026" for the mildest rung, or "soon"
    changes: str  #: one line per rung the customer would notice, or ""

    @classmethod
    def about(cls, facts: MailFacts) -> Self:
        felt = [rung for rung in facts.announced if wording.change(rung)]
        lines = [
            f"- From {wording.moment(rung.at, facts.time_zone)}: {wording.change(rung)}."
            for rung in felt
        ]
        return cls(
            **_debt(facts),
            deadline=f"before {wording.day(felt[0].at, facts.time_zone)}" if felt else "soon",
            changes="\n".join(["If it stays unpaid, this changes:", *lines] if lines else []),
        )


def warning_of(*rungs: tuple[str, str, int]) -> MailFacts:
    """Return the sample's facts with (rung, consequence, days from now) announced."""
    announced = (
        Announced(name, NOON + timedelta(days=days), (consequence,))
        for name, consequence, days in rungs
    )
    return replace(SAMPLE, announced=tuple(announced))


def _debt(facts: MailFacts) -> dict[str, Any]:
    owed = wording.sums(facts.owed) or "the amount due"
    return words(facts) | {"owed": owed, "decline": reason(facts)}


def reason(facts: MailFacts) -> str:
    """Return the sentence that says why a payment was refused, "" when nobody may know."""
    decline = wording.one_line(facts.decline or "").rstrip(".")
    return f"The reason we were given: {decline}." if decline else ""


def words(facts: MailFacts) -> dict[str, Any]:
    """Return what every `Written` has: whom it greets, what it is about, where to go."""
    plan = wording.one_line(facts.plan or "")
    numbers = wording.listed([wording.one_line(number, longest=40) for number in facts.invoices])
    kind = "subscription" if facts.recurring else "order"
    several = "Invoices" if len(facts.invoices) > 1 else "Invoice"
    return {
        "greeting": wording.greeting(facts.name),
        "bought": f"your {plan} {kind}" if plan else f"your {kind}",
        "invoices": f"{several}: {numbers}" if numbers else "",
        "pay_url": wording.one_line(facts.pay_url, longest=2000),
        "business": wording.one_line(facts.business),
    }
