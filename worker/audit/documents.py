"""Writes issued documents out, exactly as they were frozen, for people and other programs."""

import errno
import json
from collections.abc import Sequence
from pathlib import Path

from worker.audit.deposits import evidence_name
from worker.billing.money import count
from worker.billing.status import TrackedInvoice
from worker.errors import IntegrityError, StorageUnavailable, UnreadableRecord
from worker.isolation.files import create_regular
from worker.settings.rights import told
from worker.storage import Session, Store, invoices, observations, statements
from worker.storage.archive import Archive
from worker.storage.documents import StoredDocument, documents_of

MOST_NAMED = 5
"""Pieces that a message names; « journal verify » names them all."""


def export_year(store: Store, year: int, to: Path) -> dict[str, Path]:
    """Write ``TO/<number>/…`` for every invoice issued for a year; their folders, by number.

    A statement without invoice, of a member that consumed nothing, has its folder too.

    The last version of each document, ``validation.json`` (what each one passed) and the
    integration reports the portal gave as PDF. Versions before a correction are in ``v1``, ``v2``…

    Raises:
        StorageUnavailable: the folder cannot be written.
        IntegrityError: kept documents are missing or were altered; all the others were written.
    """
    exported = {}
    unusable: list[str] = []
    with store.reading() as session:
        issued = [invoice for invoice in invoices.tracked(session, year=year) if invoice.number]
        for invoice in issued:
            folder = to / invoice.number.replace("/", "-")
            try:
                invoices.by_id(session, invoice.id)
                write_documents(
                    session, store.archive, invoice, folder, below=to, unusable=unusable
                )
            except UnreadableRecord as error:
                unusable.append(f"{invoice.number} : {error.message}")
                continue
            exported[invoice.number] = folder
        exported |= write_statements(session, store.archive, year, to, unusable=unusable)
    if unusable:
        others = len(unusable) - MOST_NAMED
        raise IntegrityError(
            f"L'archive n'a pas donné {count(len(unusable), 'pièce')} : "
            f"{' '.join(unusable[:MOST_NAMED])}"
            + (f" Et {count(others, 'autre')}." if others > 0 else ""),
            f"Tout le reste est dans {to}. Rétablissez l'archive depuis une sauvegarde.",
        )
    return exported


def write_documents(
    session: Session,
    archive: Archive,
    invoice: TrackedInvoice,
    folder: Path,
    *,
    below: Path,
    unusable: list[str],
) -> frozenset[str]:
    """Write the documents of an issued invoice as ``export_year`` does.

    Args:
        session: to read in.
        archive: that has the bytes.
        invoice: of the documents.
        folder: of its own.
        below: what the person named; see ``_write``.
        unusable: is told of each piece that the archive cannot give.

    Returns:
        The names of what was written, such as ``v1/facturx.pdf``; not ``validation.json``.

    Raises:
        StorageUnavailable: the folder cannot be written.
    """
    kept = _Kept(archive, invoice.number, unusable)
    every = documents_of(session, invoice.id)
    files = kept.contents(every, invoice.version)
    written = set()
    for old in range(1, invoice.version):
        former = kept.contents(every, old)
        _write(folder / f"v{old}", former, below=below)
        written |= {f"v{old}/{name}" for name in former}
    for seen in observations.observations(session, invoice.id):
        if seen.evidence:
            files |= kept.file(evidence_name(seen), seen.evidence)
    written |= files.keys()
    report = _validation(invoice, every)
    text = json.dumps(report, ensure_ascii=False, indent=2) + "\n"
    _write(folder, files | {"validation.json": text.encode()}, below=below)
    return frozenset(written)


def write_statements(
    session: Session, archive: Archive, year: int, to: Path, *, unusable: list[str]
) -> dict[str, Path]:
    """Write ``TO/<number>/statement.pdf`` for every statement without invoice; the folders.

    ``unusable`` is told of each page that the archive cannot give. Raises StorageUnavailable.
    """
    written = {}
    for page in statements.without_invoice(session, year):
        folder = to / page.number.replace("/", "-")
        files = _Kept(archive, page.number, unusable).file(page.kind, page.sha256)
        _write(folder, files, below=to)
        written[page.number] = folder
    return written


def _validation(invoice: TrackedInvoice, every: Sequence[StoredDocument]) -> dict[str, object]:
    """What each document of the last version passed."""
    return {
        "number": invoice.number,
        "version": invoice.version,
        "documents": [
            {
                "file": document.kind.value,
                "profile": document.profile,
                "sha256": document.sha256,
                "checks": [
                    {
                        "rule_set": check.rule_set,
                        "version": check.version,
                        "sha256": check.sha256,
                        "valid": True,
                        "warnings": [
                            {
                                "code": finding.code,
                                "where": finding.where,
                                "message": finding.message,
                            }
                            for finding in check.findings
                        ],
                    }
                    for check in document.checks
                ],
            }
            for document in every
            if document.version == invoice.version
        ],
    }


class _Kept:
    """What the archive gives of an invoice; one piece that it cannot give stops no other.

    Args:
        archive: that has the bytes.
        number: of the invoice.
        unusable: is told of each such piece.
    """

    def __init__(self, archive: Archive, number: str, unusable: list[str]) -> None:
        self._archive = archive
        self._number = number
        self._unusable = unusable

    def file(self, name: str, sha256: str) -> dict[str, bytes]:
        """A file by its name, or nothing."""
        try:
            return {name: self._archive.get(sha256)}
        except (IntegrityError, StorageUnavailable) as error:
            self._unusable.append(f"{self._number}, {name} : {error.message}")
            return {}

    def contents(self, documents: Sequence[StoredDocument], version: int) -> dict[str, bytes]:
        """The documents of a version, by name."""
        files: dict[str, bytes] = {}
        for document in documents:
            if document.version == version:
                files |= self.file(document.kind.value, document.sha256)
        return files


def write_file(path: Path, content: bytes) -> None:
    """Write a file for its owner alone. Raises StorageUnavailable."""
    _write(path.parent, {path.name: content})


def _write(folder: Path, files: dict[str, bytes], *, below: Path | None = None) -> None:
    """Write files for their owner alone. No link is followed: of theirs, nor of folders of ours.

    ``below``: what the person named, links included; all under it is ours.
    """
    path = folder
    try:
        for part in (folder, *folder.parents) if below is not None else ():
            if part.is_symlink() and below in part.parents:
                raise OSError(errno.EEXIST, "c'est un lien, qui n'est pas suivi", str(part))  # noqa: TRY301 - told below
        for level in (*reversed(folder.parents), folder):
            level.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content in files.items():
            path = folder / name
            with create_regular(path) as file:
                file.write(content)
    except OSError as error:
        raise StorageUnavailable(*told(error, path, writing=True)) from error
