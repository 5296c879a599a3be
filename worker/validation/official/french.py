"""The official rules in French: what a biller must know and do, by the code of the rule.

The publishers write most of them in English, for programmers. The sentences of ``french.toml`` are
ours, by family where a family repeats itself; a code that is not known keeps the publisher's own
words as a technical detail.
"""

import re
from functools import cache
from typing import Any

from worker.billing.toml import own_table
from worker.validation.paths import shorten

MAX_DETAIL = 400
_CODED = "Prenez un code de la liste officielle (norme EN 16931, listes de codes)."
_STRUCTURE = "Faites corriger le logiciel qui a produit le document."

_FAMILY = re.compile(r"^BR-(?:FREXT-|FXEXT-)?(\w{1,2})-?(\d\d)\w*$", re.IGNORECASE)
_EXTENDED = re.compile(r"^BR-(?:FREXT|FXEXT|EXT)-(?:BR-)?((?:CO-|CL-)?\d\d)\w*(?:-\w+)?$")
_TERM = re.compile(r"\b(?:BT|BG|EXT-FR-FE)-[A-Z0-9-]*\d+\b")


@cache
def _wordings() -> dict[str, Any]:
    """The tables of ``french.toml``, read when the first broken rule is explained."""
    return own_table(__package__, "french.toml")


def in_french(code: str, text: str) -> tuple[str, str]:
    """What a broken rule means, and what to do.

    Args:
        code: of the rule, such as ``BR-CO-15``.
        text: the publisher's words.

    Returns:
        Message and remedy; never empty, whatever the code.
    """
    words = _words(code, text)
    if code.startswith("BR-FR-"):
        # The French rules are written in French by their publisher.
        return f"{words or 'Une règle française de facturation n’est pas respectée.'}", (
            f"Corrigez ce que demande la règle {code}, puis exportez la facture à nouveau."
        )
    return (
        _exact(code)
        or _extension(code)
        or _decimals(code, text)
        or _category(code)
        or _structure(code, words)
        or (
            f"La règle officielle {code} n'est pas respectée (détail technique : « {words} »).",
            "Corrigez l'élément indiqué, ou le logiciel qui a produit le document.",
        )
    )


def _exact(code: str) -> tuple[str, str] | None:
    known = _wordings()
    if pair := known["sentences"].get(code):
        return pair[0], pair[1]
    if code.startswith("BR-CL-") and (subject := known["codes"].get(code[6:8])):
        return f"{subject} n'est pas dans la liste de codes admise.", _CODED
    number = code.removeprefix("BR-")[:2] if code.count("-") < 3 else ""
    if missing := known["missing"].get(number):
        return f"Il manque {missing}.", "Ajoutez cet élément à la facture."
    return None


def _extension(code: str) -> tuple[str, str] | None:
    """An extension restates a rule of EN 16931 with a cent of slack for each line."""
    match = _EXTENDED.match(code)
    return _exact(f"BR-{match[1]}") if match and (match[1][0] == "C" or "-BR-" in code) else None


def _decimals(code: str, text: str) -> tuple[str, str] | None:
    if not code.startswith(("BR-DEC-", "UBL-DT-01")):
        return None
    term = f" {match[0]}" if (match := _TERM.search(text)) else ""
    return f"Le montant{term} a plus de deux décimales.", "Arrondissez ce montant au centime."


def _category(code: str) -> tuple[str, str] | None:
    match = _FAMILY.match(code)
    category = match[1].upper() if match else ""
    label = _wordings()["categories"].get(category)
    if match is None or label is None:
        return None
    families = _wordings()["families"]
    pair = (families["any"] | families.get(category, {})).get(match[2])
    return pair and (pair[0].format(label=label), pair[1])


def _structure(code: str, words: str) -> tuple[str, str] | None:
    if not code.startswith(("FX-", "SCHEMATRON", "UBL-", "CII-")):
        return None
    publisher = "facturx" if code.startswith(("FX-", "SCHEMATRON")) else "syntax"
    for pattern in _wordings()["patterns"][publisher]:
        if match := re.search(pattern["english"], words):
            return pattern["french"].format(*match.groups()), _STRUCTURE
    return None


def _words(code: str, text: str) -> str:
    """The publisher's words without the code in front."""
    return shorten(
        re.sub(rf"^\W*{re.escape(code)}[^\]:]*?(?:\]|(?=:)|\s)\s*[-:,.]*\s*", "", text), MAX_DETAIL
    )
