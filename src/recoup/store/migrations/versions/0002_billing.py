"""What the billing context needs; the statements stand beside this file."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COLUMNS = {
    "customers": "data version erased_at",
    "payment_methods": "backup consented_at consented_by",
    "subscriptions": (
        "items next_items metadata anchor feedback pause_behavior resumes_at coupon promotion_code"
    ),
    "invoices": "description tax credited charged_back resolved_as",
    "refunds": "reason",
}

#: Table -> what is told about it to those who keep answers about access.
TOLD = {
    "subscriptions": "began changed ended",
    "restrictions": "began changed ended",
    "cases": "changed",
    "customers": "changed ended",
}


def upgrade() -> None:
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    # The driver's own cursor: the script has colons and percent signs, and many statements.
    op.get_bind().connection.cursor().execute(script)


def downgrade() -> None:
    for table in ("redemptions", "promotion_codes", "coupons", "previews", "commands"):
        op.execute(f"DROP TABLE {table} CASCADE")
    op.execute("DELETE FROM moves WHERE machine = 'commands'")
    op.execute("DROP TRIGGER new_version ON customers")
    for table, triggers in TOLD.items():
        for trigger in triggers.split():
            op.execute(f"DROP TRIGGER access_{trigger} ON {table}")
    op.execute("DROP FUNCTION access_began()")
    op.execute("DROP FUNCTION access_changed()")
    op.execute("DROP FUNCTION customer_has_a_new_version()")
    for table, columns in COLUMNS.items():
        for column in columns.split():
            op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
