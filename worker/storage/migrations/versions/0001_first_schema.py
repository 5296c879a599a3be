"""The first schema."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TEXT, LONG_TEXT, INTEGER, CENTS, DAY = sa.String, sa.Text, sa.Integer, sa.BigInteger, sa.Date
INSTANT = sa.String(27)


def _columns(kind: Any, *names: str, nullable: bool = False) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=nullable) for name in names]


def upgrade() -> None:
    """Create every table, and forbid any change to the journal."""
    op.create_table(
        "contact",
        *_columns(TEXT, "siret", "name", "email"),
        *_columns(INSTANT, "updated_at"),
        sa.PrimaryKeyConstraint("siret"),
    )
    op.create_table(
        "directory_entry",
        *_columns(TEXT, "siret"),
        *_columns(INSTANT, "fetched_at"),
        *_columns(LONG_TEXT, "payload"),
        sa.PrimaryKeyConstraint("siret"),
    )
    op.create_table(
        "journal_event",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        *_columns(TEXT, "at", "actor", "tag", "subject"),
        *_columns(LONG_TEXT, "payload"),
        *_columns(TEXT, "payload_sha256", "previous", "hash"),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("ix_journal_event_subject", "journal_event", ["subject"], unique=False)
    op.create_table(
        "journal_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        *_columns(INTEGER, "seq"),
        *_columns(TEXT, "hash"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "number_series",
        *_columns(TEXT, "series"),
        *_columns(INTEGER, "last_value"),
        sa.PrimaryKeyConstraint("series"),
    )
    op.create_table(
        "source_file",
        *_columns(INTEGER, "id"),
        *_columns(TEXT, "kind", "name", "sha256"),
        *_columns(CENTS, "size"),
        *_columns(INTEGER, "rows"),
        *_columns(INSTANT, "imported_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "sha256"),
    )
    op.create_index("ix_source_file_sha256", "source_file", ["sha256"], unique=False)
    op.create_table(
        "tariff_grid",
        *_columns(TEXT, "version", "sha256"),
        *_columns(LONG_TEXT, "content"),
        *_columns(INSTANT, "first_used_at"),
        sa.PrimaryKeyConstraint("version"),
    )
    op.create_table(
        "member",
        *_columns(
            TEXT,
            "siret",
            "name",
            "line1",
            "line2",
            "postcode",
            "city",
            "country",
            "vat_number",
            "convention",
        ),
        *_columns(INTEGER, "file_id", "row"),
        sa.ForeignKeyConstraint(["file_id"], ["source_file.id"]),
        sa.PrimaryKeyConstraint("siret"),
    )
    op.create_table(
        "billing_reference",
        *_columns(INTEGER, "id"),
        *_columns(TEXT, "siret"),
        *_columns(INTEGER, "year"),
        *_columns(TEXT, "service_code", "engagement"),
        *_columns(INTEGER, "file_id", "row", nullable=True),
        *_columns(INSTANT, "superseded_at", nullable=True),
        sa.ForeignKeyConstraint(["file_id"], ["source_file.id"]),
        sa.ForeignKeyConstraint(["siret"], ["member.siret"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "reference_current",
        "billing_reference",
        ["siret", "year"],
        unique=True,
        sqlite_where=sa.text("superseded_at IS NULL"),
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.create_table(
        "statement",
        *_columns(INTEGER, "id"),
        *_columns(TEXT, "number", "siret"),
        *_columns(INTEGER, "year"),
        *_columns(CENTS, "total_cents"),
        *_columns(DAY, "issue_date"),
        *_columns(LONG_TEXT, "snapshot"),
        sa.ForeignKeyConstraint(["siret"], ["member.siret"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("number"),
    )
    op.create_table(
        "subscription",
        *_columns(INTEGER, "id"),
        *_columns(TEXT, "siret", "service"),
        *_columns(INTEGER, "tier", "category"),
        *_columns(DAY, "start"),
        *_columns(DAY, "end", nullable=True),
        *_columns(INTEGER, "file_id", "row"),
        sa.ForeignKeyConstraint(["file_id"], ["source_file.id"]),
        sa.ForeignKeyConstraint(["siret"], ["member.siret"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("siret", "service", "tier", "start"),
    )
    op.create_table(
        "usage_record",
        *_columns(INTEGER, "id"),
        *_columns(TEXT, "siret", "service"),
        *_columns(INTEGER, "tier", "year", "month", "users", "file_id", "row"),
        *_columns(INSTANT, "superseded_at", nullable=True),
        sa.CheckConstraint("users >= 0 AND month BETWEEN 1 AND 12", name="usage_sane"),
        sa.ForeignKeyConstraint(["file_id"], ["source_file.id"]),
        sa.ForeignKeyConstraint(["siret"], ["member.siret"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "usage_current",
        "usage_record",
        ["siret", "year", "month", "service", "tier"],
        unique=True,
        sqlite_where=sa.text("superseded_at IS NULL"),
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.create_table(
        "invoice",
        *_columns(INTEGER, "id"),
        *_columns(TEXT, "siret", "member_name"),
        *_columns(INTEGER, "year"),
        *_columns(TEXT, "status"),
        *_columns(INSTANT, "status_since"),
        *_columns(CENTS, "total_cents"),
        *_columns(TEXT, "number", nullable=True),
        *_columns(DAY, "issue_date", "due_date", nullable=True),
        *_columns(INTEGER, "statement_id", nullable=True),
        *_columns(LONG_TEXT, "snapshot", nullable=True),
        *_columns(INTEGER, "version"),
        *_columns(LONG_TEXT, "findings"),
        *_columns(TEXT, "flux_number"),
        *_columns(INSTANT, "deposited_at", nullable=True),
        sa.Column("cpp_id", sa.BigInteger(), nullable=True),
        *_columns(TEXT, "portal_status", "detail"),
        *_columns(INSTANT, "next_check_at", nullable=True),
        *_columns(INTEGER, "checks"),
        sa.CheckConstraint(
            "(number IS NULL) = (status IN ('draft', 'parked'))", name="invoice_number_when_issued"
        ),
        sa.CheckConstraint(
            "status IN ('draft', 'parked', 'issued', 'sending', 'unknown', 'deposited', 'refused', 'integrated', 'suspended', 'rejected', 'settled', 'cancelled')",
            name="invoice_status_known",
        ),
        sa.ForeignKeyConstraint(["siret"], ["member.siret"]),
        sa.ForeignKeyConstraint(["statement_id"], ["statement.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("number"),
    )
    op.create_index("invoice_due", "invoice", ["status", "next_check_at"], unique=False)
    op.create_index(
        "invoice_that_counts",
        "invoice",
        ["siret", "year"],
        unique=True,
        sqlite_where=sa.text("status != 'cancelled'"),
        postgresql_where=sa.text("status != 'cancelled'"),
    )
    op.create_index("ix_invoice_year", "invoice", ["year"], unique=False)
    op.create_table(
        "deposit_attempt",
        *_columns(INTEGER, "id", "invoice_id"),
        *_columns(TEXT, "document_sha256", "file_name", "actor"),
        *_columns(INSTANT, "started_at"),
        *_columns(INSTANT, "answered_at", "closed_at", nullable=True),
        *_columns(TEXT, "outcome", "flux_number"),
        *_columns(INTEGER, "http_status", nullable=True),
        *_columns(TEXT, "detail"),
        *_columns(LONG_TEXT, "raw"),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_deposit_attempt_invoice_id", "deposit_attempt", ["invoice_id"], unique=False
    )
    op.create_index(
        "one_open_attempt",
        "deposit_attempt",
        ["invoice_id"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "document",
        *_columns(INTEGER, "id", "invoice_id", "version"),
        *_columns(TEXT, "kind", "profile", "media_type", "sha256"),
        *_columns(INTEGER, "size"),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("invoice_id", "version", "kind"),
    )
    op.create_index("ix_document_invoice_id", "document", ["invoice_id"], unique=False)
    op.create_index("ix_document_sha256", "document", ["sha256"], unique=False)
    op.create_table(
        "portal_observation",
        *_columns(INTEGER, "id", "invoice_id"),
        *_columns(TEXT, "source", "raw_status", "portal_at", "comment"),
        *_columns(INSTANT, "observed_at"),
        *_columns(LONG_TEXT, "raw"),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("invoice_id", "source", "raw_status", "portal_at"),
    )
    op.create_index(
        "ix_portal_observation_invoice_id", "portal_observation", ["invoice_id"], unique=False
    )
    op.create_table(
        "validation_report",
        *_columns(INTEGER, "id", "document_id"),
        *_columns(TEXT, "rule_set", "rule_version", "rule_sha256"),
        sa.Column("valid", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_validation_report_document_id", "validation_report", ["document_id"], unique=False
    )
    op.execute(
        "INSERT INTO journal_head (id, seq, hash) VALUES (1, 0, "
        "'0000000000000000000000000000000000000000000000000000000000000000')"
    )
    if op.get_bind().dialect.name == "sqlite":
        for action in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER journal_event_no_{action.lower()} BEFORE {action} "
                "ON journal_event BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
            )
    else:
        op.execute(
            "CREATE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the journal is append-only'; END $$"
        )
        op.execute(
            "CREATE TRIGGER journal_event_no_change BEFORE UPDATE OR DELETE OR TRUNCATE "
            "ON journal_event FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only()"
        )
