"""The year before, which the amounts of a year are compared with, and the members looked at."""

from worker.app import App
from worker.billing.comparison import Thresholds, YearBefore
from worker.billing.members import Member
from worker.billing.money import Money
from worker.storage import Session, imported, year_amounts


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
    amounts = year_amounts.year_amounts(session, year - 1).amounts
    return YearBefore(amounts=amounts, thresholds=thresholds(app))


def members_of_year(session: Session, year: int, before: YearBefore) -> tuple[Member, ...]:
    """The members of a year, and those that are gone if a person is to be asked, by SIRET.

    Gone is a member with an amount for the year before and nothing in this one, of which no
    subscription ended.
    """
    members = imported.members_of_year(session, year)
    if not before.thresholds.gone:
        return members
    explained = {member.siret for member in members} | year_amounts.ended_before(session, year)
    owed = {siret for siret, amount in before.amounts.items() if amount} - explained
    gone = owed & imported.known_sirets(session)
    more = (imported.member(session, siret) for siret in gone)
    return tuple(sorted((*members, *more), key=lambda member: member.siret))
