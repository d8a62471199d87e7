"""
Which obligations are bad debt: each entry with why, each exit with how.

An obligation enters when its case ends exhausted and money is still owed, and leaves when that
money is accounted for. One that is owed again after it left enters anew. Both are worked out from
the facts, so an entry that is missing is made up for, and a repeated run makes no other.
Source: docs/bad-debt.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from recoup.core import states
from recoup.core.account import Account, Attempt, Case, Debt, DebtExit, Invoice
from recoup.core.account.debts import LADDER
from recoup.core.collection.declines import read
from recoup.core.collection.rules import CARD, Rules

#: How an invoice was closed, in its own words, where the debt's are others.
_EXITS: Final[Mapping[str, DebtExit]] = {
    **{str(how): how for how in DebtExit if how is not DebtExit.PAID},
    "nothing_due": DebtExit.CREDITED,
    "closed": DebtExit.VOIDED,
}


def with_debts(account: Account, *, rules: Rules, now: datetime) -> Account:
    """Return the account with what is bad debt entered, and what is none any more left."""
    bad = {case.id: case for case in account.cases if case.unsettled}
    if not bad and not account.debts:
        return account
    owed = {i.id: i for i in account.invoices if i.in_default and i.case_id in bad}
    kept = tuple(
        debt if not debt.open or debt.invoice_id in owed else _left(account, debt, now)
        for debt in account.debts
    )
    known = {debt.invoice_id for debt in kept if debt.open}
    entered = tuple(
        _entered(account, bad[invoice.case_id], invoice, rules=rules, now=now)
        for id, invoice in owed.items()
        if id not in known and invoice.case_id is not None
    )
    return account.but(debts=(*kept, *entered))


def _entered(
    account: Account, case: Case, invoice: Invoice, *, rules: Rules, now: datetime
) -> Debt:
    failed = invoice.first_failed_at or invoice.created_at
    # What a dispute took back is owed from the invoice's own date, and bad debt from now on.
    at = now if invoice.charged_back else max(case.ended_at or failed, failed)
    refusal = _refusal(account, invoice)
    kinds = {method.instrument: method.kind for method in account.methods}
    verdict = None
    if refusal is not None:
        kind = kinds.get(refusal.instrument or "", CARD)
        verdict = read(refusal.signal, brand=refusal.brand, kind=kind, rules=rules)
    return Debt(
        id=None,
        invoice_id=invoice.id,
        case_id=case.id,
        amount=invoice.remaining,
        entered_at=at,
        by=_by(account, case),
        age_days=max(0, (at - case.anchor).days),
        reason=invoice.reason,
        decline_class=None if verdict is None else str(verdict.decline_class),
        decline_code=None if refusal is None else refusal.signal.decline_code,
        products=_products(account, invoice),
    )


def _left(account: Account, debt: Debt, now: datetime) -> Debt:
    """Return `debt` over. Where its invoice is not read any more, its case was taken from it."""
    invoice = next((i for i in account.invoices if i.id == debt.invoice_id), None)
    how, at = DebtExit.SUPERSEDED, now
    if invoice is not None and not invoice.in_default:
        how, at = exit_of(invoice), invoice.closed_at or now
        if at < debt.entered_at and invoice.resolved_as is not None:
            at = now  # it was paid before, charged back, and is closed in another way now
    return replace(debt, exit=how, exited_at=max(at, debt.entered_at))


def exit_of(invoice: Invoice) -> DebtExit:
    """Return how an invoice that is not owed any more was closed; only money makes it paid."""
    said = _EXITS.get(invoice.resolved_as or "")
    if said is not None:
        return said
    if states.is_paid(invoice.status):
        return DebtExit.PAID
    if states.is_written_off(invoice.status):
        return DebtExit.WRITTEN_OFF
    return DebtExit.VOIDED if states.is_void(invoice.status) else DebtExit.CREDITED


def _refusal(account: Account, invoice: Invoice) -> Attempt | None:
    """Return the newest try that a bank refused."""
    refused = (a for a in account.tries(invoice.id) if states.was_declined(a.state))
    return max(refused, key=lambda a: (a.at, a.id or 0), default=None)


def _by(account: Account, case: Case) -> str:
    """Return who ended its recovery: the processor, if it ended the subscription by itself."""
    subscription = account.subscription_of(case.scope)
    if subscription is None or subscription.end_requested_at is not None:
        return LADDER
    over = states.has_ended(subscription.status) or states.is_given_up(subscription.status)
    return account.processor if over else LADDER


def _products(account: Account, invoice: Invoice) -> tuple[str, ...]:
    if invoice.prices:
        return invoice.prices
    mine = (s.plan for s in account.subscriptions if s.id == invoice.subscription_id)
    return tuple(plan for plan in mine if plan is not None)
