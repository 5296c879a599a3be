"""The page of the panel: tables and forms of plain HTML, no script, nothing fetched."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Final
from urllib.parse import quote

from chorus_sandbox.ledger.ledger import Ledger
from chorus_sandbox.ledger.records import FluxRecord, InvoiceRecord, NewInvoice
from chorus_sandbox.paris import PARIS
from chorus_sandbox.serving.gateway import Reply

_MOST_ROWS = 200
_HEADERS = {
    "Content-Type": "text/html;charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline';"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
}
ACTIONS: Final[Mapping[str, tuple[str, str]]] = {
    "accept": ("MANDATEE", "Mandater"),
    "suspend": ("SUSPENDUE", "Suspendre"),
    "reject": ("REJETEE", "Rejeter"),
    "book": ("COMPTABILISEE", "Comptabiliser"),
    "pay": ("MISE_EN_PAIEMENT", "Mettre en paiement"),
    "recycle": ("A_RECYCLER", "Renvoyer à recycler"),
}
"""What the buyer may do: the status it gives, and its button."""

_STYLE = (
    "body{font:1rem/1.5 sans-serif;margin:2rem;color:#111;background:#fff}"
    "table{border-collapse:collapse;margin:1rem 0}"
    "caption{text-align:left;font-weight:bold;font-size:1.2rem}"
    "th,td{border:1px solid #595959;padding:.4rem;text-align:left;vertical-align:top}"
    "[role=alert]{border:3px solid #a00;padding:.5rem}"
    "button,input{font:inherit;margin:.1rem}"
)


def draw(ledger: Ledger, *, status: int = 200, problem: str = "") -> Reply:
    """The page, newest first; with a problem to tell if there is one.

    Args:
        ledger: what to show.
        status: HTTP status.
        problem: what went wrong with the last form.
    """
    invoices, fluxes = ledger.invoices.latest(_MOST_ROWS), ledger.fluxes.latest(_MOST_ROWS)
    armed = len(ledger.faults.armed())
    parts = [
        "<!doctype html><html lang='fr'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width'>",
        "<title>Bac à sable Chorus Pro</title>",
        f"<style>{_STYLE}</style></head><body><main><h1>Bac à sable Chorus Pro</h1>",
        f"<p role='alert'>{escape(problem)}</p>" if problem else "",
        "<p>Portail simulé : vous jouez ici l'acheteur. ",
        f"Pannes en attente : {armed} (voir <a href='/_sandbox/faults'>leur liste</a>).</p>",
        f"<p>Les {_MOST_ROWS} factures et les {_MOST_ROWS} flux les plus récents ; ",
        "tout est dans <a href='/_sandbox/invoices'>la liste des factures</a> ",
        "et <a href='/_sandbox/fluxes'>celle des flux</a>.</p>",
        *_table(
            "Factures intégrées",
            ("Numéro", "Acheteur", "Montant TTC", "Statut", "Motif", "Décision de l'acheteur"),
            [_invoice_cells(one) for one in invoices],
        ),
        *_table(
            "Flux déposés",
            ("Flux", "Fichier", "Syntaxe", "Déposé le", "État", "Erreurs"),
            [_flux_cells(one) for one in fluxes],
        ),
        "</main></body></html>",
    ]
    return Reply(status=status, headers=_HEADERS, body="".join(parts).encode())


def _table(caption: str, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    heads = "".join(f"<th scope='col'>{escape(column)}</th>" for column in columns)
    yield f"<table><caption>{escape(caption)}</caption><thead><tr>{heads}</tr></thead><tbody>"
    for first, *others in rows:
        cells = "".join(f"<td>{cell}</td>" for cell in others)
        yield f"<tr><th scope='row'>{first}</th>{cells}</tr>"
    yield "</tbody></table>"


def _invoice_cells(invoice: InvoiceRecord) -> tuple[str, ...]:
    content = invoice.content
    number = escape(content.number)
    buttons = "".join(
        f"<button formaction='/_sandbox/invoices/{invoice.id}/{quote(action)}'"
        f" aria-label='{label} la facture {number}'>{label}</button>"
        for action, (_, label) in ACTIONS.items()
    )
    # A disabled first button: the Enter key must not take the first decision by itself.
    form = (
        f"<form method='post'><button disabled hidden></button><label>"
        "Motif (obligatoire pour suspendre ou rejeter)"
        f" <input name='reason' maxlength='2000'></label><br>{buttons}</form>"
    )
    return (
        number,
        escape(f"{content.buyer_name} ({content.buyer_siret})"),
        escape(_amount(content)),
        escape(invoice.status),
        escape(invoice.comment),
        form,
    )


def _amount(content: NewInvoice) -> str:
    """``1 234,50 EUR``, with the spaces that do not break."""
    figures = f"{content.gross:,f}".replace(",", "\u00a0").replace(".", ",")
    return f"{figures}\u00a0{content.currency}"


def _flux_cells(flux: FluxRecord) -> tuple[str, ...]:
    errors = [error.text for error in flux.technical_errors]
    errors += [f"{refused.number} : {refused.text}" for refused in flux.refused_invoices]
    return (
        escape(flux.number),
        escape(flux.file_name),
        escape(flux.syntax),
        flux.deposited_at.astimezone(PARIS).strftime("%d/%m/%Y %H:%M"),
        escape(flux.state),
        "<br>".join(map(escape, errors)),
    )
