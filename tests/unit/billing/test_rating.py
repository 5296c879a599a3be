"""Rating: the price of the month of service, and an amount that explains itself in French."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import EXEMPT, SIRET, YEAR, grid, subscriptions, usage
from worker.billing.consumption import ServiceUse, consume
from worker.billing.money import NARROW_NO_BREAK, NO_BREAK, Money, cost
from worker.billing.rating import Rating, per_user_month, rate
from worker.billing.tariff import TariffGrid
from worker.billing.tariff_reading import parse_grid
from worker.errors import has_blocking

SHIPPED = Path(__file__).parents[3] / "config" / "tariffs" / "2023.toml"
ONE = grid("A", "2025-01-01..2025-12-31", "gfu: 9.60+1.80 9.12+1.80", "stockage 1 To: 10.80")


def rated(signed: str, used: str, *grids: TariffGrid) -> Rating:
    """The priced year of a member whose consumption has nothing wrong."""
    consumption = consume(
        SIRET,
        YEAR,
        subscriptions(*map(str.strip, signed.split(";"))),
        usage(*map(str.strip, used.split(";"))),
    )
    assert consumption.findings == ()
    return rate(consumption, grids or (ONE,))


def gfu(used: str, *grids: TariffGrid) -> Rating:
    """The priced year of the group, category 1, subscribed in the months that have a row."""
    rows = usage(f"gfu: {used}")
    signed = [f"gfu cat 1 from {row.month.first_day} to {row.month.last_day}" for row in rows]
    return rated("; ".join(signed), f"gfu: {used}", *grids)


def plain(text: str) -> str:
    """Text with ordinary spaces, to be compared."""
    return text.replace(NO_BREAK, " ").replace(NARROW_NO_BREAK, " ")


def test_the_example_of_the_convention() -> None:
    """12 users, 1 To, category 1 and the group, 12 months: 144 × 22.20 = 3 196.80 euros."""
    shipped = parse_grid(SHIPPED.read_bytes(), SHIPPED.name)
    year = rated(
        "stockage 1 To cat 1 from 2022-11-14; gfu cat 1 from 2022-11-14",
        "stockage 1 To: 12×12; gfu: 12×12",
        shipped,
    )

    assert [(line.quantity, line.unit_price, line.total) for line in year.lines] == [
        (144, Money(1140), Money(164160)),
        (144, Money(1080), Money(155520)),
    ]
    assert str(Money.sum(line.total for line in year.lines)) == "3196.80"
    assert [plain(line.explanation) for line in year.lines] == [
        (
            "12 utilisateurs de janvier à décembre, soit 144 utilisateurs × mois à 11,40 € TTC "
            "(9,60 € de part opérateur + 1,80 € de participation de l'exploitant), "
            "grille 2023, soit 1 641,60 €"
        ),
        (
            "12 utilisateurs de janvier à décembre, soit 144 utilisateurs × mois à 10,80 € TTC, "
            "grille 2023, soit 1 555,20 €"
        ),
    ]
    assert [line.label for line in year.lines] == [
        "GFU (groupement fermé d'utilisateurs sur fibre)",
        "Stockage et sauvegarde, 1 To",
    ]


@pytest.mark.parametrize(
    "used,words",
    [
        ("12×12", "12 utilisateurs de janvier à décembre"),
        (".×3 2×5", "2 utilisateurs d'avril à août"),
        (".×7 2×3", "2 utilisateurs d'août à octobre"),
        (".×9 2×2", "2 utilisateurs d'octobre à novembre"),
        (".×7 1", "1 utilisateur en août"),
        ("1×12", "1 utilisateur de janvier à décembre"),
        ("0 1×11", "0 utilisateur en janvier ; 1 de février à décembre"),
        (
            "3×6 4 3×5",
            ("3 utilisateurs de janvier à juin ; 4 en juillet ; 3 d'août à décembre"),
        ),
        (
            "3×2 .×8 3×2",
            "3 utilisateurs de janvier à février ; 3 de novembre à décembre",
        ),
        ("1234×12", "1 234 utilisateurs de janvier à décembre"),
    ],
)
def test_months_are_told_as_people_do(used: str, words: str) -> None:
    """Elisions, singulars, runs and gaps read as French."""
    (line,) = gfu(used).lines

    assert plain(line.explanation).startswith(f"{words}, soit ")


def test_one_user_and_month_is_singular() -> None:
    """A single user of a single month is not written in the plural."""
    (line,) = gfu(".×11 1").lines

    assert "soit 1 utilisateur × mois à" in plain(line.explanation)


@pytest.mark.parametrize(
    "label, said",
    [
        ("part opérateur", "de part opérateur"),
        ("assistance", "d'assistance"),
        ("Équipement", "d'Équipement"),
        ("hébergement", "d'hébergement"),
        ("hotline", "de hotline"),
    ],
)
def test_components_of_a_price_read_as_french(label: str, said: str) -> None:
    """Each component follows its amount with ``de``, elided where French does."""
    used = ServiceUse(service="gfu", tier=None, category=1, months=gfu("1×12").lines[0].months)
    parts = ((label, Money(720)), ("reste", Money(180)))
    line = per_user_month(used, used.months, "GFU", EXEMPT, parts, "A")

    assert f"à 9,00 € TTC (7,20 € {said} + 1,80 € de reste), grille A, soit" in plain(
        line.explanation
    )


def test_months_are_not_joined_over_a_gap() -> None:
    """The line spans from its first to its last month, but tells only those it bills."""
    (line,) = gfu("3×2 .×8 3×2").lines

    assert (line.quantity, len(line.months)) == (12, 4)
    assert (f"{line.period.start}", f"{line.period.end}") == ("2025-01-01", "2025-12-31")


def test_a_price_that_changes_in_july_makes_two_lines() -> None:
    """Each month has the price of its own grid, and each line names its grid."""
    first = grid("A", "2025-01-01..2025-06-30", "gfu: 10")
    second = grid("B", "2025-07-01..", "gfu: 11")
    year = gfu("5×12", second, first)

    assert [(line.grid_version, line.unit_price, line.quantity) for line in year.lines] == [
        ("A", Money(1000), 30),
        ("B", Money(1100), 30),
    ]
    assert [str(line.period.end) for line in year.lines] == ["2025-06-30", "2025-12-31"]


def test_a_grid_interrupted_by_another_still_makes_one_line() -> None:
    """A promotion in summer leaves one line before and after it, with its months in order."""
    always, summer = (
        grid("A", "2020-01-01..", "gfu: 10"),
        grid("B", "2025-07-01..2025-08-31", "gfu: 9"),
    )
    year = gfu("1×6 2×6", always, summer)

    assert [(line.grid_version, line.quantity) for line in year.lines] == [("A", 14), ("B", 4)]
    assert [one.month.number for one in year.lines[0].months] == [1, 2, 3, 4, 5, 6, 9, 10, 11, 12]
    assert plain(year.lines[0].explanation).startswith(
        "1 utilisateur de janvier à juin ; 2 de septembre à décembre, soit 14 "
    )


def test_tier_and_category_changes_make_their_own_lines() -> None:
    """A member that changes in the middle of the year pays each month what it had."""
    both = grid("A", "2025-01-01..", "stockage 1 To: 10.80 10.26", "stockage 2 To: 14.40 13.68")
    year = rated(
        "stockage 1 To cat 1 from 2025-01-01 to 2025-03-31; "
        "stockage 2 To cat 1 from 2025-04-01 to 2025-05-31; stockage 1 To cat 2 from 2025-06-01",
        "stockage 1 To: 2×3 .×2 3×7; stockage 2 To: .×3 2×2",
        both,
    )

    assert [(line.label, line.category, str(line.total)) for line in year.lines] == [
        ("Stockage, 1 To", 1, "64.80"),
        ("Stockage, 1 To", 2, "215.46"),
        ("Stockage, 2 To", 1, "57.60"),
    ]


def test_an_equal_price_of_another_grid_or_category_is_another_line() -> None:
    """A line has one grid and one category, even where the figures are the same."""
    first = grid("A", "2025-01-01..2025-06-30", "gfu: 10 10")
    second = grid("B", "2025-07-01..", "gfu: 10 10")
    year = rated(
        "gfu cat 1 from 2025-01-01 to 2025-09-30; gfu cat 2 from 2025-10-01",
        "gfu: 1×12",
        first,
        second,
    )

    assert [(line.grid_version, line.category, line.quantity) for line in year.lines] == [
        ("A", 1, 6),
        ("B", 1, 3),
        ("B", 2, 3),
    ]


def test_no_user_all_year_is_no_line() -> None:
    """A service that was not used is neither a line nor a finding."""
    assert gfu("0×12") == Rating(lines=(), findings=())


def test_a_free_service_still_has_its_line() -> None:
    """A price of zero is a price: the member sees what it used."""
    (line,) = gfu("5×12", grid("A", "2025-01-01..", "gfu: 0")).lines

    assert (line.total, line.quantity) == (Money(0), 60)


@pytest.mark.parametrize(
    "grids,billed,message",
    [
        (
            (grid("A", "2025-09-01..", "gfu: 10"), grid("Z", "2024-01-01..2025-03-31", "gfu: 9")),
            7,
            "d'avril 2025 à août 2025 : aucune grille tarifaire n'est en vigueur",
        ),
        (
            (grid("A", "2025-02-01..", "gfu: 10"),),
            11,
            "en janvier 2025 : aucune grille tarifaire n'est en vigueur",
        ),
        (
            (grid("A", "2025-01-01..", "archive: 10"),),
            0,
            "de janvier 2025 à décembre 2025 : la grille A ne connaît pas ce service",
        ),
        (
            (grid("A", "2025-01-01..", "gfu 1 To: 10"),),
            0,
            "de janvier 2025 à décembre 2025 : la grille A n'a pas de prix (catégorie 1)",
        ),
    ],
)
def test_a_month_without_a_price_is_said(
    grids: tuple[TariffGrid, ...], billed: int, message: str
) -> None:
    """What cannot be priced is named with its months; the rest of the year keeps its lines."""
    year = gfu("1×12", *grids)

    assert [(one.code, one.message) for one in year.findings] == [
        ("TARIFF-NO-PRICE", f"pas de prix pour gfu {message}")
    ]
    assert has_blocking(year.findings)
    assert sum(line.quantity for line in year.lines) == billed


def test_a_category_outside_the_grid_is_said() -> None:
    """The tier and category that have no price are in the message."""
    year = rated("stockage 1 To cat 9 from 2025-01-01", "stockage 1 To: 1×12")

    assert [plain(finding.message) for finding in year.findings] == [
        (
            "pas de prix pour stockage 1 To de janvier 2025 à décembre 2025 : "
            "la grille A n'a pas de prix (palier 1 To, catégorie 9)"
        )
    ]
    assert year.lines == ()


def test_huge_quantities_stay_exact() -> None:
    """A million users all year at 23.34 is 280 080 000.00 euros, to the cent."""
    (line,) = gfu("1000000×12", grid("A", "2025-01-01..", "gfu: 23.34")).lines

    assert line.total == Money.of(Decimal("280080000.00"))
    assert plain(line.explanation).endswith(
        "soit 12 000 000 utilisateurs × mois à 23,34 € TTC, grille A, soit 280 080 000,00 €"
    )


def test_the_regime_is_that_of_the_tariff() -> None:
    """VAT comes from the grid, and is part of what makes a line."""
    (line,) = gfu("1×12", grid("A", "2025-01-01..", "gfu: 10", vat=EXEMPT)).lines

    assert line.vat == EXEMPT


@given(
    st.lists(st.integers(0, 1000), min_size=12, max_size=12),
    st.lists(st.integers(1, 3000), min_size=12, max_size=12),
)
def test_the_year_is_the_sum_of_its_months(users: list[int], prices: list[int]) -> None:
    """With a price for each month, lines make the sum of users × price, whatever the prices."""
    grids = [
        grid(f"G{number}", f"2025-{number:02d}-01..", f"gfu: {Money(price)}")
        for number, price in enumerate(prices, start=1)
    ]
    consumption = consume(
        SIRET,
        YEAR,
        subscriptions("gfu cat 1 from 2025-01-01"),
        usage(f"gfu: {' '.join(map(str, users))}"),
    )
    year = rate(consumption, grids)
    expected = sum(u * price for u, price in zip(users, prices, strict=True))
    assert Money.sum(line.total for line in year.lines) == Money(expected)
    for line in year.lines:
        assert line.total == cost(line.unit_price, line.quantity)
        assert line.unit_price == Money.sum(price for _, price in line.parts)


def test_a_mistyped_tier_that_nobody_used_needs_no_price() -> None:
    """A subscription entered by mistake is neutralised by zero users: nothing to price."""
    consumption = consume(
        SIRET,
        YEAR,
        subscriptions("stockage 9 To cat 1 from 2025-03-01 to 2025-03-31"),
        usage("stockage 9 To: . . 0"),
    )
    rated = rate(consumption, [grid("2025", "2025-01-01..", "stockage 1 To: 10.80")])

    assert (rated.lines, rated.findings) == ((), ())


@pytest.mark.parametrize(
    "signed, used, code, message",
    [
        (
            "gfu cat 1 from 2025-01-01",
            "gfu: 0×12",
            "TARIFF-NO-SERVICE",
            (
                "0 utilisateur pour gfu de janvier 2025 à décembre 2025, et la grille 2025 ne "
                "connaît pas ce service : rien n'en est facturé"
            ),
        ),
        (
            "gfu cat 1 from 2025-01-01",
            "gfu: 0×11 1",
            "TARIFF-NO-PRICE",
            (
                "pas de prix pour gfu de janvier 2025 à décembre 2025 : la grille 2025 ne connaît "
                "pas ce service"
            ),
        ),
    ],
)
def test_rows_of_no_users_are_no_silence_about_a_service_without_price(
    signed: str, used: str, code: str, message: str
) -> None:
    """The price might be a flat one, due without users: said, and nothing is stopped by zeros."""
    year = rated(signed, used, grid("2025", "2025-01-01..", "stockage 1 To: 10.80"))

    assert [(one.code, plain(one.message)) for one in year.findings] == [(code, message)]
    assert has_blocking(year.findings) is (code == "TARIFF-NO-PRICE")


def test_rows_of_no_users_are_said_in_the_months_that_no_grid_is_in_force() -> None:
    """What the service costs then is not known either."""
    year = rated(
        "gfu cat 1 from 2025-01-01",
        "gfu: 0×6 1×6",
        grid("2025", "2025-07-01..", "gfu: 9.60"),
    )
    (found,) = year.findings

    assert (found.code, plain(found.message)) == (
        "TARIFF-NO-SERVICE",
        (
            "0 utilisateur pour gfu de janvier 2025 à juin 2025, et aucune grille tarifaire n'est "
            "en vigueur : rien n'en est facturé"
        ),
    )
