"""Rows of the stores as values of an account."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from recoup.core.account import (
    Attempt,
    Case,
    Debt,
    Hold,
    Invoice,
    Method,
    Notice,
    Restriction,
    Signal,
    StepRequest,
    Subscription,
    Task,
    scopes,
)
from recoup.core.money import Money
from recoup.core.periods import Period
from recoup.core.states import (
    AttemptState,
    CaseEnd,
    HoldKind,
    InvoiceStatus,
    NoticeState,
    SubscriptionStatus,
)

_OPEN: Final = InvoiceStatus.OPEN.value
#: A look-up is five times as fast as calling the enumeration, and attempts are many.
_ATTEMPT_STATES: Final = {state.value: state for state in AttemptState}


def method(
    _: int, processor_id: str, kind: str, instrument: str, brand: str | None, country: str | None,
    year: int | None, month: int | None, is_default: bool | None, changed_at: datetime,
    backup: int | None, consented_at: datetime | None,
) -> Method:  # fmt: skip
    expires = (year, month) if year and month else None
    return Method(
        processor_id, kind, instrument, brand, country, expires, bool(is_default), changed_at,
        backup, consented_at,
    )  # fmt: skip


def subscription(
    _: int, id: int, processor_id: str, status: str, plan: str | None, ended_at: datetime | None,
    end_reason: str | None, end_requested_at: datetime | None, called: str | None,
    activated_at: datetime | None,
) -> Subscription:  # fmt: skip
    return Subscription(
        id, processor_id, SubscriptionStatus(status), plan, ended_at, end_reason,
        end_requested_at, SubscriptionStatus(called) if called else None, activated_at,
    )  # fmt: skip


def invoice(
    _: int, id: int, processor_id: str, subscription_id: int | None, status: str, currency: str,
    due: int, remaining: int, reason: str, created_at: datetime,
    first_failed_at: datetime | None, closed_at: datetime | None, disputed: bool,
    case_id: int | None, next_try_at: datetime | None, tries: int, resolved_as: str | None,
    prices: list[str], charged_back: int | None, told: list[str] | None, own_date: datetime,
    of_case: str | None, plans: list[str] | None, was_disputed: bool, closing: bool,
) -> Invoice:  # fmt: skip
    recovered = None if told is None or first_failed_at is None else (first_failed_at, closed_at)
    if charged_back is not None:  # paid, and owed again, from the invoice's own date
        status, remaining, first_failed_at, closed_at = _OPEN, charged_back, own_date, None
    made = Invoice(
        id=id,
        processor_id=processor_id,
        subscription_id=subscription_id,
        status=InvoiceStatus(status),
        due=Money(due, currency),
        remaining=Money(remaining, currency),
        reason=reason,
        created_at=created_at,
        first_failed_at=first_failed_at,
        closed_at=closed_at,
        disputed=disputed,
        case_id=case_id,
        processor_next_try_at=next_try_at,
        processor_gave_up=next_try_at is None and tries > 0,
        prices=tuple(prices),
        resolved_as=resolved_as,
        apart=of_case or scopes.apart(subscription_id, prices, plans or ()),
        charged_back=charged_back is not None,
        was_disputed=was_disputed,
        closing=closing,
    )
    if recovered is not None and told is not None and made.scope not in told:
        return replace(made, recovered=Period(*recovered))
    return made


def attempt(
    _: Any, id: int, invoice_id: int, ordinal: int | None, origin: str, state: str, amount: int,
    currency: str, method: str | None, instrument: str | None, brand: str | None,
    off_session: bool, at: datetime, *codes: str | None,
) -> Attempt:  # fmt: skip
    return Attempt(
        id, invoice_id, ordinal, origin, _ATTEMPT_STATES[state], Money(amount, currency), method,
        instrument, brand, off_session, at, Signal(*codes),
    )  # fmt: skip


def case(
    _: int, id: int, scope: str, anchor: datetime, opened_at: datetime, policy: str,
    rung: str | None, rung_since: datetime | None, ending: str | None,
    ended_at: datetime | None, settled_at: datetime | None, engine: str | None,
) -> Case:  # fmt: skip
    end = CaseEnd(ending) if ending else None
    return Case(
        id, scope, anchor, opened_at, policy, rung, rung_since, end, ended_at, settled_at, engine
    )


def notice(
    _: int, id: int, scope: str, anchor: datetime, step: str, mail: str, due_at: datetime,
    placed_at: datetime, state: str, reason: str | None, delivered_at: datetime | None,
    bounced_at: datetime | None,
) -> Notice:  # fmt: skip
    return Notice(
        id, scope, anchor, step, mail, due_at, placed_at, NoticeState(state), reason,
        delivered_at, bounced_at,
    )  # fmt: skip


def restriction(
    _: int, id: int, scope: str, consequence: str, rung: str, since: datetime
) -> Restriction:
    return Restriction(id, scope, consequence, rung, since)


def hold(
    _: int, id: int, reason: str, since: datetime, until: datetime | None, kind: str, actor: str
) -> Hold:
    return Hold(id, reason, Period(since, until), HoldKind(kind), actor)


def request(_: int, scope: str, anchor: datetime, step: str) -> StepRequest:
    return StepRequest(scope, anchor, step)


def task(_: int, id: int, key: str, kind: str, detail: str) -> Task:
    return Task(key, kind, detail, id)


def debt(
    _: int, id: int, invoice_id: int, case_id: int, amount: int, currency: str,
    entered_at: datetime, made_by: str, age_days: int, reason: str, decline_class: str | None,
    decline_code: str | None, products: list[str],
) -> Debt:  # fmt: skip
    return Debt(
        id, invoice_id, case_id, Money(amount, currency), entered_at, made_by, age_days, reason,
        decline_class, decline_code, tuple(products),
    )  # fmt: skip
