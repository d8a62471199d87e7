"""Every type of mail, by the name that callers, notices and policies use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from recoup.mail.base import Email
from recoup.mail.emails.activation_expired.email import ActivationExpired
from recoup.mail.emails.dunning_action_required.email import DunningActionRequired
from recoup.mail.emails.dunning_final_notice.email import DunningFinalNotice
from recoup.mail.emails.dunning_reminder.email import DunningReminder
from recoup.mail.emails.dunning_restriction_notice.email import DunningRestrictionNotice
from recoup.mail.emails.receipt.email import Receipt
from recoup.mail.emails.refund_issued.email import RefundIssued
from recoup.mail.letter import Letter

EMAILS: Final[Mapping[str, type[Email]]] = {
    "dunning_reminder": DunningReminder,
    "dunning_action_required": DunningActionRequired,
    "dunning_restriction_notice": DunningRestrictionNotice,
    "dunning_final_notice": DunningFinalNotice,
    "activation_expired": ActivationExpired,
    "receipt": Receipt,
    "refund_issued": RefundIssued,
}

#: Those that a policy's campaign may send: the mails about a debt.
NOTICES: Final = frozenset(name for name, email in EMAILS.items() if issubclass(email, Letter))
