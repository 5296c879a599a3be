"""A campaign in which all that may happen to a deposit happens, played by the real protocol."""

from dataclasses import replace

from tests.support.memory_portal import Mishap
from tests.support.offices import Desk, number
from tests.support.stage_portal import ANSWERS
from worker.billing.status import InvoiceStatus
from worker.portals import DepositOutcome, FoundInvoice
from worker.transmission.deposit import deposit_together

S = InvoiceStatus
MEMBERS = 12
"""Of the batch: eleven invoices, and a member held back."""


class Crash(BaseException):
    """The process dies here."""


def play(desk: Desk) -> None:
    """Deposit the eleven invoices of an office, and what comes of them.

    One to five go in a lot and are integrated; the buyers suspend 2, reject 3, pay 4; 5 is taken
    back by a credit note. 6 is refused, then clashes; the answer about 7 is lost, and it is found;
    8 is lost, proven absent and throttled; 9 is refused at its integration, then does not leave,
    and is not authorised; 10 stays uncertain; the process dies over 11.
    """
    desk.told(lot_invoices=5)
    _send(desk, *range(1, 6))
    _send(desk, 6, outcome=DepositOutcome.REFUSED)
    desk.resend(number(6), engagement="N2")
    desk.portal.refused_recipients.add(desk.one(number(9)).siret)
    _send(desk, 9)
    desk.clock.advance(minutes=1)
    desk.follow()
    desk.portal.refused_recipients.clear()
    desk.resend(number(9))
    desk.clock.advance(days=1)
    for rank, word in ((2, "SUSPENDUE"), (3, "REJETEE"), (4, "MISE_EN_PAIEMENT")):
        desk.portal.decide(number(rank), word, f"dit le membre {rank}")
    desk.follow()
    desk.credit(number(5))
    desk.told(lot_invoices=1)
    desk.portal.mishaps += (Mishap.ANSWER_LOST, Mishap.ANSWER_LOST, Mishap.REQUEST_LOST)
    _send(desk, 6)
    _send(desk, 7)
    _send(desk, 8)
    desk.portal.amend = _of_another_buyer
    desk.search_to_the_end()
    _send(desk, 8, outcome=DepositOutcome.THROTTLED)
    _send(desk, 9, outcome=DepositOutcome.NOT_SENT)
    desk.clock.advance(minutes=1)
    _send(desk, 9, outcome=DepositOutcome.UNAUTHORISED)
    _send(desk, 10, outcome=DepositOutcome.UNKNOWN)
    (note,) = [one for one in desk.invoices() if one.is_credit_note]
    deposit_together(desk.app, desk.portal, [note])
    desk.portal.watch = _crash
    try:
        _send(desk, 11)
    except Crash:
        desk.portal.watch = lambda _: None


def _send(desk: Desk, *ranks: int, outcome: DepositOutcome | None = None) -> None:
    if outcome is not None:
        desk.portal.answers.append(ANSWERS[outcome])
    deposit_together(desk.app, desk.portal, [desk.one(number(rank)) for rank in ranks])


def _of_another_buyer(found: FoundInvoice) -> FoundInvoice:
    other = replace(found, recipient="99999999900012", flux_number="CPP9")
    return other if found.number == number(6) else found


def _crash(_content: bytes) -> None:
    raise Crash
