"""C3: a member that consumed nothing gets its statement, numbered and kept, and no invoice."""

import sys
from pathlib import Path

import pytest

from tests.e2e.program import environment, run, run_to_the_end
from tests.support.offices import YEAR, Desk, open_desk
from tests.support.printed_pages import pages
from worker.billing.journal import EventTag
from worker.imports import ImportKind
from worker.issuing.batch import MemberResult
from worker.issuing.preview import preview
from worker.service.demo import STORY
from worker.storage import statements

SIRET = STORY[1].siret
HEADER = "SIRET;Service;Palier;Mois;Utilisateurs"


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """An office one member of which used nothing all year."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path)
    use(desk, 0)
    return desk


def use(desk: Desk, users: int) -> None:
    """So many users in January, and none after."""
    rows = [
        f"{SIRET};{service};{tier};{month:02d}/{YEAR};{users if month == 1 else 0}"
        for service, tier in (("stockage", "2"), ("gfu", ""))
        for month in range(1, 13)
    ]
    desk.write(ImportKind.USAGE, HEADER, *rows)


def stated(desk: Desk) -> tuple[statements.StatementFile, ...]:
    """The statements without invoice."""
    with desk.app.reading() as session:
        return statements.without_invoice(session, YEAR)


def test_it_has_a_numbered_statement_and_no_invoice(desk: Desk) -> None:
    """The page says what it subscribed to, and that nothing is due."""
    group = {one.siret: one.group.value for one in preview(desk.app, YEAR).compared.members}[SIRET]
    outcomes = {one.member.siret: one for one in desk.issue()}
    (page,) = stated(desk)
    (text,) = pages(desk.app.store.archive.get(page.sha256))

    assert (group, outcomes[SIRET].result) == ("nothing", MemberResult.NOTHING)
    assert outcomes[SIRET].number == page.number
    assert page.siret == SIRET
    assert SIRET not in {one.siret for one in desk.invoices()}
    assert all(said in text for said in (page.number, "stockage 2 To", "0,00 €"))
    assert "aucune facture" in text


def test_it_is_issued_once(desk: Desk) -> None:
    """However often the year is run; the journal names its page, and all is sound."""
    desk.issue()
    desk.issue()
    (page,) = stated(desk)

    assert desk.events(EventTag.STATEMENT_ISSUED) == [
        (
            page.number,
            {
                "siret": SIRET,
                "year": YEAR,
                "total_ttc": "0.00",
                "documents": {"statement.pdf": page.sha256},
            },
        )
    ]
    assert desk.is_sound()


def test_what_was_used_after_all_is_invoiced_with_a_statement_of_its_own(desk: Desk) -> None:
    """The first one stays as it was."""
    desk.issue()
    before = stated(desk)
    use(desk, 5)
    (billed,) = [one for one in desk.issue() if one.member.siret == SIRET]

    assert billed.result is MemberResult.ISSUED
    assert stated(desk) == before
    assert desk.is_sound()


def test_a_text_that_cannot_be_printed_parks_the_member(desk: Desk) -> None:
    """No number is spent, and the others go on."""
    desk.write(
        ImportKind.MEMBERS,
        "siret;nom;adresse;code_postal;ville;convention",
        f"{SIRET};Mairie \U0001f600;1 rue;82000;Exemple;CONV-1",
    )
    outcomes = {one.member.siret: one for one in desk.issue()}

    assert outcomes[SIRET].result is MemberResult.PARKED
    assert [finding.code for finding in outcomes[SIRET].findings] == ["DOC-UNPRINTABLE"]
    assert stated(desk) == ()
    assert len([one for one in outcomes.values() if one.result is MemberResult.ISSUED]) == 10


def test_it_is_exported_and_given_to_the_auditor(desk: Desk, tmp_path: Path) -> None:
    """Beside the invoices; the dossier is verified as any other."""
    desk.run()
    (page,) = stated(desk)
    exported = run(
        "documents", "export", str(YEAR), "--to", tmp_path / "export", config=desk.config
    )
    dossier = run("audit", "dossier", str(YEAR), "--to", tmp_path / "dossier", config=desk.config)
    verifier = tmp_path / "dossier" / "verify.py"
    verified = run_to_the_end([sys.executable, str(verifier)], env=environment())
    content = desk.app.store.archive.get(page.sha256)
    written = [
        tmp_path / folder / page.number / "statement.pdf"
        for folder in ("export", "dossier/documents")
    ]

    assert [one.code for one in (exported, dossier, verified)] == [0, 0, 0], verified.out
    assert [path.read_bytes() for path in written] == [content, content]
    written[1].write_bytes(b"%PDF-")
    told = run_to_the_end([sys.executable, str(verifier)], env=environment())

    assert (told.code != 0, f"état {page.number}" in told.out) == (True, True)
