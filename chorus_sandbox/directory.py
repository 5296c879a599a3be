"""Structures and services: who may send, who may receive, and what a recipient demands (§6)."""

import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final

from chorus_sandbox.entries import EntryError, read_entries

BUILT_IN: Final = Path(__file__).with_name("structures.json")
"""The recorded test set of the qualification platform (§1.8), and ours. The SIREN of the recorded
recipients is fictitious; the others of that family, those of 000010009, and all names are ours."""

PUBLIC_ONLY_SERVICE = "FACTURES_PUBLIQUES"
"""Service of public structures, reserved to invoices between public entities (§6.2)."""
_SIRET = re.compile(r"[0-9]{14}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service of a structure, named by BT-10."""

    code: str  # what the supplier writes in BT-10
    name: str  # label
    active: bool = True  # an inactive service receives nothing
    engagement_required: bool = False  # BT-13 is mandatory when this service is used (§6.1)
    valid_from: date = date(2017, 1, 1)  # first day of validity
    valid_to: date | None = None  # last day of validity; none when open

    def is_usable_on(self, day: date) -> bool:
        """Whether an invoice deposited on this day may name the service."""
        return (
            self.active
            and self.valid_from <= day
            and (self.valid_to is None or day <= self.valid_to)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """A supplier or a recipient, named by its SIRET. Check digits are not looked at (§1.8)."""

    siret: str  # 14 digits
    name: str  # designation
    public: bool = True  # public structures receive invoices, private ones only send them
    active: bool = True  # whether invoices may come from it or go to it
    moa_only: bool = False  # works contracts only: no ordinary recipient
    service_code_required: bool = False  # BT-10 mandatory
    engagement_required: bool = False  # BT-13 mandatory
    service_or_engagement: bool = False  # one of the two mandatory; looked at before the two above
    payment_status_not_reported: bool = False  # never sends ``MISE_EN_PAIEMENT``
    services: tuple[Service, ...] = ()  # its services
    account_password_expiry: date = date(2099, 12, 31)  # technical account (§1.6)

    def __post_init__(self) -> None:
        if not _SIRET.fullmatch(self.siret):
            raise ValueError("le SIRET doit compter 14 chiffres")
        if len({service.code for service in self.services}) != len(self.services):
            raise ValueError("un même code service est décrit deux fois")

    @property
    def id(self) -> int:
        """``idStructureCPP``: never equal to the SIRET, the same after every restart."""
        return 10**15 - int(self.siret)

    @property
    def siren(self) -> str:
        """The nine first digits of the SIRET."""
        return self.siret[:9]

    def service(self, code: str) -> Service | None:
        """The service that bears this code, if any."""
        return next((service for service in self.services if service.code == code), None)

    def service_id(self, service: Service) -> int:
        """``idService``: the same after every restart, whatever the order of the services."""
        return 1 + zlib.crc32(f"{self.siret}/{service.code}".encode())


class Directory:
    """All structures, by SIRET and by ``idStructureCPP``."""

    def __init__(self, structures: Iterable[Structure]) -> None:
        """The last structure of a SIRET wins; every public one has ``FACTURES_PUBLIQUES``."""
        self._by_siret = {structure.siret: _completed(structure) for structure in structures}
        self._by_id = {structure.id: structure for structure in self._by_siret.values()}

    def by_siret(self, siret: str) -> Structure | None:
        """The structure of a SIRET, if known."""
        return self._by_siret.get(siret)

    def by_id(self, structure_id: int) -> Structure | None:
        """The structure of an ``idStructureCPP``, if known."""
        return self._by_id.get(structure_id)

    def all(self) -> tuple[Structure, ...]:
        """Every structure, by SIRET."""
        return tuple(self._by_siret[siret] for siret in sorted(self._by_siret))


def read_structures(path: Path) -> tuple[Structure, ...]:
    """The structures of a JSON file: a list of objects named after the fields of `Structure`.

    Raises:
        EntryError: unreadable file, unknown or missing field, wrong type, double entry.
    """
    structures = read_entries(path, Structure, "structure")
    if len({structure.siret for structure in structures}) != len(structures):
        raise EntryError(f"{path} : un même SIRET est décrit deux fois.")
    return structures


def _completed(structure: Structure) -> Structure:
    if not structure.public or structure.service(PUBLIC_ONLY_SERVICE):
        return structure
    service = Service(code=PUBLIC_ONLY_SERVICE, name="Service des factures publiques")
    return replace(structure, services=(*structure.services, service))
