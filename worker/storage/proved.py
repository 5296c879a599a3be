"""Which tables and columns the journal proves row by row, and the short lists of the others."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Column, Table
from sqlmodel import SQLModel

from worker.storage import tables as _tables

del _tables  # it declares them

LEFT_OUT: Final[Mapping[str, str]] = {
    "journal_event": "its own chain proves it",
    "journal_head": "compared with the end of the chain",
    "row_digest": "the events hold a digest of it, transaction by transaction",
    "row_written": "empty between two transactions",
    "contact": "personal data: no amount rests on it, and it may be erased",
    "erased_contact": "hashes of what was erased: they go when a person gives it again",
    "directory_entry": "a copy of the portal's directory, read again when it is old",
    "portal_news": "how far the news were read; they are read again otherwise",
    "portal_inventory": "when all was last read; it is read again otherwise",
}
"""Tables of which no row is proved, and why."""
NOT_PROVED: Final[Mapping[tuple[str, str], str]] = {
    ("invoice", "next_check_at"): "when the portal is asked next",
    ("invoice", "checks"): "how often it was asked",
    ("portal_document", "seen_at"): "when it was last shown: a date that moves every day",
}
"""Columns of the other tables that are not, and why."""


def proved_tables() -> tuple[Table, ...]:
    """The tables whose rows are proved, by name."""
    known = SQLModel.metadata.tables
    return tuple(known[name] for name in sorted(known) if name not in LEFT_OUT)


def proved_columns(table: Table) -> tuple[Column[object], ...]:
    """The columns of such a table that are proved."""
    return tuple(one for one in table.columns if (table.name, one.name) not in NOT_PROVED)
