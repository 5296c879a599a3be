"""Gives a suspended invoice the files its buyer asked for, without any new deposit (§2.7).

Chorus Pro takes files and a comment for a suspended invoice, and hands it back to the buyer. What
was given is archived and journalled before the call.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from worker.app import App
from worker.billing.journal import EventTag
from worker.billing.status import InvoiceStatus, TrackedInvoice
from worker.billing.text import hidden_character, hidden_in_french, plain_name
from worker.errors import (
    Finding,
    PortalAccessRefused,
    PortalAnswerError,
    PortalError,
    Refused,
    WrongUse,
)
from worker.isolation.files import read_bounded, reason
from worker.portals import Portal, SupportingFile
from worker.storage import invoices
from worker.transmission.statuses import ask_history
from worker.validation.value_limits import ATTACHMENT_NAME, MAX_ATTACHMENT, broken

LONGEST_COMMENT = 2000
"""Characters of the comment (§2.7)."""
LONGEST_NAME = 50
"""Characters of a file's name, its extension included (§5)."""
MOST_BYTES = 118_000_000
"""Of all files of an invoice together: 120 MB with the invoice itself (§5)."""


def complete(
    app: App, portal: Portal, number: str, comment: str, paths: Sequence[Path]
) -> TrackedInvoice:
    """Give a suspended invoice its files; returns it as it stands then.

    Raises:
        WrongUse: no such invoice, or files that Chorus Pro would not take.
        Refused: it is not suspended.
        PortalDown: no certain answer: the same command may be typed again, for the portal refuses
            to complete what is not suspended any more.
        PortalAccessRefused: nothing was given: credentials or rights to correct first.
    """
    with app.reading() as session:
        invoice = invoices.named(session, number)
    refuse_unless_suspended(invoice)
    files = read_files(paths, comment)
    portal.sign_in()
    hashes = app.store.archive.put_all([file.content for file in files])
    given = {file.name: sha256 for file, sha256 in zip(files, hashes, strict=True)}
    _journal(app, EventTag.COMPLETION_INTENDED, number, comment=comment.strip(), files=given)
    try:
        portal.complete(invoice.id_at_portal, comment=comment.strip(), files=files)
    except (PortalError, PortalAccessRefused) as error:
        refused = isinstance(error, PortalAnswerError | PortalAccessRefused)
        outcome = "refused" if refused else "unknown"
        _journal(app, EventTag.COMPLETION_ANSWERED, number, outcome=outcome, detail=error.message)
        if isinstance(error, PortalAnswerError):
            ask_history(app, portal, invoice)
        raise
    _journal(app, EventTag.COMPLETION_ANSWERED, number, outcome="accepted")
    ask_history(app, portal, invoice)
    with app.reading() as session:
        return invoices.by_id(session, invoice.id)


def refuse_unless_suspended(invoice: TrackedInvoice) -> None:
    """Raise Refused for what waits for no file."""
    if invoice.status is not InvoiceStatus.SUSPENDED:
        raise Refused(
            f"{invoice.french_name} ({invoice.french_status}) n'attend aucune pièce.",
            "Seule une facture suspendue par le membre se complète. Si elle vient de l'être, tapez "
            f"d'abord : chorus-worker follow {invoice.number}",
        )


def read_files(paths: Sequence[Path], comment: str) -> tuple[SupportingFile, ...]:
    """The files to give, under names that Chorus Pro takes.

    Raises WrongUse with everything else that it would not take.
    """
    findings = list(_of_comment(comment))
    files = []
    for path in paths:
        try:
            content = read_bounded(path, MAX_ATTACHMENT)
        except OSError as error:
            findings.append(
                _finding(
                    f"le fichier « {path} » ne peut pas être lu : {reason(error)}",
                    f"Joignez des fichiers ordinaires de {MAX_ATTACHMENT // 1_000_000} Mo au plus.",
                )
            )
            continue
        if not content:
            findings.append(_finding(f"le fichier « {path.name} » est vide", "Exportez-le encore."))
        else:
            files.append(SupportingFile(name=accepted_name(path.name), content=content))
        findings += broken(ATTACHMENT_NAME, accepted_name(path.name))
    if len({file.name for file in files}) < len(files):
        findings.append(_finding("deux fichiers portent le même nom", "Renommez l'un des deux."))
    if sum(len(file.content) for file in files) > MOST_BYTES:
        findings.append(
            _finding("l'ensemble des fichiers dépasse 118 Mo", "Joignez-en moins à la fois.")
        )
    if findings:
        raise WrongUse(
            "Ces pièces ne peuvent pas être jointes.",
            "Corrigez ce qui est signalé : rien n'a été envoyé.",
            findings=findings,
        )
    return tuple(files)


def accepted_name(name: str) -> str:
    """The name of a file as Chorus Pro takes it (§5): no accent or space, 50 characters at most."""
    stem, point, suffix = name.rpartition(".")
    if not point:
        return plain_name(name, LONGEST_NAME)
    return f"{plain_name(stem, LONGEST_NAME - len(suffix) - 1) or 'piece'}.{suffix}"


def _of_comment(comment: str) -> Iterator[Finding]:
    if not comment.strip():
        yield _finding("le commentaire est vide", 'Dites au membre ce que c\'est : --comment "…".')
    if character := hidden_character(comment.strip()):
        yield _finding(
            f"le commentaire contient {hidden_in_french(character)}",
            "Retapez-le à la main, sur une seule ligne.",
        )
    if len(comment.strip()) > LONGEST_COMMENT:
        yield _finding(f"le commentaire dépasse {LONGEST_COMMENT} caractères", "Raccourcissez-le.")


def _finding(message: str, remedy: str) -> Finding:
    return Finding(code="COMPLETE-FILE", message=message, remedy=remedy)


def _journal(app: App, tag: EventTag, number: str, **payload: object) -> None:
    with app.transaction() as tx:
        tx.journal(tag, number, **payload)
