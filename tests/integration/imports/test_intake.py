"""Intake: a file goes in whole or not at all, and every record remembers its file and row."""

import hashlib
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from chaos import pace
from tests.golden.samples import MEMBER
from tests.integration.conftest import Place
from tests.support.imports_workbooks import ods, ods_number, ods_row, ods_text, xlsx, xlsx_row
from tests.support.storage_samples import (
    ACTOR,
    HEADERS,
    OTHER,
    SIRET,
    UNKNOWN,
    add_members,
    app_on,
    bring,
    bring_rows,
    issue_one,
    write_csv,
    writing,
)
from worker.app import App
from worker.billing.consumption import SourceRow
from worker.billing.journal import ROWS, verify
from worker.billing.members import BillingReferences, Subscription
from worker.billing.period import Month
from worker.billing.status import InvoiceStatus
from worker.errors import Finding, ImportRefused, Severity, WrongUse
from worker.imports import ImportKind, RefusedRow, Row, fingerprint, read
from worker.imports.columns import OF_THE_TREASURY
from worker.imports.intake import MOST_FINDINGS, take_in, take_rows
from worker.storage import Store, imported, invoices, journal
from worker.storage.versions import Changes

MEMBERS = (
    f"{SIRET};Communauté de Communes du Val-Fictif;2 rue du Moulin;82400;Val-d'Amont;C-1;",
    f"{OTHER};Commune fictive;1 rue A;01000;Bourg;C-2;referent@exemple.invalid",
)
TAKEN = sorted(set(ImportKind) - OF_THE_TREASURY)
"""The kinds that this room takes in."""
GOOD = {
    ImportKind.MEMBERS: MEMBERS,
    ImportKind.SUBSCRIPTIONS: (
        f"{SIRET};stockage;2 To;4;17/05/2025;",
        f"{SIRET};gfu;;4;2025-01-01;30/09/2025",
    ),
    ImportKind.USAGE: (f"{SIRET};stockage;2;2025-03;12", f"{OTHER};gfu;;04/2025;7"),
    ImportKind.REFERENCES: (f"{SIRET};2025;SERV-NUM;EJ-1", f"{OTHER};2025;;EJ-2"),
    ImportKind.UNITS: (
        f"{SIRET};formation;12/03/2025;2;FORM-1",
        f"{SIRET};formation;2025-03-12;0,5;FORM-2",
    ),
    ImportKind.POPULATION: (f"{SIRET};2025;3421", f"{OTHER};2025;812"),
    ImportKind.PREVIOUS: (f"{SIRET};2024;3 196,80 €;", f"{OTHER};2024;0;Commune fictive"),
}


@pytest.fixture
def known(store: Store, tmp_path: Path) -> Store:
    """A database that knows both members."""
    bring_rows(store, tmp_path, ImportKind.MEMBERS, *MEMBERS)
    return store


def _state(store: Store) -> dict[str, int]:
    """How many rows each table has, the journal and superseded rows included."""
    tables = (
        "source_file",
        "member",
        "member_version",
        "contact",
        "subscription",
        "usage_record",
        "billing_reference",
        "journal_event",
    )
    with store.reading() as session:
        return {
            table: session.execute(text(f"SELECT COUNT(*) FROM {table}")).scalar_one()
            for table in tables
        }


def _refused(store: Store, path: Path, kind: ImportKind) -> tuple[Finding, ...]:
    """The findings of a file that must be refused and leave no trace."""
    before = _state(store)
    with pytest.raises(ImportRefused, match=r"rien n'a été importé") as caught:
        bring(store, path, kind)
    assert _state(store) == before
    return caught.value.findings


def _usage_refused(store: Store, folder: Path, *rows: str) -> tuple[Finding, ...]:
    return _refused(store, write_csv(folder, ImportKind.USAGE, *rows), ImportKind.USAGE)


def _users(store: Store, siret: str = SIRET) -> dict[Month, int]:
    with store.reading() as session:
        return {record.month: record.users for record in imported.usage_of(session, siret, 2025)}


def test_each_kind_of_file_goes_in(known: Store, tmp_path: Path) -> None:
    """Members, subscriptions, usage and references become what the batch reads."""
    for kind in (ImportKind.SUBSCRIPTIONS, ImportKind.USAGE, ImportKind.REFERENCES):
        done = bring_rows(known, tmp_path, kind, *GOOD[kind])
        assert (done.rows, done.changes, done.findings) == (2, Changes(added=2), ())
        assert not done.already
    with known.reading() as session:
        assert imported.known_sirets(session) == {SIRET, OTHER}
        assert set(imported.subscriptions_of(session, SIRET)) == {
            Subscription(
                siret=SIRET, service="stockage", tier=2, category=4, start=date(2025, 5, 17)
            ),
            Subscription(
                siret=SIRET,
                service="gfu",
                tier=None,
                category=4,
                start=date(2025, 1, 1),
                end=date(2025, 9, 30),
            ),
        }
        assert imported.references_of(session, SIRET, 2025) == BillingReferences(
            siret=SIRET, year=2025, service_code="SERV-NUM", engagement="EJ-1"
        )
        contacts = session.execute(text("SELECT siret, email FROM contact")).all()

    assert _users(known) == {Month(2025, 3): 12}
    assert _users(known, OTHER) == {Month(2025, 4): 7}
    assert contacts == [(OTHER, "referent@exemple.invalid")]


def test_each_import_is_journaled_with_its_file(known: Store, tmp_path: Path) -> None:
    """Who, when, which bytes, how many rows did what: without any personal data."""
    path = write_csv(tmp_path, ImportKind.USAGE, *GOOD[ImportKind.USAGE], name="conso 2025.csv")
    bring(known, path, ImportKind.USAGE)
    with known.reading() as session:
        events = tuple(journal.events(session))
        assert verify(events, journal.head(session)) == ()

    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    payload = json.loads(events[-1].payload)
    written = payload.pop(ROWS)

    assert (events[-1].actor, events[-1].tag) == (ACTOR, "file.imported")
    assert events[-1].subject == sha256
    assert payload == {
        "added": 2,
        "changed": 0,
        "unchanged": 0,
        "rows": 2,
        "kept": sha256,
        "kind": "usage",
        "name": "conso 2025.csv",
    }
    assert (written["count"], len(written["sha256"])) == (3, 64)
    assert not any("referent" in event.payload for event in events)


@pytest.mark.parametrize("kind", TAKEN)
def test_the_same_file_twice_changes_nothing(
    known: Store, tmp_path: Path, kind: ImportKind
) -> None:
    """The same bytes, under any name: no row, no event, and it is said."""
    bring_rows(known, tmp_path, kind, *GOOD[kind])
    before = _state(known)
    again = bring_rows(known, tmp_path, kind, *GOOD[kind], name="copie.csv")

    assert again.already
    assert (again.rows, again.changes) == (0, Changes())
    assert _state(known) == before


@pytest.mark.parametrize("kind", TAKEN)
def test_the_same_rows_in_another_file_are_unchanged(
    known: Store, tmp_path: Path, kind: ImportKind
) -> None:
    """Other bytes, same records: the file is remembered, no record changes."""
    bring_rows(known, tmp_path, kind, *GOOD[kind])
    before = _state(known)
    again = bring_rows(known, tmp_path, kind, *reversed(GOOD[kind]), "")
    assert again.changes == Changes(unchanged=2)
    after = _state(known)

    assert {table for table in after if after[table] != before[table]} == {
        "source_file",
        "journal_event",
    }


@pytest.mark.parametrize("kind", TAKEN)
def test_a_rehearsal_says_everything_and_keeps_nothing(
    known: Store, tmp_path: Path, kind: ImportKind
) -> None:
    """``dry_run`` counts as the real import would, which then still finds all to do."""
    add_members(known, ())
    rows = [row.replace("Commune fictive", "Commune nouvelle") for row in GOOD[kind]]
    path = write_csv(tmp_path, kind, *rows, name="essai.csv")
    before = _state(known)
    rehearsal = bring(known, path, kind, dry_run=True)
    assert _state(known) == before
    real = bring(known, path, kind)

    assert rehearsal == real
    assert real.changes != Changes()
    assert _state(known) != before


def test_a_rehearsal_refuses_as_the_import_does(known: Store, tmp_path: Path) -> None:
    """A bad row is told in a rehearsal too."""
    path = write_csv(tmp_path, ImportKind.USAGE, f"{SIRET};gfu;;2025-03;douze")
    with pytest.raises(ImportRefused) as caught:
        bring(known, path, ImportKind.USAGE, dry_run=True)

    assert [finding.code for finding in caught.value.findings] == ["IMPORT-USERS"]


def test_one_bad_row_and_nothing_is_taken(known: Store, tmp_path: Path) -> None:
    """A good row beside a bad one is not taken either, in any kind of file."""
    bad = {
        ImportKind.MEMBERS: f"{UNKNOWN};Nouvelle;1 rue B;8200;Ville;C-3;",
        ImportKind.SUBSCRIPTIONS: f"{SIRET};gfu;;4;31/02/2025;",
        ImportKind.USAGE: f"{SIRET};gfu;;2025-13;1",
        ImportKind.REFERENCES: f"{SIRET};25;;",
    }
    for kind, row in bad.items():
        path = write_csv(tmp_path, kind, *GOOD[kind], row)
        (finding,) = _refused(known, path, kind)
        assert f"{kind.value}.csv, ligne 4" in finding.where


BAD_ROWS: list[tuple[str, set[tuple[str, str, str]]]] = [
    (f"{SIRET};gfu;;2025-01;-3", {("IMPORT-USERS", "utilisateurs", "-3")}),
    (f"{SIRET};gfu;;2025-02;2,5", {("IMPORT-USERS", "utilisateurs", "2,5")}),
    (f"{SIRET};gfu;;2025-03;4", set()),
    ("99900007800018;gfu;;2025-04;4", {("IMPORT-SIRET", "siret", "99900007800018")}),
    (f"{SIRET};gfu;;mars;4", {("IMPORT-MONTH", "mois", "mars")}),
    (f"{SIRET};gfu;;2025-05;", {("IMPORT-EMPTY", "utilisateurs", "")}),
    (f"{UNKNOWN};gfu;;2025-05;1", {("IMPORT-UNKNOWN-MEMBER", "siret", "")}),
    (f"{SIRET};gfu;;2025-03;5", {("IMPORT-DUPLICATE", "mois", "")}),
    (f"{SIRET};gfu;;2024-06;5", {("IMPORT-OTHER-YEAR", "mois", "")}),
    (
        f"{SIRET};gfu;;2026-02;5",
        {("IMPORT-OTHER-YEAR", "mois", ""), ("IMPORT-FUTURE", "mois", "")},
    ),
]
"""Rows of one usage file, with the code, the column and the value of what is wrong with each."""


def test_every_bad_row_is_told_with_its_place_and_remedy(known: Store, tmp_path: Path) -> None:
    """File, line, column, value and what to do, for each, in one go."""
    findings = _usage_refused(known, tmp_path, *(row for row, _ in BAD_ROWS))
    told = {(one.code, one.where.replace("\u00a0", " "), one.value) for one in findings}

    assert told == {
        (code, f"usage.csv, ligne {line}, colonne « {column} »", value)
        for line, (_, wrong) in enumerate(BAD_ROWS, start=2)
        for code, column, value in wrong
    }
    assert all(finding.remedy for finding in findings)
    assert {finding.severity for finding in findings} == {Severity.BLOCKING}


def test_a_hopeless_file_is_not_read_to_its_end(known: Store, tmp_path: Path) -> None:
    """At a thousand findings the reading stops: the file is wrong as a whole."""
    rows = [f"{UNKNOWN};service-{number};;2025-03;1" for number in range(MOST_FINDINGS + 500)]
    path = write_csv(tmp_path, ImportKind.USAGE, *rows)
    with pytest.raises(ImportRefused, match=r"1\u202f000 lignes .*arrêtée là") as caught:
        bring(known, path, ImportKind.USAGE)

    assert len(caught.value.findings) == MOST_FINDINGS


@pytest.mark.parametrize("kind", TAKEN)
def test_a_row_repeated_in_the_file_is_refused(
    known: Store, tmp_path: Path, kind: ImportKind
) -> None:
    """Which of two rows counts is not for us to choose: both lines are named."""
    first = GOOD[kind][0]
    path = write_csv(tmp_path, kind, *GOOD[kind], first, first)
    findings = _refused(known, path, kind)

    assert [finding.code for finding in findings] == ["IMPORT-DUPLICATE"] * 2
    assert [finding.where.split("ligne ")[1][0] for finding in findings] == ["4", "5"]
    assert all("ligne 2" in finding.message for finding in findings)


@pytest.mark.parametrize("kind", sorted(set(TAKEN) - {ImportKind.MEMBERS, ImportKind.PREVIOUS}))
def test_an_unknown_member_is_refused(store: Store, tmp_path: Path, kind: ImportKind) -> None:
    """Before the members' file, no other file can name them; the message says what to do."""
    findings = _refused(store, write_csv(tmp_path, kind, *GOOD[kind]), kind)

    assert [finding.code for finding in findings] == ["IMPORT-UNKNOWN-MEMBER"] * 2
    assert {SIRET} <= {word for finding in findings for word in finding.message.split()}
    assert "fichier des membres" in findings[0].remedy


def test_months_of_another_year_are_refused(known: Store, tmp_path: Path) -> None:
    """A file holds one year: the one of most of its rows."""
    (finding,) = _usage_refused(
        known,
        tmp_path,
        f"{SIRET};gfu;;2024-12;1",
        f"{SIRET};gfu;;2025-01;1",
        f"{SIRET};gfu;;2025-02;1",
    )

    assert finding.code == "IMPORT-OTHER-YEAR"
    assert "ligne 2" in finding.where
    assert "2025" in finding.message


def test_a_month_that_has_not_begun_is_refused(known: Store, tmp_path: Path) -> None:
    """The current month may be imported, the next one not."""
    (finding,) = _usage_refused(
        known, tmp_path, f"{SIRET};gfu;;2026-01;1", f"{SIRET};gfu;;2026-02;1"
    )

    assert (finding.code, "février 2026" in finding.message) == ("IMPORT-FUTURE", True)
    assert bring_rows(known, tmp_path, ImportKind.USAGE, f"{SIRET};gfu;;2026-01;1").rows == 1


def test_the_month_begins_in_paris(known: Store, tmp_path: Path) -> None:
    """At half past midnight on 1 January in Paris, it is still December in UTC."""
    path = write_csv(tmp_path, ImportKind.USAGE, f"{SIRET};gfu;;2026-01;1")

    def at(hour: int) -> App:
        return app_on(known, at=datetime(2025, 12, 31, hour, 30, tzinfo=UTC))

    with pytest.raises(ImportRefused):
        take_in(at(22), path, ImportKind.USAGE)

    assert take_in(at(23), path, ImportKind.USAGE).rows == 1


def test_a_hole_in_a_series_is_a_warning(known: Store, tmp_path: Path) -> None:
    """The file is taken, and a person is told which months are missing between which."""
    done = bring_rows(
        known,
        tmp_path,
        ImportKind.USAGE,
        f"{SIRET};stockage;2;2025-06;1",
        f"{SIRET};stockage;2;2025-01;1",
        f"{SIRET};stockage;2;2025-02;1",
        f"{SIRET};stockage;3;2025-04;1",
        f"{OTHER};stockage;2;2025-04;1",
    )
    (gap,) = done.findings

    assert gap.severity is Severity.WARNING
    assert gap.code == "IMPORT-GAP"
    assert gap.message == f"{SIRET} : stockage 2 To, rien entre février 2025 et juin 2025"
    assert "ligne 2" in gap.where
    assert done.changes == Changes(added=5)


def test_a_corrected_figure_supersedes_and_the_old_one_stays(known: Store, tmp_path: Path) -> None:
    """The auditor finds both figures, each with its file, its row and the instant it changed."""
    for users, name in ((12, "avant.csv"), (9, "après.csv")):
        done = bring_rows(
            known,
            tmp_path,
            ImportKind.USAGE,
            f"{SIRET};gfu;;2025-02;1",
            f"{SIRET};gfu;;2025-03;{users}",
            name=name,
        )
    assert done.changes == Changes(changed=1, unchanged=1)
    assert _users(known) == {Month(2025, 2): 1, Month(2025, 3): 9}
    with known.reading() as session:
        rows = session.execute(
            text(
                "SELECT u.users, f.name, u.row, u.superseded_at FROM usage_record u "
                "JOIN source_file f ON f.id = u.file_id WHERE u.month = 3 ORDER BY u.id"
            )
        ).all()

    assert rows == [
        (12, "avant.csv", 3, "2026-01-05T02:00:00.000000Z"),
        (9, "après.csv", 3, None),
    ]


def test_a_billed_year_no_longer_changes(known: Store, tmp_path: Path) -> None:
    """Another figure or a new month is refused with the invoice's number; equal ones pass."""
    bring_rows(known, tmp_path, ImportKind.USAGE, f"{SIRET};gfu;;2025-03;12")
    with writing(known) as session:
        invoice_id = issue_one(session, MEMBER)
    findings = _usage_refused(
        known,
        tmp_path,
        f"{SIRET};gfu;;2025-03;13",
        f"{SIRET};gfu;;2025-04;1",
        f"{SIRET};stockage;1;2025-03;0",
        f"{OTHER};gfu;;2025-03;5",
    )
    assert [finding.code for finding in findings] == ["IMPORT-BILLED"] * 3
    assert all("BSN-2026-00001" in finding.message for finding in findings)
    same = bring_rows(
        known,
        tmp_path,
        ImportKind.USAGE,
        f"{SIRET};gfu;;2025-03;12",
        f"{OTHER};gfu;;2025-03;5",
        name="complément.csv",
    )
    assert same.changes == Changes(added=1, unchanged=1)
    _cancel(known, invoice_id)
    again = bring_rows(known, tmp_path, ImportKind.USAGE, f"{SIRET};gfu;;2025-03;13", name="b.csv")

    assert again.changes == Changes(changed=1)


def _cancel(store: Store, invoice_id: int) -> None:
    status = InvoiceStatus
    for to in (
        status.SENDING,
        status.DEPOSITED,
        status.INTEGRATED,
        status.REJECTED,
        status.CANCELLED,
    ):
        with writing(store) as session:
            assert invoices.move(session, invoices.by_id(session, invoice_id), to)


def test_new_references_replace_the_old_ones(known: Store, tmp_path: Path) -> None:
    """Only the year's current references are read; the row they replace stays."""
    bring_rows(known, tmp_path, ImportKind.REFERENCES, f"{SIRET};2025;SERV;EJ-1")
    done = bring_rows(known, tmp_path, ImportKind.REFERENCES, f"{SIRET};2025;SERV;EJ-2")
    assert done.changes == Changes(changed=1)
    with known.reading() as session:
        assert imported.references_of(session, SIRET, 2025).engagement == "EJ-2"

    assert _state(known)["billing_reference"] == 2


def test_every_figure_knows_its_file_and_row(known: Store, tmp_path: Path) -> None:
    """From an amount back to the cell: the file's SHA-256 and the line people see."""
    path = write_csv(
        tmp_path,
        ImportKind.USAGE,
        f"{SIRET};gfu;;2025-01;1",
        "",
        f"{SIRET};gfu;;2025-02;2",
    )
    bring(known, path, ImportKind.USAGE)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    with known.reading() as session:
        sources = {r.month.number: r.source for r in imported.usage_of(session, SIRET, 2025)}

    assert sources == {
        1: SourceRow(file_sha256=sha256, row=2),
        2: SourceRow(file_sha256=sha256, row=4),
    }


def test_workbooks_go_in_as_csv_does(known: Store, tmp_path: Path) -> None:
    """An XLSX and an ODS with the same figures: the second one changes nothing."""
    header = HEADERS[ImportKind.USAGE].split(";")
    cells = (SIRET, "stockage", 2, "2025-03", 12)
    excel = xlsx(tmp_path / "a.xlsx", {"Feuille": xlsx_row(1, header) + xlsx_row(2, cells)})
    row = ods_row(*(ods_number(c) if isinstance(c, int) else ods_text(c) for c in cells))
    libre = ods(tmp_path / "b.ods", {"Feuille": ods_row(*map(ods_text, header)) + row})

    assert bring(known, excel, ImportKind.USAGE).changes == Changes(added=1)
    assert bring(known, libre, ImportKind.USAGE).changes == Changes(unchanged=1)
    assert _users(known) == {Month(2025, 3): 12}


def test_two_people_importing_at_once_do_it_once(known: Store, tmp_path: Path) -> None:
    """Of two imports of the same bytes at the same time, one is taken, the other told so."""
    path = write_csv(tmp_path, ImportKind.USAGE, *GOOD[ImportKind.USAGE])
    start = threading.Barrier(2)

    def take(_: int) -> bool:
        start.wait(pace.limit(10))
        return bring(known, path, ImportKind.USAGE).already

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(take, range(2))) == [False, True]

    assert _state(known)["usage_record"] == 2


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("kind", TAKEN)
def test_another_writer_works_while_a_slow_file_is_read(
    place: Place, tmp_path: Path, kind: ImportKind, *, dry_run: bool
) -> None:
    """The lock is taken once everything is read: a campaign under way never waits for a file."""
    store, campaign = place.open(), place.open(busy_seconds=0)
    if kind is not ImportKind.MEMBERS:
        bring_rows(store, tmp_path, ImportKind.MEMBERS, *MEMBERS)
    file = fingerprint(write_csv(tmp_path, kind, *GOOD[kind]))
    wrote = []

    def slowly() -> Iterator[Row | RefusedRow]:
        for row in read(file, kind):
            with writing(campaign) as session:
                session.execute(text("UPDATE journal_head SET seq = seq"))
            wrote.append(row)
            yield row

    done = take_rows(app_on(store), file, kind, slowly(), dry_run=dry_run)

    assert done.rows == len(wrote) == 2


def test_a_file_that_cannot_be_read_leaves_no_trace(known: Store, tmp_path: Path) -> None:
    """Missing, or with a header that does not fit: nothing of it is remembered."""
    before = _state(known)
    with pytest.raises(WrongUse, match="n'existe pas"):
        bring(known, tmp_path / "absent.csv", ImportKind.USAGE)
    with pytest.raises(ImportRefused, match="en-tête"):
        bring(known, write_csv(tmp_path, ImportKind.REFERENCES), ImportKind.USAGE)

    assert _state(known) == before
