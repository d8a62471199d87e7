"""Mails on their way: taken by a server, bounced later, or not to be sent at all."""

from pathlib import Path

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    op.get_bind().connection.cursor().execute(script)


def downgrade() -> None:
    op.execute("DROP INDEX payment_methods_expiry")
    op.execute("DROP INDEX subscriptions_trials")
    op.execute("DROP TABLE mail_posts")
    op.execute("DROP TABLE suppressions")
    op.execute("DROP INDEX customers_email")
    op.execute("DROP INDEX mails_message_id")
    for column in ("doubts", "soft_bounces", "accepted_at"):
        op.execute(f"ALTER TABLE mails DROP COLUMN {column}")
    # What a provider said of a mail, nobody could understand any more.
    op.execute("DELETE FROM effects WHERE kind = 'hear_of_mail'")
