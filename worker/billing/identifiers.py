"""Numbers and identifiers, however a portal writes them."""

import re
from collections.abc import Iterable

SIREN = 9
SIRET = 14
_DIGITS = re.compile(r"\d+")


def is_same_number(shown: str, number: str) -> bool:
    """Whether two numbers are one, without what portals drop or change: signs, case, zeros."""
    return not number_forms(shown).isdisjoint(number_forms(number))


def number_forms(number: str) -> set[str]:
    """Its letters and digits, with and without the zeros before each figure."""
    short = _DIGITS.sub(lambda digits: digits[0].lstrip("0") or "0", number)
    return {_plain(form) for form in (number, short)}


def rank_in_series(prefixes: Iterable[str], number: str) -> tuple[str, int] | None:
    """The series that a number belongs to, however written, and its rank; None of no series.

    Args:
        prefixes: of our series, each with its ``{annee}``.
        number: as a portal writes it.
    """
    written = _plain(number)
    for prefix in prefixes:
        before, after = map(_plain, prefix.split("{annee}", 1))
        match = re.fullmatch(rf"{before}(\d{{4}}){after}(\d+)", written)
        if match is not None:
            return prefix.replace("{annee}", match[1]), int(match[2])
    return None


def _plain(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()


def is_valid_siret(text: str) -> bool:
    """Fourteen digits with a Luhn key, or La Poste's own rule (sum of digits divisible by 5)."""
    # It loads what asks registers over the network.
    from stdnum.fr import siret  # noqa: PLC0415

    return len(text) == SIRET and text.isascii() and text.isdigit() and siret.is_valid(text)


def is_same_document(shown: str, recipient: str, number: str, siret: str) -> bool:
    """Whether what a portal shows has this number and buyer; a buyer it leaves out is ours."""
    same_buyer = not recipient or siren_of(recipient) == siren_of(siret)
    return same_buyer and is_same_number(shown, number)


def siren_of(identifier: str) -> str:
    """The SIREN of a SIREN or SIRET, however padded."""
    return _identifier(identifier)[:SIREN]


def is_same_buyer(shown: str, siret: str) -> bool:
    """Whether a buyer is ours: by its SIRET, or by its SIREN where the portal gives no more."""
    identifier = _identifier(shown)
    return identifier in (siret, siret[:SIREN])


def _identifier(shown: str) -> str:
    """A SIREN or SIRET without blanks, and without the zeros that fill a field of 18."""
    digits = "".join(shown.split())
    if len(digits) <= SIRET:
        return digits
    filled = len(digits) - SIRET
    return digits[filled:] if digits.startswith("0" * filled) else digits[:SIRET]
