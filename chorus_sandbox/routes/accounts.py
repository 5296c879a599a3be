"""What the technical account is attached to: every active structure, here (§2.10)."""

from chorus_sandbox.directory import Structure
from chorus_sandbox.routes.calls import DONE, FOUND, Call, given, success
from chorus_sandbox.routes.structures import service_line


def active_structures(call: Call) -> dict[str, object]:
    """``transverses/v1/recuperer/structures/actives/fournisseur``: who may send invoices."""
    return success(
        DONE,
        listeStructures=[
            {
                "idStructureCPP": structure.id,
                "identifiant": structure.siret,
                "designationStructure": structure.name,
            }
            for structure in _active(call)
        ],
    )


def attachments(call: Call) -> dict[str, object]:
    """``utilisateurs/v1/monCompte/recuperer/rattachements``: structures and their services."""
    page = call.page(call.body.block("parametresRecherche"), descending=False)
    structures = _active(call)
    structures.sort(key=lambda structure: structure.id, reverse=page.descending)
    return success(
        FOUND,
        listeStructureRattachement=[_attachment(structure) for structure in page.slice(structures)],
        parametresRetour=page.described(len(structures)),
    )


def _active(call: Call) -> list[Structure]:
    return [structure for structure in call.directory.all() if structure.active]


def _attachment(structure: Structure) -> dict[str, object]:
    # Roles and states of an attachment have no recorded list: these words are plausible ones.
    return {
        "idStructure": structure.id,
        "identifiantStructure": structure.siret,
        "typeIdentifiantStructure": "SIRET",
        "designationStructure": structure.name,
        "roleUtilisateur": "SIMULE - COMPTE_TECHNIQUE",
        "statutRattachementStructure": "VALIDEE",
        "statutUtilisateur": "ACTIF",
        "idRattachementStructure": structure.id,
    } | given(
        {
            "listeServicesRattache": [
                service_line(structure, service)
                | {
                    "statutRattachementService": "VALIDEE",
                    "statutService": "ACTIF" if service.active else "INACTIF",
                    "idRattachementService": structure.service_id(service),
                }
                for service in structure.services
            ],
        }
    )
