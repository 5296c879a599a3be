"""The page of the panel (page.html): tables and forms of plain HTML, no script, nothing fetched."""

from collections.abc import Iterable, Mapping
from html import escape
from importlib.resources import files
from string import Template
from typing import Final
from urllib.parse import quote

from chorus_sandbox.ledger.ledger import Ledger
from chorus_sandbox.ledger.records import FluxRecord, InvoiceRecord
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

_PAGE = Template(files(__package__).joinpath("page.html").read_text("utf-8"))


def draw(ledger: Ledger, *, status: int = 200, problem: str = "") -> Reply:
    """The page, newest first; with a problem to tell if there is one.

    Args:
        ledger: what to show.
        status: HTTP status.
        problem: what went wrong with the last form.
    """
    page = _PAGE.substitute(
        problem=f"<p role='alert'>{escape(problem)}</p>" if problem else "",
        armed=len(ledger.faults.armed()),
        most=_MOST_ROWS,
        invoices=_rows(map(_invoice_cells, ledger.invoices.latest(_MOST_ROWS))),
        fluxes=_rows(map(_flux_cells, ledger.fluxes.latest(_MOST_ROWS))),
    )
    return Reply(status=status, headers=_HEADERS, body=page.encode())


def _rows(rows: Iterable[tuple[str, ...]]) -> str:
    drawn = (
        f"<tr><th scope='row'>{first}</th>{''.join(f'<td>{cell}</td>' for cell in others)}</tr>"
        for first, *others in rows
    )
    return "\n".join(drawn)


def _invoice_cells(invoice: InvoiceRecord) -> tuple[str, ...]:
    number = escape(invoice.number)
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
        escape(f"{invoice.buyer_name} ({invoice.buyer_siret})"),
        escape(_amount(invoice)),
        escape(invoice.status),
        escape(invoice.comment),
        form,
    )


def _amount(invoice: InvoiceRecord) -> str:
    """``1 234,50 EUR``, with the spaces that do not break."""
    figures = f"{invoice.gross:,f}".replace(",", "\u00a0").replace(".", ",")
    return f"{figures}\u00a0{invoice.currency}"


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
