"""Cells: what people and spreadsheets write has one meaning, or is refused with a remedy."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.imports_workbooks import SIRET, VAT_NUMBER
from worker.billing.period import MONTH_NAMES, Month
from worker.errors import Finding
from worker.imports import values


@pytest.mark.parametrize(
    "parse, text, expected",
    [
        (values.siret, SIRET, SIRET),
        (values.siret, "999\u00a0000\u202f078 00017", SIRET),
        (values.siret, f"\ufeff{SIRET}\u200b", SIRET),
        (values.users, "12", 12),
        (values.users, "0", 0),
        (values.users, "1 234", 1234),
        (values.users, "1\u202f234", 1234),
        (values.users, "1\u00a0000\u00a0000", 1_000_000),
        (values.users, "12,00", 12),
        (values.users, "12.00", 12),
        (values.tier, "2 To", 2),
        (values.tier, "2\u00a0to", 2),
        (values.tier, "2,0", 2),
        (values.category, "11", 11),
        (values.year, "2025", 2025),
        (values.month, "2025-03", Month(2025, 3)),
        (values.month, "03/2025", Month(2025, 3)),
        (values.month, "3/2025", Month(2025, 3)),
        (values.month, "01/03/2025", Month(2025, 3)),
        (values.month, "2025-03-31", Month(2025, 3)),
        (values.day, "31/12/2025", date(2025, 12, 31)),
        (values.day, "1/2/2025", date(2025, 2, 1)),
        (values.day, "2025-12-31", date(2025, 12, 31)),
        (values.postcode, "82 000", "82000"),
        (values.postcode, "01000", "01000"),
        (values.service, "Stockage", "stockage"),
        (values.service_code, "Service_Élèves 2-B", "Service_Élèves 2-B"),
        (values.engagement, "EJ 2025/0042", "EJ 2025/0042"),
        (values.vat_number, "fr 66 999 000 011", VAT_NUMBER),
        (values.email, "referent@exemple.invalid", "referent@exemple.invalid"),
        (values.decimal, "1\u202f234,56", Decimal("1234.56")),
    ],
)
def test_accepts_what_has_one_meaning(
    parse: Callable[[str], object], text: str, expected: object
) -> None:
    """A cell written in any usual French way gives its value."""
    assert parse(text) == expected


@pytest.mark.parametrize(
    "parse, text, code, says, remedy",
    [
        (values.siret, "9990000780001", "IMPORT-SIRET", "13 chiffres au lieu de 14", "zéro|par 0"),
        (values.siret, "999000078", "IMPORT-SIRET", "9 chiffres", "SIREN"),
        (values.siret, "99900007800018", "IMPORT-SIRET", "clé de contrôle", "14 chiffres"),
        (values.siret, "9990000780001A", "IMPORT-SIRET", "que des chiffres", "14 chiffres"),
        (values.siret, "2,482E+13", "IMPORT-SIRET", "notation scientifique", "Texte"),
        (values.siret, "9.99e13", "IMPORT-SIRET", "notation scientifique", "Texte"),
        (values.users, "-3", "IMPORT-USERS", "est négatif", "0 à 1\u202f000\u202f000"),
        (values.users, "\u22123", "IMPORT-USERS", "est négatif", "0 à 1\u202f000\u202f000"),
        (values.users, "12,5", "IMPORT-USERS", "nombre entier", "entier"),
        (values.users, "1.234", "IMPORT-USERS", "nombre entier", "entier"),
        (values.users, "1000001", "IMPORT-USERS", "supérieur", "0 à 1\u202f000\u202f000"),
        (values.users, "9" * 400, "IMPORT-USERS", "supérieur", "0 à 1\u202f000\u202f000"),
        (values.users, "douze", "IMPORT-USERS", "pas un nombre", "chiffres"),
        (values.users, "12 34", "IMPORT-USERS", "pas un nombre", "chiffres"),
        (values.users, "1E+05", "IMPORT-USERS", "pas un nombre", "chiffres"),
        (values.users, "١٢", "IMPORT-USERS", "pas un nombre", "chiffres"),
        (values.tier, "0", "IMPORT-TIER", "inférieur à 1", "1 à 1000"),
        (values.tier, "To", "IMPORT-TIER", "pas un nombre", "chiffres"),
        (values.category, "100", "IMPORT-CATEGORY", "supérieur à 99", "1 à 99"),
        (values.year, "25", "IMPORT-YEAR", "inférieur à 2000", "2000"),
        (values.month, "mars", "IMPORT-MONTH", "ne dit pas l'année", "mars 2025|janv-25"),
        (values.month, "45717", "IMPORT-MONTH", "pas un mois", "aaaa-mm"),
        (values.month, "12/31/2025", "IMPORT-MONTH", "mois/jour", "aaaa-mm"),
        (values.day, "12/31/2025", "IMPORT-DATE", "mois/jour", "jj/mm/aaaa"),
        (values.month, "13/2025", "IMPORT-MONTH", "pas un mois", "2025-03"),
        (values.month, "30/02/2025", "IMPORT-MONTH", "pas un mois", "2025-03"),
        (values.month, "03/0025", "IMPORT-MONTH", "pas un mois", "2025-03"),
        (values.month, "٢٠٢٥-03", "IMPORT-MONTH", "pas un mois", "2025-03"),
        (values.day, "31/02/2025", "IMPORT-DATE", "pas une date", "31/12/2025"),
        (values.day, "31/12/25", "IMPORT-DATE", "pas une date", "quatre chiffres"),
        (values.day, "01/01/1900", "IMPORT-DATE", "pas une date", "31/12/2025"),
        (values.postcode, "1000", "IMPORT-POSTCODE", "code postal", "01000"),
        (values.postcode, "2A004", "IMPORT-POSTCODE", "code postal", "5 chiffres"),
        (values.service, "stockage été", "IMPORT-SERVICE", "code de service", "sans accent"),
        (values.service_code, "SERV/01", "IMPORT-SERVICE-CODE", "caractère « / »", "annuaire"),
        (values.service_code, "X" * 101, "IMPORT-SERVICE-CODE", "101 caractères", "Abrégez"),
        (values.engagement, "X" * 51, "IMPORT-ENGAGEMENT", "51 caractères, 50", "Abrégez"),
        (values.engagement, "#N/A", "IMPORT-FORMULA", "erreur de formule", "formule"),
        (values.vat_number, "FR67999000011", "IMPORT-VAT", "clé de contrôle", "vide"),
        (values.vat_number, "BE0428759497", "IMPORT-VAT", "commencer par FR", "vide"),
        (values.email, "a@exemple.invalid;b@exemple.invalid", "IMPORT-EMAIL", "adresse", "seule"),
        (values.email, "referent@exemple", "IMPORT-EMAIL", "adresse", "seule"),
        (values.email, "a..b@exemple.invalid", "IMPORT-EMAIL", "adresse", "seule"),
    ],
)
def test_refuses_with_a_remedy(
    parse: Callable[[str], object], text: str, code: str, says: str, remedy: str
) -> None:
    """A wrong cell gives a finding with its stable code, what is wrong, and what to do."""
    found = parse(text)

    assert isinstance(found, Finding)
    assert found.code == code
    assert says in found.message.replace("\u00a0", " ")
    assert any(part in found.remedy.replace("\u00a0", " ") for part in remedy.split("|"))


def test_text_is_composed_and_on_one_line() -> None:
    """Texts are composed, kinds of space become one, and control characters are refused."""
    assert values.plain_text("Cafe\u0301\u00a0du lac", maximum=99) == "Café du lac"
    for stray in ("\n", "\x1b", "\u202e", "\u200b"):
        found = values.plain_text(f"Mairie{stray}annexe", maximum=99)
        assert isinstance(found, Finding)
        assert stray not in found.message + found.value


def test_long_values_are_shortened_in_messages() -> None:
    """A message never shows more than forty characters of the cell."""
    found = values.plain_text("x" * 500, maximum=99)

    assert isinstance(found, Finding)
    assert found.value == "x" * 39 + "…"
    assert f"«\u00a0{found.value}\u00a0»" in found.message


@given(st.integers(min_value=0, max_value=values.MAX_USERS), st.sampled_from(" \u00a0\u202f\u2009"))
def test_users_round_trip(number: int, space: str) -> None:
    """Any count written with thousands apart, in any space and with empty decimals, reads back."""
    written = f"{number:,}".replace(",", space)

    assert values.users(written) == number
    assert values.users(f"{written},00") == number
    assert values.users(f"{number}.0") == number


@given(st.integers(min_value=0, max_value=999_999), st.integers(min_value=1, max_value=99))
def test_a_fraction_of_a_user_is_refused(whole: int, hundredths: int) -> None:
    """No number with a fraction passes for a count of users, nor is rounded."""
    assert isinstance(values.users(f"{whole},{hundredths:02d}"), Finding)


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2))
def test_decimals_round_trip(number: Decimal) -> None:
    """A decimal number in French writing reads back exactly."""
    written = f"{number:,.2f}".replace(",", "\u202f").replace(".", ",")

    assert values.decimal(written) == number


@given(st.dates(min_value=date(2000, 1, 1), max_value=date(2100, 12, 31)))
def test_months_and_dates_round_trip(day: date) -> None:
    """Every way of writing a month or a date gives it back."""
    month = Month.of(day)
    assert values.day(f"{day:%d/%m/%Y}") == values.day(day.isoformat()) == day
    for written in (f"{day:%m/%Y}", f"{day:%Y-%m}", f"{day:%d/%m/%Y}", day.isoformat()):
        assert values.month(written) == month


@given(st.text(max_size=60))
def test_no_text_breaks_a_parser(text: str) -> None:
    """Whatever a cell holds, parsers answer with a value or a finding, and never raise."""
    for parse in (values.siret, values.users, values.tier, values.month, values.day):
        assert parse(text) is not None
    for parse_text in (values.service, values.postcode, values.service_code, values.engagement):
        assert isinstance(parse_text(text), str | Finding)

    assert isinstance(values.vat_number(text), str | Finding)
    assert isinstance(values.email(text), str | Finding)


FULL = MONTH_NAMES
SHORT = ("janv", "févr", "mars", "avr", "mai", "juin", "juil", "août", "sept", "oct", "nov", "déc")
SHORTER = ("jan", "fév", "mar", "avr", "mai", "jun", "jul", "aou", "sep", "oct", "nov", "dec")
WRITTEN = ("{} 2025", "{}-25", "{}.-25", "{}. 25", "{}-2025", "{}/25", "{} \u00a02025", "{}25")
CASES: tuple[Callable[[str], str], ...] = (str, str.upper, str.capitalize, values.plain_letters)


@pytest.mark.parametrize("number", range(1, 13))
@pytest.mark.parametrize("names", [FULL, SHORT, SHORTER])
def test_a_month_is_read_as_offices_write_it(number: int, names: tuple[str, ...]) -> None:
    """Whole or short, any case, with or without accents, any separator, two or four digits."""
    read = {
        values.month(case(form.format(names[number - 1]))) for form in WRITTEN for case in CASES
    }

    assert read == {Month(2025, number)}


@pytest.mark.parametrize("text", ["jui-25", "janvier 5", "janvier 225", "janvier 1899", "jeudi 25"])
def test_a_month_of_two_meanings_is_none(text: str) -> None:
    """What may be two months, or a year of another length, is not guessed."""
    assert isinstance(values.month(text), Finding)
