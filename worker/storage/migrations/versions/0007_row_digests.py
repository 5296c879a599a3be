"""Every row that an amount or a proof rests on has its digest, which the journal holds."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

PROVED = {
    "member": ("siret",),
    "tariff_grid": ("version",),
    "number_series": ("series",),
    "portal_document": ("portal_id", "number"),
} | dict.fromkeys(
    (
        *("source_file", "subscription", "usage_record", "billing_reference", "statement"),
        *("hold", "invoice", "document", "validation_report", "deposit_attempt"),
        "portal_observation",
    ),
    ("id",),
)


def upgrade() -> None:
    """Two tables; the rows that are there are noted, for the event of this upgrade to prove."""
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
    listed = "json_array" if op.get_bind().dialect.name == "sqlite" else "jsonb_build_array"
    for table, key in PROVED.items():
        op.execute(
            f"INSERT INTO row_written (table_name, key) SELECT '{table}',"  # noqa: S608 - constants
            f" CAST({listed}({', '.join(key)}) AS TEXT) FROM {table}"
        )
