"""Answers as they should not be: wrong types, unknown words, half a text (§2, §8.1)."""

import json
from collections.abc import Callable, Iterator
from typing import Final

from chorus_sandbox.fault_kinds import Shape

UNKNOWN_FLUX_STATE: Final = "IN_SIMULE_INCONNU"
UNKNOWN_STATUS: Final = "SIMULE_INCONNU"

_STATE_FIELDS = frozenset(("etatCourantDepotFlux",))
_STATUS_FIELDS = frozenset(("statut", "statutCourantCode", "statutFacture"))
_IDENTIFIERS = frozenset(("identifiantFactureCPP", "idFacture"))
# Fields a client can do without: the portal leaves them out or gives null at times (§2).
_OPTIONAL = frozenset(
    (
        "adressePostale",
        "adressePostaleDuSiege",
        "codeInterfaceDepotFlux",
        "codeServiceExecutant",
        "commentaireEtatCourant",
        "dateDepot",
        "dateDepotFlux",
        "dateHeureEtatCourantFlux",
        "designationDestinataire",
        "designationFournisseur",
        "devise",
        "histoStatutCommentaire",
        "modeDepot",
        "montantAPayer",
        "montantHT",
        "nbResultatsParPage",
        "nomFichier",
        "nomServiceExecutant",
        "numeroBonCommande",
        "numeroMarche",
        "rejetTraite",
        "syntaxeFlux",
        "typeDemandePaiement",
        "typeFacture",
    )
)
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
    return _changed(body, lambda answer: _retyped(answer, shape))


def renamed_state(body: bytes) -> bytes:
    """A report whose state no list knows."""
    return _changed(body, lambda answer: _with(answer, _STATE_FIELDS, UNKNOWN_FLUX_STATE))


def renamed_statuses(body: bytes) -> bytes:
    """An answer whose invoices have a status no list knows."""
    return _changed(body, lambda answer: _with(answer, _STATUS_FIELDS, UNKNOWN_STATUS))


def invoice_identifiers(body: bytes) -> frozenset[int]:
    """The invoices an answer shows."""
    return frozenset(
        value
        for name, value in _fields(_read(body))
        if name in _IDENTIFIERS and isinstance(value, int)
    )


def text_field(body: bytes, name: str) -> str:
    """A text at the top of an answer; empty when there is none."""
    answer = _read(body)
    value = answer.get(name) if isinstance(answer, dict) else None
    return value if isinstance(value, str) else ""


def _read(body: bytes) -> object:
    try:
        answer: object = json.loads(body)
    except ValueError:
        return None
    return answer


def _changed(body: bytes, change: Callable[[object], object]) -> bytes:
    answer = _read(body)
    if not isinstance(answer, dict):
        return body
    return json.dumps(change(answer), ensure_ascii=False, separators=(",", ":")).encode()


def _retyped(answer: object, shape: Shape) -> object:
    match answer:
        case dict():
            return _refielded({name: _retyped(item, shape) for name, item in answer.items()}, shape)
        case [single] if shape in (Shape.OBJECTS, Shape.ALL):
            return _retyped(single, shape)
        case list():
            return [_retyped(item, shape) for item in answer]
        case bool():
            return answer
        case int() | float() if shape in (Shape.NUMBERS, Shape.ALL):
            return str(answer)
        case _:
            return answer


def _refielded(fields: dict[str, object], shape: Shape) -> dict[str, object]:
    if shape is Shape.MISSING:
        return {name: value for name, value in fields.items() if name not in _OPTIONAL}
    if shape in (Shape.NULLS, Shape.ALL):
        lists = _REPORT_LISTS if "etatCourantDepotFlux" in fields else ()
        return dict.fromkeys(lists) | fields | dict.fromkeys(_OPTIONAL.intersection(fields))
    return fields


def _with(answer: object, names: frozenset[str], text: str) -> object:
    match answer:
        case dict():
            return {
                name: text if name in names else _with(value, names, text)
                for name, value in answer.items()
            }
        case list():
            return [_with(item, names, text) for item in answer]
        case _:
            return answer


def _fields(answer: object) -> Iterator[tuple[str, object]]:
    match answer:
        case dict():
            for name, value in answer.items():
                yield name, value
                yield from _fields(value)
        case list():
            for item in answer:
                yield from _fields(item)
        case _:
            pass
