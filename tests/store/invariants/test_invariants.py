"""Each stored invariant is quiet over the town and finds the fault that is planted in it."""

# ruff: noqa: E501  a statement is on one line

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from recoup.core.policy import DEFAULT, Choice, Policies, Policy
from recoup.store import batch
from recoup.store.invariants import INVARIANTS, check

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)

CASE = "SELECT id FROM cases WHERE ending IS NULL AND rung = 'limited'"
HELD = "SELECT id FROM restrictions WHERE rung = 'limited' AND lifted_at IS NULL"
TRY = "SELECT id FROM attempts WHERE ordinal = 1 AND state = 'declined' ORDER BY id LIMIT 1"
PAID = "SELECT id FROM attempts WHERE ordinal IS NULL AND state = 'succeeded' ORDER BY id LIMIT 1"
OWING = f"SELECT id FROM invoices WHERE case_id = ({CASE})"
OVER = "SELECT id FROM cases WHERE ending = 'recovered'"
LATE = f"SELECT id FROM attempts WHERE invoice_id IN (SELECT id FROM invoices WHERE case_id = ({OVER})) AND ordinal = 3"
SENT = f"SELECT id FROM notices WHERE case_id = ({CASE}) AND step = 'action_required'"
PAYER = "SELECT customer_id FROM standings s WHERE NOT EXISTS (SELECT FROM cases c WHERE c.customer_id = s.customer_id) LIMIT 1"
OWER = f"SELECT customer_id FROM cases WHERE id = ({CASE})"
OPEN = "SELECT id FROM commands WHERE state = 'recorded'"
DONE = "SELECT id FROM commands WHERE state = 'done'"
LOST = "SELECT id FROM invoices WHERE charged_back > 0"
GIVEN_UP = "SELECT id FROM invoices WHERE status = 'uncollectible'"
BAD_DEBT = "SELECT id, invoice_id FROM debts WHERE exited_at IS NULL"
BACKUP = "SELECT id, customer_id FROM payment_methods WHERE backup = 1"

WAITS = "SELECT id, subscription_id FROM gates WHERE status = 'pending'"
BEGAN = "SELECT id, subscription_id FROM gates WHERE status = 'satisfied'"
DIED = "SELECT id, subscription_id FROM gates WHERE status = 'expired'"
CLOSED = "SELECT id FROM invoices WHERE status = 'closed'"
TOO_LATE = "SELECT id FROM attempts WHERE unowed_at IS NOT NULL"

#: Writes a copy of a row; the constraints that forbid it are taken away first.
COPY = "INSERT INTO {0} SELECT (jsonb_populate_record(t, %s || jsonb_build_object('id', 1000000 + id))).* FROM {0} t WHERE id = {{id}}"


def copy(table: str, changes: str = "{}") -> str:
    return COPY.format(table) % f"'{changes}'"


@dataclass(frozen=True)
class Fault:
    """`done` to the row that `pick` finds is told of by `invariant` about `subject`."""

    invariant: str
    subject: str
    pick: str
    done: str
    drop: str = ""  #: constraints and indexes in its way: "table:name"


FOLLOWED = "WITH a AS (INSERT INTO access_store (name, since) VALUES ('webhook', '2020-01-01'))"
FAULTS = [
    Fault("no_double_charge", "invoice {of}", f"SELECT a.id, a.invoice_id FROM attempts a LEFT JOIN refunds r ON r.attempt_id = a.id WHERE a.id IN ({PAID})", copy("attempts", '{"processor_id": "ch_x"}')),
    Fault("payments_match_invoice", "invoice {of}", f"SELECT id, invoice_id FROM attempts WHERE id IN ({PAID})", "DELETE FROM attempts WHERE id = {id}"),
    Fault("payments_match_invoice", "invoice {of}", f"SELECT id, invoice_id FROM attempts WHERE id IN ({PAID})", "UPDATE invoices SET amount_paid = 0 WHERE id = {of}"),
    Fault("refunds_within_attempt", "attempt {of}", "SELECT id, attempt_id FROM refunds LIMIT 1", "UPDATE refunds SET amount = 1001 WHERE id = {id}"),
    Fault("one_currency", "attempt {id}", TRY, "UPDATE attempts SET currency = 'USD' WHERE id = {id}"),
    Fault("one_currency", "refund {id}", "SELECT id FROM refunds LIMIT 1", "UPDATE refunds SET currency = 'USD' WHERE id = {id}"),
    Fault("one_attempt_open", "invoice {of}", "SELECT id, invoice_id FROM attempts WHERE state = 'intended'", copy("attempts", '{"ordinal": 3, "idempotency_key": "x", "state": "unknown"}'), "attempts_one_open"),
    Fault("attempts_counted", "invoice {of}", "SELECT id, invoice_id FROM attempts WHERE ordinal = 3", "UPDATE attempts SET ordinal = 4 WHERE id = {id}"),
    Fault("asked_before_answered", "attempt {id}", TRY, "UPDATE attempts SET requested_at = NULL WHERE id = {id}"),
    Fault("intended_attempt_runs", "attempt {id}", "SELECT id FROM attempts WHERE state = 'intended'", "DELETE FROM effects WHERE key = 'collect:{id}'"),
    Fault("no_try_after_stop", "attempt {id}", LATE, "UPDATE attempts SET instrument = (SELECT instrument FROM attempts d WHERE d.invoice_id = attempts.invoice_id AND d.decline_code = 'stolen_card') WHERE id = {id}"),
    Fault("within_network_limits", "attempt {id}", TRY, "INSERT INTO attempts (customer_id, invoice_id, origin, state, amount, currency, processor, instrument, brand, off_session, happened_at) SELECT customer_id, invoice_id, 'processor', 'declined', amount, currency, processor, instrument, brand, true, requested_at - n * interval '1 hour' FROM attempts, generate_series(1, 40) n WHERE id = {id}"),
    Fault("one_open_case", "customer {of}", f"SELECT id, customer_id FROM cases WHERE id = ({CASE})", copy("cases"), "cases_one_open"),
    Fault("open_case_is_owed", "case {id}", CASE, "UPDATE invoices SET status = 'paid', amount_remaining = 0 WHERE case_id = {id}"),
    Fault("open_case_is_owed", "case {id}", CASE, "UPDATE invoices SET case_id = NULL WHERE case_id = {id}"),
    Fault("debt_has_case", "invoice {id}", OWING, "UPDATE invoices SET case_id = NULL WHERE id = {id}"),
    Fault("debt_has_case", "invoice {id}", OWING, "UPDATE cases SET ending = 'recovered', ended_at = now() WHERE id = (SELECT case_id FROM invoices WHERE id = {id})"),
    Fault("bad_debt_is_entered", "invoice {of}", BAD_DEBT, "DELETE FROM debts WHERE id = {id}"),
    Fault("bad_debt_is_owed", "debt {id}", BAD_DEBT, "UPDATE invoices SET status = 'void', amount_remaining = 0 WHERE id = {of}"),
    Fault("bad_debt_is_owed", "debt {id}", BAD_DEBT, "UPDATE cases SET settled_at = ended_at WHERE id = (SELECT case_id FROM debts WHERE id = {id})"),
    Fault("paid_debt_brought_money", "debt {id}", "SELECT id FROM debts WHERE exited_as = 'written_off'", "UPDATE debts SET exited_as = 'paid' WHERE id = {id}"),
    Fault("one_end", "case {id}", OVER, "UPDATE cases SET rung = 'soft', rung_since = now() WHERE id = {id}"),
    Fault("one_end", "case {id}", OVER, "INSERT INTO ledger_entries SELECT customer_id, 1000, type, version, subject, body, actor, cause, occurred_at, recorded_at, previous, hash FROM ledger_entries WHERE subject = 'case:{id}' AND body LIKE '%\"ending\":[%'"),
    Fault("case_ends_in_time", "case {id}", CASE, "ALTER TABLE ledger_entries DISABLE TRIGGER ALL; DELETE FROM ledger_entries WHERE subject = 'case:{id}'; UPDATE notices SET placed_at = placed_at - interval '200 d', bounced_at = bounced_at - interval '200 d' WHERE case_id = {id}; UPDATE attempts SET ended_at = ended_at - interval '200 d' WHERE invoice_id IN (SELECT id FROM invoices WHERE case_id = {id}); UPDATE cases SET anchor = anchor - interval '200 d', opened_at = opened_at - interval '200 d', rung_since = rung_since - interval '200 d' WHERE id = {id}"),
    Fault("no_try_after_end", "attempt {id}", LATE, "UPDATE attempts SET happened_at = happened_at + interval '1 s', requested_at = requested_at + interval '1 s' WHERE id = {id}"),
    Fault("no_notice_after_end", "notice {id}", f"SELECT id FROM notices WHERE case_id = ({OVER})", "UPDATE notices SET delivered_at = '2026-03-01' WHERE id = {id}"),
    Fault("no_notice_after_end", "notice {id}", f"SELECT id FROM notices WHERE case_id = ({OVER})", "UPDATE notices SET state = 'scheduled', delivered_at = NULL WHERE id = {id}"),
    Fault("ended_case_restricts_nobody", "restriction {id}", "SELECT id FROM restrictions WHERE lifted_at = timestamptz '2026-03-01 12:00Z' ORDER BY id DESC LIMIT 1", "UPDATE restrictions SET lifted_at = NULL WHERE id = {id}"),
    Fault("customer_has_standing", "customer {id}", PAYER, "DELETE FROM standings WHERE customer_id = {id}"),
    Fault("standing_fits_cases", "customer {id}", OWER, "UPDATE standings SET standing = 'soft' WHERE customer_id = {id}"),
    Fault("standing_fits_cases", "customer {id}", OWER, "UPDATE standings SET standing = 'current' WHERE customer_id = {id}"),
    Fault("standing_is_owed", "customer {id}", PAYER, "UPDATE standings SET standing = 'bad_debt' WHERE customer_id = {id}"),
    Fault("restriction_is_owed", "restriction {id}", HELD, "UPDATE restrictions SET scope = 'invoice:1' WHERE id = {id}"),
    Fault("restriction_is_owed", "restriction {id}", HELD, f"UPDATE invoices SET amount_remaining = 0 WHERE id = ({OWING})"),
    Fault("undone_after_lifted", "restriction {id}", HELD, "UPDATE restrictions SET undone_at = now() WHERE id = {id}"),
    Fault("host_is_told", "customer {id}", OWER, f"{FOLLOWED} INSERT INTO access_versions (customer_id, version, changed_at, behind_since) VALUES ({{id}}, 1, now(), now())"),
    Fault("lifting_ends", "restriction {id}", HELD, f"{FOLLOWED} UPDATE restrictions SET lifted_at = now() + interval '1000 years' WHERE id = {{id}}"),
    Fault("restriction_fits_rung", "restriction {id}", HELD, "UPDATE restrictions SET consequence = 'suspend' WHERE id = {id}"),
    Fault("restricted_once", "customer {of}", f"SELECT id, customer_id FROM restrictions WHERE id = ({HELD})", copy("restrictions"), "restrictions_one"),
    Fault("open_case_wakes", "customer {id}", OWER, "UPDATE standings SET next_wake_at = NULL WHERE customer_id = {id}"),
    Fault("policy_is_known", "case {id}", CASE, "UPDATE cases SET policy = 'gone/7' WHERE id = {id}"),
    Fault("policy_is_known", "case {id}", CASE, "UPDATE cases SET rung = 'limbo' WHERE id = {id}"),
    Fault("announced_before_restricted", "restriction {id}", HELD, "UPDATE restrictions SET since = since - interval '1 us' WHERE id = {id}"),
    Fault("announced_before_restricted", "restriction {id}", HELD, f"UPDATE notices SET bounced_at = delivered_at WHERE case_id = ({CASE})"),
    Fault("announced_before_restricted", "restriction {id}", HELD, f"DELETE FROM notices WHERE case_id = ({CASE}) AND step = 'restriction_notice'"),
    Fault("no_notice_early", "notice {id}", SENT, "UPDATE notices SET delivered_at = due_at - interval '1 us' WHERE id = {id}"),
    Fault("one_notice_per_step", "case {of}", f"SELECT id, case_id FROM notices WHERE id = ({SENT})", copy("notices"), "notices:notices_case_id_anchor_step_key"),
    Fault("notices_in_order", "notice {id}", f"SELECT id FROM notices WHERE case_id = ({CASE}) AND step = 'restriction_notice'", f"UPDATE notices SET delivered_at = '2026-03-01' WHERE id = ({SENT})"),
    Fault("notice_has_mail", "notice {id}", SENT, "DELETE FROM mails WHERE key = 'notice:{id}'"),
    Fault("notice_has_mail", "notice {id}", "SELECT id FROM notices WHERE state = 'scheduled'", "UPDATE effects SET state = 'canceled', reason = 'x', ended_at = now() WHERE key = 'mail:notice:{id}'"),
    Fault("inbox_ends", "inbox {id}", "SELECT id FROM inbox WHERE state = 'received'", "UPDATE inbox SET received_at = received_at - interval '10 min 1 us' WHERE id = {id}"),
    Fault("inbox_ends", "inbox {id}", "SELECT id FROM inbox WHERE state = 'applied'", "UPDATE inbox SET state = 'failed', reason = 'x' WHERE id = {id}"),
    Fault("leases_end", "effect {id}", "SELECT id FROM effects LIMIT 1", "UPDATE effects SET state = 'running', attempt = 1, claim_id = gen_random_uuid(), lease_until = clock_timestamp() - interval '11 min' WHERE id = {id}"),
    Fault("effects_whole", "effect {id}", "SELECT id FROM effects LIMIT 1", "UPDATE effects SET state = 'running', claim_id = gen_random_uuid(), lease_until = clock_timestamp() + interval '1 min' WHERE id = {id}"),
    Fault("effects_whole", "effect {id}", "SELECT id FROM effects LIMIT 1", "UPDATE effects SET state = 'done' WHERE id = {id}", "effects:effects_check2"),
    Fault("one_live_effect", "effect {id}", "SELECT id FROM effects LIMIT 1", copy("effects"), "effects_one_live"),
    Fault("one_mail_per_cause", "mail {id}", "SELECT id FROM mails LIMIT 1", copy("mails"), "mails:mails_key_key"),
    Fault("mail_is_on_its_way", "mail {id}", "SELECT 1000000 + min(id) FROM mails", "INSERT INTO mails (id, key, type, customer_id, args, queued_at) SELECT {id}, 'refund:0', 'refund_issued', min(id), '{}', '2026-01-01' FROM customers"),
    Fault("failed_run_is_retried", "customer {id}", "SELECT customer_id FROM standings WHERE run_state = 'failed'", "UPDATE standings SET next_wake_at = NULL WHERE customer_id = {id}"),
    Fault("command_is_carried_out", "command {id}", OPEN, "DELETE FROM effects WHERE key = 'ask:{id}'"),
    Fault("command_has_outcome", "command {id}", DONE, "UPDATE commands SET result = NULL WHERE id = {id}"),
    Fault("command_has_outcome", "command {id}", DONE, "UPDATE commands SET request = '{}' WHERE id = {id}"),
    Fault("refunds_asked_within_attempt", "attempt {of}", f"SELECT id, substr(subject, 9) FROM commands WHERE id = ({OPEN})", "UPDATE commands SET amount = 601 WHERE id = {id}"),
    Fault("refunds_asked_within_attempt", "attempt {of}", f"SELECT id, substr(subject, 9) FROM commands WHERE id = ({OPEN})", "UPDATE commands SET amount = 1001 WHERE subject = 'payment:{of}' AND state = 'done'"),
    Fault("charged_back_counted", "invoice {id}", LOST, "UPDATE invoices SET charged_back = 599 WHERE id = {id}"),
    Fault("charged_back_counted", "invoice {id}", LOST, "UPDATE disputes SET lost = false WHERE lost"),
    Fault("paid_is_not_resolved", "invoice {id}", GIVEN_UP, "UPDATE invoices SET resolved_as = NULL WHERE id = {id}"),
    Fault("paid_is_not_resolved", "invoice {of}", f"SELECT id, invoice_id FROM attempts WHERE id IN ({PAID})", "UPDATE invoices SET resolved_as = 'credited' WHERE id = {of}"),
    Fault("paid_is_not_resolved", "invoice {of}", f"SELECT id, invoice_id FROM attempts WHERE id IN ({PAID})", "UPDATE invoices SET out_of_band = true WHERE id = {of}"),
    Fault("paid_is_not_resolved", "invoice {id}", OWING, "UPDATE invoices SET resolved_as = 'written_off' WHERE id = {id}"),
    Fault("coupons_counted", "coupon {id}", "SELECT id FROM coupons", "UPDATE coupons SET redemptions = 2"),
    Fault("coupons_counted", "promotion code {id}", "SELECT id FROM promotion_codes", "UPDATE redemptions SET given_back_at = now(), reason = 'x'"),
    Fault("backups_have_places", "customer {of}", BACKUP, "UPDATE payment_methods SET backup = 2 WHERE id = {id}"),
    Fault("backups_have_places", "customer {of}", BACKUP, "UPDATE payment_methods SET detached = true WHERE id = {id}"),
    Fault("nothing_follows_an_end", "subscription {id}", "SELECT min(id) FROM subscriptions", "UPDATE subscriptions SET status = 'canceled', next_items = '[{}]' WHERE id = {id}"),
    Fault("awaited_is_closed", "subscription {of}", WAITS, "UPDATE subscriptions SET status = 'active' WHERE id = {of}"),
    Fault("awaited_is_closed", "subscription {of}", DIED, "UPDATE subscriptions SET status = 'active' WHERE id = {of}"),
    Fault("awaited_is_closed", "subscription {of}", BEGAN, "UPDATE subscriptions SET processor_status = 'past_due' WHERE id = {of}"),
    Fault("gate_is_decided", "gate {id}", WAITS, "UPDATE gates SET evaluated_at = made_at - interval '1 day', expires_at = timestamptz '2026-03-02 10:00Z' - interval '1 us' WHERE id = {id}"),
    Fault("dead_gate_is_owed_nothing", "invoice {id}", CLOSED, "UPDATE invoices SET gate_id = NULL WHERE id = {id}"),
    Fault("dead_gate_is_owed_nothing", "invoice {id}", CLOSED, "UPDATE invoices SET status = 'open', resolved_as = NULL WHERE id = {id}"),
    Fault("dead_gate_is_owed_nothing", "invoice {id}", CLOSED, f"UPDATE invoices SET gate_id = (SELECT id FROM ({BEGAN}) g) WHERE id = {{id}}"),
    Fault("late_money_is_dealt_with", "attempt {id}", TOO_LATE, "DELETE FROM late_payments WHERE attempt_id = {id}"),
    Fault("late_money_is_dealt_with", "attempt {id}", TOO_LATE, "UPDATE refunds SET status = 'failed' WHERE attempt_id = {id}"),
    Fault("late_money_is_dealt_with", "attempt {id}", TOO_LATE, "UPDATE late_payments SET state = 'asked', ended_at = NULL WHERE attempt_id = {id}"),
    Fault("late_money_is_dealt_with", "attempt {id}", TOO_LATE, "UPDATE late_payments SET state = 'stuck', ended_at = NULL WHERE attempt_id = {id}"),
    Fault("started_once", "subscription:{id}", "SELECT min(id) FROM subscriptions", "INSERT INTO ledger_entries SELECT customer_id, n, 'subscription.started', version, subject, body, actor, cause, occurred_at, recorded_at, previous, hash FROM ledger_entries, generate_series(1000, 1001) n WHERE subject = 'subscription:{id}'"),
    Fault("one_owner", "redemption {id}", "SELECT id FROM redemptions LIMIT 1", f"UPDATE redemptions SET customer_id = ({PAYER}) WHERE id = {{id}}"),
    Fault("states_are_known", "attempt {id}", TRY, "UPDATE attempts SET state = 'maybe' WHERE id = {id}"),
    Fault("states_are_known", "subscription {id}", "SELECT min(id) FROM subscriptions", "UPDATE subscriptions SET status = 'zombie' WHERE id = {id}"),
    Fault("one_owner", "attempt {id}", TRY, f"UPDATE attempts SET customer_id = ({PAYER}) WHERE id = {{id}}"),
    Fault("one_owner", "invoice {id}", OWING, f"UPDATE invoices SET customer_id = ({PAYER}) WHERE id = {{id}}"),
    Fault("ledger_is_sound", "customer {id}", OWER, "UPDATE ledger_heads SET seq = seq + 1 WHERE customer_id = {id}"),
    Fault("ledger_tells_rows", "invoice {id}", OWING, "UPDATE invoices SET amount_remaining = 999 WHERE id = {id}"),
    Fault("ledger_tells_rows", "notice {id}", SENT, "UPDATE notices SET delivered_at = delivered_at + interval '1 us' WHERE id = {id}"),
    Fault("ledger_tells_rows", "restriction {id}", HELD, "DELETE FROM restrictions WHERE id = {id}"),
    Fault("ledger_tells_rows", "attempt 1000000", "SELECT 1", "INSERT INTO attempts (id, customer_id, invoice_id, origin, state, amount, currency, processor, off_session, happened_at) SELECT 1000000, customer_id, invoice_id, origin, 'declined', amount, currency, processor, true, happened_at FROM attempts LIMIT 1"),
]  # fmt: skip


def plant(connection, fault: Fault) -> str:
    """Do it; return the subject that must be named."""
    for name in fault.drop.split():
        table, _, constraint = name.partition(":")
        drop = (
            f"ALTER TABLE {table} DROP CONSTRAINT {constraint}"
            if constraint
            else f"DROP INDEX {name}"
        )
        connection.execute(text(drop))
    row = batch.fetch(connection, fault.pick)[0]
    known = {"id": row[0], "of": row[-1]}
    done = fault.done.replace("{id}", str(row[0])).replace("{of}", str(row[-1]))
    batch.driver(connection).execute(done.encode())
    return fault.subject.format(**known)


class TestCheck:
    def test_finds_nothing_in_a_town_without_faults(self, checked):
        verification = checked()

        assert verification.violations == ()
        assert verification.checked == len(INVARIANTS)

    def test_lists_what_waits_for_its_parent(self, checked):
        assert [detail for _, detail in checked().waiting] == ["waits for cus_404"]

    @pytest.mark.parametrize(
        "fault", FAULTS, ids=[f"{i} {f.invariant}" for i, f in enumerate(FAULTS)]
    )
    def test_finds_and_names_a_planted_fault(self, town, checked, fault):
        subject = plant(town.connection, fault)

        found = {(each.invariant, each.subject) for each in checked().violations}

        assert (fault.invariant, subject) in found

    def test_has_a_planted_fault_for_every_invariant(self):
        assert {fault.invariant for fault in FAULTS} == {each.name for each in INVARIANTS}

    def test_reads_everything_as_of_one_instant(self, town_engine):
        with town_engine.connect() as connection:
            check(connection, now=NOW)

            assert connection.scalar(text("SHOW transaction_isolation")) == "repeatable read"

    def test_tells_of_each_invariant_before_it_is_checked(self, town):
        told = []

        check(town.connection, now=NOW, progress=told.append)

        assert told == list(INVARIANTS)


class TestPolicies:
    """A stored policy counts for the cases that follow it, and so does a given one."""

    mild = Policy(
        "mild", 2, DEFAULT.ladder, DEFAULT.steps, min_notice=timedelta(hours=71)
    )  # fmt: skip

    def follow(self, town, name: str) -> None:
        town.connection.execute(text(f"UPDATE cases SET policy = '{name}' WHERE id = ({CASE})"))
        early = f"UPDATE restrictions SET since = since - interval '30 min' WHERE id = ({HELD})"
        town.connection.execute(text(early))

    def names(self, verification) -> set[str]:
        return {each.invariant for each in verification.violations} - {"ledger_tells_rows"}

    def test_that_is_nowhere_is_a_violation(self, town, checked):
        self.follow(town, "mild/2")

        assert "policy_is_known" in self.names(checked())

    def test_that_is_given_says_how_early_a_notice_must_be(self, town):
        self.follow(town, "mild/2")
        policies = Policies((Choice(self.mild),), {DEFAULT.name: DEFAULT})

        assert self.names(check(town.connection, now=NOW, policies=policies)) == set()

    def test_that_is_stored_says_how_early_a_notice_must_be(self, town, checked):
        import msgspec

        body = msgspec.json.encode(self.mild).decode()
        batch.driver(town.connection).execute(
            "INSERT INTO policies VALUES ('mild/2', %s, now())", (body,)
        )
        self.follow(town, "mild/2")

        assert self.names(checked()) == set()


class TestThePage:
    def test_has_a_line_for_every_invariant_and_no_other(self):
        page = (ROOT / "docs/invariants.md").read_text()
        lines = re.findall(r"^- `(\w+)`[^:]*: (.+)$", page, re.MULTILINE)
        stored = [(name, words) for name, words in lines if not name.endswith("_in_books")]

        for each in INVARIANTS:
            assert (each.name, each.sentence) in stored

        books = {"books_agree", "no_lost_charge", "no_invented_charge", "no_charge_without_intent"}
        assert {name for name, _ in stored} == {each.name for each in INVARIANTS} | books
