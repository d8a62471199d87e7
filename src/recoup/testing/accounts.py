"""
Accounts for tests: a customer whose renewal failed, and what may happen to it.

Values only. `owing()` is the smallest account there is something to decide about; the rest is
`dataclasses.replace`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final

from recoup.core import states
from recoup.core.account import (
    CURRENT,
    Account,
    Attempt,
    Invoice,
    Method,
    Notice,
    Signal,
    Subscription,
)
from recoup.core.money import Money
from recoup.core.states import AttemptState, InvoiceStatus, NoticeState, SubscriptionStatus

#: When everything in these accounts began to go wrong.
NOON: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
TEN_EUROS: Final = Money(1000, "EUR")
CARD: Final = Method(
    processor_id="pm_1",
    kind="card",
    instrument="fp_1",
    brand="visa",
    country="DE",
    expires=(2030, 12),
    is_default=True,
    changed_at=NOON - timedelta(days=200),
)


def invoice(id: int = 1, *, failed_at: datetime | None = NOON, subscription: int | None = 1,
            amount: Money = TEN_EUROS) -> Invoice:  # fmt: skip
    """Return an open invoice whose off-session payment failed at `failed_at`, if it did."""
    return Invoice(
        id=id,
        processor_id=f"in_{id}",
        subscription_id=subscription,
        status=InvoiceStatus.OPEN,
        due=amount,
        remaining=amount,
        reason="subscription_cycle" if subscription else "manual",
        created_at=(failed_at or NOON) - timedelta(hours=1),
        first_failed_at=failed_at,
        closed_at=None,
        disputed=False,
        case_id=None,
        processor_next_try_at=None,
        processor_gave_up=False,
    )


def subscription(id: int = 1) -> Subscription:
    """Return a subscription that is past due."""
    return Subscription(
        id=id,
        processor_id=f"sub_{id}",
        status=SubscriptionStatus.PAST_DUE,
        plan="price_team",
        ended_at=None,
        end_reason=None,
        end_requested_at=None,
    )


def declined(
    of: Invoice, code: str | None = "insufficient_funds", *, at: datetime = NOON, id: int = 1
) -> Attempt:
    """Return the processor's own attempt on an invoice, refused with `code`."""
    return Attempt(
        id=id,
        invoice_id=of.id,
        ordinal=None,
        origin="processor",
        state=AttemptState.DECLINED,
        amount=of.remaining,
        method=CARD.processor_id,
        instrument=CARD.instrument,
        brand=CARD.brand,
        off_session=True,
        at=at,
        signal=Signal(code),
    )


def owing(*invoices: Invoice, code: str | None = "insufficient_funds") -> Account:
    """Return an account that owes `invoices` (one of ten euros by default) since they failed."""
    owed = invoices or (invoice(),)
    attempts = tuple(
        declined(one, code, at=one.first_failed_at, id=one.id)
        for one in owed
        if one.first_failed_at is not None
    )
    bought = {one.subscription_id for one in owed if one.subscription_id is not None}
    return Account(
        id=1,
        processor="fake",
        currency="EUR",
        country="DE",
        segment=None,
        reachable=True,
        deleted=False,
        standing=CURRENT,
        next_wake_at=None,
        subscriptions=tuple(subscription(id) for id in sorted(bought)),
        invoices=tuple(owed),
        attempts=attempts,
        methods=(CARD,),
        uses=attempts,
    )


def paid(account: Account, invoice_id: int, *, at: datetime) -> Account:
    """Return the account with one of its invoices paid at `at`."""
    return closed(account, invoice_id, InvoiceStatus.PAID, at=at)


def closed(account: Account, invoice_id: int, to: InvoiceStatus, *, at: datetime) -> Account:
    """Return the account with one of its invoices closed at `at`."""
    invoices = tuple(
        replace(one, status=to, closed_at=at, remaining=Money(0, one.due.currency))
        if one.id == invoice_id
        else one
        for one in account.invoices
    )
    return replace(account, invoices=invoices)


class Storage:
    """
    What the store does between two decisions, on values: ids, delivered mails, bank's answers.

    Args:
        code: What every attempt is refused with; None lets it succeed.
        delivers: Whether mails arrive. When not, they bounce.
    """

    def __init__(self, *, code: str | None = "insufficient_funds", delivers: bool = True) -> None:
        self._ids = count(1000)
        self._code = code
        self._delivers = delivers

    def stored(self, desired: Account, *, now: datetime) -> Account:
        """Return the account as it is read again after `desired` was applied at `now`."""
        case_ids = {case.id: next(self._ids) for case in desired.cases if case.id < 0}
        attempts = tuple(self._answered(attempt) for attempt in desired.attempts)
        mine = {attempt.id for attempt in attempts}
        foreign = (use for use in desired.uses if use.id is not None and use.id not in mine)
        return replace(
            desired,
            cases=tuple(
                replace(case, id=case_ids.get(case.id, case.id))
                for case in desired.cases
                if case.open or case.unsettled
            ),
            invoices=tuple(
                replace(one, case_id=case_ids.get(one.case_id or 0, one.case_id))
                for one in desired.invoices
            ),
            notices=tuple(self._delivered(notice, now) for notice in desired.notices),
            restrictions=tuple(
                replace(one, id=one.id or next(self._ids)) for one in desired.restrictions
            ),
            debts=tuple(
                replace(
                    debt,
                    id=debt.id or next(self._ids),
                    case_id=case_ids.get(debt.case_id, debt.case_id),
                )
                for debt in desired.debts
                if debt.open
            ),
            attempts=attempts,
            uses=tuple(sorted((*foreign, *attempts), key=lambda use: use.at)),
        )

    def _answered(self, attempt: Attempt) -> Attempt:
        if not states.is_intended(attempt.state):
            return attempt
        state = AttemptState.SUCCEEDED if self._code is None else AttemptState.DECLINED
        return replace(attempt, id=next(self._ids), state=state, signal=Signal(self._code))

    def _delivered(self, notice: Notice, now: datetime) -> Notice:
        notice = replace(notice, id=notice.id or next(self._ids))
        if not states.is_scheduled(notice.state):
            return notice
        if self._delivers:
            return replace(notice, state=NoticeState.SENT, delivered_at=now)
        return replace(notice, state=NoticeState.SENT, bounced_at=now)
