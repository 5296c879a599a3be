"""The detailed statement: the same total as the invoice, and where every figure comes from."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import MEMBER, SIRET, YEAR, draft, grid, priced, subscriptions, usage
from worker.billing.consumption import consume
from worker.billing.money import ZERO, Money
from worker.billing.rating import RatedLine, rate
from worker.billing.statement import Statement


def statement(*lines: RatedLine) -> Statement:
    """The statement of the fictitious member for these lines."""
    return Statement(
        number="EDP-2026-00001",
        year=YEAR,
        member=MEMBER,
        lines=lines,
        issue_date=date(2026, 1, 12),
    )


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=20), st.integers(1, 50))
def test_statement_and_invoice_have_one_total(prices: list[int], users: int) -> None:
    """What the statement announces is what the invoice asks for, to the cent (C3)."""
    lines = priced(*prices, users=users)

    assert statement(*lines).total == draft(lines).totals.gross
    assert statement(*lines).total == Money(sum(prices) * users)


def test_a_statement_without_lines_is_zero() -> None:
    """Nothing used, nothing owed, no source."""
    empty = statement()

    assert (empty.total, empty.source_files, empty.grid_versions) == (ZERO, (), ())


def test_every_file_and_grid_is_named_once_in_order_of_use() -> None:
    """An auditor can go from any amount to the files and the grids behind it (C1)."""
    rows = (
        usage("gfu: 1×5", file="b" * 64)
        + usage("gfu: .×5 2×5", file="a" * 64)
        + usage("gfu: .×10 3×2", file="b" * 64)
    )
    consumption = consume(SIRET, YEAR, subscriptions("gfu cat 1 from 2025-01-01"), rows)
    grids = [grid("Z", "2025-01-01..", "gfu: 10"), grid("A", "2025-07-01..", "gfu: 11")]
    found = statement(*rate(consumption, grids).lines)

    assert found.source_files == ("b" * 64, "a" * 64)
    assert found.grid_versions == ("Z", "A")
    assert found.total == Money(7 * 1000 + 14 * 1100)
