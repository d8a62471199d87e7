"""Keys of the API; the statements stand beside this file."""

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    op.get_bind().connection.cursor().execute(script)


def downgrade() -> None:
    op.execute("DROP TABLE api_denials")
    op.execute("DROP TABLE api_keys")
