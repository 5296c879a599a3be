"""``audit explain`` on real books: what it names is what was imported, and by whom."""

import json
from pathlib import Path

import pytest

from tests.support.intruder import alter
from tests.support.offices import Desk, number, open_desk
from worker.audit.explanation import Explained, explain
from worker.cli.audit import explain as typed
from worker.cli.console import DONE, TO_LOOK_AT
from worker.cli.explanation import WIDTH, lines_of
from worker.errors import IntegrityError, WrongUse
from worker.imports import ImportKind
from worker.service.demo import EXAMPLES, STORY
from worker.storage.history import MEMBERS

ONE, TWO = number(1), number(2)
SIRET = STORY[0].siret


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """Twelve members, eleven invoices issued, and not deposited yet."""
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path / "desk", issued=12)


def execute(desk: Desk, statement: str) -> None:
    """What somebody with the database file in hand may do, without any constraint."""
    alter(desk.folder / "donnees" / "worker.sqlite", statement)


def explained(desk: Desk, number: str, line: str | None = None) -> Explained:
    """The explanation of a document."""
    with desk.app.reading() as session:
        return explain(session, number, line)


def test_every_invoice_leads_to_the_rows_of_its_files(desk: Desk) -> None:
    """Each month names the row of the usage file that has its member, month and users."""
    rows = (desk.folder / EXAMPLES / "usage.csv").read_text("utf-8-sig").splitlines()
    wrong = []
    for one in desk.invoices():
        if not one.number:
            continue
        for step in explained(desk, one.number).explanation.lines:
            for month in step.months:
                assert month.origin.file is not None
                assert month.origin.row is not None
                assert month.subscription is not None
                cells = rows[month.origin.row - 1].split(";")
                told = f"{month.use.month.number:02d}/{month.use.month.year}"
                if [cells[0], cells[3], cells[4]] != [one.siret, told, str(month.use.users)]:
                    wrong.append(cells)

    assert wrong == []


def test_no_page_is_wider_than_a_terminal(desk: Desk) -> None:
    """Eighty columns, for each invoice of the example."""
    wide = [
        text
        for one in desk.invoices()
        if one.number
        for text in lines_of(explained(desk, one.number))
        if len(text) > WIDTH
    ]

    assert wide == []


def test_the_files_are_told_with_who_imported_them_and_when(desk: Desk) -> None:
    """By the events of the journal, whose numbers are given."""
    known = explained(desk, ONE).explanation.known
    files = [
        one.origin.file for one in (known.member, known.references, *known.subscriptions) if one
    ]

    assert [(file.name, file.taken_in.seq) for file in files if file and file.taken_in] == [
        ("members.csv", 2),
        ("references.csv", 5),
        ("subscriptions.csv", 3),
        ("subscriptions.csv", 3),
    ]


def test_a_credit_note_is_explained_by_the_line_of_its_invoice(desk: Desk) -> None:
    """Only by the lines it takes back; the other lines of the invoice are left out."""
    desk.deposit()
    desk.clock.advance(minutes=1)
    desk.portal.integrate()
    desk.follow()
    desk.clock.advance(days=1)
    note = desk.credit(ONE, quantities={"2": 5})
    asked = explained(desk, note.number)

    assert asked.credit_note is not None
    assert [one.line.quantity for one in asked.credit_note.lines] == [5]
    assert asked.explanation.invoice.number == ONE
    assert [step.line.identifier for step in asked.explanation.lines] == ["2"]
    assert asked.findings == ()


def test_references_that_a_person_gave_have_no_file(desk: Desk) -> None:
    """They are told as given with ``resend``."""
    desk.portal.refused_recipients.add(SIRET)
    desk.deposit()
    desk.clock.advance(minutes=1)
    desk.follow()
    desk.resend(ONE, engagement="CORRIGE-1")
    page = list(lines_of(explained(desk, ONE)))

    assert "  Code service : NUMERIQUE ; engagement : CORRIGE-1" in page
    assert "    lu dans ce qu'une personne a donné avec « resend »" in page


def test_what_was_imported_since_does_not_explain_an_older_invoice(desk: Desk) -> None:
    """The member's new name came in another file, after the issue."""
    desk.write(
        ImportKind.USAGE,
        "siret;service;palier;mois;utilisateurs",
        f"{SIRET};gfu;;2024-03;1",
    )
    names = {text for text in lines_of(explained(desk, ONE)) if ".csv" in text}

    assert len(names) == 4


def test_a_difference_is_told_and_gives_another_exit_code(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page stays that of what was issued: the recalculation says what the rows give."""
    before = typed(ONE, config=desk.config)
    capsys.readouterr()
    execute(desk, f"UPDATE usage_record SET users = 13 WHERE siret = '{SIRET}' AND month = 3")
    code = typed(ONE, config=desk.config)
    page = capsys.readouterr().out
    typed(ONE, line="1", config=desk.config, as_json=True)
    answer = json.loads(capsys.readouterr().out)

    assert (before, code) == (DONE, TO_LOOK_AT)
    assert "    mars 2025             12   [3], ligne 7\n" in page
    assert "mars 2025 : 12 (« usage.csv »" in page.rpartition("Le recalcul")[2]
    assert (answer["ok"], answer["invoice"]["lines"][0]["months"][2]["users"]) == (False, 12)
    assert {finding["code"] for finding in answer["findings"]} == {"ROWS-DIFFER"}


def test_a_document_or_a_line_that_is_not_there_is_said(desk: Desk) -> None:
    """With the lines that there are."""
    with pytest.raises(WrongUse, match="Aucune facture"):
        explained(desk, "BSN-1999-00001")
    with pytest.raises(WrongUse, match="n'a pas de ligne 9") as wrong:
        explained(desk, ONE, "9")

    assert wrong.value.remedy == "Ses lignes sont : 1, 2."


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE statement SET snapshot = '{}' WHERE siret = '%s'",
        "UPDATE invoice SET snapshot = '{}' WHERE siret = '%s'",
        "UPDATE usage_record SET month = 'x' WHERE siret = '%s' AND month = 3",
        "UPDATE subscription SET file_id = 999 WHERE siret = '%s'",
        f"DELETE FROM {MEMBERS.table.name} WHERE siret = '%s'",
        """UPDATE statement SET snapshot = json_set(snapshot, '$.lines', json('[]'))
        WHERE siret = '%s'""",
    ],
)
def test_what_cannot_be_read_any_more_is_a_sentence(desk: Desk, statement: str) -> None:
    """Or, when the page can still be written, a difference at its end."""
    execute(desk, statement.replace("%s", SIRET))
    try:
        told = bool(explained(desk, ONE).findings)
    except IntegrityError as error:
        told = bool(error.message and error.remedy)

    assert told
