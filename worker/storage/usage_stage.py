"""A usage file on its way in: staged, checked and applied inside the database.

Rows pass through a temporary table, so that a file of any length fits in bounded memory.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlmodel import Session

from worker.billing.consumption import UsageRecord
from worker.billing.period import Month
from worker.billing.tariff import NO_TIER
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
        SELECT s.row, s.siret FROM usage_stage s
        LEFT JOIN member m ON m.siret = s.siret WHERE m.siret IS NULL ORDER BY s.row""",
    "duplicate": """
        SELECT s.row, CAST(d.first AS TEXT) FROM usage_stage s JOIN (
            SELECT siret, year, month, service, tier, MIN(row) AS first FROM usage_stage
            GROUP BY siret, year, month, service, tier HAVING COUNT(*) > 1
        ) d ON s.siret = d.siret AND s.year = d.year AND s.month = d.month
        AND s.service = d.service AND s.tier = d.tier WHERE s.row > d.first ORDER BY s.row""",
    "other-year": """
        SELECT s.row, CAST(y.year AS TEXT) FROM usage_stage s, (
            SELECT year FROM usage_stage GROUP BY year ORDER BY COUNT(*) DESC, year DESC LIMIT 1
        ) y WHERE s.year <> y.year ORDER BY s.row""",
    "billed": f"""
        SELECT s.row, i.number FROM usage_stage s
        JOIN invoice i ON i.siret = s.siret AND i.year = s.year AND i.kind = 'invoice'
            AND i.status NOT IN {NOT_BILLED!r}
        LEFT JOIN usage_record u ON {_SAME}
        WHERE u.users IS NULL OR u.users <> s.users ORDER BY s.row""",  # noqa: S608 - constants
}


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
                "CREATE TEMPORARY TABLE usage_stage (row INTEGER, siret TEXT, service TEXT, "
                "tier INTEGER, year INTEGER, month INTEGER, users INTEGER)"
            )
        )

    def add(self, records: Sequence[UsageRecord]) -> None:
        """Stage a batch."""
        self._session.execute(
            text(
                "INSERT INTO usage_stage VALUES "
                "(:row, :siret, :service, :tier, :year, :month, :users)"
            ),
            [
                {
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

    def problems(self) -> Iterator[tuple[int, str, str]]:
        """Rows that cannot go in, as (row, problem, value).

        The problem is ``unknown-member``, ``duplicate`` (value: the first row with the same key),
        ``other-year`` (value: the year of most rows) or ``billed`` (value: the number of the
        invoice already issued for that year).
        """
        self._session.execute(
            text(
                "CREATE INDEX IF NOT EXISTS usage_stage_key "
                "ON usage_stage (siret, year, month, service, tier)"
            )
        )
        for problem in _PROBLEMS:
            yield from _found(self._session, problem)

    def billed(self, tx: Session) -> Iterator[tuple[int, str, str]]:
        """The same for the one problem that may have come since."""
        return _found(tx, "billed")

    def gaps(self) -> Iterator[tuple[int, str, str, int | None, Month, Month]]:
        """Holes inside a series of the file: row after the hole, key, month before and after."""
        rows = self._session.execute(
            text(
                "SELECT row, siret, service, tier, previous, at FROM (SELECT row, siret, service, "
                "tier, year * 12 + month AS at, LAG(year * 12 + month) OVER "
                "(PARTITION BY siret, service, tier ORDER BY year * 12 + month) AS previous "
                "FROM usage_stage) AS series WHERE at - previous > 1 ORDER BY row LIMIT 1000"
            )
        )
        for row, siret, service, tier, previous, at in rows:
            known = None if tier == NO_TIER else tier
            yield row, siret, service, known, _month(previous), _month(at)

    def apply(self, tx: Session, file_id: int, at: datetime) -> Changes:
        """Write what is new or different; a changed figure supersedes the old row."""
        unchanged = _written(
            tx,
            "DELETE FROM usage_stage AS s WHERE EXISTS (SELECT 1 FROM usage_record u "  # noqa: S608
            f"WHERE {_SAME} AND u.users = s.users)",
        )
        changed = _written(
            tx,
            "UPDATE usage_record AS u SET superseded_at = :at "  # noqa: S608
            f"FROM usage_stage AS s WHERE {_SAME}",
            at=utc_text(at),
        )
        written = _written(
            tx,
            "INSERT INTO usage_record (siret, service, tier, year, month, users, file_id, row) "
            "SELECT siret, service, tier, year, month, users, :file, row "
            "FROM usage_stage ORDER BY row",
            file=file_id,
        )
        return Changes(added=written - changed, changed=changed, unchanged=unchanged)


def _found(session: Session, problem: str) -> Iterator[tuple[int, str, str]]:
    # Every row of a large file may have the same problem.
    for row, value in session.execute(text(f"{_PROBLEMS[problem]} LIMIT {MOST_ROWS}")):
        yield int(row), problem, str(value)


def _written(tx: Session, statement: str, **values: object) -> int:
    return affected(tx, text(statement), values)


def _month(ordinal: int) -> Month:
    return Month((ordinal - 1) // 12, (ordinal - 1) % 12 + 1)
