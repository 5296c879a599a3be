"""The January batch: who is issued, who is parked, and that numbers leave no gap."""

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from io import BytesIO
from itertools import islice
from pathlib import Path
from threading import Barrier, Thread

import pikepdf
import pytest

from tests.offices import PARKED, YEAR, Desk, light_render, number, open_desk
from worker import holding
from worker.audit import EventTag
from worker.billing_run import MemberOutcome, MemberResult, issue_year
from worker.demo import COMPLEMENT, STORY
from worker.document import Document, DocumentKind, Unprintable
from worker.errors import (
    PortalAnswerError,
    PortalDown,
    Refused,
    StorageUnavailable,
    TariffError,
    WorkerError,
)
from worker.findings import Finding
from worker.formats.embedding import XML_NAME
from worker.imports import ImportKind
from worker.invoice import Invoice
from worker.lifecycle import InvoiceStatus
from worker.members import BillingReferences
from worker.money import Money
from worker.portals.memory import Condition
from worker.preparing import preview_year
from worker.press import CheckedDocument
from worker.statement import Statement
from worker.storage import invoices

ISSUES = (EventTag.INVOICE_ISSUED, EventTag.INVOICE_PARKED, EventTag.TARIFF_USED)


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path)


def numbers(outcomes: Sequence[MemberOutcome]) -> list[str]:
    """Those issued by this run."""
    return [o.number for o in outcomes if o.result is MemberResult.ISSUED]


def kept(desk: Desk) -> tuple[object, ...]:
    """All that a second run might change."""
    return desk.invoices(), desk.events(*ISSUES), desk.archived()


def counters(desk: Desk) -> list[int]:
    """The last value of each series."""
    with desk.office.store.reading() as session:
        rows = session.connection().exec_driver_sql("SELECT last_value FROM number_series")
        return [int(value) for (value,) in rows]


def cents(desk: Desk, table: str) -> int:
    """The sum of a column of amounts."""
    with desk.office.store.reading() as session:
        rows = session.connection().exec_driver_sql(f"SELECT sum(total_cents) FROM {table}")
        return int(rows.scalar_one())


def test_eleven_are_issued_in_order_and_one_is_parked(desk: Desk) -> None:
    """Numbers run from 1 without gap, and the member without engagement takes none."""
    outcomes = desk.issue()
    assert numbers(outcomes) == [number(rank) for rank in range(1, 12)]
    (parked,) = [o for o in outcomes if o.result is MemberResult.PARKED]
    assert (parked.member.siret, parked.number) == (PARKED, "")
    assert [finding.code for finding in parked.findings] == ["DIR-ENGAGEMENT"]
    assert "import references" in parked.findings[0].remedy
    assert counters(desk) == [11, 11]
    assert [i.siret for i in desk.invoices()[:11]] == sorted(
        case.siret for case in STORY if case.siret != PARKED
    )


def test_running_twice_changes_nothing(desk: Desk) -> None:
    """Neither rows, nor the journal of what was issued, nor the archive."""
    desk.issue()
    before = kept(desk)
    desk.clock.advance(hours=1)

    outcomes = desk.issue()

    assert {o.result for o in outcomes} == {MemberResult.ALREADY, MemberResult.PARKED}
    assert kept(desk) == before


def test_a_parked_member_takes_the_next_number_once_corrected(desk: Desk) -> None:
    """Its missing engagement arrives: it is twelfth, and on its invoice."""
    desk.issue()
    desk.bring(COMPLEMENT, ImportKind.REFERENCES)

    assert numbers(desk.issue()) == [number(12)]

    twelfth = desk.one(number(12))
    assert (twelfth.siret, twelfth.status) == (PARKED, InvoiceStatus.ISSUED)
    assert len(desk.invoices()) == 12
    with desk.office.store.reading() as session:
        assert invoices.content(session, twelfth.id).engagement == "ENG-2025-0311"


def test_an_unfinished_year_is_refused(desk: Desk) -> None:
    """On the last evening of the year, in Paris, it is not over; an hour later it is."""
    desk.clock.now = datetime(2025, 12, 31, 22, 59, tzinfo=UTC)
    with pytest.raises(Refused, match="n'est pas terminée"):
        desk.issue()
    assert desk.invoices() == ()
    desk.clock.now = datetime(2025, 12, 31, 23, 1, tzinfo=UTC)
    assert numbers(desk.issue())[0] == number(1)
    assert desk.one(number(1)).issue_date == date(2026, 1, 1)


def test_a_grid_changed_after_use_is_refused(desk: Desk) -> None:
    """The file that priced invoices must stay as it was, and any number is then out of reach."""
    desk.issue()
    (priced,) = {
        version
        for _, payload in desk.events(EventTag.INVOICE_ISSUED)
        for version in payload["grids"]
    }
    (path,) = [
        path
        for path in (desk.folder / "tarifs").glob("*.toml")
        if f'"{priced}"' in path.read_text()
    ]
    path.write_text(path.read_text() + "\n# retouche\n")
    desk.bring(COMPLEMENT, ImportKind.REFERENCES)
    with pytest.raises(TariffError, match=re.escape(priced)):
        desk.issue()
    assert counters(desk) == [11, 11]


@pytest.fixture(name="ahead")
def _ahead(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Iterator[Desk]:
    """Another desk, which draws documents up ahead as the program does."""
    folder = tmp_path / "ahead"
    folder.mkdir()
    desk = open_desk(tmp_path_factory.getbasetemp(), folder)
    with ThreadPoolExecutor(2) as drawer:
        desk.drawer = drawer
        yield desk


def unprintable(siret: str) -> Callable[[Invoice, Statement | None], Sequence[Document]]:
    """A renderer that cannot print one member."""

    def render(invoice: Invoice, statement: Statement | None) -> Sequence[Document]:
        if invoice.buyer.siret == siret:
            raise Unprintable("statement cannot be printed", "\x07")
        return light_render(invoice, statement)

    return render


def test_a_member_that_cannot_be_printed_is_parked_and_leaves_no_gap(desk: Desk) -> None:
    """The number it had taken goes to the next member."""
    third = desk.portal.structure(sorted(case.siret for case in STORY)[2])
    assert third is not None
    desk.render = unprintable(third.siret)

    outcomes = desk.issue()

    assert numbers(outcomes) == [number(rank) for rank in range(1, 11)]
    parked = {o.member.siret: o.findings for o in outcomes if o.result is MemberResult.PARKED}
    assert set(parked) == {PARKED, third.siret}
    assert "signe qui ne peut pas être imprimé (U+0007)" in parked[third.siret][0].message
    assert "Retirez" in parked[third.siret][0].remedy
    desk.render = light_render
    assert numbers(desk.issue()) == [number(11)]


def books(desk: Desk) -> list[tuple[object, ...]]:
    """Each invoice, with the hashes of its documents."""
    return [
        (i.number, i.siret, i.status, i.total, [d.sha256 for d in desk.documents(i.number)])
        for i in desk.invoices()
        if i.number
    ]


def test_a_defect_of_the_renderer_is_no_fault_of_a_name(desk: Desk) -> None:
    """Only a text that cannot be printed parks a member: anything else stops the run."""

    def render(invoice: Invoice, statement: Statement | None) -> Sequence[Document]:
        raise ValueError(f"{invoice.number} is drawn for {statement}")

    desk.render = render
    with pytest.raises(ValueError, match="is drawn for"):
        desk.issue()
    assert not [i.number for i in desk.invoices() if i.number]


def test_drawing_ahead_changes_nothing_in_the_books(desk: Desk, ahead: Desk) -> None:
    """With documents drawn up before their turn: same numbers, same bytes, same members parked."""
    for each in (desk, ahead):
        third = sorted(case.siret for case in STORY)[2]
        each.render = unprintable(third)
        outcomes = each.issue()
        assert len(numbers(outcomes)) == 10
    assert books(ahead) == books(desk)


def test_documents_drawn_for_other_numbers_are_drawn_again(ahead: Desk) -> None:
    """A member that cannot be printed shifts the others: no document says a number it has not."""
    ahead.render = unprintable(sorted(case.siret for case in STORY)[2])
    ahead.issue()
    archived = ahead.archived()
    for invoice in ahead.invoices():
        for document in ahead.documents(invoice.number) if invoice.number else ():
            if document.kind is DocumentKind.FACTURX:
                assert invoice.number.encode() in archived[document.sha256]


def test_nothing_drawn_ahead_is_kept_when_the_run_is_stopped(ahead: Desk) -> None:
    """Asked to stop after three members: three invoices, and no file of a fourth."""
    seen: list[MemberOutcome] = []
    for outcome in issue_year(ahead.issuer(), YEAR, lambda: len(seen) == 3):
        seen.append(outcome)  # noqa: PERF402 - ``stop`` looks at it meanwhile
    assert numbers(seen) == [number(rank) for rank in range(1, 4)]
    assert counters(ahead) == [3, 3]
    assert len(ahead.archived()) == 6


def test_an_invalid_document_parks_its_member(desk: Desk) -> None:
    """What breaks a rule is never numbered, nor kept in the database, nor in the archive."""
    victim = STORY[1].siret
    refusal = Finding(code="XSD", message="élément inattendu", remedy="corrigez")

    def check(document: Document) -> CheckedDocument:
        wrong = (refusal,) if victim.encode() in document.content else ()
        return CheckedDocument(document=document, findings=wrong)

    desk.check = check
    outcomes = desk.issue()

    assert numbers(outcomes) == [number(rank) for rank in range(1, 11)]
    (outcome,) = [o for o in outcomes if o.member.siret == victim]
    assert outcome.findings == (refusal,)
    assert all(victim.encode() not in content for content in desk.archived().values())
    (parked,) = [i for i in desk.invoices() if i.siret == victim]
    assert (parked.status, parked.number, parked.findings) == (
        InvoiceStatus.PARKED,
        "",
        (refusal,),
    )


def test_a_storage_failure_in_the_middle_leaves_no_trace(desk: Desk) -> None:
    """The fifth member cannot be written: its number waits for the next run."""

    def render(invoice: Invoice, statement: Statement | None) -> Sequence[Document]:
        if invoice.number == number(5):
            raise StorageUnavailable("Le disque refuse d'écrire.")
        return light_render(invoice, statement)

    desk.render = render
    with pytest.raises(StorageUnavailable):
        desk.issue()
    assert [i.number for i in desk.invoices()] == [number(rank) for rank in range(1, 5)]
    assert counters(desk) == [4, 4]
    assert number(5) not in [subject for subject, _ in desk.events()]

    desk.render = light_render
    assert numbers(desk.issue()) == [number(rank) for rank in range(5, 12)]


def test_an_archive_that_cannot_be_written_stops_the_run(desk: Desk) -> None:
    """No row names bytes that are nowhere."""
    folder = desk.office.store.archive.folder
    shutil.rmtree(folder)
    folder.write_text("un fichier à la place du dossier")
    with pytest.raises(StorageUnavailable) as caught:
        desk.issue()
    assert "archive" in caught.value.message
    assert desk.invoices() == ()
    folder.unlink()
    folder.mkdir()
    assert numbers(desk.issue())[0] == number(1)


def test_a_portal_down_stops_before_any_number(desk: Desk) -> None:
    """What was issued stays, and the run goes on from there when the portal is back."""
    run = issue_year(desk.issuer(), YEAR)
    outcomes = list(islice(run, 4))
    desk.portal.condition = Condition.DOWN
    with pytest.raises(PortalDown):
        next(run)
    assert numbers(outcomes) == [number(rank) for rank in range(1, 5)]
    assert [i.status for i in desk.invoices()] == [InvoiceStatus.ISSUED] * 4
    assert counters(desk) == [4, 4]
    desk.portal.condition = Condition.UP
    assert numbers(desk.issue()) == [number(rank) for rank in range(5, 12)]


def test_an_unreadable_directory_entry_holds_one_member_back(desk: Desk) -> None:
    """The portal answers nonsense about one member: the others are billed all the same."""
    victim = STORY[2].siret
    issuer = desk.issuer()

    def directory(references: BillingReferences) -> tuple[Finding, ...]:
        if references.siret == victim:
            raise PortalAnswerError("Réponse incomplète.")
        return issuer.directory(references)

    outcomes = list(issue_year(replace(issuer, directory=directory), YEAR))

    assert len(numbers(outcomes)) == 10
    (outcome,) = [o for o in outcomes if o.member.siret == victim]
    assert [finding.code for finding in outcome.findings] == ["DIR-UNREADABLE"]
    assert numbers(desk.issue()) == [number(11)]


@pytest.mark.parametrize(
    "kind,header,row",
    [
        (
            ImportKind.USAGE,
            "SIRET;Service;Palier;Mois;Utilisateurs",
            f"{STORY[0].siret};stockage;1;06/2025;999",
        ),
        (
            ImportKind.REFERENCES,
            "SIRET;Année;Code service;Engagement",
            f"{STORY[0].siret};2025;NUMERIQUE;AUTRE-1",
        ),
    ],
)
def test_data_that_changes_between_check_and_issue_is_not_billed(
    desk: Desk, kind: ImportKind, header: str, row: str
) -> None:
    """An import that lands in between: the old figures are dropped, the new ones are billed."""
    issuer = desk.issuer()

    def directory(references: BillingReferences) -> tuple[Finding, ...]:
        found = issuer.directory(references)
        if references.siret == STORY[0].siret and not desk.events(EventTag.INVOICE_ISSUED):
            desk.write(kind, header, row)
        return found

    outcomes = list(issue_year(replace(issuer, directory=directory), YEAR))

    assert numbers(outcomes) == [number(rank) for rank in range(1, 12)]
    first = desk.one(number(1))
    with desk.office.store.reading() as session:
        content = invoices.content(session, first.id)
        statement = invoices.statement_of(session, first.id)
    billed = {m.users for line in statement.lines for m in line.months}
    assert (999 in billed) == (kind is ImportKind.USAGE)
    assert content.engagement == ("2025-NUM-0042" if kind is ImportKind.USAGE else "AUTRE-1")


def test_a_member_held_back_during_the_run_is_not_billed(desk: Desk) -> None:
    """A person parks it between its check and its number: no number is spent on it."""
    issuer, first = desk.issuer(), STORY[0].siret

    def directory(references: BillingReferences) -> tuple[Finding, ...]:
        found = issuer.directory(references)
        with desk.office.store.transaction() as session:
            if references.siret == first and not holding.held(session, first, YEAR):
                holding.hold_back(session, first, YEAR, "litige", actor="a@b:1", at=desk.clock())
        return found

    outcomes = list(issue_year(replace(issuer, directory=directory), YEAR))

    (held,) = [outcome for outcome in outcomes if outcome.member.siret == first]
    assert (held.result, held.number) == (MemberResult.PARKED, "")
    assert [finding.code for finding in held.findings] == ["HELD"]
    assert numbers(outcomes) == [number(rank) for rank in range(1, 11)]


def test_all_books_agree_to_the_cent(desk: Desk) -> None:
    """Statement, invoice, lines, journal and the previewed total are one amount."""
    previewed = {
        prepared.member.siret: prepared.total
        for prepared in preview_year(
            desk.office.store, YEAR, desk.office.terms(), desk.office.grids()[0]
        )
    }
    outcomes = {o.number: o.total for o in desk.issue() if o.number}
    journal = {
        subject: payload["total_ttc"] for subject, payload in desk.events(EventTag.INVOICE_ISSUED)
    }
    for invoice in desk.invoices()[:11]:
        with desk.office.store.reading() as session:
            content = invoices.content(session, invoice.id)
            statement = invoices.statement_of(session, invoice.id)
        assert content.statement_number == statement.number
        assert content.totals.gross == statement.total == invoice.total
        assert Money.sum(line.total for line in statement.lines) == invoice.total
        assert content.totals.net == Money.sum(line.net for line in content.lines)
        assert journal[invoice.number] == str(invoice.total)
        assert outcomes[invoice.number] == previewed[invoice.siret] == invoice.total
    issued = Money.sum(outcomes.values()).cents
    assert cents(desk, "statement") == issued == 10_229_364
    assert cents(desk, "invoice") == issued + previewed[PARKED].cents


def test_two_runs_at_once_bill_once_and_leave_no_gap(desk: Desk) -> None:
    """Two offices on one database start together: eleven invoices, numbers 1 to 11."""
    start = Barrier(2)
    outcomes: list[list[MemberOutcome]] = [[], []]
    errors: list[WorkerError] = []

    def work(index: int) -> None:
        here = desk.second()
        start.wait()
        try:
            outcomes[index].extend(here.issue())
        except WorkerError as error:
            errors.append(error)

    threads = [Thread(target=work, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert sorted(numbers(outcomes[0]) + numbers(outcomes[1])) == [
        number(rank) for rank in range(1, 12)
    ]
    assert [i.number for i in desk.invoices() if i.number] == [
        number(rank) for rank in range(1, 12)
    ]
    assert counters(desk) == [11, 11]
    assert len(desk.events(EventTag.INVOICE_ISSUED)) == 11
    assert len(desk.events(EventTag.INVOICE_PARKED)) == 1


def test_stop_is_obeyed_between_members(desk: Desk) -> None:
    """The member under way is finished, and no other is begun."""
    seen: list[MemberOutcome] = []
    for outcome in issue_year(desk.issuer(), YEAR, lambda: len(seen) == 3):
        seen.append(outcome)  # noqa: PERF402 - the condition above reads it meanwhile
    assert numbers(seen) == [number(1), number(2), number(3)]
    assert counters(desk) == [3, 3]


def test_a_member_that_used_nothing_gets_no_invoice(desk: Desk) -> None:
    """Zero users all year: no line, no number, and nobody is bothered."""
    siret = STORY[1].siret
    rows = [
        f"{siret};{service};{tier};{month:02d}/2025;0"
        for service, tier in (("stockage", "2"), ("gfu", ""))
        for month in range(1, 13)
    ]
    desk.write(ImportKind.USAGE, "SIRET;Service;Palier;Mois;Utilisateurs", *rows)

    outcomes = {o.member.siret: o for o in desk.issue()}

    assert outcomes[siret].result is MemberResult.NOTHING
    assert siret not in [i.siret for i in desk.invoices()]
    assert len(numbers(list(outcomes.values()))) == 10


def test_a_parked_member_whose_use_goes_away_is_let_go(desk: Desk) -> None:
    """Nothing is left to bill or to correct: the row goes, and the journal says so, once."""
    desk.issue()
    rows = [
        f"{PARKED};{service};{tier};{month:02d}/2025;0"
        for service, tier in (("stockage", "2"), ("gfu", ""))
        for month in range(1, 13)
    ]
    desk.write(ImportKind.USAGE, "SIRET;Service;Palier;Mois;Utilisateurs", *rows)
    desk.bring(COMPLEMENT, ImportKind.REFERENCES)

    (outcome,) = [o for o in desk.issue() if o.member.siret == PARKED]

    assert outcome.result is MemberResult.NOTHING
    assert PARKED not in [invoice.siret for invoice in desk.invoices()]
    assert counters(desk) == [11, 11]
    desk.issue()
    assert desk.events(EventTag.INVOICE_RELEASED) == [(f"{PARKED}/2025", {})]


def test_the_real_documents_are_kept_with_what_they_passed(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """Six documents for each invoice, their hashes in the journal, their checks recorded."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path, real=True)
    assert numbers(desk.issue()) == [number(rank) for rank in range(1, 12)]
    journal = dict(desk.events(EventTag.INVOICE_ISSUED))
    archive = desk.archived()
    for rank in range(1, 12):
        documents = {document.kind: document for document in desk.documents(number(rank))}
        assert {kind: len(document.checks) for kind, document in documents.items()} == {
            DocumentKind.FACTURX: 2,
            DocumentKind.CII: 2,
            DocumentKind.UBL: 3,
            DocumentKind.STATEMENT: 0,
            DocumentKind.STATEMENT_CSV: 0,
            DocumentKind.STATEMENT_XLSX: 0,
        }
        assert {kind.value: d.sha256 for kind, d in documents.items()} == journal[number(rank)][
            "documents"
        ]
        with pikepdf.open(BytesIO(archive[documents[DocumentKind.FACTURX].sha256])) as pdf:
            embedded = pdf.attachments[XML_NAME].get_file().read_bytes()
        assert embedded == archive[documents[DocumentKind.CII].sha256]
    assert len(archive) == 66
