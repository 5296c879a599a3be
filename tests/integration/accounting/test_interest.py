"""Late payment of the books: which invoices bear interest (C8), and the file that tells it."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from tests.support.offices import Desk, number, open_desk
from tests.support.written_tables import read_back
from worker.accounting.interest import late_invoices, table_of
from worker.accounting.settlements import record
from worker.billing.late_interest import LUMP_SUM, HalfYear, InterestRule
from worker.billing.money import Money
from worker.billing.settlement import Payment
from worker.errors import ConfigurationError
from worker.settings.interest_rates import load_rates
from worker.settings.keys import LateInterest
from worker.settings.shipped import shipped
from worker.tables.files import write_table

ONE, TWO = number(1), number(2)
JUNE = date(2026, 6, 30)


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """Two invoices at their buyers', due on 4 February, and the spring after."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path, issued=2)
    desk.deposit()
    desk.clock.advance(minutes=1)
    desk.follow()
    desk.clock.advance(days=120)
    assert desk.one(ONE).due_date == desk.one(TWO).due_date == date(2026, 2, 4)
    return desk


def by_rule(desk: Desk, rule: InterestRule) -> None:
    """Have the office compute by this rule."""
    settings = desk.app.settings.model_copy(update={"late_interest": LateInterest(rule=rule)})
    configured = replace(desk.app.configuration, settings=settings)
    desk.app = replace(desk.app, configured=configured)


def test_c8_what_is_late_bears_the_legal_rate_of_its_half_year(desk: Desk) -> None:
    """A partial payment counts from the next day; nothing is written by computing."""
    events = len(desk.events())
    record(desk.app, Payment(number=ONE, on=date(2026, 3, 6), amount=Money(1_000_00)))
    total = desk.one(ONE).total

    late = {one.invoice.number: one for one in late_invoices(desk.app, JUNE)}

    assert [
        (one.first, one.last, one.principal, str(one.percent))
        for one in late[ONE].interest.stretches
    ] == [
        (date(2026, 2, 5), date(2026, 3, 6), total, "2.62"),
        (date(2026, 3, 7), JUNE, total - Money(1_000_00), "2.62"),
    ]
    assert late[ONE].left == total - Money(1_000_00)
    assert len(desk.events()) == events + 1


def test_an_invoice_paid_late_still_bears_what_its_delay_came_to(desk: Desk) -> None:
    """Settled by a recorded payment, its interest stops that day; paid in time, it has none."""
    total = desk.one(ONE).total
    record(desk.app, Payment(number=ONE, on=date(2026, 2, 14), amount=total))
    record(desk.app, Payment(number=TWO, on=date(2026, 2, 4), amount=desk.one(TWO).total))

    (late,) = late_invoices(desk.app, JUNE)

    assert (late.invoice.number, late.interest.days, late.left) == (ONE, 10, Money(0))


def test_the_rule_of_public_contracts_is_a_setting(desk: Desk) -> None:
    """The ECB's rate, eight points above, and the lump sum of each late invoice."""
    by_rule(desk, InterestRule.PUBLIC_CONTRACT)

    late = late_invoices(desk.app, JUNE)

    assert {str(one.interest.stretches[0].percent) for one in late} == {"10.15"}
    assert {one.interest.lump_sum for one in late} == {LUMP_SUM}


def test_a_rate_that_is_not_published_yet_refuses_all(desk: Desk) -> None:
    """A half-year without rate is named, and nothing is computed with another."""
    path = desk.app.configuration.interest_rates
    invented = '[legal."2026-2"]\npercent = 2.5\nsource = "essai"\n'
    path.write_text(f"{path.read_text('utf-8')}\n{invented}", "utf-8")

    with pytest.raises(ConfigurationError, match="1er semestre 2027"):
        late_invoices(desk.app, date(2027, 1, 1))

    assert len(late_invoices(desk.app, date(2026, 12, 31))) == 2


@pytest.mark.parametrize("suffix", [".xlsx", ".csv", ".json"])
def test_the_file_has_true_types(desk: Desk, tmp_path: Path, suffix: str) -> None:
    """Read back by another program: days are dates, amounts numbers, to the cent."""
    late = late_invoices(desk.app, JUNE)
    told, path = table_of(late, JUNE), tmp_path / f"interets{suffix}"

    write_table(told, path, at=desk.clock())

    assert read_back(path, told) == [list(row) for row in told.rows()]
    assert len(late) == len(list(told.rows())) == 2


def test_every_shipped_rate_has_a_source_and_no_half_year_is_skipped() -> None:
    """From the first to the last, by both rules; the newest may not be published yet."""
    rates = load_rates(shipped("config/late_interest.toml"))

    for table in rates.values():
        known = sorted(table)
        wanted = [
            HalfYear(year, half)
            for year in range(known[0].year, known[-1].year + 1)
            for half in (1, 2)
        ]
        assert known == wanted[: len(known)]
        assert all(rate.source for rate in table.values())


@pytest.mark.parametrize(
    "text",
    [
        '[legal."2026-3"]\npercent = 2.62\nsource = "x"',
        '[legal."2026-1"]\npercent = "2.62"\nsource = "x"',
        '[legal."2026-1"]\npercent = 2.62',
        '[legal."2026-1"]\npercent = nan\nsource = "x"',
        '[legal."2026-1"]\npercent = -1\nsource = "x"',
        '[legal."2026-1"]\npercent = 2.62\nsource = " "',
        '[usury."2026-1"]\npercent = 2.62\nsource = "x"',
        "legal = 2.62",
        "[legal",
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    """A wrong half-year, percentage, source, rule or syntax: nothing is guessed."""
    path = tmp_path / "late_interest.toml"
    path.write_text(text, "utf-8")

    with pytest.raises(ConfigurationError, match="table des taux"):
        load_rates(path)


def test_a_missing_table_says_where_to_find_one(tmp_path: Path) -> None:
    """A folder of an older release has none."""
    with pytest.raises(ConfigurationError, match="n'existe pas") as raised:
        load_rates(tmp_path / "late_interest.toml")

    assert "init" in raised.value.remedy
