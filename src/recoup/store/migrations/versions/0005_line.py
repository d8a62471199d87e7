"""What all who ask the processor share; the statements stand beside this file."""

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    op.get_bind().connection.cursor().execute(script)


def downgrade() -> None:
    op.execute(
        "DROP FUNCTION take_turn(text, interval, interval, double precision, interval, integer, "
        "interval)"
    )
    op.execute("DROP TABLE line_silences")
    op.execute("DROP TABLE line_slots")
    op.execute("DROP TABLE line_turns")
