"""The January batch draws ahead: what cannot be drawn, or is invalid, parks its member."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.offices import (
    PARKED,
    YEAR,
    Desk,
    counters,
    light_render,
    number,
    numbers,
    open_desk,
)
from worker.billing.document import Document, DocumentKind, Unprintable
from worker.billing.invoice import Invoice
from worker.billing.statement import Statement
from worker.billing.status import InvoiceStatus
from worker.errors import Finding
from worker.issuing.batch import MemberOutcome, MemberResult, issue_year
from worker.issuing.render import CheckedDocument
from worker.service.demo import STORY


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path)


@pytest.fixture(name="ahead")
def _ahead(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Iterator[Desk]:
    """Another desk, which draws documents up ahead as the program does."""
    folder = tmp_path / "ahead"
    folder.mkdir()
    desk = open_desk(tmp_path_factory.getbasetemp(), folder)
    with ThreadPoolExecutor(2) as executor:
        desk.executor = executor
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
    for outcome in issue_year(
        ahead.app, ahead.portal, ahead.rendering, YEAR, lambda: len(seen) == 3
    ):
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
