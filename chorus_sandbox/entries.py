"""The sandbox's own JSON: objects named after the fields of a dataclass, refused in French."""

import json
from dataclasses import MISSING, fields
from datetime import date
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin

_Entry = TypeVar("_Entry")
LARGEST = 16_000_000
"""Bytes of a file."""


class EntryError(ValueError):
    """Something given cannot be used; the message says which entry and why, in French."""


def read_entries(path: Path, kind: type[_Entry], noun: str) -> tuple[_Entry, ...]:
    """The entries of a JSON file, a list of objects.

    Raises:
        EntryError: an unreadable file, no list, or an entry that is wrong.
    """
    content = read_file(path)
    try:
        entries = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise EntryError(f"{path} : fichier illisible, ce n'est pas du JSON ({error}).") from error
    return _read_list(entries, kind, f"{path}, {noun}")


def read_file(path: Path) -> bytes:
    """A regular file of 16 MB at most.

    Raises:
        EntryError: something else is there, it is larger, or it cannot be read.
    """
    try:
        # A pipe or a device would be waited for, or never end.
        there, regular = path.exists(), path.is_file()
        content = b""
        if regular:
            with path.open("rb") as file:
                content = file.read(LARGEST + 1)
    except OSError as error:
        reason = "le droit de le lire manque" if isinstance(error, PermissionError) else error
        raise EntryError(f"{path} : fichier illisible ({reason}).") from error
    if not regular:
        what = "ce n'est pas un fichier ordinaire" if there else "fichier introuvable"
        raise EntryError(f"{path} : {what}.")
    if len(content) > LARGEST:
        raise EntryError(f"{path} : fichier trop grand, plus de {LARGEST // 1_000_000} Mo.")
    return content


def read_entry(entry: object, kind: type[_Entry], where: str) -> _Entry:
    """One entry from its JSON object.

    Raises:
        EntryError: no object, an unknown or missing field, a wrong type or value.
    """
    if not isinstance(entry, dict):
        raise EntryError(f"{where} : un objet est attendu.")
    known: dict[str, Any] = {field.name: field for field in fields(kind)}  # type: ignore[arg-type] # a dataclass
    values = {}
    for name, value in entry.items():
        place = f"{where}, « {name} »"
        if name not in known:
            raise EntryError(f"{place} : champ inconnu.")
        values[name] = _read_value(value, known[name].type, place)
    for name, field in known.items():
        if field.default is MISSING and not values.get(name):
            raise EntryError(f"{where}, « {name} » : champ obligatoire.")
    try:
        return kind(**values)
    except ValueError as error:
        raise EntryError(f"{where} : {error}.") from error


def _read_list(entries: object, kind: type[_Entry], where: str) -> tuple[_Entry, ...]:
    if not isinstance(entries, list):
        raise EntryError(f"{where} : une liste est attendue.")
    return tuple(
        read_entry(entry, kind, f"{where} n° {rank}") for rank, entry in enumerate(entries, 1)
    )


def _read_value(value: object, expected: Any, place: str) -> object:  # noqa: ANN401 - the type of a field
    if isinstance(expected, UnionType):
        expected, _ = get_args(expected)
        if value is None:
            return None
    if get_origin(expected) is tuple:
        return _read_list(value, get_args(expected)[0], place)
    if expected is date:
        try:
            return date.fromisoformat(str(value))
        except ValueError as error:
            raise EntryError(f"{place} : une date AAAA-MM-JJ est attendue.") from error
    if issubclass(expected, StrEnum) and value in tuple(expected):
        return expected(value)
    if type(value) is not expected and not (expected is float and type(value) is int):
        raise EntryError(f"{place} : mot inconnu ou mauvais type.")
    return value
