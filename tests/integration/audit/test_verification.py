"""What an auditor's verification finds when somebody touched the books behind the program."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.intruder import alter
from tests.support.offices import Desk, number, open_desk
from worker.audit.verification import verify, verify_books
from worker.billing.journal import EventTag
from worker.errors import IntegrityError


@pytest.fixture(name="issued")
def _issued(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """Eleven issued, one parked."""
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path / "issued", issued=12)


def execute(desk: Desk, statement: str) -> None:
    """What somebody with the database file in hand may do, without any constraint."""
    alter(desk.folder / "donnees" / "worker.sqlite", statement)


def test_untouched_books_agree_with_the_journal(issued: Desk) -> None:
    """Every invoice, statement, document and archived file is as the journal says."""
    assert verify_books(issued.app.store) == ()


@pytest.mark.parametrize(
    "statement,words",
    [
        ("UPDATE invoice SET total_cents = total_cents + 100 WHERE number = '{0}'", "montant"),
        (
            """UPDATE invoice SET snapshot = replace(snapshot, '319680', '319780')
            WHERE number = '{0}'""",
            "montant",
        ),
        ("UPDATE invoice SET year = 2024 WHERE number = '{0}'", "l'année"),
        (
            """UPDATE document SET sha256 = '{1}' WHERE kind = 'facturx.pdf' AND invoice_id =
            (SELECT id FROM invoice WHERE number = '{0}')""",
            "documents",
        ),
    ],
)
def test_a_change_of_the_database_is_seen(issued: Desk, statement: str, words: str) -> None:
    """Amount, year or document: the invoice is named with what differs."""
    execute(issued, statement.format(number(1), "0" * 64))
    found = verify_books(issued.app.store)

    assert found
    assert {finding.where for finding in found} == {f"facture {number(1)}"}
    assert any(words in finding.message for finding in found)


def test_an_invoice_that_vanished_is_seen(issued: Desk) -> None:
    """The journal remembers what the database forgot."""
    execute(issued, f"DELETE FROM invoice WHERE number = '{number(2)}'")
    (finding,) = verify_books(issued.app.store)

    assert finding.where == f"facture {number(2)}"
    assert "n'est plus dans la base" in finding.message


def _alter(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" ")


@pytest.mark.parametrize("harm", [_alter, Path.unlink])
def test_an_altered_or_lost_archived_file_is_seen(
    issued: Desk, harm: Callable[[Path], None]
) -> None:
    """After a restore, the archive is read again, file by file."""
    sha256 = issued.documents(number(3))[0].sha256
    harm(issued.app.store.archive.folder / sha256[:2] / sha256)
    (finding,) = verify_books(issued.app.store)

    assert finding.where == f"facture {number(3)}"


def test_a_corrected_invoice_agrees_too(issued: Desk) -> None:
    """Both versions of a corrected invoice are compared, each with its own event."""
    refused = number(3)
    issued.portal.refused_recipients.add(issued.one(refused).siret)
    issued.deposit()
    issued.clock.advance(minutes=1)
    issued.follow()
    issued.resend(refused, engagement="CORRIGE-1")

    assert {document.version for document in issued.documents(refused)} == {1, 2}
    assert verify_books(issued.app.store) == ()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE invoice SET snapshot = '{' WHERE id = 1",
        "UPDATE invoice SET total_cents = 'abc' WHERE id = 1",
        "UPDATE invoice SET findings = '[{}]' WHERE id = 1",
        "UPDATE invoice SET deposited_at = 'x' WHERE id = 1",
        "UPDATE statement SET snapshot = '[]' WHERE id = 1",
        "DELETE FROM journal_head",
    ],
)
def test_a_row_that_cannot_be_read_is_said(issued: Desk, sql: str) -> None:
    """By the verification, and by whatever reads it: a sentence, and no defect of the program."""
    execute(issued, sql)
    try:
        said = [finding.message for finding in verify(issued.app).findings]
    except IntegrityError as error:
        said = [error.message]

    assert any("ne se lit plus" in message for message in said), said


def test_nothing_is_added_to_a_journal_whose_end_was_altered(issued: Desk) -> None:
    """The program stops rather than cover a cut with new events."""
    execute(issued, "DELETE FROM journal_event WHERE seq = (SELECT MAX(seq) FROM journal_event)")
    with (
        pytest.raises(IntegrityError, match="fin du journal"),
        issued.app.transaction() as tx,
    ):
        tx.journal(EventTag.RUN_STARTED, "2025")
