"""What is due of an invoice, what was paid and credited, and what is left, on any day.

A credit note takes back what was never owed: it counts from the due date on, whatever its own day
(convention C8, docs/finance.md). A payment counts from the day after it was received: interest
runs to that day included (code de la commande publique, R. 2192-32).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from worker.billing.money import ZERO, Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """Money that the treasury received for an invoice, as it is told to the program.

    Attributes:
        number: of the invoice.
        on: the day it was received.
        reference: of the transfer or the title, as the treasury writes it; may be empty.
    """

    number: str
    on: date
    amount: Money
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """A payment in the books.

    Attributes:
        id: by which it is cancelled.
        invoice: the id of the invoice that it pays.
        on: the day it was received.
        recorded_by: who, as in the journal.
        cancelled_at: when a person said that it was wrong; it counts no more.
        reason: why, then.
    """

    id: int
    invoice: int
    on: date
    amount: Money
    reference: str
    recorded_at: datetime
    recorded_by: str
    cancelled_at: datetime | None
    reason: str

    @property
    def counts(self) -> bool:
        """Whether it stands."""
        return self.cancelled_at is None

    def is_same(self, payment: Payment) -> bool:
        """Whether it stands, and is this payment: same day, amount and reference."""
        told = (payment.on, payment.amount, payment.reference)
        return self.counts and (self.on, self.amount, self.reference) == told

    def resembles(self, payment: Payment) -> bool:
        """Whether it stands, and is of the same day and amount under another reference."""
        alike = (self.on, self.amount) == (payment.on, payment.amount)
        return self.counts and alike and self.reference != payment.reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What an invoice comes to: ``due - credited - paid`` is left; below zero, too much was paid.

    Attributes:
        due: TTC of the invoice as issued.
        credited: by its credit notes that count.
        payments: those that count, by day.
        due_date: None of what has none.
    """

    due: Money
    credited: Money = ZERO
    payments: tuple[Settlement, ...] = ()
    due_date: date | None = None

    @property
    def paid(self) -> Money:
        """All that was received."""
        return Money.sum(one.amount for one in self.payments)

    @property
    def owed(self) -> Money:
        """What is to be paid altogether."""
        return self.due - self.credited

    @property
    def left(self) -> Money:
        """What is still to be paid."""
        return self.owed - self.paid

    @property
    def is_paid(self) -> bool:
        """Whether payments, with what was credited, cover it."""
        return bool(self.payments) and self.left <= ZERO

    def left_during(self, day: date) -> Money:
        """What bears interest on a day: a payment stops it the day after it was received."""
        before = Money.sum(one.amount for one in self.payments if one.on < day)
        return self.owed - before

    def days_late(self, today: date) -> int:
        """For how many days something has been left past its due date; 0 when nothing is."""
        if self.due_date is None or self.left <= ZERO:
            return 0
        return max((today - self.due_date).days, 0)


def standing(
    due: Money,
    settlements: Iterable[Settlement],
    *,
    credited: Money = ZERO,
    due_date: date | None = None,
) -> Standing:
    """Where an invoice stands by its settlements, of which the cancelled ones are left out."""
    counted = sorted((one for one in settlements if one.counts), key=lambda one: (one.on, one.id))
    return Standing(due=due, credited=credited, payments=tuple(counted), due_date=due_date)


def total_left(standings: Sequence[Standing]) -> Money:
    """What is left of several; what was paid too much of one pays no other."""
    return Money.sum(max(one.left, ZERO) for one in standings)
