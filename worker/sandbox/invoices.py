"""Deposit, report, search, history, the buyer's decision (§2.1, §2.2, §2.4, §2.6, §8.3)."""

import base64
import binascii
from collections.abc import Callable
from datetime import date, datetime
from typing import Final, TypeVar

from worker.sandbox import integration, paris
from worker.sandbox.calls import Body, Call, MalformedBody, Refusal, given, read_page, success
from worker.sandbox.records import InvoiceFilter, InvoiceRecord

LARGEST_FLUX: Final = 30 * 1024 * 1024
"""Most bytes of one flux, once decoded (§5)."""

_Moment = TypeVar("_Moment", date, datetime)

_DONE = "GCU_MSG_01_000"
_FOUND = "TRA_MSG_00.000"
_LONGEST_FILE_NAME = 200
_MOST_RESULTS = 200

# §3.1. The digits of the last eight are not recorded: 1199 is ours.
_INTERFACES = {
    "IN_DP_E1_UBL_INVOICE": "1100",
    "IN_DP_E1_CII_16B": "1106",
    "IN_DP_E2_CII_FACTURX": "1117",
    "IN_DP_E2_UBL_INVOICE_MIN": "1110",
    "IN_DP_E2_CPP_FACTURE_MIN": "1113",
    "IN_DP_E1_CII": "1199",
    "IN_DP_E1_PES_FACTURE": "1199",
    "IN_DP_E1_XCBL": "1199",
    "IN_DP_E2_CII_MIN": "1199",
    "IN_DP_E2_PES_FACTURE_MIN": "1199",
    "IN_DP_PDFARCHIVE_UBL_INVOICE_MUG": "1199",
    "IN_DP_PDFARCHIVE_CII_MUG": "1199",
    "IN_DP_E2_CII_MIN_16B": "1199",
}

_FILTERS = frozenset(
    (
        "numeroFluxDepot",
        "numeroFacture",
        "typeFacture",
        "numeroBonCommande",
        "numeroMarche",
        "periodeDateDepotDu",
        "periodeDateDepotAu",
        "periodeDateFactureDu",
        "periodeDateFactureAu",
        "periodeDateHeureEtatCourantDu",
        "periodeDateHeureEtatCourantAu",
        "statutCourant",
        "listeDestinataire",
        "rechercheFactureParFournisseur",
        "idUtilisateurCourant",
        "recupererTaille",
    )
)
_COLUMNS = {
    "DateDepot": "deposited_on",
    "DateFacture": "issued_on",
    "NumeroFacture": "number",
    "NumeroFluxDepot": "flux_number",
    "CodeDestinataire": "buyer_siret",
    "DesignationDestinataire": "buyer_name",
    "Statut": "status",
    "TypeFacture": "kind",
}
_BUYER_TARGETS = frozenset(
    (
        "MISE_A_DISPOSITION",
        "SUSPENDUE",
        "REJETEE",
        "MANDATEE",
        "MISE_EN_PAIEMENT",
        "COMPTABILISEE",
        "MISE_A_DISPOSITION_COMPTABLE",
        "A_RECYCLER",
    )
)
_NEEDS_REASON = frozenset(("REJETEE", "SUSPENDUE"))


def deposit(call: Call) -> dict[str, object]:
    """``factures/v1/deposer/flux``: records the bytes; says nothing of what they are worth."""
    syntax = call.body.mandatory_text("syntaxeFlux")
    name = call.body.mandatory_text("nomFichier")
    encoded = call.body.mandatory_text("fichierFlux")
    call.body.flag("avecSignature")
    if syntax not in _INTERFACES:
        # Simulated: how the portal refuses a syntax outside its list is not recorded (§8.5).
        raise MalformedBody("syntaxeFlux")
    if len(encoded) > 4 * -(-LARGEST_FLUX // 3):
        raise Refusal(20001, "GDP_MSG_11.022")
    try:
        content = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedBody("fichierFlux") from error
    if len(content) > LARGEST_FLUX:
        raise Refusal(20001, "GDP_MSG_11.022")
    if len(name) > _LONGEST_FILE_NAME or "." not in name.strip("."):
        raise Refusal(20002, "SIMULE - Nom de fichier sans extension ou de plus de 200 caracteres")
    flux = call.ledger.add_flux(
        content,
        file_name=name,
        syntax=syntax,
        interface=_INTERFACES[syntax],
        now=call.now,
        delay=call.integration_delay,
    )
    return success(
        _DONE,
        numeroFluxDepot=flux.number,
        dateDepot=paris.day_of(flux.deposited_at).isoformat(),
        syntaxeFlux=syntax,
    )


def report(call: Call) -> dict[str, object]:
    """``transverses/v1/consulterCRDetaille``: where a flux stands, and why it was refused."""
    number = call.body.mandatory_text("numeroFluxDepot")
    flux = call.ledger.flux(number)
    if flux is not None:
        integration.settle(call.ledger, call.directory, now=call.now, up_to=flux)
        flux = call.ledger.flux(number)
    if flux is None:
        raise Refusal(20001, "POQ_MSG_01.003 - Flux introuvable.")
    return success(
        _FOUND,
        nomFichier=f"{flux.interface}_CPP001_{flux.number}",
        dateDepotFlux=paris.to_milliseconds(flux.deposited_at),
        codeInterfaceDepotFlux=flux.interface,
        etatCourantDepotFlux=flux.state,
        dateHeureEtatCourantFlux=paris.to_milliseconds(flux.state_at),
        listeErreurDP=[
            {
                "identifiantFournisseur": invoice.seller,
                "identifiantDestinataire": invoice.buyer,
                "numeroDP": invoice.number,
                "libelleErreurDP": invoice.text,
            }
            for invoice in flux.refused_invoices
        ],
        listeErreurTechnique=[
            {"natureErreur": error.nature, "codeErreur": error.code, "libelleErreur": error.text}
            for error in flux.technical_errors
        ],
    )


def search(call: Call) -> dict[str, object]:
    """``factures/v1/rechercher/fournisseur``: integrated invoices only, newest deposit first."""
    body = call.body
    unknown = sorted(body.names() - _FILTERS)
    if unknown:
        # Leaving a filter out would return invoices nobody asked for.
        raise Refusal(20000, f"SIMULE - Critere non simule : {unknown[0]}")
    block = body.block("rechercheFactureParFournisseur")
    page = read_page(block, descending=True)
    maximum = block.integer("nbResultatsMaximum")
    maximum = _MOST_RESULTS if maximum is None else max(0, maximum)
    column = block.text("triColonne") or "DateDepot"
    if column not in _COLUMNS:
        raise Refusal(20000, f"SIMULE - Tri non simule : {column}")
    wanted = _read_filter(call)
    flux = None if wanted.flux_number is None else call.ledger.flux(wanted.flux_number)
    integration.settle(call.ledger, call.directory, now=call.now, up_to=flux)
    found, total = call.ledger.search(
        wanted,
        order=_COLUMNS[column],
        descending=page.descending,
        limit=max(0, min(page.size, maximum - page.offset)),
        offset=min(page.offset, maximum),
    )
    return success(
        _FOUND,
        listeFactures=[_line(call, invoice) for invoice in found],
        parametresRetour=page.described(min(total, maximum)),
    )


def history(call: Call) -> dict[str, object]:
    """``factures/v1/consulter/historique``: every status of an invoice, most recent first."""
    invoice = _invoice(call, call.body.mandatory_integer("idFacture"))
    rows = call.ledger.history(invoice.id)
    listed: dict[str, object] = {}
    if "paramRechercheHistoStatuts" in call.body.names():
        asked = call.body.block("paramRechercheHistoStatuts")
        page = read_page(_renamed(asked, "ListeHistoStatut"), descending=True)
        rows = rows if page.descending else rows[::-1]
        rows, total = rows[page.offset : page.offset + page.size], len(rows)
        described = page.described(total)
        listed = {f"{name}HistoStatut": value for name, value in described.items()}
    statuses = [
        given(
            {
                "histoStatutId": row.id,
                "histoStatutCode": row.status,
                "histoStatutDatePassage": paris.to_minutes(row.at),
                "histoStatutCommentaire": row.comment,
            }
        )
        for row in rows
    ]
    return success(
        _DONE,
        idFacture=invoice.id,
        numeroFacture=invoice.content.number,
        modeDepot="UPLOAD_API",
        statutCourantCode=invoice.status,
        historiquesDesStatuts={"histoStatut": statuses} | listed,
    )


def decide(call: Call) -> dict[str, object]:
    """``factures/v1/traiter/recue``: the buyer gives an invoice its next status, in any order."""
    target = call.body.mandatory_text("nouveauStatut")
    reason = call.body.text("motif") or ""
    invoice = _invoice(call, call.body.mandatory_integer("idFacture"))
    buyer = call.directory.by_siret(invoice.content.buyer_siret)
    if target not in _BUYER_TARGETS:
        raise Refusal(20002, "SIMULE - Statut que le destinataire ne peut pas donner")
    if target in _NEEDS_REASON and not reason.strip():
        raise Refusal(20003, "SIMULE - Motif obligatoire pour ce statut")
    if target == "MISE_EN_PAIEMENT" and buyer and buyer.payment_status_not_reported:
        raise Refusal(20004, "SIMULE - Cette structure ne remonte pas la mise en paiement")
    with call.ledger.transaction():
        call.ledger.add_status(invoice.id, target, at=call.now, comment=reason)
    return success(
        _DONE,
        idFacture=invoice.id,
        numeroFacture=invoice.content.number,
        dateTraitement=paris.day_of(call.now).isoformat(),
        nouveauStatut=target,
    )


def _invoice(call: Call, invoice_id: int) -> InvoiceRecord:
    invoice = call.ledger.invoice(invoice_id)
    if invoice is None:
        # The code of completer; what these two services answer is not recorded (§4.2).
        raise Refusal(20000, "GDP_MSG_11.008")
    return invoice


def _read_filter(call: Call) -> InvoiceFilter:
    body = call.body
    recipients = [block.integer("idDestinataire") for block in body.blocks("listeDestinataire")]
    structures = [call.directory.by_id(item) for item in recipients if item is not None]
    return InvoiceFilter(
        flux_number=body.text("numeroFluxDepot"),
        number=body.text("numeroFacture"),
        kind=body.text("typeFacture"),
        engagement=body.text("numeroBonCommande"),
        contract=body.text("numeroMarche"),
        deposited_from=_moment(body, "periodeDateDepotDu", _read_day),
        deposited_to=_moment(body, "periodeDateDepotAu", _read_day),
        issued_from=_moment(body, "periodeDateFactureDu", _read_day),
        issued_to=_moment(body, "periodeDateFactureAu", _read_day),
        status_from=_moment(body, "periodeDateHeureEtatCourantDu", paris.read_instant),
        status_to=_moment(body, "periodeDateHeureEtatCourantAu", _read_end),
        statuses=body.texts("statutCourant"),
        buyers=tuple(item.siret for item in structures if item) if structures else None,
    )


def _moment(body: Body, name: str, read: Callable[[str], _Moment]) -> _Moment | None:
    text = body.text(name)
    try:
        return None if text is None else read(text)
    except ValueError as error:
        raise MalformedBody(name) from error


def _read_day(text: str) -> date:
    return paris.day_of(paris.read_instant(text))


def _read_end(text: str) -> datetime:
    return paris.read_instant(text, end_of_day=True)


def _renamed(block: Body, suffix: str) -> Body:
    """A paging block whose fields carry a suffix, under the usual names."""
    return Body(
        {
            "pageResultatDemandee": block.integer(f"pageResultatDemandee{suffix}"),
            "nbResultatsParPage": block.integer(f"nbResultatsParPage{suffix}"),
            "triSens": block.text(f"triSens{suffix}"),
        }
    )


def _line(call: Call, invoice: InvoiceRecord) -> dict[str, object]:
    content = invoice.content
    buyer = call.directory.by_siret(content.buyer_siret)
    service = buyer.service(content.service_code) if buyer else None
    # The portal's amounts are JSON numbers, doubles on its side as here: nothing is computed.
    return given(
        {
            "identifiantFactureCPP": invoice.id,
            "typeDemandePaiement": "FACTURE",
            "codeFournisseur": content.seller_siret,
            "typeIdentifiantFournisseur": "SIRET",
            "designationFournisseur": content.seller_name,
            "idDestinataire": buyer.id if buyer else None,
            "codeDestinataire": content.buyer_siret,
            "designationDestinataire": content.buyer_name,
            "idServiceExecutant": buyer.service_id(service) if buyer and service else None,
            "codeServiceExecutant": content.service_code,
            "nomServiceExecutant": content.service_name,
            "typeFacture": content.kind,
            "numeroFacture": content.number,
            "dateFacture": content.issued_on.isoformat(),
            "dateDepot": invoice.deposited_on.isoformat(),
            "montantHT": float(content.net),
            "montantTTC": float(content.gross),
            "montantAPayer": float(content.due),
            "devise": content.currency,
            "statut": invoice.status,
            "numeroMarche": content.contract,
            "numeroBonCommande": content.engagement,
            "numeroFluxDepot": invoice.flux_number,
            "numeroFactureOrigine": content.preceding,
            "modeDepot": "UPLOAD_API",
            "dateHeureEtatCourant": paris.to_milliseconds(invoice.status_at),
            "commentaireEtatCourant": invoice.comment,
            "rejetTraite": False,
        }
    )
