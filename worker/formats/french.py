"""What the printed pages say in French, as strings: parties, dates, rates, prices."""

import re
from decimal import Decimal

from worker.billing.invoice import Party
from worker.billing.members import Address
from worker.billing.money import NARROW_NO_BREAK, NO_BREAK, Money, french, french_integer
from worker.billing.period import Period, french_span
from worker.billing.vat import VatCategory, VatRegime
from worker.formats.branding import Branding
from worker.formats.xml import number

EXACT = frozenset({"author", "contact", "hashes", "keywords", "look", "references"})
"""Parts of a page's data that are printed or kept letter for letter."""


def party(who: Party, vat_number: str) -> dict[str, object]:
    """A party for the page; ``vat_number`` is the one that may be printed, or nothing."""
    rows = [
        who.legal_form,
        *address_lines(who.address),
        f"SIRET{NO_BREAK}{grouped_siret(who.siret)}",
        f"N°{NO_BREAK}TVA {vat_number}" if vat_number else "",
    ]
    contact = who.contact
    facts = () if contact is None else (contact.name, contact.phone, contact.email)
    return {
        "name": who.name,
        "lines": [row for row in rows if row],
        "contact": [fact for fact in facts if fact],
    }


def typographic(data: dict[str, object]) -> dict[str, object]:
    """What is printed, with one kind of apostrophe: a page mixes our words with other people's.

    References and contacts stay as they are: they are copied, typed and searched for.
    """
    return {key: value if key in EXACT else _curled(value) for key, value in data.items()}


def _curled(value: object) -> object:
    match value:
        case str():
            return value.replace("'", "’")
        case dict():
            return typographic(value)
        case list() | tuple():
            return [_curled(inner) for inner in value]
        case _:
            return value


def address_lines(address: Address) -> list[str]:
    """An address as it is printed, without empty lines; the country only when abroad."""
    town = f"{address.postcode} {address.city}"
    country = "" if address.country == "FR" else address.country
    return [line for line in (address.line1, address.line2, town, country) if line]


def look_data(look: Branding, seller_name: str) -> dict[str, object]:
    """The look for the page; an image needs a text for those who do not see it (PDF/UA)."""
    return {"accent": look.accent, "logo": list(look.logo), "alt": f"Logo de {seller_name}"}


def french_period(period: Period) -> str:
    """``du 01/01/2025 au 31/12/2025``; one single day is ``le 03/06/2025``."""
    return french_span(period.start, period.end)


def french_decimal(value: Decimal) -> str:
    """A number with as many decimals as it has, two at least: ``222,00``, ``35,416667``."""
    whole, _, decimals = number(value).partition(".")
    return f"{french_integer(int(whole))},{decimals:0<2}"


def french_rate(regime: VatRegime) -> str:
    """``20 %``, ``exonéré`` or ``hors TVA``."""
    match regime.category:
        case VatCategory.STANDARD:
            return f"{number(regime.rate).replace('.', ',')}{NARROW_NO_BREAK}%"
        case VatCategory.EXEMPT:
            return "exonéré"
        case VatCategory.OUT_OF_SCOPE:
            return f"hors{NO_BREAK}TVA"


def french_signed(amount: Money) -> str:
    """An amount added to another: ``+0,01 €``, ``−0,01 €`` with the true minus sign."""
    sign = "−" if amount.cents < 0 else "+"
    return sign + french(max(amount, -amount))


def grouped_iban(iban: str) -> str:
    """An IBAN in groups of four, as it is read and typed."""
    return NO_BREAK.join(iban[start : start + 4] for start in range(0, len(iban), 4))


def grouped_siret(siret: str) -> str:
    """``999 000 078 00017``, the SIREN first; a spreadsheet would round fourteen bare digits."""
    return NO_BREAK.join((siret[:3], siret[3:6], siret[6:9], siret[9:]))


def computation(text: str) -> str:
    """A computation in the typography of print: no line ends inside what is read in one breath."""
    for sign in (":", ";", "×", "=", "+"):
        text = text.replace(f" {sign} ", f"{NO_BREAK}{sign} ")
    text = text.replace("grille ", f"grille{NO_BREAK}")
    return re.sub(r"(?<=\d) (?=utilisateurs?\b)", NO_BREAK, text)
