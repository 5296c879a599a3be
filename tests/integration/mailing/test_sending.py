"""Letters to the members through a real server: each once, whatever the server does."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from tests.support.mail_server import PostOffice, post_office
from tests.support.offices import YEAR, Desk, open_desk
from worker.audit.verification import verify_rows
from worker.billing.document import DocumentKind
from worker.billing.sent_mail import MailKind, MailState
from worker.corrections.todo import AdviceCode
from worker.corrections.waiting import waiting
from worker.errors import ConfigurationError, MailDown, MailRefusesUs, Refused, WrongUse
from worker.imports import ImportKind
from worker.mailing import contacts
from worker.mailing.letters import Letter, letters
from worker.mailing.sending import Done, Result, receive, send, write_files
from worker.storage import invoices, journal, mails, member_years
from worker.storage.documents import documents_of

STATEMENTS, REFERENCES = MailKind.STATEMENTS, MailKind.REFERENCES


@dataclass(frozen=True, slots=True)
class Writer:
    """A desk with three issued invoices, whose members have addresses, and its mail server."""

    desk: Desk
    office: PostOffice
    sirets: tuple[str, ...]

    def address(self, rank: int) -> str:
        """Of a member, as it was given."""
        return f"contact{rank}@mairie-fictive.example"

    def letters(self, kind: MailKind = STATEMENTS, *only: str) -> tuple[Letter, ...]:
        """What would be written now."""
        return letters(self.desk.app, kind, YEAR, only)[0]

    def send(self, *only: str, kind: MailKind = STATEMENTS, again: bool = False) -> list[Done]:
        """Send without waiting between two messages."""
        found = self.letters(kind, *only)
        steps = send(self.desk.app, kind, YEAR, found, again=again, pause=lambda _: None)
        return list(steps)

    def results(self, *only: str, again: bool = False) -> dict[str, Result]:
        """What came of each member's letter, by SIRET."""
        return {one.letter.siret: one.result for one in self.send(*only, again=again)}


@pytest.fixture(name="writer")
def _writer(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Iterator[Writer]:
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "desk", issued=3)
    (tmp_path / "mail").mkdir()
    with post_office(tmp_path / "mail") as office:
        settings = desk.app.settings
        mail = settings.mail.model_copy(
            update={
                "host": "localhost",
                "port": office.port,
                "sender": "facturation@syndicat-fictif.example",
                "ca_file": office.ca_file,
                "step_seconds": 5.0,
            }
        )
        configuration = replace(
            desk.app.configuration, settings=settings.model_copy(update={"mail": mail})
        )
        desk.app = replace(desk.app, configured=configuration)
        with desk.app.reading() as session:
            issued = invoices.tracked(session, year=YEAR)
        sirets = tuple(sorted(one.siret for one in issued if one.number))
        writer = Writer(desk, office, sirets)
        for rank, siret in enumerate(sirets):
            contacts.correct(desk.app, siret, name=f"Camille {rank}", email=writer.address(rank))
        yield writer


def tags(desk: Desk) -> list[str]:
    """What the journal says of mails, in order."""
    with desk.app.reading() as session:
        return [event.tag for event in journal.events(session) if event.tag.startswith("mail.")]


def test_each_member_gets_its_own_statement_once(writer: Writer) -> None:
    """The archived PDF, to the contact; a second call sends nothing."""
    first, second = writer.results(), writer.results()

    with writer.desk.app.reading() as session:
        kept = {
            one.siret: next(
                doc.sha256
                for doc in documents_of(session, one.id)
                if doc.kind is DocumentKind.STATEMENT
            )
            for one in invoices.tracked(session, year=YEAR)
            if one.number
        }
    assert first == dict.fromkeys(writer.sirets, Result.SENT)
    assert second == dict.fromkeys(writer.sirets, Result.ALREADY)
    assert sorted(writer.office.recipients) == [writer.address(rank) for rank in range(3)]
    for message, recipient in zip(writer.office.messages, writer.office.recipients, strict=True):
        [attached] = message.iter_attachments()
        siret = writer.sirets[int(recipient[len("contact")])]
        assert attached.get_content() == writer.desk.app.store.archive.get(kept[siret])

    assert tags(writer.desk) == ["mail.intended", "mail.sent"] * 3


def test_no_address_is_anywhere_in_the_journal(writer: Writer) -> None:
    """Neither name nor address of a contact; the rows are proved as the others."""
    writer.results()
    with writer.desk.app.reading() as session:
        said = json.dumps([event.payload for event in journal.events(session)])

    assert "mairie-fictive.example" not in said
    assert "Camille" not in said
    assert list(verify_rows(writer.desk.app.store)) == []


def test_a_refused_address_waits_for_a_person_and_leaves_the_others_alone(
    writer: Writer,
) -> None:
    """It is not tried again until it is corrected; then the letter leaves by itself."""
    refused = writer.sirets[1]
    writer.office.answers[writer.address(1)] = "550 5.1.1 unknown"
    first, again = writer.results(), writer.results()
    with writer.desk.app.reading() as session:
        left = [(mail.siret, act.code) for mail, act in waiting(writer.desk.app, session).mails]
    contacts.correct(writer.desk.app, refused, name=None, email="nouveau@mairie-fictive.example")
    mended = writer.results()

    assert first == dict.fromkeys(writer.sirets, Result.SENT) | {refused: Result.REFUSED}
    assert again[refused] is Result.REFUSED
    assert left == [(refused, AdviceCode.MAIL_REFUSED)]
    assert mended[refused] is Result.SENT
    assert writer.office.recipients.count("nouveau@mairie-fictive.example") == 1


def test_a_lost_answer_is_never_followed_by_a_second_letter(writer: Writer) -> None:
    """The server had the whole message: only a person's word sends it again, or closes it."""
    lost = writer.sirets[0]
    writer.office.after_data[writer.address(0)] = ""
    first, again = writer.results(), writer.results()
    with writer.desk.app.reading() as session:
        left = [(mail.siret, act.code) for mail, act in waiting(writer.desk.app, session).mails]
    receive(writer.desk.app, STATEMENTS, YEAR, lost, "il l'a bien reçu")
    with writer.desk.app.reading() as session:
        after = waiting(writer.desk.app, session).mails

    assert (first[lost], again[lost]) == (Result.UNCERTAIN, Result.UNCERTAIN)
    assert left == [(lost, AdviceCode.MAIL_UNCERTAIN)]
    assert after == ()
    with pytest.raises(Refused):
        receive(writer.desk.app, STATEMENTS, YEAR, lost, "encore")


def test_a_process_that_died_within_the_call_leaves_it_uncertain(writer: Writer) -> None:
    """Its intent is written: what became of it is not known, and nothing is sent again."""
    siret = writer.sirets[0]
    with writer.desk.app.transaction() as tx:
        mails.intend(
            tx,
            STATEMENTS,
            siret,
            YEAR,
            message_id="essai@syndicat-fictif.example",
            address_sha256="",
            attachment_sha256="",
        )
    during = writer.results(siret)
    writer.desk.clock.advance(hours=1)
    after = writer.results(siret)

    assert (during[siret], after[siret]) == (Result.UNDER_WAY, Result.UNCERTAIN)
    assert writer.office.taken == []


def test_again_sends_to_that_member_alone(writer: Writer) -> None:
    """With another Message-ID."""
    writer.results()
    again = writer.results(writer.sirets[2], again=True)
    ids = [message["Message-ID"] for message in writer.office.messages]

    assert again == {writer.sirets[2]: Result.SENT}
    assert len(set(ids)) == len(ids) == 4


def test_a_greylisted_letter_leaves_with_the_next_call(writer: Writer) -> None:
    """Postponed for now, sent later."""
    writer.office.answers[writer.address(0)] = "450 4.2.0 later"
    first = writer.results()
    del writer.office.answers[writer.address(0)]
    second = writer.results()

    assert (first[writer.sirets[0]], second[writer.sirets[0]]) == (Result.LATER, Result.SENT)


def test_a_cause_common_to_all_stops_the_campaign(writer: Writer) -> None:
    """A sender that is refused, and three refusals that are no unknown address."""
    writer.office.sender_answer = "550 5.7.1 not yours"
    with pytest.raises(MailRefusesUs, match="refuse ce qui vient de nous"):
        writer.send()
    writer.office.sender_answer = ""
    writer.office.after_data |= {writer.address(rank): "554 5.7.1 spam" for rank in range(3)}
    with pytest.raises(MailRefusesUs, match="3 courriels de suite"):
        writer.send()


def test_a_server_that_is_away_is_told_before_anything_is_written(writer: Writer) -> None:
    """No intent in the journal."""
    mail = writer.desk.app.settings.mail.model_copy(update={"port": 1})
    configuration = replace(
        writer.desk.app.configuration,
        settings=writer.desk.app.settings.model_copy(update={"mail": mail}),
    )
    writer.desk.app = replace(writer.desk.app, configured=configuration)
    with pytest.raises(MailDown):
        writer.send()

    assert tags(writer.desk) == []


def test_a_dry_run_writes_letters_that_a_mail_client_reads(writer: Writer, tmp_path: Path) -> None:
    """One file a member; the journal and the server know nothing of it."""
    written = list(
        write_files(
            writer.desk.app, STATEMENTS, YEAR, writer.letters(), tmp_path / "eml", again=False
        )
    )
    files = sorted((tmp_path / "eml").iterdir())
    message = message_from_bytes(files[0].read_bytes(), policy=default)
    body = message.get_body()

    assert [one.result for one in written] == [Result.WRITTEN] * 3
    assert [path.stem for path in files] == sorted(writer.sirets)
    assert body is not None
    assert "état détaillé n°" in body.get_content()
    assert "il n'y a rien à payer à sa réception" in body.get_content()
    assert (tags(writer.desk), writer.office.taken) == ([], [])


def test_a_member_without_address_is_named(writer: Writer) -> None:
    """And the others are written."""
    contacts.erase(writer.desk.app, writer.sirets[0], "à sa demande")
    done = writer.send()
    found = [finding.code for one in done for finding in one.letter.findings]

    assert {one.letter.siret: one.result for one in done} == {
        writer.sirets[0]: Result.WITHOUT_ADDRESS,
        writer.sirets[1]: Result.SENT,
        writer.sirets[2]: Result.SENT,
    }
    assert found == ["MAIL-NO-ADDRESS"]


def test_what_is_asked_each_november(writer: Writer) -> None:
    """What we have and what is missing; last year's engagement is shown, never reused."""
    with writer.desk.app.reading() as session:
        billed = {one.siret for one in invoices.tracked(session, year=YEAR) if one.number}
        left = {one.siret for one in member_years.members_of_year(session, YEAR)} - billed
    siret = min(left)
    writer.desk.write(
        ImportKind.REFERENCES,
        "siret;annee;code_service;engagement",
        f"{siret};{YEAR - 1};;ENG-{YEAR - 1}",
    )
    (letter,) = writer.letters(REFERENCES, siret)

    assert f"numéro d'engagement ENG-{YEAR - 1}" in letter.text
    assert "Nous ne le reprenons jamais de nous-mêmes" in letter.text
    assert f"numéro d'engagement : ENG-{YEAR - 1}" not in letter.text
    assert {one.siret for one in writer.letters(REFERENCES)} == left


def test_a_template_of_ones_own_is_checked_before_anything_leaves(writer: Writer) -> None:
    """It replaces the program's; what it names and nobody knows is told with its name."""
    folder = writer.desk.app.configuration.mail_templates
    folder.mkdir(mode=0o700)
    path = folder / "statements.txt"
    path.write_text("Objet : État {{ etat }}\n\nVoir {{ pièce }}.\n", "utf-8")
    with pytest.raises(ConfigurationError, match="pièce"):
        writer.send()
    path.write_text("Objet : État {{ etat }}\n\nBonjour {{ membre }}.\n", "utf-8")
    writer.send(writer.sirets[0])

    assert writer.office.messages[0]["Subject"].startswith("État ")
    assert len(writer.office.taken) == 1


def test_only_a_member_that_has_something_can_be_named(writer: Writer) -> None:
    """A SIRET without invoice of the year is a wrong use."""
    with pytest.raises(WrongUse):
        writer.letters(STATEMENTS, "99999999999999")


def test_the_last_attempt_is_what_counts(writer: Writer) -> None:
    """A letter that was refused, then sent, waits for nobody."""
    writer.office.answers[writer.address(0)] = "550 5.1.1 unknown"
    writer.results()
    del writer.office.answers[writer.address(0)]
    writer.results(writer.sirets[0], again=True)
    with writer.desk.app.reading() as session:
        states = [one.state for one in mails.of_member(session, writer.sirets[0], STATEMENTS, YEAR)]
        left = waiting(writer.desk.app, session).mails

    assert states == [MailState.REFUSED, MailState.SENT]
    assert left == ()
