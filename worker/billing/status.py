"""The states of an invoice, the moves allowed between them, and the troubles it may have there.

The portal's own statuses are not here: Chorus Pro imposes no order on them, so they are kept as
a history of observations, and our status is derived from it (transmission/).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from worker.billing.money import ZERO, Money
from worker.billing.title import Title
from worker.billing.toml import own_table
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
    """Sent or not: not known yet."""
    DEPOSITED = "deposited"
    """The portal gave a flux number."""
    REFUSED = "refused"
    """Nothing was integrated: may be corrected and sent again with the same number."""
    INTEGRATED = "integrated"
    """The portal holds it, under an identifier of its own."""
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
    S.ISSUED: frozenset({S.SENDING, S.UNKNOWN, S.SETTLED, S.CANCELLED}),
    S.SENDING: frozenset({S.DEPOSITED, S.ISSUED, S.UNKNOWN, S.REFUSED}),
    S.UNKNOWN: frozenset({S.DEPOSITED, S.ISSUED, S.REFUSED}),
    S.DEPOSITED: frozenset({S.INTEGRATED, S.REFUSED, S.UNKNOWN}),
    S.REFUSED: frozenset({S.ISSUED, S.UNKNOWN, S.CANCELLED}),
    S.INTEGRATED: frozenset({S.SUSPENDED, S.REJECTED, S.SETTLED, S.CANCELLED}),
    S.SUSPENDED: frozenset({S.INTEGRATED, S.REJECTED, S.SETTLED, S.CANCELLED}),
    S.REJECTED: frozenset({S.CANCELLED, S.INTEGRATED, S.SUSPENDED, S.SETTLED}),
    S.SETTLED: frozenset({S.CANCELLED, S.SUSPENDED, S.REJECTED}),
    S.CANCELLED: frozenset(),
}
"""Every move a status may make. Issued and refused go to unknown when the portal shows it: it was
handed over before, and no verdict on a file is the last word; deposited, when a duplicate is
refused: the first copy may be the one that lives. Issued goes to settled where nothing is deposited
(Hélios): it was paid on its title. A rejected invoice may be seen accepted again,
and a settled one questioned, since the statuses of the buyer come in any order. Only credit notes
that cover an invoice cancel it, and never while a deposit is under way."""

REOPENED = frozenset({S.ISSUED, S.INTEGRATED, S.SUSPENDED, S.REJECTED})
"""Where a settled invoice goes back to when a person cancels the payment that had settled it."""

ON_THEIR_WAY = (S.ISSUED, S.SENDING, S.UNKNOWN, S.DEPOSITED)
"""The statuses in which the program has the next word, at an hour of its own."""

AT_THE_BUYER = (S.INTEGRATED, S.SUSPENDED, S.REJECTED)
"""The statuses in which the buyer has the next word."""

ON_THE_REJECTED_LIST = "REJETEE"
"""The portal's word for what is on its list of rejections until it is told that they were seen."""


class Trouble(StrEnum):
    """What hinders an invoice, beyond its status. The value is what the database holds."""

    NONE = "none"
    """``detail`` holds what the last answer about it said, if it said anything."""
    UNKNOWN_WORD = "unknown_word"
    """The portal says a status that has no translation: ``detail``."""
    INCIDENT = "incident"
    """The portal stumbled over its file."""
    NOT_SHOWN_YET = "not_shown_yet"
    """Integrated by the report on its file, and shown by no search."""
    INTERRUPTED = "interrupted"
    """The program stopped between intent and answer of its deposit."""
    DUPLICATE_REFUSED = "duplicate_refused"
    """Refused, maybe as a second copy: ``detail`` holds the portal's words."""
    FILE_REFUSED = "file_refused"
    """Its file is refused without words: ``detail`` holds the state of the flux."""
    LOT_REFUSED = "lot_refused"
    """Refused with its lot, of flux ``detail``: it is deposited again, alone."""
    GIVEN_UP = "given_up"
    """A person gave up its flux, for the reason in ``detail``: it is looked for."""
    NUMBER_TAKEN = "number_taken"
    """The portal holds another invoice under its number: ``detail`` says which."""
    NEARLY_OURS = "nearly_ours"
    """The portal holds under its number what differs in the facts that ``detail`` gives."""
    TURNED_AWAY = "turned_away"
    """The portal says no, in the words of ``detail``: one search tells whether it has it."""
    LOT_TURNED_AWAY = "lot_turned_away"
    """The portal says no to its whole lot: unless a search shows it, it goes again, alone."""
    DECLARED_ABSENT = "declared_absent"
    """A person did not find it on the portal: it goes again, unless a search shows it."""
    SHOWN = "shown"
    """It was to go again, or was called refused, and the portal shows it."""
    INVOICE_ENDED = "invoice_ended"
    """Of a credit note to deposit: its buyer has no invoice any more that it would take back."""
    RIVAL = "rival"
    """To deposit, and the portal already holds for its member and year what ``detail`` says."""
    NOT_DELIVERED = "not_delivered"
    """The portal has it, and has not put it before its buyer."""
    PIECE_UNUSABLE = "piece_unusable"
    """The frozen file that is to be handed over cannot be read: ``detail`` says why."""

    UNREADABLE = "unreadable"
    """Its row cannot be read, ``detail`` names it; never written."""


_FRENCH = own_table(__package__, "french.toml")
FRENCH: Mapping[str, str] = _FRENCH["invoice"]
"""Each status."""
OF_A_CREDIT_NOTE: Mapping[str, str] = {**FRENCH, **_FRENCH["credit_note"]}
"""*Un avoir* is masculine."""
BY_TITLE: Mapping[str, tuple[str, str]] = _FRENCH["by_title"]
"""Of what is issued on the Hélios channel, by kind: before its title was made, and since."""
BY_TITLES: Mapping[str, str] = _FRENCH["by_titles"]
"""The same of several."""
TROUBLES: Mapping[str, str] = _FRENCH["trouble"]
"""What people read of each trouble, around what the portal or a person said."""

_INVOICE, _CREDIT_NOTE = "La facture", "L'avoir"


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
        flux_number: the portal's number of the deposited file.
        portal_id: the portal's own identifier.
        portal_status: the portal's own word, last seen.
        detail: what the portal, or a person, last said of it in their own words.
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
    portal_id: str | None
    portal_status: str
    trouble: Trouble
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
        return self.status is InvoiceStatus.REFUSED and self.trouble is Trouble.NUMBER_TAKEN

    @property
    def id_at_portal(self) -> str:
        """``portal_id``, of one that the portal holds."""
        if self.portal_id is None:
            raise RuntimeError(f"invoice {self.number} is {self.status} without portal_id")
        return self.portal_id

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

    @property
    def french_name(self) -> str:
        """What begins a sentence about it: *La facture BSN-2026-00001*, *L'avoir …*."""
        return f"{_CREDIT_NOTE if self.is_credit_note else _INVOICE} {self.number}"

    @property
    def label(self) -> str:
        """What names it: *facture BSN-2026-00001*, *avoir …*."""
        return french_document(self.number, is_credit_note=self.is_credit_note)

    @property
    def feminine(self) -> str:
        """What a participle about it ends with: *renvoyée*, *renvoyé*."""
        return "" if self.is_credit_note else "e"

    @property
    def french_detail(self) -> str:
        """What hinders it, in French, with the words of the portal or of a person; may be empty."""
        if self.trouble is Trouble.NONE:
            return self.detail
        return TROUBLES[self.trouble].format(
            number=self.number,
            flux=f"le flux {self.flux_number}" if self.flux_number else "son flux",
            detail=self.detail or "aucun",
        )


def awaits_payment(invoice: TrackedInvoice, *, deposits: bool) -> bool:
    """Whether money of an invoice is waited for: its buyer has it, and nothing settled it.

    ``deposits``: whether it reaches its buyer by a deposit; else it is owed once issued (Hélios).
    """
    with_buyer = (S.INTEGRATED, S.SUSPENDED) if deposits else (S.ISSUED, S.INTEGRATED, S.SUSPENDED)
    return not invoice.is_credit_note and invoice.status in with_buyer


def french_state(invoice: TrackedInvoice, title: Title | None, *, deposits: bool) -> str:
    """Its status in French; where nothing is deposited, what is issued waits for its title."""
    if deposits or invoice.status is not S.ISSUED:
        return invoice.french_status
    to_make, made = BY_TITLE[invoice.kind]
    return to_make if title is None else made.format(number=title.number)


def french_group(kind: InvoiceKind, status: InvoiceStatus, *, deposits: bool) -> str:
    """The status of several invoices, or credit notes, in French."""
    if status is S.ISSUED and not deposits:
        return BY_TITLES[kind]
    return (OF_A_CREDIT_NOTE if kind is InvoiceKind.CREDIT_NOTE else FRENCH)[status]


def french_document(number: str, *, is_credit_note: bool) -> str:
    """A document by its number: *facture BSN-2026-00001*, *avoir AVOIR-2026-00001*."""
    return f"{'avoir' if is_credit_note else 'facture'} {number}"
