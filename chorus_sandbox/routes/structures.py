"""Structures and services, as the directory exposes them (§2.9)."""

from collections.abc import Mapping
from datetime import date

from chorus_sandbox import paris
from chorus_sandbox.directory import Service, Structure
from chorus_sandbox.routes import VOCABULARY
from chorus_sandbox.routes.calls import FOUND, Body, Call, MalformedBody, Refusal, given, success

_SORTS: Mapping[str, str] = VOCABULARY["service_columns"]
_ADDRESS = {"adresse": "1 rue du Bac", "codePostal": "75000", "ville": "Paris", "pays": "France"}


def search(call: Call) -> dict[str, object]:
    """``structures/v1/rechercher``: nothing found is a success without a list."""
    wanted = call.body.block("structure")
    wanted.refuse_unknown(VOCABULARY["structure_fields"])
    page = call.page(call.body.block("parametres"), descending=False)
    found = [structure for structure in call.directory.all() if _matches(structure, wanted)]
    found.sort(key=lambda structure: structure.siret, reverse=page.descending)
    return success(
        FOUND,
        listeStructures=[_summary(structure) for structure in page.slice(found)],
        parametresRetour=page.described(len(found)),
    )


def consult(call: Call) -> dict[str, object]:
    """``structures/v1/consulter``: what a structure demands of its suppliers."""
    structure = _structure(call, call.body.mandatory_integer("idStructureCPP"))
    expiry = paris.midnight(structure.account_password_expiry)
    return success(
        FOUND,
        informationGenerales={
            "idStructureCPP": structure.id,
            "identifiantStructure": structure.siret,
            "typeIdentifiantStructure": "SIRET",
            "raisonSocialeStructure": structure.name,
            "structurePriveePublique": "PUBLIQUE" if structure.public else "PRIVEE",
            "estValideurDeleguee": False,
            "dateExpirationMotPasseCompteTech": expiry.isoformat(),
        },
        adressePostaleDuSiege=_ADDRESS,
        parametres={
            "codeServiceDoitEtreRenseigne": structure.service_code_required,
            "numeroEJDoitEtreRenseigne": structure.engagement_required,
            "gestionNumeroEJOuCodeService": structure.service_or_engagement,
            "estMoaUniquement": structure.moa_only,
            "getaMoa": structure.moa_only,
            "statutMiseEnPaiementNestPasRemonte": structure.payment_status_not_reported,
            "nonDiffusibleInsee": False,
            "recevoirDonneesViaEDI": structure.public,
            "connexionEDI": structure.public,
            "estValideurDelegue": False,
        },
    )


def search_services(call: Call) -> dict[str, object]:
    """``structures/v1/rechercher/services``: by code unless told otherwise."""
    structure = _structure(call, call.body.mandatory_integer("idStructure"))
    block = call.body.block("parametresRechercherServicesStructure")
    page = call.page(block, descending=False)
    column = block.text("triColonne") or "CodeService"
    services = sorted(
        structure.services,
        key=lambda service: (_sort_key(service, column), service.code),
        reverse=page.descending,
    )
    return success(
        FOUND,
        listeServices=[service_line(structure, service) for service in page.slice(services)],
        parametresRetour=page.described(len(services)),
    )


def service_line(structure: Structure, service: Service) -> dict[str, object]:
    """A service as lists give it."""
    return given(
        {
            "idService": structure.service_id(service),
            "codeService": service.code,
            "libelleService": service.name,
            "dateDbtService": f"{service.valid_from} 00:00",
            "dateFinService": service.valid_to and f"{service.valid_to} 00:00",
            "estActif": service.active,
        }
    )


def consult_service(call: Call) -> dict[str, object]:
    """``structures/v1/consulter/service``: whether the service wants an engagement."""
    structure = _structure(call, call.body.mandatory_integer("idStructure"))
    wanted = call.body.mandatory_integer("idService")
    found = (one for one in structure.services if structure.service_id(one) == wanted)
    if (service := next(found, None)) is None:
        raise Refusal(20001, "SIMULE - Service inconnu de cette structure")
    opened = paris.to_milliseconds(paris.midnight(service.valid_from))
    closed = service.valid_to and paris.to_milliseconds(paris.midnight(service.valid_to))
    return success(
        FOUND,
        adressePostale=_ADDRESS,
        informationsGenerales={
            "codeService": service.code,
            "nomService": service.name,
            "descriptionService": service.name,
        },
        parametres=given(
            {
                "dateCreation": opened,
                "dateDebutValidite": opened,
                "dateFinValidite": closed,
                "numeroEngagement": service.engagement_required,
            }
        ),
    )


def _structure(call: Call, structure_id: int) -> Structure:
    structure = call.directory.by_id(structure_id)
    if structure is None:
        raise Refusal(20000, "SIMULE - Structure inconnue")
    return structure


def _matches(structure: Structure, wanted: Body) -> bool:
    name = wanted.text("raisonSocialeStructure") or wanted.text("libelleStructure") or ""
    moa_only = wanted.flag("estMOAUniquement")
    return (
        wanted.text("identifiantStructure") in (None, structure.siret)
        and wanted.text("typeIdentifiantStructure") in (None, "SIRET")
        and wanted.text("typeStructure") in (None, "PUBLIQUE" if structure.public else "PRIVEE")
        # The input vocabulary differs from the output one (§2.9).
        and wanted.text("statutStructure") in (None, "ACTIF" if structure.active else "INACTIF")
        and moa_only in (None, structure.moa_only)
        and name.casefold() in structure.name.casefold()
    )


def _summary(structure: Structure) -> dict[str, object]:
    return {
        "idStructureCPP": structure.id,
        "identifiantStructure": structure.siret,
        "typeIdentifiantStructure": "SIRET",
        "designationStructure": structure.name,
        "statut": "ACTIVE" if structure.active else "INACTIVE",
    }


def _sort_key(service: Service, column: str) -> str:
    if column not in _SORTS:
        raise MalformedBody(column)
    value = getattr(service, _SORTS[column])
    return str(date.max if value is None else value)
