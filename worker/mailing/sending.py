"""Each letter leaves once: its intent is written before the call, what became of it after.

Where no answer came, nobody knows whether it left: it is never sent again by itself.
"""

import platform
import re
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import structlog
from pydantic import SecretStr

from worker.app import App
from worker.billing.sent_mail import (
    LONGEST_CALL,
    MailKind,
    MailState,
    Standing,
    message_id,
    standing,
)
from worker.billing.text import stated_reason
from worker.errors import (
    ConfigurationError,
    IntegrityError,
    MailDown,
    MailRefusesUs,
    Refused,
    StorageUnavailable,
    WrongUse,
)
from worker.isolation.files import create_regular, read_bounded
from worker.mail.message import Attachment, Mailbox, Message, mailbox
from worker.mail.smtp import Delivery, MailServer, Step, deliver, probe
from worker.mailing.letters import Letter
from worker.settings.loading import MOST_BYTES
from worker.settings.rights import told
from worker.settings.secrets import load_mail_password
from worker.storage import contacts, imported, mails

_log = structlog.get_logger()
PDF: Final = "application/pdf"
MOST_IN_A_ROW: Final = 3
"""Messages refused or left uncertain one after the other: the cause is then common to all."""
_UNKNOWN_ADDRESS = re.compile(r"5\d\d 5\.1\.\d+")
"""A refusal of one address, which says nothing about the next."""
_HOST_NAME = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


class Result(StrEnum):
    """What came of a letter; the value is what ``--json`` shows."""

    SENT = "sent"
    WRITTEN = "written"
    """As a file, by ``--dry-run``."""
    ALREADY = "already"
    """Sent before, or received by a person's word."""
    LATER = "later"
    REFUSED = "refused"
    UNCERTAIN = "uncertain"
    UNDER_WAY = "under_way"
    WITHOUT_ADDRESS = "without_address"
    NO_PIECE = "no_piece"
    """The archive cannot give what is to be attached."""

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do about it."""
        return self in {Result.SENT, Result.WRITTEN, Result.ALREADY}


_BY_STANDING: Final = {
    Standing.DONE: Result.ALREADY,
    Standing.REFUSED: Result.REFUSED,
    Standing.UNCERTAIN: Result.UNCERTAIN,
    Standing.UNDER_WAY: Result.UNDER_WAY,
}
_BY_STATE: Final = {
    MailState.SENT: Result.SENT,
    MailState.REFUSED: Result.REFUSED,
    MailState.LATER: Result.LATER,
    MailState.UNCERTAIN: Result.UNCERTAIN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What came of a letter.

    Attributes:
        code: the server's; empty when it was not asked now.
        said: for the terminal alone: why.
    """

    letter: Letter
    result: Result
    code: str = ""
    said: str = ""


def mail_server(app: App) -> MailServer:
    """The server of the configuration. Raises ConfigurationError."""
    settings = app.settings.mail
    if not settings.host:
        raise ConfigurationError(
            "La configuration n'a pas de serveur de courriel.",
            "Donnez mail.host et mail.sender (docs/operations.md), ou ajoutez --dry-run DOSSIER.",
        )
    name = platform.node()
    return MailServer(
        host=settings.host,
        port=settings.port,
        security=settings.security,
        trusted=_trusted(app),
        user=settings.user,
        password=load_mail_password(app.configuration) if settings.user else SecretStr(""),
        hello=name if _HOST_NAME.fullmatch(name) else "localhost",
        step_seconds=settings.step_seconds,
        call_seconds=settings.call_seconds,
    )


def _trusted(app: App) -> ssl.SSLContext:
    path = app.configuration.mail_certificates
    if path is None:
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cadata=read_bounded(path, MOST_BYTES).decode("ascii"))
    except (ssl.SSLError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"Le fichier {path} n'a pas de certificat qui se lise.",
            "Donnez à mail.ca_file un fichier PEM d'autorités de certification.",
        ) from error
    except OSError as error:
        raise ConfigurationError(*told(error, path)) from error


def send(
    app: App,
    kind: MailKind,
    year: int,
    found: Sequence[Letter],
    *,
    again: bool = False,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[Done]:
    """Send what is to be sent, one after the other, each told once its outcome is written.

    Args:
        app: the open installation.
        kind: of the letters.
        year: of the services.
        found: the letters.
        again: a person has asked for these, whatever was sent before.
        pause: waits some seconds, between two messages.

    Raises:
        ConfigurationError, MailRefusesUs: the server refuses whatever we send; nothing more left.
        MailDown: it cannot be reached.
    """
    server, sender = mail_server(app), _sender(app)
    if any(_is_to_send(letter, again=again) for letter in found):
        _refuse_common(probe(server))
    every = 60 / app.settings.mail.per_minute
    next_at = time.monotonic()
    in_a_row = 0
    for letter in found:
        if not _is_to_send(letter, again=again):
            yield _left(letter)
            continue
        pause(max(0, next_at - time.monotonic()))
        next_at = time.monotonic() + every
        done = _send(app, kind, year, letter, server, sender, again=again)
        yield done
        in_a_row = in_a_row + 1 if _may_be_common(done) else 0
        if in_a_row == MOST_IN_A_ROW:
            raise MailRefusesUs(
                f"{MOST_IN_A_ROW} courriels de suite ont été refusés ou laissés sans réponse "
                f"({done.code or done.said}) : la cause est sans doute commune à tous, et les "
                "suivants ne sont pas partis.",
                "Voyez avec qui tient le serveur de courriel, puis retapez la même commande.",
            )


def write_files(
    app: App, kind: MailKind, year: int, found: Sequence[Letter], folder: Path, *, again: bool
) -> Iterator[Done]:
    """Write as ``.eml`` files what ``send`` would send now; nothing else is written anywhere.

    Raises StorageUnavailable, when the folder cannot be written.
    """
    sender = _sender(app)
    path = folder
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for letter in found:
            if not _is_to_send(letter, again=again) or letter.recipient is None:
                yield _left(letter)
                continue
            try:
                message = _message(app, kind, year, letter, letter.recipient, sender)
            except (IntegrityError, StorageUnavailable) as error:
                yield Done(letter=letter, result=Result.NO_PIECE, said=error.message)
                continue
            path = folder / f"{letter.siret}.eml"
            with create_regular(path) as file:
                file.write(message.as_bytes())
            yield Done(letter=letter, result=Result.WRITTEN)
    except OSError as error:
        raise StorageUnavailable(*told(error, path, writing=True)) from error


def receive(app: App, kind: MailKind, year: int, siret: str, reason: str) -> None:
    """Keep a person's word that a member has what it was to be sent.

    Raises:
        WrongUse: nothing was ever sent to it, or no reason that can be read.
        Refused: nothing waits for this word.
    """
    reason = stated_reason(reason)
    with app.transaction() as tx:
        past = mails.of_member(tx, siret, kind, year)
        if not past:
            raise WrongUse(
                f"Aucun courriel de ce genre n'a été envoyé à {siret} pour {year}.",
                "Vérifiez le SIRET et l'année.",
            )
        last = past[-1]
        now = standing(last, same_address=True, now=tx.now, longest=LONGEST_CALL)
        if now in {Standing.DONE, Standing.UNDER_WAY}:
            raise Refused(
                f"Le courriel de {year} à {siret} n'attend rien : il est parti.",
                "Voyez « contacts show ».",
            )
        if last.state is MailState.INTENDED:
            mails.answer(tx, last.id, MailState.UNCERTAIN, "")
        mails.receive(tx, last, reason)


def _is_to_send(letter: Letter, *, again: bool) -> bool:
    if letter.recipient is None or letter.standing is Standing.UNDER_WAY:
        return False
    return again or letter.standing is Standing.TO_SEND


def _left(letter: Letter) -> Done:
    """What is not sent now."""
    if letter.standing is Standing.TO_SEND:
        return Done(letter=letter, result=Result.WITHOUT_ADDRESS)
    code = letter.past[-1].detail if letter.past else ""
    return Done(letter=letter, result=_BY_STANDING[letter.standing], code=code)


def _send(
    app: App,
    kind: MailKind,
    year: int,
    letter: Letter,
    server: MailServer,
    sender: Mailbox,
    *,
    again: bool,
) -> Done:
    assert letter.recipient is not None  # noqa: S101 - _is_to_send
    try:
        message = _message(app, kind, year, letter, letter.recipient, sender)
    except (IntegrityError, StorageUnavailable) as error:
        return Done(letter=letter, result=Result.NO_PIECE, said=error.message)
    mail_id = _intend(app, kind, year, letter, message, again=again)
    if mail_id is None:
        return Done(letter=letter, result=Result.UNDER_WAY)
    delivery = deliver(server, message)
    common = delivery.step.is_about_us
    state = (
        MailState.LATER if common and delivery.outcome is MailState.REFUSED else delivery.outcome
    )
    with app.transaction() as tx:
        mails.answer(tx, mail_id, state, delivery.code)
    _log.info(
        "mail.answered",
        siret=letter.siret,
        kind=kind.value,
        year=year,
        state=state.value,
        step=delivery.step.value,
        code=delivery.code,
    )
    if common:
        _refuse_common(delivery)
    return Done(letter=letter, result=_BY_STATE[state], code=delivery.code, said=delivery.said)


def _intend(
    app: App, kind: MailKind, year: int, letter: Letter, message: Message, *, again: bool
) -> int | None:
    """Write the intent, unless another process did, or its contact is another since."""
    with app.transaction() as tx:
        contact = contacts.current(tx, {letter.siret}).get(letter.siret)
        past = mails.of_member(tx, letter.siret, kind, year)
        if contact is None or letter.contact is None or contact.id != letter.contact.id:
            return None
        if [one.id for one in past] != [one.id for one in letter.past]:
            return None
        if past and past[-1].state is MailState.INTENDED:
            now = standing(past[-1], same_address=True, now=tx.now, longest=LONGEST_CALL)
            if now is Standing.UNDER_WAY or not again:
                return None
            mails.answer(tx, past[-1].id, MailState.UNCERTAIN, "")
        imported.use_contact(tx, letter.siret, tx.now)
        return mails.intend(
            tx,
            kind,
            letter.siret,
            year,
            message_id=message.message_id,
            address_sha256=contacts.hashed(tx, contact),
            attachment_sha256=letter.attachment_sha256,
        )


def _message(
    app: App, kind: MailKind, year: int, letter: Letter, recipient: Mailbox, sender: Mailbox
) -> Message:
    attachment = None
    if letter.attachment_name:
        content = app.store.archive.get(letter.attachment_sha256)
        attachment = Attachment(name=letter.attachment_name, media_type=PDF, content=content)
    reply_to = app.settings.mail.reply_to
    attempt = len(letter.past) + 1
    return Message(
        sender=sender,
        recipient=recipient,
        reply_to=_own(reply_to, "reply_to", app) if reply_to else None,
        subject=letter.subject,
        text=letter.text,
        message_id=message_id(kind, letter.siret, year, attempt, sender.domain),
        date=app.clock(),
        attachment=attachment,
    )


def _sender(app: App) -> Mailbox:
    if not app.settings.mail.sender:
        raise ConfigurationError(
            "La configuration ne dit pas qui écrit aux membres.",
            "Donnez mail.sender, l'adresse d'où partent les courriels.",
        )
    return _own(app.settings.mail.sender, "sender", app)


def _own(address: str, key: str, app: App) -> Mailbox:
    try:
        return mailbox(address, app.settings.syndicat.name)
    except ValueError as error:
        raise ConfigurationError(
            f"mail.{key} n'est pas une adresse de courriel.", "Corrigez la configuration."
        ) from error


def _may_be_common(done: Done) -> bool:
    if done.result is Result.REFUSED:
        return _UNKNOWN_ADDRESS.fullmatch(done.code) is None
    return done.result is Result.UNCERTAIN


def _refuse_common(delivery: Delivery) -> None:
    """Raise what stops all, when the server took nothing for a reason that is common to all."""
    if delivery.outcome is MailState.SENT:
        return
    why = " ".join(part for part in (delivery.code, delivery.said) if part)
    if delivery.outcome is MailState.LATER:
        raise MailDown(
            f"Le serveur de courriel ne prend rien pour l'instant : {why}.",
            "Rien n'est perdu : retapez la même commande plus tard.",
        )
    remedies = {
        Step.ENCRYPTION: "Vérifiez mail.security, mail.port et mail.ca_file.",
        Step.LOGIN: "Vérifiez mail.user et le secret smtp_password.",
        Step.SENDER: "Vérifiez mail.sender : ce compte a-t-il le droit d'écrire en son nom ?",
    }
    raise MailRefusesUs(
        f"Le serveur de courriel refuse ce qui vient de nous : {why}.",
        remedies.get(delivery.step, "Vérifiez la table [mail] de la configuration."),
    )
