"""Takes an import file in, all or nothing, and remembers where each record came from.

One transaction per file: one bad row and nothing of the file is taken. Rows are read as a stream
and pass through the database, so that a million of them fit in little memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from worker.app import App
from worker.billing.consumption import UsageRecord, service_name
from worker.billing.journal import EventTag
from worker.billing.members import BillingReferences, Subscription
from worker.billing.money import count, french_integer
from worker.billing.period import Month, paris_day
from worker.errors import Finding, ImportRefused, Severity
from worker.imports import ImportKind, ParsedRow, RefusedRow, SourceFile, fingerprint
from worker.imports import read as read_rows
from worker.storage import Session, Transaction, imported
from worker.storage.imported import Changes
from worker.storage.usage_stage import UsageStage

T = TypeVar("T")
BATCH = 5_000
MOST_FINDINGS = 1_000
"""Beyond, bad rows are counted and no longer listed: the file is wrong as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What an import did.

    Attributes:
        already: these very bytes were imported before; nothing was done.
        rows: data rows read.
        findings: warnings, such as a month missing between two others.
    """

    file: SourceFile
    kind: ImportKind
    rows: int
    changes: Changes
    already: bool = False
    findings: tuple[Finding, ...] = ()


def take_in(app: App, path: Path, kind: ImportKind, *, dry_run: bool = False) -> Intake:
    """Import one file; with ``dry_run`` everything is checked and nothing kept.

    Raises:
        ImportRefused: with a finding for each bad row, up to ``MOST_FINDINGS``.
        WrongUse: the file cannot be read.
    """
    file = fingerprint(path)
    with app.transaction(commit=not dry_run) as tx:
        if imported.file_known(tx, kind.value, file.sha256):
            return Intake(file=file, kind=kind, rows=0, changes=Changes(), already=True)
        return _import(tx, file, kind)


def _import(tx: Transaction, file: SourceFile, kind: ImportKind) -> Intake:
    now = tx.now
    file_id = imported.add_file(
        tx, kind=kind.value, name=file.name, sha256=file.sha256, size=file.size, at=now
    )
    refusals = _Refusals(file)
    warnings: tuple[Finding, ...] = ()
    match kind:
        case ImportKind.USAGE:
            rows, changes, warnings = _usage(tx, file, file_id, now, refusals)
        case ImportKind.MEMBERS:
            rows, changes = _members(tx, file, file_id, now, refusals)
        case ImportKind.SUBSCRIPTIONS:
            rows, changes = _subscriptions(tx, file, file_id, refusals)
        case ImportKind.REFERENCES:
            rows, changes = _references(tx, file, file_id, now, refusals)
    refusals.raise_if_any()
    imported.close_file(tx, file_id, rows)
    tx.journal(
        EventTag.FILE_IMPORTED,
        file.sha256,
        kind=kind.value,
        name=file.name,
        rows=rows,
        added=changes.added,
        changed=changes.changed,
        unchanged=changes.unchanged,
    )
    return Intake(file=file, kind=kind, rows=rows, changes=changes, findings=warnings)


class _Refusals:
    """The bad rows of a file: listed up to a bound, counted beyond."""

    def __init__(self, file: SourceFile) -> None:
        self.file = file
        self.rows: set[int] = set()
        self.beyond = 0
        self.found: list[tuple[int, Finding]] = []

    def add(self, row: int, *findings: Finding) -> None:
        if len(self.found) >= MOST_FINDINGS:
            self.beyond += 1
            return
        self.rows.add(row)
        self.found.extend((row, finding) for finding in findings)

    def problem(self, row: int, code: str, message: str, remedy: str, column: str = "") -> None:
        column = f", colonne « {column} »" if column else ""
        where = f"{self.file.name}, ligne {row}{column}"
        self.add(row, Finding(code=code, message=message, remedy=remedy, where=where))

    def raise_if_any(self) -> None:
        if not self.found:
            return
        in_order = sorted(self.found, key=lambda pair: pair[0])
        bad = len(self.rows) + self.beyond
        listed = french_integer(len(self.rows))
        shown = f" (les {listed} premières sont listées)" if self.beyond else ""
        raise ImportRefused(
            f"Le fichier {self.file.name} contient {count(bad, 'ligne incorrecte')}{shown} : "
            "rien n'a été importé.",
            "Corrigez les lignes indiquées, puis importez à nouveau le fichier entier.",
            findings=[finding for _, finding in in_order],
        )


def _members(
    tx: Transaction, file: SourceFile, file_id: int, now: datetime, refusals: _Refusals
) -> tuple[int, Changes]:
    tally, seen = _Tally(), _Seen(refusals, "siret")
    for row, (member, contact) in _good(read_rows(file, ImportKind.MEMBERS), refusals):
        if seen.before(row, member.siret):
            continue
        tally.add(imported.put_member(tx, member, file_id, row))
        if contact is not None:
            imported.put_contact(tx, contact, now)
    return tally.rows, tally.changes


def _subscriptions(
    tx: Transaction, file: SourceFile, file_id: int, refusals: _Refusals
) -> tuple[int, Changes]:
    tally, known, seen = _Tally(), imported.known_sirets(tx), _Seen(refusals, "debut")
    for row, value in _good(read_rows(file, ImportKind.SUBSCRIPTIONS), refusals):
        if _unknown(value, known, row, refusals):
            continue
        if not seen.before(row, (value.siret, value.service, value.tier, value.start)):
            tally.add(imported.put_subscription(tx, value, file_id, row))
    return tally.rows, tally.changes


def _references(
    tx: Transaction, file: SourceFile, file_id: int, now: datetime, refusals: _Refusals
) -> tuple[int, Changes]:
    tally, known, seen = _Tally(), imported.known_sirets(tx), _Seen(refusals, "annee")
    for row, value in _good(read_rows(file, ImportKind.REFERENCES), refusals):
        if _unknown(value, known, row, refusals):
            continue
        if not seen.before(row, (value.siret, value.year)):
            tally.add(imported.put_references(tx, value, now, (file_id, row)))
    return tally.rows, tally.changes


def _usage(
    session: Session, file: SourceFile, file_id: int, now: datetime, refusals: _Refusals
) -> tuple[int, Changes, tuple[Finding, ...]]:
    stage = UsageStage(session)
    batch: list[UsageRecord] = []
    rows, present = 0, Month.of(paris_day(now))
    for _, value in _good(read_rows(file, ImportKind.USAGE), refusals):
        _begun(value, present, refusals)
        batch.append(value)
        rows += 1
        if len(batch) == BATCH:
            stage.add(batch)
            batch.clear()
    if batch:
        stage.add(batch)
    for row, problem, detail in stage.problems():
        message, remedy, column = _USAGE_PROBLEMS[problem]
        refusals.problem(row, f"IMPORT-{problem.upper()}", message.format(detail), remedy, column)
    refusals.raise_if_any()
    gaps = tuple(
        Finding(
            code="IMPORT-GAP",
            severity=Severity.WARNING,
            message=f"{siret} : {service_name(service, tier)}, rien entre {before.french} et "
            f"{after.french}",
            remedy="Si le service n'a pas servi, ajoutez ces mois avec 0 utilisateur.",
            where=f"{file.name}, ligne {row}",
        )
        for row, siret, service, tier, before, after in stage.gaps()
    )
    return rows, stage.apply(file_id, now), gaps


_USAGE_PROBLEMS = {
    "unknown-member": (
        "le membre {} n'est pas connu",
        "Importez d'abord le fichier des membres, ou corrigez le SIRET.",
        "siret",
    ),
    "duplicate": (
        "même membre, service, palier et mois qu'à la ligne {}",
        "Gardez une seule des deux lignes, ou additionnez leurs utilisateurs.",
        "mois",
    ),
    "other-year": (
        "ce mois n'est pas de l'année {}, celle du reste du fichier",
        "Corrigez le mois, ou importez un fichier par année.",
        "mois",
    ),
    "billed": (
        "l'année est déjà facturée (facture {}) et cette ligne la changerait",
        "Retirez la ligne : une facture émise ne change plus.",
        "utilisateurs",
    ),
}


def _begun(value: UsageRecord, present: Month, refusals: _Refusals) -> None:
    if value.month > present:
        refusals.problem(
            value.source.row,
            "IMPORT-FUTURE",
            f"{value.month.french} n'est pas encore commencé",
            "Corrigez le mois.",
            "mois",
        )


def _good(rows: Iterator[ParsedRow[T]], refusals: _Refusals) -> Iterator[tuple[int, T]]:
    for row in rows:
        if isinstance(row, RefusedRow):
            refusals.add(row.row, *row.findings)
        else:
            yield row.row, row.value


def _unknown(
    value: Subscription | BillingReferences,
    known: frozenset[str],
    row: int,
    refusals: _Refusals,
) -> bool:
    if value.siret in known:
        return False
    message, remedy, column = _USAGE_PROBLEMS["unknown-member"]
    refusals.problem(row, "IMPORT-UNKNOWN-MEMBER", message.format(value.siret), remedy, column)
    return True


class _Seen:
    """Finds a second row with the same key in files that fit in memory."""

    def __init__(self, refusals: _Refusals, column: str) -> None:
        self._refusals = refusals
        self._column = column
        self._first: dict[object, int] = {}

    def before(self, row: int, key: object) -> bool:
        first = self._first.setdefault(key, row)
        if first == row:
            return False
        self._refusals.problem(
            row,
            "IMPORT-DUPLICATE",
            f"répète la ligne {first}",
            "Gardez une seule des deux lignes.",
            self._column,
        )
        return True


class _Tally:
    def __init__(self) -> None:
        self.rows = 0
        self.changes = Changes()

    def add(self, one: Changes) -> None:
        self.rows += 1
        total = self.changes
        self.changes = Changes(
            added=total.added + one.added,
            changed=total.changed + one.changed,
            unchanged=total.unchanged + one.unchanged,
        )
