"""Dossiers for the tests: proof, tables and documents of an office, listed by a manifest.

``tests/data/journals/sound.tar.xz`` is the one of ``play_small``, as it was written once: what was
given away must be verified for ever.
"""

import json
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path

from tests.support.offices import CAMPAIGN, YEAR, Desk, number
from worker.audit.documents import write_documents
from worker.audit.dossier import verify
from worker.audit.dossier.collection import tables
from worker.audit.dossier.manifest import write_manifest
from worker.audit.dossier.proof import write_proof
from worker.billing.journal import EventTag
from worker.service.demo import EXAMPLES
from worker.tables.files import write_table

SOUND = Path(__file__).parents[1] / "data" / "journals" / "sound.tar.xz"
FEW = ("invoice_amount.csv", "invoice_line.csv", "statement.xlsx", "number_series.json")
"""Tables of a small dossier."""


def play_small(desk: Desk) -> None:
    """Deposit the four invoices of an office: one is corrected, one is taken back."""
    desk.portal.refused_recipients.add(desk.one(number(3)).siret)
    desk.deposit()
    desk.clock.advance(minutes=1)
    desk.follow()
    desk.portal.refused_recipients.clear()
    desk.resend(number(3), engagement="CORRIGE-1")
    desk.clock.advance(days=1)
    desk.follow()
    desk.credit(number(2))
    desk.deposit()
    with desk.app.transaction() as tx:
        tx.journal(EventTag.RUN_ENDED, str(YEAR), issued=4, parked=1)


def write_dossier(desk: Desk, folder: Path, names: Sequence[str] = FEW) -> Path:
    """The dossier of the year of an office, without its pages.

    Args:
        desk: the office.
        folder: to make.
        names: the tables to write, by the names of their files.
    """
    (folder / "tables").mkdir(parents=True)
    with desk.app.reading() as session:
        write_proof(folder, session, YEAR)
        known = {table.name: table for table in tables(session, YEAR)}
        for name in names:
            table = known[Path(name).stem]
            write_table(table, folder / "tables" / name, at=CAMPAIGN)
    documents = folder / verify.DOCUMENTS
    with desk.app.reading() as session:
        for one in (invoice for invoice in desk.invoices() if invoice.number):
            write_documents(
                session,
                desk.app.store.archive,
                one,
                documents / one.number,
                below=documents,
                unusable=[],
            )
    _write_imported(desk, folder)
    write_manifest(folder, year=YEAR, at=CAMPAIGN)
    return folder


def _write_imported(desk: Desk, folder: Path) -> None:
    """One imported file, and what the archive has of each, where it keeps them."""
    (folder / verify.FILES).mkdir()
    shutil.copy(desk.folder / EXAMPLES / "usage.csv", folder / verify.FILES)
    text = (folder / verify.PROOF / verify.ROWS / "source_file.jsonl").read_text("utf-8")
    for _, row in map(json.loads, text.splitlines()):
        if piece := row.get("kept_sha256"):
            (folder / verify.FILES / piece).write_bytes(desk.app.store.archive.get(piece))


def unpack(folder: Path) -> Path:
    """The published sound dossier, in a new folder."""
    with tarfile.open(SOUND) as packed:
        packed.extractall(folder, filter="data")
    return folder
