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

from worker.billing.identifiers import is_valid_siret
from worker.billing.mail_address import parts_of
from worker.billing.members import Nature
from worker.billing.money import Money, french_integer
from worker.billing.period import Month
from worker.billing.quantity import Quantity, quantity_of
from worker.billing.text import hidden_character, hidden_in_french
from worker.errors import Finding
from worker.imports.wording import finding, quoted

EXAMPLE_SIRET = "99900990500004"
"""Of the fictitious member in the examples of columns.toml: no member has it."""
MAX_USERS = 1_000_000
MAX_EUROS = 100_000_000
"""Of one member and year: more is a typing error."""
MAX_INHABITANTS = 100_000_000
FIRST_YEAR, LAST_YEAR = 2000, 2100
"""Years outside are typing errors: the convention starts in 2022."""

_NUMBER = re.compile(r"-?(?:[0-9]{1,3}(?: [0-9]{3})+|[0-9]+)(?:[.,][0-9]+)?")
_SCIENTIFIC = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]+")
_DATE = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})|([0-9]{4})-([0-9]{2})-([0-9]{2})")
_SERVICE = re.compile(r"[a-z0-9_-]{1,50}")
FORMULA_ERRORS = frozenset(
    {
        *("#N/A", "#NA", "#REF!", "#DIV/0!", "#VALEUR!", "#VALUE!", "#NUL!", "#NULL!"),
        *("#NOM?", "#NAME?", "#NOMBRE!", "#NUM!", "#SPILL!", "#PROPAGATION!", "#CALC!"),
        *("#FIELD!", "#CHAMP!", "#BLOCKED!", "#UNKNOWN!", "#CONNECT!", "#BUSY!", "#EXTERNAL!"),
        *(f"Err:{code}" for code in range(501, 540)),
    }
)
"""What a spreadsheet shows for a formula it cannot compute; a text column would swallow it."""
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u200e\u200f\u202a\u202c\u2060\ufeff"))


_PLAIN_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            *("janvier janv jan", "fevrier fevr fev feb", "mars mar", "avril avr apr"),
            *("mai may", "juin jun", "juillet juil jul", "aout aou aug"),
            *("septembre sept sep", "octobre oct", "novembre nov", "decembre dec"),
        ),
        start=1,
    )
    for name in names.split()
}
"""Months by their names and what spreadsheets abbreviate them to, without accents."""
_WORDED_MONTH = re.compile(r"([a-z]{3,9})\.?(?:[ ./'-]*([0-9]{4}|[0-9]{2}))?")
_SWAPPED = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/[0-9]{4}")


def plain_letters(text: str) -> str:
    """A text in small letters without accents."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def decimal(text: str) -> Decimal | None:
    """A number as French people write it: ``1 234,56`` with any kind of space, or ``1234.56``."""
    normal = " ".join(text.split()).replace("\u2212", "-")
    if not _NUMBER.fullmatch(normal):
        return None
    return Decimal(normal.replace(" ", "").replace(",", "."))


@lru_cache(maxsize=8192)
def _whole(text: str, code: str, label: str, least: int, most: int) -> int | Finding:
    """A whole number in bounds, both included; ``12,00`` is twelve."""
    if text.isascii() and text.isdigit() and len(text) < 10:
        number: Decimal | None = Decimal(int(text))
    else:
        number = decimal(text)
    if number is None:
        return finding(code, "no-number", value=text, label=label)
    text = text.replace(".", ",")
    if number < least:
        problem = "est négatif" if number < 0 else f"est inférieur à {_bound(least)}"
    elif number > most:
        problem = f"est supérieur à {_bound(most)}"
    elif number != number.to_integral_value():
        problem = "n'est pas un nombre entier"
    else:
        return int(number)
    return finding(
        code,
        "whole-number",
        value=text,
        label=label,
        problem=problem,
        least=_bound(least),
        most=_bound(most),
    )


def _bound(number: int) -> str:
    """In groups of three digits, but for a year and others as short."""
    return french_integer(number) if number >= 10_000 else str(number)


def users(text: str) -> int | Finding:
    """Users of a service in a month, 0 to 1,000,000."""
    return _whole(text, "IMPORT-USERS", "nombre d'utilisateurs", 0, MAX_USERS)


def billed_cents(text: str) -> int | Finding:
    """An amount in euros, in cents: ``3 196,80``, ``3196.80 €``; zero, and never below."""
    euros = decimal(text.removesuffix("€").rstrip())
    if euros is None:
        return finding("IMPORT-AMOUNT", "no-amount", value=text)
    if not 0 <= euros < MAX_EUROS:
        return finding("IMPORT-AMOUNT", "amount-bounds", value=text)
    try:
        return Money.of(euros).cents
    except ValueError:
        return finding("IMPORT-AMOUNT", "cents", value=text)


def quantity(text: str) -> Quantity | Finding:
    """Units of a service: ``2``, ``0,5``, four decimals at most; 0 cancels a former row."""
    number = decimal(text)
    if number is None or not 0 <= number <= MAX_USERS:
        return finding("IMPORT-QUANTITY", value=text, most=french_integer(MAX_USERS))
    try:
        return quantity_of(number)
    except ValueError:
        return finding("IMPORT-QUANTITY", "quantity-decimals", value=text)


def inhabitants(text: str) -> int | Finding:
    """Inhabitants of a member."""
    return _whole(text, "IMPORT-INHABITANTS", "nombre d'habitants", 0, MAX_INHABITANTS)


def tier(text: str) -> int | Finding:
    """A tier in To: ``2``, ``2 To`` or ``2,0``."""
    number = text[:-2].rstrip() if text[-2:].lower() == "to" else text
    return _whole(number, "IMPORT-TIER", "palier en To", 1, 1000)


def category(text: str) -> int | Finding:
    """A price category (convention, volet 1); which ones exist is the tariff's business."""
    return _whole(text, "IMPORT-CATEGORY", "catégorie", 1, 99)


def year(text: str) -> int | Finding:
    """A year of service, in four digits."""
    return _whole(text, "IMPORT-YEAR", "année", FIRST_YEAR, LAST_YEAR)


@lru_cache(maxsize=16384)
def siret(text: str) -> str | Finding:
    """A SIRET, its fourteen digits; spaces of any kind are dropped."""
    digits = "".join(text.split()).translate(_INVISIBLE)
    if digits == EXAMPLE_SIRET:
        return finding("IMPORT-SIRET", "siret-example", value=text)
    if is_valid_siret(digits):
        return digits
    length = len(digits)
    if _SCIENTIFIC.fullmatch(digits):
        words = "siret-scientific"
    elif not (digits.isascii() and digits.isdigit()):
        words = "siret-characters"
    elif length in {9, 13}:
        words = f"siret-{length}"
    else:
        words = "siret-key" if length == 14 else "siret-length"
    return finding("IMPORT-SIRET", words, value=text, length=length)


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


def _is_month_first(text: str) -> bool:
    """Whether a date, which is none, would be one with its month before its day."""
    match = _SWAPPED.fullmatch(text)
    return match is not None and 1 <= int(match[1]) <= 12 < int(match[2]) <= 31


@lru_cache(maxsize=1024)
def day(text: str) -> date | Finding:
    """A date: ``31/12/2025`` or ``2025-12-31``."""
    words = "date-month-first" if _is_month_first(text) else ""
    return _date(text) or finding("IMPORT-DATE", words, value=text)


@lru_cache(maxsize=1024)
def month(text: str) -> Month | Finding:
    """A month: ``2025-03``, ``03/2025``, ``mars 2025``, ``mars-25``, or any date of that month."""
    number, year_ = month_of_header(text) or (0, None)
    if year_ is not None:
        return Month(year_, number)
    words = "month-date-month-first" if _is_month_first(text) else ""
    return finding("IMPORT-MONTH", "month-alone" if number else words, value=text)


def month_of_header(text: str) -> tuple[int, int | None] | None:
    """A month, 1 to 12, and its year, which a name may be without; None when it is no month."""
    found = _date(text)
    if found is not None:
        return found.month, found.year
    worded = _WORDED_MONTH.fullmatch(" ".join(plain_letters(text).split()))
    if worded is not None and worded[1] in _PLAIN_MONTHS:
        year_ = int(worded[2]) if worded[2] else None
        if year_ is not None and len(worded[2]) == 2:
            year_ += FIRST_YEAR
        if year_ is None or FIRST_YEAR <= year_ <= LAST_YEAR:
            return _PLAIN_MONTHS[worded[1]], year_
        return None
    try:
        parsed = Month.parse(text)
    except ValueError:
        return None
    inside = text.isascii() and FIRST_YEAR <= parsed.year <= LAST_YEAR
    return (parsed.number, parsed.year) if inside else None


@lru_cache(maxsize=1024)
def service(text: str) -> str | Finding:
    """A service's code, lower-cased; whether a tariff knows it is checked later."""
    code = text.lower()
    return code if _SERVICE.fullmatch(code) else finding("IMPORT-SERVICE", value=text)


def postcode(text: str) -> str | Finding:
    """A French postcode (BT-53), its five digits."""
    digits = "".join(text.split())
    length = len(digits) if digits.isascii() and digits.isdigit() else 0
    if length == 5:
        return digits
    words = "postcode-4" if length == 4 else ""
    return finding("IMPORT-POSTCODE", words, value=text, digits=digits)


def plain_text(text: str, *, maximum: int, code: str = "IMPORT-TEXT") -> str | Finding:
    """One line of text, composed (NFC), any kind of space made plain, at most ``maximum`` long."""
    composed = unicodedata.normalize("NFC", text)
    if text in FORMULA_ERRORS:
        return finding("IMPORT-FORMULA", value=text)
    line = "".join(
        " " if unicodedata.category(character) == "Zs" else character for character in composed
    ).strip()
    if stray := hidden_character(line):
        return finding(code, "hidden", value=text, character=hidden_in_french(stray))
    if len(line) > maximum:
        return finding(code, "too-long", value=text, length=len(line), most=maximum)
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
    return finding("IMPORT-SERVICE-CODE", value=text, character=quoted(stray))


def engagement(text: str) -> str | Finding:
    """A *numéro d'engagement* (BT-13), at most 50 characters (BR-FR-CPRO-15)."""
    return plain_text(text, maximum=50, code="IMPORT-ENGAGEMENT")


def invoice_number(text: str) -> str | Finding:
    """A number of ours (BT-1), as it is printed; spaces around and inside are dropped."""
    return plain_text("".join(text.split()), maximum=20)


@lru_cache(maxsize=1024)
def piece_number(text: str) -> str | Finding:
    """The number that the finance software gave to a title or a slip: a whole number from 1."""
    number = _whole(text, "IMPORT-PIECE", "numéro", 1, 999_999_999)
    return number if isinstance(number, Finding) else str(number)


@lru_cache(maxsize=1024)
def amount(text: str) -> Money | Finding:
    """An amount of euros above zero: ``1 234,56``, with or without the sign of the euro."""
    number = decimal(text.removesuffix("€").rstrip())
    if number is None:
        return finding("IMPORT-AMOUNT", "no-amount", value=text)
    if not 0 < number < MAX_EUROS:
        return finding("IMPORT-AMOUNT", value=text)
    try:
        return Money.of(number)
    except ValueError:
        return finding("IMPORT-AMOUNT", "cents", value=text)


def vat_number(text: str) -> str | Finding:
    """A French VAT number (BT-48): ``FR``, a key of two, the SIREN."""
    compact = "".join(text.split()).upper()
    problem = "il doit commencer par FR"
    if compact.startswith("FR"):
        try:
            return f"FR{tva.validate(compact)}"
        except ValidationError:
            problem = "longueur, SIREN ou clé de contrôle faux"
    return finding("IMPORT-VAT", value=text, problem=problem)


def nature(text: str) -> Nature | Finding:
    """What a member is, in any letters, accented or not: ``public``, ``SEM``, ``privé``."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    word = "".join(sign for sign in plain if not unicodedata.combining(sign)).strip()
    try:
        return Nature("prive" if word == "privee" else word)
    except ValueError:
        return finding("IMPORT-NATURE", value=text)


def email(text: str) -> str | Finding:
    """One e-mail address, by its shape only."""
    return finding("IMPORT-EMAIL", value=text) if parts_of(text) is None else text
