"""Memory: a usage file of any length goes in within a fixed amount of it."""

import subprocess
import sys
import textwrap
from pathlib import Path

from chaos import pace
from tests.integration.conftest import Place
from tests.support.storage_samples import SIRET, add_members

ROWS = {"sqlite": 200_000, "postgresql": 60_000}
GROWTH = 40
"""MB: twelve times as many rows may cost a larger database cache, never the rows themselves."""

PROGRAM = """
    import resource, sys
    from pathlib import Path
    from tests.support.storage_samples import bring
    from worker.imports import ImportKind
    from worker.storage import open_store

    store = open_store(sys.argv[1], Path(sys.argv[2]))
    for name in sys.argv[3:]:
        done = bring(store, Path(name), ImportKind.USAGE)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(done.rows, done.changes.added, peak // (2**20 if sys.platform == "darwin" else 2**10))
    store.engine.dispose()
"""


def _file(path: Path, rows: int) -> Path:
    with path.open("w", encoding="utf-8") as file:
        file.write("siret;service;palier;mois;utilisateurs\n")
        for number in range(rows):
            service, month = divmod(number, 12)
            file.write(f"{SIRET};{path.stem}-{service};;2025-{month + 1:02d};{number % 150}\n")
    return path


def test_a_large_file_takes_no_more_memory_than_a_small_one(place: Place, tmp_path: Path) -> None:
    """Two hundred thousand rows on SQLite are all there, and the process did not grow."""
    add_members(place.open())
    rows = ROWS["sqlite" if place.is_sqlite else "postgresql"]
    files = [_file(tmp_path / "petit.csv", rows // 12), _file(tmp_path / "grand.csv", rows)]
    printed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), place.url, str(place.folder), *files],
        capture_output=True,
        text=True,
        check=True,
        timeout=pace.limit(120),
    ).stdout
    small, large = (tuple(map(int, line.split())) for line in printed.splitlines())
    assert small[:2] == (rows // 12, rows // 12)
    assert large[:2] == (rows, rows)
    assert large[2] - small[2] < GROWTH, f"{small[2]} MB, then {large[2]} MB"
