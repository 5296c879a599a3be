"""What finance decides and keeps: campaigns, confirmations, mails, titles, settlements."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TEXTS = ("kind", "name", "sha256")
LATER = {"imported_by": "''", "sheet": "''", "columns": "'{}'", "kept_sha256": "''"}
ALL = "id, kind, name, sha256, size, rows, imported_at, imported_by, sheet, columns, kept_sha256"


def _in_force(name: str, table: str, condition: str, *columns: str) -> None:
    """A unique index of the rows that count."""
    where = sa.text(condition)
    op.create_index(name, table, columns, unique=True, sqlite_where=where, postgresql_where=where)


def upgrade() -> None:
    """New tables, all empty."""
    _campaigns()
    _catalogue()
    _members()
    _mails()
    _contacts()
    _accounts()
    _sheets()


def _campaigns() -> None:
    op.create_table(
        "campaign",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.String(27), nullable=False),
        sa.Column("opened_by", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("ready", sa.Integer(), nullable=False),
        sa.Column("ready_total_cents", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("held_total_cents", sa.BigInteger(), nullable=False),
        sa.Column("to_confirm", sa.Integer(), nullable=False),
        sa.Column("to_confirm_total_cents", sa.BigInteger(), nullable=False),
        sa.Column("total_cents", sa.BigInteger(), nullable=False),
        sa.Column("previous_cents", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.String(27), nullable=True),
        sa.Column("closed_by", sa.String(), nullable=False),
        sa.Column("close_reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    _in_force("campaign_open", "campaign", "closed_at IS NULL", "year")
    op.create_table(
        "previous_amount",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("siret", sa.String(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("total_cents", sa.BigInteger(), nullable=False),
        sa.Column("file_id", sa.Integer(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("superseded_at", sa.String(27), nullable=True),
        sa.ForeignKeyConstraint(["file_id"], ["source_file.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    _in_force(
        "previous_amount_current", "previous_amount", "superseded_at IS NULL", "siret", "year"
    )
    op.create_table(
        "confirmation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("siret", sa.String(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("total_cents", sa.BigInteger(), nullable=False),
        sa.Column("previous_cents", sa.BigInteger(), nullable=True),
        sa.Column("grounds", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("confirmed_at", sa.String(27), nullable=False),
        sa.Column("confirmed_by", sa.String(), nullable=False),
        sa.Column("withdrawn_at", sa.String(27), nullable=True),
        sa.ForeignKeyConstraint(["siret"], ["member.siret"]),
        sa.PrimaryKeyConstraint("id"),
    )
    _in_force("confirmation_in_force", "confirmation", "withdrawn_at IS NULL", "siret", "year")
    op.create_table(
        "statement_document",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("statement_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["statement_id"], ["statement.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("statement_id", "kind"),
    )
    op.create_index("ix_statement_document_sha256", "statement_document", ["sha256"])


def _catalogue() -> None:
    op.create_table(
        "unit_use",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("siret", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("ten_thousandths", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("file_id", sa.Integer(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("superseded_at", sa.String(27), nullable=True),
        sa.CheckConstraint("ten_thousandths >= 0", name="unit_use_sane"),
        sa.ForeignKeyConstraint(["file_id"], ["source_file.id"]),
        sa.ForeignKeyConstraint(["siret"], ["member.siret"]),
        sa.PrimaryKeyConstraint("id"),
    )
    _in_force(
        "unit_use_current",
        "unit_use",
        "superseded_at IS NULL",
        "siret",
        "service",
        "day",
        "reference",
    )
    op.create_table(
        "population",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("siret", sa.String(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("inhabitants", sa.Integer(), nullable=False),
        sa.Column("file_id", sa.Integer(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("superseded_at", sa.String(27), nullable=True),
        sa.CheckConstraint("inhabitants >= 0", name="population_sane"),
        sa.ForeignKeyConstraint(["file_id"], ["source_file.id"]),
        sa.ForeignKeyConstraint(["siret"], ["member.siret"]),
        sa.PrimaryKeyConstraint("id"),
    )
    _in_force("population_current", "population", "superseded_at IS NULL", "siret", "year")


def _members() -> None:
    op.create_table(
        "member_nature",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("siret", sa.String(), nullable=False),
        sa.Column("nature", sa.String(), nullable=False),
        sa.Column("file_id", sa.Integer(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("superseded_at", sa.String(27), nullable=True),
        sa.ForeignKeyConstraint(["file_id"], ["source_file.id"]),
        sa.ForeignKeyConstraint(["siret"], ["member.siret"]),
        sa.PrimaryKeyConstraint("id"),
    )
    _in_force("member_nature_current", "member_nature", "superseded_at IS NULL", "siret")
    op.create_table(
        "succession",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("siret", sa.String(), nullable=False),
        sa.Column("successor", sa.String(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.String(27), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.Column("cancelled_at", sa.String(27), nullable=True),
        sa.ForeignKeyConstraint(["siret"], ["member.siret"]),
        sa.ForeignKeyConstraint(["successor"], ["member.siret"]),
        sa.PrimaryKeyConstraint("id"),
    )
    _in_force("succession_in_force", "succession", "cancelled_at IS NULL", "siret")
    op.create_table(
        "acceptance",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("siret", sa.String(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("accepted_at", sa.String(27), nullable=False),
        sa.Column("accepted_by", sa.String(), nullable=False),
        sa.Column("withdrawn_at", sa.String(27), nullable=True),
        sa.ForeignKeyConstraint(["siret"], ["member.siret"]),
        sa.PrimaryKeyConstraint("id"),
    )
    _in_force("acceptance_in_force", "acceptance", "withdrawn_at IS NULL", "siret", "year")


def _mails() -> None:
    op.create_table(
        "sent_mail",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("siret", sa.String(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("address_sha256", sa.String(), nullable=False),
        sa.Column("attachment_sha256", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("intended_at", sa.String(27), nullable=False),
        sa.Column("answered_at", sa.String(27), nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["siret"], ["member.siret"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("message_id"),
    )
    _in_force("mail_under_way", "sent_mail", "answered_at IS NULL", "kind", "siret", "year")


def _contacts() -> None:
    """What was superseded was used until then."""
    op.add_column("contact", sa.Column("salt", sa.String(), server_default="", nullable=False))
    op.add_column("contact", sa.Column("used_at", sa.String(27), server_default="", nullable=False))
    op.execute("UPDATE contact SET used_at = coalesce(superseded_at, updated_at)")
    op.create_table(
        "erased_contact",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("siret", sa.String(), nullable=False),
        sa.Column("salt", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("erased_at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_erased_contact_siret", "erased_contact", ["siret"])


def _accounts() -> None:
    op.create_table(
        "title",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("invoice_id", sa.Integer(), nullable=False),
        sa.Column("budget_year", sa.Integer(), nullable=False),
        sa.Column("slip", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=True),
        sa.Column("file_id", sa.Integer(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("superseded_at", sa.String(27), nullable=True),
        sa.ForeignKeyConstraint(["file_id"], ["source_file.id"]),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    _in_force("title_number", "title", "superseded_at IS NULL", "budget_year", "number")
    _in_force("title_of_invoice", "title", "superseded_at IS NULL", "invoice_id")
    op.create_table(
        "settlement",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("invoice_id", sa.Integer(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("file_id", sa.Integer(), nullable=True),
        sa.Column("row", sa.Integer(), nullable=True),
        sa.Column("recorded_at", sa.String(27), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.Column("cancelled_at", sa.String(27), nullable=True),
        sa.Column("cancel_reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["source_file.id"]),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_settlement_invoice_id", "settlement", ["invoice_id"])


def _sheets() -> None:
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
