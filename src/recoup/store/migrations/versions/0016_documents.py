"""Documents that were issued, and their contents where the database keeps them."""

from pathlib import Path

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    op.get_bind().connection.cursor().execute(script)


def downgrade() -> None:
    for index in ("refunds_happened", "invoices_closed", "invoices_finalized"):
        op.execute(f"DROP INDEX {index}")
    op.execute("DROP TABLE document_contents")
    op.execute("DROP TABLE documents")
    # Nobody could make them any more.
    op.execute("DELETE FROM effects WHERE kind = 'document'")
    op.execute("DELETE FROM clocks WHERE name = 'documents'")
