"""A source file has a row for each of its sheets that was read."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TEXTS = ("kind", "name", "sha256")
LATER = {"imported_by": "''", "sheet": "''", "columns": "'{}'", "kept_sha256": "''"}
ALL = "id, kind, name, sha256, size, rows, imported_at, imported_by, sheet, columns, kept_sha256"


def upgrade() -> None:
    """The same bytes come once for each kind and sheet, no more for each kind."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("source_file_kind_sha256_key", "source_file", type_="unique")
        op.create_unique_constraint(None, "source_file", ["kind", "sha256", "sheet"])
        return
    # SQLite drops no constraint; what refers to this table waits until it is there again.
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.execute("CREATE TEMPORARY TABLE source_file_before AS SELECT * FROM source_file")
    op.drop_table("source_file")
    op.create_table(
        "source_file",
        sa.Column("id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in TEXTS),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("imported_at", sa.String(27), nullable=False),
        *(
            sa.Column(
                name,
                sa.Text() if name == "columns" else sa.String(),
                nullable=False,
                server_default=sa.text(blank),
            )
            for name, blank in LATER.items()
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "sha256", "sheet"),
    )
    op.create_index("ix_source_file_sha256", "source_file", ["sha256"], unique=False)
    op.execute(f"INSERT INTO source_file ({ALL}) SELECT {ALL} FROM source_file_before ORDER BY id")  # noqa: S608 - constants
    op.execute("DROP TABLE source_file_before")
