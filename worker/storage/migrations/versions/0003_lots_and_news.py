"""Lots of several invoices, evidence beside what the portal said, and how far news were read."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the table; what was deposited before went alone."""
    op.execute("ALTER TABLE deposit_attempt ADD COLUMN lot_sha256 VARCHAR NOT NULL DEFAULT ''")
    op.execute("ALTER TABLE portal_observation ADD COLUMN evidence VARCHAR NOT NULL DEFAULT ''")
    op.create_table(
        "portal_news",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("read_until", sa.String(27), nullable=False),
        sa.Column("read_whole_at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    # What is at the buyer's is no longer asked about one by one: only what was put off is.
    op.execute(
        "UPDATE invoice SET next_check_at = NULL "
        "WHERE status IN ('integrated', 'suspended', 'rejected')"
    )
