"""
The matrix: which cause has which mail sent. One line for each, and no other code sends that type.

To add one: a line here, a test in tests/flow/mails that makes its cause happen, and the page again
(`recoup.core.occasions.table`, which tests/mail/test_matrix.py compares with docs/emails.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from recoup.core.activation import PAYMENT_FAILED, TIMEOUT
from recoup.core.consequences import consequence
from recoup.core.ledger import Changes
from recoup.core.occasions.base import Fixed, Occasion

#: Causes that are no entry of the ledger: a step of a campaign, the clock, and the page of a link.
CAMPAIGN: Final = "campaign"
CLOCK: Final = "clock"
PAGE: Final = "page"


def _alone(fixed: Fixed) -> bool:
    return fixed.alone


def _attended(fixed: Fixed) -> bool:
    return not fixed.alone


def _one_off(fixed: Fixed) -> bool:
    return fixed.one_off


def _of_a_subscription(fixed: Fixed) -> bool:
    return not fixed.one_off


def _start(fixed: Fixed) -> bool:
    return fixed.start


def _felt(changes: Changes) -> bool:
    """Whether what was imposed takes something away: a mark in our books does not."""
    name = changes.get("consequence", (None, None))[1]
    return name is not None and consequence(name).takes_away


def _unpaid(changes: Changes) -> bool:
    """Whether a gate died for want of money; who took it back knows."""
    return changes.get("reason", (None, None))[1] in {PAYMENT_FAILED, TIMEOUT}


_CASE: Final = {"case_id": "case_id"}

MATRIX: Final[tuple[Occasion, ...]] = (
    # -- money comes in: per payment one of these five, the worker leaves out what another tells
    Occasion("receipt", "gate.satisfied", "gate:{id}", happened=("ended_at",)),
    Occasion(
        "receipt", "invoice.paid", "invoice:{id}:paid", "of no subscription",
        _one_off, ("closed_at",),
    ),
    Occasion(
        "invoice_paid", "invoice.paid", "invoice:{id}:paid", "of a subscription",
        _of_a_subscription, ("closed_at",),
    ),
    Occasion("payment_recovered", "case.recovered", "case:{id}:recovered", happened=("ended_at",)),
    Occasion("bad_debt_paid", "debt.paid", "debt:{id}:paid", happened=("exited_at",)),
    # -- money does not: per refusal one of these, and none where a campaign tells of it
    Occasion(
        "payment_failed", "payment.failed", "attempt:{id}:failed",
        "with its customer there", _attended, ("ended_at", "happened_at"),
    ),
    Occasion(
        "invoice_payment_failed", "payment.failed", "attempt:{id}:failed",
        "without its customer", _alone, ("ended_at", "happened_at"),
    ),
    Occasion(
        "payment_action_required", "payment.action_required", "attempt:{id}:action",
        "without its customer", _alone, ("happened_at",),
    ),
    Occasion(
        "activation_expired", "gate.died", "gate:{id}", "of a start, unpaid", _start,
        ("ended_at",), shows=_unpaid,
    ),
    Occasion(
        "upgrade_withdrawn", "upgrade.withdrawn",
        "subscription:{id}:upgrade:{upgrades_withdrawn}", args={"upgrade_of": "id", "at": "at"},
    ),
    # -- invoices and money that goes back
    Occasion(
        "invoice_finalized", "invoice.issued", "invoice:{id}:finalized", happened=("closed_at",)
    ),
    Occasion("refund_issued", "refund.created", "refund:{id}", happened=("happened_at",)),
    # -- subscriptions
    Occasion("trial_ended", "trial.ended", "subscription:{id}:trial_ended"),
    Occasion(
        "subscription_canceled", "end.scheduled", "subscription:{id}:ends:{cancel_at}",
        known=True, args={"subscription_id": "id", "ends_at": "cancel_at"},
    ),
    Occasion(
        "subscription_canceled", "subscription.canceled", "subscription:{id}:canceled",
        happened=("ended_at", "canceled_at"),
    ),
    Occasion(
        "subscription_paused", "subscription.paused", "subscription:{id}:paused:{at}", known=True
    ),
    Occasion(
        "subscription_resumed", "subscription.unpaused", "subscription:{id}:resumed:{at}",
        known=True,
    ),
    Occasion(
        "coupon_applied", "coupon.applied", "subscription:{id}:coupon:{coupon}",
        happened=("activated_at",), args={"subscription_id": "id", "coupon": "coupon"},
    ),
    # -- access
    Occasion(
        "access_restricted", "access.restricted", "case:{case_id}:restricted:{since}",
        "of what a customer feels", happened=("since",), shows=_felt,
        args={**_CASE, "since": "since"},
    ),
    Occasion(
        "access_restored", "access.restored", "case:{case_id}:restored:{lifted_at}",
        happened=("lifted_at",), args={**_CASE, "lifted_at": "lifted_at"},
    ),
    # -- a campaign's steps, once each; a person may have one sent again
    Occasion("dunning_reminder", CAMPAIGN, "notice:{id}"),
    Occasion("dunning_action_required", CAMPAIGN, "notice:{id}"),
    Occasion("dunning_restriction_notice", CAMPAIGN, "notice:{id}"),
    Occasion("dunning_final_notice", CAMPAIGN, "notice:{id}"),
    # -- the clock
    Occasion("trial_ending", CLOCK, "subscription:{id}:trial:{day}", "3 days before its end"),
    Occasion(
        "card_expiring_soon", CLOCK, "method:{id}:{month}:{days}",
        "30, 7 and 1 days before the end of its last month, while it is in use",
    ),
    # -- a customer, on the page of a link; `recoup.links.renew`
    Occasion(
        "fresh_link", PAGE, "fresh_link:{customer_id}:{purpose}:{scope}:{hour}",
        "of a link that has expired, where another one is asked for",
    ),
)  # fmt: skip


def types() -> tuple[str, ...]:
    """Return the types that have a cause, each once."""
    return tuple(dict.fromkeys(one.mail for one in MATRIX))


def table() -> Iterator[str]:
    """Yield the lines of the table in docs/emails.md."""
    yield "| type | cause | key |"
    yield "|---|---|---|"
    for one in MATRIX:
        where = f", {one.where}" if one.where else ""
        named = f"`{one.cause}`" if "." in one.cause else f"the {one.cause}"
        yield f"| `{one.mail}` | {named}{where} | `{one.key}` |"
