"""
An operator's refund: with a reason that is kept, and rehearsed before it is made.

What is decided is recorded once, with who and why, and a refusal too; then the money is given
back by a step of its own, `recoup.payments.refund`, which the same key goes on with.
Source: docs/operators.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from recoup.commands.acting import Act, kind_of, reason_of
from recoup.commands.base import Kind, Office, Plan, Recording
from recoup.commands.desk import Desk
from recoup.commands.filing import digest_of, own_key
from recoup.commands.following import step
from recoup.commands.options import verb
from recoup.commands.payments import Payments, above_zero, refundable
from recoup.core import states
from recoup.core.dunning.acts import Acted
from recoup.core.money import Money
from recoup.errors import NotPossible
from recoup.jobs.base import Scalar
from recoup.store import views
from recoup.store.records import commands
from recoup.store.views.reading import Ref

REFUND: Final = kind_of("refund")

KINDS: Final[Sequence[Kind[Any]]] = (REFUND,)
#: The step that gives the money back.
_GIVING: Final = "refund"


@dataclass(frozen=True, slots=True)
class Refunds(Desk):
    """Giving money back, as a person decides it."""

    @verb
    def refund(
        self,
        payment: Ref,
        amount: Money | None = None,
        *,
        reason: str,
        dry_run: bool = False,
        key: str | None = None,
    ) -> Acted:
        """
        Give back `amount` of the payment, or all that is left of it; `refund` is what was made.

        Args:
            key: Up to 180 characters.

        Raises:
            NotRefundable: less than that is left, nothing was taken, or a bank took it back.
            CurrencyMismatch: the payment was in another currency.
            Rejected: the processor refused. Nothing is held back any more.
        """
        office, why = self.office, reason_of(reason)
        with office.reading() as connection:
            found = views.read_payment(connection, payment)
        if amount is not None:
            above_zero(amount)
        act = Act(office, REFUND, found.customer_id, why, dry_run, subject=f"payment:{found.id}")

        def planned(recording: Recording) -> Plan:
            now = views.read_payment(recording.connection, found.id)
            left = refundable(recording.connection, now, amount)
            kept: dict[str, Scalar] = {"minor": left.minor, "currency": left.currency}
            return Plan(result=act.told(_words(left, found.id)), args=kept)

        if dry_run:
            with office.reading() as connection:
                return act.told(_words(refundable(connection, found, amount), found.id))
        if office.bound is not None:
            raise NotPossible(
                f"{REFUND.name} takes several steps, which a host's transaction can not hold: "
                "call it outside"
            )
        asked = {"payment": found.id, "amount": amount, "reason": why}
        if key is None:
            key = _own(office, act, asked)
        name = step(key, _GIVING)
        acted = act.recorded(asked, planned, key=key)
        made = Payments(office).refund(found.id, _decided(office, key), key=name)
        return replace(acted, refund=made)


def _own(office: Office, act: Act, asked: Mapping[str, Any]) -> str:
    """
    Return the key of the same decision made before, until its money is given back; else a new one.

    The decision is over at once, and pressing again while nobody answers is not another one.
    """
    digest = digest_of(REFUND.name, act.customer_id, act.subject, asked)
    with office.reading() as connection:
        last = commands.last_ended(connection, REFUND.name, act.subject, digest)
        before = commands.by_id(connection, last)
        if before is not None and states.is_done(before.state):
            made = commands.by_key(connection, step(before.key, _GIVING))
            if made is None or not states.is_over(made.state):
                return before.key
    return own_key(REFUND.name, act.subject, digest, last)


def _words(amount: Money, payment: int) -> str:
    return f"give back {amount} of payment {payment}"


def _decided(office: Office, key: str) -> Money:
    """Return what was left, or was said, when it was decided."""
    with office.reading() as connection:
        kept = commands.by_key(connection, key)
    assert kept is not None  # noqa: S101  it was recorded a moment ago
    return Money(int(kept.args["minor"]), str(kept.args["currency"]))
