"""Members held back for a year: a hold stays, lifted, for the auditor."""

from datetime import datetime

import sqlalchemy
from sqlmodel import Session, SQLModel

from worker.billing.member_year import Hold
from worker.storage.store import affected
from worker.storage.tables import HoldRow, as_written, named_as, number_added

_TABLE = SQLModel.metadata.tables["hold"]
_IS_OF_MEMBER = (
    _TABLE.columns["siret"] == sqlalchemy.bindparam("member"),
    _TABLE.columns["year"] == sqlalchemy.bindparam("of"),
)
# Plain statements: a hold is looked for twice for each invoice of a batch.
_OF_MEMBER = sqlalchemy.select(*named_as(_TABLE.columns, Hold), _TABLE.columns["lifted_at"]).where(
    *_IS_OF_MEMBER
)
_LIFT = sqlalchemy.update(_TABLE).where(*_IS_OF_MEMBER, _TABLE.columns["lifted_at"].is_(None))


def in_force(session: Session, siret: str, year: int) -> Hold | None:
    """The hold in force on a member and year, or None."""
    with as_written(f"ce qui retient {siret} pour {year} (table hold)"):
        rows = session.execute(_OF_MEMBER, {"member": siret, "of": year}).mappings()
        # Those that were lifted are read too: one that cannot be read may be in force.
        placed = [dict(row) for row in rows]
        in_force = (row for row in placed if row.pop("lifted_at") is None)
        return next((Hold(**row) for row in in_force), None)


def place(
    session: Session,
    siret: str,
    year: int,
    reason: str,
    at: datetime,
    *,
    never_billed: bool = False,
) -> bool:
    """Hold a member back for a year; False when it already is."""
    if in_force(session, siret, year) is not None:
        return False
    row = HoldRow(siret=siret, year=year, reason=reason, placed_at=at, never_billed=never_billed)
    number_added(session, row)
    return True


def never_billed(session: Session, year: int) -> frozenset[str]:
    """The SIRETs of the members that a person leaves without invoice for a year."""
    query = sqlalchemy.select(_TABLE.columns["siret"]).where(
        _TABLE.columns["year"] == year,
        _TABLE.columns["lifted_at"].is_(None),
        _TABLE.columns["never_billed"],
    )
    return frozenset(session.execute(query).scalars())


def lift(session: Session, siret: str, year: int, at: datetime) -> bool:
    """Let a member go on; False when it was not held."""
    return bool(affected(session, _LIFT, {"member": siret, "of": year, "lifted_at": at}))
