"""All that waits for a person: invoices, members whose account is at odds, the portal itself."""

from dataclasses import dataclass

from worker.app import App
from worker.billing.claim import Claim, Judgement, judge
from worker.billing.portal_document import PortalDocument
from worker.billing.status import AT_THE_BUYER, TrackedInvoice
from worker.corrections.at_odds import advice_about, unread
from worker.corrections.todo import Advice, advised
from worker.storage import Session, claims, due, invoices, observations, portal_documents


@dataclass(frozen=True, slots=True, kw_only=True)
class AtOdds:
    """A member and year about which the portal and the books disagree."""

    claim: Claim
    judgement: Judgement
    advice: tuple[Advice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What waits.

    Attributes:
        beyond: what the portal holds of our series, and the books do not know.
        reading: when nothing can be read of what the portal holds.
    """

    invoices: tuple[tuple[TrackedInvoice, Advice], ...]
    at_odds: tuple[AtOdds, ...]
    beyond: tuple[PortalDocument, ...]
    reading: Advice | None

    def __len__(self) -> int:
        return len(self.invoices) + len(self.at_odds) + len(self.beyond) + bool(self.reading)


def waiting(app: App, session: Session, year: int | None = None) -> Waiting:
    """Read it; ``year``: of the services, for what belongs to one."""
    now = app.clock()
    tracked = invoices.tracked(session, year=year)
    at_odds: tuple[AtOdds, ...] = ()
    reading = None
    if app.deposits:
        at_odds = tuple(
            AtOdds(claim=claim, judgement=judgement, advice=advice)
            for claim in claims.claims(session, year=year)
            if (advice := advice_about(judgement := judge(claim, now)))
        )
        news = observations.news(session)
        reading = unread(
            None if news is None else news.read_until,
            portal_documents.inventory(session),
            due.first_deposit(session, AT_THE_BUYER, settled_after=now - due.HEARD),
            now,
        )
    return Waiting(
        invoices=tuple(advised(tracked, now, deposits=app.deposits)),
        at_odds=at_odds,
        beyond=portal_documents.still_beyond(session),
        reading=reading,
    )
