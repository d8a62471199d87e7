"""Failed invoices tried again by themselves. When, is `retries`."""

from __future__ import annotations

from recoup.core.states import SubscriptionStatus
from recoup.processors.fake import billing, events, payments
from recoup.processors.fake.billing import retries
from recoup.processors.fake.billing.standing import become, subscription_of
from recoup.processors.fake.model import Invoice
from recoup.processors.fake.world import Session


def retry(s: Session, invoice_id: str) -> None:
    """Try the invoice again, if this is the instant for it, or end its subscription."""
    invoice = s.get(Invoice, invoice_id)
    asked = retries.setting(s)
    if asked is None or not retries.may_retry(s, invoice) or billing.is_processing(s, invoice):
        return
    if invoice.next_try is None:
        if invoice.attempt_count > asked.tries:
            _give_up(s, invoice, asked.ends)
    elif invoice.next_try <= s.now and not billing.held(s, invoice):
        previous = {
            "attempt_count": invoice.attempt_count,
            "next_payment_attempt": invoice.next_try,
        }
        invoice.attempt_count, invoice.next_try = invoice.attempt_count + 1, None
        events.invoice(s, "invoice.updated", s.save(invoice), previous)
        method = billing.method_for(s, invoice)
        if method is None:
            billing.failed(s, invoice)
        else:
            payments.attempt(s, invoice, method, off_session=True, key=None)


def _give_up(s: Session, invoice: Invoice, ending: retries.Ending) -> None:
    sub = subscription_of(s, invoice)
    if sub is None:
        return
    if ending == "cancel":
        billing.end(s, sub, reason="payment_failed", comment=None)
    elif ending == "unpaid":
        become(s, sub, SubscriptionStatus.UNPAID)
