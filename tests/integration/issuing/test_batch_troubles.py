"""The January batch when something else fails or changes meanwhile: nothing is billed by halves."""

import shutil
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import pytest

from tests.support.memory_portal import Condition
from tests.support.offices import YEAR, Desk, counters, light_render, number, numbers, open_desk
from worker.billing.document import Document
from worker.billing.invoice import Invoice
from worker.billing.journal import EventTag
from worker.billing.statement import Statement
from worker.billing.status import InvoiceStatus
from worker.errors import (
    PortalAnswerError,
    PortalDown,
    StorageUnavailable,
)
from worker.imports import ImportKind
from worker.issuing import holds
from worker.issuing.batch import MemberOutcome, MemberResult, issue_year
from worker.service.demo import STORY
from worker.storage import holds as stored_holds
from worker.storage import invoices


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path)


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
    folder = desk.app.store.archive.folder
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
    run = issue_year(desk.app, desk.portal, desk.rendering, YEAR)
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
    desk.portal.unreadable.add(victim)

    outcomes = desk.issue()

    assert len(numbers(outcomes)) == 10
    (outcome,) = [o for o in outcomes if o.member.siret == victim]
    assert [finding.code for finding in outcome.findings] == ["DIR-UNREADABLE"]
    desk.portal.unreadable.clear()

    assert numbers(desk.issue()) == [number(11)]


def test_a_directory_that_answers_nothing_of_use_stops_the_run_and_blames_few(desk: Desk) -> None:
    """Three members in a row are enough to know; next time they are last, so nobody starves."""
    blamed = [case.siret for case in STORY[:3]]
    desk.portal.unreadable = {case.siret for case in STORY}
    outcomes: list[MemberOutcome] = []
    with pytest.raises(PortalAnswerError, match="annuaire"):
        outcomes.extend(issue_year(desk.app, desk.portal, desk.rendering, YEAR))
    assert [o.member.siret for o in outcomes if o.result is MemberResult.PARKED] == blamed
    assert numbers(outcomes) == []
    desk.portal.unreadable = set(blamed)
    later: list[MemberOutcome] = []
    with pytest.raises(PortalAnswerError):
        later.extend(issue_year(desk.app, desk.portal, desk.rendering, YEAR))
    assert len(numbers(later)) == 8
    assert [o.member.siret for o in later][-3:] == blamed
    desk.portal.unreadable = set()

    assert len(numbers(desk.issue())) == 3


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

    def import_meanwhile(siret: str) -> None:
        if siret == STORY[0].siret and not desk.events(EventTag.INVOICE_ISSUED):
            desk.portal.watch_structure = lambda _: None
            desk.write(kind, header, row)

    desk.portal.watch_structure = import_meanwhile

    outcomes = desk.issue()

    assert numbers(outcomes) == [number(rank) for rank in range(1, 12)]
    first = desk.one(number(1))
    with desk.app.store.reading() as session:
        content = invoices.content(session, first.id)
        statement = invoices.statement_of(session, first.id)
    billed = {m.users for line in statement.lines for m in line.months}

    assert (999 in billed) == (kind is ImportKind.USAGE)
    assert content.engagement == ("2025-NUM-0042" if kind is ImportKind.USAGE else "AUTRE-1")


def test_a_member_held_back_during_the_run_is_not_billed(desk: Desk) -> None:
    """A person parks it between its check and its number: no number is spent on it."""
    first = STORY[0].siret

    def hold_meanwhile(siret: str) -> None:
        with desk.app.transaction() as tx:
            if siret == first and not stored_holds.in_force(tx, first, YEAR):
                holds.place_hold(tx, first, YEAR, "litige")

    desk.portal.watch_structure = hold_meanwhile

    outcomes = desk.issue()

    (held,) = [outcome for outcome in outcomes if outcome.member.siret == first]

    assert (held.result, held.number) == (MemberResult.PARKED, "")
    assert [finding.code for finding in held.findings] == ["HELD"]
    assert numbers(outcomes) == [number(rank) for rank in range(1, 11)]
