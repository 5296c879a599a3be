"""Tariff grids: the shipped one is the convention's, and a wrong file is refused with its paths."""

import hashlib
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.builders import grid
from worker.billing.money import Money
from worker.billing.period import Month
from worker.billing.tariff import (
    NO_TIER,
    PerUserMonth,
    TariffGrid,
    grid_in_force,
    months_by_version,
)
from worker.billing.tariff_reading import parse_grid
from worker.billing.vat import VatCategory
from worker.errors import TariffError

SHIPPED = Path(__file__).parents[3] / "config" / "tariffs" / "2023.toml"
STORAGE = """
To  1     2     3     4     5     6     7     8     9     10    11
1   10.80 10.26  9.72  9.18  8.64  8.10  7.56  7.02  6.48  5.94  5.40
2   14.40 13.68 12.96 12.24 11.52 10.80 10.08  9.36  8.64  7.92  7.20
3   18.00 17.10 16.20 15.30 14.40 13.50 12.60 11.70 10.80  9.90  9.00
4   20.76 19.73 18.68 17.65 16.61 15.58 14.53 13.50 12.46 11.42 10.38
5   23.34 22.18 21.01 19.84 18.67 17.51 16.34 15.17 14.00 12.84 11.68
"""
GOOD = """
version = "2030"
title = "Grille fictive"
source = "Décision fictive"
valid_from = 2030-01-01
valid_to = 2030-12-31

[services.stockage]
label = "Stockage"
shape = "per_user_month"
vat = { category = "S", rate = 20 }

[[services.stockage.components]]
code = "fournisseur"
label = "part du fournisseur"
tiers = { 1 = [10.80, 10], 2 = [14.40, 13.68] }

[[services.stockage.components]]
code = "syndicat"
label = "part du syndicat"
tiers = { 1 = [1, 1], 2 = [1, 1] }
"""


def users_and_months(grid: TariffGrid, service: str) -> PerUserMonth:
    """The shape of a service that is priced by user and month."""
    shape = grid.services[service].shape
    assert isinstance(shape, PerUserMonth)
    return shape


@pytest.fixture(scope="module")
def shipped() -> TariffGrid:
    """The grid that travels with the program."""
    return parse_grid(SHIPPED.read_bytes(), SHIPPED.name)


def mistakes(text: str) -> list[tuple[str, str]]:
    """Path and message of each mistake of a file that must be refused."""
    with pytest.raises(TariffError) as caught:
        parse_grid(text.encode(), "essai.toml")
    assert all(finding.remedy for finding in caught.value.findings)
    return [
        (finding.where.removeprefix("essai.toml : "), finding.message)
        for finding in caught.value.findings
    ]


def spoiled(*changes: tuple[str, str]) -> str:
    """The good file with each first text replaced by the second."""
    text = GOOD
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def test_every_storage_price_is_that_of_the_convention(shipped: TariffGrid) -> None:
    """The 55 prices of storage are those of the annex, tier by tier and category by category."""
    (component,) = users_and_months(shipped, "stockage").components
    rows = [line.split() for line in STORAGE.strip().splitlines()[1:]]

    assert {
        tier: [str(price) for price in prices] for tier, prices in component.prices.items()
    } == {int(tier): prices for tier, *prices in rows}


def test_the_closed_user_group_falls_by_category(shipped: TariffGrid) -> None:
    """The operator's 11 prices go from 9.60 to 4.80 by 0.48; the exploitant's 11 are 1.80."""
    operator, exploitant = users_and_months(shipped, "gfu").components
    expected = tuple(Money(960 - 48 * step) for step in range(11))

    assert operator.prices == {NO_TIER: expected}
    assert expected[-1] == Money(480)
    assert exploitant.prices == {NO_TIER: (Money(180),) * 11}


def test_the_shipped_grid_says_where_it_comes_from(shipped: TariffGrid) -> None:
    """It prices two services at 20 %, from 2023 to the end of the contract, and no further."""
    assert set(shipped.services) == {"stockage", "gfu"}
    for tariff in shipped.services.values():
        assert (tariff.vat.category, tariff.vat.rate) == (VatCategory.STANDARD, Decimal(20))
    assert users_and_months(shipped, "stockage").parts(None, 1) is None
    assert users_and_months(shipped, "gfu").parts(1, 1) is None
    assert shipped.french_validity == "du 01/01/2023 au 13/11/2026"
    covered = [shipped.covers(Month(*m)) for m in ((2022, 12), (2023, 1), (2026, 11), (2026, 12))]

    assert covered == [False, True, True, False]


def test_parts_name_the_components_of_a_price(shipped: TariffGrid) -> None:
    """The price of the group is the operator's part and the exploitant's, by their labels."""
    shape = users_and_months(shipped, "gfu")

    assert shape.parts(None, 2) == (
        ("part opérateur", Money(912)),
        ("participation de l'exploitant", Money(180)),
    )


@pytest.mark.parametrize(
    "service,tier,category",
    [
        ("gfu", None, 0),
        ("gfu", None, 12),
        ("gfu", None, -1),
        ("gfu", 1, 1),
        ("stockage", None, 1),
        ("stockage", 6, 1),
        ("stockage", 1, 12),
    ],
)
def test_a_price_outside_the_grid_does_not_exist(
    shipped: TariffGrid, service: str, tier: int | None, category: int
) -> None:
    """An unknown tier or category gives no price, and never that of a neighbour."""
    assert users_and_months(shipped, service).parts(tier, category) is None


def test_a_grid_is_known_by_its_bytes() -> None:
    """Any change of the file, were it of a comment, changes the hash kept with what it priced."""
    content = GOOD.encode()
    parsed = parse_grid(content, "essai.toml")

    assert parsed.sha256 == hashlib.sha256(content).hexdigest()
    assert parse_grid(content + b"# note\n", "essai.toml").sha256 != parsed.sha256
    assert parse_grid(content, "autre.toml") == parsed


def test_whole_euros_need_no_decimals() -> None:
    """10 is read as 10.00 euros, and an open grid has no last day."""
    parsed = parse_grid(spoiled(("valid_to = 2030-12-31", "")).encode(), "essai.toml")

    assert users_and_months(parsed, "stockage").parts(1, 2) == (
        ("part du fournisseur", Money(1000)),
        ("part du syndicat", Money(100)),
    )
    assert parsed.french_validity == "du 01/01/2030, sans date de fin"
    assert parsed.covers(Month(2099, 12))


def test_the_latest_grid_takes_over_from_its_first_day() -> None:
    """Of the grids that cover a month, the one that began last prices it, in any order."""
    old, new = grid("A", "2023-01-01..", "gfu: 1"), grid("B", "2025-07-01..2025-09-30", "gfu: 2")
    for grids in ((old, new), (new, old)):
        priced = [
            getattr(grid_in_force(grids, Month(2025, n)), "version", "") for n in range(5, 12)
        ]
        assert priced == ["A", "A", "B", "B", "B", "A", "A"]

    assert grid_in_force((old, new), Month(2022, 12)) is None


def test_the_months_of_a_year_are_grouped_by_the_grid_that_prices_them() -> None:
    """Each month once, under the version in force; those without a grid under nothing."""
    old, new = grid("A", "2025-03-01..", "gfu: 1"), grid("B", "2025-07-01..2025-09-30", "gfu: 2")

    months = months_by_version((old, new), 2025)

    numbers = {version: [month.number for month in found] for version, found in months.items()}

    assert numbers == {"": [1, 2], "A": [3, 4, 5, 6, 10, 11, 12], "B": [7, 8, 9]}


def test_the_last_day_of_a_grid_still_prices_its_month() -> None:
    """Both ends are included: a grid that ends on the first of a month prices that month."""
    ending = grid("A", "2025-02-01..2025-09-01", "gfu: 1")

    assert [n for n in range(1, 13) if ending.covers(Month(2025, n))] == list(range(2, 10))


def test_a_grid_that_begins_inside_a_month_waits_for_the_next() -> None:
    """A month has one price: that of its first day."""
    old, new = grid("A", "2023-01-01..", "gfu: 1"), grid("B", "2025-07-02..", "gfu: 2")

    assert grid_in_force((old, new), Month(2025, 7)) == old
    assert grid_in_force((old, new), Month(2025, 8)) == new


@pytest.mark.parametrize(
    "old,new,path,words",
    [
        ('version = "2030"', "", "version", "texte"),
        ('version = "2030"', "version = 2030", "version", "texte"),
        ('title = "Grille fictive"', 'title = "  "', "title", "texte"),
        ("valid_to =", "valid_until =", "valid_until", "inconnue"),
        ("valid_from = 2030-01-01", 'valid_from = "2030-01-01"', "valid_from", "date"),
        ("valid_from = 2030-01-01", "valid_from = 2030-01-01T00:00:00", "valid_from", "date"),
        ("2030-12-31", "2030-12-31T00:00:00", "valid_to", "date"),
        ("2030-12-31", "2029-12-31", "valid_to", "précède"),
        ('"per_user_month"', '"per_day"', "services.stockage.shape", "forme"),
        ('label = "Stockage"', "", "services.stockage.label", "texte"),
        ('vat = { category = "S", rate = 20 }', "", "services.stockage.vat", "table"),
        ("rate = 20", "rate = 20, code = 1", "services.stockage.vat.code", "inconnue"),
        ("rate = 20", 'rate = "20"', "services.stockage.vat", "taux"),
        ("rate = 20", "rate = true", "services.stockage.vat", "taux"),
        ("rate = 20", "rate = nan", "services.stockage.vat", "taux"),
        ("rate = 20", "rate = inf", "services.stockage.vat", "taux"),
        ("rate = 20", "rate = 0", "services.stockage.vat", "taux"),
        ('"S", rate = 20', '"E"', "services.stockage.vat", "motif"),
        (
            '"S", rate = 20',
            '"E", rate = "20", reason = "CGI"',
            "services.stockage.vat",
            "sans taux",
        ),
        ('"S", rate = 20', '"Z", rate = 20', "services.stockage.vat", "catégorie"),
        (", 2 = [14.40, 13.68]", "", "services.stockage.components", "paliers"),
        ("[14.40, 13.68]", "[14.40]", "services.stockage.components", "catégories"),
        ('"syndicat"', '"fournisseur"', "services.stockage.components", "même code"),
        ("{ 1 = [1, 1], 2 = [1, 1] }", "{}", "services.stockage.components[1].tiers", "palier"),
        ("2 = [1, 1]", "0 = [1, 1]", "services.stockage.components[1].tiers.0", "palier"),
        ("2 = [1, 1]", "02 = [1, 1]", "services.stockage.components[1].tiers.02", "palier"),
        ("2 = [1, 1]", "2 = []", "services.stockage.components[1].tiers.2", "liste"),
        ("2 = [1, 1]", "2 = 1", "services.stockage.components[1].tiers.2", "liste"),
        ("tiers = { 1 = [1", "prices = [1, 1]\n#", "services.stockage.components", "paliers"),
        ("tiers = { 1 = [1", "#", "services.stockage.components[0]", "prices"),
        ("2 = [1, 1] }", "2 = [1, 1] }\nprices = [1]", "services.stockage.components[1]", "soit"),
        ("10.80", '"10.80"', "services.stockage.components[0].tiers.1", "catégorie 1"),
        ("10.80", "10.805", "services.stockage.components[0].tiers.1", "deux décimales"),
        ("10.80", "-10.80", "services.stockage.components[0].tiers.1", "catégorie 1"),
        ("10.80", "true", "services.stockage.components[0].tiers.1", "catégorie 1"),
        ("10.80", "nan", "services.stockage.components[0].tiers.1", "catégorie 1"),
        ("10.80", "1e999999999", "services.stockage.components[0].tiers.1", "catégorie 1"),
        ("10.80", "1e-999999999", "services.stockage.components[0].tiers.1", "deux décimales"),
    ],
)
def test_each_mistake_has_its_path(old: str, new: str, path: str, words: str) -> None:
    """A mistake is named once, by its place in the file and in words finance understands."""
    ((where, message),) = mistakes(spoiled((old, new)))

    assert where == path
    assert words in message


def test_all_mistakes_come_at_once() -> None:
    """Nobody has to run the program once for each mistake of a file."""
    found = mistakes(
        spoiled(
            ("valid_to = 2030-12-31", "valid_to = 2029-12-31\nnote = 1"),
            ("rate = 20", "rate = 120"),
            ('label = "part du fournisseur"', ""),
            ("10.80, 10]", '"10,80", 10.001]'),
            ('code = "syndicat"', "colour = 1"),
        )
    )
    component = "services.stockage.components"

    assert sorted(where for where, _ in found) == sorted(
        ["valid_to", "note", "services.stockage.vat", f"{component}[0].label"]
        + [f"{component}[0].tiers.1"] * 2
        + [f"{component}[1].code", f"{component}[1].colour"]
    )


@pytest.mark.parametrize(
    "text,path",
    [
        ("services = 1", "services"),
        ("[services]", "services"),
        ("[services]\ngfu = 1", "services.gfu"),
        ('[services.gfu]\nlabel = "GFU"', "services.gfu.components"),
        ("[services.gfu]\ncomponents = [1]", "services.gfu.components[0]"),
        ("[[services.gfu.components]]\ntiers = 1", "services.gfu.components[0].tiers"),
    ],
)
def test_a_file_of_another_shape_is_refused(text: str, path: str) -> None:
    """A value where a table is expected is a mistake with a path, not a crash."""
    assert path in [where for where, _ in mistakes(text)]


@pytest.mark.parametrize(
    "content", [b"version = ", b"\xff\xfe", b"valid_from = 2030-13-01", b"a = " + b"9" * 5000]
)
def test_what_is_no_toml_is_refused(content: bytes) -> None:
    """A syntax error names the file and what to correct, without findings."""
    with pytest.raises(TariffError, match=r"essai\.toml est illisible") as caught:
        parse_grid(content, "essai.toml")

    assert "TOML" in caught.value.remedy
    assert not caught.value.findings
