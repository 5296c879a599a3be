"""Members held back for a year: a hold stays, lifted, for the auditor."""

from datetime import datetime

import sqlalchemy
from sqlmodel import Session, SQLModel, col, select

from worker.billing.member_year import Hold
from worker.storage.tables import HoldRow

_HOLD = SQLModel.metadata.tables["hold"].columns
_IN_FORCE = sqlalchemy.select(_HOLD["reason"], _HOLD["placed_at"]).where(
    _HOLD["siret"] == sqlalchemy.bindparam("siret"),
    _HOLD["year"] == sqlalchemy.bindparam("year"),
    _HOLD["lifted_at"].is_(None),
)
"""Read twice for each invoice of a batch, hence as a plain row."""


def in_force(session: Session, siret: str, year: int) -> Hold | None:
    """The hold in force on a member and year, or None."""
    row = session.execute(_IN_FORCE, {"siret": siret, "year": year}).first()
    return None if row is None else Hold(reason=row.reason, placed_at=row.placed_at)


def place(session: Session, siret: str, year: int, reason: str, at: datetime) -> bool:
    """Hold a member back for a year; False when it already is."""
    if _row(session, siret, year) is not None:
        return False
    session.add(HoldRow(siret=siret, year=year, reason=reason, placed_at=at))
    session.flush()
    return True


def lift(session: Session, siret: str, year: int, at: datetime) -> bool:
    """Let a member go on; False when it was not held."""
    row = _row(session, siret, year)
    if row is None:
        return False
    row.lifted_at = at
    session.add(row)
    session.flush()
    return True


def _row(session: Session, siret: str, year: int) -> HoldRow | None:
    return session.exec(
        select(HoldRow).where(
            HoldRow.siret == siret, HoldRow.year == year, col(HoldRow.lifted_at).is_(None)
        )
    ).first()
