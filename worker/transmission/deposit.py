"""Hands over what is issued, exactly once, to a portal that has no idempotency key.

The protocol (docs/protocol.md): sign in; write the intent; one call, never repeated; write the
outcome. An uncertain outcome, or a crash in between, is the explicit state *unknown*:
reconcile.py looks for the invoice at the portal before anything is sent again.

Invoices go alone, or several in one file (a lot). Each has its own attempt and its own fate; one
that was in a lot before goes alone, for the lot may have failed by another's fault.
"""

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from worker.app import App
from worker.billing.journal import EventTag
from worker.billing.money import count
from worker.billing.standard import DepositSyntax
from worker.billing.status import MOVES, InvoiceStatus, TrackedInvoice, Trouble
from worker.errors import (
    DepositsRefused,
    Finding,
    IntegrityError,
    PortalAccessRefused,
    PortalDown,
    PortalError,
    Refused,
    StorageUnavailable,
    UnreadableRecord,
)
from worker.formats.profiles import FACTURX_DIRECT
from worker.portals import DepositAnswer, DepositOutcome, Portal
from worker.portals.lots import EXTENSION, LotLimits, pack, split
from worker.storage import Transaction, attempts, directory, due, invoices, titles
from worker.storage.attempts import Attempt
from worker.storage.documents import sealed
from worker.storage.member_accounts import Seen
from worker.transmission.before_deposit import LONGEST_REST, REACHED, may_leave, read_again
from worker.transmission.reconcile import reconcile

DEPOSITED = FACTURX_DIRECT.pdf or FACTURX_DIRECT.kind
SYNTAX = FACTURX_DIRECT.deposit_syntax or DepositSyntax.FACTURX
"""Of the documents of an invoice, the one that is handed over, and how it is written."""
BREAKER = 3
"""Calls in a row that lead nowhere before a campaign stops politely."""
SETTLING = timedelta(seconds=60)
"""Beyond the longest possible call, an open attempt of another host is taken for dead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositResult:
    """What became of one invoice in this pass."""

    invoice: TrackedInvoice
    answer: DepositAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sealed:
    """An invoice, and the frozen file of its that is to be handed over."""

    invoice: TrackedInvoice
    sha256: str
    file_name: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Intent:
    """What was written before a call: the file that goes, and an open attempt for each invoice."""

    started: datetime
    file_name: str
    content: bytes
    lot: str
    """SHA-256 of the lot; empty when its only invoice goes alone."""
    attempts: tuple[tuple[TrackedInvoice, int], ...]


def deposit_due(
    app: App,
    portal: Portal,
    report: Callable[[DepositResult], None],
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Deposit every issued invoice that is due, one file after another.

    Raises:
        PortalAccessRefused: credentials refused; the rest waits.
        DepositsRefused: several files in a row were refused for the same reason; the rest waits.
        PortalDown: several calls in a row led nowhere; the rest waits.
        UnreadableRecord: rows of one cannot be read; the others were deposited.
        Refused: the titles of some carry them to Chorus Pro already; the others were deposited.
    """
    in_vain = 0
    refusals: list[str] = []
    read_again(app, portal, stop)
    with app.reading() as session:
        seen = Seen.read(session)
    waiting, unreadable = _due(app)
    waiting, by_title = _claimed_once(app, waiting)
    for batch in _batches(app, waiting):
        if stop():
            return
        # Before the intent: trouble with credentials must never leave an uncertain deposit.
        portal.sign_in()
        results = deposit_together(app, portal, may_leave(app, portal, batch, seen))
        for result in results:
            report(result)
        if not results:
            continue
        answer = results[0].answer
        if answer.outcome is DepositOutcome.UNAUTHORISED:
            raise PortalAccessRefused(
                f"Chorus Pro refuse nos droits ou identifiants : {answer.detail}",
                "Vérifiez le compte technique et l'habilitation, puis relancez « deposit ».",
            )
        refusals = [*refusals, answer.reason] if answer.outcome is DepositOutcome.REFUSED else []
        if len(refusals) >= BREAKER and len(set(refusals[-BREAKER:])) == 1:
            raise DepositsRefused(
                f"Chorus Pro refuse les dépôts l'un après l'autre, pour la même raison : "
                f"{answer.detail}",
                "Corrigez-en la cause ; puis « resend » pour celles qui sont refusées (« status "
                "--todo » les donne), et « deposit » pour les autres, qui attendent.",
            )
        served = answer.outcome in {DepositOutcome.ACCEPTED, DepositOutcome.REFUSED}
        in_vain = 0 if served else in_vain + 1
        if in_vain >= BREAKER or answer.outcome is DepositOutcome.THROTTLED:
            raise PortalDown(
                f"Chorus Pro ne répond pas normalement : {answer.detail}",
                "Rien n'est perdu : relancez « run » plus tard, il reprendra où il en est.",
                wait=answer.retry_after or 0,
            )
    if unreadable:
        raise unreadable[0]
    if by_title:
        raise _by_title(by_title)


def _claimed_once(
    app: App, waiting: Sequence[TrackedInvoice]
) -> tuple[list[TrackedInvoice], list[TrackedInvoice]]:
    """Those that only a deposit brings to their buyer, and those that their title does."""
    with app.reading() as session:
        carried = titles.sent_with_asap(session)
    alone = [one for one in waiting if one.number not in carried]
    return alone, [one for one in waiting if one.number in carried]


def _by_title(found: Sequence[TrackedInvoice]) -> Refused:
    why = "partie avec un ASAP (Edition 02) : déposée aussi, elle arriverait deux fois"
    return Refused(
        f"{count(len(found), 'document')} que leur titre porte déjà à Chorus Pro : "
        "rien n'en est déposé.",
        'Si ces titres sont émis, remettez channel = "helios" : ils suffisent. Sinon, annulez ces '
        "factures (« credit »), puis refacturez leurs membres.",
        findings=[Finding(code="TITLE-TWICE", message=why, where=one.number) for one in found],
    )


def _due(app: App) -> tuple[list[TrackedInvoice], list[UnreadableRecord]]:
    """What is due, and what is said of those that have a row which cannot be read."""
    unreadable: list[UnreadableRecord] = []
    readable = []
    with app.reading() as session:
        for invoice in due.invoices_due(
            session, (InvoiceStatus.ISSUED,), app.clock(), longest=LONGEST_REST
        ):
            try:
                due.require_records(session, invoice)
                readable.append(invoice)
            except UnreadableRecord as error:
                unreadable.append(error)
    return readable, unreadable


def _batches(app: App, waiting: Sequence[TrackedInvoice]) -> Iterator[Sequence[TrackedInvoice]]:
    """What is due, in the files it is to go in."""
    lots = LotLimits(
        invoices=app.settings.portal.lot_invoices,
        bytes=app.settings.portal.lot_megabytes * 1_000_000,
    )
    with app.reading() as session:
        if lots.invoices > 1:
            alone = attempts.tried_in_a_lot(session, REACHED)
            together = [invoice for invoice in waiting if invoice.id not in alone]
            sizes = [sealed(session, invoice, DEPOSITED)[1] for invoice in together]
        else:
            together, sizes = [], []
    taken = {invoice.id for invoice in together}
    yield from ((invoice,) for invoice in waiting if invoice.id not in taken)
    for ranks in split(sizes, lots):
        yield together[ranks.start : ranks.stop]


def deposit_together(
    app: App, portal: Portal, batch: Sequence[TrackedInvoice]
) -> tuple[DepositResult, ...]:
    """Intent, one call, outcome, for the invoices of one file.

    Those that another process has taken are left out; without any other, nothing is sent.
    """
    intent = _intend(app, batch)
    if intent is None:
        return ()
    answer = portal.deposit(file_name=intent.file_name, syntax=SYNTAX, content=intent.content)
    _record(app, intent, answer)
    if answer.outcome is DepositOutcome.REFUSED:
        _look_for_refused(app, portal, intent)
    with app.reading() as session:
        return tuple(
            DepositResult(invoice=invoices.by_id(session, invoice.id), answer=answer)
            for invoice, _ in intent.attempts
        )


def _look_for_refused(app: App, portal: Portal, intent: _Intent) -> None:
    """What was refused is not called so before it was looked for: the portal may have it."""
    for invoice, _ in intent.attempts:
        with app.reading() as session:
            present = invoices.by_id(session, invoice.id)
        if present.status is not InvoiceStatus.UNKNOWN:
            continue
        try:
            reconcile(app, portal, present)
        except (PortalError, PortalAccessRefused):
            # Uncertain, it is due at once: the next step or beat looks for it.
            return


def _intend(app: App, batch: Sequence[TrackedInvoice]) -> _Intent | None:
    try:
        return _intend_together(app, batch)
    except IntegrityError:
        # A lot that never reached the portal is packed again, and its kept piece may be damaged:
        # without its first invoice, the next lot is another piece.
        if len(batch) == 1:
            raise
        return _intend_together(app, batch[:1])


def _intend_together(app: App, batch: Sequence[TrackedInvoice]) -> _Intent | None:
    started = app.clock()
    with app.transaction() as tx:
        ours = [
            one
            for one in (_take(app, tx, invoice) for invoice in batch)
            # What the portal said of an earlier file says nothing of this one.
            if one and invoices.move(tx, one.invoice, InvoiceStatus.SENDING, portal_status="")
        ]
        if not ours:
            return None
        file_name, content, lot = _file_of(app, ours)
        attempts = tuple(
            (one.invoice, _open(app, tx, one, file_name, lot, started)) for one in ours
        )
    return _Intent(
        started=started, file_name=file_name, content=content, lot=lot, attempts=attempts
    )


def _take(app: App, tx: Transaction, invoice: TrackedInvoice) -> _Sealed | None:
    """The file to hand over; None when it cannot be used: that invoice alone waits for a person."""
    sha256, _ = sealed(tx, invoice, DEPOSITED)
    try:
        content = app.store.archive.get(sha256)
    except (IntegrityError, StorageUnavailable) as error:
        invoices.note(tx, invoice, trouble=Trouble.PIECE_UNUSABLE, detail=error.message)
        return None
    return _Sealed(
        invoice=invoice,
        sha256=sha256,
        file_name=file_name(invoice.number, sha256),
        content=content,
    )


def _file_of(app: App, ours: Sequence[_Sealed]) -> tuple[str, bytes, str]:
    """Name and bytes of the file to hand over; the hash of a lot, which is kept like the rest."""
    if len(ours) == 1:
        return ours[0].file_name, ours[0].content, ""
    content = pack([(one.file_name, one.content) for one in ours])
    lot = app.store.archive.put(content)
    first = _in_a_name(ours[0].invoice.number)
    return f"LOT-{first}_{lot[:8]}{EXTENSION}", content, lot


def file_name(number: str, sha256: str) -> str:
    """Under which name a document leaves alone."""
    return f"{_in_a_name(number)}_{sha256[:8]}.pdf"


def _in_a_name(number: str) -> str:
    """A number with the signs that a file name may have (§5); two of its own may not."""
    return number.replace("/", "-").replace("+", "-")


def _open(
    app: App,
    tx: Transaction,
    one: _Sealed,
    file_name: str,
    lot: str,
    started: datetime,
) -> int:
    attempt = attempts.open_attempt(
        tx,
        invoice_id=one.invoice.id,
        document_sha256=one.sha256,
        lot_sha256=lot,
        file_name=file_name,
        actor=app.actor,
        at=started,
    )
    payload: dict[str, object] = {"attempt": attempt, "file": file_name, "sha256": one.sha256}
    tx.journal(
        EventTag.DEPOSIT_INTENDED, one.invoice.number, **(payload | ({"lot": lot} if lot else {}))
    )
    return attempt


def recover_interrupted(app: App) -> int:
    """Take over deposits whose process died between intent and answer: they are unknown.

    Returns:
        How many there were.
    """
    now = app.clock()
    recovered = 0
    with app.reading() as session:
        open_ones: dict[int, list[Attempt]] = {}
        sending = []
        for invoice in invoices.tracked(session, statuses=(InvoiceStatus.SENDING,)):
            # Of what cannot be read, a person is told (corrections/waiting.py).
            with suppress(UnreadableRecord):
                made = attempts.attempts(session, invoices.by_id(session, invoice.id).id)
                open_ones[invoice.id] = [one for one in made if one.closed_at is None]
                sending.append(invoice)
    for invoice in sending:
        if any(
            _may_be_running(attempt.actor, now - attempt.started_at, app.settings.portal.call_limit)
            for attempt in open_ones[invoice.id]
        ):
            continue
        with app.transaction() as tx:
            started = min((now, *(a.started_at for a in open_ones[invoice.id])))
            recovered += invoices.move(
                tx,
                invoice,
                InvoiceStatus.UNKNOWN,
                next_check_at=started + app.settings.portal.reconcile_after[0],
                trouble=Trouble.INTERRUPTED,
                detail="",
            )
    return recovered


def _record(app: App, intent: _Intent, answer: DepositAnswer) -> None:
    now = app.clock()
    to, next_look = _after(app, intent, answer, now)
    trouble = Trouble.NONE
    if answer.outcome is DepositOutcome.REFUSED:
        trouble = Trouble.LOT_TURNED_AWAY if intent.lot else Trouble.TURNED_AWAY
    with app.transaction() as tx:
        if answer.outcome is DepositOutcome.THROTTLED and next_look is not None:
            # It is asked of us, not of this file: no other goes before, from any process.
            due.put_off(tx, (to,), next_look)
        for invoice, attempt in intent.attempts:
            # Another process may have taken us for dead: once it has settled our attempt, what
            # we heard is kept as evidence and decides nothing any more.
            present = invoices.by_id(tx, invoice.id)
            ours = next(a for a in attempts.attempts(tx, invoice.id) if a.id == attempt)
            settled = ours.closed_at is not None
            if not settled and to in MOVES[present.status]:
                invoices.move(
                    tx,
                    present,
                    to,
                    next_check_at=next_look,
                    trouble=trouble,
                    flux_number=answer.flux_number,
                    deposited_at=now if answer.outcome is DepositOutcome.ACCEPTED else None,
                    detail="" if answer.outcome is DepositOutcome.ACCEPTED else answer.detail,
                )
            if answer.outcome is DepositOutcome.REFUSED:
                # It may speak of what the directory demands, as a report may (integration.py).
                directory.expire_entry(tx, invoice.siret)
            attempts.answer_attempt(
                tx,
                attempt,
                at=now,
                closed=settled or answer.outcome is not DepositOutcome.UNKNOWN,
                outcome=answer.outcome.value,
                flux_number=answer.flux_number,
                http_status=answer.http_status,
                detail=answer.detail,
                raw=answer.raw,
            )
            tx.journal(
                EventTag.DEPOSIT_ANSWERED,
                invoice.number,
                attempt=attempt,
                outcome=answer.outcome.value,
                flux=answer.flux_number,
                http_status=answer.http_status,
            )


def _after(
    app: App, intent: _Intent, answer: DepositAnswer, now: datetime
) -> tuple[InvoiceStatus, datetime | None]:
    """Where the answer leads each invoice of the file, and when it is to be looked at."""
    match answer.outcome:
        case DepositOutcome.ACCEPTED:
            return InvoiceStatus.DEPOSITED, now + app.settings.portal.report_after[0]
        case DepositOutcome.REFUSED:
            return InvoiceStatus.UNKNOWN, None
        case DepositOutcome.UNKNOWN:
            return InvoiceStatus.UNKNOWN, intent.started + app.settings.portal.reconcile_after[0]
        case DepositOutcome.NOT_SENT | DepositOutcome.UNAUTHORISED:
            return InvoiceStatus.ISSUED, None
        case DepositOutcome.THROTTLED:
            rest = timedelta(seconds=answer.retry_after or 60)
            return InvoiceStatus.ISSUED, now + min(rest, LONGEST_REST)


def _may_be_running(actor: str, age: timedelta, call_limit: timedelta) -> bool:
    # So far in the future, it is of a clock that was ahead: its age is unknown.
    if abs(age) > call_limit + SETTLING:
        return False
    place, _, pid = actor.rpartition(":")
    if place.rpartition("@")[2] != platform.node() or not pid.isdecimal():
        return True
    if int(pid) == os.getpid():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
