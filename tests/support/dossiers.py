"""Dossiers for the tests: proof, tables and documents of an office, listed by a manifest."""

from pathlib import Path

from tests.support.offices import CAMPAIGN, YEAR, Desk
from worker.audit.documents import export_year
from worker.audit.dossier import verify
from worker.audit.dossier.collection import tables
from worker.audit.dossier.manifest import write_manifest
from worker.audit.dossier.proof import write_proof
from worker.tables.files import TableFormat, write_table


def write_dossier(desk: Desk, folder: Path) -> Path:
    """The dossier of the year of an office, without its pages."""
    (folder / "tables").mkdir(parents=True)
    with desk.app.reading() as session:
        write_proof(folder, session, YEAR)
        for table in tables(session, YEAR):
            paths = [folder / "tables" / f"{table.name}.{one}" for one in TableFormat]
            write_table(table, *paths, at=CAMPAIGN)
    export_year(desk.app.store, YEAR, folder / verify.DOCUMENTS)
    write_manifest(folder, year=YEAR, at=CAMPAIGN)
    return folder
