"""Rollouts, their shadows, and drift that was found."""

from pathlib import Path

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    op.get_bind().connection.cursor().execute(script)


def downgrade() -> None:
    for table in (
        "drift_books",
        "drift_findings",
        "drift_scans",
        "raises",
        "shadows",
        "rollout_moves",
        "rollouts",
    ):
        op.execute(f"DROP TABLE {table}")
    for table in (
        "payment_methods", "cases", "restrictions", "tasks", "gates", "refunds", "disputes",
    ):  # fmt: skip
        op.execute(f"DROP INDEX {table}_everybodys")
