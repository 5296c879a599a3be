"""A document of ours that the portal shows: kept as it was last seen, known to the books or not."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from worker.billing.money import Money, french
from worker.billing.period import french_date
from worker.errors import Finding


class Standing(StrEnum):
    """What the books know of a document of the portal. The value is what the database holds."""

    KNOWN = "known"
    """It has a number that the books gave."""
    BEYOND = "beyond"
    """Of one of our series, or to one of our members under a number given to another: not ours."""
    FOREIGN = "foreign"
    """To one of our members, under a number of no series of ours: of other software, or keyed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalDocument:
    """A document of the portal, in its words, as it was last shown.

    Attributes:
        portal_id: the portal's own identifier.
        number: as the portal writes it.
        recipient: SIRET or SIREN of its buyer, as written.
        lives: whether its buyer may still pay it: neither rejected, nor given up, nor deleted.
        closed: whether a person said what it is; what changes later opens it again.
    """

    portal_id: str
    number: str
    recipient: str
    gross: Money | None
    issue_date: date | None
    flux_number: str
    lives: bool
    raw_status: str
    standing: Standing
    first_seen_at: datetime
    seen_at: datetime
    closed: bool = False

    @property
    def french(self) -> str:
        """What the portal says of it, for people."""
        amount = "" if self.gross is None else french(self.gross)
        day = "" if self.issue_date is None else f"du {french_date(self.issue_date)}"
        return ", ".join(filter(None, (self.recipient, amount, day, self.raw_status)))


def finding(document: PortalDocument) -> Finding:
    """What people read of one that is beyond the books."""
    return Finding(
        code="PORTAL-UNKNOWN",
        message=f"{document.number} est sur Chorus Pro et pas dans nos livres ({document.french})",
        remedy="Rétablissez les livres les plus récents, s'il y en a ; sinon, une fois vue sur le "
        f'portail, tapez : chorus-worker reconcile --close {document.number} --reason "…"',
    )
