"""What the tables held when an invoice was issued: of each record, the version of that moment.

The one place that decides it: a row came with the event that took its file in, and ended with the
row that follows it. Columns that a table does not have (``superseded_at``, ``sheet``) are empty.
"""

import json
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Generic, TypeVar

import sqlalchemy
from sqlalchemy import RowMapping, Table, bindparam
from sqlmodel import Session, SQLModel

from worker.billing.consumption import PopulationRecord, SourceRow, UnitRecord, UsageRecord
from worker.billing.journal import EventTag, JournalEvent
from worker.billing.members import Address, BillingReferences, Member, Subscription
from worker.billing.period import Month
from worker.billing.provenance import (
    ImportedFile,
    Moment,
    Origin,
    TakenOverInForce,
    Version,
    YearInForce,
    in_force,
    replaced_since,
)
from worker.billing.quantity import in_parts
from worker.billing.succession import (
    Predecessor,
    Successions,
    months_billed,
    months_elsewhere,
    predecessors,
)
from worker.billing.tariff import NO_TIER
from worker.storage import acceptances, invoices, journal, successions
from worker.storage.tables import as_written

T = TypeVar("T")
Files = Mapping[int, ImportedFile]
"""Every imported file by the id of its row."""
_TABLES = SQLModel.metadata.tables
_ISSUES = frozenset(
    {EventTag.INVOICE_ISSUED, EventTag.INVOICE_CORRECTED, EventTag.CREDIT_NOTE_ISSUED}
)
_FILES = sqlalchemy.text(
    "SELECT f.*, e.seq, e.at, e.actor, e.payload "
    "FROM source_file f LEFT JOIN journal_event e ON e.subject = f.sha256 AND e.tag = :tag"
)


def files(session: Session) -> Files:
    """Every imported file, with the event that took it in."""
    found: dict[int, ImportedFile] = {}
    with as_written("un fichier importé (table source_file)"):
        for row in session.execute(_FILES, {"tag": EventTag.FILE_IMPORTED.value}).mappings():
            # The same bytes may have been taken in as two kinds, or sheet by sheet.
            sheet = row.get("sheet") or ""
            told = {} if row["seq"] is None else json.loads(row["payload"])
            same = told.get("kind") == row["kind"] and told.get("sheet", sheet) == sheet
            if not same and row["id"] in found:
                continue
            found[row["id"]] = ImportedFile(
                kind=row["kind"],
                name=row["name"],
                sha256=row["sha256"],
                imported_at=datetime.fromisoformat(row["imported_at"]),
                taken_in=moment(row["seq"], row["at"], row["actor"]) if same else None,
                sheet=sheet,
            )
    return found


def moment(seq: int, at: str, actor: str) -> Moment:
    """That of an event of the journal, as its row has it."""
    return Moment(seq=seq, at=datetime.fromisoformat(at), actor=actor)


def issue_moments(session: Session, number: str) -> tuple[Moment, Moment]:
    """When an invoice or credit note was issued, and when its last version was.

    Raises:
        IntegrityError: the journal does not know it.
    """
    with as_written(f"l'émission de {number} au journal"):
        told = [
            moment(event.seq, event.at, event.actor)
            for event in journal.events(session, subject=number)
            if event.tag in _ISSUES
        ]
        return told[0], told[-1]


def first_use(session: Session, version: str) -> Moment | None:
    """When a grid first priced an invoice; None when the journal does not tell it."""
    with as_written(f"le premier emploi de la grille {version} au journal"):
        return next(
            (
                moment(event.seq, event.at, event.actor)
                for event in journal.events(session, subject=version)
                if event.tag == EventTag.TARIFF_USED
            ),
            None,
        )


def first_of_chain(session: Session, number: str) -> str:
    """Of a credit note that was made again under other numbers, the first of these.

    Raises:
        IntegrityError: the journal does not tell it.
    """
    seen: list[str] = []
    while number and number not in seen:
        seen.append(number)
        with as_written(f"l'émission de {number} au journal"):
            number = next(
                (
                    json.loads(event.payload)["replaces"]
                    for event in journal.events(session, subject=number)
                    if event.tag == EventTag.CREDIT_NOTE_ISSUED
                ),
                "",
            )
    return seen[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Records(Generic[T]):
    """Records of one table: by which columns they are found and known, and how one is read."""

    table: Table
    within: tuple[str, ...]
    key: tuple[str, ...]
    build: Callable[[RowMapping, Files], T]

    @property
    def query(self) -> sqlalchemy.Executable:
        """Every version. In two halves, each of which has its index."""
        columns = self.table.columns
        rows = sqlalchemy.select(self.table).where(
            *(columns[name] == bindparam(name) for name in self.within)
        )
        if "superseded_at" not in columns:
            return rows
        end = columns["superseded_at"]
        return sqlalchemy.union_all(rows.where(end.is_not(None)), rows.where(end.is_(None)))


def _member(row: RowMapping, _files: Files) -> Member:
    address = Address(**{field.name: row[field.name] for field in fields(Address)})
    names = [field.name for field in fields(Member) if field.name != "address"]
    return Member(**{name: row[name] for name in names}, address=address)


def _subscription(row: RowMapping, _files: Files) -> Subscription:
    values = {field.name: row[field.name] for field in fields(Subscription)}
    return Subscription(**values | {"tier": _tier(row)})


def _usage(row: RowMapping, known: Files) -> UsageRecord:
    return UsageRecord(
        siret=row["siret"],
        service=row["service"],
        tier=_tier(row),
        month=Month(row["year"], row["month"]),
        users=row["users"],
        source=SourceRow(file_sha256=known[row["file_id"]].sha256, row=row["row"]),
    )


def _unit(row: RowMapping, known: Files) -> UnitRecord:
    return UnitRecord(
        siret=row["siret"],
        service=row["service"],
        day=row["day"],
        quantity=in_parts(row["ten_thousandths"]),
        reference=row["reference"],
        source=SourceRow(file_sha256=known[row["file_id"]].sha256, row=row["row"]),
    )


def _population(row: RowMapping, known: Files) -> PopulationRecord:
    return PopulationRecord(
        siret=row["siret"],
        year=row["year"],
        inhabitants=row["inhabitants"],
        source=SourceRow(file_sha256=known[row["file_id"]].sha256, row=row["row"]),
    )


def _references(row: RowMapping, _files: Files) -> BillingReferences:
    return BillingReferences(**{field.name: row[field.name] for field in fields(BillingReferences)})


def _tier(row: RowMapping) -> int | None:
    return None if row["tier"] == NO_TIER else row["tier"]


MEMBERS = _Records(
    table=_TABLES.get("member_version", _TABLES["member"]),
    within=("siret",),
    key=("siret",),
    build=_member,
)
SUBSCRIPTIONS = _Records(
    table=_TABLES["subscription"],
    within=("siret",),
    key=("service", "tier", "start"),
    build=_subscription,
)
USAGE = _Records(
    table=_TABLES["usage_record"],
    within=("siret", "year"),
    key=("service", "tier", "month"),
    build=_usage,
)
REFERENCES = _Records(
    table=_TABLES["billing_reference"],
    within=("siret", "year"),
    key=("siret", "year"),
    build=_references,
)
UNITS = _Records(
    table=_TABLES["unit_use"],
    within=("siret",),
    key=("service", "day", "reference"),
    build=_unit,
)
POPULATION = _Records(
    table=_TABLES["population"],
    within=("siret", "year"),
    key=("siret", "year"),
    build=_population,
)
_QUERIES = {
    records.table.name: records.query
    for records in (MEMBERS, SUBSCRIPTIONS, USAGE, REFERENCES, UNITS, POPULATION)
}
# Made once: each is run for every invoice that is computed again.


def year_in_force(
    session: Session, siret: str, year: int, known: Files, *, issue: Moment, last: Moment
) -> YearInForce:
    """What a member's invoice of a year rested on.

    Args:
        session: to read in.
        siret: of the member.
        year: of the services.
        known: ``files``.
        issue: the moment at which the invoice was issued.
        last: of its last version: a correction after a refusal has other references.

    Raises:
        IntegrityError: a row cannot be read any more.
    """
    successions_then = successions.in_force_at(session, issue.seq)
    read = _Read(session, year, known, issue, last, successions_then)
    return YearInForce(
        siret=siret,
        year=year,
        member=read.member(siret),
        acceptance=acceptances.in_force_at(session, siret, year, issue.seq),
        taken_over=tuple(
            TakenOverInForce(origin=read.predecessor(one), **read.part(one, siret))
            for one in predecessors(siret, successions_then)
            if months_billed(one, siret, year, successions_then)
        ),
        **read.part(siret, siret),
    )


@dataclass(frozen=True, slots=True)
class _Read:
    """Reads what was filed under a SIRET at the issue of an invoice, and at its last version."""

    session: Session
    year: int
    files: Files
    issue: Moment
    last: Moment
    successions: Successions

    def versions(self, records: _Records[T], siret: str, at: Moment) -> list[Version[T]]:
        """Every version of some records."""
        within = {"siret": siret, "year": self.year}
        with as_written(f"une ligne de {siret} (table {records.table.name})"):
            return list(_versions(self.session, records, self.files, at, within))

    def in_force(self, records: _Records[T], siret: str) -> tuple[Version[T], ...]:
        """Those of the issue."""
        return in_force(self.versions(records, siret, self.issue), self.issue)

    def member(self, siret: str) -> Version[Member] | None:
        """A member as it was; None when that version is not kept."""
        return next(iter(self.in_force(MEMBERS, siret)), None)

    def predecessor(self, siret: str) -> Predecessor:
        """A predecessor under the name that it had."""
        found = self.member(siret)
        return Predecessor(siret=siret, name=siret if found is None else found.value.name)

    def part(self, siret: str, to: str) -> dict[str, Any]:
        """The fields of ``PartInForce``; ``to``: the member that was billed."""
        references = in_force(self.versions(REFERENCES, siret, self.last), self.last)
        subscriptions = self.versions(SUBSCRIPTIONS, siret, self.issue)
        units = self.in_force(UNITS, siret)
        return {
            "references": next(iter(references), None),
            "subscriptions": in_force(subscriptions, self.issue),
            "usage": self.in_force(USAGE, siret),
            "replaced": replaced_since(subscriptions),
            "units": tuple(one for one in units if one.value.day.year == self.year),
            "population": next(iter(self.in_force(POPULATION, siret)), None),
            "elsewhere": months_elsewhere(siret, to, self.year, self.successions),
        }


def _versions(
    session: Session,
    records: _Records[T],
    known: Files,
    at: Moment,
    within: Mapping[str, Hashable],
) -> Iterator[Version[T]]:
    asked = {name: within[name] for name in records.within}
    previous_end: datetime | None = None
    found = session.execute(_QUERIES[records.table.name], asked).mappings().all()
    # In the order in which they came.
    for row in sorted(found, key=lambda row: int(row.get("id", 0))):
        file = None if row["file_id"] is None else known[row["file_id"]]
        yield Version(
            value=records.build(row, known),
            key=tuple(row[name] for name in records.key),
            origin=Origin(file=file, row=row["row"]),
            before=(
                _given_before(session, row, at, previous_end)
                if file is None
                else file.came_before(at)
            ),
            superseded_at=row.get("superseded_at"),
        )
        previous_end = row.get("superseded_at")


def _given_before(
    session: Session, row: RowMapping, at: Moment, previous_end: datetime | None
) -> bool:
    """Whether the references that a person gave with ``resend`` came before a moment.

    Their row has no instant of its own. The correction that they came with is in the journal; when
    they were those of the invoice already, the row before ended at that instant.
    """
    given = [row["service_code"], row["engagement"]]
    corrections = [
        event.seq
        for invoice in invoices.of_member(session, row["siret"], row["year"])
        for event in journal.events(session, subject=invoice.number or "-")
        if event.tag == EventTag.INVOICE_CORRECTED and _corrected_to(event) == given
    ]
    if corrections:
        return min(corrections) <= at.seq
    return previous_end is not None and previous_end <= at.at


def _corrected_to(event: JournalEvent) -> list[str]:
    payload = json.loads(event.payload)
    return [payload["service_code"][1], payload["engagement"][1]]
