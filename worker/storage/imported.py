"""Members, subscriptions, usage and references: what imports write and the batch reads.

Each has a row per version (versions.py): what counts now is read.
"""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import date, datetime
from typing import Any

import sqlalchemy
from sqlalchemy import RowMapping, Select, bindparam, or_
from sqlmodel import Session, SQLModel, col, select

from worker.billing.consumption import SourceRow, UsageRecord
from worker.billing.member_year import MemberYear
from worker.billing.members import Address, BillingReferences, Contact, Member, Subscription
from worker.billing.period import Month
from worker.billing.status import InvoiceStatus
from worker.billing.tariff import NO_TIER
from worker.storage import holds, versions
from worker.storage.source_files import place
from worker.storage.tables import (
    InvoiceRow,
    MemberRow,
    SubscriptionRow,
    UsageRow,
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


Imported = Member | Contact | Subscription | UsageRecord | BillingReferences


def put_members(session: Session, members: Sequence[tuple[Member, Place]], at: datetime) -> Changes:
    """Add members or bring them up to date."""
    new = {member.siret for member, _ in members} - known_sirets(session)
    if new:
        sirets = [{"siret": siret} for siret in sorted(new)]
        session.connection().execute(sqlalchemy.insert(_MEMBER), sirets)
    return _put(session, versions.MEMBERS, members, at)


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
    match record:
        case Member():
            values = asdict(record)
            address: dict[str, Any] = values.pop("address")
            return values | address
        case Subscription():
            return asdict(record) | {"tier": record.tier or NO_TIER}
        case UsageRecord():
            return {
                "siret": record.siret,
                "service": record.service,
                "tier": record.tier or NO_TIER,
                "year": record.month.year,
                "month": record.month.number,
                "users": record.users,
            }
        case Contact() | BillingReferences():
            return asdict(record)


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


def members_of_year(session: Session, year: int) -> tuple[Member, ...]:
    """Members with a subscription, any use or a parked invoice in the year, by SIRET."""
    subscribed = select(SubscriptionRow.siret).where(
        col(SubscriptionRow.start) <= date(year, 12, 31),
        or_(col(SubscriptionRow.end).is_(None), col(SubscriptionRow.end) >= date(year, 1, 1)),
        col(SubscriptionRow.superseded_at).is_(None),
    )
    used = select(UsageRow.siret).where(
        UsageRow.year == year, col(UsageRow.superseded_at).is_(None)
    )
    parked = select(InvoiceRow.siret).where(
        InvoiceRow.year == year, InvoiceRow.status == InvoiceStatus.PARKED.value
    )
    table = versions.MEMBERS.table
    siret = table.columns["siret"]
    query = (
        sqlalchemy.select(table)
        .where(or_(*(siret.in_(some) for some in (subscribed, used, parked))))
        .where(versions.MEMBERS.current())
        .order_by(siret)
    )
    return tuple(_member(row) for row in session.execute(query).mappings())


def member(session: Session, siret: str) -> Member:
    """A member that exists."""
    with as_written(f"le membre {siret} (table member_version)"):
        return _member(session.execute(_MEMBERS, {"siret": siret}).mappings().one())


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


def member_year(session: Session, siret: str, year: int) -> MemberYear:
    """All that is known of a member's year, as it is now."""
    return MemberYear(
        member=member(session, siret),
        year=year,
        references=references_of(session, siret, year),
        subscriptions=subscriptions_of(session, siret),
        usage=usage_of(session, siret, year),
        hold=holds.in_force(session, siret, year),
    )


def _member(row: RowMapping) -> Member:
    values = {field.name: row[field.name] for field in fields(Member) if field.name != "address"}
    address = Address(**{field.name: row[field.name] for field in fields(Address)})
    return Member(**values, address=address)


def _tier(stored: object) -> int | None:
    tier = whole_number(stored)
    return None if tier == NO_TIER else tier
