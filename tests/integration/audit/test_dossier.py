"""The dossier and the site: what is in them, who can read it, and that no text does any harm."""

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import String
from sqlmodel import AutoString, SQLModel

from tests.support.deposit_story import MEMBERS, play
from tests.support.intruder import alter
from tests.support.offices import PARKED, YEAR, Desk, number, open_desk
from tests.support.written_pages import Page, pages_of, read
from tests.support.written_tables import HOSTILE
from worker.audit.dossier import build
from worker.audit.dossier.build import build_dossier, build_site
from worker.audit.dossier.collection import tables
from worker.audit.dossier.folder import MARKER
from worker.audit.dossier.pages import ASSETS
from worker.billing.money import NARROW_NO_BREAK, NO_BREAK, Money, french
from worker.cli.console import DONE, TO_LOOK_AT
from worker.cli.dossier import dossier as typed_dossier
from worker.cli.dossier import site as typed_site
from worker.errors import WrongUse
from worker.service.opening import open_app
from worker.storage import journal

READ_BY_THE_PROGRAM = {
    "invoice.status": "one of a list",
    "invoice.kind": "one of a list",
    "invoice.trouble": "one of a list",
    "document.kind": "one of a list",
    "invoice.findings": "JSON",
    "validation_report.findings": "JSON",
    "invoice.snapshot": "JSON, altered inside",
    "statement.snapshot": "JSON, altered inside",
    "journal_event.payload": "JSON, altered inside",
    "tariff_grid.content": "TOML whose hash is kept: another text is no grid",
}
"""Columns in which any text stops the program, or a page of it: what is inside is tried."""
KEYS = {
    "invoice.number",
    "statement.number",
    "journal_event.subject",
    "journal_event.tag",
    "journal_event.at",
    "journal_event.actor",
    "document.sha256",
    "source_file.sha256",
    "source_file.kind",
    "tariff_grid.version",
    "tariff_grid.sha256",
}
"""Texts by which things find one another: with these altered too, most pages only say so."""
INSIDE = {
    "name",
    "label",
    "description",
    "explanation",
    "text",
    "line1",
    "city",
    "reason",
    "contract",
    "service_code",
    "engagement",
    "actor",
    "detail",
}
"""Names of free texts in what is kept as JSON."""


TEXTS = (String, AutoString)
"""What a column of text is; an instant is neither."""
SCRIPT = "<script>alert(1)</script>"


POLICY = (
    "default-src 'none'; style-src 'self' file:; script-src 'self' file:; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)


@pytest.fixture(name="desk", scope="module")
def _desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """An office to which all happened."""
    folder = tmp_path_factory.mktemp("dossier")
    desk = open_desk(tmp_path_factory.getbasetemp(), folder, issued=MEMBERS)
    play(desk)
    return desk


@pytest.fixture(name="built", scope="module")
def _built(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its dossier."""
    folder = tmp_path_factory.mktemp("built") / "dossier"
    build_dossier(desk.app, YEAR, folder)
    return folder


@pytest.fixture(name="published", scope="module")
def _published(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its site."""
    folder = tmp_path_factory.mktemp("published") / "site"
    build_site(desk.app, folder)
    return folder


def invoice_page(folder: Path, rank: int) -> Page:
    """The page of the invoice issued in this rank."""
    return read(folder / "factures" / f"{number(rank)}.html")


def test_every_page_is_for_everyone_and_leads_inside_the_folder(
    built: Path, published: Path
) -> None:
    """Outline, tables, drawings, names and each link, of the dossier and of the site."""
    faults = {
        str(page.path): page.faults() for folder in (built, published) for page in pages_of(folder)
    }

    assert {path: found for path, found in faults.items() if found} == {}
    assert len(faults) > 30


def test_a_page_asks_for_nothing_but_its_style_and_its_script(built: Path) -> None:
    """By its own policy; no script or style stands in it."""
    policies = set()
    for page in pages_of(built):
        policies.update(page.values("//meta[@http-equiv='Content-Security-Policy']/@content"))
        assert page.texts("//script | //style") == [""]
        assert page.values("//@style") == []

    assert policies == {POLICY}
    assert not [name for name in ASSETS if "http" in (built / name).read_text("utf-8")]


def test_every_table_is_there_as_csv_and_workbook(desk: Desk, built: Path) -> None:
    """And on the page of tables, with its rows counted."""
    with desk.app.reading() as session:
        known = {one.name: len(list(one.rows())) for one in tables(session, YEAR)}
    page = read(built / "tables.html")
    told = {
        row.xpath("string(td[1])"): int(row.xpath("string(td[2]/@data-v)"))
        for row in page.all("//tbody/tr")
    }

    assert told == known
    assert {path.name for path in (built / "tables").iterdir()} == {
        f"{name}.{suffix}" for name in known for suffix in ("csv", "xlsx")
    }


def test_every_document_is_there_with_its_bytes(desk: Desk, built: Path) -> None:
    """Those of older versions and the reports of the portal too, each led to from its page."""
    kept = desk.archived()
    given = {
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (built / "documents").rglob("*")
        if path.is_file() and path.name != "validation.json"
    }
    recorded = {
        sha256
        for one in desk.invoices()
        if one.number
        for sha256 in (
            *(document.sha256 for document in desk.documents(one.number)),
            *(seen.evidence for seen in desk.observations(one.number) if seen.evidence),
        )
    }
    linked = {
        (page.path.parent / to).resolve()
        for page in pages_of(built)
        for to in page.values("//a/@href[contains(., 'documents/')]")
    }

    assert given == recorded <= kept.keys()
    assert {path for path in linked if path.is_file()} == linked
    assert len(linked) >= len(recorded)


def test_an_invoice_is_explained_down_to_its_rows(desk: Desk, built: Path) -> None:
    """Lines, months with their file and row, the grid, deposits, the portal's words, events."""
    page = invoice_page(built, 2)
    one = desk.one(number(2))
    text = " ".join(page.texts("//main"))

    assert page.texts("//h1") == [f"Facture {number(2)}"]
    assert "usage.csv, ligne" in text
    assert "Recalculé à la construction de cette page" in text
    assert len(page.all("//section[@aria-labelledby='depots']//tbody/tr")) == len(
        desk.attempts(one.number)
    )
    assert "SUSPENDUE" in page.texts("//section[@aria-labelledby='portail']//td")
    assert "facture émise" in page.texts("//section[@aria-labelledby='journal']//td")


def test_what_is_read_has_the_signs_of_french(built: Path) -> None:
    """Amounts, dates and colons as they are printed, in the source as in what is computed."""
    text = read(built / "index.html").root.text_content() + (
        invoice_page(built, 1).root.text_content()
    )

    assert f"3{NARROW_NO_BREAK}196,80{NO_BREAK}€" in text
    assert f"5{NO_BREAK}janvier{NO_BREAK}2026" in text
    assert f"vue d’ensemble{NO_BREAK}" not in text
    assert f"2025{NO_BREAK}: vue" in text


def test_the_overview_adds_up(desk: Desk, built: Path) -> None:
    """What is billed, by state and as a whole; deposits by day and by document; users by month."""
    page = read(built / "index.html")
    numbered = [one for one in desk.invoices() if one.number]
    states = [int(one) for one in page.texts("//section[@aria-labelledby='etats']//tbody/tr/td[2]")]
    days = page.texts("//section[@aria-labelledby='calendrier']//tbody/tr/td")
    tries = page.all("//section[@aria-labelledby='tentatives']//tbody/tr")
    told = [
        int(row.xpath("string(th)").split()[0]) * int(row.xpath("string(td[1])")) for row in tries
    ]
    made = sum(len(desk.attempts(one.number)) for one in numbered)
    billed = str(page.all("//dl/div[1]/dd")[0].text_content())

    assert billed == french(Money.sum(one.signed_total for one in numbered))
    assert sum(states) == len(numbered)
    assert sum(map(int, days)) == sum(told) == made
    assert len(page.all("//section[@aria-labelledby='territoire']//tbody/tr")) == len(
        page.all("//section[@aria-labelledby='territoire']//figure")
    )


def test_every_member_of_the_year_has_its_situation(desk: Desk, built: Path) -> None:
    """Billed with its invoice, or held back with the reason."""
    page = read(built / "membres.html")
    rows = {str(row.xpath("string(td[1]/@data-v)")): row for row in page.all("//tbody/tr")}
    situations = {siret: str(row.xpath("string(td[2])")) for siret, row in rows.items()}

    assert rows.keys() == {one.siret for one in desk.invoices()}
    assert situations[PARKED] == "retenu"
    assert str(rows[PARKED].xpath("string(td[4])"))
    assert situations[desk.one(number(5)).siret] == "mis de côté"
    assert set(situations.values()) == {"retenu", "facturé", "mis de côté"}


def test_an_imported_file_is_told_by_name_with_its_copy(built: Path) -> None:
    """With its hash and who brought it in."""
    page = read(built / "fichiers.html")

    assert set(page.texts("//tbody/tr/th")) == {
        "members.csv",
        "subscriptions.csv",
        "usage.csv",
        "references.csv",
    }
    assert set(page.texts("//tbody/tr/td[5]")) == {"copie"}
    assert all(len(one) == 64 for one in page.texts("//tbody/tr/td[6]"))


def test_the_journal_has_every_event_in_order(desk: Desk, built: Path) -> None:
    """Each by its French name, led to the page of what it is about."""
    page = read(built / "journal.html")
    told = page.texts("//tbody/tr/th")
    with desk.app.reading() as session:
        end = journal.head(session)

    assert told == [str(rank + 1) for rank in range(end.seq)]
    assert f"factures/{number(1)}.html" in page.values("//tbody//a/@href")
    assert not [one for one in page.texts("//tbody/tr/td[2]") if "." in one]


def test_the_site_has_the_same_pages_without_documents(built: Path, published: Path) -> None:
    """Those of a year in a folder of their own; no table, no document, no copy of a file."""
    own = {
        str(path.relative_to(published / str(YEAR)))
        for path in (published / str(YEAR)).rglob("*.html")
    }
    of_dossier = {str(path.relative_to(built)) for path in built.rglob("*.html")}
    common = {"grilles.html", "journal.html", "verifier.html"}

    assert own == of_dossier - common - {"tables.html"}
    assert common | {"index.html", *ASSETS, MARKER} == {
        path.name for path in published.iterdir() if path.is_file()
    }
    assert not [path for path in published.rglob("*") if path.suffix in {".csv", ".xlsx", ".pdf"}]


def test_a_dossier_is_its_owners_alone_and_a_site_its_groups_too(
    built: Path, published: Path
) -> None:
    """Whatever the umask."""
    modes = {
        folder: {path.stat().st_mode & 0o777 for path in (folder, *folder.rglob("*"))}
        for folder in (built, published)
    }

    assert modes == {built: {0o700, 0o600}, published: {0o750, 0o640}}


def test_a_year_of_which_nothing_is_known_has_no_dossier(desk: Desk, tmp_path: Path) -> None:
    """A mistyped year is said, and nothing is written."""
    with pytest.raises(WrongUse, match="2019"):
        build_dossier(desk.app, 2019, tmp_path / "dossier")

    assert list(tmp_path.iterdir()) == []


def test_a_piece_that_the_archive_lacks_is_named_and_stops_nothing(
    desk: Desk, tmp_path: Path
) -> None:
    """On the overview and the page of its invoice; the others are there."""
    (lost,) = [one for one in desk.documents(number(4)) if one.kind == "statement.pdf"]
    piece = desk.app.store.archive.folder / lost.sha256[:2] / lost.sha256
    piece.rename(tmp_path / "away")
    outcome = build_dossier(desk.app, YEAR, tmp_path / "dossier")
    (tmp_path / "away").rename(piece)

    assert len(outcome.unusable) == 1
    assert f"{number(4)}, statement.pdf" in outcome.unusable[0]
    assert "1 pièce" in " ".join(read(tmp_path / "dossier" / "index.html").texts("//main"))
    assert "l’archive ne l’a pas donné" in " ".join(
        invoice_page(tmp_path / "dossier", 4).texts("//main")
    )


def test_the_commands_say_what_was_written(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For people, and as JSON."""
    code = typed_dossier(YEAR, tmp_path / "dossier", desk.config)
    told = capsys.readouterr().out
    site_code = typed_site(tmp_path / "site", desk.config, as_json=True)
    answer = json.loads(capsys.readouterr().out)

    assert (code, site_code) == (DONE, DONE)
    assert "12 factures et avoirs" in told
    assert answer == {
        "ok": True,
        "folder": str(tmp_path / "site"),
        "documents": 12,
        "unusable": [],
        "differing": [],
        "altered": [],
    }


@pytest.fixture(name="altered")
def _altered(desk: Desk, tmp_path: Path) -> Desk:
    """A copy of the office, to alter."""
    shutil.copytree(desk.folder, tmp_path / "office")
    config = tmp_path / "office" / desk.config.name
    return replace(desk, config=config, app=open_app(config, desk.clock))


def test_an_altered_row_is_said_on_the_page_of_its_invoice(
    altered: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the overview too, and by the exit code."""
    alter(
        altered.folder / "donnees" / "worker.sqlite",
        "UPDATE usage_record SET users = users + 1 WHERE month = 3",
    )
    code = typed_dossier(YEAR, tmp_path / "dossier", altered.config)

    assert code == TO_LOOK_AT
    assert "Documents qui diffèrent de leurs lignes" in capsys.readouterr().out
    assert "mars" in " ".join(invoice_page(tmp_path / "dossier", 1).texts("//li"))


def text_columns() -> dict[str, str]:
    """Every column of the database that holds a text, by table and name."""
    return {
        f"{table.name}.{column.name}": column.name
        for table in SQLModel.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, TEXTS)
    }


def write_hostile(database: Path, columns: set[str]) -> None:
    """Texts that harm a page, a shell or a spreadsheet, another in each row of these columns."""
    alter(database, "")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for key in sorted(columns):
            table, column = key.split(".")
            rows = connection.execute(
                f"SELECT rowid FROM {table} WHERE {column} IS NOT NULL"
            ).fetchall()
            connection.executemany(
                f"UPDATE OR IGNORE {table} SET {column} = ? WHERE rowid = ?",
                [(f"{HOSTILE[row % len(HOSTILE)]}{row}", row) for (row,) in rows],
            )
        for table, column in (
            ("invoice", "snapshot"),
            ("statement", "snapshot"),
            ("journal_event", "payload"),
        ):
            rows = connection.execute(
                f"SELECT rowid, {column} FROM {table} WHERE {column} IS NOT NULL"
            ).fetchall()
            connection.executemany(
                f"UPDATE {table} SET {column} = ? WHERE rowid = ?",
                [(json.dumps(_hostile_inside(json.loads(text))), row) for row, text in rows],
            )
        connection.commit()


def _hostile_inside(value: object, name: str = "") -> object:
    match value:
        case dict():
            return {key: _hostile_inside(inner, key) for key, inner in value.items()}
        case list():
            return [_hostile_inside(inner, name) for inner in value]
        case str() if name in INSIDE and value:
            return SCRIPT + value
        case _:
            return value


def _free(key: str) -> bool:
    """Whether nothing else is found by a text."""
    name = key.split(".")[1]
    return key not in KEYS and name not in {"siret", "service", "table_name", "key"}


@pytest.mark.parametrize("wanted", [_free, lambda _: True], ids=["texts", "keys as well"])
def test_no_text_of_the_books_makes_an_element(
    built: Path, altered: Desk, tmp_path: Path, wanted: Callable[[str], bool]
) -> None:
    """Whatever column it is in: pages have the elements of their templates, and no other."""
    columns = text_columns().keys() - READ_BY_THE_PROGRAM.keys()
    write_hostile(
        altered.folder / "donnees" / "worker.sqlite", {key for key in columns if wanted(key)}
    )
    build_dossier(altered.app, YEAR, tmp_path / "dossier")
    pages = pages_of(tmp_path / "dossier")
    usual = set[str]().union(*(page.vocabulary for page in pages_of(built)))
    seen = "".join(str(page.root.text_content()) for page in pages)

    assert set[str]().union(*(page.vocabulary for page in pages)) - usual == set()
    assert [fault for page in pages for fault in page.faults() if "nowhere" not in fault] == []
    assert {to for page in pages for to in page.values("//script/@src")} <= {
        "site.js",
        "../site.js",
    }
    assert seen.count(SCRIPT) > 3
    assert not {"\x00", "\u202e", "\x1b"} & set(seen)


def test_every_text_column_is_tried_or_said_why_not() -> None:
    """A new one is tried by itself; one that is gone leaves the list."""
    assert READ_BY_THE_PROGRAM.keys() | KEYS <= text_columns().keys()
    assert len(text_columns()) > 60


def test_pages_come_after_the_tables_that_they_name() -> None:
    """The order of the steps is that of what they need."""
    steps = [step.__name__ for step in build.STEPS]

    assert steps.index("_write_tables") < steps.index("_write_pages")
