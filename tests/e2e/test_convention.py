"""The rules of the convention (docs/convention.md), each followed from end to end by its test."""

import csv
import json
import re
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from lxml import html

from chorus_sandbox.ledger.ledger import read_invoices
from tests.documents.pages import page, rows
from tests.e2e.program import Said, run
from tests.support.offices import PARKED, YEAR, Desk, number, open_desk
from worker.accounting.interest import late_invoices
from worker.billing.consumption import french_outside
from worker.imports import ImportKind
from worker.issuing.acceptances import accept_outside
from worker.issuing.batch import MemberResult
from worker.service.heartbeat import due_year
from worker.service.local_portal import LEDGER
from worker.storage import invoices
from worker.storage.year import statements

ONE = "BSN-2026-00001"
NAME, EMAIL = "Dominique Fictif", "dominique@mairie-fictive.example"
SENDER = {"CHORUS_WORKER_MAIL__SENDER": "facturation@syndicat-fictif.example"}


@pytest.fixture(name="billed")
def _billed(played: tuple[Path, Said]) -> Path:
    """The configuration of a year that was billed and deposited, shared by all. Read only."""
    return played[0] / "worker.toml"


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """The same members before their year is billed, on 5 January, with a clock that moves."""
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path)


def answer(config: Path, *words: str) -> dict[str, Any]:
    """What a command says in JSON."""
    said = run(*words, "--json", config=config)
    assert said.code in {0, 1}, said.err
    return said.json


def issued(config: Path) -> list[dict[str, Any]]:
    """The invoices of the year that have a number."""
    found = answer(config, "status", str(YEAR))["invoices"]
    return [one for one in found if one["number"]]


def usage_rows(config: Path) -> list[list[str]]:
    """The usage file that was imported: SIRET, service, tier, month, users, below its header."""
    path = config.parent / "exemples" / "usage.csv"
    return list(csv.reader(path.read_text("utf-8-sig").splitlines(), delimiter=";"))


def cents(text: str) -> int:
    """An amount of JSON."""
    return int(Decimal(text) * 100)


def by_member(desk: Desk) -> dict[str, MemberResult]:
    """What the batch does about each member."""
    return {one.member.siret: one.result for one in desk.issue()}


def test_c1_a_contribution_rests_on_what_was_consumed(billed: Path) -> None:
    """Each month of each line is a row of the imported file, and quantities are their sums."""
    lines = answer(billed, "audit", "explain", ONE)["invoice"]["lines"]
    rows = usage_rows(billed)

    assert lines
    for line in lines:
        assert line["quantity"] == sum(month["users"] for month in line["months"])
        for month in line["months"]:
            _, service, _, written, users = rows[month["origin"]["row"] - 1]
            assert (service, int(users)) == (line["service"], month["users"])
            assert written == "/".join(reversed(month["month"].split("-")))


def test_c2_a_year_is_billed_in_january_and_caught_up_after_an_outage(desk: Desk) -> None:
    """Never before it is over; once, however often the batch runs; late, if it must."""
    due = {}
    for day in (datetime(2025, 12, 31, 9, tzinfo=UTC), datetime(2026, 1, 5, 9, tzinfo=UTC)):
        desk.clock.now = day
        due[day.year] = due_year(desk.app)
    desk.clock.now = datetime(2026, 3, 20, 9, tzinfo=UTC)
    late = due_year(desk.app)
    desk.run(deposits=False)
    first = [one.number for one in desk.invoices()]
    desk.run(deposits=False)

    assert due == {2025: None, 2026: YEAR}
    assert late == YEAR
    assert len(first) > 1
    assert [one.number for one in desk.invoices()] == first


def test_c3_each_member_receives_the_statement_that_its_invoice_rests_on(
    demo: Path, tmp_path: Path
) -> None:
    """Numbered, of the same total to the cent; the archived PDF goes to the contact."""
    invoice = answer(demo, "show", ONE)
    siret = invoice["invoice"]["member_siret"]
    run("contacts", "correct", siret, "--name", NAME, "--email", EMAIL, config=demo)
    said = run(
        *("mail", "statements", str(YEAR), "--dry-run", tmp_path / "mail"), config=demo, env=SENDER
    )
    message = message_from_bytes((tmp_path / "mail" / f"{siret}.eml").read_bytes(), policy=default)
    body = message.get_body(("plain",))
    text = body.get_content() if isinstance(body, EmailMessage) else ""
    [piece] = message.iter_attachments()
    [kept] = [one["sha256"] for one in invoice["documents"] if one["kind"] == "statement.pdf"]
    archived = demo.parent / "donnees" / "archive" / kept[:2] / kept
    total = sum(cents(line["total_ttc"]) for line in invoice["invoice"]["lines"])

    assert said.code in {0, 1}, said.err
    assert total == cents(invoice["invoice"]["total_ttc"])
    assert invoice["invoice"]["statement"] in text
    assert piece.get_content() == archived.read_bytes()
    assert f"{total // 100:,}".replace(",", " ") in re.sub(r"[\u202f\xa0]", " ", text)


def test_c4_one_invoice_a_year_and_member_is_on_chorus_pro(demo: Path) -> None:
    """Deposited, followed, each once; the batch run again adds none."""
    before = issued(demo)
    again = run("run", str(YEAR), config=demo)
    held = read_invoices(demo.parent / "donnees" / LEDGER)
    members = Counter(one["member_siret"] for one in issued(demo))

    assert again.code in {0, 1}, again.err
    assert set(members.values()) == {1}
    assert sorted(one.number for one in held) == sorted(one["number"] for one in before)
    assert {one["status"] for one in before} == {"integrated"}


def test_c5_the_agreed_price_includes_tax(billed: Path) -> None:
    """TTC is units by agreed price; HT and VAT are derived from it, and add up to it."""
    lines = 0
    for one in issued(billed)[:3]:
        invoice = answer(billed, "show", one["number"])["invoice"]
        for line in invoice["lines"]:
            lines += 1
            assert cents(line["total_ttc"]) == line["quantity"] * cents(line["unit_price_ttc"])
        assert cents(invoice["total_ht"]) + cents(invoice["total_vat"]) == cents(
            invoice["total_ttc"]
        )
        assert cents(invoice["total_ttc"]) == sum(cents(x["total_ttc"]) for x in invoice["lines"])

    assert lines > 3


def test_c6_prices_are_revised_each_year_and_the_used_grid_stays(demo: Path) -> None:
    """The invoice names its grid; the next one is written from it, and the used one is frozen."""
    used = answer(demo, "audit", "explain", ONE)["invoice"]["grids"]
    source = ("--source", "indice fictif du marché")
    new = run("tariff", "new", "--from", str(YEAR), "--coefficient", "1.021", *source, config=demo)
    before, after = (answer(demo, "tariff", "show", str(year)) for year in (YEAR, YEAR + 1))
    first, revised = (told["grids"][-1] for told in (before, after))
    kept = answer(demo, "audit", "explain", ONE)["invoice"]["grids"]
    [file] = (demo.parent / "tarifs").glob("2023.toml")
    file.write_text(file.read_text("utf-8").replace("10.80", "10.90"), "utf-8")
    changed = run("run", str(YEAR), config=demo)

    assert new.code == 0, new.err
    assert first["version"] == used[0]["version"] != revised["version"]
    for old, price in zip(first["prices"], revised["prices"], strict=True):
        exact = Decimal(old["price_ttc"]) * Decimal("1.021")
        assert abs(Decimal(price["price_ttc"]) - exact) <= Decimal("0.005")

    assert kept == used
    assert changed.code != 0
    assert "2023" in changed.err


def test_c7_an_engagement_is_given_each_year_and_never_carried_over(desk: Desk) -> None:
    """Without this year's, no number is spent; with it, the invoice bears it."""
    header = "siret;annee;code_service;engagement"
    desk.write(ImportKind.REFERENCES, header, f"{PARKED};{YEAR - 1};;ENG-ANCIEN")
    first = by_member(desk)[PARKED]
    desk.write(ImportKind.REFERENCES, header, f"{PARKED};{YEAR};;ENG-NOUVEAU")
    second = by_member(desk)[PARKED]
    with desk.app.reading() as session:
        current = invoices.current(session, PARKED, YEAR)
        assert current is not None
        engagement = invoices.content(session, current.id).engagement

    assert (first, second) == (MemberResult.PARKED, MemberResult.ISSUED)
    assert engagement == "ENG-NOUVEAU"


def test_c8_late_payment_bears_the_legal_interest_and_invoices_nothing(desk: Desk) -> None:
    """From the day after the due date, by dated rates with their source; the books stay as are."""
    desk.issue()
    desk.deposit()
    desk.clock.advance(minutes=1)
    desk.follow()
    desk.clock.advance(days=120)
    before = desk.invoices()
    found = {one.invoice.number: one for one in late_invoices(desk.app, date(2026, 6, 30))}
    [stretch] = found[number(1)].interest.stretches
    due = desk.one(number(1)).due_date
    owed = stretch.principal.cents * stretch.percent / 100 * stretch.days / stretch.year_days

    assert due is not None
    assert (stretch.first - due).days == 1
    assert stretch.source
    assert abs(found[number(1)].interest.amount.cents - owed) <= Decimal("0.5")
    assert desk.invoices() == before


def test_c9_use_outside_a_subscription_is_a_finding_and_never_a_line(desk: Desk) -> None:
    """It holds the member back; accepted, it is said on the statement and not billed."""
    siret = "99900007800017"
    usage = "siret;service;palier;mois;utilisateurs"
    desk.write(ImportKind.USAGE, usage, f"{siret};stockage;5;{YEAR}-03;4")
    first = by_member(desk)[siret]
    accept_outside(desk.app, siret, YEAR, "comptes fermés en retard")
    second = by_member(desk)[siret]
    with desk.app.reading() as session:
        said = next(one for one in statements(session, YEAR) if one.member.siret == siret)

    assert (first, second) == (MemberResult.PARKED, MemberResult.ISSUED)
    assert french_outside(said.outside).endswith("stockage 5 To, 4 utilisateurs (mars 2025).")
    assert not [line for line in said.lines if line.tier == 5]


def test_c10_each_member_has_one_contact_to_whom_its_letters_go(demo: Path, tmp_path: Path) -> None:
    """The last one that was given; apart from what is invoiced."""
    siret = issued(demo)[0]["member_siret"]
    for name, email in (("Claude Fictive", "claude@mairie-fictive.example"), (NAME, EMAIL)):
        run("contacts", "correct", siret, "--name", name, "--email", email, config=demo)
    run("mail", "statements", str(YEAR), "--dry-run", tmp_path / "mail", config=demo, env=SENDER)
    message = message_from_bytes((tmp_path / "mail" / f"{siret}.eml").read_bytes(), policy=default)
    told = answer(demo, "contacts", "show", siret)["contacts"]

    assert [one.addr_spec for one in message["To"].addresses] == [EMAIL]
    assert [one["email"] for one in told if one["superseded_at"] is None] == [EMAIL]
    assert NAME not in json.dumps(answer(demo, "show", ONE), ensure_ascii=False)


def test_c11_a_contact_can_be_seen_corrected_and_erased_and_is_in_no_proof(
    demo: Path, tmp_path: Path
) -> None:
    """Erased, no file of the data has it any more, and the books verify as before."""
    siret = issued(demo)[0]["member_siret"]
    run("contacts", "correct", siret, "--name", NAME, "--email", EMAIL, config=demo)
    run("contacts", "export", siret, "--to", tmp_path / "droit.json", config=demo)
    erased = run("contacts", "erase", siret, "--reason", "à sa demande", config=demo)
    verified = run("journal", "verify", config=demo)
    data = [path for path in (demo.parent / "donnees").rglob("*") if path.is_file()]
    holding = [path.name for path in data if EMAIL.encode() in path.read_bytes()]

    assert EMAIL in (tmp_path / "droit.json").read_text("utf-8")
    assert (erased.code, verified.code) == (0, 0), verified.err
    assert holding == []


def test_c12_use_is_added_up_over_the_territory(billed: Path, tmp_path: Path) -> None:
    """By month, service and tier over all members, the dossier has what was imported."""
    said = run("audit", "dossier", str(YEAR), "--to", tmp_path / "dossier", config=billed)
    overview = html.parse(tmp_path / "dossier" / "index.html")
    [table] = overview.xpath("//table[caption/@id='t-territoire']")
    shown = Counter(
        int(re.sub(r"\D", "", cell.text_content()) or 0)
        for cell in table.xpath(".//td[contains(@class, 'n')]")
    )
    sums = Counter[tuple[str, str, str]]()
    for _, service, tier, month, users in usage_rows(billed)[1:]:
        sums[service, tier, month] += int(users)

    assert said.code == 0, said.err
    assert Counter(sums.values()) - shown == Counter()


def test_each_rule_of_the_convention_has_its_test() -> None:
    """Those of the page and no other."""
    rules = {cells[0] for cells in rows(page("docs/convention.md")) if cells[0].startswith("C")}
    tested = {name.split("_")[1].upper() for name in globals() if re.match(r"test_c\d", name)}

    assert tested == rules
