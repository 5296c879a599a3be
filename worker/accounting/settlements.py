"""Money that comes: a payment is recorded, or cancelled; an invoice paid in full is settled.

What a portal reports settles an invoice too; a person records what it does not report. A payment
is never taken for more than what is left, unless the person says so.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from worker.accounting.files import Placed, Problems, take_in_file
from worker.app import App
from worker.billing.journal import EventTag, payload_of
from worker.billing.money import ZERO, Money, french
from worker.billing.period import french_date, paris_day
from worker.billing.settlement import Payment, Settlement, Standing
from worker.billing.status import MOVES, InvoiceStatus, TrackedInvoice
from worker.billing.text import stated_reason
from worker.errors import Refused, WrongUse
from worker.imports import ImportKind
from worker.imports.intake import Intake
from worker.storage import Session, Transaction, invoices, journal, settlements
from worker.storage.versions import Changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What became of a payment.

    Attributes:
        invoice: as it stands then.
        already: this very payment was in the books; nothing was done.
        alike: one of the same day and amount that was there under another reference.
    """

    invoice: TrackedInvoice
    settlement: Settlement
    standing: Standing
    already: bool = False
    alike: Settlement | None = None


def record(app: App, payment: Payment, *, overpaid: bool = False) -> Recorded:
    """Record a payment; an invoice that is then paid in full becomes settled.

    ``overpaid``: more than what is left is taken too.

    Raises:
        WrongUse: no such invoice, an amount or a day that no payment has.
        Refused: it is a credit note, or more than what is left.
    """
    with app.transaction() as tx:
        invoice = invoices.named(tx, payment.number)
        if problem := _problem(invoice, payment, paris_day(tx.now)):
            _, what, remedy = problem
            raise WrongUse(f"{what[0].upper()}{what[1:]}.", remedy)
        present = settlements.of_invoice(tx, invoice.id)
        for one in present:
            if one.is_same(payment):
                standing = settlements.standing_of(tx, invoice)
                return Recorded(invoice=invoice, settlement=one, standing=standing, already=True)
        left = settlements.standing_of(tx, invoice).left
        if payment.amount > left and not overpaid:
            what, remedy = _too_much(invoice, payment, left)
            raise Refused(f"{what}.", f"{remedy}, ajoutez --overpaid.")
        alike = next((one for one in present if one.resembles(payment)), None)
        settlement_id = _write(app, tx, invoice, payment)
        return replace(_as_recorded(tx, invoice, settlement_id), alike=alike)


def cancel(app: App, number: str, settlement_id: int, reason: str) -> Recorded:
    """Have a wrong payment count no more; an invoice that it had settled is open again.

    Raises:
        WrongUse: no such invoice or payment, or no reason that can be read.
        Refused: it is cancelled already.
    """
    reason = stated_reason(reason)
    with app.transaction() as tx:
        invoice = invoices.named(tx, number)
        known = {one.id: one for one in settlements.of_invoice(tx, invoice.id)}
        if settlement_id not in known:
            listed = ", ".join(str(one.id) for one in known.values() if one.counts)
            raise WrongUse(
                f"{number} n'a pas de paiement n° {settlement_id}.",
                f"Ses paiements : {listed}." if listed else "Aucun paiement n'y est enregistré.",
            )
        if not settlements.cancel(tx, settlement_id, reason):
            raise Refused(
                f"Le paiement n° {settlement_id} de {number} est déjà annulé.",
                f"« show {number} » dit quand et pourquoi.",
            )
        tx.journal(EventTag.SETTLEMENT_CANCELLED, number, settlement=settlement_id, reason=reason)
        standing = settlements.standing_of(tx, invoice)
        if invoice.status is InvoiceStatus.SETTLED and not standing.is_paid:
            _reopen(tx, invoice)
        return _as_recorded(tx, invoice, settlement_id)


def take_in(app: App, path: Path, *, dry_run: bool = False, overpaid: bool = False) -> Intake:
    """Import a file of payments, all or nothing; those that the books have are left as they are.

    Raises:
        ImportRefused: with a finding for each bad row.
        WrongUse: the file cannot be read.
    """
    today = paris_day(app.clock())

    def write(
        tx: Transaction, payments: list[Placed[Payment]], file_id: int, problems: Problems
    ) -> Changes:
        new = list(_new(tx, payments, today, problems, overpaid=overpaid))
        problems.raise_if_any()
        for invoice, placed in new:
            current = invoices.by_id(tx, invoice.id)
            _write(app, tx, current, placed.value, place=(file_id, placed.row))
        return Changes(added=len(new), unchanged=len(payments) - len(new))

    return take_in_file(app, path, ImportKind.SETTLEMENTS, write, dry_run=dry_run)


def write_payments(
    app: App,
    tx: Transaction,
    payments: list[Placed[Payment]],
    file_id: int,
    problems: Problems,
) -> int:
    """Record the payments of a file of another kind; how many are new. Problems are noted."""
    new = list(_new(tx, payments, paris_day(tx.now), problems, overpaid=False))
    problems.raise_if_any()
    for invoice, placed in new:
        _write(app, tx, invoices.by_id(tx, invoice.id), placed.value, place=(file_id, placed.row))
    return len(new)


def settle_paid(app: App) -> tuple[TrackedInvoice, ...]:
    """Settle what payments cover and the portal has taken in since; the invoices that moved."""
    with app.reading() as session:
        waiting = _covered(app, session)
    if not waiting:
        return ()
    with app.transaction() as tx:
        moved = [one for one in _covered(app, tx) if _settle(app, tx, one, None)]
        return tuple(invoices.by_id(tx, one.id) for one in moved)


def _covered(app: App, session: Session) -> list[TrackedInvoice]:
    open_ = (InvoiceStatus.INTEGRATED, InvoiceStatus.SUSPENDED)
    statuses = open_ if app.deposits else (*open_, InvoiceStatus.ISSUED)
    found = invoices.tracked(session, statuses=statuses)
    standings = settlements.standings(session, found)
    return [one for one in found if one.id in standings and standings[one.id].is_paid]


def _new(
    tx: Transaction,
    payments: list[Placed[Payment]],
    today: date,
    problems: Problems,
    *,
    overpaid: bool,
) -> Iterator[tuple[TrackedInvoice, Placed[Payment]]]:
    """The payments that the books do not have, with their invoice; what is wrong is noted."""
    first: dict[Payment, int] = {}
    left: dict[int, Money] = {}
    for placed in payments:
        payment, row = placed.value, placed.row
        if (before := first.setdefault(payment, row)) != row:
            problems.add(row, "facture", "IMPORT-DUPLICATE", "repeated-payment", before)
            continue
        invoice = invoices.by_number(tx, payment.number)
        if invoice is None:
            problems.add(row, "facture", "IMPORT-UNKNOWN-INVOICE", "", payment.number)
            continue
        if problem := _problem(invoice, payment, today):
            column, what, remedy = problem
            problems.say(row, column, "IMPORT-PAYMENT", what, remedy)
            continue
        known = settlements.of_invoice(tx, invoice.id)
        if any(one.is_same(payment) for one in known):
            continue
        rest = left.get(invoice.id)
        if rest is None:
            rest = settlements.standing_of(tx, invoice).left
        left[invoice.id] = rest - payment.amount
        if payment.amount > rest and not overpaid:
            what, remedy = _too_much(invoice, payment, rest)
            by_hand = f"{remedy}, tapez : chorus-worker settle {_typed(payment)} --overpaid"
            problems.say(row, "montant", "IMPORT-TOO-MUCH", what, by_hand)
            continue
        for one in known:
            if one.resembles(payment):
                problems.warn(
                    row, "montant", "IMPORT-PAYMENT-ALIKE", *told_alike(payment.number, one)
                )
        yield invoice, placed


def _problem(invoice: TrackedInvoice, payment: Payment, today: date) -> tuple[str, str, str] | None:
    """The wrong column, why it is no payment of this invoice, what to do; None when it is one."""
    number, day = invoice.number, french_date(payment.on)
    if invoice.is_credit_note:
        return (
            "facture",
            f"{number} est un avoir : il ne se paie pas",
            "Donnez le numéro de la facture qu'il corrige.",
        )
    if payment.on > today:
        return "date_paiement", f"le {day} n'est pas encore venu", "Corrigez la date du paiement."
    if invoice.issue_date is not None and payment.on < invoice.issue_date:
        issued = french_date(invoice.issue_date)
        return (
            "date_paiement",
            f"le {day} précède l'émission de {number}, du {issued}",
            "Corrigez la date du paiement, ou le numéro de la facture.",
        )
    return None


def _too_much(invoice: TrackedInvoice, payment: Payment, left: Money) -> tuple[str, str]:
    """That more comes than is left, and what to look at before it is taken all the same."""
    number, come = payment.number, french(payment.amount)
    if invoice.status is InvoiceStatus.CANCELLED:
        return (
            f"{number} est annulée par avoir : il n'y a plus rien à y payer, et {come} sont reçus",
            "Cherchez par « status » celle qui la remplace ; si le membre a payé celle-ci",
        )
    rest = f"il ne reste que {french(left)} dus" if left > ZERO else "il n'en reste rien à payer"
    return (
        f"{number} : {come} reçus, {rest}",
        "Vérifiez le montant et le numéro ; si le membre a vraiment trop payé",
    )


def _typed(payment: Payment) -> str:
    """A payment as the options of ``settle``: recorded so, the same row of a file counts once."""
    reference = f' --reference "{payment.reference}"' if payment.reference else ""
    amount = str(payment.amount).replace(".", ",")
    return f"{payment.number} --on {payment.on.isoformat()} --amount {amount}{reference}"


def told_alike(number: str, one: Settlement) -> tuple[str, str]:
    """That a payment of the same day and amount is there already, and how to take it back."""
    reference = f"« {one.reference} »" if one.reference else "sans référence"
    what = f"{number} : {french(one.amount)} du {french_date(one.on)} sont déjà enregistrés"
    again = f'chorus-worker settle {number} --cancel {one.id} --reason "payé une fois"'
    return (
        f"{what}, {reference} ; les deux paiements comptent",
        f"Si c'est le même, tapez : {again}",
    )


def _write(
    app: App,
    tx: Transaction,
    invoice: TrackedInvoice,
    payment: Payment,
    *,
    place: tuple[int, int] | None = None,
) -> int:
    """Write a payment and its event, and settle the invoice when that covers it."""
    settlement_id = settlements.add(tx, invoice.id, payment, place=place)
    standing = settlements.standing_of(tx, invoice)
    tx.journal(
        EventTag.SETTLEMENT_RECORDED,
        invoice.number,
        settlement=settlement_id,
        on=payment.on.isoformat(),
        cents=payment.amount.cents,
        left_cents=standing.left.cents,
        file=None if place is None else place[0],
    )
    if standing.is_paid:
        _settle(app, tx, invoice, settlement_id)
    return settlement_id


def _settle(app: App, tx: Transaction, invoice: TrackedInvoice, settlement_id: int | None) -> bool:
    """Move it to settled, where its state allows; what was not deposited yet still has to be."""
    to, present = InvoiceStatus.SETTLED, invoice.status
    waits_for_its_deposit = present is InvoiceStatus.ISSUED and app.deposits
    if to not in MOVES[present] or waits_for_its_deposit:
        return False
    if not invoices.move(tx, invoice, to, detail=""):
        return False
    tx.journal(
        EventTag.STATUS_CHANGED,
        invoice.number,
        **{"from": present.value},
        to=to.value,
        settlement=settlement_id,
    )
    return True


def _reopen(tx: Transaction, invoice: TrackedInvoice) -> None:
    """Go back to where a payment found it, unless the portal had settled it."""
    changes = [
        payload
        for event in journal.events(tx, subject=invoice.number, tags=(EventTag.STATUS_CHANGED,))
        if (payload := payload_of(event)).get("to") == InvoiceStatus.SETTLED.value
    ]
    if not changes or "settlement" not in changes[-1]:
        return
    to = InvoiceStatus(str(changes[-1]["from"]))
    if invoices.reopen(tx, invoice, to):
        tx.journal(
            EventTag.STATUS_CHANGED,
            invoice.number,
            **{"from": invoice.status.value},
            to=to.value,
        )


def _as_recorded(tx: Transaction, invoice: TrackedInvoice, settlement_id: int) -> Recorded:
    known = {one.id: one for one in settlements.of_invoice(tx, invoice.id)}
    return Recorded(
        invoice=invoices.by_id(tx, invoice.id),
        settlement=known[settlement_id],
        standing=settlements.standing_of(tx, invoice),
    )
