"""Campaigns: which years a person said may be billed, and the figures that were shown."""

from dataclasses import fields

import sqlalchemy
from sqlalchemy import RowMapping
from sqlmodel import Session, SQLModel

from worker.billing.campaign import Campaign, Figures
from worker.billing.money import Money
from worker.storage.store import affected
from worker.storage.tables import CampaignRow, as_written, number_added, whole_number, year_number
from worker.storage.transaction import Transaction

_TABLE = SQLModel.metadata.tables["campaign"]
_OWN = tuple(field.name for field in fields(Campaign) if field.name != "figures")
_CLOSE = sqlalchemy.update(_TABLE).where(
    _TABLE.columns["year"] == sqlalchemy.bindparam("of"), _TABLE.columns["closed_at"].is_(None)
)


def campaigns(session: Session, year: int | None = None) -> tuple[Campaign, ...]:
    """Those of a year, or all, in the order in which they were opened."""
    query = sqlalchemy.select(_TABLE).order_by(_TABLE.columns["id"])
    with as_written("l'ouverture d'une campagne (table campaign)"):
        every = [_campaign(row) for row in session.execute(query).mappings()]
    return tuple(one for one in every if year in {None, one.year})


def opened(session: Session, year: int) -> Campaign | None:
    """The campaign of a year that is open now, or None."""
    return next((one for one in campaigns(session, year) if one.closed_at is None), None)


def add(tx: Transaction, year: int, figures: Figures, reason: str) -> Campaign:
    """Open a year, which is not; the unique index is the last defence."""
    campaign = Campaign(
        year=year, opened_at=tx.now, opened_by=tx.actor, reason=reason, figures=figures
    )
    row = CampaignRow(
        year=year,
        opened_at=tx.now,
        opened_by=tx.actor,
        reason=reason,
        ready=figures.ready,
        ready_total_cents=figures.ready_total.cents,
        held=figures.held,
        held_total_cents=figures.held_total.cents,
        to_confirm=figures.to_confirm,
        to_confirm_total_cents=figures.to_confirm_total.cents,
        total_cents=figures.total.cents,
        previous_cents=figures.previous.cents,
    )
    number_added(tx, row)
    return campaign


def close(tx: Transaction, year: int, reason: str) -> bool:
    """Take the go back; False when the year was not open."""
    ended = {"closed_at": tx.now, "closed_by": tx.actor, "close_reason": reason}
    return bool(affected(tx, _CLOSE, {"of": year, **ended}))


def _campaign(row: RowMapping) -> Campaign:
    figures = Figures(
        ready=whole_number(row["ready"]),
        ready_total=Money(row["ready_total_cents"]),
        held=whole_number(row["held"]),
        held_total=Money(row["held_total_cents"]),
        to_confirm=whole_number(row["to_confirm"]),
        to_confirm_total=Money(row["to_confirm_total_cents"]),
        total=Money(row["total_cents"]),
        previous=Money(row["previous_cents"]),
    )
    own = {name: row[name] for name in _OWN} | {"year": year_number(row["year"])}
    return Campaign(figures=figures, **own)
