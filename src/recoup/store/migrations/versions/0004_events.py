"""What a host is told of; the statements stand beside this file."""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    op.get_bind().connection.cursor().execute(script)


def downgrade() -> None:
    op.execute("DROP TABLE host_events")
    op.execute("DROP TABLE host_handlers")
    # Nobody could deliver them any more.
    op.execute("DELETE FROM effects WHERE starts_with(kind, 'tell:')")
