"""Who is written what for a year, and who cannot be: nothing is sent here.

Every text is made before the first message leaves, so that a wrong template stops all at once.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from worker.app import App
from worker.billing.document import DocumentKind
from worker.billing.members import Member
from worker.billing.money import ZERO, french
from worker.billing.period import Month, paris_day
from worker.billing.sent_mail import LONGEST_CALL, MailKind, SentMail, Standing, standing
from worker.billing.status import InvoiceStatus, TrackedInvoice
from worker.errors import Finding, UnreadableRecord, WrongUse
from worker.issuing.directory_rules import DirectoryEntry
from worker.mail.message import Mailbox, mailbox
from worker.mailing.texts import mail_text
from worker.settings.keys import Channel
from worker.storage import (
    Session,
    contacts,
    directory,
    imported,
    invoices,
    mails,
    member_years,
    statements,
)
from worker.storage.contacts import KeptContact
from worker.storage.documents import documents_of
from worker.storage.snapshots import load

NO_ADDRESS = "MAIL-NO-ADDRESS"
BAD_ADDRESS = "MAIL-BAD-ADDRESS"
REPLACED = "MAIL-REPLACED"
_NAME_LIMIT = 60
_NOT_PLAIN = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message to a member, as far as it can be made.

    Attributes:
        contact: whom it goes to; None without one.
        recipient: None without an address that a server could be given.
        attachment_sha256: the piece of the archive that goes with it; empty without any.
        attachment_name: of the attached file.
        past: the earlier attempts of its kind and year.
        standing: what the last of them leaves to do.
        findings: why it cannot be written, or not by itself.
    """

    siret: str
    name: str
    contact: KeptContact | None
    recipient: Mailbox | None
    subject: str
    text: str
    attachment_sha256: str
    attachment_name: str
    past: tuple[SentMail, ...]
    standing: Standing
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    """What is told to a member beside who it is."""

    siret: str
    name: str
    values: Mapping[str, object]
    attachment_sha256: str = ""
    attachment_name: str = ""


def letters(
    app: App, kind: MailKind, year: int, only: Collection[str] = ()
) -> tuple[tuple[Letter, ...], tuple[Finding, ...]]:
    """The letters of a kind and year, by name of the member, and the members that are unreadable.

    Args:
        app: the open installation.
        kind: what they are about.
        year: of the services.
        only: the SIRETs of the members to write; empty: all that there are.

    Raises:
        ConfigurationError: the template is wrong.
        WrongUse: a member of ``only`` has nothing to be written about.
    """
    text = mail_text(kind, app.configuration.mail_templates)
    unreadable: list[Finding] = []
    made = []
    with app.reading() as session:
        contents = list(_contents(app, session, kind, year, unreadable))
        if lost := set(only) - {content.siret for content in contents}:
            raise WrongUse(
                f"Rien n'est à écrire pour {year} à : {', '.join(sorted(lost))}.",
                "Vérifiez le SIRET et l'année.",
            )
        chosen = [content for content in contents if not only or content.siret in only]
        known = contacts.current(session, {content.siret for content in chosen})
        for content in chosen:
            contact = known.get(content.siret)
            subject, body = text.render(
                {**content.values, **_everybody(app, content, contact, year)}
            )
            made.append(_letter(app, session, kind, year, content, contact, subject, body))
    return tuple(sorted(made, key=lambda one: (one.name.casefold(), one.siret))), tuple(unreadable)


def _everybody(
    app: App, content: _Content, contact: KeptContact | None, year: int
) -> dict[str, object]:
    seller = app.settings.syndicat
    facts = (seller.contact_name, seller.name, seller.contact_phone, seller.contact_email)
    return {
        "membre": content.name,
        "siret": content.siret,
        "contact": "" if contact is None else contact.name,
        "annee": year,
        "canal": app.settings.channel.value,
        "syndicat": seller.name,
        "signature": "\n".join(fact for fact in facts if fact),
    }


def _letter(
    app: App,
    session: Session,
    kind: MailKind,
    year: int,
    content: _Content,
    contact: KeptContact | None,
    subject: str,
    text: str,
) -> Letter:
    past = mails.of_member(session, content.siret, kind, year)
    last = past[-1] if past else None
    recipient, findings = _recipient(content, contact)
    same = (
        last is not None
        and contact is not None
        and contacts.is_address(session, content.siret, contact.email, last.address_sha256)
    )
    now = standing(last, same_address=same, now=app.clock(), longest=LONGEST_CALL)
    letter = Letter(
        siret=content.siret,
        name=content.name,
        contact=contact,
        recipient=recipient,
        subject=subject,
        text=text,
        attachment_sha256=content.attachment_sha256,
        attachment_name=content.attachment_name,
        past=past,
        standing=now,
        findings=findings,
    )
    outdated = last is not None and last.attachment_sha256 != content.attachment_sha256
    if now is Standing.DONE and outdated:
        replaced = Finding(
            code=REPLACED,
            message="l'état qui lui a été envoyé a été remplacé depuis",
            remedy=f"Envoyez-lui le nouveau : chorus-worker mail {kind.value} {year} "
            f"--again {content.siret}",
            where=content.name,
        )
        return replace(letter, findings=(*findings, replaced))
    return letter


def _recipient(
    content: _Content, contact: KeptContact | None
) -> tuple[Mailbox | None, tuple[Finding, ...]]:
    remedy = f"Donnez-la : chorus-worker contacts correct {content.siret} --email ADRESSE"
    if contact is None or not contact.email:
        message = "aucune adresse de courriel"
        return None, (_finding(NO_ADDRESS, content, message, remedy),)
    try:
        return mailbox(contact.email, contact.name), ()
    except ValueError:
        message = "l'adresse de courriel de ce membre ne peut pas être utilisée"
        return None, (_finding(BAD_ADDRESS, content, message, remedy),)


def _finding(code: str, content: _Content, message: str, remedy: str) -> Finding:
    return Finding(
        code=code, message=message, remedy=remedy, where=f"{content.name} ({content.siret})"
    )


def _contents(
    app: App, session: Session, kind: MailKind, year: int, unreadable: list[Finding]
) -> Iterator[_Content]:
    match kind:
        case MailKind.REFERENCES:
            answer_by = paris_day(app.clock()) + timedelta(days=app.settings.mail.reply_days)
            billed = {
                invoice.siret
                for invoice in invoices.tracked(session, year=year)
                if _counts(invoice)
            }
            for member in member_years.members_of_year(session, year):
                if member.siret in billed:  # its references are printed already
                    continue
                values = _references(app, session, member, year)
                yield _Content(
                    siret=member.siret,
                    name=member.name,
                    values={**values, "reponse_avant": _in_words(answer_by)},
                )
        case MailKind.STATEMENTS:
            yield from _statements(session, year, unreadable)


def _references(app: App, session: Session, member: Member, year: int) -> dict[str, object]:
    given = imported.references_of(session, member.siret, year)
    before = imported.references_of(session, member.siret, year - 1)
    demands = _demands(session, member.siret)
    service, engagement = given.service_code, given.engagement
    exige, manque = "", ""
    if demands is not None:
        exige, manque = _said(demands, service=bool(service), engagement=bool(engagement))
    return {
        "code_service": service,
        "engagement": engagement,
        "engagement_precedent": before.engagement,
        "annuaire_lu": app.settings.channel is Channel.API and demands is not None,
        "exige": exige,
        "manque": manque,
    }


@dataclass(frozen=True, slots=True)
class _Demands:
    """What a structure makes compulsory, by what was last read of it in the directory."""

    service: bool
    engagement: bool
    either: bool


def _demands(session: Session, siret: str) -> _Demands | None:
    cached = directory.cached_entry(session, siret)
    try:
        entry = None if cached is None else load(DirectoryEntry, cached[1])
    except ValueError:  # not what was written: it counts as never read
        return None
    structure = None if entry is None else entry.structure
    if entry is None or structure is None:
        return None
    return _Demands(
        service=structure.service_code_required,
        engagement=structure.engagement_required
        or (entry.service is not None and entry.service.engagement_required),
        either=structure.service_or_engagement_required,
    )


_SERVICE, _ENGAGEMENT = "un code service", "un numéro d'engagement"


def _said(demands: _Demands, *, service: bool, engagement: bool) -> tuple[str, str]:
    """What is demanded and what of it is missing, as parts of a sentence."""
    if demands.either:
        both = f"{_SERVICE} ou {_ENGAGEMENT}"
        return both, "" if service or engagement else "l'un des deux"
    wanted = [(_SERVICE, "le code service", service)] * demands.service
    wanted += [(_ENGAGEMENT, "le numéro d'engagement", engagement)] * demands.engagement
    demanded = " et ".join(what for what, _, _ in wanted)
    return demanded, " et ".join(which for _, which, there in wanted if not there)


def _statements(session: Session, year: int, unreadable: list[Finding]) -> Iterator[_Content]:
    for alone in statements.without_invoice(session, year):
        if alone.kind == DocumentKind.STATEMENT.value:
            name = imported.member(session, alone.siret).name
            yield _Content(
                siret=alone.siret,
                name=name,
                values={
                    "etat": alone.number,
                    "montant": french(ZERO),
                    "facture": "",
                    "date_facture": "",
                },
                attachment_sha256=alone.sha256,
                attachment_name=_file_name(year, name),
            )
    for invoice in invoices.tracked(session, year=year):
        if not _counts(invoice):
            continue
        try:
            statement = invoices.statement_of(session, invoice.id)
            found = documents_of(session, invoice.id)
        except UnreadableRecord as error:
            unreadable.append(
                Finding(
                    code="ROW-UNREADABLE",
                    message=error.message.rstrip("."),
                    remedy=error.remedy,
                    where=invoice.number,
                )
            )
            continue
        kept = [document for document in found if document.kind is DocumentKind.STATEMENT]
        issued = invoice.issue_date
        yield _Content(
            siret=invoice.siret,
            name=invoice.member_name,
            values={
                "etat": statement.number,
                "montant": french(statement.total),
                "facture": invoice.number if statement.total != ZERO else "",
                "date_facture": "" if issued is None else _in_words(issued),
            },
            attachment_sha256=max(kept, key=lambda one: one.version).sha256 if kept else "",
            attachment_name=_file_name(year, invoice.member_name),
        )


def _counts(invoice: TrackedInvoice) -> bool:
    """Whether it is the issued invoice of its member and year."""
    ended = invoice.is_credit_note or invoice.status is InvoiceStatus.CANCELLED
    return bool(invoice.number) and not ended


def _in_words(day: date) -> str:
    """``1er décembre 2025``."""
    return f"{'1er' if day.day == 1 else day.day} {Month.of(day).french}"


def _file_name(year: int, name: str) -> str:
    return f"etat-detaille-{year}-{_plain(name)}.pdf"


def _plain(name: str) -> str:
    """A name in lower-case ASCII letters, digits and dashes."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return _NOT_PLAIN.sub("-", ascii_name)[:_NAME_LIMIT].strip("-") or "membre"
