"""What a member owes for a year, by our books and by the portal, and where they disagree. Pure.

One judgement of all that is held and all that was seen: the invoice, its credit notes, what came
in their place, and every document that the portal shows for the same member and year. Table and
laws: docs/protocol.md, « One judgement ».
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from worker.billing.identifiers import is_same_document
from worker.billing.money import ZERO, Money
from worker.billing.portal_document import PortalDocument, Standing
from worker.billing.status import InvoiceStatus, TrackedInvoice, Trouble

UNSEEN = timedelta(days=30)
"""How long the portal may show no document that the books call living."""
CENT = Money(1)
"""A portal that adds up rounded lines may be a cent off."""

S = InvoiceStatus


class Expected(StrEnum):
    """What the books expect of the portal about one document."""

    LIVING = "living"
    ENDED = "ended"
    """There, and rejected: or taken back by a credit note that stayed in the books."""
    ABSENT = "absent"
    ON_ITS_WAY = "on its way"
    """The program has the next word; its waits have ages of their own (todo.py)."""


class DisagreementKind(StrEnum):
    """How the portal and the books disagree about a document. ``--json`` shows the value."""

    LIVES_AGAIN = "lives_again"
    """The books took it back among themselves, and its buyer can pay it."""
    ENDED_THERE = "ended_there"
    """The books count it, by a payment or a credit note, and its buyer rejected it."""
    ALONE_THERE = "alone_there"
    """A credit note lives whose invoice is rejected: the buyer may deduct what it never owed."""
    TWICE = "twice"
    """Two documents live under one number."""
    TWIN_REJECTED = "twin_rejected"
    """Of two documents under one number, one lives and the other is rejected."""
    EARLIER_VERSION = "earlier_version"
    """The file that the portal took is one that was corrected since."""
    OTHER_AMOUNT = "other_amount"
    KEYED = "keyed"
    """Of the same member, year and amount, under a number that the books never gave."""
    BEYOND = "beyond"
    """Of one of our series, to this member, and not in the books."""
    UNSEEN = "unseen"
    """The books count it, and no reading of the portal has shown it for a month."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One of them.

    Attributes:
        number: of ours; of the portal's document when the books have none.
        shown: what the portal shows; empty for what it does not show.
        note: the number of the credit note that is concerned; empty without any.
    """

    kind: DisagreementKind
    number: str
    shown: tuple[PortalDocument, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberAccount:
    """All that is held and all that was seen of a member and year.

    Attributes:
        held: our invoices and credit notes, cancelled ones too.
        shown: the documents of the portal that have one of their numbers, or this member.
        earlier_files: by number, the fluxes that carried a version corrected since.
        read_at: when the portal was last read whole; None before the first time.
    """

    siret: str
    year: int
    member_name: str
    held: Sequence[TrackedInvoice]
    shown: Sequence[PortalDocument]
    earlier_files: Mapping[str, frozenset[str]] = field(default_factory=dict)
    read_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What a member owes on both sides, and where they differ.

    Attributes:
        owed: by our books.
        owed_at_portal: by what lives at the portal; what no reading shows for long counts for
            nothing there, and is told.
        disagreements: what a person is told; a person's closing silences it until it changes.
    """

    owed: Money
    owed_at_portal: Money
    disagreements: tuple[Disagreement, ...]


def balance_of(account: MemberAccount, now: datetime) -> Balance:
    """What a member owes on both sides, and everything in which they disagree."""
    by_number = {one.number: _shown_as(account, one) for one in account.held if one.number}
    on_its_way = any(_expected(one, account.held) is Expected.ON_ITS_WAY for one in account.held)
    open_question = on_its_way or any(one.status is S.REFUSED for one in account.held)
    others = tuple(
        document
        for document in account.shown
        if document.standing is not Standing.KNOWN and document.lives
    )
    beyond = tuple(one for one in others if _is_beyond(one))
    keyed = tuple(
        one
        for one in others
        # What a person closed is of something else.
        if not _is_beyond(one) and not one.closed and _is_our_amount(one, account.held)
    )
    owed = Money.sum(_owed(one, account.held) for one in account.held)
    found = [
        *_each(account, by_number, now, open_question=open_question),
        *(Disagreement(DisagreementKind.BEYOND, one.number, (one,)) for one in beyond),
        *(Disagreement(DisagreementKind.KEYED, one.number, (one,)) for one in keyed),
    ]
    told = tuple(one for one in found if not _is_closed(one))
    unseen = {one.number for one in told if one.kind is DisagreementKind.UNSEEN}
    at_portal = Money.sum(
        _signed(one, by_number.get(one.number, ()))
        for one in account.held
        if one.number not in unseen
    )
    at_portal += Money.sum(one.gross or ZERO for one in (*beyond, *keyed))
    return Balance(owed=owed, owed_at_portal=at_portal, disagreements=told)


def rivals(
    account: MemberAccount, amounts: Collection[Money], number: str = ""
) -> tuple[PortalDocument, ...]:
    """What lives at the portal beside an invoice that is to be made, or to leave.

    Args:
        account: of its member and year.
        amounts: its total (BT-112, BT-115): the same of another software, or keyed, may be this
            very one.
        number: its own; empty before it has one.
    """
    beside = (
        one
        for one in account.shown
        if one.standing is not Standing.KNOWN
        and one.lives
        and (_is_beyond(one) or (_is_one_of(one, amounts) and not one.closed))
    )
    others = [one for one in account.held if one.number != number]
    by_number = {one.number: _shown_as(account, one) for one in others if one.number}
    return (*_unpaid(others, by_number), *beside)


def keeps_back(account: MemberAccount, invoice: TrackedInvoice) -> tuple[Trouble, str] | None:
    """Why the file of an invoice or credit note may not leave now; None when it may."""
    if invoice.is_credit_note:
        corrected = next(one for one in account.held if one.id == invoice.corrects)
        shown = _shown_as(account, corrected)
        ended = bool(shown) and not any(document.lives for document in shown)
        return (Trouble.INVOICE_ENDED, "") if ended else None
    found = rivals(account, (gross(invoice), invoice.total), invoice.number)
    said = " ; ".join(f"{one.number} ({one.french})" for one in found)
    return (Trouble.RIVAL, said) if found else None


_EXPECTED: Mapping[InvoiceStatus, Expected] = {
    S.DRAFT: Expected.ABSENT,
    S.PARKED: Expected.ABSENT,
    S.REFUSED: Expected.ABSENT,
    S.ISSUED: Expected.ON_ITS_WAY,
    S.SENDING: Expected.ON_ITS_WAY,
    S.UNKNOWN: Expected.ON_ITS_WAY,
    S.DEPOSITED: Expected.ON_ITS_WAY,
    S.INTEGRATED: Expected.LIVING,
    S.SUSPENDED: Expected.LIVING,
    S.SETTLED: Expected.LIVING,
    S.REJECTED: Expected.ENDED,
    S.CANCELLED: Expected.LIVING,
}
"""By status; a credit note that stayed in the books changes it, and one that was replaced."""


def _expected(one: TrackedInvoice, held: Sequence[TrackedInvoice]) -> Expected:
    if one.is_internal:
        return Expected.ABSENT
    if one.status is S.CANCELLED and (one.is_credit_note or _internal_note(one, held)):
        return Expected.ENDED
    return _EXPECTED[one.status]


def _notes(one: TrackedInvoice, held: Sequence[TrackedInvoice]) -> tuple[TrackedInvoice, ...]:
    """The credit notes of an invoice that count."""
    return tuple(
        note for note in held if note.corrects == one.id and note.status is not S.CANCELLED
    )


def _internal_note(one: TrackedInvoice, held: Sequence[TrackedInvoice]) -> str:
    return next((note.number for note in _notes(one, held) if note.is_internal), "")


def _owed(one: TrackedInvoice, held: Sequence[TrackedInvoice]) -> Money:
    """Of an invoice, what its credit notes leave; nothing once it is rejected or taken back."""
    if one.is_credit_note or not one.number or one.status in {S.REJECTED, S.REFUSED}:
        return ZERO
    if _expected(one, held) is Expected.ENDED:
        return ZERO
    return gross(one) - Money.sum(gross(note) for note in _notes(one, held))


def gross(one: TrackedInvoice) -> Money:
    """BT-112: what the portal shows, without the rounding of BT-114."""
    return one.total - one.rounding


def _shown_as(account: MemberAccount, one: TrackedInvoice) -> tuple[PortalDocument, ...]:
    """The documents of the portal under its number, for its buyer."""
    return tuple(
        document
        for document in account.shown
        if document.standing is Standing.KNOWN
        and is_same_document(document.number, document.recipient, one.number, one.siret)
    )


def _signed(one: TrackedInvoice, shown: Sequence[PortalDocument]) -> Money:
    """What lives of it at the portal; whether the portal signs credit notes is unknown."""
    living = [document for document in shown if document.lives]
    amounts = (abs((gross(one) if d.gross is None else d.gross).cents) for d in living)
    total = Money(sum(amounts))
    return -total if one.is_credit_note else total


def _each(
    account: MemberAccount,
    by_number: Mapping[str, Sequence[PortalDocument]],
    now: datetime,
    *,
    open_question: bool,
) -> Iterator[Disagreement]:
    for one in account.held:
        shown = tuple(by_number.get(one.number, ()))
        living = tuple(document for document in shown if document.lives)
        if len(living) > 1:
            yield Disagreement(DisagreementKind.TWICE, one.number, living)
        elif living and len(shown) > 1:
            yield Disagreement(DisagreementKind.TWIN_REJECTED, one.number, shown)
        if _expected(one, account.held) is Expected.LIVING:
            yield from _of_what_counts(account, one, shown, by_number)
            if not open_question and _is_unseen(one, shown, account.read_at, now):
                yield Disagreement(DisagreementKind.UNSEEN, one.number, shown)
        elif living and (one.status is S.CANCELLED or one.is_internal):
            # At its buyer's, the next news move it (statuses.py); refused, it is looked for.
            yield Disagreement(
                DisagreementKind.LIVES_AGAIN, one.number, living, _internal_note(one, account.held)
            )


def _of_what_counts(
    account: MemberAccount,
    one: TrackedInvoice,
    shown: tuple[PortalDocument, ...],
    by_number: Mapping[str, Sequence[PortalDocument]],
) -> Iterator[Disagreement]:
    """Of an invoice or credit note that the books count."""
    living = tuple(document for document in shown if document.lives)
    if shown and not living:
        if one.status in {S.SETTLED, S.CANCELLED}:
            # At the buyer's, the next news move it (statuses.py).
            yield Disagreement(DisagreementKind.ENDED_THERE, one.number, shown)
        return
    if living and one.is_credit_note and _is_alone(one, account.held, by_number):
        yield Disagreement(
            DisagreementKind.ALONE_THERE, _invoice_of(one, account.held), living, one.number
        )
    if any(_is_earlier(account, one, document) for document in living):
        yield Disagreement(DisagreementKind.EARLIER_VERSION, one.number, living)
    if len(living) == 1 and not _is_amount(living[0], gross(one)):
        yield Disagreement(DisagreementKind.OTHER_AMOUNT, one.number, living)


def _is_alone(
    note: TrackedInvoice,
    held: Sequence[TrackedInvoice],
    by_number: Mapping[str, Sequence[PortalDocument]],
) -> bool:
    """Whether the invoice of a credit note that lives is not to be paid any more."""
    corrected = next((one for one in held if one.id == note.corrects), None)
    if corrected is None:
        return False
    shown = by_number.get(corrected.number, ())
    if any(document.lives for document in shown):
        return False
    return bool(shown) or _expected(corrected, held) is Expected.ENDED


def _invoice_of(note: TrackedInvoice, held: Sequence[TrackedInvoice]) -> str:
    return next(one.number for one in held if one.id == note.corrects)


def _is_earlier(account: MemberAccount, one: TrackedInvoice, document: PortalDocument) -> bool:
    settled = one.status in {S.SETTLED, S.CANCELLED}
    return not settled and document.flux_number in account.earlier_files.get(one.number, ())


def _is_unseen(
    one: TrackedInvoice,
    shown: Sequence[PortalDocument],
    read_at: datetime | None,
    now: datetime,
) -> bool:
    if read_at is None or one.issue_date is None or one.issue_date.year < read_at.year - 1:
        return False  # of years that are not read any more
    last = max((document.seen_at for document in shown), default=one.status_since)
    return read_at - last > UNSEEN and now - one.status_since > UNSEEN


def _unpaid(
    held: Sequence[TrackedInvoice], by_number: Mapping[str, Sequence[PortalDocument]]
) -> Iterator[PortalDocument]:
    """What lives at the portal of the invoices, less those that credit notes there cover."""
    for one in held:
        if one.is_credit_note:
            continue
        living = [document for document in by_number.get(one.number, ()) if document.lives]
        notes = Money.sum(
            _signed(note, by_number.get(note.number, ()))
            for note in held
            if note.corrects == one.id
        )
        left = _signed(one, living) + notes
        if living and left.cents > len(living):
            yield from living


def _is_beyond(document: PortalDocument) -> bool:
    return document.standing is Standing.BEYOND


def _is_our_amount(document: PortalDocument, held: Sequence[TrackedInvoice]) -> bool:
    ours = [one for one in held if one.number and not one.is_credit_note]
    return any(_is_one_of(document, (gross(one), one.total)) for one in ours)


def _is_one_of(document: PortalDocument, amounts: Collection[Money]) -> bool:
    return document.gross is not None and any(_is_amount(document, one) for one in amounts)


def _is_amount(document: PortalDocument, amount: Money) -> bool:
    """To the cent of a portal's rounding; an amount that it leaves out proves nothing."""
    return document.gross is None or abs(abs(document.gross.cents) - amount.cents) <= CENT.cents


def _is_closed(one: Disagreement) -> bool:
    """Whether a person said what it is; what is beyond the books is closed in its own way."""
    return bool(one.shown) and all(document.closed for document in one.shown)
