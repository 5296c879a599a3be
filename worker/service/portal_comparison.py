"""Everything that both sides hold of the open years, side by side."""

from contextlib import AbstractContextManager
from dataclasses import dataclass

from worker.app import App
from worker.billing.identifiers import number_forms
from worker.billing.portal_document import PortalDocument, Standing
from worker.billing.status import InvoiceStatus, TrackedInvoice
from worker.corrections.waiting import Waiting, waiting
from worker.portals import Portal
from worker.storage import invoices, portal_documents
from worker.transmission.inventory import open_years, take_inventory

_THERE = (
    InvoiceStatus.INTEGRATED,
    InvoiceStatus.SUSPENDED,
    InvoiceStatus.REJECTED,
    InvoiceStatus.SETTLED,
)
"""What the books say that the portal has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Both sides.

    Attributes:
        shown: how many documents of ours the portal shows.
        only_here: what the books say that it has, and it does not show.
        only_there: what it shows to our members or of our series, and the books do not know.
        left: what both sides disagree about.
    """

    shown: int
    only_here: tuple[TrackedInvoice, ...]
    only_there: tuple[PortalDocument, ...]
    left: Waiting

    @property
    def agrees(self) -> bool:
        """Whether nothing is to be looked at."""
        return not (self.only_here or self.left.disagreements or self.left.beyond)


def compare_all(app: App, portal: AbstractContextManager[Portal]) -> Comparison:
    """Read all of the open years at the portal, and put it beside the books.

    Raises:
        PortalError, PortalAccessRefused: the portal cannot be asked.
    """
    since, _ = open_years(app.clock())
    with portal as opened:
        opened.sign_in()
        shown = take_inventory(app, opened)
    forms = {form for found in shown for form in number_forms(found.number)}
    there = {(found.portal_id, found.number) for found in shown}
    with app.reading() as session:
        held = invoices.tracked(session, statuses=_THERE)
        kept = portal_documents.shown(session)
        left = waiting(app, session)
    return Comparison(
        shown=len(shown),
        only_here=tuple(
            one
            for one in held
            if not one.is_internal
            and one.issue_date is not None
            and one.issue_date >= since
            and forms.isdisjoint(number_forms(one.number))
        ),
        only_there=tuple(
            one
            for one in kept
            if one.standing is not Standing.KNOWN and (one.portal_id, one.number) in there
        ),
        left=left,
    )
