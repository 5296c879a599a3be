"""What somebody does who has the database file in hand, knows SQLite, and wants no trace."""

import sqlite3
from contextlib import closing
from pathlib import Path


def alter(database: Path, sql: str) -> None:
    """Run statements without any trigger or constraint in their way; the triggers stay away."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in triggers.fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.executescript(sql)
        connection.commit()
