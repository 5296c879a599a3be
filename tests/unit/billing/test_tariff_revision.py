"""The next grid: every price of every shape, times a coefficient, in a file that gives it back."""

from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.builders import grid as built
from tests.support.catalogue import example_grid
from worker.billing.money import Money
from worker.billing.tariff import TariffGrid, grid_holes
from worker.billing.tariff_reading import parse_grid
from worker.billing.tariff_revision import (
    Revision,
    Rounding,
    grid_text,
    next_grid,
    price_changes,
)

SHIPPED = Path(__file__).parents[3] / "config" / "tariffs" / "2023.toml"
GRIDS = {"example": example_grid(), "shipped": parse_grid(SHIPPED.read_bytes(), SHIPPED.name)}
COEFFICIENTS = st.decimals("0.5", "2", places=4)


def revision(coefficient: str | Decimal, rounding: Rounding = Rounding.CENT) -> Revision:
    """A revision of the year after all grids."""
    return Revision(
        coefficient=Decimal(coefficient),
        rounding=rounding,
        version="2027",
        source='Indice "fictif" \\ 2026',
        valid_from=date(2027, 1, 1),
    )


@pytest.mark.parametrize("known", GRIDS.values(), ids=GRIDS)
def test_a_grid_that_is_written_is_read_back(known: TariffGrid) -> None:
    """The file of a grid gives the same grid, to the last key of every shape."""
    grid = known
    text = grid_text(grid, "essai")
    back = parse_grid(text.encode(), "essai.toml")

    assert replace(back, sha256=grid.sha256) == grid


@pytest.mark.parametrize("known", GRIDS.values(), ids=GRIDS)
@settings(max_examples=25, deadline=None)
@given(coefficient=COEFFICIENTS, rounding=st.sampled_from(Rounding))
def test_every_price_is_multiplied_and_rounded(
    known: TariffGrid, coefficient: Decimal, rounding: Rounding
) -> None:
    """Each new price is the old one times the coefficient, half up to the step; none is left."""
    after, _ = next_grid(known, revision(coefficient, rounding))
    changes = list(price_changes(known, after))
    step = Decimal(rounding.cents)

    assert list(after.services) == list(known.services)
    for one in changes:
        exact = one.before.cents * coefficient / step
        assert one.after == Money(int(exact.quantize(Decimal(1), ROUND_HALF_UP) * step))

    assert len(changes) > 0


def test_the_next_grid_keeps_its_source_and_begins_alone() -> None:
    """Its version, source and first day are those of the revision; it has no end."""
    after, text = next_grid(GRIDS["shipped"], revision("1.032"))

    assert (after.version, after.source) == ("2027", 'Indice "fictif" \\ 2026')
    assert (after.valid_from, after.valid_to, after.decision) == (date(2027, 1, 1), None, "")
    assert "1.032" in text.splitlines()[0]


def test_a_change_is_told_in_per_cent() -> None:
    """Of 10,80 €, 3,2 % more is 11,15 €: 3,24 % once rounded."""
    after, _ = next_grid(GRIDS["shipped"], revision("1.032"))
    first = next(price_changes(GRIDS["shipped"], after))

    assert (first.before, first.after, first.percent) == (
        Money(1080),
        Money(1115),
        Decimal("3.24"),
    )


@pytest.mark.parametrize(
    "first, second, codes",
    [
        ("2024-01-01..2024-12-31", "2025-01-01..", []),
        ("2024-01-01..", "2025-01-01..", []),
        ("2024-01-01..2024-11-30", "2025-01-01..", ["TARIFF-HOLE"]),
    ],
)
def test_days_between_two_grids_are_told(first: str, second: str, codes: list[str]) -> None:
    """Days that no grid covers, between two, are a hole."""
    grids = [built("A", first, "gfu: 9.60"), built("B", second, "gfu: 9.90")]

    assert [finding.code for finding in grid_holes(grids)] == codes
    assert [finding.code for finding in grid_holes(grids, 2030)] == []


def test_a_service_that_the_next_grid_forgets_is_told() -> None:
    """A grid is complete: a service that it leaves out would have no price."""
    grids = [
        built("A", "2024-01-01..", "gfu: 9.60", "sig: 1.00"),
        built("B", "2025-01-01..", "gfu: 9.90"),
    ]

    (finding,) = grid_holes(grids)

    assert finding.code == "TARIFF-SERVICE-GONE"
    assert "sig" in finding.message
