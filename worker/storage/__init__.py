"""What is kept: a database (SQLite by default, PostgreSQL by its URL) and an archive of bytes.

``Store`` opens both. A ``Transaction`` either commits everything, journal included, or nothing; a
``Session`` reads. Functions that take one never commit: the caller owns it.
"""

from sqlmodel import Session

from worker.storage.archive import Archive
from worker.storage.connecting import Waits
from worker.storage.migration import Upgrade
from worker.storage.reading import open_folder, open_reading
from worker.storage.store import Store, create_store, open_store
from worker.storage.transaction import Transaction

__all__ = [
    "Archive",
    "Session",
    "Store",
    "Transaction",
    "Upgrade",
    "Waits",
    "create_store",
    "open_folder",
    "open_reading",
    "open_store",
]
