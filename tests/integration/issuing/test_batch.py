"""The January batch: who is issued, who is parked, and that numbers leave no gap."""

import re
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path
from threading import Barrier, Thread

import pikepdf
import pytest

from chaos import pace
from tests.support.offices import PARKED, YEAR, Desk, counters, number, numbers, open_desk
from worker.billing.document import DocumentKind
from worker.billing.journal import EventTag
from worker.billing.money import Money
from worker.billing.status import InvoiceStatus
from worker.errors import (
    Refused,
    TariffError,
    WorkerError,
)
from worker.formats.embedding import XML_NAME
from worker.imports import ImportKind
from worker.issuing.batch import MemberOutcome, MemberResult, issue_year
from worker.issuing.prepare import preview_year
from worker.service.demo import COMPLEMENT, STORY
from worker.storage import invoices

ISSUES = (EventTag.INVOICE_ISSUED, EventTag.INVOICE_PARKED, EventTag.TARIFF_USED)


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path)


def kept(desk: Desk) -> tuple[object, ...]:
    """All that a second run might change."""
    return desk.invoices(), desk.events(*ISSUES), desk.archived()


def cents(desk: Desk, table: str) -> int:
    """The sum of a column of amounts."""
    with desk.app.store.reading() as session:
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
    with desk.app.store.reading() as session:
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


def test_all_books_agree_to_the_cent(desk: Desk) -> None:
    """Statement, invoice, lines, journal and the previewed total are one amount."""
    previewed = {prepared.member.siret: prepared.total for prepared in preview_year(desk.app, YEAR)}
    outcomes = {o.number: o.total for o in desk.issue() if o.number}
    journal = {
        subject: payload["total_ttc"] for subject, payload in desk.events(EventTag.INVOICE_ISSUED)
    }
    for invoice in desk.invoices()[:11]:
        with desk.app.store.reading() as session:
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
    start = Barrier(2, timeout=pace.limit(10))
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
    for outcome in issue_year(desk.app, desk.portal, desk.rendering, YEAR, lambda: len(seen) == 3):
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
    assert sorted(counters(desk)) == [11, 12]
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
