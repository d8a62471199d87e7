"""
The tables, as the code sees them: names and types of columns.

Constraints, indexes and triggers live in the migrations; a test compares the two.
"""

from recoup.store.tables.access import holds, restrictions, tasks
from recoup.store.tables.attempts import attempts, disputes, late_payments, payment_links, refunds
from recoup.store.tables.commands import commands, previews
from recoup.store.tables.coupons import coupons, promotion_codes, redemptions
from recoup.store.tables.customers import customers, payment_methods, standings
from recoup.store.tables.inbox import inbox
from recoup.store.tables.invoices import document_contents, documents, invoices
from recoup.store.tables.ledger import (
    host_events,
    host_handlers,
    ledger_entries,
    ledger_heads,
)
from recoup.store.tables.metadata import metadata, settings
from recoup.store.tables.runs import decisions, journeys, policies, runs, travellers
from recoup.store.tables.standing import (
    cases,
    debts,
    mails,
    notices,
    step_requests,
    tellings,
)
from recoup.store.tables.subscriptions import gates, subscriptions

__all__ = [
    "attempts", "cases", "commands", "coupons", "customers", "debts", "decisions", "disputes",
    "document_contents", "documents",
    "gates", "holds", "host_events", "host_handlers", "inbox", "invoices", "journeys",
    "late_payments", "ledger_entries", "ledger_heads", "mails", "metadata", "notices",
    "payment_links", "payment_methods", "policies", "previews", "promotion_codes",
    "redemptions", "refunds", "restrictions", "runs", "settings", "standings", "step_requests",
    "subscriptions", "tasks", "tellings", "travellers"
]  # fmt: skip
