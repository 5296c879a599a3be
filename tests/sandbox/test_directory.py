"""The structures of the sandbox: built in, or read from a file."""

import json
from datetime import date
from pathlib import Path

import pytest

from chorus_sandbox.directory import PUBLIC_ONLY_SERVICE, Directory, read_structures
from chorus_sandbox.entries import EntryError
from tests.support import dataset

FULL = {
    "siret": "00001000900033",
    "name": "COMMUNE D'ESSAI",
    "public": True,
    "active": False,
    "moa_only": True,
    "service_code_required": True,
    "engagement_required": True,
    "service_or_engagement": True,
    "payment_status_not_reported": True,
    "account_password_expiry": "2027-10-01",
    "services": [
        {
            "code": "DSI",
            "name": "Informatique",
            "active": False,
            "engagement_required": True,
            "valid_from": "2026-01-01",
            "valid_to": "2026-12-31",
        },
        {"code": "DRH", "name": "Personnel", "valid_to": None},
    ],
}


def written(folder: Path, content: object) -> Path:
    """A structures file."""
    path = folder / "structures.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_full_entry_is_read_as_written(tmp_path: Path) -> None:
    """Every field of the file reaches the structure and its services."""
    (structure,) = read_structures(written(tmp_path, [FULL]))
    assert not structure.active
    assert structure.moa_only
    assert structure.service_or_engagement
    assert structure.account_password_expiry == date(2027, 10, 1)
    closed, open_ended = structure.services

    assert (closed.code, closed.active, closed.valid_to) == ("DSI", False, date(2026, 12, 31))
    assert (open_ended.valid_to, open_ended.engagement_required) == (None, False)


@pytest.mark.parametrize(
    "content,words",
    [
        ({}, "une liste est attendue"),
        ([3], "un objet est attendu"),
        ([{"siret": "00001000900033"}], "« name » : champ obligatoire"),
        ([FULL | {"sirret": "x"}], "« sirret » : champ inconnu"),
        ([FULL | {"siret": "123"}], "14 chiffres"),
        ([FULL | {"active": "oui"}], "« active » : mot inconnu ou mauvais type"),
        ([FULL | {"services": {}}], "« services » : une liste"),
        ([FULL | {"services": [{"code": "A"}]}], "« services » n° 1, « name » : champ obligatoire"),
        ([FULL | {"services": [{"code": "A", "name": "a"}] * 2}], "décrit deux fois"),
        ([FULL | {"account_password_expiry": "demain"}], "AAAA-MM-JJ"),
        ([FULL | {"account_password_expiry": None}], "AAAA-MM-JJ"),
        ([FULL, FULL], "un même SIRET"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(
    tmp_path: Path, content: object, words: str
) -> None:
    """What is wrong in a structures file is said in French, with the entry."""
    with pytest.raises(EntryError, match=words):
        read_structures(written(tmp_path, content))


def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    """A missing file and broken JSON, each by its own word."""
    (tmp_path / "broken.json").write_text("[", encoding="utf-8")
    for name, word in (("broken.json", "illisible"), ("missing.json", "introuvable")):
        with pytest.raises(EntryError, match=word):
            read_structures(tmp_path / name)


def test_identifiers_do_not_depend_on_the_order_of_the_data() -> None:
    """A structure keeps its identifiers whatever else the directory holds."""
    forward, backward = Directory(dataset.BUILT_IN), Directory(dataset.BUILT_IN[::-1])
    for structure in dataset.BUILT_IN:
        found = forward.by_id(structure.id)
        assert found == backward.by_id(structure.id)
        assert found is not None
        assert found.siret == structure.siret
        assert structure.id != int(structure.siret)


def test_every_public_structure_has_the_public_only_service() -> None:
    """FACTURES_PUBLIQUES exists on public structures, and on no private one."""
    for structure in Directory(dataset.BUILT_IN).all():
        assert (structure.service(PUBLIC_ONLY_SERVICE) is not None) is structure.public


def test_a_later_structure_replaces_an_earlier_one(tmp_path: Path) -> None:
    """A structure of the file takes the place of the built-in one of its SIRET."""
    added = read_structures(written(tmp_path, [FULL | {"siret": dataset.NO_PARAMETER}]))
    found = Directory((*dataset.BUILT_IN, *added)).by_siret(dataset.NO_PARAMETER)

    assert found is not None
    assert found.name == "COMMUNE D'ESSAI"


def test_service_identifiers_are_distinct() -> None:
    """The 218 services of the large structure have 218 identifiers."""
    structure = Directory(dataset.BUILT_IN).by_siret(dataset.MANY_SERVICES)
    assert structure is not None
    identifiers = {structure.service_id(service) for service in structure.services}

    assert len(identifiers) == len(structure.services) > 200
