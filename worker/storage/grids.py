"""The tariff grids that priced an invoice, kept as they were that day."""

import hashlib
from datetime import datetime

import sqlalchemy
from sqlmodel import Session, select

from worker.billing.tariff import TariffGrid
from worker.billing.tariff_reading import parse_grid
from worker.errors import KEEP_AND_COMPARE, IntegrityError
from worker.storage.tables import TariffGridRow

_IS_FROZEN = sqlalchemy.text("SELECT 1 FROM tariff_grid WHERE version = :version")


def freeze_grid(session: Session, grid: TariffGrid, text: str, at: datetime) -> bool:
    """Keep a grid's content the first time it prices an invoice; False when it already was."""
    if session.execute(_IS_FROZEN, {"version": grid.version}).first() is not None:
        return False
    session.add(
        TariffGridRow(version=grid.version, sha256=grid.sha256, content=text, first_used_at=at)
    )
    session.flush()
    return True


def frozen_grids(session: Session) -> dict[str, str]:
    """Version and SHA-256 of each grid that priced an invoice."""
    query = select(TariffGridRow.version, TariffGridRow.sha256)
    return dict(session.exec(query).all())


def kept_grid(session: Session, version: str) -> TariffGrid:
    """A grid that priced an invoice, read from the content that was frozen.

    Raises:
        IntegrityError: it is not kept, or its content is not what its SHA-256 says.
        TariffError: the content cannot be read.
    """
    row = session.get(TariffGridRow, version)
    if row is None or hashlib.sha256(row.content.encode()).hexdigest() != row.sha256:
        raise IntegrityError(
            f"La grille tarifaire {version} n'est plus dans la base telle qu'elle a servi.",
            KEEP_AND_COMPARE,
        )
    return parse_grid(row.content.encode(), f"{version} (figée)")


def kept_texts(session: Session) -> dict[str, str]:
    """The content of each grid that priced an invoice, by version, the oldest first.

    Raises:
        IntegrityError: one is not what its SHA-256 says.
    """
    rows = session.exec(select(TariffGridRow).order_by(TariffGridRow.version)).all()
    for row in rows:
        if hashlib.sha256(row.content.encode()).hexdigest() != row.sha256:
            raise IntegrityError(
                f"La grille tarifaire {row.version} n'est plus dans la base telle qu'elle a servi.",
                KEEP_AND_COMPARE,
            )
    return {row.version: row.content for row in rows}
