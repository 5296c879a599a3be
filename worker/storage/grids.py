"""The tariff grids that priced an invoice, kept as they were that day."""

from datetime import datetime

import sqlalchemy
from sqlmodel import Session, select

from worker.billing.tariff import TariffGrid
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
