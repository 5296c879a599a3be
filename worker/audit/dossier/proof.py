"""What an independent check of a dossier needs, written as ``docs/journal-format.md`` has it.

The whole chain of the journal and its end, the digests that its events hold, and the rows of the
year, each as the text that its digest is of. ``verify.py`` reads them without this program.
"""

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from worker.audit.dossier import verify
from worker.billing.journal import canonical_json
from worker.errors import StorageUnavailable
from worker.isolation.files import create_regular
from worker.settings.rights import told
from worker.storage import Session, journal, row_digests
from worker.storage.tables import as_written
from worker.storage.year import proved_rows

_EVENT = "un événement (table journal_event)"


def write_proof(folder: Path, session: Session, year: int) -> None:
    """Write ``preuve/`` and ``verify.py`` into a dossier, row after row.

    Args:
        folder: of the dossier, which exists and has neither.
        session: reads one state of the database.
        year: of services.

    Raises:
        StorageUnavailable: a file cannot be written.
        IntegrityError: an event is not as the program writes it.
    """
    proof = folder / verify.PROOF
    end = journal.head(session)
    tables: dict[str, object] = {}
    try:
        (proof / verify.ROWS).mkdir(mode=0o700, parents=True)
        _write(proof / verify.JOURNAL, _events(session))
        _write(proof / verify.HEAD, [canonical_json(asdict(end))])
        _write(proof / verify.DIGESTS, _digests(session))
        for table, texts in proved_rows(session, year):
            _write(proof / verify.ROWS / f"{table.name}.jsonl", texts)
            tables[table.name] = {
                "key": [column.name for column in table.primary_key],
                "references": {
                    key.parent.name: [key.column.table.name, key.column.name]
                    for key in table.foreign_keys
                },
            }
        _write(proof / verify.TABLES, [canonical_json(tables)])
        shutil.copyfile(verify.__file__, folder / verify.PROGRAM)
        (folder / verify.PROGRAM).chmod(0o600)
    except OSError as error:
        raise StorageUnavailable(*told(error, proof, writing=True)) from error


def _events(session: Session) -> Iterator[str]:
    for event in journal.events(session):
        with as_written(_EVENT):
            text = canonical_json(asdict(event))
        yield text


def _digests(session: Session) -> Iterator[str]:
    for row in row_digests.kept(session):
        with as_written("une empreinte (table row_digest)"):
            text = canonical_json(
                {
                    "seq": row["seq"],
                    "table": row["table_name"],
                    "key": row["key"],
                    "sha256": row["sha256"],
                }
            )
        yield text


def _write(path: Path, lines: Iterable[str]) -> None:
    with create_regular(path) as file:
        for line in lines:
            file.write(f"{line}\n".encode())
