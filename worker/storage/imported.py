"""Members, subscriptions, usage and references: what imports write and the batch reads.

Each has a row per version (versions.py): what counts now is read.
"""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import date, datetime
from typing import Any

import sqlalchemy
from sqlalchemy import RowMapping, Select, bindparam
from sqlmodel import Session, SQLModel, select

from worker.billing.comparison import PreviousAmount
from worker.billing.consumption import PopulationRecord, SourceRow, UnitRecord, UsageRecord
from worker.billing.members import (
    Address,
    BillingReferences,
    Contact,
    Member,
    MemberNature,
    Nature,
    Subscription,
)
from worker.billing.period import Month
from worker.billing.quantity import in_parts, parts_of
from worker.billing.settlement import Payment
from worker.billing.tariff import NO_TIER
from worker.billing.title import Title
from worker.storage import versions
from worker.storage.source_files import place
from worker.storage.tables import (
    MemberRow,
    as_written,
    named_as,
    whole_number,
)
from worker.storage.versions import Changes, Versions

Place = tuple[int, int]
"""The id of a file, and a row of it."""


def known_sirets(session: Session) -> frozenset[str]:
    """Every member."""
    return frozenset(session.exec(select(MemberRow.siret)))


Imported = (
    Member
    | MemberNature
    | Contact
    | Subscription
    | UsageRecord
    | BillingReferences
    | PreviousAmount
    | Payment
    | Title
    | UnitRecord
    | PopulationRecord
)


def put_members(session: Session, members: Sequence[tuple[Member, Place]], at: datetime) -> Changes:
    """Add members or bring them up to date."""
    new = {member.siret for member, _ in members} - known_sirets(session)
    if new:
        sirets = [{"siret": siret} for siret in sorted(new)]
        session.connection().execute(sqlalchemy.insert(_MEMBER), sirets)
    return _put(session, versions.MEMBERS, members, at)


def changed_natures(
    session: Session, natures: Sequence[tuple[MemberNature, Place]]
) -> tuple[tuple[MemberNature, Place], ...]:
    """Those that are not what is known; a member without any is public."""
    rows = versions.current_rows(session, versions.NATURES, {one.siret for one, _ in natures})
    known = {row["siret"]: row["nature"] for row in rows.values()}
    return tuple(
        (one, place)
        for one, place in natures
        if one.nature.value != known.get(one.siret, Nature.PUBLIC.value)
    )


def put_natures(
    session: Session, natures: Sequence[tuple[MemberNature, Place]], at: datetime
) -> Changes:
    """Set the natures of members that exist."""
    return _put(session, versions.NATURES, natures, at)


def put_contacts(
    session: Session, contacts: Sequence[tuple[Contact, Place | None]], at: datetime
) -> Changes:
    """Set the contacts of members; those without place were given by a person."""
    changes = _put(session, versions.CONTACTS, contacts, at)
    if contacts:
        named = [{"of": contact.siret, "at": at} for contact, _ in contacts]
        session.connection().execute(_USE_CONTACT, named)
    return changes


def use_contact(session: Session, siret: str, at: datetime) -> None:
    """Note that the contact of a member is used: its age counts from then on."""
    session.execute(_USE_CONTACT, {"of": siret, "at": at})


def put_subscriptions(
    session: Session, subscriptions: Sequence[tuple[Subscription, Place]], at: datetime
) -> Changes:
    """Add subscriptions, or bring their ends and categories up to date."""
    return _put(session, versions.SUBSCRIPTIONS, subscriptions, at)


def put_references(
    session: Session,
    references: Sequence[tuple[BillingReferences, Place | None]],
    at: datetime,
) -> Changes:
    """Set the references of members for years; those without place were given by a person."""
    return _put(session, versions.REFERENCES, references, at)


def put_previous(
    session: Session, amounts: Sequence[tuple[PreviousAmount, Place]], at: datetime
) -> Changes:
    """Set the amounts of a year that another program billed."""
    return _put(session, versions.PREVIOUS, amounts, at)


def put_units(session: Session, units: Sequence[tuple[UnitRecord, Place]], at: datetime) -> Changes:
    """Add dated units, or bring their quantities up to date."""
    return _put(session, versions.UNITS, units, at)


def put_population(
    session: Session, population: Sequence[tuple[PopulationRecord, Place]], at: datetime
) -> Changes:
    """Set the inhabitants of members for years."""
    return _put(session, versions.POPULATION, population, at)


def _put(
    session: Session,
    kind: Versions,
    records: Sequence[tuple[Imported, Place | None]],
    at: datetime,
) -> Changes:
    placed = []
    for record, read_at in records:
        file_id, row = read_at or (None, None)
        placed.append(columns_of(record) | {"file_id": file_id, "row": row})
        if isinstance(record, Contact):
            placed[-1] |= {"salt": "", "used_at": at}
    return versions.put(session, kind, placed, at)


def columns_of(record: Imported) -> dict[str, Any]:
    """What is stored of a record, by column, without where it was read."""
    values = asdict(record)
    for apart in ("source", "file"):
        values.pop(apart, None)
    match record:
        case Member():
            values |= values.pop("address")
        case MemberNature():
            values["nature"] = record.nature.value
        case Subscription():
            values["tier"] = record.tier or NO_TIER
        case UsageRecord():
            month = record.month
            values |= {"tier": record.tier or NO_TIER, "year": month.year, "month": month.number}
        case Payment():
            values = {"paid_on": record.on, "amount_cents": record.amount.cents}
            values["reference"] = record.reference
        case Title():
            del values["invoice"]
        case UnitRecord():
            del values["quantity"]
            values["ten_thousandths"] = parts_of(record.quantity)
        case Contact() | BillingReferences() | PreviousAmount() | PopulationRecord():
            pass
    return values


_CONTACT = SQLModel.metadata.tables["contact"]
_USE_CONTACT = (
    sqlalchemy.update(_CONTACT)
    .where(_CONTACT.columns["siret"] == bindparam("of"), versions.CONTACTS.current())
    .values(used_at=bindparam("at"))
)
_MEMBER = SQLModel.metadata.tables["member"]
_FILE = SQLModel.metadata.tables["source_file"]
_USAGE = versions.USAGE.table


def _current(kind: Versions, query: Select[Any], *key: str) -> Select[Any]:
    """The rows of a query under a key that count now."""
    return query.where(
        kind.current(), *(kind.table.columns[name] == bindparam(name) for name in key)
    )


def _columns(kind: Versions, value: type[Any]) -> Select[Any]:
    return sqlalchemy.select(*named_as(kind.table.columns, value))


# Plain rows: all are read twice for each invoice of a batch.
_MEMBERS = _current(versions.MEMBERS, sqlalchemy.select(versions.MEMBERS.table), "siret")
_NATURES = _current(
    versions.NATURES, sqlalchemy.select(versions.NATURES.table.columns["nature"]), "siret"
)
_SUBSCRIPTIONS = _current(
    versions.SUBSCRIPTIONS,
    _columns(versions.SUBSCRIPTIONS, Subscription).order_by(
        versions.SUBSCRIPTIONS.table.columns["id"]
    ),
    "siret",
)
_REFERENCES = _current(
    versions.REFERENCES, _columns(versions.REFERENCES, BillingReferences), "siret", "year"
)
_USED = _current(
    versions.USAGE,
    sqlalchemy.select(
        *(_USAGE.columns[name] for name in ("service", "tier", "month", "users", "row")),
        *(_FILE.columns[name] for name in ("sha256", "name", "sheet")),
    )
    .where(versions.USAGE.of_file())
    .order_by(_USAGE.columns["id"]),
    "siret",
    "year",
)

_UNITS_TABLE = versions.UNITS.table
_UNITS = _current(
    versions.UNITS,
    sqlalchemy.select(
        *(_UNITS_TABLE.columns[name] for name in ("service", "day", "ten_thousandths")),
        *(_UNITS_TABLE.columns[name] for name in ("reference", "row")),
        *(_FILE.columns[name] for name in ("sha256", "name", "sheet")),
    )
    .where(versions.UNITS.of_file())
    .where(_UNITS_TABLE.columns["day"].between(bindparam("first"), bindparam("last")))
    .order_by(_UNITS_TABLE.columns["id"]),
    "siret",
)
_POPULATION = _current(
    versions.POPULATION,
    sqlalchemy.select(
        *(versions.POPULATION.table.columns[name] for name in ("inhabitants", "row")),
        _FILE.columns["sha256"],
    ).where(versions.POPULATION.of_file()),
    "siret",
    "year",
)


def member(session: Session, siret: str) -> Member:
    """A member that exists."""
    with as_written(f"le membre {siret} (table member_version)"):
        return read_member(session.execute(_MEMBERS, {"siret": siret}).mappings().one())


def nature_of(session: Session, siret: str) -> Nature:
    """What a member is; public unless a file said otherwise."""
    with as_written(f"la nature de {siret} (table member_nature)"):
        found = session.execute(_NATURES, {"siret": siret}).scalar_one_or_none()
        return Nature.PUBLIC if found is None else Nature(found)


def subscriptions_of(session: Session, siret: str) -> tuple[Subscription, ...]:
    """All subscriptions of a member."""
    with as_written(f"un abonnement de {siret} (table subscription)"):
        rows = session.execute(_SUBSCRIPTIONS, {"siret": siret}).mappings()
        return tuple(
            Subscription(
                **{
                    **row,
                    "tier": _tier(row["tier"]),
                    "category": whole_number(row["category"]),
                }
            )
            for row in rows
        )


def usage_of(session: Session, siret: str, year: int) -> tuple[UsageRecord, ...]:
    """The current usage rows of a member and year."""
    with as_written(f"un usage de {siret} en {year} (table usage_record)"):
        return tuple(
            UsageRecord(
                siret=siret,
                service=row["service"],
                tier=_tier(row["tier"]),
                month=Month(year, row["month"]),
                users=whole_number(row["users"]),
                source=SourceRow(file_sha256=row["sha256"], row=row["row"]),
                file=place(row["name"], row["sheet"]),
            )
            for row in session.execute(_USED, {"siret": siret, "year": year}).mappings()
        )


def units_of(session: Session, siret: str, year: int) -> tuple[UnitRecord, ...]:
    """The current dated units of a member and year."""
    key = {"siret": siret, "first": date(year, 1, 1), "last": date(year, 12, 31)}
    with as_written(f"une unité de {siret} en {year} (table unit_use)"):
        return tuple(
            UnitRecord(
                siret=siret,
                service=row["service"],
                day=row["day"],
                quantity=in_parts(whole_number(row["ten_thousandths"])),
                reference=row["reference"],
                source=SourceRow(file_sha256=row["sha256"], row=row["row"]),
                file=place(row["name"], row["sheet"]),
            )
            for row in session.execute(_UNITS, key).mappings()
        )


def population_of(session: Session, siret: str, year: int) -> PopulationRecord | None:
    """The inhabitants of a member in force in a year, when they are known."""
    with as_written(f"la population de {siret} en {year} (table population)"):
        row = session.execute(_POPULATION, {"siret": siret, "year": year}).mappings().first()
        if row is None:
            return None
        return PopulationRecord(
            siret=siret,
            year=year,
            inhabitants=whole_number(row["inhabitants"]),
            source=SourceRow(file_sha256=row["sha256"], row=row["row"]),
        )


def current_units(session: Session, sirets: set[str]) -> tuple[UnitRecord, ...]:
    """All dated units of these members at least; their source is not read."""
    rows = versions.current_rows(session, versions.UNITS, sirets).values()
    return tuple(
        UnitRecord(
            siret=row["siret"],
            service=row["service"],
            day=row["day"],
            quantity=in_parts(row["ten_thousandths"]),
            reference=row["reference"],
            source=SourceRow(file_sha256="", row=row["row"]),
        )
        for row in rows
    )


def current_population(session: Session, sirets: set[str]) -> tuple[PopulationRecord, ...]:
    """The inhabitants of these members at least; their source is not read."""
    rows = versions.current_rows(session, versions.POPULATION, sirets).values()
    return tuple(
        PopulationRecord(
            siret=row["siret"],
            year=row["year"],
            inhabitants=row["inhabitants"],
            source=SourceRow(file_sha256="", row=row["row"]),
        )
        for row in rows
    )


def current_subscriptions(session: Session, sirets: set[str]) -> tuple[Subscription, ...]:
    """Every subscription of these members at least."""
    names = [field.name for field in fields(Subscription)]
    rows = versions.current_rows(session, versions.SUBSCRIPTIONS, sirets).values()
    return tuple(
        Subscription(**{name: row[name] for name in names} | {"tier": _tier(row["tier"])})
        for row in rows
    )


def current_references(session: Session, sirets: set[str]) -> tuple[BillingReferences, ...]:
    """All references of these members at least."""
    names = [field.name for field in fields(BillingReferences)]
    rows = versions.current_rows(session, versions.REFERENCES, sirets).values()
    return tuple(BillingReferences(**{name: row[name] for name in names}) for row in rows)


def references_of(session: Session, siret: str, year: int) -> BillingReferences:
    """The references of a member for a year; empty ones when none were given."""
    key = {"siret": siret, "year": year}
    row = session.execute(_REFERENCES, key).mappings().first()
    return BillingReferences(**(key if row is None else row))


def read_member(row: RowMapping) -> Member:
    """A member from its row."""
    values = {field.name: row[field.name] for field in fields(Member) if field.name != "address"}
    address = Address(**{field.name: row[field.name] for field in fields(Address)})
    return Member(**values, address=address)


def _tier(stored: object) -> int | None:
    tier = whole_number(stored)
    return None if tier == NO_TIER else tier
