"""Credit notes beside invoices, members held back by a person, warnings of validated documents."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the table; what was issued before is an invoice without rounding."""
    # Written out: Alembic cannot add a column with its constraint on SQLite, which can.
    op.execute(
        "ALTER TABLE invoice ADD COLUMN kind VARCHAR NOT NULL DEFAULT 'invoice' "
        "CONSTRAINT invoice_kind_known CHECK (kind IN ('invoice', 'credit_note'))"
    )
    op.execute("ALTER TABLE invoice ADD COLUMN corrects_id INTEGER REFERENCES invoice (id)")
    op.execute("ALTER TABLE invoice ADD COLUMN rounding_cents INTEGER NOT NULL DEFAULT 0")
    op.create_index("ix_invoice_corrects_id", "invoice", ["corrects_id"], unique=False)
    op.drop_index("invoice_that_counts", "invoice")
    op.create_index(
        "invoice_that_counts",
        "invoice",
        ["siret", "year"],
        unique=True,
        sqlite_where=sa.text("status != 'cancelled' AND kind = 'invoice'"),
        postgresql_where=sa.text("status != 'cancelled' AND kind = 'invoice'"),
    )
    op.execute("ALTER TABLE validation_report ADD COLUMN findings TEXT NOT NULL DEFAULT '[]'")
    op.create_table(
        "hold",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("siret", sa.String(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("placed_at", sa.String(27), nullable=False),
        sa.Column("lifted_at", sa.String(27), nullable=True),
        sa.ForeignKeyConstraint(["siret"], ["member.siret"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "hold_in_force",
        "hold",
        ["siret", "year"],
        unique=True,
        sqlite_where=sa.text("lifted_at IS NULL"),
        postgresql_where=sa.text("lifted_at IS NULL"),
    )
