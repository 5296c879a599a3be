"""Members, files and issued invoices put into a store, for the tests of storage and intake."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from tests.golden.samples import MEMBER, two_lines
from worker.app import App
from worker.billing.invoice import Invoice
from worker.billing.journal import EventTag
from worker.billing.members import Member
from worker.billing.statement import Statement
from worker.imports import ImportKind
from worker.imports.intake import Intake, take_in
from worker.settings.keys import Settings
from worker.settings.loading import Configuration
from worker.storage import Session, Store, Transaction, imported, invoices, source_files
from worker.storage.invoices import take_number
from worker.storage.migration import Upgrade
from worker.storage.source_files import ImportedFile

NOW = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)
ACTOR = "finance@poste"
UPGRADE = Upgrade(actor=ACTOR, now=NOW)
SIRET = MEMBER.siret
OTHER = "99900001100018"
UNKNOWN = "99900002900010"

UNREAD = ImportedFile(
    kind="members",
    name="membres.csv",
    sha256="0" * 64,
    size=1,
    rows=1,
    imported_at=NOW,
    imported_by=ACTOR,
    sheet="",
    columns={},
    kept_sha256="",
)
"""A file that nobody could read again: a former release took it in."""

HEADERS = {
    ImportKind.MEMBERS: "siret;nom;adresse;code_postal;ville;convention;contact_email",
    ImportKind.SUBSCRIPTIONS: "siret;service;palier;categorie;debut;fin",
    ImportKind.USAGE: "siret;service;palier;mois;utilisateurs",
    ImportKind.REFERENCES: "siret;annee;code_service;engagement",
    ImportKind.UNITS: "siret;service;date;quantite;reference",
    ImportKind.POPULATION: "siret;annee;habitants",
    ImportKind.PREVIOUS: "siret;annee;montant_ttc;nom",
}


def writing(
    store: Store, *, at: datetime = NOW, commit: bool = True
) -> AbstractContextManager[Transaction]:
    """A change made by the person of the tests."""
    return store.transaction(ACTOR, lambda: at, commit=commit)


def app_on(store: Store, *, at: datetime = NOW) -> App:
    """An installation with this store, whose settings are never asked."""
    configuration = Configuration(
        path=Path("worker.toml"), settings=Settings.model_construct(), origins={}
    )
    return App(configured=configuration, store=store, clock=lambda: at, actor=ACTOR)


def write_csv(folder: Path, kind: ImportKind, *rows: str, name: str = "") -> Path:
    """An import file with these rows under the right header."""
    path = folder / (name or f"{kind.value}.csv")
    path.write_text("\n".join((HEADERS[kind], *rows, "")), "utf-8")
    return path


def bring(store: Store, path: Path, kind: ImportKind, *, dry_run: bool = False) -> Intake:
    """Import a file on 5 January 2026."""
    return take_in(app_on(store), path, kind, dry_run=dry_run)


def bring_rows(store: Store, folder: Path, kind: ImportKind, *rows: str, name: str = "") -> Intake:
    """Import these rows."""
    return bring(store, write_csv(folder, kind, *rows, name=name), kind)


def add_members(store: Store, members: Sequence[Member] = (MEMBER,)) -> int:
    """Put members in without a file to read; returns the id of the file they claim to be from."""
    with writing(store) as session:
        file_id = source_files.add(session, UNREAD)
        placed = [(member, (file_id, row)) for row, member in enumerate(members, start=2)]
        imported.put_members(session, placed, NOW)
    return file_id


def counts(session: Session) -> dict[str, int]:
    """How many records of each kind are current."""
    current = {
        "members": "member",
        "subscriptions": "subscription WHERE superseded_at IS NULL",
        "invoices": "invoice",
        "usage": "usage_record WHERE superseded_at IS NULL",
    }
    return {
        name: session.execute(text(f"SELECT COUNT(*) FROM {table}")).scalar_one()
        for name, table in current.items()
    }


def numbered(value: int, member: Member = MEMBER) -> tuple[Invoice, Statement]:
    """The two-line invoice and its statement, for a member, with these numbers."""
    invoice, statement = two_lines()
    buyer = replace(invoice.buyer, siret=member.siret, name=member.name)
    name = f"ETAT-2026-{value:05d}"
    return (
        replace(invoice, buyer=buyer, number=f"BSN-2026-{value:05d}", statement_number=name),
        replace(statement, member=member, number=name),
    )


def issue_one(tx: Transaction, member: Member = MEMBER) -> int:
    """Issue the two-line invoice as the batch does: number, rows, journal; returns its id."""
    invoice, statement = numbered(take_number(tx, "BSN-2026-"), member)
    invoice_id = invoices.issue(tx, invoice, statement, ())
    tx.journal(EventTag.INVOICE_ISSUED, invoice.number, siret=member.siret)
    return invoice_id
