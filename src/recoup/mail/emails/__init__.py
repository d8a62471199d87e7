"""Every type of mail, by the name that callers, notices and policies use: its folder's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from recoup.mail.base import Email
from recoup.mail.emails.access_restored.email import AccessRestored
from recoup.mail.emails.access_restricted.email import AccessRestricted
from recoup.mail.emails.activation_expired.email import ActivationExpired
from recoup.mail.emails.bad_debt_paid.email import BadDebtPaid
from recoup.mail.emails.card_expiring_soon.email import CardExpiringSoon
from recoup.mail.emails.coupon_applied.email import CouponApplied
from recoup.mail.emails.dunning_action_required.email import DunningActionRequired
from recoup.mail.emails.dunning_final_notice.email import DunningFinalNotice
from recoup.mail.emails.dunning_reminder.email import DunningReminder
from recoup.mail.emails.dunning_restriction_notice.email import DunningRestrictionNotice
from recoup.mail.emails.fresh_link.email import FreshLink
from recoup.mail.emails.invoice_finalized.email import InvoiceFinalized
from recoup.mail.emails.invoice_paid.email import InvoicePaid
from recoup.mail.emails.invoice_payment_failed.email import InvoicePaymentFailed
from recoup.mail.emails.payment_action_required.email import PaymentActionRequired
from recoup.mail.emails.payment_failed.email import PaymentFailed
from recoup.mail.emails.payment_recovered.email import PaymentRecovered
from recoup.mail.emails.receipt.email import Receipt
from recoup.mail.emails.refund_issued.email import RefundIssued
from recoup.mail.emails.subscription_canceled.email import SubscriptionCanceled
from recoup.mail.emails.subscription_paused.email import SubscriptionPaused
from recoup.mail.emails.subscription_resumed.email import SubscriptionResumed
from recoup.mail.emails.trial_ended.email import TrialEnded
from recoup.mail.emails.trial_ending.email import TrialEnding
from recoup.mail.emails.upgrade_withdrawn.email import UpgradeWithdrawn

_TYPES: Final[tuple[type[Email], ...]] = (
    Receipt, PaymentFailed, PaymentActionRequired, PaymentRecovered,
    InvoiceFinalized, InvoicePaid, InvoicePaymentFailed, RefundIssued, BadDebtPaid,
    TrialEnding, TrialEnded, SubscriptionCanceled, SubscriptionPaused, SubscriptionResumed,
    ActivationExpired, UpgradeWithdrawn, CouponApplied, CardExpiringSoon, FreshLink,
    DunningReminder, DunningActionRequired, DunningRestrictionNotice, DunningFinalNotice,
    AccessRestricted, AccessRestored,
)  # fmt: skip

EMAILS: Final[Mapping[str, type[Email]]] = {str(email.folder): email for email in _TYPES}

#: Those that a policy's campaign may send: the mails about a debt.
NOTICES: Final = frozenset(name for name in EMAILS if name.startswith("dunning_"))
