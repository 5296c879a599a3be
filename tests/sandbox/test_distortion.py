"""Answers spoiled on purpose: what each spoiling changes, and what it leaves."""

import json

import pytest

from chorus_sandbox.fault_kinds import Shape
from chorus_sandbox.serving import distortion

SEARCH = {
    "codeRetour": 0,
    "listeFactures": [
        {
            "identifiantFactureCPP": 8000001,
            "numeroFacture": "F-1",
            "montantTTC": 12.5,
            "devise": "EUR",
            "statut": "REJETEE",
            "rejetTraite": False,
        }
    ],
    "parametresRetour": {"total": 1},
}
REPORT = {"codeRetour": 0, "etatCourantDepotFlux": "IN_INTEGRE", "nomFichier": "F"}


def body(answer: object) -> bytes:
    """An answer as it travels."""
    return json.dumps(answer).encode()


def retyped(answer: object, shape: Shape) -> object:
    """An answer spoiled and read again."""
    result: object = json.loads(distortion.retyped(body(answer), shape))
    return result


def test_lists_of_one_become_objects() -> None:
    """A list of one element is its element, a longer one stays a list."""
    spoiled = retyped(SEARCH, Shape.OBJECTS)
    assert spoiled == SEARCH | {"listeFactures": SEARCH["listeFactures"][0]}  # type: ignore[index] # a list
    two = {"listeFactures": [{"a": 1}, {"a": 2}]}

    assert retyped(two, Shape.OBJECTS) == two


def test_numbers_become_texts() -> None:
    """Every number is in quotes, true and false are not."""
    spoiled = retyped(SEARCH, Shape.NUMBERS)

    assert spoiled == {
        "codeRetour": "0",
        "listeFactures": [
            {
                "identifiantFactureCPP": "8000001",
                "numeroFacture": "F-1",
                "montantTTC": "12.5",
                "devise": "EUR",
                "statut": "REJETEE",
                "rejetTraite": False,
            }
        ],
        "parametresRetour": {"total": "1"},
    }


def test_optional_fields_become_null_or_go() -> None:
    """What a client can do without is null, or missing; the rest stays as it is."""
    assert retyped(REPORT, Shape.MISSING) == {
        "codeRetour": 0,
        "etatCourantDepotFlux": "IN_INTEGRE",
    }
    assert retyped(REPORT, Shape.NULLS) == REPORT | {
        "nomFichier": None,
        "listeErreurDP": None,
        "listeErreurTechnique": None,
    }


def test_everything_at_once() -> None:
    """The three first shapes add up."""
    spoiled = retyped(SEARCH, Shape.ALL)

    assert spoiled == {
        "codeRetour": "0",
        "listeFactures": {
            "identifiantFactureCPP": "8000001",
            "numeroFacture": "F-1",
            "montantTTC": "12.5",
            "devise": None,
            "statut": "REJETEE",
            "rejetTraite": None,
        },
        "parametresRetour": {"total": "1"},
    }


def test_unknown_words_replace_states() -> None:
    """The state of a flux and the statuses of invoices become words no list has."""
    report = json.loads(distortion.renamed_state(body(REPORT)))
    assert report == REPORT | {"etatCourantDepotFlux": "IN_SIMULE_INCONNU"}
    lines = json.loads(distortion.renamed_statuses(body(SEARCH)))["listeFactures"]

    assert [line["statut"] for line in lines] == ["SIMULE_INCONNU"]


def test_half_an_answer_is_no_json() -> None:
    """A truncated answer cannot be read."""
    with pytest.raises(json.JSONDecodeError):
        json.loads(distortion.truncated(body(SEARCH)))


def test_what_an_answer_shows() -> None:
    """Identifiers are found at any depth; a body that is no JSON shows nothing."""
    assert distortion.invoice_identifiers(body(SEARCH)) == {8000001}
    assert distortion.invoice_identifiers(body({"idFacture": 5})) == {5}
    assert distortion.invoice_identifiers(b"<html>") == frozenset()
    assert distortion.text_field(body(REPORT), "nomFichier") == "F"
    assert not distortion.text_field(b"", "nomFichier")


@pytest.mark.parametrize("content", [b"", b"<html>", b"[1]"])
def test_what_is_no_answer_is_left_alone(content: bytes) -> None:
    """An empty or foreign body passes as it is."""
    assert distortion.retyped(content, Shape.ALL) == content
    assert distortion.renamed_state(content) == content
