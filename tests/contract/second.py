"""The second portal with the directory of the contract, its buyers, and the real client on it."""

from pydantic import SecretStr

from tests.contract.portals import (
    CLOSED,
    CROWDED,
    EITHER,
    PLAIN,
    PRIVATE_SUPPLIER,
    PUBLIC_SUPPLIER,
    SERVICES,
    STRICT,
)
from tests.contract.sandbox import choruspro
from tests.contract.second_portal import Needs, SecondPortal, Service
from worker.portals import FoundInvoice
from worker.portals.choruspro.portal import ChorusPro

_SERVICES: list[Service] = [
    Service("LIBRE", "Libre"),
    Service("AVEC_EJ", "Avec engagement", engagement=True),
    Service("FERME", "Fermé", active=False),
    Service("EXPIRE", "Expiré", ends="2020-12-31"),
]


def peopled(portal: SecondPortal) -> None:
    """Give the portal the structures that the contract tests use."""
    portal.configure(password_expires="2099-12-31T00:00:00+01:00")
    for siret, needs in ((PLAIN, Needs.NONE), (STRICT, Needs.BOTH), (EITHER, Needs.EITHER)):
        portal.add_structure(siret=siret, name=f"STRUCTURE {siret}", needs=needs)
    portal.add_structure(siret=CLOSED, name="FERMÉE", active=False)
    portal.add_structure(siret=SERVICES, name="À SERVICES", services=list(_SERVICES))
    many = [Service(f"SRV{rank:03d}", f"Service {rank}") for rank in range(1, 219)]
    portal.add_structure(siret=CROWDED, name="À MILLE SERVICES", services=list(many))
    for siret, public in ((PRIVATE_SUPPLIER, False), (PUBLIC_SUPPLIER, True)):
        portal.add_structure(siret=siret, name=f"FOURNISSEUR {siret}", public=public, ours=True)


def decide(portal: SecondPortal, found: FoundInvoice, status: str, comment: str) -> None:
    """Give an invoice a status, as its buyer."""
    portal.buyer(identifier=int(found.portal_id), status=status, reason=comment)


def on_second(portal: SecondPortal, **changes: object) -> ChorusPro:
    """The client, with the portal's credentials or some of them replaced."""
    known = portal.configure()
    values: dict[str, object] = {
        "client_id": known["client_id"],
        "client_secret": SecretStr(known["client_secret"]),
        "technical_login": known["login"],
        "technical_password": SecretStr(known["password"]),
    }
    return choruspro(portal.url, **{**values, **changes})  # type: ignore[arg-type] # mixed
