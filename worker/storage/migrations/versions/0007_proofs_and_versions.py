"""Rows are proved by the journal, and keep every version; imported files are kept."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

MEMBER = "name, line1, line2, postcode, city, country, vat_number, convention, file_id, row"
SUBSCRIPTION = 'id, siret, service, tier, category, start, "end", file_id, row'


def _current(name: str, table: str, *columns: str) -> None:
    where = sa.text("superseded_at IS NULL")
    op.create_index(name, table, columns, unique=True, sqlite_where=where, postgresql_where=where)


def upgrade() -> None:
    """What there is becomes the current version of each; every row is then noted, to be proved."""
    _digest_rows()
    _keep_files()
    _version_members()
    _version_contacts()
    _version_subscriptions()
    _date_references()
    _superseded("usage_superseded", "usage_record")
    _superseded("reference_superseded", "billing_reference")


def _digest_rows() -> None:
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


def _superseded(name: str, table: str) -> None:
    """A small index, only of the rows that the current one leaves out: issued invoices rest on it."""
    where = sa.text("superseded_at IS NOT NULL")
    op.create_index(name, table, ["siret", "year"], sqlite_where=where, postgresql_where=where)


def _keep_files() -> None:
    for name, blank in {"imported_by": "", "sheet": "", "columns": "{}", "kept_sha256": ""}.items():
        kind = sa.Text() if name == "columns" else sa.String()
        op.add_column(
            "source_file",
            sa.Column(name, kind, nullable=False, server_default=sa.text(f"'{blank}'")),
        )
    op.execute(
        "UPDATE source_file SET imported_by = COALESCE((SELECT MIN(actor) FROM journal_event"
        " WHERE tag = 'file.imported' AND subject = source_file.sha256"
        " AND payload LIKE '%\"kind\":\"' || source_file.kind || '\"%'), '')"
    )


def _version_members() -> None:
    op.create_table(
        "member_version",
        sa.Column("id", sa.Integer(), nullable=False),
        *(
            sa.Column(name, sa.String(), nullable=False)
            for name in ("siret", *MEMBER.split(", ")[:-2])
        ),
        sa.Column("file_id", sa.Integer(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("superseded_at", sa.String(27), nullable=True),
        sa.ForeignKeyConstraint(["file_id"], ["source_file.id"]),
        sa.ForeignKeyConstraint(["siret"], ["member.siret"]),
        sa.PrimaryKeyConstraint("id"),
    )
    _current("member_current", "member_version", "siret")
    op.execute(
        f"INSERT INTO member_version (siret, {MEMBER}) SELECT siret, {MEMBER} FROM member"  # noqa: S608 - constants
        " ORDER BY siret"
    )
    if op.get_bind().dialect.name == "postgresql":
        for name in MEMBER.split(", "):
            op.drop_column("member", name)
        return
    # SQLite drops no column that refers to another table; what refers to this one waits until it
    # is there again.
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.drop_table("member")
    op.create_table(
        "member", sa.Column("siret", sa.String(), nullable=False), sa.PrimaryKeyConstraint("siret")
    )
    op.execute("INSERT INTO member (siret) SELECT siret FROM member_version ORDER BY siret")


def _version_contacts() -> None:
    op.rename_table("contact", "contact_before")
    op.create_table(
        "contact",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("siret", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("file_id", sa.Integer(), nullable=True),
        sa.Column("row", sa.Integer(), nullable=True),
        sa.Column("updated_at", sa.String(27), nullable=False),
        sa.Column("superseded_at", sa.String(27), nullable=True),
        sa.ForeignKeyConstraint(["file_id"], ["source_file.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    _current("contact_current", "contact", "siret")
    op.execute(
        "INSERT INTO contact (siret, name, email, updated_at)"
        " SELECT siret, name, email, updated_at FROM contact_before ORDER BY siret"
    )
    op.drop_table("contact_before")


def _version_subscriptions() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(
            "subscription_siret_service_tier_start_key", "subscription", type_="unique"
        )
        op.add_column("subscription", sa.Column("superseded_at", sa.String(27), nullable=True))
    else:
        op.rename_table("subscription", "subscription_before")
        op.create_table(
            "subscription",
            sa.Column("id", sa.Integer(), nullable=False),
            sa.Column("siret", sa.String(), nullable=False),
            sa.Column("service", sa.String(), nullable=False),
            sa.Column("tier", sa.Integer(), nullable=False),
            sa.Column("category", sa.Integer(), nullable=False),
            sa.Column("start", sa.Date(), nullable=False),
            sa.Column("end", sa.Date(), nullable=True),
            sa.Column("file_id", sa.Integer(), nullable=False),
            sa.Column("row", sa.Integer(), nullable=False),
            sa.Column("superseded_at", sa.String(27), nullable=True),
            sa.ForeignKeyConstraint(["file_id"], ["source_file.id"]),
            sa.ForeignKeyConstraint(["siret"], ["member.siret"]),
            sa.PrimaryKeyConstraint("id"),
        )
        op.execute(
            f"INSERT INTO subscription ({SUBSCRIPTION}) SELECT {SUBSCRIPTION}"  # noqa: S608 - constants
            " FROM subscription_before ORDER BY id"
        )
        op.drop_table("subscription_before")
    _current("subscription_current", "subscription", "siret", "service", "tier", "start")


def _date_references() -> None:
    """Given with their file, or when they replaced others, or with the resend that asked for them."""
    op.add_column(
        "billing_reference",
        sa.Column("given_at", sa.String(27), nullable=False, server_default=sa.text("''")),
    )
    op.execute(
        "UPDATE billing_reference SET given_at = COALESCE("
        "(SELECT imported_at FROM source_file WHERE id = file_id),"
        "(SELECT MAX(before.superseded_at) FROM billing_reference AS before"
        " WHERE before.siret = billing_reference.siret AND before.year = billing_reference.year"
        " AND before.id < billing_reference.id),"
        "(SELECT MIN(at) FROM journal_event JOIN invoice ON number = subject"
        " WHERE tag = 'resend.requested' AND invoice.siret = billing_reference.siret"
        " AND invoice.year = billing_reference.year),"
        "(SELECT MIN(at) FROM journal_event), '2000-01-01T00:00:00.000000Z')"
    )
