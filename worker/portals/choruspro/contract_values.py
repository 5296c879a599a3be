"""Answers of Chorus Pro as the values of the contract. Field names are those of its Swaggers.

Personal data in histories (who at the buyer's did what) is not read.
"""

import json
import re
from collections.abc import Iterable, Sequence

from worker.billing.period import paris_day
from worker.portals import (
    FoundInvoice,
    HeldInvoice,
    HistoryEntry,
    IntegrationReport,
    InvoiceHistory,
    ReportError,
    ServiceRecord,
    StructureRecord,
)
from worker.portals.choruspro import json_fields as read
from worker.portals.choruspro.json_fields import JsonObject
from worker.portals.choruspro.status_words import buyer_status, flux_state

LONGEST_REPORT = 16_000
_EXPIRY = "dateExpirationMotPasseCompteTech"
_FLUX_NUMBER = re.compile(r"CPP\d{10,}")
"""In the names that the portal gives to files: ``FSO1113A_CPP001_CPP0011113000000000044750``."""
_UNKNOWN_FLUX = 20001
_UNKNOWN_FLUX_LABEL = "POQ_MSG_01.003"


def is_unknown_flux(answer: JsonObject) -> bool:
    """Whether a report says "Flux introuvable" (§4.2): the number alone has other meanings."""
    label = read.text(answer, "libelle")
    named = _UNKNOWN_FLUX_LABEL in label or "introuvable" in label.casefold()
    return named and read.integer(answer, "codeRetour") == _UNKNOWN_FLUX


def integration_report(flux_number: str, answer: JsonObject) -> IntegrationReport:
    """The answer of ``consulterCRDetaille`` (§2.2)."""
    word = read.text(answer, "etatCourantDepotFlux")
    technical = (
        ReportError(
            text=read.text(error, "libelleErreur"),
            code=read.text(error, "codeErreur") or read.text(error, "natureErreur"),
        )
        for error in read.readable(answer, "listeErreurTechnique")
    )
    refused = (
        ReportError(
            text=read.text(error, "libelleErreurDP"),
            invoice_number=read.text(error, "numeroDP"),
            supplier=read.siret(error, "identifiantFournisseur"),
            recipient=read.siret(error, "identifiantDestinataire"),
        )
        for error in read.readable(answer, "listeErreurDP")
    )
    return IntegrationReport(
        flux_number=flux_number,
        state=flux_state(word),
        raw_state=word,
        errors=(*technical, *refused),
        raw=_as_text(answer)[:LONGEST_REPORT],
        file_name=_file_named(answer, flux_number),
    )


def _file_named(answer: JsonObject, flux_number: str) -> str:
    """The file that a report is about; empty when it is named by its flux, of whatever form."""
    name = read.text(answer, "nomFichier")
    ours = re.search(rf"{re.escape(flux_number.strip())}(?!\w)", name, re.IGNORECASE)
    return "" if ours or fluxes_named(answer) else name


def fluxes_named(answer: JsonObject) -> frozenset[str]:
    """The flux numbers in a report: its own, which no source echoes, and that in a file name."""
    named = _FLUX_NUMBER.findall(read.text(answer, "nomFichier").upper())
    return frozenset(filter(None, (*named, read.text(answer, "numeroFluxDepot").upper())))


def is_usual_flux(number: str) -> bool:
    """Whether a flux number has the form that the portal writes in names."""
    return _FLUX_NUMBER.fullmatch(number.strip().upper()) is not None


def _as_text(answer: JsonObject) -> str:
    """JSON that every database can keep: a text that the portal cut may end in half a character."""
    text = json.dumps(answer, ensure_ascii=False, default=str)  # of Decimal, the one type besides
    return text.encode("utf-8", "backslashreplace").decode()


def found_invoice(row: JsonObject) -> FoundInvoice:
    """One element of ``listeFactures`` (§2.4), already known to carry its identifier."""
    word = read.text(row, "statut")
    return FoundInvoice(
        portal_id=str(read.integer(row, "identifiantFactureCPP")),
        number=read.text(row, "numeroFacture"),
        issue_date=read.day(row, "dateFacture"),
        recipient=read.siret(row, "codeDestinataire"),
        supplier=read.siret(row, "codeFournisseur"),
        gross=read.amount(row, "montantTTC"),
        flux_number=read.text(row, "numeroFluxDepot"),
        status=buyer_status(word),
        raw_status=word,
        status_at=read.instant(row, "dateHeureEtatCourant"),
        comment=read.text(row, "commentaireEtatCourant"),
        acknowledged=read.flag(row, "rejetTraite"),
    )


def held_invoice(cpp_id: int, invoice: JsonObject) -> HeldInvoice:
    """The block ``facture`` of ``consulter/fournisseur`` (§2.5)."""
    word = read.text(invoice, "statutFacture")
    recipient = read.child(invoice, "destinataire") or {}
    references = read.child(invoice, "references") or {}
    totals = read.child(invoice, "montantTotal") or {}
    files = read.child(invoice, "listeDesPiecesJointes") or {}
    return HeldInvoice(
        portal_id=str(cpp_id),
        number=read.text(invoice, "numeroFacture"),
        status=buyer_status(word),
        raw_status=word,
        recipient=read.siret(recipient, "codeDestinataire"),
        service_code=read.text(recipient, "codeServiceExecutant"),
        engagement=read.text(references, "numeroBonCommande"),
        net=read.amount(totals, "montantHtTotal"),
        gross=read.amount(totals, "montantTtcTotal"),
        attachments=tuple(
            read.text(file, "pieceJointeDesignation")
            for file in read.readable(files, "pieceJointe")
        ),
        comment=read.text(invoice, "commentaire"),
    )


def invoice_history(cpp_id: int, answer: JsonObject) -> InvoiceHistory:
    """The answer of ``consulter/historique`` (§2.6)."""
    word = read.text(answer, "statutCourantCode")
    block = read.child(answer, "historiquesDesStatuts") or {}
    return InvoiceHistory(
        portal_id=str(cpp_id),
        status=buyer_status(word),
        raw_status=word,
        entries=tuple(
            HistoryEntry(
                raw_status=read.text(entry, "histoStatutCode"),
                status=buyer_status(read.text(entry, "histoStatutCode")),
                at=read.text(entry, "histoStatutDatePassage"),
                comment=read.text(entry, "histoStatutCommentaire"),
            )
            for entry in read.readable(block, "histoStatut")
        ),
    )


def structure_with(siret: str, rows: Iterable[JsonObject]) -> JsonObject | None:
    """The row of ``listeStructures`` that has this SIRET, an active one before the others."""
    same = (row for row in rows if read.siret(row, "identifiantStructure") == siret)
    return max(same, key=is_active, default=None)


def is_active(row: JsonObject) -> bool:
    """Whether a structure may receive invoices: the two vocabularies of the portal (§2.9)."""
    return read.text(row, "statut").upper() in ("ACTIVE", "ACTIF")


def structure_record(
    siret: str, cpp_id: int, row: JsonObject, demands: JsonObject, general: JsonObject
) -> StructureRecord:
    """A row of ``listeStructures``, its ``parametres`` (§6.1) and its ``informationGenerales``."""
    expiry = read.instant(general, _EXPIRY)
    return StructureRecord(
        portal_id=str(cpp_id),
        siret=siret,
        name=read.text(row, "designationStructure"),
        active=is_active(row),
        service_code_required=read.flag(demands, "codeServiceDoitEtreRenseigne"),
        engagement_required=read.flag(demands, "numeroEJDoitEtreRenseigne"),
        service_or_engagement_required=read.flag(demands, "gestionNumeroEJOuCodeService"),
        works_only=read.flag(demands, "estMoaUniquement"),
        payment_not_reported=read.flag(demands, "statutMiseEnPaiementNestPasRemonte"),
        public=read.text(general, "structurePriveePublique").upper() != "PRIVEE",
        password_expires=None if expiry is None else paris_day(expiry),
        password_end="" if expiry is not None else read.text(general, _EXPIRY),
    )


def service_with(code: str, rows: Sequence[JsonObject]) -> JsonObject | None:
    """The row of ``listeServices`` that has this exact code, an active one before the others."""
    same = (row for row in rows if read.text(row, "codeService") == code)
    return max(same, key=lambda row: read.flag(row, "estActif"), default=None)


def service_record(row: JsonObject, demands: JsonObject) -> ServiceRecord:
    """A row of ``listeServices`` and its ``parametres`` (§2.9, §6.1)."""
    return ServiceRecord(
        code=read.text(row, "codeService"),
        name=read.text(row, "libelleService"),
        active=read.flag(row, "estActif"),
        engagement_required=read.flag(demands, "numeroEngagement"),
        valid_from=read.day(demands, "dateDebutValidite") or read.day(row, "dateDbtService"),
        valid_to=read.day(demands, "dateFinValidite") or read.day(row, "dateFinService"),
    )
