"""Invoices in the database: numbers without gap, one live invoice, moves by compare-and-swap."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from chaos import pace
from tests.golden.samples import MEMBER
from tests.support.storage_samples import (
    NOW,
    OTHER,
    SIRET,
    add_members,
    issue_one,
    numbered,
    writing,
)
from worker.billing.document import Document, DocumentKind
from worker.billing.money import Money
from worker.billing.status import MOVES, InvoiceStatus, TrackedInvoice
from worker.billing.tariff import TariffGrid
from worker.errors import Finding, Severity
from worker.storage import Store, Transaction, due, invoices
from worker.storage.documents import CheckedWith, add_documents, documents_of
from worker.storage.grids import freeze_grid, frozen_grids
from worker.storage.tables import InvoiceRow

OTHER_MEMBER = replace(MEMBER, siret=OTHER, name="Commune fictive")
S = InvoiceStatus
DAY = timedelta(days=1)
GRID = TariffGrid(
    version="2023",
    title="Tarifs",
    source="convention",
    valid_from=NOW.date(),
    valid_to=None,
    services={},
    sha256="a" * 64,
)
FINDING = Finding(
    code="REF-ENGAGEMENT",
    message="il manque un n° d'engagement",
    severity=Severity.WARNING,
    where="l. 1",
)


def _issued(store: Store) -> TrackedInvoice:
    add_members(store)
    with writing(store) as session:
        invoice_id = issue_one(session)
    return _read(store, invoice_id)


def _read(store: Store, invoice_id: int) -> TrackedInvoice:
    with store.reading() as session:
        return invoices.by_id(session, invoice_id)


def _force(store: Store, invoice: TrackedInvoice, *path: InvoiceStatus) -> TrackedInvoice:
    for status in path:
        with writing(store) as session:
            assert invoices.move(session, invoice, status)
        invoice = _read(store, invoice.id)
    return invoice


def _row(status: str, number: str | None = "X-1", year: int = 2025) -> InvoiceRow:
    return InvoiceRow(
        siret=SIRET,
        member_name="Commune",
        year=year,
        status=status,
        status_since=NOW,
        total_cents=1,
        number=number,
        findings="[]",
    )


def test_numbers_follow_one_another_in_each_series(store: Store) -> None:
    """Each series starts at 1 and never skips."""
    with writing(store) as session:
        assert [invoices.take_number(session, "BSN-2026-") for _ in range(3)] == [1, 2, 3]
        assert invoices.take_number(session, "ETAT-2026-") == 1
    with writing(store) as session:
        assert invoices.take_number(session, "BSN-2026-") == 4


def test_a_rollback_gives_the_number_back(store: Store) -> None:
    """A number taken by a transaction that is undone is the next one given."""
    for _ in range(2):
        with writing(store, commit=False) as session:
            assert invoices.take_number(session, "BSN-2026-") == 1
    with writing(store) as session:
        assert invoices.take_number(session, "BSN-2026-") == 1


def test_writers_at_once_never_share_nor_skip_a_number(store: Store) -> None:
    """Four writers, some of which give up, take 1 to n: the first number of a series included."""
    start = threading.Barrier(4)
    kept: list[int] = []

    def take(worker: int) -> None:
        start.wait(pace.limit(10))
        for turn in range(12):
            commit = (worker + turn) % 3 > 0
            with writing(store, commit=commit) as session:
                number = invoices.take_number(session, "BSN-2026-")
            if commit:
                kept.append(number)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(take, range(4)))

    assert sorted(kept) == list(range(1, 33))


def test_an_issued_invoice_is_read_back_as_it_was(store: Store) -> None:
    """Content, statement and totals come back equal, by id, by number, by member and year."""
    tracked = _issued(store)
    invoice, statement = numbered(1)
    with store.reading() as session:
        assert invoices.content(session, tracked.id) == invoice
        assert invoices.statement_of(session, tracked.id) == statement
        assert invoices.by_number(session, invoice.number) == tracked
        assert invoices.current(session, SIRET, 2025) == tracked
        assert invoices.by_number(session, "BSN-2026-00002") is None
        assert invoices.current(session, SIRET, 2024) is None

    assert tracked.status is S.ISSUED
    assert tracked.total == invoice.totals.gross == statement.total
    assert (tracked.number, tracked.due_date) == (invoice.number, invoice.due_date)
    assert tracked.version == 1


def test_an_issued_invoice_is_never_issued_again(store: Store) -> None:
    """A second issue for a member and year is a defect, whatever state the first is in."""
    tracked = _issued(store)
    invoice, statement = numbered(2)
    states = [[], [S.SENDING], [S.UNKNOWN], [S.REFUSED]]
    for path in states:
        tracked = _force(store, tracked, *path)
        with pytest.raises(RuntimeError, match="already issued"), writing(store) as session:
            invoices.issue(session, invoice, statement, ())

    assert _read(store, tracked.id).number == numbered(1)[0].number


def test_the_database_refuses_a_second_live_invoice(store: Store) -> None:
    """One invoice counts for a member and year; another may follow once it is cancelled."""
    tracked = _issued(store)
    with pytest.raises(DBAPIError, match=r"(?i)unique"), writing(store) as session:
        session.add(_row("parked", number=None))
    tracked = _force(store, tracked, S.SENDING, S.DEPOSITED, S.INTEGRATED, S.REJECTED, S.CANCELLED)
    with writing(store) as session:
        second = issue_one(session)
    with store.reading() as session:
        current = invoices.current(session, SIRET, 2025)
        assert current is not None
        assert (current.id, current.number) == (second, "BSN-2026-00002")
        assert len(invoices.tracked(session, year=2025)) == 2


@pytest.mark.parametrize(
    "status, number",
    [("brouillon", "X-1"), ("ISSUED", "X-1"), ("", None), ("issued", None), ("parked", "X-1")],
)
def test_the_database_refuses_a_status_that_does_not_exist(
    store: Store, status: str, number: str | None
) -> None:
    """Unknown statuses, an issued row without number, a parked one with: none can be stored."""
    add_members(store)
    with pytest.raises(DBAPIError, match=r"(?i)check"), writing(store) as session:
        session.add(_row(status, number))


def test_every_status_of_the_code_can_be_stored(store: Store) -> None:
    """The constraint of the database and the lifecycle name the same statuses."""
    add_members(store)
    for year, status in enumerate(InvoiceStatus, start=2001):
        number = None if status in {S.DRAFT, S.PARKED} else f"X-{year}"
        with writing(store) as session:
            session.add(_row(status.value, number, year))
    with store.reading() as session:
        assert {invoice.status for invoice in invoices.tracked(session)} == set(InvoiceStatus)


def test_who_moves_second_is_told(store: Store) -> None:
    """A move from a status that somebody has already left changes nothing and says so."""
    seen = _issued(store)
    with writing(store) as session:
        assert invoices.move(session, seen, S.SENDING, next_check_at=NOW)
    later = NOW + timedelta(hours=1)
    with writing(store, at=later) as session:
        assert not invoices.move(session, seen, S.SENDING, flux_number="intrus")
    moved = _read(store, seen.id)

    assert (moved.status, moved.status_since, moved.flux_number) == (S.SENDING, NOW, "")
    assert moved.next_check_at == NOW


def test_what_was_seen_before_it_left_and_came_back_decides_nothing(store: Store) -> None:
    """The same status again, with another deposit behind it: neither moved nor noted."""
    seen = _issued(store)
    minutes = [NOW + timedelta(minutes=rank) for rank in (1, 2)]
    for to, at in zip((S.SENDING, S.ISSUED), minutes, strict=True):
        with writing(store, at=at) as session:
            assert invoices.move(session, _read(store, seen.id), to)
    back = _read(store, seen.id)
    assert (back.status, back.status_since) == (seen.status, minutes[1])
    with writing(store, at=minutes[1]) as session:
        assert not invoices.note(session, seen, checks=4)
        assert not invoices.move(session, seen, S.SENDING)

    assert _read(store, seen.id) == back


def test_a_move_is_seen_in_its_own_transaction_whatever_was_loaded_before(store: Store) -> None:
    """By id and by number, also while the session holds the invoice as it was."""
    seen = _issued(store)
    with writing(store, at=NOW + timedelta(minutes=1)) as session:
        loaded = session.get_one(InvoiceRow, seen.id)
        invoices.move(session, seen, S.SENDING)
        assert loaded.status == S.ISSUED.value
        assert invoices.named(session, seen.number) == invoices.by_id(session, seen.id)
        assert invoices.named(session, seen.number).status is S.SENDING


def test_of_many_who_move_at_once_one_wins(store: Store) -> None:
    """Threads that saw the same status: exactly one of them moves the invoice."""
    seen = _issued(store)
    start = threading.Barrier(4)

    def move(worker: int) -> bool:
        start.wait(pace.limit(10))
        with writing(store) as session:
            return invoices.move(session, seen, S.SENDING, detail=str(worker))

    with ThreadPoolExecutor(4) as pool:
        won = list(pool.map(move, range(4)))

    assert sorted(won) == [False, False, False, True]
    assert _read(store, seen.id).detail == str(won.index(True))


def test_a_move_outside_the_table_is_a_defect(store: Store) -> None:
    """Every move that ``MOVES`` does not list raises, before the database is asked."""
    seen = _issued(store)
    with writing(store) as session:
        for present in InvoiceStatus:
            for to in set(InvoiceStatus) - MOVES[present]:
                with pytest.raises(RuntimeError, match="never goes from"):
                    invoices.move(session, replace(seen, status=present), to)

    assert _read(store, seen.id) == seen


def test_only_a_refused_invoice_is_corrected(store: Store) -> None:
    """New content keeps the number, and is refused while a deposit may still live."""
    seen = _issued(store)
    invoice = replace(numbered(1)[0], engagement="EJ-2025-99999")
    for path in ([], [S.SENDING], [S.UNKNOWN]):
        seen = _force(store, seen, *path)
        with pytest.raises(RuntimeError, match="corrected"), writing(store) as session:
            invoices.correct(session, seen.id, invoice)
    seen = _force(store, seen, S.REFUSED)
    with pytest.raises(RuntimeError, match="cannot become"), writing(store) as session:
        invoices.correct(session, seen.id, numbered(2)[0])
    with writing(store) as session:
        assert invoices.correct(session, seen.id, invoice) == 2
    corrected = _read(store, seen.id)
    assert (corrected.number, corrected.version) == (seen.number, 2)
    assert corrected.status is S.ISSUED
    with store.reading() as session:
        assert invoices.content(session, seen.id) == invoice


def test_parking_is_said_once(store: Store) -> None:
    """The same reasons again change nothing; other reasons do; an issued invoice never parks."""
    add_members(store)

    def park(session: Transaction, *findings: Finding) -> bool:
        return invoices.park(session, MEMBER, 2025, Money(319680), findings)

    with writing(store) as session:
        assert park(session, FINDING)
    with writing(store) as session:
        assert not park(session, FINDING)
        assert park(session, FINDING, replace(FINDING, code="AUTRE"))
    with store.reading() as seen:
        (parked,) = invoices.tracked(seen)
    assert (parked.status, parked.number, parked.total) == (S.PARKED, "", Money(319680))
    assert parked.findings == (FINDING, replace(FINDING, code="AUTRE"))
    with writing(store) as session:
        assert issue_one(session) == parked.id
    with pytest.raises(RuntimeError, match="cannot be parked"), writing(store) as session:
        park(session, FINDING)

    assert _read(store, parked.id).status_since == NOW


def test_what_is_due_comes_in_order(store: Store) -> None:
    """Never looked at first or at its hour, at most ``limit``, nothing before its time."""
    seen = _issued(store)
    with store.reading() as session:
        assert due.invoices_due(session, [S.ISSUED], NOW, longest=DAY, limit=10) == (seen,)
        assert due.invoices_due(session, [S.DEPOSITED], NOW, longest=DAY, limit=10) == ()
        assert due.invoices_due(session, [S.ISSUED], NOW, longest=DAY, limit=0) == ()
    with writing(store) as session:
        invoices.note(session, seen, next_check_at=NOW + timedelta(microseconds=1), checks=3)
    with store.reading() as session:
        assert due.invoices_due(session, [S.ISSUED], NOW, longest=DAY, limit=10) == ()
        (later,) = due.invoices_due(
            session, [S.ISSUED], NOW + timedelta(microseconds=1), longest=DAY, limit=10
        )
        assert due.invoices_due(session, [S.ISSUED], None, longest=DAY, limit=10) == (later,)

    assert later.checks == 3


def test_a_time_further_ahead_than_any_wait_is_due_at_once(store: Store) -> None:
    """A clock that was a month ahead wrote it: the invoice must not be left alone for a month."""
    seen = _issued(store)
    for ahead, expected in ((timedelta(hours=47), False), (timedelta(days=30), True)):
        with writing(store) as session:
            invoices.note(session, seen, next_check_at=NOW + ahead)
        with store.reading() as session:
            assert (
                bool(due.invoices_due(session, [S.ISSUED], NOW, longest=DAY, limit=10)) is expected
            )


def test_a_witness_is_known_to_the_portal(store: Store) -> None:
    """Integrated, with the portal's identifier: a row settled in our books only proves nothing."""
    with store.reading() as session:
        assert due.known_to_portal(session) is None
    issued = _issued(store)
    settled = _force(store, issued, S.SENDING, S.DEPOSITED, S.INTEGRATED, S.SETTLED)
    with store.reading() as session:
        assert due.known_to_portal(session) is None
    with writing(store) as session:
        assert invoices.note(session, settled, cpp_id=7)
    with store.reading() as session:
        witness = due.known_to_portal(session)

    assert witness is not None
    assert (witness.number, witness.portal_id) == (issued.number, "7")


def test_invoices_are_listed_by_number_and_the_rest_last(store: Store) -> None:
    """People look for a number; who has none yet comes after, on every database."""
    add_members(store, (MEMBER, OTHER_MEMBER))
    with writing(store) as session:
        invoices.park(session, OTHER_MEMBER, 2025, Money(1), (FINDING,))
        issue_one(session)
    with store.reading() as session:
        assert [i.siret for i in invoices.tracked(session, year=2025)] == [SIRET, OTHER]
        assert [i.siret for i in invoices.tracked(session, statuses=[S.PARKED])] == [OTHER]
        assert invoices.tracked(session, year=2024) == ()


def test_documents_are_kept_by_version_with_what_they_passed(store: Store) -> None:
    """Each version lists its documents; the same kind twice in a version is refused."""
    seen = _issued(store)
    check = CheckedWith(rule_set="UBL 2.1", version="2.1", sha256="e" * 64)
    ubl = Document(kind=DocumentKind.UBL, profile="p", media_type="application/xml", content=b"1")
    with writing(store) as session:
        add_documents(session, seen.id, 1, [(ubl, (check, check))])
        add_documents(session, seen.id, 2, [(replace(ubl, content=b"22"), ())])
    with store.reading() as session:
        first, second = documents_of(session, seen.id)
    assert (first.sha256, first.size, first.checks) == (ubl.sha256, 1, (check, check))
    assert (second.version, second.size, second.checks) == (2, 2, ())
    with pytest.raises(DBAPIError, match=r"(?i)unique"), writing(store) as session:
        add_documents(session, seen.id, 1, [(ubl, ())])


def test_a_grid_is_frozen_by_its_first_use(store: Store) -> None:
    """The first content stays; a changed file under the same version does not replace it."""
    with writing(store) as session:
        assert freeze_grid(session, GRID, "version = '2023'", NOW)
    with writing(store) as session:
        assert not freeze_grid(session, replace(GRID, sha256="b" * 64), "changed", NOW)
    with store.reading() as session:
        assert frozen_grids(session) == {"2023": "a" * 64}


def test_a_member_that_does_not_exist_has_no_invoice(store: Store) -> None:
    """Foreign keys hold on both databases."""
    with pytest.raises(DBAPIError, match=r"(?i)foreign key"), writing(store) as session:
        session.add(_row("issued"))
