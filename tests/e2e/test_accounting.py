"""Money and titles as a finance officer types them: the program, its files, its answers."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from python_calamine import CalamineWorkbook

from tests.e2e.program import run
from worker.billing.period import paris_day

ONE, TWO, THREE = (f"BSN-{paris_day(datetime.now(UTC)).year}-{rank:05d}" for rank in (1, 2, 3))
ACCOUNTS = """
[titles.services.stockage]
article = "7588"
[titles.services.gfu]
article = "70878"
"""


def test_a_finance_officer_records_what_came_and_takes_it_back(demo: Path) -> None:
    """Half, the rest, one too many, a wrong one cancelled: each answer exact, each code right."""
    today = paris_day(datetime.now(UTC)).isoformat()
    total = run("show", ONE, "--json", config=demo).json["invoice"]["total_ttc"]
    rest = str(Decimal(total) - 1000)

    first = run("settle", ONE, "--on", today, "--amount", "1 000,00", config=demo)
    again = run("settle", ONE, "--on", today, "--amount", "1000", "--json", config=demo)
    last = run("settle", ONE, "--on", today, "--amount", rest, "--json", config=demo)
    more = run("settle", ONE, "--on", today, "--amount", "1", "--reference", "VIR 3", config=demo)
    reason = ("--reason", "c'était la facture 2")
    cancelled = run("settle", ONE, "--cancel", "2", *reason, "--json", config=demo)
    shown = run("show", ONE, config=demo)

    assert (first.code, "reste" in first.out) == (0, True)
    assert (again.json["already_recorded"], again.json["left"]) == (True, rest)
    assert (last.json["status"], last.json["left"]) == ("settled", "0.00")
    assert (more.code, "il n'en reste rien à payer" in more.err) == (4, True)
    assert (cancelled.json["status"], cancelled.json["left"]) == ("integrated", rest)
    assert "n° 2 (annulé)" in shown.out
    assert run("settle", ONE, config=demo).code == 2
    assert run("journal", "verify", config=demo).code == 0


def test_titles_leave_once_and_come_back_with_their_payment(demo: Path) -> None:
    """Refused without accounts; then a workbook with true types, and numbers that are shown."""
    today = paris_day(datetime.now(UTC)).isoformat()
    book = demo.parent / "titres.xlsx"
    refused = run("titles", "export", "2025", "--to", book, config=demo)
    assert (refused.code, book.exists()) == (2, False)
    demo.write_text(demo.read_text("utf-8") + ACCOUNTS, "utf-8")
    done = run("titles", "export", "2025", "--to", book, "--json", config=demo).json
    back = demo.parent / "titres-faits.csv"
    heading = "facture;exercice;bordereau;titre;date_paiement;montant"
    back.write_text(f"{heading}\n{TWO};2026;4;21;{today};100\n", "utf-8")

    taken = run("titles", "import", back, config=demo)
    twice = demo.parent / "deux-fois.csv"
    twice.write_text(f"{heading}\n{THREE};2026;4;21;;\n", "utf-8")
    title_twice = run("titles", "import", twice, "--json", config=demo)

    rows = CalamineWorkbook.from_path(str(book)).get_sheet_by_index(0).to_python()
    amounts = [row[rows[0].index("montant_ttc")] for row in rows[1:]]
    assert all(isinstance(amount, float) for amount in amounts)
    assert f"{sum(Decimal(str(amount)) for amount in amounts):.2f}" == done["total_ttc"]
    assert (done["edition"], len(done["numbers"])) == ("04", 11)
    assert taken.code == 0, taken.err
    assert (title_twice.code, title_twice.json["findings"][0]["code"]) == (2, "IMPORT-TITLE")
    (two,) = [
        one for one in run("status", "--json", config=demo).json["invoices"] if one["number"] == TWO
    ]

    assert (two["title"]["number"], two["paid"]) == ("21", "100.00")
    assert run("titles", "export", "2025", "--to", book, "--json", config=demo).json["titled"] == [
        TWO
    ]


def test_interest_without_its_rate_is_refused_by_name(demo: Path) -> None:
    """Far ahead of any published rate: exit 2, the half-year named; with one, it is exact."""
    due = datetime.fromisoformat(
        run("show", ONE, "--json", config=demo).json["invoice"]["due_on"]
    ).date()
    last = due + timedelta(days=10)
    table = demo.parent / "late_interest.toml"
    table.write_text("", "utf-8")

    refused = run("interest", "--on", last.isoformat(), config=demo)
    halves = {(day.year, 1 if day.month <= 6 else 2) for day in (due + timedelta(days=1), last)}
    table.write_text(
        "".join(
            f'[legal."{year}-{half}"]\npercent = 3.65\nsource = "essai"\n' for year, half in halves
        ),
        "utf-8",
    )
    told = run("interest", "--on", last.isoformat(), "--json", config=demo).json

    assert refused.code == 2
    assert "semestre" in refused.err
    (one,) = [line for line in told["invoices"] if line["number"] == ONE]

    assert one["days_late"] == 10
    assert {part["percent"] for part in one["stretches"]} == {"3.65"}
