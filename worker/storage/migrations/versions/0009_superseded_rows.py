"""Rows that were superseded are found by their member and year: issued invoices rest on them."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Small indexes: only of the rows that the current ones leave out."""
    _superseded("usage_superseded", "usage_record")
    _superseded("reference_superseded", "billing_reference")


def _superseded(name: str, table: str) -> None:
    where = sa.text("superseded_at IS NOT NULL")
    op.create_index(name, table, ["siret", "year"], sqlite_where=where, postgresql_where=where)
