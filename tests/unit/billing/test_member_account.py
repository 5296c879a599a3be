"""What a member owes on both sides: one judgement, enumerated over all that is held and seen."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest

from worker.billing.member_account import (
    DisagreementKind,
    MemberAccount,
    balance_of,
    gross,
    keeps_back,
    rivals,
)
from worker.billing.money import ZERO, Money
from worker.billing.portal_document import PortalDocument, Standing
from worker.billing.status import InvoiceKind, InvoiceStatus, TrackedInvoice, Trouble

S = InvoiceStatus
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SIRET = "99900001100018"
ONE, NOTE, KEYED, NEXT = "BSN-2026-00001", "AVOIR-2026-00001", "FAC-26-17", "BSN-2026-00002"
TOTAL, PART = Money(11_566_656), Money(114_000)
NUMBERED = [status for status in S if status not in {S.DRAFT, S.PARKED}]
MOVED_BY_THE_NEWS = {S.INTEGRATED, S.SUSPENDED, S.REJECTED}


def held(
    status: InvoiceStatus, number: str = ONE, total: Money = TOTAL, *, note_of: int | None = None
) -> TrackedInvoice:
    """An invoice of the books, or a credit note on it."""
    return TrackedInvoice(
        id=1 if note_of is None else 2,
        siret=SIRET,
        member_name="Commune fictive",
        year=2025,
        status=status,
        status_since=NOW - timedelta(days=3),
        kind=InvoiceKind.INVOICE if note_of is None else InvoiceKind.CREDIT_NOTE,
        corrects=note_of,
        total=total,
        rounding=ZERO,
        number=number,
        issue_date=date(2026, 1, 5),
        due_date=None,
        version=1,
        findings=(),
        flux_number="",
        deposited_at=NOW,
        portal_id=None,
        portal_status="",
        trouble=Trouble.NONE,
        detail="",
        next_check_at=None,
        checks=0,
    )


def shown(
    number: str,
    total: Money,
    *,
    lives: bool = True,
    standing: Standing = Standing.KNOWN,
    portal_id: str = "7",
) -> PortalDocument:
    """A document of the portal."""
    return PortalDocument(
        portal_id=portal_id,
        number=number,
        recipient=SIRET,
        gross=total,
        issue_date=date(2026, 1, 5),
        flux_number="",
        lives=lives,
        raw_status="MISE_A_DISPOSITION" if lives else "REJETEE",
        standing=standing,
        first_seen_at=NOW,
        seen_at=NOW,
    )


def account(*books: TrackedInvoice, seen: tuple[PortalDocument, ...] = ()) -> MemberAccount:
    """Of one member and year, the portal having been read a moment ago."""
    return MemberAccount(
        siret=SIRET, year=2025, member_name="Commune fictive", held=books, shown=seen, read_at=NOW
    )


@dataclass(frozen=True, slots=True)
class Case:
    """One combination of witnesses; its name says all of it."""

    name: str
    account: MemberAccount


INVOICE_SEEN: dict[str, tuple[PortalDocument, ...]] = {
    "unseen": (),
    "living": (shown(ONE, TOTAL),),
    "ended": (shown(ONE, TOTAL, lives=False),),
    "twice": (shown(ONE, TOTAL), shown(ONE, TOTAL, portal_id="8")),
    "one of two ended": (shown(ONE, TOTAL), shown(ONE, TOTAL, lives=False, portal_id="8")),
    "a cent off": (shown(ONE, TOTAL + Money(1)),),
    "ten euros off": (shown(ONE, TOTAL + Money(1_000)),),
}
BESIDE: dict[str, tuple[PortalDocument, ...]] = {
    "nothing beside": (),
    "keyed": (shown(KEYED, TOTAL, standing=Standing.FOREIGN, portal_id="9"),),
    "keyed and ended": (
        shown(KEYED, TOTAL, lives=False, standing=Standing.FOREIGN, portal_id="9"),
    ),
    "of something else": (shown(KEYED, PART, standing=Standing.FOREIGN, portal_id="9"),),
    "of our series": (shown(NEXT, TOTAL, standing=Standing.BEYOND, portal_id="9"),),
}


def _notes() -> Iterator[tuple[str, tuple[TrackedInvoice, ...], tuple[PortalDocument, ...]]]:
    yield "no note", (), ()
    internal = replace(held(S.SETTLED, NOTE, note_of=1), deposited_at=None)
    yield "internal note", (internal,), ()
    for status, total in product(NUMBERED, (TOTAL, PART)):
        note = held(status, NOTE, total, note_of=1)
        size = "whole" if total == TOTAL else "part"
        yield f"{size} note {status}, unseen", (note,), ()
        yield f"{size} note {status}, living", (note,), (shown(NOTE, total, portal_id="6"),)
        yield (
            f"{size} note {status}, ended",
            (note,),
            (shown(NOTE, total, lives=False, portal_id="6"),),
        )


def every_case() -> list[Case]:
    """Each status of the invoice and its note, with all that may be seen of both and beside."""
    return [
        Case(
            f"{status}, {how}; {note}; {beside}",
            account(held(status), *notes, seen=(*seen, *noted, *others)),
        )
        for status, (how, seen), (note, notes, noted), (beside, others) in product(
            NUMBERED, INVOICE_SEEN.items(), _notes(), BESIDE.items()
        )
    ]


CASES = every_case()


def _settles_by_itself(case: Case) -> bool:
    """Whether the program has the next word about a document, and an age for it."""
    return any(
        one.status in {*MOVED_BY_THE_NEWS, S.REFUSED, S.ISSUED, S.SENDING, S.UNKNOWN, S.DEPOSITED}
        for one in case.account.held
    )


def _can_be(case: Case) -> bool:
    """Whether the books can be so: credit notes that count cover what is cancelled, and only it."""
    invoice, *notes = case.account.held
    counting = [note for note in notes if note.status is not S.CANCELLED]
    covered = Money.sum(note.total for note in counting) == invoice.total
    internal = any(note.is_internal for note in notes)
    return covered == (invoice.status is S.CANCELLED) and not (internal and not covered)


def _was_seen(case: Case) -> bool:
    """Whether the portal showed each document once; what it never did has a month (below)."""
    return all(
        any(one.number == document.number for document in case.account.shown)
        for one in case.account.held
        if not one.is_internal
    )


def test_what_is_owed_on_both_sides_is_equal_or_told() -> None:
    """In every case that nothing moves by itself any more, a difference has its disagreement."""
    settled = [c for c in CASES if _can_be(c) and _was_seen(c) and not _settles_by_itself(c)]
    judged = {case.name: balance_of(case.account, NOW) for case in settled}
    silent = [
        name
        for name, balance in judged.items()
        if abs((balance.owed - balance.owed_at_portal).cents) > 1 and not balance.disagreements
    ]

    assert silent == []
    assert len(settled) > 50


def test_nothing_is_billed_beside_what_may_be_paid() -> None:
    """Whatever the books say: what lives at the portal and no living note takes back blocks."""
    billed = []
    for case in CASES:
        living = [one for one in case.account.shown if one.lives]
        invoices = [one for one in living if one.number == ONE]
        notes = [one for one in living if one.number == NOTE]
        owed = Money.sum(one.gross or ZERO for one in invoices)
        owed -= Money.sum(one.gross or ZERO for one in notes)
        beside = any(
            one.standing is Standing.BEYOND
            or (one.standing is Standing.FOREIGN and one.gross == TOTAL)
            for one in living
        )
        blocks = (invoices and owed > Money(2)) or beside
        if blocks and not rivals(case.account, (TOTAL,)):
            billed.append(case.name)

    assert billed == []


def test_an_invoice_leaves_only_alone() -> None:
    """What would be paid beside it keeps it back, and nothing else does."""
    other = [
        one
        for one in CASES
        if one.account.held[0].status is S.ISSUED and len(one.account.held) == 1
    ]
    kept = {
        case.name: keeps_back(case.account, case.account.held[0]) is not None
        for case in other
        if "unseen" in case.name
    }

    assert {name.split("; ")[-1] for name, back in kept.items() if back} == {
        "keyed",
        "of our series",
    }


@pytest.mark.parametrize("seen", INVOICE_SEEN)
def test_a_credit_note_leaves_only_for_what_may_be_paid(seen: str) -> None:
    """Its buyer would be owed it without any invoice."""
    note = held(S.ISSUED, NOTE, note_of=1)
    judged = account(held(S.CANCELLED), note, seen=INVOICE_SEEN[seen])

    assert (keeps_back(judged, note) is not None) == (seen == "ended")


def kinds(*books: TrackedInvoice, seen: tuple[PortalDocument, ...]) -> list[DisagreementKind]:
    """In what both sides disagree."""
    return [one.kind for one in balance_of(account(*books, seen=seen), NOW).disagreements]


INTERNAL = replace(held(S.SETTLED, NOTE, note_of=1), deposited_at=None)
TRANSMITTED = held(S.INTEGRATED, NOTE, note_of=1)
NAMED: dict[
    str, tuple[tuple[TrackedInvoice, ...], tuple[PortalDocument, ...], DisagreementKind]
] = {
    "taken back here, and paid there": (
        (held(S.CANCELLED), INTERNAL),
        (shown(ONE, TOTAL),),
        DisagreementKind.LIVES_AGAIN,
    ),
    "paid, and rejected": (
        (held(S.SETTLED),),
        (shown(ONE, TOTAL, lives=False),),
        DisagreementKind.ENDED_THERE,
    ),
    "rejected after a note that lives": (
        (held(S.REJECTED), replace(TRANSMITTED, total=PART)),
        (shown(ONE, TOTAL, lives=False), shown(NOTE, PART)),
        DisagreementKind.ALONE_THERE,
    ),
    "two under one number": ((held(S.INTEGRATED),), INVOICE_SEEN["twice"], DisagreementKind.TWICE),
    "another amount": (
        (held(S.INTEGRATED),),
        INVOICE_SEEN["ten euros off"],
        DisagreementKind.OTHER_AMOUNT,
    ),
    "keyed by hand": (
        (held(S.INTEGRATED),),
        (shown(ONE, TOTAL), *BESIDE["keyed"]),
        DisagreementKind.KEYED,
    ),
}


@pytest.mark.parametrize("name", NAMED)
def test_each_disagreement_has_its_name(name: str) -> None:
    """And is the only one."""
    books, seen, kind = NAMED[name]

    assert kinds(*books, seen=seen) == [kind]


def test_a_part_credited_and_then_rejected_owes_nothing_by_the_books() -> None:
    """The note would be deducted from what the member really owes: both figures differ."""
    books, seen, _ = NAMED["rejected after a note that lives"]
    balance = balance_of(account(*books, seen=seen), NOW)

    assert (balance.owed, balance.owed_at_portal) == (ZERO, -PART)


def test_a_version_corrected_since_is_told() -> None:
    """The file that was refused first is the one that the portal took."""
    seen = (replace(shown(ONE, TOTAL), flux_number="CPP1"),)
    judged = replace(
        account(held(S.INTEGRATED), seen=seen), earlier_files={ONE: frozenset({"CPP1"})}
    )

    assert [one.kind for one in balance_of(judged, NOW).disagreements] == [
        DisagreementKind.EARLIER_VERSION
    ]


def test_what_no_reading_shows_for_a_month_is_told() -> None:
    """Its report and a search showed it once; the portal's side owes nothing for it any more."""
    old = replace(held(S.INTEGRATED), status_since=NOW - timedelta(days=60))
    seen = (replace(shown(ONE, TOTAL), seen_at=NOW - timedelta(days=31)),)

    balance = balance_of(account(old, seen=seen), NOW)

    assert [one.kind for one in balance.disagreements] == [DisagreementKind.UNSEEN]
    assert (balance.owed, balance.owed_at_portal) == (TOTAL, ZERO)


def test_what_a_person_closed_is_told_no_more() -> None:
    """Until the portal shows it otherwise (storage)."""
    books, seen, _ = NAMED["taken back here, and paid there"]

    assert kinds(*books, seen=tuple(replace(one, closed=True) for one in seen)) == []


def test_what_is_beyond_the_books_blocks_even_closed() -> None:
    """A person saw it, and its member may still pay it."""
    closed = replace(BESIDE["of our series"][0], closed=True)
    again = replace(shown(ONE, TOTAL), closed=True)

    assert rivals(account(seen=(closed,)), (TOTAL,)) == (closed,)
    assert rivals(account(held(S.CANCELLED), INTERNAL, seen=(again,)), (TOTAL,)) == (again,)
    assert rivals(account(seen=(replace(BESIDE["keyed"][0], closed=True),)), (TOTAL,)) == ()


def test_another_member_of_the_same_number_is_not_its_own() -> None:
    """Under our number, for another buyer: nothing of this account."""
    other = replace(shown(ONE, TOTAL), recipient="99900002200016")

    assert gross(held(S.CANCELLED)) == TOTAL
    assert balance_of(account(held(S.CANCELLED), INTERNAL, seen=(other,)), NOW).disagreements == ()
