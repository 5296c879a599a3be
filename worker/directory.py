"""What a buyer's structure demands, asked before a number is spent (preflight).

Chorus Pro's directory says whether a structure is active and whether it wants a code service, an
engagement, or one of the two; a service may itself demand an engagement. Answers are cached; a
cached answer that would hold a member back is asked again first.

The service FACTURES_PUBLIQUES, closed to private suppliers, is kept for invoices between public
bodies: here it is a service like any other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from worker.findings import Finding
from worker.members import BillingReferences
from worker.period import paris_day
from worker.portals import Portal, ServiceRecord, StructureRecord
from worker.storage import Store, deposits
from worker.storage.snapshots import dump, load


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryEntry:
    """What the directory says of a buyer and of the one service its invoice names."""

    structure: StructureRecord | None
    service_code: str = ""
    service: ServiceRecord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """The portal's directory behind a cache."""

    portal: Portal
    store: Store
    clock: Callable[[], datetime]
    cache: timedelta

    def check(self, references: BillingReferences) -> tuple[Finding, ...]:
        """What the directory objects to, for a member and the references of its invoice.

        Raises:
            PortalDown, PortalAccessRefused: the directory cannot be asked.
        """
        today = paris_day(self.clock())
        cached = self._cached(references)
        if cached is not None and not (findings := object_to(cached, references, today)):
            return findings
        return object_to(self._fetch(references), references, today)

    def payment_reported(self, siret: str) -> bool:
        """Whether this buyer tells Chorus Pro that it paid; True when we never asked."""
        with self.store.reading() as session:
            stored = deposits.cached_entry(session, siret)
        if stored is None:
            return True
        structure = load(DirectoryEntry, stored[1]).structure
        return structure is None or not structure.payment_not_reported

    def _cached(self, references: BillingReferences) -> DirectoryEntry | None:
        with self.store.reading() as session:
            stored = deposits.cached_entry(session, references.siret)
        if stored is None or self.clock() - stored[0] > self.cache:
            return None
        entry = load(DirectoryEntry, stored[1])
        return entry if entry.service_code == references.service_code else None

    def _fetch(self, references: BillingReferences) -> DirectoryEntry:
        structure = self.portal.structure(references.siret)
        service = None
        if structure is not None and references.service_code:
            service = self.portal.service(structure, references.service_code)
        entry = DirectoryEntry(
            structure=structure, service_code=references.service_code, service=service
        )
        with self.store.transaction() as session:
            payload = dump(DirectoryEntry, entry)
            deposits.cache_entry(session, references.siret, payload, self.clock())
        return entry


def object_to(
    entry: DirectoryEntry, references: BillingReferences, today: date
) -> tuple[Finding, ...]:
    """The rules of the directory on a day (structure and service parameters), pure."""
    structure = entry.structure
    siret = references.siret
    if structure is None:
        return (
            _finding(
                "DIR-UNKNOWN",
                f"la structure {siret} n'existe pas dans l'annuaire de Chorus Pro",
                "Vérifiez le SIRET auprès du membre, puis réimportez le fichier des membres.",
            ),
        )
    findings = []
    if not structure.active:
        findings.append(
            _finding(
                "DIR-INACTIVE",
                f"la structure {siret} est inactive dans Chorus Pro",
                "Demandez au membre son nouveau SIRET ou la réactivation de sa structure.",
            )
        )
    if structure.works_only:
        findings.append(
            _finding(
                "DIR-WORKS-ONLY",
                f"la structure {siret} ne reçoit que des factures de travaux",
                "Demandez au membre le SIRET qui reçoit ses factures ordinaires.",
            )
        )
    return (*findings, *_references(structure, entry.service, references, today))


def _references(
    structure: StructureRecord,
    service: ServiceRecord | None,
    given: BillingReferences,
    today: date,
) -> list[Finding]:
    findings = []
    if structure.service_or_engagement_required:
        if not (given.service_code or given.engagement):
            findings.append(
                _missing("DIR-REFERENCE", "un code service ou un numéro d'engagement", given)
            )
    else:
        if structure.service_code_required and not given.service_code:
            findings.append(_missing("DIR-SERVICE", "un code service", given))
        if structure.engagement_required and not given.engagement:
            findings.append(_missing("DIR-ENGAGEMENT", "un numéro d'engagement", given))
    if given.service_code and service is None:
        findings.append(
            _finding(
                "DIR-SERVICE-UNKNOWN",
                f"le code service « {given.service_code} » n'existe pas pour cette structure",
                _supply(given),
            )
        )
    elif service is not None and not _usable(service, today):
        findings.append(
            _finding(
                "DIR-SERVICE-INACTIVE",
                f"le service « {service.code} » de cette structure n'est pas en service",
                _supply(given),
            )
        )
    elif service is not None and service.engagement_required and not given.engagement:
        findings.append(
            _missing("DIR-SERVICE-ENGAGEMENT", "un numéro d'engagement pour ce service", given)
        )
    return findings


def _usable(service: ServiceRecord, today: date) -> bool:
    # The portal may still call a service active after its last day.
    begun = service.valid_from is None or service.valid_from <= today
    ended = service.valid_to is not None and service.valid_to < today
    return service.active and begun and not ended


def _missing(code: str, what: str, given: BillingReferences) -> Finding:
    return _finding(code, f"la structure exige {what} pour {given.year}", _supply(given))


def _supply(given: BillingReferences) -> str:
    return (
        "Demandez-le au membre, puis tapez : chorus-worker import references FICHIER "
        f"(colonnes siret;annee;code_service;engagement), et chorus-worker run {given.year}"
    )


def _finding(code: str, message: str, remedy: str) -> Finding:
    return Finding(code=code, message=message, remedy=remedy)
