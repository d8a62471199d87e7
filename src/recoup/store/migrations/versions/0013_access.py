"""What the host has done of what was taken away or given back."""

from pathlib import Path

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    op.get_bind().connection.cursor().execute(script)


def downgrade() -> None:
    op.execute("DROP INDEX restrictions_undoing")
    op.execute("ALTER TABLE restrictions DROP COLUMN undone_at")
    op.execute("DROP TABLE access_versions")
    op.execute("DROP TABLE access_store")
    # Nobody could tell the host any more.
    op.execute("DELETE FROM effects WHERE kind IN ('sync_access', 'restore_access')")
