"""Cells to values: each parser takes the text of one non-empty cell, stripped.

It returns the value, or a Finding without a place (the caller knows file, row and column).
What people and spreadsheets write is accepted when it has one meaning only; nothing is guessed.
"""

import re
import unicodedata
from datetime import date
from decimal import Decimal
from functools import lru_cache

from stdnum.exceptions import ValidationError
from stdnum.fr import tva

from worker.billing.members import is_valid_siret
from worker.billing.period import Month
from worker.billing.text import hidden_character, hidden_in_french
from worker.errors import Finding
from worker.imports.wording import finding, quoted

MAX_USERS = 1_000_000
FIRST_YEAR, LAST_YEAR = 2000, 2100
"""Years outside are typing errors: the convention starts in 2022."""

_NUMBER = re.compile(r"-?(?:[0-9]{1,3}(?: [0-9]{3})+|[0-9]+)(?:[.,][0-9]+)?")
_SCIENTIFIC = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]+")
_DATE = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})|([0-9]{4})-([0-9]{2})-([0-9]{2})")
_SERVICE = re.compile(r"[a-z0-9_-]{1,50}")
_EMAIL = re.compile(r"[^\s@<>()\[\],;:\"\\]+@[^\s@<>()\[\],;:\"\\.]+(?:\.[^\s@<>()\[\],;:\"\\.]+)+")
_ERRORS = {
    *("#N/A", "#NA", "#REF!", "#DIV/0!", "#VALEUR!", "#VALUE!"),
    *("#NOM?", "#NAME?", "#NUL!", "#NULL!", "#NOMBRE!", "#NUM!"),
}
"""What a spreadsheet shows for a formula it cannot compute; a text column would swallow it."""
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u200e\u200f\u202a\u202c\u2060\ufeff"))


def decimal(text: str) -> Decimal | Finding:
    """A number as French people write it: ``1 234,56`` with any kind of space, or ``1234.56``."""
    normal = " ".join(text.split()).replace("\u2212", "-")
    if not _NUMBER.fullmatch(normal):
        return finding(
            "IMPORT-NUMBER",
            f"{quoted(text)} n'est pas un nombre",
            "Écrivez des chiffres, par exemple 12, 1 234 ou 1 234,56.",
            value=text,
        )
    return Decimal(normal.replace(" ", "").replace(",", "."))


def _whole(text: str, code: str, label: str, least: int, most: int) -> int | Finding:
    """A whole number in bounds, both included; ``12,00`` is twelve."""
    if text.isascii() and text.isdigit() and len(text) < 10:
        number = Decimal(int(text))
    else:
        parsed = decimal(text)
        if isinstance(parsed, Finding):
            return finding(code, f"{label} : {parsed.message}", parsed.remedy, value=text)
        number = parsed
    if number < least:
        problem = "est négatif" if number < 0 else f"est inférieur à {least}"
    elif number > most:
        problem = f"est supérieur à {most}"
    elif number != number.to_integral_value():
        problem = "n'est pas un nombre entier"
    else:
        return int(number)
    return finding(
        code,
        f"{label} : {quoted(text)} {problem}",
        f"Indiquez un nombre entier de {least} à {most}.",
        value=text,
    )


@lru_cache(maxsize=4096)
def users(text: str) -> int | Finding:
    """Users of a service in a month, 0 to 1,000,000."""
    return _whole(text, "IMPORT-USERS", "nombre d'utilisateurs", 0, MAX_USERS)


@lru_cache(maxsize=256)
def tier(text: str) -> int | Finding:
    """A tier in To: ``2``, ``2 To`` or ``2,0``."""
    number = text[:-2].rstrip() if text[-2:].lower() == "to" else text
    return _whole(number, "IMPORT-TIER", "palier en To", 1, 1000)


@lru_cache(maxsize=256)
def category(text: str) -> int | Finding:
    """A price category (convention, volet 1); which ones exist is the tariff's business."""
    return _whole(text, "IMPORT-CATEGORY", "catégorie", 1, 99)


@lru_cache(maxsize=256)
def year(text: str) -> int | Finding:
    """A year of service, in four digits."""
    return _whole(text, "IMPORT-YEAR", "année", FIRST_YEAR, LAST_YEAR)


@lru_cache(maxsize=16384)
def siret(text: str) -> str | Finding:
    """A SIRET, its fourteen digits; spaces of any kind are dropped."""
    digits = "".join(text.split()).translate(_INVISIBLE)
    if is_valid_siret(digits):
        return digits
    remedy = "Recopiez le SIRET de l'annuaire des entreprises : 14 chiffres."
    if _SCIENTIFIC.fullmatch(digits):
        problem = "notation scientifique, des chiffres sont perdus"
        remedy = (
            "Dans le classeur d'origine, mettez la colonne SIRET au format « Texte » (ou « Nombre »"
            " sans décimale), vérifiez les 14 chiffres, puis exportez à nouveau."
        )
    elif not (digits.isascii() and digits.isdigit()):
        problem = "il ne doit contenir que des chiffres"
    elif len(digits) != 14:
        problem = f"{len(digits)} chiffres au lieu de 14"
        if len(digits) == 13:
            remedy = (
                "S'il commence par 0, le tableur l'a peut-être effacé : mettez la colonne au format"
                " « Texte » et ressaisissez les 14 chiffres."
            )
        elif len(digits) == 9:
            remedy = "C'est la longueur d'un SIREN : ajoutez les 5 chiffres de l'établissement."
    else:
        problem = "la clé de contrôle est fausse, un chiffre au moins est erroné"
    return finding("IMPORT-SIRET", f"SIRET {quoted(text)} : {problem}", remedy, value=text)


def _date(text: str) -> date | None:
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    day_, month_, year_ = match.group(1, 2, 3) if match[1] else match.group(6, 5, 4)
    if not FIRST_YEAR <= int(year_) <= LAST_YEAR:
        return None
    try:
        return date(int(year_), int(month_), int(day_))
    except ValueError:
        return None


@lru_cache(maxsize=1024)
def day(text: str) -> date | Finding:
    """A date: ``31/12/2025`` or ``2025-12-31``."""
    return _date(text) or finding(
        "IMPORT-DATE",
        f"{quoted(text)} n'est pas une date connue",
        "Écrivez jour/mois/année avec quatre chiffres d'année, par exemple 31/12/2025 "
        "(ou 2025-12-31).",
        value=text,
    )


@lru_cache(maxsize=1024)
def month(text: str) -> Month | Finding:
    """A month: ``2025-03``, ``03/2025``, or any date of that month."""
    found = _date(text)
    if found is not None:
        return Month.of(found)
    try:
        parsed = Month.parse(text)
    except ValueError:
        parsed = None
    if parsed is not None and text.isascii() and FIRST_YEAR <= parsed.year <= LAST_YEAR:
        return parsed
    return finding(
        "IMPORT-MONTH",
        f"{quoted(text)} n'est pas un mois",
        "Écrivez 2025-03 ou 03/2025. Si le tableur affiche « mars-25 » ou un nombre, donnez à la "
        "colonne le format personnalisé aaaa-mm.",
        value=text,
    )


@lru_cache(maxsize=1024)
def service(text: str) -> str | Finding:
    """A service's code, lower-cased; whether a tariff knows it is checked later."""
    code = text.lower()
    if _SERVICE.fullmatch(code):
        return code
    return finding(
        "IMPORT-SERVICE",
        f"{quoted(text)} n'est pas un code de service",
        "Écrivez le code du tarif (stockage, gfu…) : lettres sans accent, chiffres, - et _, "
        "50 caractères au plus.",
        value=text,
    )


def postcode(text: str) -> str | Finding:
    """A French postcode (BT-53), its five digits."""
    digits = "".join(text.split())
    plain = digits.isascii() and digits.isdigit()
    if plain and len(digits) == 5:
        return digits
    remedy = "Un code postal a 5 chiffres, par exemple 82000."
    if plain and len(digits) == 4:
        remedy = (
            f"Le tableur a sans doute effacé le zéro initial : écrivez 0{digits} dans une colonne "
            "au format « Texte »."
        )
    return finding(
        "IMPORT-POSTCODE", f"{quoted(text)} n'est pas un code postal", remedy, value=text
    )


def plain_text(text: str, *, maximum: int, code: str = "IMPORT-TEXT") -> str | Finding:
    """One line of text, composed (NFC), any kind of space made plain, at most ``maximum`` long."""
    composed = unicodedata.normalize("NFC", text)
    if text in _ERRORS:
        return finding(
            "IMPORT-FORMULA",
            f"{quoted(text)} est une erreur de formule du tableur",
            "Corrigez la formule, ou remplacez-la par sa valeur.",
            value=text,
        )
    line = "".join(
        " " if unicodedata.category(character) == "Zs" else character for character in composed
    ).strip()
    if stray := hidden_character(line):
        return finding(
            code,
            f"{quoted(text)} contient {hidden_in_french(stray)}",
            "Ressaisissez la cellule à la main, sur une seule ligne.",
            value=text,
        )
    if len(line) > maximum:
        return finding(
            code,
            f"{quoted(text)} : {len(line)} caractères, {maximum} au plus",
            "Abrégez ce texte.",
            value=text,
        )
    return line


def service_code(text: str) -> str | Finding:
    """A *code service* (BT-10): Chorus Pro rejects anything but letters, digits, ``_ -``, space."""
    code = plain_text(text, maximum=100, code="IMPORT-SERVICE-CODE")
    if isinstance(code, Finding):
        return code
    stray = next(
        (character for character in code if not (character.isalnum() or character in " _-")), None
    )
    if stray is None:
        return code
    return finding(
        "IMPORT-SERVICE-CODE",
        f"code service {quoted(text)} : Chorus Pro refuse le caractère {quoted(stray)}",
        "Recopiez le code tel que l'annuaire de Chorus Pro le donne : lettres, chiffres, "
        "espace, - et _.",
        value=text,
    )


def engagement(text: str) -> str | Finding:
    """A *numéro d'engagement* (BT-13), at most 50 characters (BR-FR-CPRO-15)."""
    return plain_text(text, maximum=50, code="IMPORT-ENGAGEMENT")


def vat_number(text: str) -> str | Finding:
    """A French VAT number (BT-48): ``FR``, a key of two, the SIREN."""
    compact = "".join(text.split()).upper()
    problem = "il doit commencer par FR"
    if compact.startswith("FR"):
        try:
            return f"FR{tva.validate(compact)}"
        except ValidationError:
            problem = "longueur, SIREN ou clé de contrôle faux"
    return finding(
        "IMPORT-VAT",
        f"numéro de TVA intracommunautaire {quoted(text)} : {problem}",
        "Écrivez FR, les 2 signes de la clé et les 9 chiffres du SIREN, ou laissez la cellule vide "
        "si le membre n'en a pas.",
        value=text,
    )


def email(text: str) -> str | Finding:
    """One e-mail address, by its shape only."""
    if len(text) <= 254 and text.isprintable() and _EMAIL.fullmatch(text):
        return text
    return finding(
        "IMPORT-EMAIL",
        f"{quoted(text)} n'est pas une adresse électronique",
        "Indiquez une seule adresse, sans nom ni chevrons.",
        value=text,
    )
