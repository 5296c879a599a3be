"""``status`` and ``show``: where things stand."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.cli.console import (
    DONE,
    TO_LOOK_AT,
    Config,
    Json,
    Number,
    finding_json,
    invoice_json,
    put,
    put_json,
    show_findings,
    table,
    typed,
)
from worker.cli.run import show_invoices, state
from worker.cli.typer_french import FrenchCommand

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.billing.credit_note import Remainder
    from worker.billing.invoice import Invoice
    from worker.billing.journal import JournalEvent
    from worker.billing.statement import Statement
    from worker.billing.status import TrackedInvoice
    from worker.storage.attempts import (
        Attempt,
    )
    from worker.storage.documents import StoredDocument
    from worker.storage.observations import (
        Observation,
    )


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("status", cls=FrenchCommand)(status)
    app.command("show", cls=FrenchCommand)(show)


def status(
    year: Annotated[
        int | None,
        typer.Argument(
            metavar="[ANNÉE]", help="année des services ; sinon toutes", show_default=False
        ),
    ] = None,
    todo: Annotated[
        bool,
        typer.Option(
            "--todo",
            help="seulement ce qui attend une personne, avec la marche à suivre",
            show_default=False,
        ),
    ] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Affiche chaque facture et son état."""
    from worker.corrections.french import sentence
    from worker.corrections.todo import advised
    from worker.service.app import open_app
    from worker.settings.loading import find_config
    from worker.storage import (
        invoices,
    )

    app = open_app(find_config(config))
    with app.reading() as session:
        found = invoices.tracked(session, year=year)
    now = app.clock()
    if not todo:
        raise typer.Exit(show_invoices(app, found, as_json=as_json))
    deposits = app.deposits
    waiting = advised(found, now, deposits=deposits)
    if as_json:
        listed = [invoice_json(invoice, now, deposits=deposits) for invoice, _ in waiting]
        put_json(ok=not waiting, invoices=listed)
    elif not waiting:
        put("Rien n'attend une personne.")
    for invoice, advice in waiting if not as_json else ():
        number = invoice.number or "(sans numéro)"
        put(f"{number}  {invoice.member_name}  ({invoice.siret}), année {invoice.year}")
        for finding in invoice.findings:
            put(f"    {finding.message}")
        if invoice.french_detail:
            put(f"    Chorus Pro : {invoice.french_detail}")
        put(f"    → {typed(sentence(advice))}")
    raise typer.Exit(TO_LOOK_AT if waiting else DONE)


def show(number: Number, config: Config = None, as_json: Json = False) -> None:
    """Affiche une facture : lignes, documents, dépôts, historique du portail, journal."""
    import json

    from worker.billing.credit_note import remainders
    from worker.billing.money import french, french_integer
    from worker.billing.period import french_date
    from worker.service.app import open_app
    from worker.settings.loading import find_config
    from worker.storage import (
        attempts,
        invoices,
        journal,
        observations,
    )
    from worker.storage.documents import documents_of

    app = open_app(find_config(config))
    with app.reading() as session:
        tracked = invoices.named(session, number)
        invoice = invoices.content(session, tracked.id)
        statement = invoices.statement_of(session, tracked.id)
        corrections = invoices.notes_of(session, tracked.id)
        left = remainders(invoice, invoices.credit_notes(session, tracked.id))
        documents = documents_of(session, tracked.id)
        made = attempts.attempts(session, tracked.id)
        seen = observations.observations(session, tracked.id)
        events = list(journal.events(session, subject=number))
    if as_json:
        put_json(
            invoice=invoice_json(tracked, app.clock(), deposits=app.deposits)
            | _content_json(invoice, statement, corrections, left),
            documents=[
                {
                    "kind": document.kind.value,
                    "version": document.version,
                    "profile": document.profile or None,
                    "sha256": document.sha256,
                    "size": document.size,
                    "checks": [
                        {
                            "rule_set": c.rule_set,
                            "version": c.version,
                            "sha256": c.sha256,
                            "findings": [finding_json(finding) for finding in c.findings],
                        }
                        for c in document.checks
                    ],
                }
                for document in documents
            ],
            attempts=[
                {
                    "started_at": attempt.started_at.isoformat(),
                    "answered_at": attempt.answered_at.isoformat() if attempt.answered_at else None,
                    "outcome": attempt.outcome or None,
                    "file_name": attempt.file_name,
                    "document_sha256": attempt.document_sha256,
                    "lot_sha256": attempt.lot_sha256 or None,
                    "flux_number": attempt.flux_number or None,
                    "detail": attempt.detail or None,
                }
                for attempt in made
            ],
            portal_history=[
                {
                    "source": one.source,
                    "status": one.raw_status,
                    "at": one.portal_at,
                    "comment": one.comment or None,
                    "evidence_sha256": one.evidence or None,
                    "observed_at": one.observed_at.isoformat(),
                }
                for one in seen
            ],
            journal=[
                {
                    "seq": event.seq,
                    "at": event.at,
                    "tag": event.tag,
                    "payload": json.loads(event.payload),
                    "hash": event.hash,
                }
                for event in events
            ],
        )
        return
    what = "Avoir" if invoice.is_credit_note else "Facture"
    standing = state(tracked, deposits=app.deposits)
    put(f"{what} {number} — {invoice.buyer.name} ({invoice.buyer.siret}) — {standing}")
    for note in corrections:
        kind = "avoir interne" if note.is_internal else "avoir"
        put(f"  {kind} {note.number} : {french(note.total)} TTC, {note.french_status}")
    if (preceding := invoice.preceding) is not None:
        put(f"Sur la facture {preceding.number} du {french_date(preceding.issue_date)}")
        put(f"  {invoice.notes[0].text}")
    due = f"échéance le {french_date(invoice.due_date)}" if invoice.due_date else "sans échéance"
    put(
        f"Émis{'' if invoice.is_credit_note else 'e'} le {french_date(invoice.issue_date)}, "
        f"{due} ; services du "
        f"{french_date(invoice.period.start)} au {french_date(invoice.period.end)}"
    )
    put(
        f"Code service : {invoice.service_code or '—'} ; "
        f"engagement : {invoice.engagement or '—'} ; "
        f"convention : {invoice.contract} ; état détaillé : {statement.number}"
    )
    if tracked.french_detail:
        put(f"Chorus Pro : {tracked.french_detail}")
    put()
    for line, rest in zip(invoice.lines, left, strict=True):
        put(f"{line.identifier}. {line.name} : {french(line.gross)} TTC")
        put(f"   {line.description}")
        if rest.quantity < line.quantity:
            given = french_integer(line.quantity - rest.quantity)
            put(f"   Crédité : {given} ; il en reste {french_integer(rest.quantity)}.")
    put()
    totals = invoice.totals
    rounding = f", arrondi {french(totals.rounding)}" if totals.rounding else ""
    put(
        f"HT {french(totals.net)} + TVA {french(totals.vat)} = TTC {french(totals.gross)}{rounding}"
    )
    show_findings(tracked.findings)
    _show_trace(documents, made, seen, events)


def _show_trace(
    documents: "Sequence[StoredDocument]",
    attempts: "Sequence[Attempt]",
    observations: "Sequence[Observation]",
    events: "Sequence[JournalEvent]",
) -> None:
    """What was kept and what happened: documents, deposits, the portal's history, the journal."""
    from datetime import datetime

    from worker.billing.period import french_time

    table(
        ("document", "version", "profil", "SHA-256", "contrôles passés"),
        [
            (
                document.kind.value,
                str(document.version),
                document.profile or "—",
                document.sha256,
                ", ".join(f"{check.rule_set} {check.version}" for check in document.checks) or "—",
            )
            for document in documents
        ],
    )
    if attempts:
        table(
            ("dépôt", "réponse", "résultat", "flux", "fichier", "détail"),
            [
                (
                    french_time(attempt.started_at),
                    french_time(attempt.answered_at) if attempt.answered_at else "—",
                    OUTCOMES.get(attempt.outcome, attempt.outcome or "en cours"),
                    attempt.flux_number or "—",
                    attempt.file_name,
                    attempt.detail,
                )
                for attempt in attempts
            ],
        )
    if observations:
        table(
            ("portail", "état", "appris le", "commentaire"),
            [
                (
                    f"{SOURCES.get(seen.source, seen.source)} {_dated(seen)}",
                    seen.raw_status,
                    french_time(seen.observed_at),
                    seen.comment,
                )
                for seen in observations
            ],
        )
    table(
        ("journal", "le", "événement", "par"),
        [
            (str(event.seq), french_time(datetime.fromisoformat(event.at)), event.tag, event.actor)
            for event in events
        ],
    )


def _dated(seen: "Observation") -> str:
    """What the portal dates or names it by: a search gives an instant, others their own text."""
    from datetime import datetime

    from worker.billing.period import french_time

    if seen.source == "search" and seen.portal_at:
        return french_time(datetime.fromisoformat(seen.portal_at))
    return seen.portal_at


OUTCOMES = {
    "accepted": "reçu",
    "refused": "refusé",
    "not_sent": "non parti",
    "throttled": "ralenti",
    "unauthorised": "non autorisé",
    "unknown": "incertain",
}
SOURCES = {"report": "intégration", "search": "recherche", "history": "suivi"}


def _content_json(
    invoice: "Invoice",
    statement: "Statement",
    corrections: "Sequence[TrackedInvoice]",
    left: "Sequence[Remainder]",
) -> dict[str, Any]:
    return {
        "service_code": invoice.service_code or None,
        "engagement": invoice.engagement or None,
        "contract": invoice.contract,
        "statement": statement.number,
        "due_on": invoice.due_date.isoformat() if invoice.due_date else None,
        "corrects": invoice.preceding.number if invoice.preceding else None,
        "credit_notes": [note.number for note in corrections],
        "total_ht": str(invoice.totals.net),
        "total_vat": str(invoice.totals.vat),
        "lines": [
            {
                "id": line.identifier,
                "name": line.name,
                "description": line.description,
                "quantity": line.quantity,
                "quantity_left": rest.quantity,
                "unit_price_ttc": str(line.unit_price_gross),
                "total_ht": str(line.net),
                "total_ttc": str(line.gross),
            }
            for line, rest in zip(invoice.lines, left, strict=True)
        ],
    }
