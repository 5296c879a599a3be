"""``show``: one invoice, and all that is kept of it."""

from collections.abc import Iterator
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import Annotated

from worker.audit.deposits import OUTCOMES, SOURCES
from worker.audit.dossier.words import french_event
from worker.audit.record import InvoiceRecord, record_of
from worker.billing.consumption import french_outside
from worker.billing.money import french
from worker.billing.period import PARIS, french_date, french_minute, french_span
from worker.billing.quantity import Quantity, french_quantity, quantity_of
from worker.billing.status import InvoiceStatus, french_state
from worker.cli import json_views
from worker.cli.console import (
    is_wide,
    put,
    put_json,
    show_findings,
    table,
    table_file,
    typed,
    write_table_file,
)
from worker.cli.invoices import author, state
from worker.cli.options import Config, Data, Json, Number, option
from worker.cli.reading import open_reading, say_channel
from worker.cli.settlements import what_is_left
from worker.corrections.messages import explained
from worker.portals.choruspro.status_words import Author, author_of, french_word
from worker.storage.observations import Observation
from worker.tables import Cell

LINES = (
    *("ligne", "libellé", "description", "quantité", "quantité restante", "prix unitaire TTC"),
    *("HT", "TTC"),
)
"""The columns of ``--to``."""


def show(
    number: Number,
    to: Annotated[
        Path | None,
        option("--to", "écrit ses lignes au lieu d'afficher : .csv, .xlsx ou .json", "FICHIER"),
    ] = None,
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Affiche une facture : lignes, documents, dépôts, historique du portail, journal."""
    table_file(to, as_json=as_json)
    app = open_reading(config, data)
    say_channel(app)
    with app.reading() as session:
        record = record_of(session, number)
    if as_json:
        put_json(**json_views.record(app, record))
        return
    if to is not None:
        write_table_file(LINES, _lines(record), to)
        return
    _show_content(record, deposits=app.deposits)
    show_findings(record.tracked.findings)
    _show_trace(record)


def _lines(record: InvoiceRecord) -> Iterator[tuple[Cell, ...]]:
    """The lines as they were issued, and what no credit note took back of each."""
    for line, rest in zip(record.invoice.lines, record.left, strict=True):
        yield (
            line.identifier,
            line.name,
            line.description,
            _number(line.quantity),
            _number(rest.quantity),
            line.unit_price_gross,
            line.net,
            line.gross,
        )


def _number(quantity: Quantity) -> Cell:
    return quantity if isinstance(quantity, int) else french_quantity(quantity)


def _show_content(record: InvoiceRecord, *, deposits: bool) -> None:
    """Who owes what, and what credit notes took back."""
    tracked, invoice = record.tracked, record.invoice
    standing = state(tracked, record.title, deposits=deposits)
    what = "Avoir" if invoice.is_credit_note else "Facture"
    put(f"{what} {invoice.number} — {invoice.buyer.name} ({invoice.buyer.siret}) — {standing}")
    for note in record.credit_notes:
        kind = "avoir interne" if note.is_internal else "avoir"
        word = french_state(note, record.titles.get(note.id), deposits=deposits)
        put(f"  {kind} {note.number} : {french(note.total)} TTC, {word}")
    if (preceding := invoice.preceding) is not None:
        put(f"Sur la facture {preceding.number} du {french_date(preceding.issue_date)}")
        put(f"  {invoice.notes[0].text}")
    due = f"échéance le {french_date(invoice.due_date)}" if invoice.due_date else "sans échéance"
    put(
        f"Émis{'' if invoice.is_credit_note else 'e'} le {french_date(invoice.issue_date)}, "
        f"{due} ; services {french_span(invoice.period.start, invoice.period.end)}"
    )
    put(
        f"Code service : {invoice.service_code or '—'} ; "
        f"engagement : {invoice.engagement or '—'} ; "
        f"convention : {invoice.contract} ; état détaillé : {record.statement.number}"
    )
    if tracked.french_detail:
        put(f"{author(tracked)} : {tracked.french_detail}")
        for told in explained(tracked):
            put(f"  {typed(told)}")
    put()
    for line, rest in zip(invoice.lines, record.left, strict=True):
        put(f"{line.identifier}. {line.name} : {french(line.gross)} TTC")
        put(f"   {line.description}")
        if rest.quantity < line.quantity:
            given = french_quantity(quantity_of(line.quantity - rest.quantity))
            put(f"   Crédité : {given} ; il en reste {french_quantity(rest.quantity)}.")
    put()
    totals = invoice.totals
    rounding = f", arrondi {french(totals.rounding)}" if totals.rounding else ""
    put(
        f"HT {french(totals.net)} + TVA {french(totals.vat)} = TTC {french(totals.gross)}{rounding}"
    )


def _show_settlements(record: InvoiceRecord) -> None:
    """The title, what was paid, cancelled payments too, and what is left."""
    if (title := record.title) is not None:
        day = f" du {french_date(title.issued_on)}" if title.issued_on else ""
        put(
            f"Titre n° {title.number}{day}, bordereau n° {title.slip}, "
            f"exercice {title.budget_year}."
        )
    if record.settlements:
        table(
            ("paiement", "reçu le", "montant", "référence", "saisi le", "par"),
            [
                (
                    f"n° {one.id}{'' if one.counts else ' (annulé)'}",
                    one.on,
                    one.amount,
                    one.reference or one.reason or None,
                    one.recorded_at,
                    one.recorded_by,
                )
                for one in record.settlements
            ],
        )
    if record.standing is not None and (record.settlements or record.standing.credited):
        settled = record.tracked.status is InvoiceStatus.SETTLED
        put(what_is_left(record.standing, settled=settled))


def _show_decisions(record: InvoiceRecord) -> None:
    """What a person confirmed and accepted of the member's year: who, when, why, on what."""
    confirmed = [
        (
            f"montant confirmé{_former(in_force)}",
            one.confirmed_at,
            one.confirmed_by,
            one.reason,
            f"{french(one.total)} TTC",
        )
        for one, in_force in record.confirmations
    ]
    accepted = [
        (
            f"hors abonnement accepté{_former(in_force)}",
            one.accepted_at,
            one.accepted_by,
            one.reason,
            french_outside(one.uses),
        )
        for one, in_force in record.acceptances
    ]
    if decided := sorted((*confirmed, *accepted), key=itemgetter(1)):
        table(("décision", "le", "par", "motif", "sur"), decided)


def _former(in_force: bool) -> str:
    return "" if in_force else " (n'a plus cours)"


def _show_trace(record: InvoiceRecord) -> None:
    """What was kept and what happened: documents, deposits, the portal's history, the journal."""
    table(
        ("document", "version", "profil", "SHA-256", "contrôles passés"),
        [
            (
                document.kind.value,
                str(document.version),
                document.profile or None,
                _fingerprint(document.sha256),
                ", ".join(f"{check.rule_set} {check.version}" for check in document.checks) or None,
            )
            for document in record.documents
        ],
    )
    _show_decisions(record)
    _show_settlements(record)
    if record.attempts:
        table(
            ("dépôt", "réponse", "résultat", "flux", "fichier", "détail"),
            [
                (
                    attempt.started_at,
                    attempt.answered_at,
                    OUTCOMES.get(attempt.outcome, attempt.outcome or "en cours"),
                    attempt.flux_number or None,
                    attempt.file_name,
                    attempt.detail,
                )
                for attempt in record.attempts
            ],
        )
    if record.observations:
        table(
            ("portail", "état", "mot du portail", "appris le", "commentaire"),
            [
                (
                    f"{SOURCES.get(seen.source, seen.source)} {_dated(seen)}",
                    french_word(seen.raw_status),
                    seen.raw_status,
                    seen.observed_at,
                    _comment(seen),
                )
                for seen in record.observations
            ],
        )
    table(
        ("journal", "le", "événement", "par"),
        [
            (
                str(event.seq),
                datetime.fromisoformat(event.at),
                french_event(event.tag),
                event.actor,
            )
            for event in record.events
        ],
    )


def _dated(seen: Observation) -> str:
    """What the portal dates or names it by: an instant, a time of Paris, or a number of a flux."""
    try:
        at = datetime.fromisoformat(seen.portal_at)
    except ValueError:
        return seen.portal_at
    return french_minute(at if at.tzinfo else at.replace(tzinfo=PARIS))


def _comment(seen: Observation) -> str | None:
    """What came with a status, and who wrote it where the portal did not."""
    if not seen.comment:
        return None
    author = author_of(seen.raw_status)
    return seen.comment if author is Author.PORTAL else f"{author.french} : {seen.comment}"


def _fingerprint(sha256: str) -> str:
    """Its beginning, which « --wide » shows whole."""
    return sha256 if is_wide() else f"{sha256[:12]}…"
