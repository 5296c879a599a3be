"""Chorus Pro through its REST API on PISTE, historic channel (reference §1, §2).

Two layers of identity: the PISTE application (a bearer token) and the *compte technique* (the
``cpro-account`` header). HTTP says whether the gateway let us in, ``codeRetour`` whether the
operation worked. Reads are repeated within bounds; a deposit is sent once.

The operations are here. Below them: choruspro_gateway (both identities, what a refusal means),
choruspro_token, choruspro_http (one attempt), choruspro_patience (repeated reads), pacing. Beside
them: choruspro_deposit (what an answer to a deposit proves), choruspro_records (answers as
values), choruspro_json (lenient reading), choruspro_words (their words as ours).
"""

import base64
import time
from collections.abc import Callable

import structlog

from worker.document import DocumentKind
from worker.errors import PortalAccessRefused, PortalDown
from worker.portals import (
    DepositAnswer,
    DepositOutcome,
    FluxState,
    FoundInvoice,
    IntegrationReport,
    InvoiceHistory,
    ServiceRecord,
    StructureRecord,
)
from worker.portals.choruspro_deposit import judge, not_sent, unauthorised, unfit
from worker.portals.choruspro_gateway import Gateway, incoherent, succeeded
from worker.portals.choruspro_json import JsonObject, child, integer, objects, text
from worker.portals.choruspro_records import (
    found_invoice,
    integration_report,
    invoice_history,
    is_active,
    is_unknown_flux,
    service_record,
    service_with,
    structure_record,
    structure_with,
)
from worker.portals.choruspro_settings import ChorusProSettings
from worker.portals.choruspro_words import SYNTAXES

PAGE_SIZE = 100
MOST_RESULTS = 1000
"""``nbResultatsMaximum``. The portal does not count past it (§2, pagination), so a search that
reaches it may be cut."""
_MOST_PAGES = 200

_DEPOSIT = "/cpro/factures/v1/deposer/flux"
_REPORT = "/cpro/transverses/v1/consulterCRDetaille"
_SEARCH = "/cpro/factures/v1/rechercher/fournisseur"
_HISTORY = "/cpro/factures/v1/consulter/historique"
_FIND_STRUCTURE = "/cpro/structures/v1/rechercher"
_STRUCTURE = "/cpro/structures/v1/consulter"
_FIND_SERVICES = "/cpro/structures/v1/rechercher/services"
_SERVICE = "/cpro/structures/v1/consulter/service"

_log = structlog.get_logger(__name__)


class ChorusPro:
    """The portal contract over HTTP. Close it when done."""

    def __init__(
        self,
        settings: ChorusProSettings,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._gateway = Gateway(settings, monotonic=monotonic, sleep=sleep)

    def close(self) -> None:
        """Let go of the open connections."""
        self._gateway.close()

    def sign_in(self) -> None:
        """Make sure both pairs of credentials work; asks nothing when this token was proven.

        Raises:
            PortalDown: cannot be reached, or asks to wait.
            PortalAccessRefused: the credentials are refused.
        """
        self._gateway.prove_identity()

    def deposit(self, *, file_name: str, kind: DocumentKind, content: bytes) -> DepositAnswer:
        """Hand a file over, once, without any retry (§2.1).

        One exception: a 401 proves that the gateway recorded nothing and may only mean that the
        token was revoked, so one more call is made with a new token. A second 401 is final.
        """
        if refusal := unfit(file_name, kind, content):
            return refusal
        fields: dict[str, object] = {
            "fichierFlux": base64.b64encode(content).decode(),
            "nomFichier": file_name,
            "syntaxeFlux": SYNTAXES[kind],
            "avecSignature": False,
        }
        try:
            token = self._gateway.token()
            answer = judge(self._gateway.attempt_alone(_DEPOSIT, fields, token))
            if answer.outcome is DepositOutcome.UNAUTHORISED and answer.http_status == 401:
                renewed = self._gateway.renewed_token(token)
                answer = judge(self._gateway.attempt_alone(_DEPOSIT, fields, renewed))
        except PortalAccessRefused as error:
            answer = unauthorised(f"{error.message} {error.remedy}")
        except PortalDown as error:
            answer = not_sent(f"Rien n'a été envoyé. {error.message}")
        _log.info("portal.deposit", outcome=answer.outcome, flux=answer.flux_number)
        return answer

    def integration_report(self, flux_number: str) -> IntegrationReport:
        """What became of a file (§2.2). An unknown flux is pending: it may not be indexed yet."""
        answer = self._gateway.ask(_REPORT, {"numeroFluxDepot": flux_number})
        if is_unknown_flux(answer):
            return IntegrationReport(
                flux_number=flux_number,
                state=FluxState.PENDING,
                raw_state=text(answer, "libelle"),
                errors=(),
            )
        return integration_report(flux_number, succeeded(_REPORT, answer))

    def search(
        self, *, invoice_number: str | None = None, flux_number: str | None = None
    ) -> tuple[FoundInvoice, ...]:
        """Every invoice of ours that matches, all pages, their count checked (§2.4).

        Raises:
            ValueError: without any criterion.
            PortalDown: also when the pages do not add up to the announced total.
        """
        criteria = {
            name: value
            for name, value in (("numeroFacture", invoice_number), ("numeroFluxDepot", flux_number))
            if value
        }
        if not criteria:
            raise ValueError("a search needs an invoice number or a flux number")

        def page(rank: int) -> dict[str, object]:
            return criteria | {
                "rechercheFactureParFournisseur": {
                    "nbResultatsMaximum": MOST_RESULTS,
                    "pageResultatDemandee": rank,
                    "nbResultatsParPage": PAGE_SIZE,
                    "triColonne": "NumeroFacture",
                    "triSens": "Ascendant",
                }
            }

        rows = self._all_pages(_SEARCH, page, rows="listeFactures", key="identifiantFactureCPP")
        if len(rows) >= MOST_RESULTS:
            raise incoherent(_SEARCH, f"{MOST_RESULTS} résultats ou plus, donc peut-être coupés")
        found = tuple(found_invoice(row) for row in rows)
        if not all(invoice.number for invoice in found):
            raise incoherent(_SEARCH, "une facture sans numéro")
        # Whether the portal compares whole numbers or beginnings is not documented.
        return tuple(item for item in found if invoice_number in (None, "", item.number))

    def history(self, cpp_id: int) -> InvoiceHistory:
        """The current status of an integrated invoice, and its hundred latest (§2.6)."""
        answer = self._gateway.read(
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

    def structure(self, siret: str) -> StructureRecord | None:
        """The structure that has this SIRET, or None (§2.9).

        An inactive one is not consulted: what it would demand does not matter, and the portal
        may refuse to show it.
        """
        answer = self._gateway.read(
            _FIND_STRUCTURE,
            {
                "structure": {"identifiantStructure": siret, "typeIdentifiantStructure": "SIRET"},
                "parametres": {"pageResultatDemandee": 1, "nbResultatsParPage": PAGE_SIZE},
                "restreindreStructuresPrivees": False,
            },
        )
        rows = objects(answer, "listeStructures")
        if rows is None:
            raise incoherent(_FIND_STRUCTURE, "une liste illisible")
        row = structure_with(siret, rows)
        if row is None:
            return None
        portal_id = integer(row, "idStructureCPP")
        if portal_id is None:
            raise incoherent(_FIND_STRUCTURE, f"pas d'identifiant pour {siret}")
        demands: JsonObject | None = {}
        if is_active(row):
            consulted = self._gateway.read(
                _STRUCTURE, {"idStructureCPP": portal_id, "codeLangue": "fr"}
            )
            demands = child(consulted, "parametres")
        if demands is None:
            raise incoherent(_STRUCTURE, f"aucun paramètre pour {siret}")
        return structure_record(siret, portal_id, row, demands)

    def service(self, structure: StructureRecord, code: str) -> ServiceRecord | None:
        """One service of a structure by its code (exact), or None; all pages are read (§2.9)."""

        def page(rank: int) -> dict[str, object]:
            return {
                "idStructure": structure.portal_id,
                "parametresRechercherServicesStructure": {
                    "pageResultatDemandee": rank,
                    "nbResultatsParPage": PAGE_SIZE,
                    "triColonne": "CodeService",
                    "triSens": "Ascendant",
                },
            }

        rows = self._all_pages(_FIND_SERVICES, page, rows="listeServices", key="idService")
        row = service_with(code, rows)
        if row is None:
            return None
        consulted = self._gateway.read(
            _SERVICE,
            {
                "idStructure": structure.portal_id,
                "idService": integer(row, "idService"),
                "codeLangue": "fr",
            },
        )
        demands = child(consulted, "parametres")
        if demands is None:
            raise incoherent(_SERVICE, f"aucun paramètre pour {code}")
        return service_record(row, demands)

    def _all_pages(
        self, route: str, body_of: Callable[[int], dict[str, object]], *, rows: str, key: str
    ) -> list[JsonObject]:
        """Every row of a paged list. A missing or repeated row raises: it must not read as none."""
        found: dict[int, JsonObject] = {}
        announced: int | None = None
        for rank in range(1, _MOST_PAGES + 1):
            answer = self._gateway.read(route, body_of(rank))
            here, counts = objects(answer, rows), child(answer, "parametresRetour") or {}
            total = integer(counts, "total")
            if here is None or total is None or announced not in (None, total):
                raise incoherent(route, "une liste ou un total illisible, absent ou changeant")
            if total and integer(counts, "pageCourante") not in (None, rank):
                raise incoherent(route, f"une autre page que la page {rank}")
            announced = total
            for row in here:
                identifier = integer(row, key)
                if identifier is None or identifier in found:
                    raise incoherent(route, "une ligne sans identifiant ou en double")
                found[identifier] = row
            if len(found) == total:
                return list(found.values())
            if not here or len(found) > total:
                break
        raise incoherent(route, f"{len(found)} lignes reçues pour {announced} annoncées")
