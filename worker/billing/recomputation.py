"""An issued document computed again, and compared with what was frozen. Pure.

Compared is every value; sentences are not: they are made of these values by the release that
issued them, and a later one may word them otherwise. The seller's terms (IBAN, notes, method of
rounding) are those of the frozen invoice: they come from the configuration, not from rows.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from operator import itemgetter
from typing import TypeVar

from worker.billing.consumption import YearlyConsumption, french_outside
from worker.billing.credit_note import NothingToCredit, credit
from worker.billing.invoice import (
    Invoice,
    InvoiceDraft,
    InvoiceLine,
    PaymentMeans,
    Terms,
    VatBreakdown,
    build_draft,
)
from worker.billing.member_year import MemberYear
from worker.billing.money import french
from worker.billing.period import Month, french_date
from worker.billing.quantity import french_quantity
from worker.billing.rating import RatedLine, Step
from worker.billing.statement import Statement
from worker.billing.succession import Predecessor
from worker.billing.tariff import TariffGrid
from worker.billing.vat import VatRegime
from worker.errors import Severity

_Line = TypeVar("_Line")
_Use = tuple[int, str, int]
"""Users of a month, SHA-256 of their file, row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A value that is not what the rows give.

    Attributes:
        line: identifier of the line (BT-126); empty for the whole.
        label: of the line, for people.
        what: which value, in French.
        told: as it was frozen.
        computed: as it is computed now.
    """

    line: str = ""
    label: str = ""
    what: str
    told: str = ""
    computed: str = ""


def invoice_differences(
    known: MemberYear, grids: Sequence[TariffGrid], invoice: Invoice, statement: Statement
) -> tuple[Difference, ...]:
    """Compute an invoice again, and say what differs.

    Args:
        known: what was in force at its issue.
        grids: those that priced it, as they were frozen. More are not needed: the grid of a month
            began last of all that covered it, so it does of these.
        invoice: as it was frozen, last version.
        statement: as it was frozen.
    """
    consumption, rating = known.priced(grids)
    # A warning stopped nothing: that a service has no price in these grids alone changes nothing.
    stopping = [one for one in rating.findings if one.severity is Severity.BLOCKING]
    found = [Difference(what=finding.message) for finding in (*consumption.findings, *stopping)]
    for index, told, computed in _beside(statement.lines, rating.lines, _priced_thing):
        found.extend(_rated_differences(str(index), told, computed))
    told_already = {(one.line, one.what) for one in found}
    unused = _unused_months(statement, consumption)
    found.extend(one for one in unused if (one.line, one.what) not in told_already)
    outside = {"hors abonnement": french_outside(consumption.outside)}
    found.extend(_compared({"hors abonnement": statement.not_billed}, outside))
    if not rating.lines:
        return tuple(found)
    draft = build_draft(
        known.member, known.references, _terms(invoice), rating.lines, rating.grid_versions
    )
    named = {one.line for one in found}
    for _, told_line, computed_line in _beside(invoice.lines, draft.lines, _invoiced_thing):
        of_line = tuple(_line_differences(told_line, computed_line))
        found.extend(one for one in of_line if one.line not in named)
    if not found:
        # One wrong line moves the cents of the others: they are compared when all are right.
        for told_line, computed_line in zip(invoice.lines, draft.lines, strict=True):
            found.extend(_compared(_net(told_line), _net(computed_line), told_line))
    found.extend(_periods(invoice, statement))
    found.extend(_compared(_whole(invoice), _whole(draft)))
    found.extend(_compared(_sums(invoice), _sums(draft)))
    return tuple(found)


def credit_note_differences(
    note: Invoice, invoice: Invoice, earlier: Sequence[Invoice]
) -> tuple[Difference, ...]:
    """Compute a credit note again from the lines of its invoice, and say what differs.

    Args:
        note: as it was frozen.
        invoice: that it takes back.
        earlier: the credit notes of the invoice that came before, one for each that was made again.
    """
    quantities = {line.identifier: line.quantity for line in note.lines}
    try:
        draft = credit(invoice, earlier, "", quantities, internal=note.internal)
    except NothingToCredit as error:
        return (Difference(what=str(error)),)
    found: list[Difference] = []
    for told, computed in zip_longest(note.lines, draft.lines):
        found.extend(_line_differences(told, computed))
        if told is not None and computed is not None:
            found.extend(_compared(_net(told), _net(computed), told))
    found.extend(_compared(_sums(note), _sums(draft)))
    return tuple(found)


def _terms(invoice: Invoice) -> Terms:
    """What the seller put on it; its means of payment is compared with nothing."""
    return Terms(
        seller=invoice.seller,
        payment=invoice.payment or PaymentMeans(iban="", account_name=""),
        payment_terms=invoice.payment_terms,
        notes=invoice.notes,
        vat_method=invoice.vat_method,
        vat_point=invoice.vat_point,
    )


def _beside(
    told: Sequence[_Line], computed: Sequence[_Line], thing: Callable[[_Line], Hashable]
) -> Iterator[tuple[int, _Line | None, _Line | None]]:
    """Rank and both sides of each line: by rank, or by what they are of when their number differs.

    By rank alone, a line too many on one side would make every line after it differ.
    """
    if len(told) == len(computed):
        for index, (one, other) in enumerate(zip(told, computed, strict=True), start=1):
            yield index, one, other
        return
    waiting: dict[Hashable, list[tuple[int, _Line]]] = defaultdict(list)
    for index, line in enumerate(computed, start=1):
        waiting[thing(line)].append((index, line))
    for index, line in enumerate(told, start=1):
        same = waiting[thing(line)]
        yield index, line, same.pop(0)[1] if same else None
    for index, line in sorted(chain.from_iterable(waiting.values()), key=itemgetter(0)):
        yield index, None, line


def _priced_thing(line: RatedLine) -> Hashable:
    return line.designation, line.tier, line.category, line.grid_version


def _invoiced_thing(line: InvoiceLine) -> Hashable:
    return line.name, line.item, line.attributes


def _rated_differences(
    identifier: str, told: RatedLine | None, computed: RatedLine | None
) -> Iterator[Difference]:
    if told is None or computed is None:
        label = told.designation if told else computed.designation if computed else ""
        yield _only_one(identifier, label, told=told is not None)
        return
    pairs = _compared(_rated(told), _rated(computed))
    months = _compared(_months(told), _months(computed))
    for one in (*months, *pairs):
        yield Difference(
            line=identifier,
            label=told.designation,
            what=one.what,
            told=one.told,
            computed=one.computed,
        )


def _only_one(identifier: str, label: str, *, told: bool) -> Difference:
    """A line that only one side has."""
    present, absent = "présente", "absente"
    return Difference(
        line=identifier,
        label=label,
        what="la ligne elle-même",
        told=present if told else absent,
        computed=absent if told else present,
    )


def _rated(line: RatedLine) -> Mapping[str, str]:
    return {
        "service": line.service,
        "libellé": line.designation,
        "palier": "aucun" if line.tier is None else f"{line.tier} To",
        "catégorie": str(line.category) if line.by_category else "toutes",
        "TVA": _vat(line.vat),
        "composantes du prix": " + ".join(f"{french(price)} {name}" for name, price in line.parts),
        "prix TTC": french(line.unit_price),
        "unités du prix": str(line.price_units),
        "unité": "" if line.measure is None else line.measure.code,
        "quantité": str(line.quantity),
        "montant TTC": french(line.total),
        "grille": line.grid_version,
        "décision": line.decision or "aucune",
    }


def _months(line: RatedLine) -> Mapping[str, str]:
    """Months with users. Which grid would have priced a month without is not kept."""
    return {
        use.month.french: _french_use((use.users, use.source.file_sha256, use.source.row))
        for use in line.months
        if use.users
    } | {_french_span(step): _french_step(step) for step in line.steps}


def _french_span(step: Step) -> str:
    """The month, the day with its reference, or the days of a step."""
    start, end = step.period.start, step.period.end
    if start == end:
        return f"{french_date(start)} {step.reference}".rstrip()
    month = Month.of(start)
    if (start, end) == (month.first_day, month.last_day):
        return month.french
    return f"{french_date(start)} au {french_date(end)}"


def _french_step(step: Step) -> str:
    said = french_quantity(step.quantity)
    if step.figure is not None:
        said += f" sur {step.figure}"
    if step.source is None:
        return said
    return f"{said} ({file_mark(step.source.file_sha256)}, ligne {step.source.row})"


def _unused_months(statement: Statement, consumption: YearlyConsumption) -> Iterator[Difference]:
    """Each month that the statement tells without users has its row, without users."""
    kept: dict[tuple[Predecessor | None, str, int | None, int, Month], _Use] = {
        (use.origin, use.service, use.tier, use.category, month.month): (
            month.users,
            month.source.file_sha256,
            month.source.row,
        )
        for use in consumption.uses
        for month in use.months
    }
    for index, line in enumerate(statement.lines, start=1):
        for use in line.months:
            told = (use.users, use.source.file_sha256, use.source.row)
            key = (line.origin, line.service, line.tier, line.category, use.month)
            present = kept.get(key)
            if not use.users and present != told:
                yield Difference(
                    line=str(index),
                    label=line.designation,
                    what=use.month.french,
                    told=_french_use(told),
                    computed="rien" if present is None else _french_use(present),
                )


def _french_use(use: _Use) -> str:
    users, sha256, row = use
    return f"{users} ({file_mark(sha256)}, ligne {row})"


def file_mark(sha256: str) -> str:
    """How a difference names a file: by its hash alone; who has its name puts it there."""
    return f"fichier {sha256[:12]}…"


def _line_differences(
    told: InvoiceLine | None, computed: InvoiceLine | None
) -> Iterator[Difference]:
    if told is None or computed is None:
        one = told or computed
        if one is not None:
            yield _only_one(one.identifier, one.name, told=told is not None)
        return
    yield from _compared(_invoiced(told), _invoiced(computed), told)


def _invoiced(line: InvoiceLine) -> Mapping[str, str]:
    """What a line of the invoice says, without its sentences."""
    return {
        "code du service": line.item,
        "quantité facturée": str(line.quantity),
        "unité": line.unit,
        "prix TTC facturé": french(line.unit_price_gross),
        "unités du prix facturé": str(line.price_units),
        "montant TTC facturé": french(line.gross),
        "prix HT": f"{line.price} pour {line.price_base}",
        "TVA": _vat(line.vat),
        "propriétés": ", ".join(attribute.value for attribute in line.attributes),
    }


def _net(line: InvoiceLine) -> Mapping[str, str]:
    return {"montant HT": french(line.net)}


def _periods(invoice: Invoice, statement: Statement) -> Iterator[Difference]:
    """Of the lines and of the whole: they are those of the statement's months."""
    for told, rated in zip(invoice.lines, statement.lines, strict=False):
        yield from _compared({"période": str(told.period)}, {"période": str(rated.period)}, told)
    days = [line.period for line in statement.lines]
    ends = (min(one.start for one in days), max(one.end for one in days)) if days else ()
    told_ends = (invoice.period.start, invoice.period.end)
    if ends and ends != told_ends:
        yield Difference(what="période facturée", told=str(told_ends), computed=str(ends))


def _whole(draft: InvoiceDraft) -> Mapping[str, str]:
    return {
        "année": str(draft.year),
        "nature": draft.type_code,
        "devise": draft.currency,
        "membre": draft.buyer.name,
        "SIRET": draft.buyer.siret,
        "adresse": str(draft.buyer.address),
        "numéro de TVA du membre": draft.buyer.vat_number,
        "convention": draft.contract,
        "code service": draft.service_code or "aucun",
        "engagement": draft.engagement or "aucun",
        "grilles": ", ".join(draft.grid_versions),
    }


def _sums(draft: InvoiceDraft) -> Mapping[str, str]:
    totals = draft.totals
    return {
        "total HT": french(totals.net),
        "total TVA": french(totals.vat),
        "total TTC": french(totals.gross),
        "arrondi": french(totals.rounding),
        "ventilation de la TVA": _french_breakdown(draft.breakdown),
    }


def _french_breakdown(breakdown: Iterable[VatBreakdown]) -> str:
    return " ; ".join(
        f"{_vat(group.regime)} : {french(group.taxable)} + {french(group.tax)}"
        for group in breakdown
    )


def _vat(regime: VatRegime) -> str:
    named = (regime.category.value, f"{regime.rate} %", regime.reason, regime.reason_code)
    return ", ".join(filter(None, named))


def _compared(
    told: Mapping[str, str], computed: Mapping[str, str], line: InvoiceLine | None = None
) -> Iterator[Difference]:
    """What both say, name by name; "rien" where one says nothing."""
    for name in dict.fromkeys((*told, *computed)):
        ours, theirs = told.get(name, "rien"), computed.get(name, "rien")
        if ours != theirs:
            yield Difference(
                line="" if line is None else line.identifier,
                label="" if line is None else line.name,
                what=name,
                told=ours,
                computed=theirs,
            )
