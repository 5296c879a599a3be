"""What our side says at an instant, read by plain SQL and from the files: not by the program."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from chaos import pace

IN_MOTION = {"issued", "sending", "unknown", "deposited"}
"""The statuses in which the program, not a person, has the next word."""
HELD = {"integrated", "suspended", "rejected", "settled"}
"""The statuses that say that the portal holds the invoice; a cancelled one was held before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BookedInvoice:
    """An invoice or credit note as a row of our database. Amounts are in cents."""

    number: str
    kind: str
    siret: str
    status: str
    total: int
    rounding: int
    statement_total: int
    cpp_id: int | None
    deposited: bool

    @property
    def is_internal(self) -> bool:
        """A credit note that is never sent."""
        return self.kind == "credit_note" and self.status == "settled" and not self.deposited


@dataclass(frozen=True, slots=True, kw_only=True)
class BookedAttempt:
    """A deposit attempt. ``sha256`` is of the file that went: the document, or its lot."""

    number: str
    document: str
    sha256: str
    file_name: str
    started_at: datetime
    is_open: bool


@contextmanager
def _reading(database: Path) -> Iterator[sqlite3.Connection]:
    # Not read-only: a process was killed, and its last transactions are still in the WAL.
    with closing(sqlite3.connect(database, timeout=pace.limit(30))) as connection:
        yield connection


def invoices(database: Path) -> tuple[BookedInvoice, ...]:
    """Everything that has a number."""
    with _reading(database) as connection:
        rows = connection.execute(
            "SELECT i.number, i.kind, i.siret, i.status, i.total_cents, i.rounding_cents,"
            " s.total_cents, i.cpp_id, i.deposited_at IS NOT NULL"
            " FROM invoice i JOIN statement s ON s.id = i.statement_id ORDER BY i.number"
        ).fetchall()
    names = tuple(BookedInvoice.__dataclass_fields__)
    return tuple(BookedInvoice(**dict(zip(names, row, strict=True))) for row in rows)


def attempts(database: Path) -> tuple[BookedAttempt, ...]:
    """Every deposit attempt, oldest first."""
    with _reading(database) as connection:
        rows = connection.execute(
            "SELECT i.number, a.document_sha256, a.lot_sha256, a.file_name, a.started_at,"
            " a.closed_at IS NULL"
            " FROM deposit_attempt a JOIN invoice i ON i.id = a.invoice_id ORDER BY a.id"
        ).fetchall()
    return tuple(
        BookedAttempt(
            number=number,
            document=document,
            sha256=lot or document,
            file_name=name,
            started_at=instant(started),
            is_open=bool(is_open),
        )
        for number, document, lot, name, started, is_open in rows
    )


def seals(database: Path) -> dict[str, str]:
    """What issuing froze, and may never differ again: hashes and amounts by what they are of."""
    with _reading(database) as connection:
        documents = connection.execute(
            "SELECT i.number, d.version, d.kind, d.sha256"
            " FROM document d JOIN invoice i ON i.id = d.invoice_id"
        ).fetchall()
        amounts = connection.execute(
            "SELECT number, siret, total_cents, issue_date FROM invoice WHERE number IS NOT NULL"
        ).fetchall()
    sealed = {f"{number} v{version} {kind}": sha256 for number, version, kind, sha256 in documents}
    return sealed | {number: f"{siret} {cents} {day}" for number, siret, cents, day in amounts}


def members_without_invoice(database: Path) -> tuple[str, ...]:
    """The members that have a use to bill and no numbered invoice, parked ones included."""
    with _reading(database) as connection:
        rows = connection.execute(
            "SELECT DISTINCT u.siret FROM usage_record u WHERE u.siret NOT IN"
            " (SELECT siret FROM invoice WHERE kind = 'invoice' AND number IS NOT NULL)"
        ).fetchall()
    return tuple(str(siret) for (siret,) in rows)


def parked(database: Path) -> tuple[str, ...]:
    """The members held back before any number."""
    with _reading(database) as connection:
        rows = connection.execute("SELECT siret FROM invoice WHERE status = 'parked'").fetchall()
    return tuple(str(siret) for (siret,) in rows)


def given_numbers(database: Path) -> dict[str, int]:
    """The last number given in each series, by the series' prefix."""
    with _reading(database) as connection:
        return dict(connection.execute("SELECT series, last_value FROM number_series").fetchall())


def passed_over(database: Path) -> tuple[str, ...]:
    """The numbers of what a person said to be seen: of our series, used outside the books."""
    with _reading(database) as connection:
        rows = connection.execute(
            "SELECT subject FROM journal_event WHERE tag = 'document.closed'"
        ).fetchall()
    return tuple(number for (number,) in rows)


def statement_numbers(database: Path) -> tuple[str, ...]:
    """The number of every statement."""
    with _reading(database) as connection:
        return tuple(number for (number,) in connection.execute("SELECT number FROM statement"))


def next_look(database: Path) -> datetime | None:
    """When the program has something to do next, in the past when now; None when nothing waits."""
    marks = ", ".join("?" * len(IN_MOTION))
    with _reading(database) as connection:
        rows = connection.execute(
            f"SELECT next_check_at FROM invoice WHERE status IN ({marks})",  # noqa: S608 - marks
            tuple(IN_MOTION),
        ).fetchall()
    looks = [instant(text) if text else datetime.min.replace(tzinfo=UTC) for (text,) in rows]
    return min(looks, default=None)


def in_motion_since(database: Path, before: datetime) -> tuple[str, ...]:
    """The numbers of what has been in motion, without a move, since before an instant."""
    marks = ", ".join("?" * len(IN_MOTION))
    with _reading(database) as connection:
        rows = connection.execute(
            f"SELECT number, status_since FROM invoice WHERE status IN ({marks})",  # noqa: S608 - marks
            tuple(IN_MOTION),
        ).fetchall()
    return tuple(number for number, since in rows if instant(since) < before)


def next_look_at(database: Path, number: str) -> datetime | None:
    """When the program looks at an invoice next; None when at once."""
    with _reading(database) as connection:
        (text,) = connection.execute(
            "SELECT next_check_at FROM invoice WHERE number = ?", (number,)
        ).fetchone()
    return instant(text) if text else None


def instant(text: str) -> datetime:
    """An instant as our tables write it."""
    read = datetime.fromisoformat(text)
    return read if read.tzinfo else read.replace(tzinfo=UTC)
