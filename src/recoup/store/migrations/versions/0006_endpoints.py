"""Webhooks out; the statements stand beside this file."""

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    op.get_bind().connection.cursor().execute(script)


def downgrade() -> None:
    op.execute("DROP INDEX effects_posts")
    op.execute("DROP TABLE endpoint_tries")
    op.execute("DROP TABLE endpoint_secrets")
    op.execute("DROP TABLE endpoints")
    # Nobody could deliver them any more, nor close the tasks.
    op.execute("DELETE FROM effects WHERE starts_with(kind, 'post:')")
    op.execute("DELETE FROM tasks WHERE starts_with(key, 'endpoint:')")
