"""The directory of Chorus Pro: structures and their services (reference §2.9, §6.1)."""

from worker.portals import ServiceRecord, StructureRecord
from worker.portals.choruspro.contract_values import (
    is_active,
    service_record,
    service_with,
    structure_record,
    structure_with,
)
from worker.portals.choruspro.gateway import Gateway
from worker.portals.choruspro.json_fields import JsonObject, child, integer, objects
from worker.portals.choruspro.search import PAGE_SIZE, all_rows
from worker.portals.choruspro.verdict import incoherent

_FIND_STRUCTURE = "/cpro/structures/v1/rechercher"
_STRUCTURE = "/cpro/structures/v1/consulter"
_FIND_SERVICES = "/cpro/structures/v1/rechercher/services"
_SERVICE = "/cpro/structures/v1/consulter/service"


def structure(gateway: Gateway, siret: str) -> StructureRecord | None:
    """The structure that has this SIRET, or None.

    An inactive one is not consulted: what it would demand does not matter, and the portal may
    refuse to show it.
    """
    answer = gateway.read(
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
    if row is None and rows:
        # An answer about others says nothing of this one.
        raise incoherent(_FIND_STRUCTURE, f"d'autres structures que {siret}")
    if row is None:
        return None
    cpp_id = integer(row, "idStructureCPP")
    if cpp_id is None:
        raise incoherent(_FIND_STRUCTURE, f"pas d'identifiant pour {siret}")
    demands: JsonObject | None = {}
    general: JsonObject = {}
    if is_active(row):
        consulted = gateway.read(_STRUCTURE, {"idStructureCPP": cpp_id, "codeLangue": "fr"})
        demands = child(consulted, "parametres")
        general = child(consulted, "informationGenerales") or {}
    if demands is None:
        raise incoherent(_STRUCTURE, f"aucun paramètre pour {siret}")
    return structure_record(siret, cpp_id, row, demands, general)


def service(gateway: Gateway, of: StructureRecord, code: str) -> ServiceRecord | None:
    """One service of a structure by its code (exact), or None; all pages are read."""

    def page(rank: int) -> dict[str, object]:
        return {
            "idStructure": int(of.portal_id),
            "parametresRechercherServicesStructure": {
                "pageResultatDemandee": rank,
                "nbResultatsParPage": PAGE_SIZE,
                "triColonne": "CodeService",
                "triSens": "Ascendant",
            },
        }

    rows = all_rows(gateway, _FIND_SERVICES, page, rows="listeServices", key="idService") or []
    row = service_with(code, rows)
    if row is None:
        return None
    consulted = gateway.read(
        _SERVICE,
        {
            "idStructure": int(of.portal_id),
            "idService": integer(row, "idService"),
            "codeLangue": "fr",
        },
    )
    demands = child(consulted, "parametres")
    if demands is None:
        raise incoherent(_SERVICE, f"aucun paramètre pour {code}")
    return service_record(row, demands)
