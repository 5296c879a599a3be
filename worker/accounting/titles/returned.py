"""What the finance software gives back: numbers of titles and slips, days, payments."""

from collections.abc import Iterator
from pathlib import Path

from worker.accounting.files import Placed, Problems, take_in_file
from worker.accounting.settlements import write_payments
from worker.app import App
from worker.billing.journal import EventTag
from worker.billing.period import french_date, paris_day
from worker.billing.settlement import Payment
from worker.billing.status import TrackedInvoice
from worker.billing.title import Title
from worker.imports import ImportKind
from worker.imports.intake import Intake
from worker.imports.records import TitleRow
from worker.storage import Transaction, invoices, titles
from worker.storage.versions import Changes


def take_in(app: App, path: Path, *, dry_run: bool = False) -> Intake:
    """Import a file of titles, all or nothing; several rows may tell payments of one title.

    An invoice whose title was another has this one from now on; the former stays in the books.

    Raises:
        ImportRefused: with a finding for each bad row: an unknown invoice, a title number of two
            invoices, two titles of one invoice, a payment that ``settle`` would refuse.
        WrongUse: the file cannot be read.
    """

    def write(
        tx: Transaction, rows: list[Placed[TitleRow]], file_id: int, problems: Problems
    ) -> Changes:
        known = titles.current(tx)
        new = list(_new(tx, rows, known, problems))
        problems.raise_if_any()
        changed = sum(invoice.id in known for invoice, _ in new)
        for invoice, placed in new:
            titles.put(tx, invoice.id, placed.value, (file_id, placed.row))
            title = placed.value
            tx.journal(
                EventTag.TITLE_RECORDED,
                invoice.number,
                exercise=title.budget_year,
                slip=title.slip,
                number=title.number,
            )
        payments = [Placed(placed.row, payment) for placed in rows if (payment := placed.value[1])]
        write_payments(app, tx, _once(payments), file_id, problems)
        titled = len({placed.value[0].invoice for placed in rows})
        return Changes(added=len(new) - changed, changed=changed, unchanged=titled - len(new))

    return take_in_file(app, path, ImportKind.TITLES, write, dry_run=dry_run)


def _new(
    tx: Transaction,
    rows: list[Placed[TitleRow]],
    known: dict[int, Title],
    problems: Problems,
) -> Iterator[tuple[TrackedInvoice, Placed[Title]]]:
    """The titles that the books do not have; what is wrong is noted."""
    today = paris_day(tx.now)
    of_file: dict[str, Title] = {}
    owners = {(one.budget_year, one.number): one.invoice for one in known.values()}
    replaced = {placed.value[0].invoice for placed in rows}
    owners = {key: invoice for key, invoice in owners.items() if invoice not in replaced}
    for placed in rows:
        title, row = placed.value[0], placed.row
        invoice = invoices.by_number(tx, title.invoice)
        if invoice is None:
            problems.add(row, "facture", "IMPORT-UNKNOWN-INVOICE", "", title.invoice)
            continue
        first = of_file.setdefault(title.invoice, title)
        if first != title:
            problems.add(row, "titre", "IMPORT-TITLE", "second-title", title.invoice)
            continue
        owner = owners.setdefault((title.budget_year, title.number), title.invoice)
        if owner != title.invoice:
            problems.add(row, "titre", "IMPORT-TITLE", "title-twice", owner)
            continue
        if title.issued_on is not None and title.issued_on > today:
            day = french_date(title.issued_on)
            problems.add(row, "date_titre", "IMPORT-TITLE", "title-to-come", day)
            continue
        if first is title and known.get(invoice.id) != title:
            yield invoice, Placed(row, title)


def _once(payments: list[Placed[Payment]]) -> list[Placed[Payment]]:
    """Payments, each once: a title of several lines comes with its payment on each of them."""
    first: dict[Payment, Placed[Payment]] = {}
    for placed in payments:
        first.setdefault(placed.value, placed)
    return list(first.values())
