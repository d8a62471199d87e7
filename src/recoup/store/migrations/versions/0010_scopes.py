"""What the lines of an invoice sold; upgrades that were withdrawn."""

from pathlib import Path

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    op.get_bind().connection.cursor().execute(script)


def downgrade() -> None:
    op.execute("DROP TRIGGER ends_once ON cases")
    op.execute(
        "CREATE TRIGGER ends_once BEFORE UPDATE ON cases FOR EACH ROW "
        "WHEN (OLD.ending IS NOT NULL AND OLD.ending IS DISTINCT FROM NEW.ending) "
        "EXECUTE FUNCTION case_stays_ended()"
    )
    op.execute("DROP INDEX invoices_charged_back")
    op.execute("DROP INDEX invoices_upgrades")
    op.execute("ALTER TABLE subscriptions DROP COLUMN plans, DROP COLUMN upgrades_withdrawn")
    op.execute("ALTER TABLE invoices DROP COLUMN prices, DROP COLUMN withdrawn_at")
