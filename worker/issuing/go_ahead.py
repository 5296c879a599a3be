"""A person says go: a year is billed only while its campaign is open.

``run`` and ``serve`` alike are refused without it (``require_go``). Nothing here bills.
"""

from dataclasses import dataclass
from datetime import datetime

from worker.app import App
from worker.billing.campaign import Campaign, Figures
from worker.billing.journal import EventTag
from worker.billing.period import french_date, is_over, paris_day
from worker.billing.status import InvoiceStatus
from worker.billing.text import stated_reason
from worker.errors import Refused
from worker.issuing.year_before import members_of_year, year_before
from worker.storage import Session, campaigns, holds, invoices

_TO_BILL = frozenset({InvoiceStatus.PARKED, InvoiceStatus.CANCELLED})
"""A cancelled invoice does not count: once its hold is lifted, the year is due again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnbilledYear:
    """A year of which some members have neither invoice nor holder.

    Attributes:
        members: of the year, how many.
        left: of these, those that have neither.
    """

    year: int
    members: int
    left: int


def refuse_unfinished_year(year: int, now: datetime) -> None:
    """Only a finished year can be billed (C1, C2). Raises Refused."""
    if not is_over(year, paris_day(now)):
        raise Refused(
            f"L'année {year} n'est pas terminée : on facture en janvier l'année écoulée.",
            f"Lancez « run {paris_day(now).year - 1} », ou attendez le 1er janvier {year + 1}.",
        )


def refuse_before_first_year(app: App, year: int) -> None:
    """Raise Refused for a year before ``billing.first_year``, which was billed elsewhere."""
    first = app.settings.billing.first_year
    if first is not None and year < first:
        raise Refused(
            f"L'année {year} n'est pas facturée par ce programme : la première est {first}.",
            "Les montants plus anciens s'importent pour être comparés : chorus-worker import "
            "previous FICHIER. Sinon, corrigez billing.first_year dans la configuration.",
        )


def require_go(app: App, year: int) -> None:
    """Raise Refused unless a person opened the campaign of a year."""
    refuse_before_first_year(app, year)
    refuse_unfinished_year(year, app.clock())
    with app.reading() as session:
        if campaigns.opened(session, year) is not None:
            return
        ended = campaigns.campaigns(session, year)
    state = "est close" if ended else "n'est pas ouverte"
    raise Refused(
        f"La campagne {year} {state} : rien n'est facturé.",
        f"Regardez les montants (« preview {year} »), puis ouvrez-la : chorus-worker campaign "
        f"open {year}",
    )


def is_open(app: App, year: int) -> bool:
    """Whether the campaign of a year is open now."""
    with app.reading() as session:
        return campaigns.opened(session, year) is not None


def open_campaign(app: App, year: int, shown: Figures, reason: str = "") -> tuple[Campaign, bool]:
    """Open the campaign of a year; it, and whether it was not open yet.

    Args:
        app: the open installation.
        year: of the services.
        shown: the figures that the person saw.
        reason: may be empty.

    Raises:
        Refused: the year is not finished, or before the first one.
        WrongUse: a reason that cannot be read.
    """
    refuse_before_first_year(app, year)
    reason = stated_reason(reason) if reason else ""
    with app.transaction() as tx:
        refuse_unfinished_year(year, tx.now)
        if (present := campaigns.opened(tx, year)) is not None:
            return present, False
        tx.journal(
            EventTag.CAMPAIGN_OPENED,
            str(year),
            reason=reason,
            ready=shown.ready,
            ready_ttc=str(shown.ready_total),
            held=shown.held,
            held_ttc=str(shown.held_total),
            to_confirm=shown.to_confirm,
            to_confirm_ttc=str(shown.to_confirm_total),
            total_ttc=str(shown.total),
            previous_ttc=str(shown.previous),
        )
        return campaigns.add(tx, year, shown, reason), True


def close_campaign(app: App, year: int, reason: str) -> None:
    """Take the go back: nothing more of the year is billed. What is deposited is followed.

    Raises:
        WrongUse: no reason that can be read.
        Refused: it is not open.
    """
    reason = stated_reason(reason)
    with app.transaction() as tx:
        if not campaigns.close(tx, year, reason):
            ended = [one.closed_at for one in campaigns.campaigns(tx, year) if one.closed_at]
            state = "n'a pas été ouverte"
            if ended:
                state = f"est déjà close depuis le {french_date(paris_day(ended[-1]))}"
            raise Refused(
                f"La campagne {year} {state}.",
                "Rien n'était à fermer ; « campaign list » les donne toutes.",
            )
        tx.journal(EventTag.CAMPAIGN_CLOSED, str(year), reason=reason)


def unbilled_year(app: App, session: Session) -> UnbilledYear | None:
    """Last year, from the campaign day on, while a member of it has neither invoice nor holder."""
    today = paris_day(app.clock())
    billing = app.settings.billing
    month, day = billing.campaign_day.split("-")
    year = today.year - 1
    if (today.month, today.day) < (int(month), int(day)) or year < (billing.first_year or year):
        return None
    before = year_before(app, session, year)
    members = {member.siret for member in members_of_year(session, year, before)}
    issued = {
        invoice.siret
        for invoice in invoices.tracked(session, year=year)
        if not invoice.is_credit_note and invoice.status not in _TO_BILL
    }
    left = members - issued - holds.never_billed(session, year)
    return UnbilledYear(year=year, members=len(members), left=len(left)) if left else None


def unopened_year(app: App, session: Session) -> UnbilledYear | None:
    """The year that waits for a person's go: none was ever given for it."""
    due = unbilled_year(app, session)
    return None if due is None or campaigns.campaigns(session, due.year) else due
