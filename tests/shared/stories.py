"""Twelve canonical flows, each played once by the fake, and the six events that end it."""

from __future__ import annotations

import json
import re
from datetime import timedelta

from recoup.core.money import Money
from recoup.processors.fake import NO_FUNDS, START, Declines, FakeProcessor, Pays

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
RENEWAL = START + 31 * DAY
FAILED = RENEWAL + HOUR


class Story:
    """One subscriber of the fake whose renewal meets `payer`, and what was told of it."""

    def __init__(self, payer):
        self.fake = FakeProcessor(":memory:")
        self.customer = self.fake.create_customer(email="ada@example.com", country="DE")
        self.method = self.fake.attach_method(self.customer)
        self.subscription = self.fake.subscribe(
            self.customer, self.fake.create_price(Money(4900, "EUR"))
        )
        self.fake.update_method(self.method, payer=payer)
        (first,) = self.fake.invoices_of(self.subscription)
        self._early = (first.id, first.intent)
        self.fake.advance(FAILED)
        self.invoice = self.fake.invoices_of(self.subscription)[-1].id

    def later(self, **span):
        self.fake.advance(self.fake.now + timedelta(**span))
        return self.fake

    def told(self):
        """Return everything told but what concerns the first payment, as (type, line)."""
        found = []
        for _, body in self.fake.events():
            event = json.loads(body)
            if self._concerns_first(event["data"]["object"]):
                continue
            found.append((event["type"], body))
        return found

    def _concerns_first(self, thing):
        named = {thing["id"], thing.get("payment_intent")}
        return bool(named & set(self._early)) or self._early[1] in json.dumps(
            thing.get("payments") or {}
        )


def failed_then_paid():
    story = Story(Declines(NO_FUNDS))
    fake = story.later(minutes=7)
    fake.update_method(story.method, payer=Pays())
    fake.customer_pays(story.invoice)
    return story, (
        "charge.failed invoice.payment_failed customer.subscription.updated "
        "charge.succeeded invoice.paid customer.subscription.updated"
    )


def failed_retried_paid():
    story = Story(Declines(NO_FUNDS))
    fake = story.later(minutes=3)
    fake.pay_invoice(story.invoice, method=None, key="elsewhere 1")
    fake = story.later(minutes=3)
    fake.update_method(story.method, payer=Pays())
    fake.pay_invoice(story.invoice, method=None, key="elsewhere 2")
    return story, (
        "charge.failed invoice.payment_failed charge.failed invoice.payment_failed "
        "charge.succeeded invoice.paid"
    )


def created_then_voided():
    story = Story(Declines(NO_FUNDS))
    story.later(minutes=5).void(story.invoice)
    return story, (
        "invoice.created invoice.finalized charge.failed invoice.payment_failed "
        "customer.subscription.updated invoice.voided"
    )


def failed_then_canceled():
    story = Story(Declines(NO_FUNDS))
    story.later(minutes=5).cancel_subscription(story.subscription, reason="left", key="k")
    return story, (
        "invoice.finalized invoice.updated charge.failed invoice.payment_failed "
        "customer.subscription.updated customer.subscription.deleted"
    )


def replaced_and_paid():
    story = Story(Declines(NO_FUNDS))
    fresh = story.later(minutes=5).attach_method(story.customer)
    story.later(minutes=2).customer_pays(story.invoice, fresh)
    return story, (
        "charge.failed invoice.payment_failed payment_method.attached customer.updated "
        "charge.succeeded invoice.paid"
    )


def paid_then_refunded():
    story = Story(Declines(NO_FUNDS))
    fake = story.later(minutes=5)
    fake.update_method(story.method, payer=Pays())
    charge = fake.customer_pays(story.invoice).processor_id
    story.later(minutes=4).refund(charge, Money(900, "EUR"))
    return story, (
        "charge.failed invoice.payment_failed charge.succeeded invoice.paid "
        "refund.created charge.refunded"
    )


def disputed_and_lost():
    story = Story(Declines(NO_FUNDS))
    fake = story.later(minutes=5)
    fake.update_method(story.method, payer=Pays())
    charge = fake.customer_pays(story.invoice).processor_id
    dispute = story.later(minutes=3).open_dispute(charge)
    story.later(minutes=3).close_dispute(dispute, won=False)
    return story, (
        "charge.failed invoice.payment_failed charge.succeeded invoice.paid "
        "charge.dispute.created charge.dispute.closed"
    )


def disputed_and_won():
    story = Story(Pays())
    (paid,) = story.fake.charges_of(story.invoice)
    dispute = story.later(minutes=3).open_dispute(paid.id)
    story.later(minutes=3).close_dispute(dispute, won=True)
    return story, (
        "invoice.created invoice.finalized charge.succeeded invoice.paid "
        "charge.dispute.created charge.dispute.closed"
    )


def given_up():
    story = Story(Declines(NO_FUNDS))
    story.later(minutes=5).mark_uncollectible(story.invoice)
    return story, (
        "invoice.finalized charge.failed invoice.payment_failed customer.subscription.updated "
        "invoice.marked_uncollectible customer.subscription.updated"
    )


def paid_elsewhere():
    story = Story(Declines(NO_FUNDS))
    story.later(minutes=5).mark_paid_out_of_band(story.invoice)
    return story, (
        "charge.failed invoice.payment_failed customer.subscription.updated "
        "payment_intent.canceled invoice.paid customer.subscription.updated"
    )


def paid_then_left():
    story = Story(Pays())
    story.later(minutes=5).cancel_at_period_end(story.subscription)
    story.later(days=32)
    return story, (
        "invoice.created invoice.finalized charge.succeeded invoice.paid "
        "customer.subscription.updated customer.subscription.deleted"
    )


def detached_replaced_and_paid():
    story = Story(Declines(NO_FUNDS))
    fake = story.later(minutes=5)
    fake.detach_method(story.method)
    fresh = fake.attach_method(story.customer)
    story.later(minutes=2).customer_pays(story.invoice, fresh)
    return story, (
        "charge.failed invoice.payment_failed payment_method.detached payment_method.attached "
        "charge.succeeded invoice.paid"
    )


FLOWS = (
    failed_then_paid,
    failed_retried_paid,
    created_then_voided,
    failed_then_canceled,
    replaced_and_paid,
    paid_then_refunded,
    disputed_and_lost,
    disputed_and_won,
    given_up,
    paid_elsewhere,
    paid_then_left,
    detached_replaced_and_paid,
)


class Flow:
    """What comes before, the six events that come in any order, what time it is, and who knows."""

    def __init__(self, play):
        story, types = play()
        told = story.told()
        self.six = []
        # The last six of these types; on the way back, because renewals come last.
        wanted = types.split()
        for type, line in reversed(told):
            if type in wanted:
                wanted.remove(type)
                self.six.append(line)
        assert wanted == [], f"{wanted} not among {[type for type, _ in told]}"
        self.six.reverse()
        self.before = [line for _, line in told if line not in self.six]
        self.now = story.fake.now + timedelta(minutes=1)
        self.fake = story.fake


def tagged(line, order, copy=""):
    """Return an event of this order's own; `copy` makes it another event about the same thing."""
    line = line.replace(b"_fake_", b"_o%d_" % order)
    return re.sub(rb'("id":"evt_[^"]*)"', rb"\g<1>%s" % copy.encode() + b'"', line, count=1)
