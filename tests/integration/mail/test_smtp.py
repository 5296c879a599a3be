"""One message by SMTP: what each answer, silence and death of a real server comes to."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from chaos import pace
from tests.support.mail_server import ACCOUNT, PASSWORD, PostOffice, post_office
from worker.billing.sent_mail import MailState
from worker.mail.message import Attachment, Message, mailbox
from worker.mail.smtp import Delivery, MailServer, Step, deliver, probe
from worker.settings.keys import MailSecurity

TO = "camille@mairie.example"
PDF = b"%PDF-1.7\r\n.\r\n..un point\n" + bytes(range(256))
MESSAGE = Message(
    sender=mailbox("facturation@syndicat.example", "Syndicat mixte du Numérique Fictif"),
    recipient=mailbox(TO, "Camille Exémple"),
    reply_to=mailbox("reponses@syndicat.example"),
    subject="État détaillé 2025",
    text="Bonjour,\n.\n..\nÀ bientôt.\n",
    message_id="statements.2025.99900007800017.1@syndicat.example",
    date=datetime(2026, 1, 5, 9, tzinfo=UTC),
    attachment=Attachment(name="etat.pdf", media_type="application/pdf", content=PDF),
)


def server_of(
    office: PostOffice,
    security: MailSecurity = MailSecurity.STARTTLS,
    **others: Any,  # noqa: ANN401 - fields of any type
) -> MailServer:
    """How to reach it, by a client in a hurry."""
    server = MailServer(
        host="localhost",
        port=office.port,
        security=security,
        trusted=office.trusted(),
        user="",
        password=SecretStr(""),
        step_seconds=10,
        call_seconds=20,
    )
    return replace(server, **others)


@pytest.fixture(name="office")
def _office(tmp_path: Path) -> Iterator[PostOffice]:
    with post_office(tmp_path) as office:
        yield office


@contextmanager
def speaking(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that says what it likes to one client; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                connection, _ = listening.accept()
                with connection:
                    talk(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.close()
        thread.join(pace.limit(30))


def summary(delivery: Delivery) -> tuple[MailState, Step, str]:
    """What the program decides on."""
    return delivery.outcome, delivery.step, delivery.code


@pytest.mark.parametrize("security", MailSecurity)
def test_a_message_arrives_as_it_was_written(tmp_path: Path, security: MailSecurity) -> None:
    """By either way to encrypt: headers, text and file, dots included, in seven bits."""
    with post_office(tmp_path, security) as office:
        done = deliver(server_of(office, security), MESSAGE)

    [message] = office.messages
    [attached] = message.iter_attachments()
    body = message.get_body()

    assert body is not None
    assert summary(done) == (MailState.SENT, Step.ANSWER, "250 2.0.0")
    assert message["To"] == "Camille Exémple <camille@mairie.example>"
    assert message["Subject"] == MESSAGE.subject
    assert message["Message-ID"] == f"<{MESSAGE.message_id}>"
    assert message["Reply-To"] == "reponses@syndicat.example"
    assert body.get_content().replace("\r\n", "\n") == MESSAGE.text
    assert attached.get_content() == PDF
    assert attached.get_filename() == "etat.pdf"
    assert office.taken[0].isascii()


@pytest.mark.parametrize(
    "answer, outcome, code",
    [
        ("550 5.1.1 <camille@mairie.example>: unknown", MailState.REFUSED, "550 5.1.1"),
        ("450 4.2.0 Greylisted", MailState.LATER, "450 4.2.0"),
        ("421 closing", MailState.LATER, "421"),
        ("552 5.2.2 Mailbox full", MailState.REFUSED, "552 5.2.2"),
    ],
)
def test_an_answer_about_the_address(
    office: PostOffice, answer: str, outcome: MailState, code: str
) -> None:
    """A refusal is for good or for now; the server's words are told without the address."""
    office.answers[TO] = answer

    done = deliver(server_of(office), MESSAGE)

    assert summary(done) == (outcome, Step.RECIPIENT, code)
    assert TO not in done.said
    assert office.taken == []


@pytest.mark.parametrize(
    "answer, outcome, code",
    [
        ("554 5.7.1 Spam", MailState.REFUSED, "554 5.7.1"),
        ("451 4.3.0 Try again", MailState.LATER, "451 4.3.0"),
        ("", MailState.UNCERTAIN, ""),
        ("999 what", MailState.UNCERTAIN, "999"),
    ],
)
def test_an_answer_to_the_whole_message(
    office: PostOffice, answer: str, outcome: MailState, code: str
) -> None:
    """Refused, postponed; without an answer that can be understood, nobody knows."""
    office.after_data[TO] = answer

    done = deliver(server_of(office), MESSAGE)

    assert summary(done) == (outcome, Step.ANSWER, code)


@pytest.mark.parametrize("limit", ["step_seconds", "call_seconds"])
def test_a_server_that_stays_silent_once_it_has_all(office: PostOffice, limit: str) -> None:
    """It may have taken the message: uncertain, by the limit of the step or of the call."""
    office.silent.add(TO)

    limits: dict[str, Any] = {limit: 2}
    done = deliver(server_of(office, **limits), MESSAGE)

    assert summary(done) == (MailState.UNCERTAIN, Step.ANSWER, "")


@pytest.mark.parametrize(
    "answer, outcome", [("550 5.7.1 Not yours", MailState.REFUSED), ("451 Busy", MailState.LATER)]
)
def test_a_sender_that_is_not_taken(office: PostOffice, answer: str, outcome: MailState) -> None:
    """It says nothing about the member: the step is about us."""
    office.sender_answer = answer

    done = deliver(server_of(office), MESSAGE)

    assert (done.outcome, done.step, done.step.is_about_us) == (outcome, Step.SENDER, True)


def test_an_account(tmp_path: Path) -> None:
    """A server that asks for one is given it, once all is encrypted."""
    with post_office(tmp_path, account=True) as office:
        server = server_of(office, user=ACCOUNT, password=SecretStr(PASSWORD))

        done = deliver(server, MESSAGE)

    assert summary(done) == (MailState.SENT, Step.ANSWER, "250 2.0.0")


def test_a_wrong_password(tmp_path: Path) -> None:
    """Refused before anything is sent, and the password is nowhere in what is told."""
    with post_office(tmp_path, account=True) as office:
        server = server_of(office, user=ACCOUNT, password=SecretStr("un-autre"))

        done = probe(server)

    assert summary(done) == (MailState.REFUSED, Step.LOGIN, "535 5.7.8")
    assert "un-autre" not in repr(done)
    assert "un-autre" not in repr(server)


def test_another_authority_is_not_believed(tmp_path: Path, office: PostOffice) -> None:
    """A certificate that does not lead to the authorities we know ends the call."""
    (tmp_path / "other").mkdir()
    with post_office(tmp_path / "other") as other:
        done = probe(server_of(office, trusted=other.trusted()))

    assert (done.outcome, done.step) == (MailState.REFUSED, Step.ENCRYPTION)
    assert "certificat" in done.said


@pytest.mark.parametrize("security", MailSecurity)
def test_a_certificate_of_another_name_is_not_believed(
    tmp_path: Path, security: MailSecurity
) -> None:
    """The server must be the one that the configuration names."""
    with post_office(tmp_path, security, name="autre.example") as office:
        done = probe(server_of(office, security))

    assert (done.outcome, done.step) == (MailState.REFUSED, Step.ENCRYPTION)


def test_a_server_without_starttls(office: PostOffice) -> None:
    """Nothing is said in the clear: an account least of all."""
    heard: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        connection.sendall(b"220 hello\r\n")
        heard.append(connection.recv(1000))
        connection.sendall(b"250 hello\r\n")
        heard.append(connection.recv(1000))

    with speaking(talk) as port:
        done = probe(server_of(office, port=port, user=ACCOUNT, password=SecretStr(PASSWORD)))

    assert (done.outcome, done.step) == (MailState.REFUSED, Step.ENCRYPTION)
    assert b"AUTH" not in b"".join(heard)


def test_a_server_that_encrypts_otherwise(office: PostOffice) -> None:
    """TLS from the first byte with a server that greets first: told as encryption."""
    done = probe(server_of(office, MailSecurity.TLS))

    assert (done.outcome, done.step) == (MailState.REFUSED, Step.ENCRYPTION)


def test_a_server_that_is_away(office: PostOffice) -> None:
    """Nothing listens: later."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

    done = deliver(server_of(office, port=port), MESSAGE)

    assert summary(done) == (MailState.LATER, Step.CONNECTION, "")


def test_a_server_that_drips_its_greeting(office: PostOffice) -> None:
    """Each byte comes in time, and the whole never does: the limit of the call holds."""

    def talk(connection: socket.socket) -> None:
        for _ in range(300):
            connection.sendall(b"2")
            time.sleep(0.1)

    with speaking(talk) as port:
        done = deliver(server_of(office, port=port, call_seconds=1), MESSAGE)

    assert summary(done) == (MailState.LATER, Step.CONNECTION, "")
    assert "plus de 1 s" in done.said


def test_an_address_beyond_ascii(tmp_path: Path, office: PostOffice) -> None:
    """It goes to a server with SMTPUTF8, and is refused for one without, before it is named."""
    message = replace(MESSAGE, recipient=mailbox("éléonore@mairie-du-bourg-fictif.example"))
    (tmp_path / "old").mkdir()
    with post_office(tmp_path / "old", utf8=False) as old:
        taken, refused = deliver(server_of(office), message), deliver(server_of(old), message)

    assert summary(taken) == (MailState.SENT, Step.ANSWER, "250 2.0.0")
    assert office.recipients == ["éléonore@mairie-du-bourg-fictif.example"]
    assert summary(refused) == (MailState.REFUSED, Step.RECIPIENT, "550 5.6.7")


def test_a_message_that_is_too_large(tmp_path: Path) -> None:
    """A server that says its limit is not sent what is beyond it."""
    with post_office(tmp_path, largest=1000) as office:
        done = deliver(server_of(office), MESSAGE)

    assert summary(done) == (MailState.REFUSED, Step.CONTENT, "552 5.3.4")
