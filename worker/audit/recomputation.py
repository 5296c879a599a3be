"""Does each issued document still follow from the rows it was computed from?

An invoice is computed again from the usage, subscriptions, references, member and grids that were
in force at its issue (storage/history.py), a credit note from the lines of its invoice; what comes
out is compared with what was frozen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from worker.billing.invoice import Invoice
from worker.billing.members import Subscription
from worker.billing.provenance import PartInForce, Version, YearInForce
from worker.billing.rating import RatedLine
from worker.billing.recomputation import (
    Difference,
    credit_note_differences,
    file_mark,
    invoice_differences,
)
from worker.billing.statement import Statement
from worker.billing.status import TrackedInvoice
from worker.billing.tariff import TariffGrid
from worker.errors import KEEP_AND_COMPARE, Finding, IntegrityError, Severity, TariffError
from worker.storage import Session, Store, history, invoices
from worker.storage.grids import kept_grid

AT_ONCE = 200
"""Documents that are computed again from one view of the database: none stays open for long."""
_MOST_TOLD = 6
"""Values of one line that a finding tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recomputed:
    """One document, computed again; without findings, it is what its rows give."""

    id: int
    number: str
    findings: tuple[Finding, ...]


@dataclass(slots=True)
class Books:
    """What many documents share, read once for a view of the database."""

    session: Session
    files: history.Files = field(init=False)
    _grids: dict[str, TariffGrid] = field(default_factory=dict)
    _last: dict[tuple[int, int], YearInForce] = field(default_factory=dict)
    """Of the last document alone, which is computed again and explained."""

    def __post_init__(self) -> None:
        self.files = history.files(self.session)

    def named(self, text: str) -> str:
        """A text with the names of the files in the place of their marks."""
        for file in self.files.values():
            text = text.replace(file_mark(file.sha256), f"« {file.name} »")
        return text

    def grid(self, version: str) -> TariffGrid:
        """A frozen grid. Raises IntegrityError, TariffError."""
        if version not in self._grids:
            self._grids[version] = kept_grid(self.session, version)
        return self._grids[version]

    def in_force(self, tracked: TrackedInvoice) -> YearInForce:
        """What an invoice rested on. Raises IntegrityError."""
        key = tracked.id, tracked.version
        if key not in self._last:
            issue, last = history.issue_moments(self.session, tracked.number)
            self._last = {
                key: history.year_in_force(
                    self.session, tracked.siret, tracked.year, self.files, issue=issue, last=last
                )
            }
        return self._last[key]


def recompute(
    store: Store, *, after: int = 0, most: int | None = None, only: Sequence[int] | None = None
) -> Iterator[Recomputed]:
    """Compute documents again, by the id of their row.

    Args:
        store: the open database.
        after: begin behind this id.
        most: at most so many; None for all.
        only: these alone, whatever ``after`` and ``most``.
    """
    left = most
    while left is None or left > 0:
        size = AT_ONCE if left is None else min(left, AT_ONCE)
        with store.reading() as session:
            ids = (
                invoices.issued_ids(session, after, size)
                if only is None
                else _still_there(session, only)
            )
            if not ids:
                return
            books = Books(session)
            found = [recompute_one(books, invoice_id) for invoice_id in ids]
        yield from found
        if only is not None:
            return
        after = ids[-1]
        left = None if left is None else left - len(ids)


def _still_there(session: Session, only: Sequence[int]) -> Sequence[int]:
    return [one for one in only if invoices.issued_ids(session, one - 1, 1) == (one,)]


def recompute_one(books: Books, invoice_id: int) -> Recomputed:
    """Compute one document again; what cannot be read is a finding too."""
    number, where = "", f"ligne {invoice_id} de la table invoice"
    try:
        tracked = invoices.by_id(books.session, invoice_id)
        number, where = tracked.number, tracked.label
        findings = tuple(
            replace(one, message=books.named(one.message)) for one in _findings(books, tracked)
        )
    except (IntegrityError, TariffError) as error:
        findings = (_differs(where, error.message),)
    return Recomputed(id=invoice_id, number=number, findings=findings)


def _findings(books: Books, tracked: TrackedInvoice) -> Iterator[Finding]:
    content = invoices.content(books.session, tracked.id)
    if tracked.is_credit_note:
        yield from _note_findings(books, tracked, content)
        return
    statement = invoices.statement_of(books.session, tracked.id)
    known = books.in_force(tracked)
    lost = _lost(known, statement)
    if known.member is None:
        yield _is_lost(tracked.label, "le membre")
    for name in lost:
        yield _is_lost(tracked.label, name)
    if not lost:
        differences = invoice_differences(
            known.known(statement.member),
            [books.grid(version) for version in content.grid_versions],
            content,
            statement,
        )
        yield from _told(tracked.label, differences, "les lignes importées")


def _note_findings(books: Books, tracked: TrackedInvoice, note: Invoice) -> Iterator[Finding]:
    if tracked.corrects is None:
        yield _differs(tracked.label, "sa facture n'est plus nommée")
        return
    own = history.first_of_chain(books.session, tracked.number)
    earlier = []
    for one in invoices.notes_of(books.session, tracked.corrects):
        if one.number == own:
            break
        # One that another replaces has the same content: each chain counts once, at its place.
        if history.first_of_chain(books.session, one.number) == one.number:
            earlier.append(invoices.content(books.session, one.id))
    invoice = invoices.content(books.session, tracked.corrects)
    differences = credit_note_differences(note, invoice, earlier)
    yield from _told(tracked.label, differences, "sa facture")


def _lost(known: YearInForce, statement: Statement) -> list[str]:
    """Subscriptions whose version of the issue is not kept, and that lines of it rest on."""
    origins = dict.fromkeys(line.origin for line in statement.lines)
    return [
        f"l'abonnement à {version.value.service} du {version.value.start:%d/%m/%Y}"
        for origin in origins
        for version in _lost_of(
            known.part(origin), [line for line in statement.lines if line.origin == origin]
        )
    ]


def _lost_of(part: PartInForce, lines: Sequence[RatedLine]) -> Iterator[Version[Subscription]]:
    billed = {(line.service, line.tier, use.month) for line in lines for use in line.months}
    kept = {
        (one.value.service, one.value.tier, month)
        for service, tier, month in billed
        for one in part.subscriptions
        if (one.value.service, one.value.tier) == (service, tier) and one.value.covers(month)
    }
    for version in part.replaced:
        if any(
            (version.value.service, version.value.tier) == (service, tier)
            and version.value.covers(month)
            for service, tier, month in billed - kept
        ):
            yield version


def _told(where: str, differences: Sequence[Difference], source: str) -> Iterator[Finding]:
    """One finding for each line that differs, and one for the whole."""
    for line, group in groupby(
        sorted(differences, key=lambda one: (not one.line, one.line.zfill(6))),
        key=lambda one: one.line,
    ):
        of_line = list({(one.what, one.told, one.computed): one for one in group}.values())
        named = f"ligne {line} « {of_line[0].label} » : " if line else ""
        told = [_sentence(one, source) for one in of_line[:_MOST_TOLD]]
        if len(of_line) > _MOST_TOLD:
            told.append(f"et {len(of_line) - _MOST_TOLD} autres valeurs")
        yield _differs(where, f"{named}{' ; '.join(told)}")


def _sentence(one: Difference, source: str) -> str:
    if not (one.told or one.computed):
        return one.what
    told, computed = one.told or "rien", one.computed or "rien"
    return f"{one.what} : {told} dans les livres, {computed} d'après {source}"


def _differs(where: str, what: str) -> Finding:
    return Finding(
        code="ROWS-DIFFER",
        message=what,
        remedy=KEEP_AND_COMPARE,
        where=where,
    )


def _is_lost(where: str, what: str) -> Finding:
    return Finding(
        code="ROWS-LOST",
        severity=Severity.WARNING,
        message=f"son recalcul entier est impossible : {what} a été remplacé depuis, et la "
        "version de l'émission n'a pas été gardée",
        remedy="Comparez à une sauvegarde de l'époque, ou au fichier qui avait été importé.",
        where=where,
    )
