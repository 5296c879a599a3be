"""What must hold when everything is healthy and nothing is due: I1 to I9 of docs/chaos.md.

Our books are read by plain SQL (books.py) and by the program's own readers, the portal's by
ledger.py. Each breach names the record, so that its folder can be looked into.
"""

import base64
import hashlib
import io
import re
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from chaos import books
from chaos.books import BookedAttempt, BookedInvoice
from chaos.copies import Copies
from chaos.installation import Installation, Secrets
from chaos.laws import Breach, Law
from chaos.ledger import HeldInvoice, RecordedFile, read_ledger
from worker.audit.verification import verify_books
from worker.billing.journal import verify
from worker.storage import Store, journal, open_store

PORTAL_KINDS = {"invoice": "FACTURE", "credit_note": "AVOIR"}
"""What the portal calls them."""
_TOLD = {
    "DEPOSEE": {"integrated"},
    "MISE_A_DISPOSITION": {"integrated"},
    "SUSPENDUE": {"suspended"},
    "REJETEE": {"rejected"},
    "A_RECYCLER": {"rejected"},
    "MANDATEE": {"integrated"},
    "COMPTABILISEE": {"integrated"},
    "MISE_EN_PAIEMENT": set[str](),
    "COMPLETEE": {"integrated"},
}
_REJECTED = {"REJETEE", "A_RECYCLER"}
_LAST = {"settled", "cancelled"}
"""Where no status of the portal leads any further."""
_DOCUMENT = " v"
"""In the name of a seal: of a version of a document."""
_TRAILING = re.compile(r"[0-9]+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Both:
    """Both sides' books at one instant.

    Attributes:
        ahead: how far our clock may have been ahead of the portal's.
        lost: the attempts of books that are in use no more, or elsewhere.
        lost_documents: the hashes of what such books froze.
    """

    ours: tuple[BookedInvoice, ...]
    attempts: tuple[BookedAttempt, ...]
    held: tuple[HeldInvoice, ...]
    fluxes: tuple[RecordedFile, ...]
    joined: Mapping[str, int]
    ahead: timedelta
    lost: tuple[BookedAttempt, ...] = ()
    lost_documents: frozenset[str] = frozenset()

    @classmethod
    def read(
        cls, installation: Installation, *, ahead: timedelta, copies: Copies | None = None
    ) -> "Both":
        """Read them: ours first, since the portal never forgets."""
        ours = books.invoices(installation.database)
        attempts = books.attempts(installation.database)
        portal = read_ledger(installation.ledger)
        return cls(
            ours=ours,
            attempts=attempts,
            held=portal.invoices,
            fluxes=portal.fluxes,
            joined=portal.joined,
            ahead=ahead,
            lost=copies.attempts_beside(attempts) if copies else (),
            lost_documents=frozenset(copies.documents) if copies else frozenset(),
        )

    @property
    def by_number(self) -> dict[str, HeldInvoice]:
        """What the portal holds; of several of one number, that which lives, and is of a file."""
        in_order = sorted(self.held, key=lambda one: (not one.is_rejected, bool(one.flux_number)))
        return {invoice.number: invoice for invoice in in_order}


def at_any_time(both: Both) -> Iterator[Breach]:
    """What holds even between two kills."""
    keys = Counter((one.buyer_siret, one.kind) for one in both.held)
    for (siret, kind), count in keys.items():
        if count > 1:
            yield Breach(Law.ONCE, f"{count} × {kind} of {siret} at the portal")
    numbers = Counter(one.number for one in both.held)
    for number, count in numbers.items():
        if count > 1:
            yield Breach(Law.ONCE, f"{number} integrated {count} times")
    for invoice in both.ours:
        if invoice.status == "refused" and invoice.number in both.by_number:
            yield Breach(Law.HONEST, f"{invoice.number} is called refused: the portal holds it")
    yield from intended(both)


def at_the_end(
    installation: Installation,
    secrets: Secrets,
    sealed: Mapping[str, str],
    *,
    ahead: timedelta = timedelta(0),
) -> Iterator[Breach]:
    """Everything, once all is healthy and nothing is due.

    Args:
        installation: the folder of the round.
        secrets: what may not be read in it.
        sealed: every document and amount seen during the round.
        ahead: how far our clock may have been ahead of the portal's.
    """
    both = Both.read(installation, ahead=ahead)
    yield from at_any_time(both)
    yield from _kept(both)
    yield from of_our_books(installation, secrets, sealed, both)
    yield from sums(both)
    for siret in books.members_without_invoice(installation.database):
        yield Breach(Law.APART, f"{siret} was never billed")


def of_our_books(
    installation: Installation, secrets: Secrets, sealed: Mapping[str, str], both: Both
) -> Iterator[Breach]:
    """What our books, archive and logs must be, whatever the portal holds."""
    yield from _contiguous(installation, both)
    yield from _sealed(installation, both, sealed)
    yield from _unsound(installation, both)
    yield from _secret(installation, secrets)


def changed(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Breach]:
    """What was frozen, and is gone or different."""
    for name, value in before.items():
        if now.get(name) != value:
            yield Breach(Law.SEALED, f"{name} was {value}, is {now.get(name, 'gone')}")


def _kept(both: Both) -> Iterator[Breach]:
    portal = both.by_number
    for invoice in both.ours:
        held = portal.pop(invoice.number, None)
        if invoice.status in books.IN_MOTION:
            yield Breach(Law.MOVING, f"{invoice.number} is still {invoice.status}")
        elif held is not None:
            yield from told_truly(invoice, held)
        # Refused waits for a person; an invoice may be cancelled before any deposit succeeds.
        elif not invoice.is_internal and (invoice.status in books.HELD or invoice.cpp_id):
            yield Breach(Law.KEPT, f"{invoice.number} is {invoice.status}: not at the portal")
    for number in portal:
        yield Breach(Law.ONCE, f"{number} is at the portal, and nowhere in our books")
    for attempt in both.attempts:
        if attempt.is_open:
            yield Breach(Law.MOVING, f"an attempt for {attempt.number} is still open")


def told_truly(invoice: BookedInvoice, held: HeldInvoice) -> Iterator[Breach]:
    """What our status says of an invoice is so at the portal."""
    if invoice.is_internal:
        yield Breach(Law.HONEST, f"{invoice.number} is internal: the portal holds it")
    # The portal may show a rejected one under another identifier, after it was cancelled here.
    is_over = invoice.status == "cancelled" and held.status in _REJECTED
    if invoice.cpp_id not in (held.id, None) and not is_over:
        yield Breach(Law.HONEST, f"{invoice.number} is not the portal's {held.id}")
    if held.buyer_siret != invoice.siret:
        yield Breach(Law.HONEST, f"{invoice.number} is another buyer's at the portal")
    if held.kind != PORTAL_KINDS[invoice.kind]:
        yield Breach(Law.HONEST, f"{invoice.number} is {held.kind} at the portal")
    if invoice.status not in _TOLD[held.status] | _LAST:
        yield Breach(Law.HONEST, f"{invoice.number} is {invoice.status}: portal {held.status}")


def _contiguous(installation: Installation, both: Both) -> Iterator[Breach]:
    numbers = [invoice.number for invoice in both.ours]
    numbers += books.statement_numbers(installation.database)
    ranks: dict[str, list[int]] = {}
    for number in numbers:
        tail = _TRAILING.search(number)
        rank = tail[0] if tail else ""
        ranks.setdefault(number.removesuffix(rank), []).append(int(rank or 0))
    last = books.given_numbers(installation.database)
    passed: dict[str, int] = {}
    for number in books.passed_over(installation.database):
        tail = _TRAILING.search(number)
        series = number.removesuffix(tail[0] if tail else "")
        passed[series] = max(passed.get(series, 0), int(tail[0]) if tail else 0)
    for series in ranks.keys() | last.keys():
        given = sorted(ranks.get(series, []))
        over = passed.get(series, 0)
        wanted = [
            rank for rank in range(1, last.get(series, 0) + 1) if rank > over or rank in given
        ]
        if given != wanted:
            yield Breach(
                Law.CONTIGUOUS,
                f"{series} has {sorted(ranks.get(series, []))}, given up to {last.get(series)}",
            )


def _sealed(installation: Installation, both: Both, sealed: Mapping[str, str]) -> Iterator[Breach]:
    now = books.seals(installation.database)
    yield from changed(sealed, now)
    documents = {value for name, value in now.items() if _DOCUMENT in name}
    lots = {one.sha256 for one in both.attempts if one.sha256 != one.document}
    for value in documents | lots:
        content = _archived(installation, value)
        if hashlib.sha256(content).hexdigest() != value:
            yield Breach(Law.SEALED, f"the archive does not have {value}")
        elif value in lots and not _contents(content) <= documents:
            yield Breach(Law.SEALED, f"lot {value} holds files that are not ours")
    for flux in both.fluxes:
        if flux.sha256 not in documents | lots | both.lost_documents:
            yield Breach(Law.SEALED, f"flux {flux.number} holds bytes that are not ours")


def _archived(installation: Installation, sha256: str) -> bytes:
    path = installation.archive / sha256[:2] / sha256
    return path.read_bytes() if path.is_file() else b""


def _contents(lot: bytes) -> set[str]:
    with tarfile.open(fileobj=io.BytesIO(lot)) as files:
        members = [files.extractfile(member) for member in files]
        return {hashlib.sha256(member.read()).hexdigest() for member in members if member}


def sums(both: Both) -> Iterator[Breach]:
    """Invoice, statement and portal agree."""
    portal = both.by_number
    for invoice in both.ours:
        if invoice.kind == "invoice" and invoice.total != invoice.statement_total:
            yield Breach(
                Law.SUMS,
                f"{invoice.number}: {invoice.total} cents, statement {invoice.statement_total}",
            )
        held = portal.get(invoice.number)
        if held and held.gross * 100 != Decimal(invoice.total - invoice.rounding):
            yield Breach(
                Law.SUMS, f"{invoice.number}: {invoice.total} cents, portal {held.gross} €"
            )


def intended(both: Both) -> Iterator[Breach]:
    """As many intents as deposits, each written before: one per call, for a lot as for a file."""
    intents: dict[str, set[datetime]] = {}
    for attempt in (*both.attempts, *both.lost):
        intents.setdefault(attempt.sha256, set()).add(attempt.started_at)
    for flux in both.fluxes:
        # The ledger's instants are whole milliseconds.
        latest = flux.deposited_at + timedelta(milliseconds=1) + both.ahead
        before = sorted(at for at in intents.get(flux.sha256, ()) if at <= latest)
        if before:
            intents[flux.sha256].remove(before[0])
        else:
            yield Breach(Law.INTENDED, f"flux {flux.number} ({flux.file_name})")


def _unsound(installation: Installation, both: Both) -> Iterator[Breach]:
    store = _opened(installation)
    with store.reading() as session:
        head = journal.head(session)
        found = verify(journal.events(session), head)
    for finding in (*found, *verify_books(store)):
        yield Breach(Law.JOURNAL, f"{finding.where}: {finding.message}")
    with store.reading() as session:
        subjects = [
            event.subject
            for event in journal.events(session)
            if event.tag in {"invoice.issued", "credit_note.issued"}
        ]
        told = [
            event.subject for event in journal.events(session) if event.tag == "deposit.intended"
        ]
        completed = Counter(
            event.subject for event in journal.events(session) if event.tag == "completion.intended"
        )
    store.engine.dispose()
    for number, files in () if both.lost_documents else both.joined.items():
        if files > completed[number]:
            yield Breach(
                Law.JOURNAL, f"{number} was given {files} files, in {completed[number]} completions"
            )
    yield from _told_once(subjects, books.invoices(installation.database))
    tried = Counter(attempt.number for attempt in books.attempts(installation.database))
    if tried != Counter(told):
        yield Breach(Law.JOURNAL, f"attempts {dict(tried)}, journal {dict(Counter(told))}")


def _told_once(subjects: Iterable[str], ours: Iterable[BookedInvoice]) -> Iterator[Breach]:
    for number, count in Counter(subjects).items():
        if count > 1:
            yield Breach(Law.JOURNAL, f"{number} is issued {count} times in the journal")
    for number in {invoice.number for invoice in ours} - set(subjects):
        yield Breach(Law.JOURNAL, f"{number} was never issued in the journal")


def _opened(installation: Installation) -> Store:
    return open_store(f"sqlite:///{installation.database}", installation.database.parent)


def _secret(installation: Installation, secrets: Secrets) -> Iterator[Breach]:
    account = base64.b64encode(f"{secrets.account}:{secrets.password}".encode())
    forbidden = (secrets.client_secret.encode(), secrets.password.encode(), account, b"Bearer ")
    files = (*installation.logs.iterdir(), *installation.database.parent.glob("worker.sqlite*"))
    for path in files:
        content = path.read_bytes()
        if any(secret in content for secret in forbidden):
            yield Breach(Law.SECRET, f"in {path.name}")
