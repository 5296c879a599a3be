"""Writes issued documents out, exactly as they were frozen, for people and other programs."""

import errno
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from worker.audit.deposits import evidence_name
from worker.billing.money import count
from worker.billing.status import TrackedInvoice
from worker.billing.text import plain_name
from worker.errors import IntegrityError, StorageUnavailable, UnreadableRecord
from worker.isolation.files import create_regular
from worker.settings.rights import told
from worker.storage import Session, Store, invoices, observations, statements
from worker.storage.archive import Archive
from worker.storage.documents import StoredDocument, documents_of

MOST_NAMED = 5
"""Pieces that a message names; « journal verify » names them all."""


LONGEST_MEMBER = 40
"""Characters of a member's name in the names of folders and files."""


def named_after(number: str, member: str) -> str:
    """How the folder of an invoice is named: ``BSN-2026-00001_Commune-fictive``."""
    return f"{number.replace('/', '-')}_{plain_name(member, LONGEST_MEMBER) or 'membre'}"


def export_year(store: Store, year: int, to: Path) -> dict[str, Path]:
    """Write ``TO/<number>_<member>/…`` for every invoice issued for a year; folders by number.

    Each file begins as its folder is named: ``BSN-2026-00001_Commune-fictive_facturx.pdf``.

    A statement without invoice, of a member that consumed nothing, has its folder too.

    The last version of each document, ``validation.json`` (what each one passed) and the
    integration reports the portal gave as PDF. Versions before a correction are in ``v1``, ``v2``…

    Raises:
        StorageUnavailable: the folder cannot be written.
        IntegrityError: kept documents are missing or were altered; all the others were written.
    """
    exported: dict[str, Path] = {}
    unusable: list[str] = []
    with store.reading() as session:
        issued = [invoice for invoice in invoices.tracked(session, year=year) if invoice.number]
        for invoice in issued:
            exported |= _export(session, store.archive, invoice, to, unusable)
        exported |= write_statements(session, store.archive, year, to, unusable=unusable)
    _refuse_unusable(unusable, to)
    return exported


def export_invoice(store: Store, number: str, to: Path) -> dict[str, Path]:
    """The same for one invoice or credit note. Raises WrongUse for no such one, and as above."""
    unusable: list[str] = []
    with store.reading() as session:
        invoice = invoices.named(session, number)
        exported = _export(session, store.archive, invoice, to, unusable)
    _refuse_unusable(unusable, to)
    return exported


def _export(
    session: Session, archive: Archive, invoice: TrackedInvoice, to: Path, unusable: list[str]
) -> dict[str, Path]:
    """Its folder by its number; none when it cannot be read, which ``unusable`` is told."""
    name = named_after(invoice.number, invoice.member_name)
    try:
        invoices.by_id(session, invoice.id)
        write_documents(
            session, archive, invoice, to / name, below=to, unusable=unusable, prefix=f"{name}_"
        )
    except UnreadableRecord as error:
        unusable.append(f"{invoice.number} : {error.message}")
        return {}
    return {invoice.number: to / name}


def _refuse_unusable(unusable: Sequence[str], to: Path) -> None:
    """Raise IntegrityError, which names the first pieces that the archive did not give."""
    if unusable:
        others = len(unusable) - MOST_NAMED
        raise IntegrityError(
            f"L'archive n'a pas donné {count(len(unusable), 'pièce')} : "
            f"{' '.join(unusable[:MOST_NAMED])}"
            + (f" Et {count(others, 'autre')}." if others > 0 else ""),
            f"Tout le reste est dans {to}. Rétablissez l'archive depuis une sauvegarde.",
        )


def write_documents(
    session: Session,
    archive: Archive,
    invoice: TrackedInvoice,
    folder: Path,
    *,
    below: Path,
    unusable: list[str],
    prefix: str = "",
) -> frozenset[str]:
    """Write the documents of an issued invoice as ``export_year`` does.

    Args:
        session: to read in.
        archive: that has the bytes.
        invoice: of the documents.
        folder: of its own.
        below: what the person named; see ``_write``.
        unusable: is told of each piece that the archive cannot give.
        prefix: of the name of each file.

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
        _write(folder / f"v{old}", _prefixed(former, prefix), below=below)
        written |= {f"v{old}/{name}" for name in former}
    for seen in observations.observations(session, invoice.id):
        if seen.evidence:
            files |= kept.file(evidence_name(seen), seen.evidence)
    written |= files.keys()
    report = _validation(invoice, every, prefix)
    text = json.dumps(report, ensure_ascii=False, indent=2) + "\n"
    _write(folder, _prefixed(files, prefix) | {"validation.json": text.encode()}, below=below)
    return frozenset(written)


def _prefixed(files: Mapping[str, bytes], prefix: str) -> dict[str, bytes]:
    return {f"{prefix}{name}": content for name, content in files.items()}


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


def _validation(
    invoice: TrackedInvoice, every: Sequence[StoredDocument], prefix: str
) -> dict[str, object]:
    """What each document of the last version passed."""
    return {
        "number": invoice.number,
        "version": invoice.version,
        "documents": [
            {
                "file": f"{prefix}{document.kind.value}",
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
