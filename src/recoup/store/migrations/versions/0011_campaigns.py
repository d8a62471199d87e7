"""Campaigns, and who carries them."""

from pathlib import Path

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    op.get_bind().connection.cursor().execute(script)


def downgrade() -> None:
    for table in ("campaign_failures", "tellings", "step_requests"):
        op.execute(f"DROP TABLE {table}")
    op.execute("ALTER TABLE cases DROP COLUMN engine")
    # Nobody could run them any more.
    op.execute("DELETE FROM effects WHERE kind = 'step'")
