"""Members, subscriptions, usage and references: what imports write and the batch reads."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy
from sqlalchemy import bindparam, func, or_
from sqlmodel import Session, SQLModel, col, select

from worker.billing.consumption import SourceRow, UsageRecord
from worker.billing.member_year import MemberYear
from worker.billing.members import Address, BillingReferences, Contact, Member, Subscription
from worker.billing.period import Month
from worker.billing.status import InvoiceStatus
from worker.billing.tariff import NO_TIER
from worker.storage import holds
from worker.storage.tables import (
    BillingReferenceRow,
    ContactRow,
    InvoiceRow,
    MemberRow,
    SourceFileRow,
    SubscriptionRow,
    UsageRow,
)

NOT_BILLED = (InvoiceStatus.DRAFT.value, InvoiceStatus.PARKED.value, InvoiceStatus.CANCELLED.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What an import did to the records of its kind."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0


def file_known(session: Session, kind: str, sha256: str) -> bool:
    """Whether these very bytes were already imported as this kind."""
    query = select(SourceFileRow.id).where(
        SourceFileRow.kind == kind, SourceFileRow.sha256 == sha256
    )
    return session.exec(query).first() is not None


def add_file(
    session: Session, *, kind: str, name: str, sha256: str, size: int, at: datetime
) -> int:
    """Record a file and return its id; ``close_file`` writes its row count."""
    row = SourceFileRow(kind=kind, name=name, sha256=sha256, size=size, rows=0, imported_at=at)
    session.add(row)
    session.flush()
    return _id(row.id)


def close_file(session: Session, file_id: int, rows: int) -> None:
    """Write how many records the file held."""
    row = session.get_one(SourceFileRow, file_id)
    row.rows = rows
    session.add(row)


def known_sirets(session: Session) -> frozenset[str]:
    """Every member."""
    return frozenset(session.exec(select(MemberRow.siret)))


def put_member(session: Session, member: Member, file_id: int, row: int) -> Changes:
    """Add a member or bring it up to date."""
    values = _member_values(member)
    stored = session.get(MemberRow, member.siret)
    if stored is not None and all(getattr(stored, key) == value for key, value in values.items()):
        return Changes(unchanged=1)
    session.merge(MemberRow(**values, file_id=file_id, row=row))
    return Changes(added=1) if stored is None else Changes(changed=1)


def put_contact(session: Session, contact: Contact, at: datetime) -> None:
    """Set a member's contact."""
    session.merge(
        ContactRow(siret=contact.siret, name=contact.name, email=contact.email, updated_at=at)
    )


def put_subscription(
    session: Session, subscription: Subscription, file_id: int, row: int
) -> Changes:
    """Add a subscription, or bring its end and category up to date."""
    tier = NO_TIER if subscription.tier is None else subscription.tier
    stored = session.exec(
        select(SubscriptionRow).where(
            SubscriptionRow.siret == subscription.siret,
            SubscriptionRow.service == subscription.service,
            SubscriptionRow.tier == tier,
            SubscriptionRow.start == subscription.start,
        )
    ).first()
    if stored is None:
        session.add(
            SubscriptionRow(
                siret=subscription.siret,
                service=subscription.service,
                tier=tier,
                category=subscription.category,
                start=subscription.start,
                end=subscription.end,
                file_id=file_id,
                row=row,
            )
        )
        return Changes(added=1)
    if (stored.category, stored.end) == (subscription.category, subscription.end):
        return Changes(unchanged=1)
    stored.category, stored.end = subscription.category, subscription.end
    stored.file_id, stored.row = file_id, row
    session.add(stored)
    return Changes(changed=1)


def put_references(
    session: Session,
    references: BillingReferences,
    at: datetime,
    source: tuple[int, int] | None,
) -> Changes:
    """Set a member's references for a year; ``source`` is (file id, row), None from a person."""
    stored = _references_row(session, references.siret, references.year)
    if stored is not None:
        if (stored.service_code, stored.engagement) == (
            references.service_code,
            references.engagement,
        ):
            return Changes(unchanged=1)
        stored.superseded_at = at
        session.add(stored)
        session.flush()
    file_id, row = source or (None, None)
    session.add(
        BillingReferenceRow(
            siret=references.siret,
            year=references.year,
            service_code=references.service_code,
            engagement=references.engagement,
            file_id=file_id,
            row=row,
        )
    )
    return Changes(added=1) if stored is None else Changes(changed=1)


def members_of_year(session: Session, year: int) -> tuple[Member, ...]:
    """Members with a subscription, any use or a parked invoice in the year, by SIRET."""
    subscribed = select(SubscriptionRow.siret).where(
        col(SubscriptionRow.start) <= date(year, 12, 31),
        or_(col(SubscriptionRow.end).is_(None), col(SubscriptionRow.end) >= date(year, 1, 1)),
    )
    used = select(UsageRow.siret).where(
        UsageRow.year == year, col(UsageRow.superseded_at).is_(None)
    )
    parked = select(InvoiceRow.siret).where(
        InvoiceRow.year == year, InvoiceRow.status == InvoiceStatus.PARKED.value
    )
    query = (
        select(MemberRow)
        .where(or_(*(col(MemberRow.siret).in_(some) for some in (subscribed, used, parked))))
        .order_by(col(MemberRow.siret))
    )
    return tuple(_member(row) for row in session.exec(query))


def member(session: Session, siret: str) -> Member:
    """A member that exists."""
    return _member(session.get_one(MemberRow, siret))


_SUBSCRIPTION = SQLModel.metadata.tables["subscription"].columns
_SUBSCRIPTIONS = (
    sqlalchemy.select(
        *(_SUBSCRIPTION[name] for name in ("service", "tier", "category", "start", "end"))
    )
    .where(_SUBSCRIPTION["siret"] == bindparam("siret"))
    .order_by(_SUBSCRIPTION["id"])
)
_USAGE = SQLModel.metadata.tables["usage_record"].columns
_FILE = SQLModel.metadata.tables["source_file"].columns
_USED = (
    sqlalchemy.select(
        *(_USAGE[name] for name in ("service", "tier", "month", "users", "row")), _FILE["sha256"]
    )
    .join_from(_USAGE["id"].table, _FILE["id"].table, _FILE["id"] == _USAGE["file_id"])
    .where(
        _USAGE["siret"] == bindparam("siret"),
        _USAGE["year"] == bindparam("year"),
        _USAGE["superseded_at"].is_(None),
    )
    .order_by(_USAGE["id"])
)
_REFERENCE = SQLModel.metadata.tables["billing_reference"].columns
_REFERENCES = sqlalchemy.select(_REFERENCE["service_code"], _REFERENCE["engagement"]).where(
    _REFERENCE["siret"] == bindparam("siret"),
    _REFERENCE["year"] == bindparam("year"),
    _REFERENCE["superseded_at"].is_(None),
)
# All of these are read twice for each invoice of a batch, hence as plain rows.


def subscriptions_of(session: Session, siret: str) -> tuple[Subscription, ...]:
    """All subscriptions of a member."""
    return tuple(
        Subscription(
            siret=siret, service=service, tier=_tier(tier), category=category, start=start, end=end
        )
        for service, tier, category, start, end in session.execute(_SUBSCRIPTIONS, {"siret": siret})
    )


def usage_of(session: Session, siret: str, year: int) -> tuple[UsageRecord, ...]:
    """The current usage rows of a member and year."""
    return tuple(
        UsageRecord(
            siret=siret,
            service=service,
            tier=_tier(tier),
            month=Month(year, month),
            users=users,
            source=SourceRow(file_sha256=sha256, row=row),
        )
        for service, tier, month, users, row, sha256 in session.execute(
            _USED, {"siret": siret, "year": year}
        )
    )


def references_of(session: Session, siret: str, year: int) -> BillingReferences:
    """The references of a member for a year; empty ones when none were given."""
    row = session.execute(_REFERENCES, {"siret": siret, "year": year}).first()
    service_code, engagement = ("", "") if row is None else row
    return BillingReferences(
        siret=siret, year=year, service_code=service_code, engagement=engagement
    )


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


def counts(session: Session) -> dict[str, int]:
    """How many records of each kind are current, for people."""
    tables: Iterable[tuple[str, type[MemberRow | SubscriptionRow | InvoiceRow]]] = (
        ("members", MemberRow),
        ("subscriptions", SubscriptionRow),
        ("invoices", InvoiceRow),
    )
    found = {
        name: session.exec(select(func.count()).select_from(table)).one() for name, table in tables
    }
    found["usage"] = session.exec(
        select(func.count()).select_from(UsageRow).where(col(UsageRow.superseded_at).is_(None))
    ).one()
    return found


def _references_row(session: Session, siret: str, year: int) -> BillingReferenceRow | None:
    return session.exec(
        select(BillingReferenceRow).where(
            BillingReferenceRow.siret == siret,
            BillingReferenceRow.year == year,
            col(BillingReferenceRow.superseded_at).is_(None),
        )
    ).first()


def _member_values(member: Member) -> dict[str, str]:
    return {
        "siret": member.siret,
        "name": member.name,
        "line1": member.address.line1,
        "line2": member.address.line2,
        "postcode": member.address.postcode,
        "city": member.address.city,
        "country": member.address.country,
        "vat_number": member.vat_number,
        "convention": member.convention,
    }


def _member(row: MemberRow) -> Member:
    return Member(
        siret=row.siret,
        name=row.name,
        address=Address(
            line1=row.line1,
            line2=row.line2,
            postcode=row.postcode,
            city=row.city,
            country=row.country,
        ),
        convention=row.convention,
        vat_number=row.vat_number,
    )


def _tier(stored: int) -> int | None:
    return None if stored == NO_TIER else stored


def _id(value: int | None) -> int:
    if value is None:
        raise RuntimeError("the database gave no id")
    return value
