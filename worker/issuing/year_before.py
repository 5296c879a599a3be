"""The year before, which the amounts of a year are compared with, and the members looked at."""

from collections.abc import Mapping

from worker.app import App
from worker.billing.comparison import Thresholds, YearBefore
from worker.billing.members import Member
from worker.billing.money import ZERO, Money
from worker.billing.period import Month
from worker.billing.succession import billed_for
from worker.storage import Session, imported, member_years, successions, year_amounts
from worker.storage.year_amounts import YearAmounts


def thresholds(app: App) -> Thresholds:
    """What this installation calls unusual."""
    told = app.settings.preview
    return Thresholds(
        change_percent=told.change_percent,
        minimum=Money(100 * told.minimum_euros),
        zero=told.zero,
        new=told.new,
        gone=told.gone,
    )


def year_before(app: App, session: Session, year: int) -> YearBefore:
    """The amounts of the year before a year."""
    before = year_amounts.year_amounts(session, year - 1)
    amounts = compared_with(session, year, before)
    return YearBefore(amounts=amounts, thresholds=thresholds(app))


def compared_with(session: Session, year: int, before: YearAmounts) -> Mapping[str, Money]:
    """The amounts of the year before, by the SIRET of the member that they are compared with.

    That of a member whose successor is billed from January on counts for this one.
    """
    known = successions.in_force(session)
    amounts: dict[str, Money] = {}
    for siret, amount in before.amounts.items():
        to = billed_for(siret, Month(year, 1), known)
        amounts[to] = amounts.get(to, ZERO) + amount
    return amounts


def members_of_year(session: Session, year: int, before: YearBefore) -> tuple[Member, ...]:
    """The members of a year, and those that are gone if a person is to be asked, by SIRET.

    Gone is a member with an amount for the year before and nothing in this one, of which no
    subscription ended.
    """
    members = member_years.members_of_year(session, year)
    if not before.thresholds.gone:
        return members
    explained = {member.siret for member in members} | year_amounts.ended_before(session, year)
    owed = {siret for siret, amount in before.amounts.items() if amount} - explained
    gone = owed & imported.known_sirets(session)
    more = (imported.member(session, siret) for siret in gone)
    return tuple(sorted((*members, *more), key=lambda member: member.siret))
