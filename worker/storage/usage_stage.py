"""A usage file on its way in: staged, checked and applied inside the database.

Rows pass through a temporary table, so that a file of any length fits in bounded memory.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlmodel import Session

from worker.billing.consumption import UsageRecord
from worker.billing.period import Month, months_of
from worker.billing.succession import billed_for
from worker.billing.tariff import NO_TIER
from worker.storage import successions
from worker.storage.billed import NOT_BILLED
from worker.storage.store import affected
from worker.storage.tables import utc_text
from worker.storage.versions import Changes

MOST_ROWS = 1_000
"""Rows with one problem, or after a hole, that are told."""
_SAME = """
    u.superseded_at IS NULL AND u.siret = s.siret AND u.year = s.year
    AND u.month = s.month AND u.service = s.service AND u.tier = s.tier"""
"""The figure that is kept under the key of a staged one."""
_PROBLEMS = {
    "unknown-member": """
        SELECT s.sheet, s.row, s.siret, NULL, NULL FROM usage_stage s
        LEFT JOIN member m ON m.siret = s.siret WHERE m.siret IS NULL ORDER BY s.sheet, s.row""",
    "duplicate": """
        SELECT sheet, row, '', first_sheet, first_row FROM (
            SELECT sheet, row, ROW_NUMBER() OVER same AS rank,
                FIRST_VALUE(sheet) OVER same AS first_sheet, FIRST_VALUE(row) OVER same AS first_row
            FROM usage_stage
            WINDOW same AS (PARTITION BY siret, year, month, service, tier ORDER BY sheet, row)
        ) AS ranked WHERE rank > 1 ORDER BY sheet, row""",
    "other-year": """
        SELECT s.sheet, s.row, CAST(y.year AS TEXT), NULL, NULL FROM usage_stage s, (
            SELECT year FROM usage_stage GROUP BY year ORDER BY COUNT(*) DESC, year DESC LIMIT 1
        ) y WHERE s.year <> y.year ORDER BY s.sheet, s.row""",
    "billed": f"""
        SELECT s.sheet, s.row, i.number, NULL, NULL FROM usage_stage s
        LEFT JOIN usage_owner o ON o.siret = s.siret AND o.year = s.year AND o.month = s.month
        JOIN invoice i ON i.siret = COALESCE(o.billed, s.siret) AND i.year = s.year
            AND i.kind = 'invoice' AND i.status NOT IN {NOT_BILLED!r}
        LEFT JOIN usage_record u ON {_SAME}
        WHERE u.users IS NULL OR u.users <> s.users ORDER BY s.sheet, s.row""",  # noqa: S608 - constants
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfit:
    """A staged row that cannot go in.

    Attributes:
        sheet, row: where it was read; the sheet by its rank.
        problem: ``unknown-member``, ``duplicate``, ``other-year`` or ``billed``.
        detail: the SIRET; the year of most rows; the number of the invoice already issued.
        first: sheet and row of the first with the same key, of a duplicate.
    """

    sheet: int
    row: int
    problem: str
    detail: str
    first: tuple[int, int] | None


class UsageStage:
    """A temporary table through which a usage file of any length passes in bounded memory.

    Stage every row and read ``problems`` in a session of ``Store.staging``, which holds up no other
    writer; then, in a transaction on it, read what is ``billed`` again, and ``apply``.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        session.execute(text("DROP TABLE IF EXISTS usage_stage"))
        session.execute(
            text(
                "CREATE TEMPORARY TABLE usage_stage "
                "(sheet INTEGER, row INTEGER, siret TEXT, service TEXT, "
                "tier INTEGER, year INTEGER, month INTEGER, users INTEGER)"
            )
        )
        session.execute(text("DROP TABLE IF EXISTS usage_owner"))
        session.execute(
            text(
                "CREATE TEMPORARY TABLE usage_owner "
                "(siret TEXT, year INTEGER, month INTEGER, billed TEXT)"
            )
        )

    def add(self, records: Sequence[UsageRecord], sheet: int = 0) -> None:
        """Stage a batch of a sheet, by its rank."""
        self._session.execute(
            text(
                "INSERT INTO usage_stage VALUES "
                "(:sheet, :row, :siret, :service, :tier, :year, :month, :users)"
            ),
            [
                {
                    "sheet": sheet,
                    "row": record.source.row,
                    "siret": record.siret,
                    "service": record.service,
                    "tier": NO_TIER if record.tier is None else record.tier,
                    "year": record.month.year,
                    "month": record.month.number,
                    "users": record.users,
                }
                for record in records
            ],
        )

    def problems(self) -> Iterator[Unfit]:
        """Rows that cannot go in."""
        self._session.execute(
            text(
                "CREATE INDEX IF NOT EXISTS usage_stage_key "
                "ON usage_stage (siret, year, month, service, tier)"
            )
        )
        _note_owners(self._session)
        for problem in _PROBLEMS:
            yield from _found(self._session, problem)

    def billed(self, tx: Session) -> Iterator[Unfit]:
        """The same for the one problem that may have come since."""
        _note_owners(tx)
        return _found(tx, "billed")

    def gaps(self) -> Iterator[tuple[tuple[int, int], str, str, int | None, Month, Month]]:
        """Holes inside a series: sheet and row after the hole, key, month before and after."""
        rows = self._session.execute(
            text(
                "SELECT sheet, row, siret, service, tier, previous, at FROM ("
                "SELECT sheet, row, siret, service, tier, year * 12 + month AS at, "
                "LAG(year * 12 + month) OVER "
                "(PARTITION BY siret, service, tier ORDER BY year * 12 + month) AS previous "
                "FROM usage_stage) AS series WHERE at - previous > 1 "
                "ORDER BY sheet, row LIMIT 1000"
            )
        )
        for sheet, row, siret, service, tier, previous, at in rows:
            known = None if tier == NO_TIER else tier
            yield (sheet, row), siret, service, known, _month(previous), _month(at)

    def apply(self, tx: Session, file_id: int, at: datetime, sheet: int = 0) -> Changes:
        """Write what is new or different in a sheet; a changed figure supersedes the old row."""
        unchanged = _written(
            tx,
            "DELETE FROM usage_stage AS s WHERE s.sheet = :sheet AND EXISTS "  # noqa: S608
            f"(SELECT 1 FROM usage_record u WHERE {_SAME} AND u.users = s.users)",
            sheet=sheet,
        )
        changed = _written(
            tx,
            "UPDATE usage_record AS u SET superseded_at = :at "  # noqa: S608
            f"FROM usage_stage AS s WHERE s.sheet = :sheet AND {_SAME}",
            at=utc_text(at),
            sheet=sheet,
        )
        written = _written(
            tx,
            "INSERT INTO usage_record (siret, service, tier, year, month, users, file_id, row) "
            "SELECT siret, service, tier, year, month, users, :file, row "
            "FROM usage_stage WHERE sheet = :sheet ORDER BY row, year, month",
            file=file_id,
            sheet=sheet,
        )
        return Changes(added=written - changed, changed=changed, unchanged=unchanged)


def _note_owners(session: Session) -> None:
    """Note the months of the staged years in which a successor is billed for another's rows."""
    session.execute(text("DELETE FROM usage_owner"))
    known = successions.in_force(session)
    if not known:
        return
    years = session.execute(text("SELECT DISTINCT year FROM usage_stage")).scalars().all()
    owners = [
        {"siret": siret, "year": year, "month": month.number, "billed": to}
        for siret in known
        for year in years
        for month in months_of(year)
        if (to := billed_for(siret, month, known)) != siret
    ]
    if owners:
        values = "(:siret, :year, :month, :billed)"
        session.execute(text(f"INSERT INTO usage_owner VALUES {values}"), owners)  # noqa: S608


def _found(session: Session, problem: str) -> Iterator[Unfit]:
    # Every row of a large file may have the same problem.
    rows = session.execute(text(f"{_PROBLEMS[problem]} LIMIT {MOST_ROWS}"))
    for sheet, row, detail, first_sheet, first_row in rows:
        first = None if first_row is None else (int(first_sheet), int(first_row))
        yield Unfit(
            sheet=int(sheet), row=int(row), problem=problem, detail=str(detail), first=first
        )


def _written(tx: Session, statement: str, **values: object) -> int:
    return affected(tx, text(statement), values)


def _month(ordinal: int) -> Month:
    return Month((ordinal - 1) // 12, (ordinal - 1) % 12 + 1)
