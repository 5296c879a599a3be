"""One contract, three portals: the directory."""

from datetime import date

from tests.contract.portals import (
    CLOSED,
    CROWDED,
    EITHER,
    PLAIN,
    PRIVATE_SUPPLIER,
    PUBLIC_SUPPLIER,
    SERVICES,
    STRICT,
    UNKNOWN,
)
from worker.portals import (
    Portal,
)


def test_structures_say_what_they_demand(portal: Portal) -> None:
    """The four facts of the directory that decide an invoice."""
    demands = {}
    for siret in (PLAIN, STRICT, EITHER):
        found = portal.structure(siret)
        assert found is not None
        assert (found.siret, found.active) == (siret, True)
        demands[siret] = (
            found.service_code_required,
            found.engagement_required,
            found.service_or_engagement_required,
        )

    assert demands == {
        PLAIN: (False, False, False),
        STRICT: (True, True, False),
        EITHER: (False, False, True),
    }


def test_unknown_and_inactive_structures_differ(portal: Portal) -> None:
    """One does not exist; the other exists and cannot receive."""
    assert portal.structure(UNKNOWN) is None
    closed = portal.structure(CLOSED)

    assert closed is not None
    assert not closed.active


def test_our_own_structure_says_its_nature_and_when_the_password_expires(portal: Portal) -> None:
    """A supplier may be private or public; the technical account's password has a last day."""
    found = {siret: portal.structure(siret) for siret in (PRIVATE_SUPPLIER, PUBLIC_SUPPLIER)}
    natures = {siret: one.public for siret, one in found.items() if one is not None}

    assert natures == {PRIVATE_SUPPLIER: False, PUBLIC_SUPPLIER: True}
    assert all(one and one.password_expires == date(2099, 12, 31) for one in found.values())


def test_a_service_past_its_last_day_still_says_so(portal: Portal) -> None:
    """Active by name, over by date: both facts are told, and the caller judges."""
    structure = portal.structure(SERVICES)
    assert structure is not None
    expired = portal.service(structure, "EXPIRE")

    assert expired is not None
    assert (expired.active, expired.valid_to) == (True, date(2020, 12, 31))


def test_services_say_what_they_demand(portal: Portal) -> None:
    """Active or not, with an engagement or not, and exact codes only."""
    structure = portal.structure(SERVICES)
    assert structure is not None
    found = {}
    for code in ("LIBRE", "AVEC_EJ", "FERME"):
        service = portal.service(structure, code)
        assert service is not None
        found[service.code] = (service.active, service.engagement_required)

    assert found == {"LIBRE": (True, False), "AVEC_EJ": (True, True), "FERME": (False, False)}
    assert portal.service(structure, "libre") is None
    assert portal.service(structure, "INCONNU") is None


def test_service_past_the_first_page_is_found(portal: Portal) -> None:
    """The 218th service exists as much as the first."""
    structure = portal.structure(CROWDED)
    assert structure is not None
    service = portal.service(structure, "SRV218")

    assert service is not None
    assert service.active
