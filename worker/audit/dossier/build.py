"""Assembles what an auditor takes away of a year, and the site that finance looks at.

Both appear whole or not at all (``folder``). A dossier is a list of steps, each of which adds its
part to the folder; a site is the same pages without the documents, a folder inside for each year.
"""

import json
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from worker import __version__
from worker.app import App
from worker.audit.dossier.collection import tables
from worker.audit.dossier.folder import MARKER, PRIVATE, PUBLISHED, built_aside, is_site
from worker.audit.dossier.manifest import write_manifest
from worker.audit.dossier.pages import Pages
from worker.audit.dossier.proof import write_proof
from worker.audit.dossier.site import COMMON, Outcome, Source, YearPages, write_common
from worker.audit.recomputation import Books
from worker.audit.verification import uncovered, verify_rows
from worker.billing.journal import JournalHead
from worker.billing.status import TrackedInvoice
from worker.errors import IntegrityError, WrongUse
from worker.isolation.files import read_bounded, replace_regular
from worker.storage import Session, Store, journal, year, year_figures
from worker.storage.tables import utc_text
from worker.tables.files import TableFormat, write_table

TABLES = "tables"
"""The folder of the tables of a dossier."""
GIVEN = (TableFormat.CSV, TableFormat.XLSX)
_LARGEST = 10_000
"""Bytes of the marker of a site."""


def quiet() -> None:
    """Tell that the work goes on: to none."""


@dataclass(slots=True, kw_only=True)
class Dossier:
    """A dossier under way, which each step is given.

    Attributes:
        folder: to add to.
        of_year: of the services.
        source: one view of the database, and the archive.
        tables: name, title and rows of those that were written.
        outcome: of the pages.
    """

    folder: Path
    of_year: int
    source: Source
    tables: list[tuple[str, str, int]]
    outcome: Outcome


Step = Callable[[Dossier], None]


def build_dossier(app: App, of_year: int, to: Path, alive: Callable[[], None] = quiet) -> Outcome:
    """Build the dossier of a year.

    Args:
        app: the open installation, which is only read.
        of_year: of the services.
        to: a folder that is not there yet.
        alive: is called between two pages.

    Raises:
        WrongUse: nothing is known of the year, or the folder is there already.
        Refused, StorageUnavailable: see ``built_aside``.
        IntegrityError: the database cannot be read any more.
    """
    with app.reading() as session:
        if of_year not in year_figures.years(session):
            raise WrongUse(
                f"Rien n'est connu de l'année {of_year} : ni facture, ni consommation.",
                "« status » montre les factures et leur année.",
            )
        with built_aside(to, rights=PRIVATE) as folder:
            dossier = Dossier(
                folder=folder,
                of_year=of_year,
                source=_source(app, session, alive),
                tables=[],
                outcome=Outcome(),
            )
            for step in STEPS:
                step(dossier)
    return dossier.outcome


def _write_tables(dossier: Dossier) -> None:
    folder = dossier.folder / TABLES
    folder.mkdir(mode=0o700)
    for table in tables(dossier.source.session, dossier.of_year):
        paths = [folder / f"{table.name}.{suffix}" for suffix in GIVEN]
        rows = write_table(table, *paths, at=dossier.source.at)
        dossier.tables.append((table.name, table.title, rows))
        dossier.source.alive()


def _write_pages(dossier: Dossier) -> None:
    pages = _pages(dossier.source, dossier.folder)
    of_year = YearPages(
        dossier.source, pages, dossier.of_year, with_documents=True, tables=dossier.tables
    )
    dossier.outcome = of_year.write()
    write_common(
        dossier.source,
        pages,
        lambda one: of_year.invoice_path(one.number) if one.year == dossier.of_year else "",
        **of_year.facts,
    )


def _write_proof(dossier: Dossier) -> None:
    write_proof(dossier.folder, dossier.source.session, dossier.of_year)
    dossier.source.alive()


def _write_manifest(dossier: Dossier) -> None:
    write_manifest(dossier.folder, year=dossier.of_year, at=dossier.source.at)


STEPS: tuple[Step, ...] = (_write_tables, _write_pages, _write_proof, _write_manifest)
"""In this order: pages name the tables, and the manifest lists everything."""


def build_site(app: App, to: Path, alive: Callable[[], None] = quiet) -> Outcome:
    """Build the site of all years, or put it in the place of a former one.

    Raises:
        WrongUse: something else is there.
        Refused, StorageUnavailable: see ``built_aside``.
        IntegrityError: the database cannot be read any more.
    """
    whole, began = Outcome(), time.monotonic()
    with app.reading() as session, built_aside(to, replaces=True, rights=PUBLISHED) as folder:
        source = _source(app, session, alive)
        whole.altered = source.altered
        pages = _pages(source, folder)
        years = year_figures.years(session)
        figures = {}
        for one in years:
            of_year = YearPages(source, pages, one, prefix=f"{one}/")
            outcome = of_year.write()
            figures[one] = of_year.states()
            whole.documents += outcome.documents
            whole.differing += outcome.differing
        facts = {"year": None, "navigation": (("Années", "index.html"), *COMMON)}
        write_common(source, pages, _path_in_its_year, **facts)
        pages.put("index.html", "years", years=years, figures=figures, **facts)
        head = journal.head(session)
        marker = {
            "seq": head.seq,
            "hash": head.hash,
            "program": __version__,
            "at": utc_text(source.at),
            "seconds": math.ceil(time.monotonic() - began),
        }
        replace_regular(folder / MARKER, json.dumps(marker, indent=2).encode() + b"\n")
    return whole


def _path_in_its_year(one: TrackedInvoice) -> str:
    return YearPages.path_in(f"{one.year}/", one.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A site that is there: the end of the journal, which program, when, how long it took."""

    head: JournalHead
    program: str
    at: datetime
    took: timedelta


def built_site(place: Path) -> Built | None:
    """What a site says of itself; None when there is none, or it cannot be read."""
    if not is_site(place):
        return None
    with suppress(OSError, ValueError, KeyError, TypeError, OverflowError):
        told = json.loads(read_bounded(place / MARKER, _LARGEST))
        return Built(
            head=JournalHead(seq=told["seq"], hash=told["hash"]),
            program=told["program"],
            at=datetime.fromisoformat(told["at"]),
            took=timedelta(seconds=told["seconds"]),
        )
    return None


def _source(app: App, session: Session, alive: Callable[[], None]) -> Source:
    return Source(
        session=session,
        books=Books(session),
        archive=app.store.archive,
        at=app.clock(),
        altered=_altered(app.store),
        deposits=app.deposits,
        alive=alive,
    )


def _altered(store: Store) -> tuple[str, ...]:
    """What the rows and the shape of the database no longer are, one sentence each."""
    if uncovered(store):
        return ()
    return tuple(f"{found.where} : {found.message}" for found in verify_rows(store))


def _pages(source: Source, folder: Path) -> Pages:
    pages = Pages(
        folder=folder,
        facts={
            "seller": _seller(source.session),
            "built_at": source.at,
            "program": __version__,
            "head": journal.head(source.session),
        },
    )
    pages.put_assets()
    return pages


def _seller(session: Session) -> str:
    """The name of who bills, as the last invoice says; empty before the first."""
    for one in year_figures.years(session):
        with suppress(IntegrityError):
            if (content := next(year.contents(session, one), None)) is not None:
                return content.seller.name
    return ""
