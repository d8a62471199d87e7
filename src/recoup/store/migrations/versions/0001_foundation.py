"""Everything the first release needs; the statements stand beside this file."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "clocks effects inbox ledger_heads ledger_entries decisions runs policies mails tasks holds "
    "restrictions notices disputes refunds attempts payment_links invoices cases subscriptions "
    "payment_methods standings customers settings moves"
)


def upgrade() -> None:
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    # The driver's own cursor: the script has colons and percent signs, and many statements.
    op.get_bind().connection.cursor().execute(script)


def downgrade() -> None:
    for table in TABLES.split():
        op.execute(f"DROP TABLE {table} CASCADE")
    for function in ("ledger_is_append_only", "move_is_legal", "case_stays_ended"):
        op.execute(f"DROP FUNCTION {function}()")
