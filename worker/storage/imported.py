"""Members, subscriptions, usage and references: what imports write and the batch reads."""

from dataclasses import asdict, dataclass, fields
from datetime import date, datetime

import sqlalchemy
from sqlalchemy import bindparam, or_
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
    as_written,
    named_as,
    number_added,
    replace_row,
    whole_number,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What an import did to the records of its kind."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0


def file_known(session: Session, kind: str, sha256: str) -> bool:
    """Whether these very bytes were already imported as this kind."""
    query = select(SourceFileRow.id).filter_by(kind=kind, sha256=sha256)
    return session.exec(query).first() is not None


def add_file(
    session: Session, *, kind: str, name: str, sha256: str, size: int, at: datetime
) -> int:
    """Record a file and return its id; ``close_file`` writes its row count."""
    row = SourceFileRow(kind=kind, name=name, sha256=sha256, size=size, rows=0, imported_at=at)
    return number_added(session, row)


def close_file(session: Session, file_id: int, rows: int) -> None:
    """Write how many records the file held."""
    session.get_one(SourceFileRow, file_id).rows = rows


def known_sirets(session: Session) -> frozenset[str]:
    """Every member."""
    return frozenset(session.exec(select(MemberRow.siret)))


def put_member(session: Session, member: Member, file_id: int, row: int) -> Changes:
    """Add a member or bring it up to date."""
    values = asdict(member)
    values |= values.pop("address")
    stored = session.get(MemberRow, member.siret)
    if stored is not None and _member(stored) == member:
        return Changes(unchanged=1)
    session.merge(MemberRow(**values, file_id=file_id, row=row))
    return Changes(added=1) if stored is None else Changes(changed=1)


def put_contact(session: Session, contact: Contact, at: datetime) -> None:
    """Set a member's contact."""
    replace_row(session, ContactRow(**asdict(contact), updated_at=at))


def put_subscription(
    session: Session, subscription: Subscription, file_id: int, row: int
) -> Changes:
    """Add a subscription, or bring its end and category up to date."""
    values = asdict(subscription) | {"tier": subscription.tier or NO_TIER}
    key = {name: values[name] for name in ("siret", "service", "tier", "start")}
    stored = session.exec(select(SubscriptionRow).filter_by(**key)).first()
    if stored is None:
        session.add(SubscriptionRow(**values, file_id=file_id, row=row))
        return Changes(added=1)
    if (stored.category, stored.end) == (subscription.category, subscription.end):
        return Changes(unchanged=1)
    stored.category, stored.end = subscription.category, subscription.end
    stored.file_id, stored.row = file_id, row
    return Changes(changed=1)


def put_references(
    session: Session,
    references: BillingReferences,
    at: datetime,
    source: tuple[int, int] | None,
) -> Changes:
    """Set a member's references for a year; ``source`` is (file id, row), None from a person."""
    siret, year = references.siret, references.year
    present = _references(session, siret, year)
    if present == references:
        return Changes(unchanged=1)
    session.execute(_SUPERSEDE, {"member": siret, "of": year, "superseded_at": at})
    file_id, row = source or (None, None)
    number_added(session, BillingReferenceRow(**asdict(references), file_id=file_id, row=row))
    return Changes(added=1) if present is None else Changes(changed=1)


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
    sqlalchemy.select(*named_as(_SUBSCRIPTION, Subscription))
    .where(_SUBSCRIPTION["siret"] == bindparam("siret"))
    .order_by(_SUBSCRIPTION["id"])
)
_USED = sqlalchemy.text(
    "SELECT u.service, u.tier, u.month, u.users, u.row, f.sha256 FROM usage_record u "
    "JOIN source_file f ON f.id = u.file_id WHERE u.siret = :siret AND u.year = :year "
    "AND u.superseded_at IS NULL ORDER BY u.id"
)
_REFERENCE = SQLModel.metadata.tables["billing_reference"]
_IS_CURRENT = (
    _REFERENCE.columns["siret"] == bindparam("member"),
    _REFERENCE.columns["year"] == bindparam("of"),
    _REFERENCE.columns["superseded_at"].is_(None),
)
_REFERENCES = sqlalchemy.select(*named_as(_REFERENCE.columns, BillingReferences)).where(
    *_IS_CURRENT
)
_SUPERSEDE = sqlalchemy.update(_REFERENCE).where(*_IS_CURRENT)
# All of these are read twice for each invoice of a batch, hence as plain rows.


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
                service=service,
                tier=_tier(tier),
                month=Month(year, month),
                users=whole_number(users),
                source=SourceRow(file_sha256=sha256, row=row),
            )
            for service, tier, month, users, row, sha256 in session.execute(
                _USED, {"siret": siret, "year": year}
            )
        )


def references_of(session: Session, siret: str, year: int) -> BillingReferences:
    """The references of a member for a year; empty ones when none were given."""
    return _references(session, siret, year) or BillingReferences(siret=siret, year=year)


def _references(session: Session, siret: str, year: int) -> BillingReferences | None:
    row = session.execute(_REFERENCES, {"member": siret, "of": year}).mappings().first()
    return None if row is None else BillingReferences(**row)


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


def _member(row: MemberRow) -> Member:
    values = row.model_dump(exclude={"file_id", "row"})
    address = Address(**{field.name: values.pop(field.name) for field in fields(Address)})
    return Member(**values, address=address)


def _tier(stored: object) -> int | None:
    tier = whole_number(stored)
    return None if tier == NO_TIER else tier
