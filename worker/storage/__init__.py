"""What is kept: a database (SQLite by default, PostgreSQL by its URL) and an archive of bytes.

``Store`` opens both. A writing transaction either commits everything, journal included, or
nothing. Functions that take a ``Session`` never commit: the caller owns the transaction.
"""

from worker.storage.archive import Archive
from worker.storage.engine import Store, create_store, open_store

__all__ = ["Archive", "Store", "create_store", "open_store"]
