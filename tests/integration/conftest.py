"""Databases for the tests: the same tests run on SQLite and on a real PostgreSQL."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from uuid import uuid4

import pytest

from chaos import pace
from tests.support.offices import AT_WORK
from tests.support.postgresql_server import (
    Server,
    make_cluster,
    missing_binary,
    running_server,
)
from tests.support.shared import made_once
from tests.support.storage_samples import UPGRADE
from worker.storage import Store, Waits, create_store, open_store

TEMPLATE = "migrated"
BUSY_SECONDS = ceil(pace.limit(30))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a database is, migrated and empty, with the data folder beside it."""

    url: str
    folder: Path
    opened: list[Store] = field(default_factory=list)

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file."""
        return self.url.startswith("sqlite")

    def open(self, *, busy_seconds: int = BUSY_SECONDS) -> Store:
        """Open it as a command does; it is kept open until the fixture closes it."""
        store = open_store(self.url, self.folder, waits=Waits(busy_seconds=busy_seconds))
        self.opened.append(store)
        AT_WORK.enter_context(store.at_work())
        return store

    def close(self) -> None:
        """Close every connection of the test."""
        for store in self.opened:
            store.engine.dispose()


@pytest.fixture(autouse=True)
def _leaves() -> Iterator[None]:
    """The databases of the desks of a test are closed with it."""
    with AT_WORK:
        yield


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the whole run; its absence is never silent."""
    if reason := missing_binary():
        pytest.skip(reason)
    cluster = made_once(tmp_path_factory.getbasetemp(), "cluster", make_cluster)
    with running_server(cluster) as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_template(postgresql: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A migrated database to copy."""
    url = postgresql.create(TEMPLATE)
    create_store(url, tmp_path_factory.mktemp("template"), UPGRADE).engine.dispose()
    return TEMPLATE


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file to copy."""
    folder = tmp_path_factory.mktemp("template")
    create_store(f"sqlite:///{folder / 'worker.sqlite'}", folder, UPGRADE).engine.dispose()
    return folder / "worker.sqlite"


@pytest.fixture
def sqlite_place(sqlite_template: Path, tmp_path: Path) -> Place:
    """A migrated SQLite database."""
    folder = _data_folder(tmp_path)
    shutil.copyfile(sqlite_template, folder / "worker.sqlite")
    return Place(url=f"sqlite:///{folder / 'worker.sqlite'}", folder=folder)


@pytest.fixture
def postgresql_place(
    postgresql: Server, postgresql_template: str, tmp_path: Path
) -> Iterator[Place]:
    """A migrated PostgreSQL database."""
    name = f"test_{uuid4().hex}"
    url = postgresql.create(name, postgresql_template)
    found = Place(url=url, folder=_data_folder(tmp_path))
    yield found
    found.close()
    postgresql.drop(name)


@pytest.fixture(params=["sqlite_place", "postgresql_place"], ids=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest) -> Place:
    """A migrated, empty database: the test runs once on each kind."""
    found: Place = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def store(place: Place) -> Store:
    """That database, open."""
    return place.open()


def _data_folder(parent: Path) -> Path:
    folder = parent / "donnees"
    (folder / "archive").mkdir(mode=0o700, parents=True)
    return folder
