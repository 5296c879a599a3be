"""A member's year, gathered from what is stored, and who has one: successions are followed here."""

from datetime import date

import sqlalchemy
from sqlalchemy import or_
from sqlmodel import Session, col, select

from worker.billing.member_year import MemberYear, TakenOver
from worker.billing.members import BillingReferences, Member
from worker.billing.period import Month
from worker.billing.status import InvoiceStatus
from worker.billing.succession import (
    Predecessor,
    followed,
    months_billed,
    months_elsewhere,
    predecessors,
    successors,
)
from worker.errors import UnreadableRecord
from worker.storage import acceptances, confirmations, holds, successions, versions
from worker.storage.imported import (
    member,
    nature_of,
    population_of,
    read_member,
    references_of,
    subscriptions_of,
    units_of,
    usage_of,
)
from worker.storage.tables import InvoiceRow, SubscriptionRow, UnitUseRow, UsageRow

_USAGE, _UNITS = versions.USAGE.table.columns, versions.UNITS.table.columns


def members_of_year(session: Session, year: int) -> tuple[Member, ...]:
    """Members with a subscription, any use or units, or a parked invoice in the year, by SIRET.

    A successor is one for what it is billed for; its predecessor, for what is left to it.
    """
    subscribed = select(SubscriptionRow.siret).where(
        col(SubscriptionRow.start) <= date(year, 12, 31),
        or_(col(SubscriptionRow.end).is_(None), col(SubscriptionRow.end) >= date(year, 1, 1)),
        col(SubscriptionRow.superseded_at).is_(None),
    )
    used = select(UsageRow.siret).where(
        UsageRow.year == year, col(UsageRow.superseded_at).is_(None)
    )
    dated = select(UnitUseRow.siret).where(
        col(UnitUseRow.day).between(date(year, 1, 1), date(year, 12, 31)),
        col(UnitUseRow.superseded_at).is_(None),
    )
    parked = select(InvoiceRow.siret).where(
        InvoiceRow.year == year, InvoiceRow.status == InvoiceStatus.PARKED.value
    )
    table = versions.MEMBERS.table
    siret = table.columns["siret"]
    known = successions.in_force(session)
    joined = {one for old in known for one in (old, *successors(old, known))}
    query = (
        sqlalchemy.select(table, siret.in_(parked).label("parked"))
        .where(or_(*(siret.in_(some) for some in (subscribed, used, dated, parked, joined))))
        .where(versions.MEMBERS.current())
        .order_by(siret)
    )
    return tuple(
        read_member(row)
        for row in session.execute(query).mappings()
        if row["siret"] not in joined
        or row["parked"]
        or _may_be_in_year(session, row["siret"], year)
    )


def _may_be_in_year(session: Session, siret: str, year: int) -> bool:
    """Whether a member is in a year; one whose rows cannot be read is held back there."""
    try:
        return member_year(session, siret, year).is_in_year
    except UnreadableRecord:
        return True


def years_used(session: Session, siret: str, since: Month) -> tuple[int, ...]:
    """The years in which a member has use or units from a month on."""
    year, day = _USAGE["year"], _UNITS["day"]
    used = sqlalchemy.select(year).where(
        _USAGE["siret"] == siret,
        versions.USAGE.current(),
        (year > since.year) | ((year == since.year) & (_USAGE["month"] >= since.number)),
    )
    dated = sqlalchemy.select(day).where(
        _UNITS["siret"] == siret,
        versions.UNITS.current(),
        day >= since.first_day,
    )
    years = set(session.execute(used.distinct()).scalars())
    return tuple(sorted(years | {one.year for one in session.execute(dated).scalars()}))


def billed_references(
    session: Session, siret: str, year: int
) -> tuple[BillingReferences, tuple[Predecessor, ...]]:
    """The references that an invoice bears, and the predecessors that are asked in want of any.

    Theirs are taken, unless they differ (``followed``).
    """
    known = successions.in_force(session)
    return followed(
        references_of(session, siret, year),
        [
            (_predecessor(session, one), references_of(session, one, year))
            for one in predecessors(siret, known)
            if months_billed(one, siret, year, known)
        ],
    )


def member_year(session: Session, siret: str, year: int) -> MemberYear:
    """All that is known of a member's year, as it is now."""
    known = successions.in_force(session)
    references, references_from = billed_references(session, siret, year)
    return MemberYear(
        member=member(session, siret),
        year=year,
        references=references,
        subscriptions=subscriptions_of(session, siret),
        usage=usage_of(session, siret, year),
        hold=holds.in_force(session, siret, year),
        confirmation=confirmations.in_force(session, siret, year),
        units=units_of(session, siret, year),
        population=population_of(session, siret, year),
        acceptance=acceptances.in_force(session, siret, year),
        nature=nature_of(session, siret),
        elsewhere=months_elsewhere(siret, siret, year, known),
        taken_over=tuple(
            TakenOver(
                origin=_predecessor(session, one),
                elsewhere=months_elsewhere(one, siret, year, known),
                subscriptions=subscriptions_of(session, one),
                usage=usage_of(session, one, year),
                units=units_of(session, one, year),
                population=population_of(session, one, year),
            )
            for one in predecessors(siret, known)
            if months_billed(one, siret, year, known)
        ),
        references_from=references_from,
    )


def _predecessor(session: Session, siret: str) -> Predecessor:
    return Predecessor(siret=siret, name=member(session, siret).name)
