"""Every document that the portal shows of us is kept, and a year may be left unbilled for good."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table for what is known and for what is not; what was kept of the latter goes there."""
    op.create_table(
        "portal_document",
        sa.Column("portal_id", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("gross_cents", sa.BigInteger(), nullable=True),
        sa.Column("issue_date", sa.Date(), nullable=True),
        sa.Column("flux_number", sa.String(), nullable=False),
        sa.Column("lives", sa.Boolean(), nullable=False),
        sa.Column("raw_status", sa.String(), nullable=False),
        sa.Column("standing", sa.String(), nullable=False),
        sa.Column("first_seen_at", sa.String(27), nullable=False),
        sa.Column("seen_at", sa.String(27), nullable=False),
        sa.Column("closed_at", sa.String(27), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("portal_id", "number"),
    )
    op.execute(
        "INSERT INTO portal_document (portal_id, number, recipient, gross_cents, issue_date,"
        " flux_number, lives, raw_status, standing, first_seen_at, seen_at, closed_at, reason)"
        " SELECT portal_id, number, recipient, gross_cents, issue_date, flux_number, true,"
        " raw_status, 'beyond', seen_at, seen_at, closed_at, reason FROM unknown_document"
    )
    op.drop_table("unknown_document")
    op.create_table(
        "portal_inventory",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("read_at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.add_column(
        "hold", sa.Column("never_billed", sa.Boolean(), nullable=False, server_default=sa.false())
    )
