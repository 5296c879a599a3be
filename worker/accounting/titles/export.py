"""Which titles may leave, in which layout; nothing is written before all is known to be right.

What would have an invoice reach its buyer twice is refused: an ASAP (02) for what was deposited,
and any file of an invoice that left with an ASAP once it is this program that deposits.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from worker.accounting.titles import corail, emagnus, jvs, neutral
from worker.accounting.titles.lines import TitleLine, edition_of, lines_of, services_of
from worker.app import App
from worker.audit.documents import write_file
from worker.billing.document import DocumentKind
from worker.billing.invoice import Invoice
from worker.billing.journal import EventTag
from worker.billing.money import Money
from worker.billing.status import InvoiceStatus, TrackedInvoice
from worker.billing.title import Edition, Title
from worker.errors import ConfigurationError, Finding, Refused, StorageUnavailable, WrongUse
from worker.settings.rights import told
from worker.storage import Session, invoices, titles
from worker.storage.documents import documents_of
from worker.tables.files import format_of, write_table


class Layout(StrEnum):
    """Whose import file. The value is what ``--layout`` takes."""

    NEUTRAL = "neutral"
    EMAGNUS = "emagnus"
    CORAIL = "corail"
    JVS = "jvs"


FILES: Mapping[Layout, Callable[[Sequence[TitleLine]], dict[str, bytes]]] = {
    Layout.EMAGNUS: emagnus.files_of,
    Layout.CORAIL: corail.files_of,
    Layout.JVS: jvs.files_of,
}
"""What makes the files of each layout but the neutral one, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What left.

    Attributes:
        titled: invoices left out because they have their title already.
        void: cancelled before any title, with the credit notes: nothing is to be made of them.
        credits: credit notes, and invoices that they cancel, left out of a software's own layout.
        shortened: names longer than the PES allows.
        pieces: PDF files beside.
    """

    edition: Edition
    lines: tuple[TitleLine, ...]
    titled: tuple[str, ...]
    void: tuple[str, ...]
    credits: tuple[str, ...]
    shortened: tuple[str, ...]
    pieces: int

    @property
    def total(self) -> Money:
        """TTC, credit notes deducted."""
        return Money.sum(line.gross for line in self.lines)

    @property
    def numbers(self) -> tuple[str, ...]:
        """Of the invoices and credit notes, in order."""
        return tuple(dict.fromkeys(line.invoice.number for line in self.lines))


def export(
    app: App, year: int, to: Path, layout: Layout, *, pieces: Path | None = None
) -> Exported:
    """Write the titles of a year of services.

    Args:
        app: the open installation.
        year: of the services.
        to: the file; of a software's own layout, a folder that is not there yet, or empty.
        layout: whose.
        pieces: a folder for the PDF of each invoice; those of a software's layout are in ``to``.

    Raises:
        ConfigurationError: a service has no mapping.
        Refused: an invoice would reach its buyer twice, or nothing is left to export.
        WrongUse: the name of the file is none of a table, or the folder holds something.
        StorageUnavailable, IntegrityError: the files cannot be written, the pieces not be read.
    """
    if layout is Layout.NEUTRAL:
        format_of(to)
    else:
        _require_empty(to)
    edition = edition_of(app.settings.channel)
    with app.reading() as session:
        issued = [one for one in invoices.tracked(session, year=year) if one.number]
        known = titles.current(session, [one.id for one in issued])
        titled = tuple(one.number for one in issued if one.id in known)
        void = _void(issued, known, titles.exported(session))
        left = [one for one in issued if one.id not in known and one not in void]
        _refuse_twice(session, left, edition)
        own = [one for one in left if layout is Layout.NEUTRAL or _is_plain(one)]
        beside = tuple(one.number for one in left if one not in own)
        lines = _lines(app, session, own, edition)
    if not lines:
        raise Refused(
            f"Aucune facture des services {year} n'attend son titre.",
            "« status » dit lesquelles sont émises, et lesquelles ont déjà leur titre.",
        )
    written = _pieces(app, lines) if pieces is not None or layout is not Layout.NEUTRAL else {}
    if layout is Layout.NEUTRAL:
        write_table(neutral.table_of(lines, year), to, at=app.clock())
        if pieces is not None:
            _write(pieces, written)
    else:
        # One of the layouts names the folder of its pieces.
        below = f"{corail.PIECES}/" if layout is Layout.CORAIL else ""
        placed = {f"{below}{name}": content for name, content in written.items()}
        _write(to, FILES[layout](lines) | placed)
    done = Exported(
        edition=edition,
        lines=lines,
        titled=titled,
        void=tuple(one.number for one in void),
        credits=beside,
        shortened=tuple(
            dict.fromkeys(
                line.invoice.buyer.name
                for line in lines
                if line.party_name != line.invoice.buyer.name
            )
        ),
        pieces=len(written),
    )
    with app.transaction() as tx:
        tx.journal(
            EventTag.TITLES_EXPORTED,
            str(year),
            layout=layout.value,
            edition=edition.value,
            numbers=list(done.numbers),
            cents=done.total.cents,
        )
    return done


def _void(
    issued: Sequence[TrackedInvoice], known: Mapping[int, Title], exported: frozenset[str]
) -> list[TrackedInvoice]:
    """What was cancelled before its title left, with the credit notes that cancel it.

    Neither a title nor its reduction is to be made. A credit note that another replaced likewise:
    the invoice is reduced once.
    """
    cancelled = {
        one.id
        for one in issued
        if one.status is InvoiceStatus.CANCELLED
        and one.id not in known
        and one.number not in exported
    }
    return [
        one
        for one in issued
        if one.id in cancelled
        or (one.corrects in cancelled and one.id not in known and one.number not in exported)
    ]


def _is_plain(invoice: TrackedInvoice) -> bool:
    """Whether its title is an ordinary one: a reduction is made of a title that has its number."""
    return not invoice.is_credit_note and invoice.status is not InvoiceStatus.CANCELLED


def _refuse_twice(session: Session, left: Sequence[TrackedInvoice], edition: Edition) -> None:
    """Raise Refused for what would reach its buyer by Chorus Pro and by its title."""
    match edition:
        case Edition.TO_CHORUS:
            twice = [one.number for one in left if _was_deposited(one)]
            why = "déposée sur Chorus Pro : avec un ASAP (Edition 02), elle arriverait deux fois"
            remedy = (
                "Le canal est « helios » : ces factures sont parties sous « api ». Exportez leurs "
                'titres avec channel = "api" (Edition 04), ou annulez-les d\'abord (« credit »).'
            )
        case Edition.NOTHING:
            with_asap = titles.sent_with_asap(session)
            twice = [one.number for one in left if one.number in with_asap]
            why = "partie avec un ASAP (Edition 02) : déposée aussi, elle arriverait deux fois"
            remedy = (
                "Le canal est « api » : demandez au comptable public si ces titres sont émis avec "
                "leur ASAP ; si oui, ne déposez pas ces factures."
            )
    if twice:
        raise Refused(
            "Des factures seraient réclamées deux fois : rien n'est écrit.",
            remedy,
            findings=[Finding(code="TITLE-TWICE", message=why, where=number) for number in twice],
        )


def _was_deposited(invoice: TrackedInvoice) -> bool:
    """Whether the portal has it, or may have."""
    kept_here = (InvoiceStatus.ISSUED, InvoiceStatus.SETTLED, InvoiceStatus.CANCELLED)
    away = invoice.status not in kept_here
    return away or bool(invoice.deposited_at or invoice.flux_number or invoice.portal_id)


def _lines(
    app: App, session: Session, own: Sequence[TrackedInvoice], edition: Edition
) -> tuple[TitleLine, ...]:
    """Raises ConfigurationError: a service has no mapping."""
    contents = [(one, invoices.content(session, one.id)) for one in own]
    mappings = app.settings.titles
    _require_mapped([invoice for _, invoice in contents], mappings.services)
    found: list[TitleLine] = []
    for tracked, invoice in contents:
        piece = next(
            (
                document.sha256
                for document in documents_of(session, tracked.id)
                if document.kind is DocumentKind.FACTURX and document.version == tracked.version
            ),
            "",
        )
        found.extend(lines_of(invoice, tracked, mappings, edition, piece))
    return tuple(found)


def _require_mapped(found: Sequence[Invoice], mappings: Mapping[str, object]) -> None:
    wanted = {service: one.number for one in found for service in services_of(one)}
    missing = sorted(set(wanted) - set(mappings))
    if missing:
        raise ConfigurationError(
            f"Aucun compte n'est réglé pour {', '.join(missing)} : rien n'est écrit.",
            "Demandez-les au service financier, puis ajoutez à la configuration deux lignes pour "
            "chacun ; pour le premier : "
            f'[titles.services.{missing[0]}] puis, à la ligne, article = "…"',
        )


def _pieces(app: App, lines: Sequence[TitleLine]) -> dict[str, bytes]:
    """The PDF of each invoice, by name. Raises IntegrityError."""
    named = {line.piece_name: line.piece for line in lines if line.piece}
    return {name: app.store.archive.get(sha256) for name, sha256 in named.items()}


def _require_empty(folder: Path) -> None:
    try:
        filled = folder.is_dir() and any(folder.iterdir())
    except OSError as error:
        raise StorageUnavailable(*told(error, folder)) from error
    if filled or (folder.exists() and not folder.is_dir()):
        raise WrongUse(
            f"{folder} n'est pas un dossier vide.",
            "Ce format s'écrit en plusieurs fichiers : donnez un dossier qui n'existe pas encore.",
        )


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content in files.items():
            write_file(folder / name, content)
    except OSError as error:
        raise StorageUnavailable(*told(error, folder, writing=True)) from error
