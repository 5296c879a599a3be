"""What the printed pages say in French, as strings: parties, dates, rates, prices."""

from decimal import Decimal

from worker.formats.look import Look
from worker.formats.markup import number
from worker.invoice import Party
from worker.members import Address
from worker.money import NARROW_NO_BREAK, NO_BREAK, french_integer
from worker.period import Period, french_date
from worker.vat import VatCategory, VatRegime


def party(who: Party, vat_number: str) -> dict[str, object]:
    """A party for the page; ``vat_number`` is the one that may be printed, or nothing."""
    identifiers = [f"SIRET{NO_BREAK}{who.siret}"]
    if vat_number:
        identifiers.append(f"N°{NO_BREAK}TVA {vat_number}")
    return {"name": who.name, "lines": [*address_lines(who.address), *identifiers]}


def address_lines(address: Address) -> list[str]:
    """An address as it is printed, without empty lines; the country only when abroad."""
    town = f"{address.postcode} {address.city}"
    country = "" if address.country == "FR" else address.country
    return [line for line in (address.line1, address.line2, town, country) if line]


def look_data(look: Look, seller_name: str) -> dict[str, object]:
    """The look for the page; an image needs a text for those who do not see it (PDF/UA)."""
    return {"accent": look.accent, "logo": list(look.logo), "alt": f"Logo de {seller_name}"}


def french_period(period: Period) -> str:
    """``du 01/01/2025 au 31/12/2025``."""
    return f"du {french_date(period.start)} au {french_date(period.end)}"


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


def grouped_iban(iban: str) -> str:
    """An IBAN in groups of four, as it is read and typed."""
    return NO_BREAK.join(iban[start : start + 4] for start in range(0, len(iban), 4))


def grouped_siret(siret: str) -> str:
    """``248 200 016 00017``, as it is read: a spreadsheet would round fourteen bare digits."""
    return f"{siret[:3]} {siret[3:6]} {siret[6:9]} {siret[9:]}"


def unbroken(text: str) -> str:
    """A computation as it is printed: no line ends before a sign that belongs to what precedes."""
    for sign in (":", ";", "×", "=", "+"):
        text = text.replace(f" {sign} ", f"{NO_BREAK}{sign} ")
    return text
