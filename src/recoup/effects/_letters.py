"""From fresh rows to what a mail may say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from recoup.core import activation, states
from recoup.core.account import Account, Case, Notice, Signal
from recoup.core.collection import declines
from recoup.core.dunning import ladder
from recoup.core.money import totals
from recoup.core.policy import Policy
from recoup.effects.base import World
from recoup.mail.base import Announced, MailFacts
from recoup.store.records.customers import Contact
from recoup.store.records.mails import Mail, Occasion

#: What a customer is told of a refusal, by the code that may be disclosed. What is not here is
#: not told: a code helps nobody, and "declined" says nothing that the mail does not say already.
TOLD: Final[Mapping[str, str]] = {
    "insufficient_funds": "there was not enough money or credit",
    "card_velocity_exceeded": "the card had reached its limit",
    "withdrawal_count_limit_exceeded": "the card had reached its limit",
    "expired_card": "the card has expired",
    "incorrect_number": "the card's number is not right",
    "invalid_number": "the card's number is not right",
    "incorrect_cvc": "the card's security code is not right",
    "invalid_cvc": "the card's security code is not right",
    "incorrect_zip": "the billing postcode does not match",
    "incorrect_address": "the billing address does not match",
    "invalid_account": "the card or its account is no longer valid",
    "card_not_supported": "the card does not support this kind of payment",
    "currency_not_supported": "the card cannot pay in this currency",
    "new_account_information_available": "the card has been replaced",
    "authentication_required": "the bank wants you to confirm the payment",
    "authentication_not_handled": "the payment was not confirmed",
    "processing_error": "the bank could not process it",
    "revocation_of_authorization": "the permission to charge this card was withdrawn",
    "revocation_of_all_authorizations": "the permission to charge this card was withdrawn",
    "stop_payment_order": "the permission to charge this card was withdrawn",
}


RECEIPT: Final = "receipt"
REFUND: Final = "refund_issued"


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
        base_url=world.base_url,
        business=world.business,
        mail_from=world.mail_from,
        owed=totals(invoice.remaining for invoice in owed),
        recurring=subscription is not None,
        invoices=tuple(number for number in numbers if number is not None),
        announced=tuple(_announced(notice, case, policy, account, now)),
        decline=_decline(world, account, notice),
        locale=contact.locale,
        time_zone=contact.time_zone,
    )


def about(world: World, occasion: Occasion, contact: Contact) -> MailFacts:
    """Return what a mail that is no notice may be made from. A hidden invoice has no number."""
    came = occasion.gate is not None and states.is_satisfied(occasion.gate)
    refusal = occasion.refusal
    brand = (occasion.brand or "card").replace("_", " ")
    method = f"{brand[0].upper()}{brand[1:]} ending in {occasion.last4}"
    return MailFacts(
        to=contact.email or "",
        name=contact.name,
        base_url=world.base_url,
        business=world.business,
        mail_from=world.mail_from,
        plan=world.plans.plan_of(occasion.price) if occasion.price else None,
        recurring=occasion.recurring,
        invoices=(occasion.number,) if occasion.number and came else (),
        decline=_worded(world, refusal.signal, refusal.brand, refusal.kind) if refusal else None,
        amount=occasion.amount,
        at=occasion.at,
        method=method if occasion.last4 else None,
        timed_out=occasion.reason == activation.TIMEOUT,
        late_buys=occasion.late == "reactivate",
        locale=contact.locale,
        time_zone=contact.time_zone,
    )


def obstacle(mail: Mail, occasion: Occasion | None, contact: Contact) -> str | None:
    """Return why a mail that is no notice is not sent: it is not true any more, or to nobody."""
    if not contact.email:
        return "the customer has no address"
    if occasion is None:
        return "what it is about is gone"
    gate, late = occasion.gate, occasion.late_state
    if mail.type == REFUND:
        back = late is not None and states.was_given_back(late)
        return None if back else "the money has not gone back"
    if mail.type == RECEIPT:
        came = gate is not None and states.is_satisfied(gate)
        return None if came else "the payment has not come"
    after_all = late is not None and states.bought_after_all(late)
    return "it was started after all" if after_all else None


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


def _decline(world: World, account: Account, notice: Notice) -> str | None:
    """Return what may be told of the newest refusal."""
    invoices = {invoice.id for invoice in account.obligations(notice.scope)}
    refused = [
        attempt
        for attempt in account.attempts
        if attempt.invoice_id in invoices and states.was_declined(attempt.state)
    ]
    if not refused:
        return None
    newest = max(refused, key=lambda attempt: (attempt.at, attempt.id or 0))
    kinds = {method.instrument: method.kind for method in account.methods}
    kind = kinds.get(newest.instrument or "", "card")
    return _worded(world, newest.signal, newest.brand, kind)


def _worded(world: World, signal: Signal, brand: str | None, kind: str) -> str | None:
    verdict = declines.read(signal, brand=brand, kind=kind, rules=world.rules)
    return TOLD.get(verdict.wording)
