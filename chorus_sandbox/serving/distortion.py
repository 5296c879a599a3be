"""Answers as they should not be: wrong types, unknown words, half a text (§2, §8.1)."""

import json
from collections.abc import Callable
from typing import Any, Final

from chorus_sandbox.fault_kinds import Shape
from chorus_sandbox.ledger.records import FluxState
from chorus_sandbox.routes import VOCABULARY

UNKNOWN_FLUX_STATE: Final = "IN_SIMULE_INCONNU"
UNKNOWN_STATUS: Final = "SIMULE_INCONNU"

_Fields = dict[str, Any]
_STATE_FIELDS = frozenset(("etatCourantDepotFlux",))
_STATUS_FIELDS = frozenset(("statut", "statutCourantCode", "statutFacture"))
_IDENTIFIERS = frozenset(("identifiantFactureCPP", "idFacture"))
_OPTIONAL = frozenset(VOCABULARY["optional_fields"])
_REPORT_LISTS = ("listeErreurDP", "listeErreurTechnique")


def truncated(body: bytes) -> bytes:
    """The first half of a text."""
    return body[: len(body) // 2]


def retyped(body: bytes, shape: Shape) -> bytes:
    """A JSON answer with the types of the samples that contradict the Swagger.

    Args:
        body: the answer.
        shape: lists of one as an object (COMM's sample), numbers as texts,
            nulls where a value is optional, or optional fields left out. `Shape.ALL` is
            the three first together.
    """

    def change(fields: _Fields) -> _Fields:
        if shape is Shape.MISSING:
            return {name: value for name, value in fields.items() if name not in _OPTIONAL}
        if shape in (Shape.OBJECTS, Shape.ALL):
            fields = {name: _lone(value) for name, value in fields.items()}
        if shape in (Shape.NULLS, Shape.ALL):
            lists = _REPORT_LISTS if "etatCourantDepotFlux" in fields else ()
            fields = dict.fromkeys(lists) | fields
            fields |= dict.fromkeys(_OPTIONAL.intersection(fields))
        return fields

    return _changed(body, change, numbers=str if shape in (Shape.NUMBERS, Shape.ALL) else None)


def renamed_state(body: bytes) -> bytes:
    """A report whose state no list knows."""
    return _renamed(body, _STATE_FIELDS, UNKNOWN_FLUX_STATE)


def another_report(body: bytes) -> bytes:
    """A report on a file of somebody else, which was refused."""
    other = {
        "nomFichier": "FSO1117A_CPP001_CPP0011117000000000999999",
        "etatCourantDepotFlux": FluxState.REFUSED,
        "listeErreurDP": [],
        "listeErreurTechnique": [],
    }
    return _changed(
        body, lambda fields: fields | other if _STATE_FIELDS & fields.keys() else fields
    )


def renamed_statuses(body: bytes) -> bytes:
    """An answer whose invoices have a status no list knows."""
    return _renamed(body, _STATUS_FIELDS, UNKNOWN_STATUS)


def invoice_identifiers(body: bytes) -> frozenset[int]:
    """The invoices an answer shows."""
    found: set[int] = set()

    def look(fields: _Fields) -> _Fields:
        found.update(fields[name] for name in _IDENTIFIERS.intersection(fields))
        return fields

    _changed(body, look)
    return frozenset(found)


def text_field(body: bytes, name: str) -> str:
    """A text at the top of an answer; empty when there is none."""
    try:
        return str(json.loads(body).get(name, ""))
    except ValueError:
        return ""


def _lone(value: object) -> object:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _renamed(body: bytes, names: frozenset[str], text: str) -> bytes:
    return _changed(body, lambda fields: fields | dict.fromkeys(names.intersection(fields), text))


def _changed(
    body: bytes,
    change: Callable[[_Fields], _Fields],
    *,
    numbers: Callable[[str], str] | None = None,
) -> bytes:
    """A JSON answer once each of its objects, innermost first, was changed."""
    try:
        answer = json.loads(body, object_hook=change, parse_int=numbers, parse_float=numbers)
    except ValueError:
        return body
    if not isinstance(answer, dict):
        return body
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
