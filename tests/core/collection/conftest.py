"""Values to decide on: one customer, one card, one unpaid invoice that failed at `T`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from recoup.core.account import Account, Attempt, Invoice, Method, Signal
from recoup.core.collection.plan import Plan, plan
from recoup.core.collection.rules import Rules
from recoup.core.money import Money
from recoup.core.policy import DEFAULT, Policy
from recoup.core.states import AttemptState, InvoiceStatus
from recoup.reference import load_rules

DAY = timedelta(days=1)


class Make:
    """Builders; every argument has a plain default."""

    T = datetime(2026, 1, 5, 10, tzinfo=UTC)  # a Monday
    TEN = Money(1000, "USD")
    FUNDS = Signal(decline_code="insufficient_funds")

    def __init__(self, rules: Rules) -> None:
        self.rules = rules

    def method(self, name: str = "pm_1", **given) -> Method:
        values = {
            "kind": "card",
            "instrument": "fp_1",
            "brand": "visa",
            "country": "US",
            "expires": (2040, 12),
            "is_default": True,
            "changed_at": self.T - 100 * DAY,
        }
        return Method(processor_id=name, **{**values, **given})

    def invoice(self, id: int = 1, **given) -> Invoice:
        values = {
            "subscription_id": 1,
            "status": InvoiceStatus.OPEN,
            "due": self.TEN,
            "remaining": self.TEN,
            "reason": "subscription_cycle",
            "created_at": self.T,
            "first_failed_at": self.T,
            "closed_at": None,
            "disputed": False,
            "case_id": 1,
            "processor_next_try_at": None,
            "processor_gave_up": False,
        }
        return Invoice(id=id, processor_id=f"in_{id}", **{**values, **given})

    def attempt(
        self, at: datetime | None = None, signal: Signal | None = None, **given
    ) -> Attempt:
        when = at or self.T
        values = {
            "id": int(when.timestamp() * 1_000_000),
            "invoice_id": 1,
            "ordinal": None,
            "origin": "renewal" if when == self.T else "retry",
            "state": AttemptState.DECLINED,
            "amount": self.TEN,
            "method": "pm_1",
            "instrument": "fp_1",
            "brand": "visa",
            "off_session": True,
        }
        return Attempt(at=when, signal=signal or self.FUNDS, **{**values, **given})

    def account(self, *attempts: Attempt, **given) -> Account:
        values = {
            "invoices": (self.invoice(),),
            "methods": (self.method(),),
            "attempts": attempts,
            "uses": attempts,
        }
        return Account(
            id=1,
            processor="fake",
            currency="USD",
            country="US",
            segment=None,
            reachable=True,
            deleted=False,
            standing="current",
            next_wake_at=None,
            **{**values, **given},
        )

    def plan(
        self,
        account: Account,
        now: datetime | None = None,
        *,
        policy: Policy = DEFAULT,
        until: datetime | None = None,
    ) -> Plan:
        return plan(
            account,
            account.invoices[0],
            policy=policy,
            rules=self.rules,
            until=until or self.T + 28 * DAY,
            now=now or self.T,
        )

    def also(self, account: Account, *attempts: Attempt) -> Account:
        return replace(
            account,
            attempts=(*account.attempts, *attempts),
            uses=(*account.uses, *attempts),
        )


@pytest.fixture(scope="session")
def rules() -> Rules:
    return load_rules()


@pytest.fixture(scope="session")
def make(rules: Rules) -> Make:
    return Make(rules)
