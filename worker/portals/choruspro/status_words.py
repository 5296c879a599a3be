"""Chorus Pro's words for where a file or an invoice stands, and ours for each.

An unknown word is never a success. The portal publishes no list of flux states (reference §3.2,
gathered from recorded exchanges); invoice statuses are those of its Swagger that a plain supplier
meets (§3.3).
"""

from collections.abc import Mapping

from worker.portals import BuyerStatus, FluxState

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
