"""The states of an invoice, the moves allowed between them, and what each asks of a person.

The portal's own statuses are not here: Chorus Pro imposes no order on them, so they are kept as
a history of observations, and our status is derived from it (transmission/).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from worker.billing.money import ZERO, Money
from worker.errors import Finding


class InvoiceStatus(StrEnum):
    """Where an invoice stands. The value is what the database and ``--json`` show."""

    DRAFT = "draft"
    """Computed, no number."""
    PARKED = "parked"
    """A blocking finding: a person must correct something."""
    ISSUED = "issued"
    """Number and bytes frozen."""
    SENDING = "sending"
    """An attempt is open: the intent is recorded, the answer is not."""
    UNKNOWN = "unknown"
    """Sent or not: nobody can tell yet."""
    DEPOSITED = "deposited"
    """The portal gave a flux number."""
    REFUSED = "refused"
    """Nothing was integrated: may be corrected and sent again with the same number."""
    INTEGRATED = "integrated"
    """The portal holds it (identifiantFactureCPP)."""
    SUSPENDED = "suspended"
    """The buyer asks for documents."""
    REJECTED = "rejected"
    """The buyer refused: internal credit note, then a new number. A credit note is made again."""
    SETTLED = "settled"
    """Paid, or the last status this buyer ever reports."""
    CANCELLED = "cancelled"
    """Of an invoice: its credit notes cover it. Of a credit note: rejected, another replaced it."""


class InvoiceKind(StrEnum):
    """What a row of the books is: both are numbered, frozen and deposited alike."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


S = InvoiceStatus
MOVES: Mapping[InvoiceStatus, frozenset[InvoiceStatus]] = {
    S.DRAFT: frozenset({S.ISSUED, S.PARKED}),
    S.PARKED: frozenset({S.DRAFT}),
    S.ISSUED: frozenset({S.SENDING, S.CANCELLED}),
    S.SENDING: frozenset({S.DEPOSITED, S.ISSUED, S.UNKNOWN, S.REFUSED}),
    S.UNKNOWN: frozenset({S.DEPOSITED, S.ISSUED, S.REFUSED}),
    S.DEPOSITED: frozenset({S.INTEGRATED, S.REFUSED, S.UNKNOWN}),
    S.REFUSED: frozenset({S.ISSUED, S.CANCELLED}),
    S.INTEGRATED: frozenset({S.SUSPENDED, S.REJECTED, S.SETTLED, S.CANCELLED}),
    S.SUSPENDED: frozenset({S.INTEGRATED, S.REJECTED, S.SETTLED, S.CANCELLED}),
    S.REJECTED: frozenset({S.CANCELLED, S.INTEGRATED, S.SUSPENDED, S.SETTLED}),
    S.SETTLED: frozenset({S.CANCELLED, S.SUSPENDED, S.REJECTED}),
    S.CANCELLED: frozenset(),
}
"""Every move a status may make. Deposited goes to unknown when a duplicate is refused: the
first copy may be the one that lives. A rejected invoice may be seen accepted again, and a settled
one questioned, since the buyer's statuses come in any order. Only credit notes that cover an
invoice cancel it, and never while a deposit is under way."""


ON_THEIR_WAY = (S.ISSUED, S.SENDING, S.UNKNOWN, S.DEPOSITED)
"""The statuses in which the program has the next word, at an hour of its own."""

UNKNOWN_WORD = "Chorus Pro annonce un état inconnu de ce programme : "
"""How the detail of an invoice begins when the portal says a word that nobody translated."""

INCIDENT = "incident technique chez Chorus Pro"
"""How the detail of a deposited invoice begins when the portal stumbled over its file."""

ON_THE_REJECTED_LIST = "REJETEE"
"""The portal's word for what is on its list of rejections until it is told that they were seen."""
NUMBER_TAKEN = "déjà pris sur le portail par une autre facture"
"""Part of the detail of an invoice that the portal holds under our number, and is not ours."""


class Effort(StrEnum):
    """What a status asks of a person."""

    NOTHING = "nothing"
    WAIT = "wait"
    ACT = "act"


def effort(status: InvoiceStatus) -> Effort:
    """What the person who looks must do about an invoice in this status."""
    match status:
        case S.SETTLED | S.CANCELLED:
            return Effort.NOTHING
        case S.DRAFT | S.ISSUED | S.SENDING | S.UNKNOWN | S.DEPOSITED | S.INTEGRATED:
            return Effort.WAIT
        case S.PARKED | S.REFUSED | S.SUSPENDED | S.REJECTED:
            return Effort.ACT


FRENCH: Mapping[InvoiceStatus, str] = {
    S.DRAFT: "brouillon",
    S.PARKED: "en attente de correction",
    S.ISSUED: "émise, à déposer",
    S.SENDING: "dépôt en cours",
    S.UNKNOWN: "dépôt incertain",
    S.DEPOSITED: "déposée",
    S.REFUSED: "dépôt refusé",
    S.INTEGRATED: "intégrée",
    S.SUSPENDED: "suspendue",
    S.REJECTED: "rejetée",
    S.SETTLED: "soldée",
    S.CANCELLED: "annulée",
}
OF_A_CREDIT_NOTE: Mapping[InvoiceStatus, str] = {
    **FRENCH,
    S.ISSUED: "émis, à déposer",
    S.DEPOSITED: "déposé",
    S.INTEGRATED: "intégré",
    S.SUSPENDED: "suspendu",
    S.REJECTED: "rejeté",
    S.SETTLED: "soldé",
    S.CANCELLED: "annulé",
}
"""*Un avoir* is masculine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedInvoice:
    """Where one invoice stands, as the waiting half sees it. Its content is elsewhere, frozen.

    Attributes:
        kind: an invoice, or a credit note.
        corrects: of a credit note, the id of its invoice.
        total: TTC, to be paid or given back: positive.
        rounding: BT-114, part of the total: the portal shows the total without it.
        number: empty before issue.
        version: of its documents: 1 at issue, one more for each correction after a refusal.
        flux_number: numeroFluxDepot.
        cpp_id: identifiantFactureCPP.
        portal_status: the portal's own word, last seen.
        detail: what the portal last said that a person needs.
        checks: how often the current step was looked at without news.
    """

    id: int
    siret: str
    member_name: str
    year: int
    status: InvoiceStatus
    status_since: datetime
    kind: InvoiceKind
    corrects: int | None
    total: Money
    rounding: Money
    number: str
    issue_date: date | None
    due_date: date | None
    version: int
    findings: tuple[Finding, ...]
    flux_number: str
    deposited_at: datetime | None
    cpp_id: int | None
    portal_status: str
    detail: str
    next_check_at: datetime | None
    checks: int

    @property
    def is_credit_note(self) -> bool:
        """Whether it gives money back."""
        return self.kind is InvoiceKind.CREDIT_NOTE

    @property
    def is_internal(self) -> bool:
        """Whether it is a credit note kept in our books: settled without any deposit."""
        return (
            self.is_credit_note
            and self.status is InvoiceStatus.SETTLED
            and self.deposited_at is None
        )

    @property
    def number_is_taken(self) -> bool:
        """Whether the portal holds something else under its number: it needs another one."""
        return self.status is InvoiceStatus.REFUSED and NUMBER_TAKEN in self.detail

    @property
    def signed_total(self) -> Money:
        """TTC as it adds up with others: a credit note counts below zero, a replaced one not."""
        if not self.is_credit_note:
            return self.total
        return ZERO if self.status is InvoiceStatus.CANCELLED else -self.total

    @property
    def french_status(self) -> str:
        """Its status in French, as a member of the sentence: *annulée*, *annulé*."""
        return (OF_A_CREDIT_NOTE if self.is_credit_note else FRENCH)[self.status]
