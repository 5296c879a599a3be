"""Do the books still say what the journal says? For auditors, and after a restore.

The journal proves itself by its chain (billing/journal.py). Here each issued invoice is compared
with its events (amount, statement, hashes of its documents), and each document with its archived
bytes.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worker.app import App
from worker.audit import timestamps
from worker.audit.checkpoints import (
    LARGEST,
    GivenLines,
    Watch,
    given_lines,
    kept_lines,
    watched,
)
from worker.audit.recomputation import recompute
from worker.audit.tokens import verify_anchors, verify_given
from worker.billing.credit_note import credited_total
from worker.billing.journal import EventTag, JournalEvent, JournalHead, payload_of
from worker.billing.journal import verify as verify_chain
from worker.billing.money import count, french
from worker.billing.status import InvoiceStatus, TrackedInvoice, Trouble, french_document
from worker.errors import KEEP_AND_COMPARE, Finding, IntegrityError, Severity, WrongUse
from worker.isolation.files import read_bounded
from worker.settings.rights import told
from worker.storage import Session, Store, invoices, journal, observations
from worker.storage.alterations import SAYS, How, alterations
from worker.storage.documents import documents_of, pieces_of_rows
from worker.storage.tables import as_written

ROWS_SINCE = "0007"
"""The schema since which each row is proved by an event of the journal."""
MOST_NAMED = 3
"""Triggers that a finding names."""
ISSUED = (EventTag.INVOICE_ISSUED, EventTag.CREDIT_NOTE_ISSUED, EventTag.INVOICE_CORRECTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What a verification came to.

    Attributes:
        end: where the journal ends.
        checkpoints: how many it holds.
        tokens: how many of them an authority has stamped.
        findings: everything that was altered.
        uncovered: what nothing in this database can prove, in French.
    """

    end: JournalHead
    checkpoints: int
    tokens: int
    findings: tuple[Finding, ...]
    uncovered: tuple[str, ...]


def verify(app: App, noted: str | None = None, checkpoint: Path | None = None) -> Verification:
    """Verify the chain of the journal, then the invoices and the archive against it.

    Args:
        app: the installation.
        noted: a hash printed earlier, or at least its first 16 characters, which the chain must
            still hold.
        checkpoint: a file of checkpoints that was kept elsewhere, or a token of a time-stamping
            authority, which the chain must still hold. The lines beside the database are always
            compared.

    Raises:
        WrongUse: ``noted`` is no such hash, ``checkpoint`` no such file.
        StorageUnavailable: the lines beside the database cannot be read.
        IntegrityError: the database itself is damaged.
    """
    sought = "" if noted is None else _sought(noted)
    given = _no_more if checkpoint is None else _given(app, checkpoint)
    kept = kept_lines(app)
    held = False
    watch = Watch()
    app.store.require_sound()
    with app.reading() as session:
        end = journal.head(session)

        def seen() -> Iterator[JournalEvent]:
            nonlocal held
            for event in watched(journal.events(session), watch):
                held = held or event.hash.startswith(sought)
                yield event

        findings = verify_chain(seen(), end)
    findings += (*watch.findings, *watch.lost(kept), *given(watch))
    for part in (
        lambda: () if uncovered(app.store) else verify_rows(app.store),
        lambda: verify_anchors(app.store, watch),
        lambda: verify_books(app.store),
        lambda: verify_archive(app.store, watch),
        lambda: (one for each in recompute(app.store) for one in each.findings),
    ):
        findings += tuple(readable(part))
    if sought and not held:
        findings += (
            Finding(
                code="JOURNAL-HEAD",
                message=f"l'empreinte {noted} n'est plus dans le journal",
                remedy="La fin du journal a été coupée ou réécrite : comparez à une sauvegarde.",
            ),
        )
    return Verification(
        end=end,
        checkpoints=len(watch.placed),
        tokens=len(watch.anchored),
        findings=findings,
        uncovered=uncovered(app.store),
    )


def uncovered(store: Store) -> tuple[str, ...]:
    """What nothing in a database of an older release can prove; nothing is said altered of it."""
    if not store.older or store.older >= ROWS_SINCE:
        return ()
    since = f"base de la version {store.older} ; cette preuve commence à la version {ROWS_SINCE}"
    return (f"les lignes de la base une à une ({since})",)


def _no_more(_: Watch) -> Iterator[Finding]:
    return iter(())


def _given(app: App, path: Path) -> Callable[[Watch], Iterator[Finding]]:
    """What compares a file from elsewhere with the chain, once this was seen."""
    try:
        content = read_bounded(path, LARGEST)
    except OSError as error:
        raise WrongUse(*told(error, path)) from error
    stamp = timestamps.read(content) if len(content) <= timestamps.LARGEST else None
    if isinstance(stamp, timestamps.Stamp):
        token = stamp
        return lambda watch: verify_given(app, watch, path.name, content, token)
    lines: GivenLines = given_lines(path.name, content)
    if not lines.lines:
        raise WrongUse(
            f"Le fichier {path} n'est ni une copie de checkpoints.jsonl, ni un jeton d'horodatage.",
            "Donnez l'un des deux : une ligne suffit.",
        )
    return lambda watch: watch.lost(lines)


def _sought(noted: str) -> str:
    text = noted.strip().lower()
    if not re.fullmatch(r"[0-9a-f]{16,64}…?", text):
        raise WrongUse(
            "L'empreinte donnée à --head ne convient pas.",
            "Recopiez au moins ses 16 premiers caractères (chiffres et lettres de a à f).",
        )
    return text.rstrip("…")


def verify_rows(store: Store) -> Iterator[Finding]:
    """Every row and digest that is not as the program wrote it, the triggers together, the shape.

    Until none can be read any more.
    """
    absent: list[str] = []
    with store.reading() as session:
        for found in alterations(session):
            if found.how is How.TRIGGER:
                absent.append(found.key)
            else:
                yield _altered(found.where, SAYS[found.how])
    if absent:
        yield _altered("déclencheurs de la base", _missing(absent))


def _missing(triggers: Sequence[str]) -> str:
    """Which triggers are not as they were made: an intruder takes them all away, or one."""
    named = ", ".join(triggers[:MOST_NAMED])
    others = len(triggers) - MOST_NAMED
    rest = f" et {count(others, 'autre')}" if others > 0 else ""
    return f"{named}{rest} : absents ou modifiés"


def _altered(where: str, what: str) -> Finding:
    return Finding(code="ROW-ALTERED", message=what, remedy=KEEP_AND_COMPARE, where=where)


def verify_archive(store: Store, watch: Watch) -> Iterator[Finding]:
    """What is in the archive, and nothing names: neither an event nor a row."""
    with store.reading() as session:
        named = frozenset((*pieces_of_rows(session), *watch.pieces()))
    found = [str(path.relative_to(store.archive.folder)) for path in store.archive.strangers(named)]
    if found:
        shown = ", ".join(found[:MOST_NAMED])
        rest = f" et {count(len(found) - MOST_NAMED, 'autre')}" if len(found) > MOST_NAMED else ""
        yield Finding(
            code="PIECE-UNNAMED",
            severity=Severity.WARNING,
            message=f"{count(len(found), 'fichier')} que rien ne nomme : {shown}{rest}",
            remedy="Une écriture interrompue en laisse un, sans dommage ; sinon, on l'a ajouté.",
            where="archive",
        )


def verify_books(store: Store) -> tuple[Finding, ...]:
    """Every difference between the journal, the invoices and the archive; none when sound."""
    findings: list[Finding] = []
    with store.reading() as session:
        told: dict[str, list[dict[str, Any]]] = {}
        for event in journal.events(session):
            if event.tag in ISSUED:
                told.setdefault(event.subject, []).append(payload_of(event))
        for invoice in invoices.tracked(session):
            if invoice.trouble is Trouble.UNREADABLE:
                told.pop(invoice.number, [])
                findings.append(_differs(invoice.label, invoice.french_detail))
            elif invoice.number:
                said = told.pop(invoice.number, [])
                try:
                    with as_written(f"l'émission de {invoice.number} au journal"):
                        findings.extend(_compare(store, session, invoice, said))
                except IntegrityError as error:
                    findings.append(_differs(invoice.label, error.message))
    findings.extend(
        _differs(
            french_document(number, is_credit_note="corrects" in said[0]),
            "le journal connaît ce document, qui n'est plus dans la base",
        )
        for number, said in told.items()
    )
    return tuple(findings)


def _compare(
    store: Store, session: Session, invoice: TrackedInvoice, told: list[dict[str, Any]]
) -> Iterator[Finding]:
    if not told or "total_ttc" not in told[0]:
        yield _differs(invoice.label, "le journal ne connaît pas son émission")
        return
    content = invoices.content(session, invoice.id)
    amounts = {invoice.total, content.totals.payable}
    if not invoice.is_credit_note:
        amounts.add(invoices.statement_of(session, invoice.id).total)
        yield from _credits(session, invoice)
    if {str(amount) for amount in amounts} != {told[0]["total_ttc"]}:
        found = " et ".join(french(amount) for amount in sorted(amounts, key=lambda one: one.cents))
        said = str(told[0]["total_ttc"]).replace(".", ",")
        yield _differs(invoice.label, f"montant dans la base : {found} ; au journal : {said} €")
    if (invoice.siret, invoice.year) != (told[0]["siret"], told[0]["year"]):
        yield _differs(invoice.label, "le membre ou l'année ne sont plus ceux du journal")
    kept = {
        (document.version, document.kind.value): document.sha256
        for document in documents_of(session, invoice.id)
    }
    recorded = {
        (version, kind): sha256
        for version, payload in enumerate(told, start=1)
        for kind, sha256 in dict(payload["documents"]).items()
    }
    if kept != recorded:
        yield _differs(invoice.label, "ses documents ne sont plus ceux du journal")
    evidence = (seen.evidence for seen in observations.observations(session, invoice.id))
    for sha256 in (*kept.values(), *filter(None, evidence)):
        try:
            store.archive.get(sha256)
        except IntegrityError as error:
            yield _differs(invoice.label, error.message)


def _credits(session: Session, invoice: TrackedInvoice) -> Iterator[Finding]:
    """Never more given back than invoiced; cancelled when, and only when, all of it was."""
    credited = credited_total(invoices.credit_notes(session, invoice.id))
    cancelled = invoice.status is InvoiceStatus.CANCELLED
    if credited > invoice.total or cancelled != (credited == invoice.total):
        yield _differs(
            invoice.label, f"avoirs de {credited} € sur {invoice.total} €, état {invoice.status}"
        )


def readable(part: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """What one part of the verification finds; what it cannot read at all is one finding more."""
    try:
        yield from part()
    except IntegrityError as error:
        yield _unreadable(error)


def _unreadable(error: IntegrityError) -> Finding:
    return Finding(code="BOOKS-DIFFER", message=error.message, remedy=error.remedy, where="base")


def _differs(where: str, what: str) -> Finding:
    return Finding(
        code="BOOKS-DIFFER",
        message=what,
        remedy=KEEP_AND_COMPARE,
        where=where,
    )
