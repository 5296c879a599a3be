"""All that is kept of one invoice: content, documents, deposits, the portal's history, journal."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from worker.billing.comparison import Confirmation
from worker.billing.credit_note import Remainder, remainders
from worker.billing.invoice import Invoice
from worker.billing.journal import JournalEvent
from worker.billing.member_year import Acceptance
from worker.billing.settlement import Settlement, Standing
from worker.billing.statement import Statement
from worker.billing.status import TrackedInvoice
from worker.billing.title import Title
from worker.storage import (
    Session,
    acceptances,
    attempts,
    confirmations,
    invoices,
    journal,
    observations,
    settlements,
    titles,
)
from worker.storage.attempts import Attempt
from worker.storage.documents import StoredDocument, documents_of
from worker.storage.observations import Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceRecord:
    """One invoice or credit note.

    Attributes:
        left: of each line, in the order of the lines, what no credit note took back.
        settlements: its payments, cancelled ones too.
        standing: what they leave; None of a credit note.
        confirmations: what a person confirmed of its member's year, and whether it is in force.
        acceptances: what a person accepted outside its subscriptions, likewise.
        titles: by which the treasury collects it, and reduces it by its credit notes, by the id of
            each, once the finance software has told them.
    """

    tracked: TrackedInvoice
    invoice: Invoice
    statement: Statement
    credit_notes: tuple[TrackedInvoice, ...]
    left: tuple[Remainder, ...]
    documents: tuple[StoredDocument, ...]
    attempts: tuple[Attempt, ...]
    observations: tuple[Observation, ...]
    events: tuple[JournalEvent, ...]
    settlements: tuple[Settlement, ...] = ()
    standing: Standing | None = None
    titles: Mapping[int, Title] = field(default_factory=dict)
    confirmations: tuple[tuple[Confirmation, bool], ...] = ()
    acceptances: tuple[tuple[Acceptance, bool], ...] = ()

    @property
    def title(self) -> Title | None:
        """Its own title."""
        return self.titles.get(self.tracked.id)


def record_of(session: Session, number: str) -> InvoiceRecord:
    """Read it. Raises WrongUse: no such invoice."""
    return record_of_tracked(session, invoices.named(session, number))


def record_of_tracked(session: Session, tracked: TrackedInvoice) -> InvoiceRecord:
    """The same, of one that was found. Raises IntegrityError: it cannot be read any more."""
    invoice = invoices.content(session, tracked.id)
    notes = invoices.notes_of(session, tracked.id)
    return InvoiceRecord(
        tracked=tracked,
        invoice=invoice,
        statement=invoices.statement_of(session, tracked.id),
        credit_notes=notes,
        left=remainders(invoice, invoices.credit_notes(session, tracked.id)),
        documents=documents_of(session, tracked.id),
        attempts=attempts.attempts(session, tracked.id),
        observations=observations.observations(session, tracked.id),
        events=tuple(journal.events(session, subject=tracked.number)),
        settlements=settlements.of_invoice(session, tracked.id),
        titles=titles.current(session, [tracked.id, *(note.id for note in notes)]),
        confirmations=confirmations.of_year(session, tracked.siret, tracked.year),
        acceptances=acceptances.of_year(session, tracked.siret, tracked.year),
        standing=None if tracked.is_credit_note else settlements.standing_of(session, tracked),
    )
