"""Interest on late payment (convention C8): shown and exported, never invoiced by itself.

Counted are the invoices that wait for their payment, and those that payments settled late.
What the portal alone calls paid has no day of payment, and is left out; so is what is rejected.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from worker.app import App
from worker.billing.late_interest import Interest, Stretch, interest
from worker.billing.money import ZERO, Money, french
from worker.billing.period import french_date
from worker.billing.settlement import Standing
from worker.billing.status import InvoiceStatus, TrackedInvoice, awaits_payment
from worker.settings.interest_rates import load_rates
from worker.storage import invoices, settlements
from worker.tables import Column, Kind, Row, Table

_DAY = timedelta(days=1)
COLUMNS = (
    Column(name="number", caption="Facture"),
    Column(name="member_siret", caption="SIRET du membre"),
    Column(name="member_name", caption="Membre"),
    Column(name="due_on", caption="Échéance", kind=Kind.DATE),
    Column(name="until", caption="Compté jusqu'au", kind=Kind.DATE),
    Column(name="left", caption="Reste à payer", kind=Kind.AMOUNT),
    Column(name="days_late", caption="Jours de retard", kind=Kind.INTEGER),
    Column(name="interest", caption="Intérêts", kind=Kind.AMOUNT),
    Column(name="lump_sum", caption="Indemnité forfaitaire", kind=Kind.AMOUNT),
    Column(name="total", caption="Total", kind=Kind.AMOUNT),
    Column(name="calculation", caption="Calcul"),
    Column(name="sources", caption="Sources des taux"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """An invoice that was or is paid late.

    Attributes:
        left: what is still to be paid at the end of the day up to which it is counted.
    """

    invoice: TrackedInvoice
    standing: Standing
    left: Money
    interest: Interest


def late_invoices(app: App, until: date) -> tuple[Late, ...]:
    """Every invoice that bears interest up to a day included, by number.

    Raises ConfigurationError: the table of rates is wrong, or has no rate for a half-year.
    """
    settings = app.settings.late_interest
    rates = load_rates(app.configuration.interest_rates)[settings.rule]
    with app.reading() as session:
        found = invoices.tracked(session)
        standings = settlements.standings(session, found)
    late = []
    for one in found:
        standing = standings.get(one.id)
        if standing is None or not _counts(one, standing, deposits=app.deposits):
            continue
        counted = interest(standing, until=until, rule=settings.rule, rates=rates)
        if counted.stretches:
            left = max(standing.left_during(until + _DAY), ZERO)
            late.append(Late(invoice=one, standing=standing, left=left, interest=counted))
    return tuple(late)


def _counts(invoice: TrackedInvoice, standing: Standing, *, deposits: bool) -> bool:
    paid = invoice.status is InvoiceStatus.SETTLED and standing.is_paid
    return paid or awaits_payment(invoice, deposits=deposits)


def table_of(late: Sequence[Late], until: date) -> Table:
    """What is exported, a row for each invoice."""

    def rows() -> Iterator[Row]:
        for one in late:
            invoice, counted = one.invoice, one.interest
            yield (
                invoice.number,
                invoice.siret,
                invoice.member_name,
                invoice.due_date,
                until,
                one.left,
                counted.days,
                counted.amount,
                counted.lump_sum,
                counted.total,
                " ; ".join(map(calculation, counted.stretches)),
                " ; ".join(sources(counted.stretches)),
            )

    title = f"Intérêts de retard au {french_date(until)}"
    return Table(name="late_interest", title=title, columns=COLUMNS, rows=rows)


def calculation(stretch: Stretch) -> str:
    """How a part is computed: sum, rate, days of the year."""
    percent = f"{stretch.percent:f}".replace(".", ",")
    return (
        f"du {french_date(stretch.first)} au {french_date(stretch.last)} : "
        f"{french(stretch.principal)} × {percent} % × {stretch.days}/{stretch.year_days}"
    )


def sources(stretches: Sequence[Stretch]) -> tuple[str, ...]:
    """The texts behind the rates, each once."""
    return tuple(dict.fromkeys(one.source for one in stretches))
