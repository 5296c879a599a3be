"""A document of ours that the portal holds and the books do not know."""

from dataclasses import dataclass
from datetime import date, datetime

from worker.billing.money import Money, french
from worker.billing.period import french_date
from worker.errors import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownDocument:
    """A document of the portal, in its words, that no row of the books stands for.

    Attributes:
        portal_id: the portal's own identifier.
        number: as the portal writes it.
        recipient: SIRET or SIREN of its buyer, as written.
    """

    portal_id: str
    number: str
    recipient: str
    gross: Money | None
    issue_date: date | None
    flux_number: str
    raw_status: str
    seen_at: datetime


def finding(document: UnknownDocument) -> Finding:
    """What people read of one."""
    amount = "" if document.gross is None else french(document.gross)
    day = "" if document.issue_date is None else f"du {french_date(document.issue_date)}"
    facts = ", ".join(filter(None, (document.recipient, amount, day, document.raw_status)))
    return Finding(
        code="PORTAL-UNKNOWN",
        message=f"{document.number} est sur Chorus Pro et pas dans nos livres ({facts})",
        remedy="Rétablissez les livres les plus récents, s'il y en a ; sinon, une fois vue sur le "
        f'portail, tapez : chorus-worker reconcile --close {document.number} --reason "…"',
    )
