"""What became of a flux and of its invoices (reference §2.2, §2.3, §2.5, §2.6, §2.7)."""

from worker.portals import FluxState, HeldInvoice, IntegrationReport, InvoiceHistory
from worker.portals.choruspro.contract_values import (
    fluxes_named,
    held_invoice,
    integration_report,
    invoice_history,
    is_unknown_flux,
    is_usual_flux,
)
from worker.portals.choruspro.gateway import Gateway
from worker.portals.choruspro.json_fields import child, content, integer, text
from worker.portals.choruspro.search import PAGE_SIZE
from worker.portals.choruspro.verdict import incoherent, succeeded

LARGEST_DOWNLOAD = 120 * 1024 * 1024
"""Bytes: the limit of the portal itself (§2.7, §5)."""

_REPORT = "/cpro/transverses/v1/consulterCRDetaille"
_REPORT_FILE = "/cpro/transverses/v1/consulterCR"
_HISTORY = "/cpro/factures/v1/consulter/historique"
_HELD = "/cpro/factures/v1/consulter/fournisseur"
_DOWNLOAD = "/cpro/factures/v1/telecharger/groupe"
_ENVELOPE = 64 * 1024
"""Room for what surrounds a file in its answer."""


def report(gateway: Gateway, flux_number: str) -> IntegrationReport:
    """What became of a file (§2.2). An unknown flux is pending: it may not be indexed yet."""
    answer = gateway.read(_REPORT, {"numeroFluxDepot": flux_number}, may_refuse=True)
    if is_unknown_flux(answer):
        return IntegrationReport(
            flux_number=flux_number,
            state=FluxState.PENDING,
            raw_state=text(answer, "libelle"),
            errors=(),
        )
    named = fluxes_named(succeeded(_REPORT, answer))
    if named and is_usual_flux(flux_number) and flux_number.strip().upper() not in named:
        raise incoherent(_REPORT, f"le compte rendu d'un autre flux que {flux_number}")
    return integration_report(flux_number, answer)


def report_file(gateway: Gateway, flux_number: str) -> bytes | None:
    """The integration report as a PDF; None for an unknown flux, or while there is none (§2.3)."""
    answer = gateway.read(_REPORT_FILE, {"numeroFluxDepot": flux_number}, may_refuse=True)
    if is_unknown_flux(answer):
        return None
    pdf = content(succeeded(_REPORT_FILE, answer), "fichierCR")
    if pdf is None:
        raise incoherent(_REPORT_FILE, f"un fichier illisible pour le flux {flux_number}")
    return pdf or None


def history(gateway: Gateway, cpp_id: int) -> InvoiceHistory:
    """The current status of an integrated invoice, and its hundred latest (§2.6)."""
    answer = gateway.read(
        _HISTORY,
        {
            "idFacture": cpp_id,
            "paramRechercheHistoStatuts": {
                "pageResultatDemandeeListeHistoStatut": 1,
                "nbResultatsParPageListeHistoStatut": PAGE_SIZE,
                "triColonneListeHistoStatut": "HistoStatutDatePassage",
                "triSensListeHistoStatut": "Descendant",
            },
        },
    )
    return invoice_history(cpp_id, answer)


def held(gateway: Gateway, cpp_id: int) -> HeldInvoice:
    """What the portal holds of an invoice, with the names of its first hundred files (§2.5)."""
    answer = gateway.read(
        _HELD,
        {
            "identifiantFactureCPP": cpp_id,
            "codeLangue": "fr",
            "getpListePiecesJointes": {
                "pageResultatDemandeeListePieceJointe": 1,
                "nbResultatsParPageListePieceJointe": PAGE_SIZE,
            },
        },
    )
    invoice = child(answer, "facture")
    if invoice is None:
        raise incoherent(_HELD, f"rien sur la facture {cpp_id}")
    if integer(invoice, "identifiantFactureCPP") not in (None, cpp_id):
        raise incoherent(_HELD, f"une autre facture que {cpp_id}")
    return held_invoice(cpp_id, invoice)


def download(gateway: Gateway, cpp_id: int) -> bytes:
    """The document the buyer sees, with the files beside it: a PDF, or a ZIP of several (§2.7)."""
    answer = gateway.read(
        _DOWNLOAD,
        {
            "format": "PDF",
            "avecPiecesJointesComplementaires": "OUI",
            "listeFacture": [{"idFacture": cpp_id}],
        },
        most_bytes=LARGEST_DOWNLOAD * 4 // 3 + _ENVELOPE,
    )
    document = content(answer, "fichierResultat")
    if not document:
        raise incoherent(_DOWNLOAD, f"un fichier absent ou illisible pour la facture {cpp_id}")
    return document
