"""Searches of the supplier: every invoice, or those that wait for something (§2.4)."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from chorus_sandbox import paris
from chorus_sandbox.integration import integration
from chorus_sandbox.ledger.records import InvoiceRecord
from chorus_sandbox.routes import VOCABULARY
from chorus_sandbox.routes.calls import FOUND, Body, Call, MalformedBody, Refusal, given, success
from chorus_sandbox.routes.invoices import buyer_ids, way_in

_MOST_RESULTS = 200

_COLUMNS: Mapping[str, str] = VOCABULARY["invoice_columns"]


def _moment(body: Body, name: str, *, read: Callable[[str], object]) -> object:
    text = body.text(name)
    try:
        return None if text is None else read(text)
    except (ValueError, OverflowError) as error:
        raise MalformedBody(name) from error


_day = partial(_moment, read=lambda text: paris.day_of(paris.read_instant(text)))
_start = partial(_moment, read=paris.read_instant)
_end = partial(_moment, read=partial(paris.read_instant, end_of_day=True))
_CRITERIA: Final[Mapping[str, tuple[str, Callable[[Body, str], object]]]] = {
    "numeroFluxDepot": ("flux_number = ?", Body.text),
    "numeroFacture": ("number = ?", Body.text),
    "typeFacture": ("kind = ?", Body.text),
    "numeroBonCommande": ("engagement = ?", Body.text),
    "numeroMarche": ("contract = ?", Body.text),
    "periodeDateDepotDu": ("deposited_on >= ?", _day),
    "periodeDateDepotAu": ("deposited_on <= ?", _day),
    "periodeDateFactureDu": ("issued_on >= ?", _day),
    "periodeDateFactureAu": ("issued_on <= ?", _day),
    "periodeDateHeureEtatCourantDu": ("status_at >= ?", _start),
    "periodeDateHeureEtatCourantAu": ("status_at <= ?", _end),
    "rejetTraite": ("rejection_handled = ?", Body.flag),
}
"""The criteria of one value: their condition, bounds included, and how they are read (§2.4)."""


def search(call: Call) -> dict[str, object]:
    """``factures/v1/rechercher/fournisseur``: integrated invoices only, newest deposit first."""
    call.body.refuse_unknown({*_CRITERIA, *VOCABULARY["search_fields"]})
    wanted = _read_criteria(call)
    flux_number = call.body.text("numeroFluxDepot")
    flux = None if flux_number is None else call.ledger.fluxes.numbered(flux_number)
    integration.settle(call.ledger, call.directory, now=call.now, up_to=flux)
    block = call.body.block("rechercheFactureParFournisseur")
    return _listed(call, wanted, block, _line)


def search_to_treat(call: Call) -> dict[str, object]:
    """``factures/v1/rechercher/atraiter/fournisseur``: what the supplier may still act on.

    A rejected invoice is listed until its rejection is acknowledged, unless ``masquerRejetee``:
    the annex does not say how far that flag goes, this reading of it is ours.
    """
    body = call.body
    body.refuse_unknown(VOCABULARY["search_to_treat_fields"])
    integration.settle(call.ledger, call.directory, now=call.now)
    seller = _siret(call, body.integer("idStructure"))
    to_treat = tuple(VOCABULARY["to_treat"])
    statuses = to_treat if body.flag("masquerRejetee") else (*to_treat, "REJETEE")
    wanted: dict[str, object] = {"status IN (?)": statuses, "rejection_handled = ?": False}
    wanted["indexed_at <= ?"] = call.now
    if seller is not None:
        wanted["seller_siret = ?"] = seller
    block = body.block("rechercheFactureATraiterParFournisseur")
    return _listed(call, wanted, block, _short_line)


def _listed(
    call: Call,
    wanted: Mapping[str, object],
    block: Body,
    line: Callable[[Call, InvoiceRecord], dict[str, object]],
) -> dict[str, object]:
    page = call.page(block, descending=True)
    maximum = block.integer("nbResultatsMaximum")
    maximum = _MOST_RESULTS if maximum is None else max(0, maximum)
    column = block.text("triColonne") or "DateDepot"
    if column not in _COLUMNS:
        raise Refusal(20000, f"SIMULE - Tri non simule : {column}")
    found, total = call.ledger.invoices.search(
        wanted,
        order=_COLUMNS[column],
        descending=page.descending,
        limit=max(0, min(page.size, maximum - page.offset)),
        offset=min(page.offset, maximum),
    )
    return success(
        FOUND,
        listeFactures=[line(call, invoice) for invoice in found],
        parametresRetour=page.described(min(total, maximum)),
    )


def _siret(call: Call, structure_id: int | None) -> str | None:
    """The SIRET of an ``idStructureCPP``; an empty one when it is unknown."""
    if structure_id is None:
        return None
    structure = call.directory.by_id(structure_id)
    return structure.siret if structure else ""


def _read_criteria(call: Call) -> dict[str, object]:
    """The conditions of a search; a criterion without a value restricts nothing."""
    body = call.body
    buyers = body.blocks("listeDestinataire")
    for buyer in buyers:
        buyer.refuse_unknown(("idDestinataire",))
    wanted: dict[str, object] = {"indexed_at <= ?": call.now}
    for name, (condition, read) in _CRITERIA.items():
        if (value := read(body, name)) is not None:
            wanted[condition] = value
    if statuses := body.texts("statutCourant"):
        wanted["status IN (?)"] = statuses
    if (seller := _siret(call, body.integer("idFournisseur"))) is not None:
        wanted["seller_siret = ?"] = seller
    recipients = [buyer.integer("idDestinataire") for buyer in buyers]
    structures = [call.directory.by_id(item) for item in recipients if item is not None]
    if structures:
        wanted["buyer_siret IN (?)"] = tuple(item.siret for item in structures if item)
    return wanted


def _short_line(_: Call, invoice: InvoiceRecord) -> dict[str, object]:
    # The portal's amounts are JSON numbers, doubles on its side as here: nothing is computed.
    return given(
        {
            "identifiantFactureCPP": invoice.id,
            "typeDemandePaiement": "FACTURE",
            "codeFournisseur": invoice.seller_siret,
            "typeIdentifiantFournisseur": "SIRET",
            "designationFournisseur": invoice.seller_name,
            "codeDestinataire": invoice.buyer_siret,
            "designationDestinataire": invoice.buyer_name,
            "codeServiceExecutant": invoice.service_code,
            "nomServiceExecutant": invoice.service_name,
            "typeFacture": invoice.kind,
            "numeroFacture": invoice.number,
            "dateFacture": invoice.issued_on.isoformat(),
            "dateDepot": invoice.deposited_on.isoformat(),
            "montantHT": float(invoice.net),
            "montantTTC": float(invoice.gross),
            "montantAPayer": float(invoice.due),
            "devise": invoice.currency,
            "statut": invoice.status,
            "numeroMarche": invoice.contract,
            "numeroBonCommande": invoice.engagement,
        }
    )


def _line(call: Call, invoice: InvoiceRecord) -> dict[str, object]:
    """The full line, with what the Swagger does not give to the other search."""
    more = {
        "numeroFluxDepot": invoice.flux_number,
        "numeroFactureOrigine": invoice.preceding,
        "modeDepot": way_in(invoice),
        "dateHeureEtatCourant": paris.to_milliseconds(invoice.status_at),
        "commentaireEtatCourant": invoice.comment,
        "rejetTraite": invoice.rejection_handled,
    }
    return _short_line(call, invoice) | buyer_ids(call, invoice) | given(more)
