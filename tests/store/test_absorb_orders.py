"""
Any order of the same events ends in the same rows.

All 720 orders of a flow run side by side in one database, each with objects of its own: step k
takes in the k-th event of every order, so each order is taken in one by one.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from itertools import permutations

import pytest
from sqlalchemy import text

from recoup.processors.stripe.reader import read
from recoup.testing import events
from recoup.testing.events import NEW_YEAR, NEWEST, OLDEST
from recoup.webhooks.receive import ingest

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SECOND = NEW_YEAR + 3600

#: Everything about the mirrored rows but what depends on when they were made.
ROWS = {
    "customers": """
        SELECT c.processor_id, email, country, default_method, metadata, deleted, created_at,
               data, seen_rank, seen_at, seen_tie, seen_event, s.standing, s.run_state
        FROM customers c JOIN standings s ON s.customer_id = c.id""",
    "payment_methods": """
        SELECT c.processor_id, m.processor_id, kind, instrument, exp_year, detached, changed_at,
               m.seen_rank, m.seen_at, m.seen_tie, m.seen_event
        FROM payment_methods m JOIN customers c ON c.id = m.customer_id""",
    "subscriptions": """
        SELECT c.processor_id, s.processor_id, status, plan, prices, period_end, ended_at,
               end_reason, items, next_items, s.metadata, anchor, feedback, pause_behavior,
               resumes_at, coupon, promotion_code, s.seen_rank, s.seen_at, s.seen_tie, s.seen_event
        FROM subscriptions s JOIN customers c ON c.id = s.customer_id""",
    "invoices": """
        SELECT c.processor_id, s.processor_id, i.processor_id, i.status, amount_due, amount_paid,
               amount_remaining, tries, i.closed_at, first_failed_at, disputed, out_of_band,
               description, tax, credited, charged_back, resolved_as,
               i.seen_rank, i.seen_at, i.seen_tie, i.seen_event
        FROM invoices i JOIN customers c ON c.id = i.customer_id
        LEFT JOIN subscriptions s ON s.id = i.subscription_id""",
    "attempts": """
        SELECT c.processor_id, i.processor_id, a.processor_id, payment_intent, ordinal, origin,
               state, amount, method, instrument, brand, off_session, happened_at, ended_at,
               decline_code, a.seen_rank, a.seen_at, a.seen_tie, a.seen_event
        FROM attempts a JOIN customers c ON c.id = a.customer_id
        JOIN invoices i ON i.id = a.invoice_id""",
    "payment_links": "SELECT payment_intent, invoice FROM payment_links",
    "refunds": """
        SELECT a.processor_id, r.processor_id, r.amount, status, r.happened_at, reason,
               r.seen_rank, r.seen_at, r.seen_tie, r.seen_event
        FROM refunds r JOIN attempts a ON a.id = r.attempt_id""",
    "disputes": """
        SELECT a.processor_id, d.processor_id, d.amount, open, lost, d.happened_at, d.seen_rank,
               d.seen_at, d.seen_tie, d.seen_event
        FROM disputes d JOIN attempts a ON a.id = d.attempt_id""",
    "coupons": """
        SELECT processor_id, name, percent_off, amount_off, currency, redemptions, prices, deleted,
               seen_rank, seen_at, seen_tie, seen_event
        FROM coupons""",
    "promotion_codes": """
        SELECT k.processor_id, p.processor_id, c.processor_id, p.code, p.active, p.redemptions,
               p.first_time, p.seen_rank, p.seen_at, p.seen_tie, p.seen_event
        FROM promotion_codes p JOIN coupons k ON k.id = p.coupon_id
        LEFT JOIN customers c ON c.id = p.customer_id""",
}


def renewal_that_fails_and_is_paid(n):
    """The failure is told twice, by the invoice and, earlier in time, by the charge."""
    cus, sub, inv, pi = f"cus{n}", f"sub{n}", f"in{n}", f"pi{n}"
    owed = events.invoice(inv, cus, subscription=sub, payment_intent=pi, attempt_count=1)
    paid = events.invoice(inv, cus, subscription=sub, payment_intent=pi, status="paid", at=SECOND)
    refused = events.charge(f"ch1{n}", cus, payment_intent=pi, status="failed", at=NEW_YEAR)
    return [
        ("customer.created", events.customer(cus), NEW_YEAR),
        (
            "customer.subscription.updated",
            events.subscription(sub, cus, status="past_due"),
            SECOND,
        ),
        ("charge.failed", refused, NEW_YEAR + 1),
        ("invoice.payment_failed", owed, NEW_YEAR + 2),
        ("charge.succeeded", events.charge(f"ch2{n}", cus, payment_intent=pi, at=SECOND), SECOND),
        ("invoice.paid", paid, SECOND),
    ]


def signup_within_one_second(n):
    """Old shapes; every event has the same second, so only the tie tells them apart."""
    cus, sub, inv = f"cus{n}", f"sub{n}", f"in{n}"
    old = {"version": OLDEST}
    billed = {"subscription": sub, "payment_intent": f"pi{n}", **old}
    first = {"billing_reason": "subscription_create"}
    paid = events.invoice(inv, cus, status="paid", at=SECOND, **billed, **first)
    charged = events.charge(f"ch{n}", cus, invoice=inv, payment_intent=f"pi{n}", at=SECOND, **old)
    return [
        ("customer.created", events.customer(cus), SECOND),
        (
            "customer.subscription.created",
            events.subscription(sub, cus, status="incomplete", **old),
            SECOND,
        ),
        ("invoice.finalized", events.invoice(inv, cus, **billed, **first), SECOND),
        ("charge.succeeded", charged, SECOND),
        ("invoice.paid", paid, SECOND),
        ("customer.subscription.updated", events.subscription(sub, cus, **old), SECOND),
    ]


def payment_that_is_disputed_and_refunded(n):
    """New shapes: only the invoice's payment says whose the charge is."""
    cus, inv, pi, ch = f"cus{n}", f"in{n}", f"pi{n}", f"ch{n}"
    return [
        ("customer.created", events.customer(cus), NEW_YEAR),
        ("invoice.finalized", events.invoice(inv, cus, billing_reason="manual"), NEW_YEAR),
        ("invoice_payment.paid", events.invoice_payment(f"ip{n}", inv, pi), SECOND),
        ("charge.succeeded", events.charge(ch, cus, payment_intent=pi), SECOND),
        ("charge.dispute.created", events.dispute(f"dp{n}", ch), SECOND + 1),
        ("refund.created", events.refund(f"re{n}", ch), SECOND + 2),
    ]


def card_that_comes_and_goes(n):
    cus, pm = f"cus{n}", f"pm{n}"
    renewed = events.payment_method(pm, cus)
    renewed["card"]["exp_year"] = 2035
    return [
        ("customer.created", events.customer(cus), NEW_YEAR),
        ("payment_method.attached", events.payment_method(pm, cus), NEW_YEAR),
        ("payment_method.automatically_updated", renewed, SECOND),
        ("customer.updated", events.customer(cus, name="Grace"), SECOND),
        ("payment_method.detached", events.payment_method(pm, None), SECOND + 1),
        ("customer.deleted", events.customer(cus), SECOND + 2),
    ]


def debit_that_bounces_before_the_next_succeeds(n):
    """Two charges of one invoice are under way in turn; only one may ever be seen so."""
    cus, inv = f"cus{n}", f"in{n}"

    def charge(name, status, at):
        link = {"invoice": inv, "payment_intent": f"pi{n}", "version": OLDEST}
        return events.charge(f"{name}{n}", cus, status=status, at=at, **link)

    return [
        ("customer.created", events.customer(cus), NEW_YEAR),
        ("invoice.finalized", events.invoice(inv, cus), NEW_YEAR),
        ("charge.pending", charge("cha", "pending", NEW_YEAR), NEW_YEAR),
        ("charge.failed", charge("cha", "failed", NEW_YEAR), SECOND),
        ("charge.pending", charge("chb", "pending", SECOND), SECOND),
        ("charge.succeeded", charge("chb", "succeeded", SECOND), SECOND + 9),
    ]


def subscription_that_is_changed_paused_and_ended(n):
    """Every change has another say in what is bought, for how much, and how it is collected."""
    cus, sub = f"cus{n}", f"sub{n}"
    item = events.subscription(sub, cus)["items"]["data"][0]
    two = {"object": "list", "data": [item | {"quantity": 7}, item | {"id": f"si2{n}"}]}
    discount = {"id": f"di{n}", "coupon": {"id": "ten"}, "promotion_code": "promo_1"}
    pause = {"pause_collection": {"behavior": "void", "resumes_at": SECOND + 99}}
    gone = {"cancellation_details": {"reason": "payment_failed", "feedback": "unused"}}
    asked = {"items": two, "metadata": {"seats": "7"}, "billing_cycle_anchor": NEW_YEAR}
    updated = "customer.subscription.updated"
    return [
        ("customer.created", events.customer(cus), NEW_YEAR),
        ("customer.subscription.created", events.subscription(sub, cus), NEW_YEAR),
        (updated, events.subscription(sub, cus, discounts=[discount], **asked), SECOND),
        (updated, events.subscription(sub, cus, **pause, **asked), SECOND + 1),
        (updated, events.subscription(sub, cus, discounts=[]), SECOND + 2),
        (
            "customer.subscription.deleted",
            events.subscription(sub, cus, status="canceled", discounts=[], **gone),
            SECOND + 3,
        ),
    ]


def payment_that_is_lost_in_a_dispute(n):
    """What was taken back counts once, whenever the invoice, the charge and the loss are told."""
    cus, inv, ch = f"cus{n}", f"in{n}", f"ch{n}"
    old = {"payment_intent": f"pi{n}", "version": OLDEST}
    noted = {"description": "Seats", "tax": 160, "post_payment_credit_notes_amount": 5}
    paid = events.invoice(inv, cus, status="paid", at=SECOND, **old, **noted)
    return [
        ("customer.created", events.customer(cus), NEW_YEAR),
        ("invoice.finalized", events.invoice(inv, cus, **old), NEW_YEAR),
        ("invoice.paid", paid, SECOND),
        ("charge.succeeded", events.charge(ch, cus, invoice=inv, at=SECOND, **old), SECOND),
        ("charge.dispute.created", events.dispute(f"dp{n}", ch, amount=900), SECOND + 1),
        (
            "charge.dispute.closed",
            events.dispute(f"dp{n}", ch, amount=900, status="lost"),
            SECOND + 2,
        ),
    ]


def code_that_is_given_out_again(n):
    """The text is free once its first code is closed; the coupon goes, the codes stay."""
    cus, coupon = f"cus{n}", events.coupon(f"ten{n}")
    whose = {"customer": cus}
    first = events.promotion_code(f"promo1{n}", coupon, f"SPRING{n}", **whose)
    again = events.promotion_code(f"promo2{n}", coupon, f"Spring{n}", **whose)
    return [
        ("customer.created", events.customer(cus), NEW_YEAR),
        ("coupon.created", coupon, NEW_YEAR),
        ("promotion_code.created", first, NEW_YEAR + 1),
        ("promotion_code.updated", first | {"active": False}, SECOND),
        ("promotion_code.created", again, SECOND),
        ("coupon.deleted", coupon | {"name": "Gone"}, SECOND + 1),
    ]


OLD_SHAPES = {signup_within_one_second, payment_that_is_lost_in_a_dispute}
FLOWS = [
    subscription_that_is_changed_paused_and_ended,
    payment_that_is_lost_in_a_dispute,
    code_that_is_given_out_again,
    renewal_that_fails_and_is_paid,
    signup_within_one_second,
    payment_that_is_disputed_and_refunded,
    card_that_comes_and_goes,
    debit_that_bounces_before_the_next_succeeds,
]
ORDERS = list(permutations(range(6)))


def lines_of(flow, n):
    version = OLDEST if flow in OLD_SHAPES else NEWEST
    return [
        events.line(events.event(type, object, id=f"evt{n}.{k}", at=at, version=version))
        for k, (type, object, at) in enumerate(flow(n))
    ]


def take(engine, lines):
    return ingest(
        engine,
        "stripe",
        lines,
        read=read,
        now=NOW,
        on_absorbed=lambda *_: None,
        batch_size=1000,
    )


def states(engine):
    """Return the rows of each order, with its own number taken out of every id."""
    found: dict[str, Counter] = {}
    with engine.connect() as connection:
        for table, sql in ROWS.items():
            for row in connection.execute(text(sql)):
                whole = repr(tuple(row))
                number = whole.split("#")[1]
                told = f"{table}: {whole.replace(f'#{number}#', '')}"
                found.setdefault(number, Counter())[told] += 1
        left = connection.execute(text("SELECT state, reason FROM inbox WHERE state <> 'applied'"))
        assert left.all() == []
    return found


class TestEveryOrderOf:
    @pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.__name__)
    def test_the_same_events_ends_in_the_same_rows(self, engine, flow):
        lines = [lines_of(flow, f"#{n:03}#") for n in range(len(ORDERS))]

        for step in range(6):
            take(engine, [lines[n][order[step]] for n, order in enumerate(ORDERS)])

        ends = states(engine)
        assert len(ends) == 720
        assert all(end == ends["000"] for end in ends.values())

    @pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.__name__)
    def test_the_same_events_in_one_batch_and_twice_ends_in_those_too(self, engine, flow):
        one_by_one = lines_of(flow, "#000#")
        for line in one_by_one:
            take(engine, [line])
        together = lines_of(flow, "#001#")
        take(engine, [*together, *reversed(together)])
        backwards = lines_of(flow, "#002#")
        for line in [*reversed(backwards), *backwards]:
            take(engine, [line])

        ends = states(engine)

        assert ends["001"] == ends["000"]
        assert ends["002"] == ends["000"]

    def test_a_failure_and_its_payment_keeps_the_instant_of_the_failure(self, engine):
        take(engine, lines_of(renewal_that_fails_and_is_paid, "#000#")[::-1])

        with engine.connect() as connection:
            row = connection.execute(
                text(
                    "SELECT status, first_failed_at, extract(epoch FROM first_failed_at) AS s "
                    "FROM invoices"
                )
            ).one()

        assert (row.status, int(row.s)) == ("paid", NEW_YEAR)
