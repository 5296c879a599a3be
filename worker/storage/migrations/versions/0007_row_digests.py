"""Every row that an amount or a proof rests on has its digest, which the journal holds."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two tables; every row is noted after the upgrade, for its event to prove."""
    exact = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "row_digest",
        sa.Column("table_name", exact, nullable=False),
        sa.Column("key", exact, nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("table_name", "key", "seq"),
    )
    op.create_index("ix_row_digest_seq", "row_digest", ["seq"])
    op.create_table(
        "row_written",
        sa.Column("table_name", exact, nullable=False),
        sa.Column("key", exact, nullable=False),
        sa.PrimaryKeyConstraint("table_name", "key"),
    )
