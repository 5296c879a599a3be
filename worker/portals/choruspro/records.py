"""Answers of Chorus Pro as the values of the contract. Field names are those of its Swaggers.

An unknown word is never a success. The portal publishes no list of flux states (reference §3.2,
gathered from recorded exchanges); invoice statuses are those of its Swagger that a plain supplier
meets (§3.3).
Personal data in histories (who at the buyer's did what) is not read.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from worker.billing.period import paris_day
from worker.portals import (
    BuyerStatus,
    FluxState,
    FoundInvoice,
    HeldInvoice,
    HistoryEntry,
    IntegrationReport,
    InvoiceHistory,
    ReportError,
    ServiceRecord,
    StructureRecord,
)
from worker.portals.choruspro import answers as read
from worker.portals.choruspro.answers import JsonObject

LONGEST_REPORT = 16_000
_UNKNOWN_FLUX = 20001
_UNKNOWN_FLUX_LABEL = "POQ_MSG_01.003"


FLUX_STATES: Mapping[str, FluxState] = {
    "IN_DEPOT_PORTAIL_EN_ATTENTE_TRAITEMENT_SE_CPP": FluxState.PENDING,
    "IN_RECU": FluxState.PENDING,
    "IN_TRAITE_SE_CPP": FluxState.PENDING,
    "IN_EN_ATTENTE_TRAITEMENT_CPP": FluxState.PENDING,
    "IN_EN_COURS_TRAITEMENT_CPP": FluxState.PENDING,
    "IN_INTEGRE": FluxState.INTEGRATED,
    "IN_INTEGRE_PARTIEL": FluxState.PARTIAL,
    "IN_REJETE": FluxState.REJECTED,
    "IN_INCIDENTE": FluxState.INCIDENT,
    # Blocked until someone at AIFE replays it, or asked to be sent again: a person decides,
    # because a replay and a new deposit together would be two deposits.
    "IN_EN_ATTENTE_RETRAITEMENT_CPP": FluxState.INCIDENT,
    "IN_A_RELANCER": FluxState.INCIDENT,
    "IN_ERREUR_INTERNE": FluxState.INCIDENT,
}

BUYER_STATUSES: Mapping[str, BuyerStatus] = {
    "BROUILLON": BuyerStatus.IN_PROGRESS,
    "DEPOSEE": BuyerStatus.IN_PROGRESS,
    "EN_COURS_ACHEMINEMENT": BuyerStatus.IN_PROGRESS,
    "EN_COURS_TRAITEMENT_PIVOT_S": BuyerStatus.IN_PROGRESS,
    "INTERPRETEE_OCR": BuyerStatus.IN_PROGRESS,
    "MISE_A_DISPOSITION": BuyerStatus.IN_PROGRESS,
    "PRISE_EN_COMPTE_DESTINATAIRE": BuyerStatus.IN_PROGRESS,
    "COMPLETEE": BuyerStatus.IN_PROGRESS,
    "SERVICE_FAIT": BuyerStatus.IN_PROGRESS,
    "SUSPENDUE": BuyerStatus.SUSPENDED,
    "REJETEE": BuyerStatus.REJECTED,
    # Recycling (same number, corrected recipient) is being withdrawn: handled as a rejection.
    "A_RECYCLER": BuyerStatus.REJECTED,
    "EN_ATTENTE_RECYCLAGE_FOURNISSEUR": BuyerStatus.REJECTED,
    "MANDATEE": BuyerStatus.APPROVED,
    "MISE_A_DISPOSITION_COMPTABLE": BuyerStatus.APPROVED,
    "COMPTABILISEE": BuyerStatus.APPROVED,
    "MISE_EN_PAIEMENT": BuyerStatus.PAID,
    "ABANDONNEE": BuyerStatus.CLOSED,
    "SUPPRIMEE": BuyerStatus.CLOSED,
}
"""The statuses of works contracts and co-contractors are left out on purpose: our invoices never
have them, so one that does must be looked at."""


def flux_state(word: str) -> FluxState:
    """Our word for ``etatCourantDepotFlux``."""
    return FLUX_STATES.get(word, FluxState.UNRECOGNISED)


def buyer_status(word: str) -> BuyerStatus:
    """Our word for ``statut``, ``statutCourantCode`` or ``histoStatutCode``."""
    return BUYER_STATUSES.get(word, BuyerStatus.UNRECOGNISED)


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
    )


def _as_text(answer: JsonObject) -> str:
    """JSON that every database can keep: a text that the portal cut may end in half a character."""
    text = json.dumps(answer, ensure_ascii=False, default=_plain)
    return text.encode("utf-8", "backslashreplace").decode()


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(type(value).__name__)


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
    same = [row for row in rows if read.siret(row, "identifiantStructure") == siret]
    return next((row for row in same if is_active(row)), same[0] if same else None)


def is_active(row: JsonObject) -> bool:
    """Whether a structure may receive invoices: the two vocabularies of the portal (§2.9)."""
    return read.text(row, "statut").upper() in ("ACTIVE", "ACTIF")


def structure_record(
    siret: str, cpp_id: int, row: JsonObject, demands: JsonObject, general: JsonObject
) -> StructureRecord:
    """A row of ``listeStructures``, its ``parametres`` (§6.1) and its ``informationGenerales``."""
    expiry = read.instant(general, "dateExpirationMotPasseCompteTech")
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
    )


def service_with(code: str, rows: Sequence[JsonObject]) -> JsonObject | None:
    """The row of ``listeServices`` that has this exact code, an active one before the others."""
    same = [row for row in rows if read.text(row, "codeService") == code]
    return next((row for row in same if read.flag(row, "estActif")), same[0] if same else None)


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
