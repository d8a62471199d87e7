"""What mails have in common: the facts of their samples, and what several of them say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from recoup.core.money import Money
from recoup.mail.base import Announced, Brand, Card, Email, MailFacts
from recoup.mail.parts import Button, Day, Listing, Moment, Part, Rows, Say, Term, Value
from recoup.mail.wording import change

NOON: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)

#: A customer who owes, or has paid, for one plan; samples add what their type announces.
SAMPLE: Final = MailFacts(
    to="ada@example.com",
    name="Ada Lovelace",
    brand=Brand(
        business="Example",
        mail_from="Example <billing@example.com>",
        base_url="https://app.example.com",
        support="support@example.com",
        address="Example GmbH, Musterstraße 1, 10115 Berlin, Germany",
    ),
    owed=(Money(4900, "EUR"),),
    plan="Team",
    invoices=("INV-2026-0042",),
    decline="insufficient_funds",
    decline_class="soft",
    amount=Money(4900, "EUR"),
    at=NOON,
    card=Card("visa", "4242", (2027, 4)),
    time_zone="Europe/Berlin",
)


#: Ways to pay by which an account is debited, and no card.
DEBITS: Final = frozenset(
    {
        "sepa_debit",
        "bacs_debit",
        "us_bank_account",
        "acss_debit",
        "au_becs_debit",
        "nz_bank_account",
        "autogiro",
    }
)


def warning_of(*rungs: tuple[str, str, int]) -> MailFacts:
    """Return the sample's facts with (rung, consequence, days from now) announced."""
    announced = (
        Announced(name, NOON + timedelta(days=days), (consequence,))
        for name, consequence, days in rungs
    )
    return replace(SAMPLE, announced=tuple(announced))


def bought(facts: MailFacts) -> Term:
    """Return what it is about: "your Team subscription", "your order" …"""
    if facts.plan:
        key = "bought.plan" if facts.recurring else "bought.plan_order"
        return Term(key, {"plan": facts.plan})
    return Term("bought.subscription" if facts.recurring else "bought.order")


def of_sum(key: str, facts: MailFacts) -> Say:
    """Return the sentence `key` of a sum for what was bought; its `_plain` one without a sum."""
    if facts.amount is None:
        return Say(f"{key}_plain", {"bought": bought(facts)})
    return Say(key, {"amount": facts.amount, "bought": bought(facts)})


def payable_until(facts: MailFacts) -> datetime | None:
    """Return by when it is to be paid; None where that had passed when it was refused."""
    late = facts.due_at and facts.at and facts.due_at <= facts.at
    return None if late else facts.due_at


def waits(facts: MailFacts) -> Iterator[Say]:
    """Yield what opens only with the payment, and until when it can come; else by when to pay."""
    until = payable_until(facts)
    if facts.starts:
        yield Say("waiting")
        if until:
            yield Say("open_until", {"until": Moment(until)})
    elif until:
        yield Say("due", {"due": Day(until)})


def paid_with(card: Card | None) -> Term | None:
    """Return "Visa ending in 4242", as far as it is known; None when nothing is."""
    if card is None or not (card.brand or card.last4):
        return None
    brand = Term(f"methods.{card.brand or 'card'}", otherwise=named(card.brand or "card"))
    if not card.last4:
        return brand
    ending = "account_last4" if card.brand in DEBITS else "card_last4"
    return Term(f"methods.{ending}", {"brand": brand, "last4": card.last4})


def named(brand: str) -> str:
    """Return "Diners club" for "diners_club": how a brand reads that no catalogue knows."""
    words = brand.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def decline(facts: MailFacts) -> Iterator[Term]:
    """Yield the sentence that says why a payment was refused, and what helps, where known."""
    reason = (Term(f"declines.{facts.decline}"),) if facts.decline else ()
    helps = (Term(f"helps.{facts.decline_class}"),) if facts.decline_class else ()
    if reason and helps:
        yield together(*reason, *helps)
    else:
        yield from (*reason, *helps)


def together(first: Term, second: Term) -> Term:
    """Return two sentences as one paragraph."""
    return Term("sentences.two", {"first": first, "second": second})


def numbers(facts: MailFacts) -> tuple[str, Value]:
    """Return the row of the invoices that it is about."""
    return "invoice" if len(facts.invoices) == 1 else "invoices", facts.invoices


def payment(facts: MailFacts) -> Iterator[Rows]:
    """Yield the table of a payment that came."""
    return rows(
        numbers(facts),
        ("date", Day(facts.at) if facts.at else None),
        ("amount", facts.amount),
        ("method", paid_with(facts.card)),
    )


def rows(*pairs: tuple[str, Value | None]) -> Iterator[Rows]:
    """Yield the table of those values that are there; nothing where none is."""
    known = tuple((label, value) for label, value in pairs if value not in (None, "", ()))
    if known:
        yield Rows(known)


#: Consequences of a subscription as a whole: no debt of a part or of an order has them.
_WHOLE: Final = frozenset({"pause_collection", "downgrade", "cancel"})
#: Refusals after which the one thing to do is to confirm the payment.
_UNCONFIRMED: Final = frozenset({"authentication_required", "authentication_not_handled"})


@dataclass(frozen=True, slots=True)
class Owing(Email):
    """A mail about a debt: what is owed, why it was refused, and what follows from that."""

    def of_debt(self, key: str) -> Say:
        """Return the sentence `key` of what is owed; its `_plain` one if nobody knows the sum."""
        about = bought(self.facts)
        if not self.facts.owed:
            return Say(f"{key}_plain", {"bought": about})
        return Say(key, {"owed": self.facts.owed, "bought": about})

    def held(self) -> Iterator[Part]:
        """Yield what is closed at present, if the customer notices any of it."""
        lines = tuple(self._felt(self.facts.consequences))
        if lines:
            yield Term("deadline.now", {"bought": bought(self.facts)})
            yield Listing(lines)

    def warned(self) -> Iterator[Part]:
        """Yield what is closed next and from when, a line for each change that is noticed."""
        lines = tuple(
            Term(_since(felt), {"moment": Moment(rung.at), "change": felt})
            for rung in self.facts.announced
            for felt in self._felt(rung.consequences)
        )
        if lines:
            yield Term("deadline.changes", {"bought": bought(self.facts)})
            yield Listing(lines)

    def first(self) -> datetime | None:
        """Return from when on the first change is noticed; None if none is announced."""
        felt = (rung.at for rung in self.facts.announced if any(self._felt(rung.consequences)))
        return next(felt, None)

    def deadline(self) -> Term:
        """Return "before 8 March 2026", the day of the first change; "soon" if there is none."""
        first = self.first()
        return Term("deadline.before", {"day": Day(first)}) if first else Term("deadline.soon")

    def returns(self) -> Term:
        """Return what a payment brings back. An ended subscription is not brought back by any."""
        ahead = {name for rung in self.facts.announced for name in rung.consequences}
        ends = self._whole and "cancel" in ahead
        return Term("deadline.over" if ends else "deadline.back")

    def button(self) -> Button:
        """Return the one thing to do: to pay, or to confirm what waits for that."""
        confirm = self.facts.decline in _UNCONFIRMED
        return Button(self.facts.pay_url, "confirm" if confirm else "button")

    def bill(self) -> Iterator[Rows]:
        """Yield the table of what is owed."""
        return rows(numbers(self.facts), ("amount", self.facts.owed))

    def _felt(self, consequences: tuple[str, ...]) -> Iterator[Term]:
        for name in filter(None, map(change, consequences)):
            apart = name in _WHOLE and not self._whole
            yield Term(
                "deadline.closed" if apart else f"consequences.{name}", otherwise=named(name)
            )

    @property
    def _whole(self) -> bool:
        """Whether the debt is of all of a subscription, so that its end can follow."""
        return self.facts.recurring and not self.facts.part


def _since(felt: Term) -> str:
    """Return how the instant of a change is told: an end is on it, all else from it on."""
    return "deadline.on" if felt.key == "consequences.cancel" else "deadline.from"


@dataclass(frozen=True, slots=True)
class Letter(Owing):
    """A notice: a mail that a policy's campaign may send. It sends no other."""
