"""The rules of Chorus Pro's directory: what a buyer's structure demands, what ours must be. Pure.

Codes, meanings and sources: ``docs/findings.md`` (``DIR-…``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from worker.billing.members import BillingReferences
from worker.billing.money import count
from worker.billing.period import french_date
from worker.errors import Finding, PortalAnswerError, Severity
from worker.portals import ServiceRecord, StructureRecord

UNREADABLE = "DIR-UNREADABLE"
INACTIVE = "DIR-INACTIVE"
PUBLIC_ONLY = "FACTURES_PUBLIQUES"
"""Service of every public structure, for invoices between public bodies (§6.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryEntry:
    """What the directory says of a structure and of the one service an invoice names."""

    structure: StructureRecord | None
    service_code: str = ""
    service: ServiceRecord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seller:
    """Us, as the configuration says.

    Attributes:
        public: whether we are a public body.
        password_warning: how long before its last day a password is spoken of.
    """

    siret: str
    public: bool
    password_warning: timedelta


def object_to(
    entry: DirectoryEntry, given: BillingReferences, seller: Seller, today: date
) -> tuple[Finding, ...]:
    """What the directory objects to in an invoice of ours with these references, on a day."""
    structure = entry.structure
    if structure is None:
        return (
            Finding(
                code="DIR-UNKNOWN",
                message=f"la structure {given.siret} n'existe pas dans l'annuaire de Chorus Pro",
                remedy="Vérifiez le SIRET auprès du membre, puis réimportez le fichier des "
                "membres.",
            ),
        )
    return (
        *_recipient(structure, given),
        *_demands(structure, given),
        *_service(entry.service, given, today),
        *_public_only(given, seller),
    )


def object_to_seller(
    structure: StructureRecord | None, seller: Seller, today: date
) -> tuple[Finding, ...]:
    """What would have Chorus Pro refuse whatever we send, on a day, and what soon will."""
    if structure is None:
        return (
            Finding(
                code="DIR-SELLER-UNKNOWN",
                message=f"le syndicat, SIRET {seller.siret}, n'existe pas dans l'annuaire de "
                "Chorus Pro",
                remedy="Vérifiez syndicat.siret dans la configuration (en qualification, c'est un "
                "SIRET du matelas de données), ou faites créer la structure sur le portail.",
            ),
        )
    if not structure.active:
        return (
            Finding(
                code="DIR-SELLER-INACTIVE",
                message=f"la structure du syndicat, SIRET {seller.siret}, est inactive dans "
                "Chorus Pro",
                remedy="Faites-la réactiver par son gestionnaire principal, ou corrigez "
                "syndicat.siret dans la configuration.",
            ),
        )
    return (*_nature(structure, seller), *_password(structure, seller, today))


def unreadable(given: BillingReferences, error: PortalAnswerError) -> Finding:
    """The finding for a buyer about which the directory gave no usable answer."""
    return Finding(
        code=UNREADABLE,
        message=f"l'annuaire de Chorus Pro ne répond pas pour ce membre : {error.message}",
        remedy=f"Retapez plus tard : chorus-worker run {given.year}",
    )


def unreadable_seller(seller: Seller, error: PortalAnswerError) -> Finding:
    """The same about us. A warning: nothing proves that our invoices would be refused."""
    return Finding(
        code="DIR-SELLER-UNREADABLE",
        severity=Severity.WARNING,
        message=f"l'annuaire de Chorus Pro ne répond pas pour le syndicat, SIRET {seller.siret} : "
        f"{error.message}",
        remedy="Vérifiez sur le portail que le compte technique est celui de cette structure.",
    )


def _recipient(structure: StructureRecord, given: BillingReferences) -> Iterator[Finding]:
    if not structure.active:
        yield Finding(
            code=INACTIVE,
            message=f"la structure {structure.siret} est inactive dans Chorus Pro",
            remedy="Demandez au membre son nouveau SIRET ou la réactivation de sa structure ; s'il "
            f"n'est plus à facturer, tapez : chorus-worker park {structure.siret} {given.year} "
            '--reason "…" --never-billed',
        )
    if structure.works_only:
        yield Finding(
            code="DIR-WORKS-ONLY",
            message=f"la structure {structure.siret} ne reçoit que des factures de travaux",
            remedy="Demandez au membre le SIRET qui reçoit ses factures ordinaires.",
        )


def _demands(structure: StructureRecord, given: BillingReferences) -> Iterator[Finding]:
    # "One of the two" is looked at first: it makes the two others say less than they seem to.
    if structure.service_or_engagement_required:
        if not (given.service_code or given.engagement):
            yield _missing("DIR-REFERENCE", "un code service ou un numéro d'engagement", given)
        return
    if structure.service_code_required and not given.service_code:
        yield _missing("DIR-SERVICE", "un code service", given)
    if structure.engagement_required and not given.engagement:
        yield _missing("DIR-ENGAGEMENT", "un numéro d'engagement", given)


def _service(
    service: ServiceRecord | None, given: BillingReferences, today: date
) -> Iterator[Finding]:
    if not given.service_code:
        return
    if service is None:
        yield Finding(
            code="DIR-SERVICE-UNKNOWN",
            message=f"le code service « {given.service_code} » n'existe pas pour cette structure",
            remedy=_supply(given),
        )
    elif not _usable(service, today):
        yield Finding(
            code="DIR-SERVICE-INACTIVE",
            message=f"le service « {service.code} » de cette structure n'est pas en service",
            remedy=_supply(given),
        )
    elif service.engagement_required and not given.engagement:
        yield _missing("DIR-SERVICE-ENGAGEMENT", "un numéro d'engagement pour ce service", given)


def _usable(service: ServiceRecord, today: date) -> bool:
    # The portal may still call a service active after its last day.
    begun = service.valid_from is None or service.valid_from <= today
    ended = service.valid_to is not None and service.valid_to < today
    return service.active and begun and not ended


def _public_only(given: BillingReferences, seller: Seller) -> Iterator[Finding]:
    if given.service_code == PUBLIC_ONLY and not seller.public:
        yield Finding(
            code="DIR-PUBLIC-ONLY",
            message=f"le service « {PUBLIC_ONLY} » est réservé aux factures entre personnes "
            "publiques, et la configuration dit le vendeur privé : Chorus Pro rejetterait la "
            "facture",
            remedy="Si le vendeur est public, mettez syndicat.public = true dans la "
            f"configuration. Sinon : {_supply(given)}",
        )


def _nature(structure: StructureRecord, seller: Seller) -> Iterator[Finding]:
    if seller.public and not structure.public:
        yield Finding(
            code="DIR-SELLER-PRIVATE",
            severity=Severity.WARNING,
            message="Chorus Pro tient le syndicat pour une structure privée, la configuration le "
            f"dit public : le service « {PUBLIC_ONLY} » lui serait refusé",
            remedy="Faites corriger la structure sur le portail, ou mettez syndicat.public = "
            "false dans la configuration.",
        )


def _password(structure: StructureRecord, seller: Seller, today: date) -> Iterator[Finding]:
    last_day = structure.password_expires
    if structure.password_end:
        yield Finding(
            code="DIR-PASSWORD-UNREAD",
            severity=Severity.WARNING,
            message="la fin du mot de passe du compte technique de Chorus Pro est inconnue : la "
            f"date « {structure.password_end} » ne peut pas être lue",
            remedy="Voyez-la sur le portail (« Raccordements », « Compte technique »).",
        )
    if last_day is None or today < last_day - seller.password_warning:
        return
    left = (last_day - today).days
    expired = left < 0
    when = "aujourd'hui" if left == 0 else f"dans {count(left, 'jour')}"
    yield Finding(
        code="DIR-PASSWORD-EXPIRED" if expired else "DIR-PASSWORD-EXPIRES",
        severity=Severity.BLOCKING if expired else Severity.WARNING,
        message="le mot de passe du compte technique de Chorus Pro "
        + (
            f"a expiré le {french_date(last_day)}"
            if expired
            else f"expire le {french_date(last_day)}, {when}"
        ),
        remedy="Le gestionnaire principal en fait générer un autre sur le portail "
        "(« Raccordements », « Compte technique ») ; donnez-le ensuite au secret "
        "technical_password.",
    )


def _missing(code: str, what: str, given: BillingReferences) -> Finding:
    return Finding(
        code=code, message=f"la structure exige {what} pour {given.year}", remedy=_supply(given)
    )


def _supply(given: BillingReferences) -> str:
    return (
        "Demandez-le au membre, puis tapez : chorus-worker import references FICHIER "
        f"(colonnes siret;annee;code_service;engagement), et chorus-worker run {given.year}"
    )
