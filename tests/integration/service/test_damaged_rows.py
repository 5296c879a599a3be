"""One unreadable row stops one thing: each column of each table, damaged, before a whole run."""

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import String
from sqlmodel import SQLModel

from tests.support.offices import PARKED, YEAR, Desk, number, open_desk
from worker.billing.status import Trouble
from worker.corrections.waiting import waiting
from worker.errors import IntegrityError
from worker.imports import ImportKind
from worker.service.bootstrap import open_verified
from worker.service.campaign import Progress
from worker.service.demo import COMPLEMENT, STORY
from worker.service.installation import DATA
from worker.storage import holds, invoices, observations
from worker.storage.observations import News
from worker.storage.tables import UtcText

FOLLOWED, ISSUED = number(2), number(10)
UNBILLED = max(case.siret for case in STORY if case.siret != PARKED)
"""One that the portal holds, one to deposit, and a member to bill: theirs are the damaged rows."""
WHOLE = {
    *("journal_head.seq", "number_series.last_value", "invoice.year", "hold.year"),
    *("portal_document.standing", "portal_document.issue_date", "portal_document.gross_cents"),
    *("portal_document.first_seen_at", "portal_document.seen_at", "portal_document.closed_at"),
    *(
        f"campaign.{column.name}"
        for column in SQLModel.metadata.tables["campaign"].columns
        if column.name != "id" and not isinstance(column.type, String)
    ),
}
"""Columns without which it cannot be decided who may be billed, or under which number."""
TOLD = {
    *(f"document.{name}" for name in ("invoice_id", "version", "kind", "size")),
    *(f"subscription.{name}" for name in ("tier", "category", "start", "end")),
    *(f"usage_record.{name}" for name in ("tier", "month", "users")),
    *(f"hold.{name}" for name in ("placed_at", "lifted_at")),
    *(f"invoice.{column.name}" for column in SQLModel.metadata.tables["invoice"].columns),
} - {"invoice.snapshot", "invoice.statement_id", "invoice.year"}
"""Columns without which one invoice or member cannot go on; the others are not read here, are read
again from the portal, or miss like a row that was never imported."""
EMPTY = {
    *("contact", "previous_amount", "confirmation", "statement_document", "unit_use", "population"),
    *("succession", "acceptance", "sent_mail", "title", "settlement"),
    *("member_nature", "erased_contact"),
}
"""Tables in which this office has no row."""
LISTS = {"status", "kind", "trouble", "standing"}
"""Columns that hold a value of a list."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A column of a table, and the row in which it is damaged."""

    table: str
    column: str

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


def _damages() -> Iterator[Damage]:
    """Every column in which a text may stand that is not what the program wrote."""
    for name, table in sorted(SQLModel.metadata.tables.items()):
        for column in table.columns:
            is_text = str(column.type).startswith(("VARCHAR", "TEXT")) and not isinstance(
                column.type, UtcText
            )
            is_json = column.name in {"snapshot", "findings", "payload"}
            is_rowid = column.primary_key and str(column.type) == "INTEGER"  # SQLite refuses it
            if not is_rowid and (not is_text or is_json or column.name in LISTS):
                yield Damage(name, column.name)


DAMAGES = list(_damages())


def rows_of(table: str) -> str:
    """The condition for the rows to damage: those of our invoices and member, or the first."""
    columns = SQLModel.metadata.tables[table].columns
    ours = f"number IN ('{FOLLOWED}', '{ISSUED}')"
    invoice_ids = f"(SELECT id FROM invoice WHERE {ours})"
    if table == "invoice":
        return ours
    if "invoice_id" in columns:
        return f"invoice_id IN {invoice_ids}"
    if "document_id" in columns:
        return f"document_id IN (SELECT id FROM document WHERE invoice_id IN {invoice_ids})"
    if table == "statement":
        return f"id IN (SELECT statement_id FROM invoice WHERE {ours})"
    if "siret" in columns and table not in {"contact", "directory_entry"}:
        return f"siret = '{UNBILLED}'"
    return f"rowid = (SELECT min(rowid) FROM {table})"


def damage(database: Path, which: Damage) -> int:
    """Write what nothing can read into a column; in how many rows."""
    with closing(sqlite3.connect(database)) as connection:
        for (trigger,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        done = connection.execute(
            f"UPDATE {which.table} SET {which.column} = '!' || rowid WHERE {rows_of(which.table)}"
        )
        connection.commit()
        return done.rowcount


def standing(desk: Desk) -> dict[str, str]:
    """Where the invoices of the other members stand."""
    with desk.app.reading() as session:
        every = invoices.tracked(session)
    ours = {UNBILLED, *(one.siret for one in every if one.number in {FOLLOWED, ISSUED})}
    return {one.siret: one.status.value for one in every if one.siret not in ours}


def played(desk: Desk) -> tuple[str, set[str]]:
    """A whole run; what stopped it at the end, and all that is said to a person of rows."""
    outcomes: list[Progress] = []
    stopped = ""
    desk.clock.advance(minutes=5)
    try:
        desk.run(outcomes.append)
    except IntegrityError as error:
        stopped = error.message
    with desk.app.reading() as session:
        left = waiting(desk.app, session)
    told = {finding.message for finding in left.unreadable}
    told |= {one.french_detail for one, _ in left.invoices if one.trouble is Trouble.UNREADABLE}
    told |= {
        finding.message
        for outcome in outcomes
        if outcome.member is not None
        for finding in outcome.member.findings
        if finding.code == "ROW-UNREADABLE"
    }
    return stopped, told | ({stopped} if stopped else set())


@pytest.fixture(scope="module", name="original")
def _original(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Eight that the portal holds, two to deposit, one member to bill, one held back."""
    folder = tmp_path_factory.mktemp("damaged")
    desk = open_desk(tmp_path_factory.getbasetemp(), folder, issued=8)
    desk.write(
        ImportKind.REFERENCES,
        "siret;annee;code_service;engagement",
        f"{UNBILLED};{YEAR};;ENG-1",
    )
    desk.deposit()
    desk.clock.advance(minutes=2)
    desk.follow()
    with desk.app.transaction() as tx:
        observations.note_news(tx, News(read_until=tx.now, read_whole_at=tx.now))
        holds.place(tx, UNBILLED, YEAR, "un litige", tx.now)
    desk.issue()
    desk.bring(COMPLEMENT, ImportKind.REFERENCES)
    return desk


def copied(original: Desk, folder: Path) -> Desk:
    """The same office at another place, with the same portal."""
    shutil.copytree(original.folder, folder / "office")
    config = folder / "office" / "worker.toml"
    clock, portal = deepcopy((original.clock, original.portal))
    return Desk(config=config, clock=clock, portal=portal, app=open_verified(config, clock))


@pytest.fixture(scope="module", name="untouched")
def _untouched(original: Desk, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where all stands after the run when nothing is damaged."""
    desk = copied(original, tmp_path_factory.mktemp("untouched"))
    assert played(desk) == ("", set())
    return standing(desk)


@pytest.mark.parametrize("which", [one for one in DAMAGES if str(one) in WHOLE], ids=str)
def test_what_nothing_can_be_decided_without_stops_all(
    original: Desk, which: Damage, tmp_path: Path
) -> None:
    """In a sentence that names it; no number is taken, and ``status`` shows the invoices."""
    desk = copied(original, tmp_path)
    before = standing(desk)
    damage(desk.folder / DATA / "worker.sqlite", which)
    stopped, told = played(desk)

    assert re.search("ne se lit plus|fin du journal", stopped)
    assert told
    assert set(standing(desk)) == set(before)


@pytest.mark.parametrize("which", [one for one in DAMAGES if str(one) in TOLD], ids=str)
def test_a_row_that_cannot_be_read_stops_one_thing(
    original: Desk, untouched: dict[str, str], which: Damage, tmp_path: Path
) -> None:
    """The others are billed, deposited and followed as if nothing were; and it is told."""
    desk = copied(original, tmp_path)
    damage(desk.folder / DATA / "worker.sqlite", which)
    _, told = played(desk)

    assert standing(desk) == untouched
    assert told
    assert all("ne se lit plus" in sentence for sentence in told)


def test_what_is_read_again_or_not_at_all_stops_nothing(
    original: Desk, untouched: dict[str, str], tmp_path: Path
) -> None:
    """All other columns at once: copies of what the portal says, evidence, counts of files."""
    desk = copied(original, tmp_path)
    harmless = [one for one in DAMAGES if str(one) not in WHOLE | TOLD]
    database = desk.folder / DATA / "worker.sqlite"
    # Statements before the invoices that name them.
    damaged = {one.table for one in reversed(harmless) if damage(database, one)}
    ended = played(desk)

    assert damaged == {one.table for one in harmless} - EMPTY
    assert ended == ("", set())
    assert standing(desk) == untouched
