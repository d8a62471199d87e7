"""
What the ledger tells of each table.

Subject kind -> table and columns. Nothing personal is among them: names, addresses, metadata and
what people write as a reason change without ever entering a record that can not be erased.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Table

from recoup.store import tables


@dataclass(frozen=True, slots=True)
class Ledgered:
    """The kind of subject a table's rows are, and the columns whose changes are recorded."""

    kind: str
    table: Table
    columns: tuple[str, ...]
    key: str = "id"


def _of(kind: str, table: Table, columns: str, key: str = "id") -> Ledgered:
    return Ledgered(kind, table, tuple(columns.split()), key)


LEDGERED: Final[Mapping[str, Ledgered]] = {
    entry.table.name: entry
    for entry in (
        _of(
            "customer",
            tables.customers,
            "processor processor_id country currency segment default_method deleted erased_at",
        ),
        _of("standing", tables.standings, "standing", "customer_id"),
        _of(
            "method",
            tables.payment_methods,
            "processor_id kind instrument brand country exp_year exp_month detached changed_at "
            "backup consented_at",
        ),
        _of(
            "subscription",
            tables.subscriptions,
            "processor_id status plan quantity currency period_start period_end trial_end "
            "cancel_at canceled_at ended_at end_reason end_requested_at anchor feedback "
            "pause_behavior resumes_at coupon promotion_code processor_status activated_at "
            "upgrades_withdrawn",
        ),
        _of(
            "invoice",
            tables.invoices,
            "processor_id subscription_id case_id status currency amount_due amount_paid "
            "amount_remaining reason closed_at out_of_band first_failed_at disputed tax credited "
            "charged_back resolved_as gate_id withdrawn_at",
        ),
        _of(
            "attempt",
            tables.attempts,
            "invoice_id ordinal origin state amount currency processor_id payment_intent method "
            "instrument off_session happened_at requested_at ended_at decline_code advice_code "
            "network_decline_code network_advice_code unowed_at",
        ),
        _of(
            "gate",
            tables.gates,
            "purpose command_id subscription_id invoice_id status timeout_s tries late "
            "evaluated_at expires_at ended_at reason withdrawal",
        ),
        _of(
            "late_payment",
            tables.late_payments,
            "attempt_id invoice_id gate_id amount currency decision state "
            "subscription_id ended_at",
        ),
        _of("refund", tables.refunds, "attempt_id amount currency status happened_at reason"),
        _of("dispute", tables.disputes, "attempt_id amount currency open lost happened_at"),
        _of(
            "case",
            tables.cases,
            "scope anchor opened_at policy rung rung_since ending ended_at settled_at engine",
        ),
        _of(
            "debt",
            tables.debts,
            "case_id invoice_id amount currency entered_at made_by age_days reason decline_class "
            "decline_code products exited_at exited_as exited_by",
        ),
        _of(
            "notice",
            tables.notices,
            "case_id anchor step mail due_at placed_at state reason delivered_at bounced_at",
        ),
        _of(
            "telling",
            tables.tellings,
            "notice_id case_id anchor step announces due_at told_at",
        ),
        _of(
            "restriction",
            tables.restrictions,
            "case_id scope consequence rung since lifted_at undone_at",
        ),
        _of("command", tables.commands, "kind subject state amount currency"),
        _of(
            "redemption",
            tables.redemptions,
            "coupon_id promotion_code_id subscription_id redeemed_at given_back_at reason",
        ),
        _of("hold", tables.holds, "kind actor since until"),
    )
}
