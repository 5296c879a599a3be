"""Each statement is compiled once for all the databases of a process, not once for each.

A test has a database of its own, and so an engine: what SQLAlchemy keeps of the statements of one
is lost to the next. All the engines of a kind are alike here, and share it.
"""

from typing import Any, ClassVar

from sqlalchemy import Engine
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite


class _Alike:
    """Equal to any other of its kind: what was compiled for one serves the other."""

    compiled: ClassVar[dict[Any, Any]]

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))

    @classmethod
    def engine_created(cls, engine: Engine) -> None:
        """Called by ``create_engine``."""
        engine.update_execution_options(compiled_cache=cls.compiled)


class SQLite(_Alike, SQLiteDialect_pysqlite):
    """The dialect of the program, shared."""

    supports_statement_cache = True
    compiled: ClassVar[dict[Any, Any]] = {}


class PostgreSQL(_Alike, PGDialect_psycopg):
    """The same of the other kind."""

    supports_statement_cache = True
    compiled: ClassVar[dict[Any, Any]] = {}


def register() -> None:
    """Give them the names of those that they are."""
    for name in ("sqlite", "sqlite.pysqlite"):
        registry.register(name, __name__, SQLite.__name__)
    registry.register("postgresql.psycopg", __name__, PostgreSQL.__name__)
