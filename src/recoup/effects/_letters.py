"""From fresh rows to what a notice may say, and which refusals may be told of at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from recoup.core import states
from recoup.core.account import Account, Case, Notice, Signal
from recoup.core.collection import declines
from recoup.core.dunning import ladder
from recoup.core.money import totals
from recoup.core.policy import Policy
from recoup.effects.base import World
from recoup.mail.base import Announced, MailFacts
from recoup.store.records.customers import Contact

#: Codes of refusals that a customer may be told of; their words are in the mails' catalogues.
#: What is not here is not told: a code helps nobody, and "declined" says nothing that the mail
#: does not say already.
TOLD: Final = frozenset(
    {
        "insufficient_funds",
        "card_velocity_exceeded",
        "withdrawal_count_limit_exceeded",
        "expired_card",
        "incorrect_number",
        "invalid_number",
        "incorrect_cvc",
        "invalid_cvc",
        "incorrect_zip",
        "incorrect_address",
        "invalid_account",
        "card_not_supported",
        "currency_not_supported",
        "new_account_information_available",
        "authentication_required",
        "authentication_not_handled",
        "processing_error",
        "revocation_of_authorization",
        "revocation_of_all_authorizations",
        "stop_payment_order",
    }
)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a notice is about, and everything read for it."""

    account: Account
    contact: Contact
    numbers: Mapping[int, str]  #: invoice id -> printed number


def facts(
    world: World, notice: Notice, case: Case, policy: Policy, about: Subject, *, now: datetime
) -> MailFacts:
    """Return what the mail of `notice` may be made from, as things stand at `now`."""
    account, contact = about.account, about.contact
    owed = account.obligations(notice.scope)
    subscription = account.subscription_of(notice.scope)
    numbers = (about.numbers.get(invoice.id) for invoice in owed)
    return MailFacts(
        to=contact.email or "",
        name=contact.name,
        brand=world.brand,
        owed=totals(invoice.remaining for invoice in owed),
        plan=_plan(world, account, notice.scope),
        recurring=subscription is not None,
        part=subscription is not None and account.whole(notice.scope) is None,
        invoices=tuple(number for number in numbers if number is not None),
        announced=tuple(_announced(notice, case, policy, account, now)),
        consequences=_in_force(account, notice.scope),
        next_try_at=_next_try(account, notice.scope),
        locale=contact.locale,
        time_zone=contact.time_zone,
        **_refusal(world, account, notice),
    )


def _in_force(account: Account, scope: str) -> tuple[str, ...]:
    """Return what is closed of what the debt bought, by name."""
    return tuple(one.consequence for one in account.restrictions if one.scope == scope)


def _announced(
    notice: Notice, case: Case, policy: Policy, account: Account, now: datetime
) -> Iterator[Announced]:
    """Yield the rungs above the present one that the notice's step names."""
    step = next((step for step in policy.steps if step.key == notice.step), None)
    last = policy.place(step.announces) if step else -1
    for place, rung in enumerate(policy.ladder):
        if policy.place(case.rung) < place <= last:
            at = ladder.expected(case, rung, account, policy=policy, now=now)
            if at is not None:
                yield Announced(rung.name, at, rung.consequences)


def _refusal(world: World, account: Account, notice: Notice) -> dict[str, Any]:
    """Return what may be told of the newest refusal."""
    invoices = {invoice.id for invoice in account.obligations(notice.scope)}
    refused = [
        attempt
        for attempt in account.attempts
        if attempt.invoice_id in invoices and states.was_declined(attempt.state)
    ]
    if not refused:
        return {}
    newest = max(refused, key=lambda attempt: (attempt.at, attempt.id or 0))
    kinds = {method.instrument: method.kind for method in account.methods}
    kind = kinds.get(newest.instrument or "", "card")
    return worded(world, newest.signal, newest.brand, kind)


def worded(world: World, signal: Signal, brand: str | None, kind: str) -> dict[str, Any]:
    """Return what may be told of a refusal: its code, where that may be, and its class."""
    verdict = declines.read(signal, brand=brand, kind=kind, rules=world.rules)
    found = {"decline_class": str(verdict.decline_class.value)}
    return found | ({"decline": verdict.wording} if verdict.wording in TOLD else {})


def _plan(world: World, account: Account, scope: str) -> str | None:
    """Return the plan that a debt is for; a part of a subscription is none."""
    whole = account.whole(scope)
    return None if whole is None or not whole.plan else world.plans.plan_of(whole.plan)


def _next_try(account: Account, scope: str) -> datetime | None:
    """Return when the processor tries by itself again, as far as it has said."""
    coming = (invoice.processor_next_try_at for invoice in account.obligations(scope))
    return min((at for at in coming if at is not None), default=None)
