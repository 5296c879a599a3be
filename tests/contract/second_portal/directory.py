"""What the portal answers on structures, services and the account (reference §2.9, §2.10, §6)."""

from typing import Any

from tests.contract.second_portal import forms
from tests.contract.second_portal.answers import (
    SEARCHED,
    Call,
    Json,
    Refusal,
    moment_of,
    paged,
    success,
)
from tests.contract.second_portal.behaviours import Behaviour
from tests.contract.second_portal.state import Needs, Service, Structure


def _is_active(call: Call, structure: Structure) -> bool:
    closed = call.moment.has(Behaviour.STRUCTURE_CLOSED)
    return structure.is_active(call.state.now) and not closed


def _other(call: Call, structure: Structure) -> Structure:
    """Another structure than the one asked for, when this is armed."""
    if not call.moment.has(Behaviour.STRUCTURE_OTHER):
        return structure
    return next(one for one in call.state.structures.values() if one.siret != structure.siret)


def _line(call: Call, structure: Structure) -> Json:
    line = {
        "designationStructure": structure.name,
        "idStructureCPP": structure.id,
        "identifiantStructure": structure.siret,
        "statut": "ACTIVE" if _is_active(call, structure) else "INACTIVE",
        "typeIdentifiantStructure": "SIRET",
    }
    return forms.of_invoice(line, call.moment, "", "")


def structures(call: Call) -> Json:
    """Search of structures; nothing found is a success (reference §2.9)."""
    asked, block = call.block("structure"), call.block("parametres")
    found = [one for one in call.state.structures.values() if _matches(call, one, asked)]
    found = [call.state.structures[one.successor] if one.redirects else one for one in found]
    if call.moment.has(Behaviour.STRUCTURE_GONE):
        found = []
    rows = [_line(call, _other(call, one)) for one in found]
    column = str(block.get("triColonne") or "IdentifiantStructure")
    name = column[:1].lower() + column[1:]
    down = block.get("triSens") == "Descendant"
    rows.sort(key=lambda one: str(one.get(name)), reverse=down)
    shown, pages = paged(call, rows, block)
    return success(SEARCHED, listeStructures=shown, parametresRetour=pages)


def _matches(call: Call, structure: Structure, asked: Json) -> bool:
    """Filters of the search; a place is no filter, as no address is held."""
    name = structure.name.lower()
    names = (asked.get("raisonSocialeStructure"), asked.get("libelleStructure"))
    status = "ACTIF" if _is_active(call, structure) else "INACTIF"
    kind = "PUBLIQUE" if structure.public else "PRIVEE"
    only_private = bool(call.body.get("restreindreStructuresPrivees"))
    return (
        str(asked.get("identifiantStructure") or structure.siret) == structure.siret
        and (asked.get("typeIdentifiantStructure") or "SIRET") == "SIRET"
        and all(not one or str(one).lower() in name for one in names)
        and not (asked.get("nomStructure") or asked.get("prenomStructure"))
        and (asked.get("statutStructure") or status) == status
        and (asked.get("typeStructure") or kind) == kind
        and not asked.get("estMOAUniquement")
        and not (only_private and structure.public)
    )


def _asked(call: Call, name: str) -> Structure:
    asked = str(call.mandatory(name))
    found = next((one for one in call.state.structures.values() if str(one.id) == asked), None)
    if not found or call.moment.has(Behaviour.STRUCTURE_GONE):
        raise Refusal(20001, "GCU_MSG_01.015")
    return _other(call, found)


def _expiry(call: Call) -> Any:  # noqa: ANN401 - any JSON
    """When the technical account's password expires, in the form that is armed."""
    expires = call.state.settings.password_expires
    day = expires[:10]
    if call.moment.has(Behaviour.EXPIRY_WORDS):
        return f"le {int(day[8:])} du mois {int(day[5:7])} de l'année {day[:4]}"
    if call.moment.has(Behaviour.EXPIRY_FRENCH):
        return forms.french(day)
    if call.moment.has(Behaviour.EXPIRY_EPOCH):
        return forms.epoch(day)
    return None if call.moment.has(Behaviour.EXPIRY_ABSENT) else expires


def structure(call: Call) -> Json:
    """One structure and what it demands (reference §2.9, §6.1)."""
    found = _asked(call, "idStructureCPP")
    merged = [one for one in call.state.structures.values() if one.successor == found.siret]
    general = {
        "idStructureCPP": found.id,
        "identifiantStructure": found.siret,
        "typeIdentifiantStructure": "SIRET",
        "raisonSocialeStructure": found.name,
        "structurePriveePublique": "PUBLIQUE" if found.public else "PRIVEE",
        "estValideurDeleguee": False,
    }
    if merged:
        general["idStructureOrigine"] = merged[0].id
        general["listeStructureDupliquees"] = [{"structureDupliquee": one.id} for one in merged]
    if found in _owned(call) and (expiry := _expiry(call)) is not None:
        general["dateExpirationMotPasseCompteTech"] = expiry
    demands = {
        "codeServiceDoitEtreRenseigne": found.needs in {Needs.SERVICE, Needs.BOTH},
        "numeroEJDoitEtreRenseigne": found.needs in {Needs.ENGAGEMENT, Needs.BOTH},
        "gestionNumeroEJOuCodeService": found.needs is Needs.EITHER,
        "statutMiseEnPaiementNestPasRemonte": found.silent_payment,
        "estMoaUniquement": False,
        "getaMoa": False,
    }
    address = {"adresse": "1 rue Fictive", "codePostal": "75000", "ville": "Paris"}
    return success(
        SEARCHED,
        informationGenerales=general,
        adressePostaleDuSiege=address | {"pays": "France"},
        parametres=demands,
    )


def services(call: Call) -> Json:
    """The services of a structure, by pages (reference §2.9)."""
    found = _asked(call, "idStructure")
    rows = [_service(one) for one in found.services]
    shown, pages = paged(call, rows, call.block("parametresRechercherServicesStructure"))
    return success(SEARCHED, listeServices=shown, parametresRetour=pages)


def _service(service: Service) -> Json:
    return {
        "idService": service.id,
        "codeService": service.code,
        "libelleService": service.name,
        "dateDbtService": "2017-01-03 00:00",
        "estActif": service.active,
        "statutService": "ACTIVE" if service.active else "INACTIVE",
    }


def service(call: Call) -> Json:
    """One service and whether it demands an engagement (reference §2.9, §6.1)."""
    of, asked = _asked(call, "idStructure"), str(call.mandatory("idService"))
    found = next((one for one in of.services if str(one.id) == asked), None)
    if not found:
        raise Refusal(20001, "GCU_MSG_01.015")
    names = {"codeService": found.code, "nomService": found.name}
    began = moment_of("2017-01-03T10:55:36.367+01:00")
    dates = {"dateCreation": began, "dateDebutValidite": began}
    ends = found.ends or ("" if found.active else "2020-01-01")
    if ends:
        dates["dateFinValidite"] = f"{ends}T00:00:00.000+01:00"
    return success(
        SEARCHED,
        informationsGenerales=names | {"descriptionService": found.name},
        parametres=dates | {"numeroEngagement": found.engagement, "miseEnPaiement": True},
    )


def _own(call: Call) -> Structure:
    return call.state.structures[call.state.settings.supplier]


def _owned(call: Call) -> list[Structure]:
    """The structures that the account may issue for."""
    return [_own(call), *(one for one in call.state.structures.values() if one.ours)]


def own_structures(call: Call) -> Json:
    """The active structures that the account may issue for (reference §2.10)."""
    rows = [
        {
            "idStructureCPP": one.id,
            "identifiant": one.siret,
            "designationStructure": one.name,
        }
        for one in _owned(call)
        if _is_active(call, one)
    ]
    return success(SEARCHED, listeStructures=rows)


def account(call: Call) -> Json:
    """The structures that the user belongs to (reference §2.10)."""
    rows: list[Json] = [
        {
            "idStructure": one.id,
            "identifiantStructure": one.siret,
            "typeIdentifiantStructure": "SIRET",
            "designationStructure": one.name,
            "statutRattachementStructure": "VALIDEE",
            "listeServicesRattache": [],
        }
        for one in _owned(call)
    ]
    shown, pages = paged(call, rows, call.block("parametresRecherche"))
    return success(SEARCHED, listeStructureRattachement=shown, parametresRetour=pages)


def memberships(call: Call) -> Json:
    """The services of the account in its structure (Structures, attachments of a user)."""
    own = _own(call)
    rows = [
        {"idService": one.id, "codeService": one.code, "statutRattachement": "VALIDEE"}
        for one in own.services
    ]
    block = call.block("parametresListerRattachementsStructureUtilisateur")
    shown, pages = paged(call, rows, block)
    return success(
        SEARCHED,
        idStructure=own.id,
        identifiantStructure=own.siret,
        designationStructure=own.name,
        listeServices=shown,
        parametresRetour=pages,
    )


def health(_call: Call) -> Json:
    """Health check (reference §1.9)."""
    body = "L'API CPRO est actuellement disponible et fonctionnel."
    return {"statusCodeValue": 200, "statusCode": "OK", "body": body}
