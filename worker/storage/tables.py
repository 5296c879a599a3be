"""The tables. Nothing here leaves storage/: other rooms see the domain's own values.

Conventions: amounts in whole cents; instants as UTC text that sorts (``UtcText``); states by
their value, never by their Python name; superseded rows stay, for the auditor. A column bears the
name of the field that it holds, so that ``named_as`` reads the value back.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import MultipleResultsFound, NoResultFound
from sqlmodel import Field, Session, SQLModel

from worker.billing.status import InvoiceKind, InvoiceStatus, Trouble
from worker.errors import VERIFY_AND_COMPARE, IntegrityError, UnreadableRecord

KINDS = ", ".join(f"'{kind.value}'" for kind in InvoiceKind)
STATUSES = ", ".join(f"'{status.value}'" for status in InvoiceStatus)


_NOT_AS_WRITTEN = (
    ValueError,
    TypeError,
    LookupError,
    NoResultFound,
    MultipleResultsFound,
    UnreadableRecord,
)


@contextmanager
def as_written(what: str, *, whole: bool = False) -> Iterator[None]:
    """Reading what the program wrote; raises UnreadableRecord when it is not that any more.

    Args:
        what: is read, a part of a French sentence.
        whole: without it nothing can be decided about any invoice: IntegrityError instead.
    """
    try:
        yield
    except _NOT_AS_WRITTEN as error:
        raise (IntegrityError if whole else UnreadableRecord)(
            f"Dans la base, {what} ne se lit plus : ce n'est pas ce que le programme a écrit.",
            VERIFY_AND_COMPARE,
        ) from error


def utc_text(instant: datetime) -> str:
    """An instant as ``2026-01-05T02:00:00.000000Z``: exact, sortable, as_written.

    Raises ValueError when it is naive: it would be a local time of unknown zone.
    """
    if instant.tzinfo is None:
        raise ValueError("a naive instant cannot be stored")
    return f"{instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


class UtcText(TypeDecorator[datetime]):
    """An aware instant, stored as ``utc_text``."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """To text that sorts; refuses naive instants."""
        del dialect
        return None if value is None else utc_text(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """Back to an aware instant. Raises UnreadableRecord when it is none."""
        del dialect
        with as_written(f"l'instant « {value} »"):
            return None if value is None else datetime.fromisoformat(value)


def whole_number(value: object) -> int:
    """A column of whole numbers, in which SQLite keeps whatever it is given. Raises TypeError."""
    if type(value) is not int:
        raise TypeError(f"{value!r} is no whole number")
    return value


def year_number(value: object) -> int:
    """A column of years. Raises TypeError, and ValueError for a year of no calendar."""
    year = whole_number(value)
    if not date.min.year <= year <= date.max.year:
        raise ValueError(f"{year} is no year")
    return year


def replace_row(session: Session, row: SQLModel) -> None:
    """Write a row in the place of the one that has its key, which is not read."""
    table = SQLModel.metadata.tables[str(type(row).__tablename__)]
    keys = [column == getattr(row, column.name) for column in table.primary_key]
    session.execute(sqlalchemy.delete(table).where(*keys))
    session.execute(sqlalchemy.insert(table), row.model_dump())


def named_as(columns: Iterable[Column[Any]], value: type[Any]) -> list[Column[Any]]:
    """The columns that bear the names of a value's fields, to be selected for it."""
    names = {field.name for field in fields(value)}
    return [column for column in columns if column.name in names]


def _instant(*, nullable: bool = False) -> Any:
    return Field(default=None if nullable else ..., sa_column=Column(UtcText(), nullable=nullable))


def _long_text(*, nullable: bool = False) -> Any:
    return Field(default=None if nullable else ..., sa_column=Column(Text(), nullable=nullable))


def _exact_text() -> Any:
    """Sorted by its bytes on every database."""
    return Text().with_variant(Text(collation="C"), "postgresql")


def _unique_where(condition: str, name: str, *columns: str) -> Index:
    where = text(condition)
    return Index(name, *columns, unique=True, sqlite_where=where, postgresql_where=where)


def _superseded(name: str, *columns: str) -> Index:
    """Of the rows that an issued invoice may rest on, and that do not count now."""
    where = text("superseded_at IS NOT NULL")
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


class Numbered(SQLModel):
    """A table whose rows are numbered as they are added."""

    id: int | None = Field(default=None, primary_key=True)


def number_added(session: Session, row: Numbered) -> int:
    """Add a row; the number that the database gives it."""
    session.add(row)
    session.flush()
    if row.id is None:
        raise RuntimeError("the database gave no id")
    return row.id


class SourceFileRow(Numbered, table=True):
    """A sheet of an imported file: evidence of where every record comes from."""

    __tablename__ = "source_file"
    __table_args__ = (UniqueConstraint("kind", "sha256", "sheet"),)
    kind: str
    name: str
    sha256: str = Field(index=True)
    size: int = Field(sa_type=BigInteger)
    rows: int
    imported_at: datetime = _instant()
    imported_by: str = ""
    sheet: str = ""
    """Of a workbook: the one that was read."""
    columns: str = Field(default="{}", sa_column=Column(Text(), nullable=False))
    """JSON: the position of each column that was read, 1 for the first, by its name."""
    kept_sha256: str = ""
    """The archived piece: the file, or its copy without contacts; empty before these were kept."""


class MemberRow(SQLModel, table=True):
    """A member that was ever imported, to which the other tables refer."""

    __tablename__ = "member"
    siret: str = Field(primary_key=True)


class MemberVersionRow(Numbered, table=True):
    """A member as a file had it. A change supersedes the old row; invoices keep their own copy."""

    __tablename__ = "member_version"
    __table_args__ = (_unique_where("superseded_at IS NULL", "member_current", "siret"),)
    siret: str = Field(foreign_key="member.siret")
    name: str
    line1: str
    line2: str
    postcode: str
    city: str
    country: str
    vat_number: str
    convention: str
    file_id: int = Field(foreign_key="source_file.id")
    row: int
    superseded_at: datetime | None = _instant(nullable=True)


class MemberNatureRow(Numbered, table=True):
    """The nature of a member that a file said to be no public body, or to be one again."""

    __tablename__ = "member_nature"
    __table_args__ = (_unique_where("superseded_at IS NULL", "member_nature_current", "siret"),)
    siret: str = Field(foreign_key="member.siret")
    nature: str
    file_id: int = Field(foreign_key="source_file.id")
    row: int
    superseded_at: datetime | None = _instant(nullable=True)


class ContactRow(Numbered, table=True):
    """The member's contact, former ones too: personal data, apart from everything else (C11).

    No proof holds a digest of it: all of it may be erased.
    """

    __tablename__ = "contact"
    __table_args__ = (_unique_where("superseded_at IS NULL", "contact_current", "siret"),)
    siret: str
    name: str
    email: str
    file_id: int | None = Field(default=None, foreign_key="source_file.id")
    row: int | None = None
    updated_at: datetime = _instant()
    superseded_at: datetime | None = _instant(nullable=True)
    salt: str = ""
    """What the hash of its address is made with, once a message was written to it."""
    used_at: datetime = _instant()
    """When a file named it last, or a message was written to it."""


class ErasedContactRow(Numbered, table=True):
    """What recognises a name or an address that was erased, when an older file brings it again.

    A salted hash alone. It goes when a person gives that contact again.
    """

    __tablename__ = "erased_contact"
    siret: str = Field(index=True)
    salt: str
    sha256: str
    erased_at: datetime = _instant()


class SubscriptionRow(Numbered, table=True):
    """A subscribed service. A change supersedes the old row, which stays.

    ``tier`` 0 means a service without tiers.
    """

    __tablename__ = "subscription"
    __table_args__ = (
        _unique_where(
            "superseded_at IS NULL", "subscription_current", "siret", "service", "tier", "start"
        ),
    )
    siret: str = Field(foreign_key="member.siret")
    service: str
    tier: int
    category: int
    start: date
    end: date | None = None
    file_id: int = Field(foreign_key="source_file.id")
    row: int
    superseded_at: datetime | None = _instant(nullable=True)


class UsageRow(Numbered, table=True):
    """Users of a month. A corrected figure supersedes the old row, which stays."""

    __tablename__ = "usage_record"
    __table_args__ = (
        _unique_where(
            "superseded_at IS NULL", "usage_current", "siret", "year", "month", "service", "tier"
        ),
        _superseded("usage_superseded", "siret", "year"),
        CheckConstraint("users >= 0 AND month BETWEEN 1 AND 12", name="usage_sane"),
    )
    siret: str = Field(foreign_key="member.siret")
    service: str
    tier: int
    year: int
    month: int
    users: int
    file_id: int = Field(foreign_key="source_file.id")
    row: int
    superseded_at: datetime | None = _instant(nullable=True)


class BillingReferenceRow(Numbered, table=True):
    """Code service and engagement of a member for a year of service."""

    __tablename__ = "billing_reference"
    __table_args__ = (
        _unique_where("superseded_at IS NULL", "reference_current", "siret", "year"),
        _superseded("reference_superseded", "siret", "year"),
    )
    siret: str = Field(foreign_key="member.siret")
    year: int
    service_code: str
    engagement: str
    file_id: int | None = Field(default=None, foreign_key="source_file.id")
    """Empty when a person gave them with ``resend``."""
    row: int | None = None
    given_at: datetime = _instant()
    superseded_at: datetime | None = _instant(nullable=True)


class TariffGridRow(SQLModel, table=True):
    """A grid that priced at least one invoice: its content, frozen."""

    __tablename__ = "tariff_grid"
    version: str = Field(primary_key=True)
    sha256: str
    content: str = _long_text()
    first_used_at: datetime = _instant()


class NumberSeriesRow(SQLModel, table=True):
    """The last number given in a series; the row is locked by the transaction that takes one."""

    __tablename__ = "number_series"
    series: str = Field(primary_key=True)
    last_value: int


class StatementRow(Numbered, table=True):
    """An issued statement, as canonical JSON of the domain's Statement."""

    __tablename__ = "statement"
    number: str = Field(unique=True)
    siret: str = Field(foreign_key="member.siret")
    year: int
    total_cents: int = Field(sa_type=BigInteger)
    issue_date: date
    snapshot: str = _long_text()


class HoldRow(Numbered, table=True):
    """A member held back for a year, by a person or by a credit note, until a person lifts it."""

    __tablename__ = "hold"
    __table_args__ = (_unique_where("lifted_at IS NULL", "hold_in_force", "siret", "year"),)
    siret: str = Field(foreign_key="member.siret")
    year: int
    reason: str
    placed_at: datetime = _instant()
    lifted_at: datetime | None = _instant(nullable=True)
    never_billed: bool = False
    """A person said that this year is not billed to it: nothing waits for anyone."""


class InvoiceRow(Numbered, table=True):
    """One invoice of a member and year, or a credit note: where it stands, its frozen content."""

    __tablename__ = "invoice"
    __table_args__ = (
        CheckConstraint(f"status IN ({STATUSES})", name="invoice_status_known"),
        CheckConstraint(f"kind IN ({KINDS})", name="invoice_kind_known"),
        CheckConstraint(
            "(number IS NULL) = (status IN ('draft', 'parked'))", name="invoice_number_when_issued"
        ),
        _unique_where(
            "status != 'cancelled' AND kind = 'invoice'", "invoice_that_counts", "siret", "year"
        ),
        Index("invoice_due", "status", "next_check_at"),
    )
    siret: str = Field(foreign_key="member.siret")
    member_name: str
    year: int = Field(index=True)
    status: str
    status_since: datetime = _instant()
    total_cents: int = Field(sa_type=BigInteger)
    number: str | None = Field(default=None, unique=True)
    issue_date: date | None = None
    due_date: date | None = None
    statement_id: int | None = Field(default=None, foreign_key="statement.id")
    snapshot: str | None = _long_text(nullable=True)
    version: int = 0
    """Of the documents: 1 at issue, one more for each correction after a refusal."""
    findings: str = _long_text()
    """JSON list: why it is parked, or what a person should know."""
    flux_number: str = ""
    deposited_at: datetime | None = _instant(nullable=True)
    cpp_id: int | None = Field(default=None, sa_type=BigInteger)
    portal_status: str = ""
    """The portal's own word, last seen."""
    detail: str = ""
    """What the portal, or a person, last said of it in their own words: a refusal, a comment."""
    next_check_at: datetime | None = _instant(nullable=True)
    checks: int = 0
    kind: str = InvoiceKind.INVOICE.value
    corrects_id: int | None = Field(default=None, foreign_key="invoice.id", index=True)
    """Of a credit note: its invoice."""
    rounding_cents: int = 0
    """BT-114."""
    trouble: str = Trouble.NONE.value


class DocumentRow(Numbered, table=True):
    """A frozen file of an invoice; its bytes are in the archive under its SHA-256."""

    __tablename__ = "document"
    __table_args__ = (UniqueConstraint("invoice_id", "version", "kind"),)
    invoice_id: int = Field(foreign_key="invoice.id", index=True)
    version: int
    kind: str
    profile: str
    media_type: str
    sha256: str = Field(index=True)
    size: int


class ValidationReportRow(Numbered, table=True):
    """Which rules a document passed, in which version."""

    __tablename__ = "validation_report"
    document_id: int = Field(foreign_key="document.id", index=True)
    rule_set: str
    rule_version: str
    rule_sha256: str
    valid: bool
    findings: str = Field(default="[]", sa_column=Column(Text(), nullable=False))
    """JSON list: the warnings of a document that passed."""


class DepositAttemptRow(Numbered, table=True):
    """One deposit call: its intent is written before, its answer after. Open until both are."""

    __tablename__ = "deposit_attempt"
    __table_args__ = (_unique_where("closed_at IS NULL", "one_open_attempt", "invoice_id"),)
    invoice_id: int = Field(foreign_key="invoice.id", index=True)
    document_sha256: str
    lot_sha256: str = ""
    """The archived file of several invoices that this one went in; empty when it went alone."""
    file_name: str
    actor: str
    started_at: datetime = _instant()
    answered_at: datetime | None = _instant(nullable=True)
    closed_at: datetime | None = _instant(nullable=True)
    """When its outcome is certain: an unknown attempt stays open until reconciled."""
    outcome: str = ""
    flux_number: str = ""
    http_status: int | None = None
    detail: str = ""
    raw: str = Field(default="", sa_column=Column(Text(), nullable=False))


class PortalObservationRow(Numbered, table=True):
    """Something the portal said about an invoice. Never a strict automaton: any order is legal."""

    __tablename__ = "portal_observation"
    __table_args__ = (UniqueConstraint("invoice_id", "source", "raw_status", "portal_at"),)
    invoice_id: int = Field(foreign_key="invoice.id", index=True)
    source: str
    """``report``, ``search`` or ``history``."""
    raw_status: str
    portal_at: str
    comment: str
    evidence: str = ""
    """SHA-256 of an archived file that the portal gave; empty without one."""
    observed_at: datetime = _instant()
    raw: str = Field(default="", sa_column=Column(Text(), nullable=False))


class PortalNewsRow(SQLModel, table=True):
    """How far the portal's news were read. One row."""

    __tablename__ = "portal_news"
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    read_until: datetime = _instant()
    read_whole_at: datetime = _instant()
    """When they were last read from the beginning."""


class PortalDocumentRow(SQLModel, table=True):
    """A document of ours that the portal showed, as it was last seen, known to the books or not."""

    __tablename__ = "portal_document"
    portal_id: str = Field(primary_key=True)
    number: str = Field(primary_key=True)
    """Two documents may be shown under one identifier."""
    recipient: str
    gross_cents: int | None = Field(default=None, sa_type=BigInteger)
    issue_date: date | None = None
    flux_number: str
    lives: bool
    raw_status: str
    standing: str
    first_seen_at: datetime = _instant()
    seen_at: datetime = _instant()
    closed_at: datetime | None = _instant(nullable=True)
    reason: str = ""
    """Why a person closed it; empty while it is open."""


class PortalInventoryRow(SQLModel, table=True):
    """When everything that the portal shows of us was last read. One row."""

    __tablename__ = "portal_inventory"
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    read_at: datetime = _instant()


class CampaignRow(Numbered, table=True):
    """A person's word that a year may be billed, with the figures that were shown."""

    __tablename__ = "campaign"
    __table_args__ = (_unique_where("closed_at IS NULL", "campaign_open", "year"),)
    year: int
    opened_at: datetime = _instant()
    opened_by: str
    reason: str
    ready: int
    """Members that would be billed, or were; then those held, and those to confirm."""
    ready_total_cents: int = Field(sa_type=BigInteger)
    held: int
    held_total_cents: int = Field(sa_type=BigInteger)
    to_confirm: int
    to_confirm_total_cents: int = Field(sa_type=BigInteger)
    total_cents: int = Field(sa_type=BigInteger)
    """Of all members, TTC."""
    previous_cents: int = Field(sa_type=BigInteger)
    """Of the year before, all members."""
    closed_at: datetime | None = _instant(nullable=True)
    closed_by: str = ""
    close_reason: str = ""


class PreviousAmountRow(Numbered, table=True):
    """What a member was billed for a year before this program did it, to compare with."""

    __tablename__ = "previous_amount"
    __table_args__ = (
        _unique_where("superseded_at IS NULL", "previous_amount_current", "siret", "year"),
    )
    siret: str
    """It may be no member any more."""
    year: int
    name: str
    total_cents: int = Field(sa_type=BigInteger)
    file_id: int = Field(foreign_key="source_file.id")
    row: int
    superseded_at: datetime | None = _instant(nullable=True)


class ConfirmationRow(Numbered, table=True):
    """A person's word that an unusual amount is right: for that amount, on these grounds."""

    __tablename__ = "confirmation"
    __table_args__ = (
        _unique_where("withdrawn_at IS NULL", "confirmation_in_force", "siret", "year"),
    )
    siret: str = Field(foreign_key="member.siret")
    year: int
    total_cents: int = Field(sa_type=BigInteger)
    previous_cents: int | None = Field(default=None, sa_type=BigInteger)
    """Of the year before, as it was known then; empty without any."""
    grounds: str = _long_text()
    """JSON list of the codes of the findings that it answers."""
    reason: str
    confirmed_at: datetime = _instant()
    confirmed_by: str
    withdrawn_at: datetime | None = _instant(nullable=True)


class StatementDocumentRow(Numbered, table=True):
    """A file of a statement that no invoice carries: of a member that consumed nothing."""

    __tablename__ = "statement_document"
    __table_args__ = (UniqueConstraint("statement_id", "kind"),)
    statement_id: int = Field(foreign_key="statement.id")
    kind: str
    media_type: str
    sha256: str = Field(index=True)
    size: int


class UnitUseRow(Numbered, table=True):
    """Dated units of a service, such as a day of training. A corrected figure supersedes."""

    __tablename__ = "unit_use"
    __table_args__ = (
        _unique_where(
            "superseded_at IS NULL", "unit_use_current", "siret", "service", "day", "reference"
        ),
        CheckConstraint("ten_thousandths >= 0", name="unit_use_sane"),
    )
    siret: str = Field(foreign_key="member.siret")
    service: str
    day: date
    ten_thousandths: int = Field(sa_type=BigInteger)
    """The quantity times 10,000: an invoice has four decimals at most."""
    reference: str
    file_id: int = Field(foreign_key="source_file.id")
    row: int
    superseded_at: datetime | None = _instant(nullable=True)


class PopulationRow(Numbered, table=True):
    """Inhabitants of a member, as of a year."""

    __tablename__ = "population"
    __table_args__ = (
        _unique_where("superseded_at IS NULL", "population_current", "siret", "year"),
        CheckConstraint("inhabitants >= 0", name="population_sane"),
    )
    siret: str = Field(foreign_key="member.siret")
    year: int
    inhabitants: int
    file_id: int = Field(foreign_key="source_file.id")
    row: int
    superseded_at: datetime | None = _instant(nullable=True)


class SuccessionRow(Numbered, table=True):
    """A member takes the place of another from a day on (a merger)."""

    __tablename__ = "succession"
    __table_args__ = (_unique_where("cancelled_at IS NULL", "succession_in_force", "siret"),)
    siret: str = Field(foreign_key="member.siret")
    """The one that ends."""
    successor: str = Field(foreign_key="member.siret")
    effective_on: date
    reason: str
    recorded_at: datetime = _instant()
    recorded_by: str
    cancelled_at: datetime | None = _instant(nullable=True)


class AcceptanceRow(Numbered, table=True):
    """A person's word that use outside a subscription is not billed: for these figures."""

    __tablename__ = "acceptance"
    __table_args__ = (
        _unique_where("withdrawn_at IS NULL", "acceptance_in_force", "siret", "year"),
    )
    siret: str = Field(foreign_key="member.siret")
    year: int
    rows: str = _long_text()
    """JSON list of the usage that it is about: service, tier, month, users."""
    reason: str
    accepted_at: datetime = _instant()
    accepted_by: str
    withdrawn_at: datetime | None = _instant(nullable=True)


class SentMailRow(Numbered, table=True):
    """A mail to a member's contact: its intent is written before, its outcome after."""

    __tablename__ = "sent_mail"
    __table_args__ = (
        _unique_where("answered_at IS NULL", "mail_under_way", "kind", "siret", "year"),
    )
    kind: str
    siret: str = Field(foreign_key="member.siret")
    year: int
    message_id: str = Field(unique=True)
    address_sha256: str
    attachment_sha256: str = ""
    state: str
    intended_at: datetime = _instant()
    answered_at: datetime | None = _instant(nullable=True)
    detail: str = ""
    """The server's codes; never its words, which may hold the address."""


class TitleRow(Numbered, table=True):
    """The title that the finance software made of an invoice or a credit note."""

    __tablename__ = "title"
    __table_args__ = (
        _unique_where("superseded_at IS NULL", "title_of_invoice", "invoice_id"),
        _unique_where("superseded_at IS NULL", "title_number", "budget_year", "number"),
    )
    invoice_id: int = Field(foreign_key="invoice.id")
    budget_year: int
    """Exercice."""
    slip: str
    """Bordereau."""
    number: str
    issued_on: date | None = None
    file_id: int = Field(foreign_key="source_file.id")
    row: int
    superseded_at: datetime | None = _instant(nullable=True)


class SettlementRow(Numbered, table=True):
    """Money received for an invoice. A wrong one is cancelled, and stays."""

    __tablename__ = "settlement"
    invoice_id: int = Field(foreign_key="invoice.id", index=True)
    paid_on: date
    amount_cents: int = Field(sa_type=BigInteger)
    reference: str = ""
    file_id: int | None = Field(default=None, foreign_key="source_file.id")
    """Empty when a person typed it."""
    row: int | None = None
    recorded_at: datetime = _instant()
    recorded_by: str
    cancelled_at: datetime | None = _instant(nullable=True)
    cancel_reason: str = ""


class DirectoryEntryRow(SQLModel, table=True):
    """What the portal's directory said of a structure, and when."""

    __tablename__ = "directory_entry"
    siret: str = Field(primary_key=True)
    fetched_at: datetime = _instant()
    payload: str = _long_text()


class JournalEventRow(SQLModel, table=True):
    """One event of the journal; triggers forbid any change."""

    __tablename__ = "journal_event"
    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: str
    actor: str
    tag: str
    subject: str = Field(index=True)
    payload: str = _long_text()
    payload_sha256: str
    previous: str
    hash: str


class JournalHeadRow(SQLModel, table=True):
    """Where the chain ends. One row; locking it serialises the writers."""

    __tablename__ = "journal_head"
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    seq: int
    hash: str


class RowDigestRow(SQLModel, table=True):
    """What a transaction left in a row: the digest of its values, empty when it deleted it."""

    __tablename__ = "row_digest"
    table_name: str = Field(sa_column=Column(_exact_text(), primary_key=True))
    key: str = Field(sa_column=Column(_exact_text(), primary_key=True))
    """JSON list of the primary key's values."""
    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False}, index=True)
    """The last event of the transaction, which holds the digest of all these."""
    sha256: str


class WrittenRowRow(SQLModel, table=True):
    """A row written since the transaction began; triggers note it. Empty between two."""

    __tablename__ = "row_written"
    table_name: str = Field(sa_column=Column(_exact_text(), primary_key=True))
    key: str = Field(sa_column=Column(_exact_text(), primary_key=True))
