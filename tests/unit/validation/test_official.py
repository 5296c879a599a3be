"""The schema files are the ones the manifest says, or nothing is validated."""

import hashlib
import shutil
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import xmlschema

from tests.support.validation_samples import ubl_xml
from worker.billing.standard import Schema
from worker.errors import IntegrityError
from worker.settings.shipped import shipped
from worker.validation.official.artefacts import SchemaFolders, installed_folders, official_sets
from worker.validation.official.schemas import check_xsd

FOLDERS = installed_folders()
SETS = official_sets(FOLDERS)


@pytest.fixture
def copied(tmp_path: Path) -> SchemaFolders:
    """Our folder and the official UBL set, where they may be altered."""
    shutil.copytree(FOLDERS.ours, tmp_path / "ours")
    part = SETS["ubl"]["folder"]
    shutil.copytree(FOLDERS.official / part, tmp_path / "official" / part)
    return SchemaFolders(ours=tmp_path / "ours", official=tmp_path / "official")


@pytest.mark.parametrize(
    "key,name", [(key, name) for key, entry in SETS.items() for name in entry["files"]]
)
def test_each_official_file_is_installed_as_listed(key: str, name: str) -> None:
    """The manifest's SHA-256 is that of the installed file."""
    content = (FOLDERS.of(SETS[key]) / name).read_bytes()

    assert hashlib.sha256(content).hexdigest() == SETS[key]["files"][name]


def test_a_set_beside_the_list_has_its_licence_there() -> None:
    """What travels in our own wheel travels with the text of its licence."""
    beside = [entry for entry in SETS.values() if entry.get("beside")]

    assert beside
    assert all("LICENCE" in (FOLDERS.of(one) / "LICENCE.txt").read_text("utf-8") for one in beside)


def test_the_manifest_says_where_files_come_from() -> None:
    """Each set has its version, origin and licence, and the package version is the one pinned."""
    manifest = tomllib.loads((FOLDERS.ours / "official.toml").read_text(encoding="utf-8"))

    assert manifest["package_version"] == version(manifest["package"])
    assert all(entry[k] for entry in SETS.values() for k in ("version", "origin", "licence"))


def test_a_copy_of_the_schemas_works(copied: SchemaFolders) -> None:
    """The tampering tests below start from folders that validate."""
    assert check_xsd(Schema.UBL_INVOICE, ubl_xml(), folders=copied).valid


@pytest.mark.parametrize(
    "name",
    ["maindoc/UBL-Invoice-2.1.xsd", "common/UBL-CommonBasicComponents-2.1.xsd"],
)
def test_one_altered_byte_stops_validation(copied: SchemaFolders, name: str) -> None:
    """An altered official file gives no verdict: the program stops and names the file."""
    path = copied.official / SETS["ubl"]["folder"] / name
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)
    with pytest.raises(IntegrityError) as stopped:
        check_xsd(Schema.UBL_INVOICE, ubl_xml(), folders=copied)

    assert name in stopped.value.message
    assert stopped.value.exit_code == 70


def test_a_missing_file_stops_validation(copied: SchemaFolders) -> None:
    """A schema that cannot be read is not skipped."""
    name = "UBL-QualifiedDataTypes-2.1.xsd"
    (copied.official / SETS["ubl"]["folder"] / "common" / name).unlink()
    with pytest.raises(IntegrityError, match=name):
        check_xsd(Schema.UBL_INVOICE, ubl_xml(), folders=copied)


@pytest.mark.parametrize("target", ["../secret.xsd", "http://127.0.0.1:9/secret.xsd"])
def test_a_schema_imports_only_from_its_set(copied: SchemaFolders, target: str) -> None:
    """An import that leaves the checked files is refused, on disk or on the network."""
    (copied.ours.parent / "secret.xsd").write_bytes(
        (copied.ours / "chorus-pro-cac.xsd").read_bytes()
    )
    main = copied.ours / "chorus-pro-invoice.xsd"
    main.write_text(main.read_text().replace("chorus-pro-cac.xsd", target))
    with pytest.raises(IntegrityError):
        check_xsd(Schema.CHORUS_UBL_INVOICE, ubl_xml(), folders=copied)


def test_our_profile_is_correct_for_a_strict_reader() -> None:
    """xmlschema, stricter than libxml2, finds no fault in our schema itself."""
    schema = xmlschema.XMLSchema((FOLDERS.ours / "chorus-pro-invoice.xsd").as_uri(), allow="local")

    assert [element.local_name for element in schema.elements.values()] == ["Invoice"]


def test_shipped_data_is_found_in_a_wheel_first(tmp_path: Path) -> None:
    """Inside a wheel data stands in the package, in a checkout beside it; else it is an error."""
    package = tmp_path / "worker"
    beside, inside = tmp_path / "schemas", package / "shipped" / "schemas"
    beside.mkdir()
    package.mkdir()
    assert shipped("schemas", package=package) == beside
    inside.mkdir(parents=True)
    assert shipped("schemas", package=package) == inside
    with pytest.raises(IntegrityError, match=r"config/absent\.toml"):
        shipped("config/absent.toml", package=package)
