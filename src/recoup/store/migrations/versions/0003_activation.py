"""What payment-gated activation needs; the statements stand beside this file."""

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

COLUMNS = {
    "subscriptions": "processor_status activated_at",
    "invoices": "gate_id",
    "attempts": "unowed_at",
}
INDEXES = ("payment_links_invoice", "invoices_subscription")
RESOLVED = (
    "'written_off', 'voided', 'credited', 'forgiven', 'paid_out_of_band', 'superseded', "
    "'nothing_due'"
)


def upgrade() -> None:
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    # The driver's own cursor: the script has colons and percent signs, and many statements.
    op.get_bind().connection.cursor().execute(script)


def downgrade() -> None:
    for table in ("late_payments", "gates"):
        op.execute(f"DROP TABLE {table} CASCADE")
    op.execute("DELETE FROM moves WHERE machine IN ('gates', 'late_payments')")
    # A closed invoice was never owed; what older versions know that is like it is a void one.
    op.execute("ALTER TABLE invoices DISABLE TRIGGER legal_move")
    op.execute("UPDATE invoices SET status = 'void' WHERE status = 'closed'")
    op.execute("ALTER TABLE invoices ENABLE TRIGGER legal_move")
    op.execute("DELETE FROM moves WHERE machine = 'invoices' AND target = 'closed'")
    op.execute("UPDATE invoices SET resolved_as = 'voided' WHERE resolved_as = 'closed'")
    op.execute("ALTER TABLE invoices DROP CONSTRAINT invoices_resolved_as_check")
    op.execute(
        "ALTER TABLE invoices ADD CONSTRAINT invoices_resolved_as_check "
        f"CHECK (resolved_as IN ({RESOLVED}))"
    )
    op.execute("DROP INDEX effects_due")
    op.execute("CREATE INDEX effects_due ON effects (queue, due_at, id) WHERE state = 'scheduled'")
    for index in INDEXES:
        op.execute(f"DROP INDEX {index}")
    for table, columns in COLUMNS.items():
        for column in columns.split():
            op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
