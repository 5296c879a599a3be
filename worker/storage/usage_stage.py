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
from worker.storage.imported import NOT_BILLED, Changes
from worker.storage.tables import utc_text


class UsageStage:
    """A temporary table through which a usage file of any length passes in bounded memory.

    Stage every row, read ``problems``, then ``apply``: all in the caller's transaction.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        on_commit = " ON COMMIT DROP" if session.get_bind().dialect.name == "postgresql" else ""
        session.execute(text("DROP TABLE IF EXISTS usage_stage"))
        session.execute(
            text(
                "CREATE TEMPORARY TABLE usage_stage (row INTEGER, siret TEXT, service TEXT, "
                f"tier INTEGER, year INTEGER, month INTEGER, users INTEGER){on_commit}"
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
        yield from self._rows(
            "SELECT s.row, 'unknown-member', s.siret FROM usage_stage s "
            "LEFT JOIN member m ON m.siret = s.siret WHERE m.siret IS NULL ORDER BY s.row"
        )
        yield from self._rows(
            "SELECT s.row, 'duplicate', CAST(d.first AS TEXT) FROM usage_stage s JOIN ("
            "SELECT siret, year, month, service, tier, MIN(row) AS first FROM usage_stage "
            "GROUP BY siret, year, month, service, tier HAVING COUNT(*) > 1) d "
            "ON s.siret = d.siret AND s.year = d.year AND s.month = d.month "
            "AND s.service = d.service AND s.tier = d.tier "
            "WHERE s.row > d.first ORDER BY s.row"
        )
        yield from self._rows(
            "SELECT s.row, 'other-year', CAST(y.year AS TEXT) FROM usage_stage s, "
            "(SELECT year FROM usage_stage GROUP BY year ORDER BY COUNT(*) DESC, year DESC LIMIT 1"
            ") y WHERE s.year <> y.year ORDER BY s.row"
        )
        yield from self._rows(  # the statuses are our own constants
            "SELECT s.row, 'billed', i.number FROM usage_stage s "  # noqa: S608
            "JOIN invoice i ON i.siret = s.siret AND i.year = s.year AND i.kind = 'invoice' "
            f"AND i.status NOT IN {NOT_BILLED!r} "
            "LEFT JOIN usage_record u ON u.superseded_at IS NULL AND u.siret = s.siret "
            "AND u.year = s.year AND u.month = s.month AND u.service = s.service "
            "AND u.tier = s.tier WHERE u.users IS NULL OR u.users <> s.users ORDER BY s.row"
        )

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
            yield (
                row,
                siret,
                service,
                None if tier == NO_TIER else tier,
                _month(previous),
                _month(at),
            )

    def apply(self, file_id: int, at: datetime) -> Changes:
        """Write what is new or different; a changed figure supersedes the old row."""
        same = (
            "u.superseded_at IS NULL AND u.siret = s.siret AND u.year = s.year "
            "AND u.month = s.month AND u.service = s.service AND u.tier = s.tier"
        )
        total = self._count("SELECT COUNT(*) FROM usage_stage")
        changed = self._count(
            f"SELECT COUNT(*) FROM usage_stage s JOIN usage_record u ON {same} "  # noqa: S608
            "AND u.users <> s.users"
        )
        self._session.execute(
            text(
                "DELETE FROM usage_stage AS s WHERE EXISTS (SELECT 1 FROM usage_record u "  # noqa: S608
                f"WHERE {same} AND u.users = s.users)"
            )
        )
        kept = self._count("SELECT COUNT(*) FROM usage_stage")
        if changed:
            self._session.execute(
                text(
                    "UPDATE usage_record AS u SET superseded_at = :at WHERE u.superseded_at "  # noqa: S608
                    f"IS NULL AND EXISTS (SELECT 1 FROM usage_stage s WHERE {same})"
                ),
                {"at": utc_text(at)},
            )
        self._session.execute(
            text(
                "INSERT INTO usage_record (siret, service, tier, year, month, users, file_id, row) "
                "SELECT siret, service, tier, year, month, users, :file, row "
                "FROM usage_stage ORDER BY row"
            ),
            {"file": file_id},
        )
        return Changes(added=kept - changed, changed=changed, unchanged=total - kept)

    def _rows(self, query: str) -> Iterator[tuple[int, str, str]]:
        # Streamed: every row of a large file may have the same problem.
        options = {"yield_per": 1000}
        for row, problem, value in self._session.execute(text(query), execution_options=options):
            yield int(row), str(problem), str(value)

    def _count(self, query: str) -> int:
        return int(self._session.execute(text(query)).scalar_one())


def _month(ordinal: int) -> Month:
    return Month((ordinal - 1) // 12, (ordinal - 1) % 12 + 1)
