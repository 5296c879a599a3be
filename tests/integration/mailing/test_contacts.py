"""Contacts: shown, corrected, erased, purged by age; no proof rests on them (C11)."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.offices import Desk, open_desk
from worker.audit.verification import verify_rows
from worker.billing.journal import EventTag
from worker.errors import Severity, WrongUse
from worker.imports import ImportKind
from worker.imports.intake import Intake, take_in
from worker.mailing import contacts
from worker.storage import imported, journal
from worker.storage.alterations import require_intact

NAME, EMAIL = "Dominique Fictif", "dominique@mairie-fictive.example"


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path / "desk", issued=2)


@pytest.fixture(name="siret")
def _siret(desk: Desk) -> str:
    with desk.app.reading() as session:
        return min(imported.known_sirets(session))


def content(desk: Desk) -> bytes:
    """Every byte of the database, its log folded in."""
    path = desk.app.data_folder / "worker.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.read_bytes()


def test_a_correction_is_a_version_and_the_journal_names_fields_alone(
    desk: Desk, siret: str
) -> None:
    """What it was before is kept until it is erased."""
    first = contacts.correct(desk.app, siret, name=NAME, email=None)
    second = contacts.correct(desk.app, siret, name=None, email=EMAIL)
    third = contacts.correct(desk.app, siret, name=NAME, email=EMAIL)
    with desk.app.reading() as session:
        found = contacts.record(session, siret)
        said = [
            event.payload for event in journal.events(session, tags=(EventTag.CONTACTS_CORRECTED,))
        ]

    assert (first, second, third) == (("name",), ("email",), ())
    assert found.current is not None
    assert (found.current.name, found.current.email) == (NAME, EMAIL)
    assert len(said) == 2
    assert not any(NAME in payload or EMAIL in payload for payload in said)


@pytest.mark.parametrize(
    "email",
    ["sans arobase", "a@b@c.fr", "a..b@mairie.example", "a@mairie", "x@y\nBcc: z@z.fr", "é" * 300],
)
def test_what_is_no_address_is_refused(desk: Desk, siret: str, email: str) -> None:
    """In one sentence, and nothing is written."""
    with pytest.raises(WrongUse):
        contacts.correct(desk.app, siret, name=None, email=email)
    with desk.app.reading() as session:
        assert contacts.record(session, siret).current is None


def test_what_is_erased_is_nowhere_in_the_database_and_breaks_no_proof(
    desk: Desk, siret: str
) -> None:
    """All versions, to the last byte; the books verify as before."""
    contacts.correct(desk.app, siret, name=NAME, email="ancien@mairie-fictive.example")
    contacts.correct(desk.app, siret, name=None, email=EMAIL)
    before = content(desk)
    erased = contacts.erase(desk.app, siret, "à sa demande")
    after = content(desk)

    assert erased == 2
    assert EMAIL.encode() in before
    for text in (NAME, EMAIL, "ancien@mairie-fictive.example"):
        assert text.encode() not in after
    assert list(verify_rows(desk.app.store)) == []
    with desk.app.reading() as session:
        require_intact(session)


def test_age_takes_what_was_not_used(desk: Desk, siret: str) -> None:
    """Three years after the last use; a contact that a file names again is used."""
    contacts.correct(desk.app, siret, name=NAME, email=EMAIL)
    with desk.app.reading() as session:
        other = max(imported.known_sirets(session))
    contacts.correct(desk.app, other, name=NAME, email=EMAIL)
    desk.clock.advance(days=2 * 365)
    contacts.correct(desk.app, other, name="Claude Fictive", email=None)
    desk.clock.advance(days=370)
    seen = contacts.purge(desk.app, commit=False)
    gone = contacts.purge(desk.app)
    with desk.app.reading() as session:
        left = contacts.record(session, other).current

    assert seen == gone
    assert siret in gone
    assert left is not None
    assert left.name == "Claude Fictive"
    assert contacts.purge(desk.app) == {}


def test_an_import_of_members_is_a_use(desk: Desk, siret: str) -> None:
    """The same contact in a newer file begins its three years again."""
    with desk.app.reading() as session:
        member = imported.member(session, siret)
    header = "siret;nom;adresse;code_postal;ville;convention;contact_nom;contact_email"
    row = (
        f"{siret};{member.name};{member.address.line1};{member.address.postcode};"
        f"{member.address.city};{member.convention};{NAME};{EMAIL}"
    )
    desk.write(ImportKind.MEMBERS, header, row)
    desk.clock.advance(days=2 * 365)
    desk.write(ImportKind.MEMBERS, header, row, "")
    desk.clock.advance(days=2 * 365)

    assert siret not in contacts.purge(desk.app)


HEADER = "siret;nom;adresse;code_postal;ville;convention;contact_nom;contact_email"


def member_row(desk: Desk, siret: str, name: str, email: str) -> str:
    """The row of a members file, as it is known, with this contact."""
    with desk.app.reading() as session:
        member = imported.member(session, siret)
    address = f"{member.address.line1};{member.address.postcode};{member.address.city}"
    return f"{siret};{member.name};{address};{member.convention};{name};{email}"


def bring(desk: Desk, *rows: str) -> Intake:
    """Import a members file."""
    path = desk.folder / "membres.csv"
    path.write_text("\n".join((HEADER, *rows)) + "\n", "utf-8")
    return take_in(desk.app, path, ImportKind.MEMBERS)


@pytest.mark.parametrize(
    "name, email",
    [
        (NAME, EMAIL),
        ("", EMAIL),
        (NAME, ""),
        ("Claude Fictive", EMAIL.upper()),
        (f"{NAME.upper().replace(' ', '  ')}", "autre@mairie-fictive.example"),
    ],
)
def test_an_older_file_does_not_bring_back_an_erased_contact(
    desk: Desk, siret: str, name: str, email: str
) -> None:
    """By its name or its address, whatever their case; the rest of the row is taken in."""
    contacts.correct(desk.app, siret, name=NAME, email=EMAIL)
    contacts.erase(desk.app, siret, "à sa demande")
    row = member_row(desk, siret, name, email).replace(";1 ", ";12 ")
    done = bring(desk, row, "")
    with desk.app.reading() as session:
        current = contacts.record(session, siret).current
    [said] = done.findings

    assert current is None
    assert done.rows == 1
    assert (said.code, said.severity) == ("IMPORT-CONTACT-ERASED", Severity.WARNING)
    assert f"contacts correct {siret}" in said.remedy
    assert not any(text and text in f"{said}" for text in (name, email))
    assert (NAME.encode() in content(desk), EMAIL.encode() in content(desk)) == (False, False)


def test_another_contact_takes_the_place_of_an_erased_one(desk: Desk, siret: str) -> None:
    """A file that names another person of the member is taken in whole."""
    contacts.correct(desk.app, siret, name=NAME, email=EMAIL)
    contacts.erase(desk.app, siret, "à sa demande")
    done = bring(desk, member_row(desk, siret, "Claude Fictive", "claude@mairie.example"))
    with desk.app.reading() as session:
        current = contacts.record(session, siret).current

    assert done.findings == ()
    assert current is not None
    assert current.name == "Claude Fictive"


def test_a_person_gives_an_erased_contact_again(desk: Desk, siret: str) -> None:
    """From then on files may name it; what else was erased stays away."""
    contacts.correct(desk.app, siret, name=NAME, email="ancien@mairie-fictive.example")
    contacts.correct(desk.app, siret, name=None, email=EMAIL)
    contacts.erase(desk.app, siret, "à sa demande")
    contacts.correct(desk.app, siret, name=NAME, email=EMAIL)
    same = bring(desk, member_row(desk, siret, NAME, EMAIL))
    older = bring(desk, member_row(desk, siret, NAME, "ancien@mairie-fictive.example"))
    with desk.app.reading() as session:
        current = contacts.record(session, siret).current

    assert same.findings == ()
    assert [one.code for one in older.findings] == ["IMPORT-CONTACT-ERASED"]
    assert current is not None
    assert (current.name, current.email) == (NAME, EMAIL)
