"""The explanation of an amount as lines of 80 columns, which an auditor reads and adds up.

Sums are columns: one sign, one amount, what it is. Texts that people wrote never begin a line, so
that none can be taken for a step.
"""

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from worker.audit.explanation import CreditNote, Explained, Explanation, GridStep, LineStep
from worker.billing.invoice import Invoice, InvoiceLine
from worker.billing.members import Subscription
from worker.billing.money import Money, french, french_integer
from worker.billing.period import Month, french_date, french_time
from worker.billing.provenance import ImportedFile, Moment, Origin, Version
from worker.billing.quantity import Measure, Quantity, french_quantity, priced
from worker.billing.rating import Step
from worker.cli.imports import FRENCH_KINDS
from worker.errors import Finding

WIDTH = 80
_AMOUNT = 18
_WORDS = 31
"""Columns before the words of a month or a day."""
_TEXT = 24
"""Columns before the words of a sum."""
_KINDS = {kind.value: french for kind, french in FRENCH_KINDS.items()}


@dataclass(slots=True)
class _Sources:
    """The files that were named, each by its rank."""

    ranks: dict[ImportedFile, int] = field(default_factory=dict)

    def place(self, origin: Origin) -> str:
        """``[3], ligne 12``."""
        if origin.row is None:
            return "ce qu'une personne a donné avec « resend »"
        if origin.file is None:
            return f"fichier inconnu, ligne {origin.row}"
        rank = self.ranks.setdefault(origin.file, len(self.ranks) + 1)
        return f"[{rank}], ligne {origin.row}"


def lines_of(asked: Explained) -> Iterator[str]:
    """Every line to print, without its end."""
    sources = _Sources()
    if asked.credit_note is not None:
        yield from _credit_note(asked.credit_note)
        yield ""
    yield from _invoice(asked.explanation, sources)
    for step in asked.explanation.lines:
        yield ""
        yield from _line(step, sources)
    for grid in asked.explanation.grids:
        yield ""
        yield from _grid(grid)
    yield ""
    yield "Les fichiers"
    for file, rank in sources.ranks.items():
        yield from _file(rank, file)
    yield ""
    yield from _verdict(asked.findings)


def _invoice(explanation: Explanation, sources: _Sources) -> Iterator[str]:
    invoice, known = explanation.invoice, explanation.known
    yield f"Facture {invoice.number} du {french_date(invoice.issue_date)}"
    yield from _text(2, f"Membre : {invoice.buyer.name} ({invoice.buyer.siret})")
    member, references = (
        None if version is None else version.origin for version in (known.member, known.references)
    )
    yield from _text(4, _read_in(member, sources, "version de l'émission non gardée"))
    yield from _text(
        2,
        f"Code service : {invoice.service_code or 'aucun'} ; "
        f"engagement : {invoice.engagement or 'aucun'}",
    )
    yield from _text(4, _read_in(references, sources, "aucune référence donnée"))
    yield from _text(2, f"Services de {invoice.year}, état détaillé {explanation.statement.number}")
    yield from _text(2, f"Émise {_when(explanation.issue)}")
    yield ""
    yield from _total(invoice, "total de la facture")


def _credit_note(credited: CreditNote) -> Iterator[str]:
    note = credited.note
    kind = "Avoir interne" if note.internal else "Avoir"
    yield f"{kind} {note.number} du {french_date(note.issue_date)}"
    for reason in note.notes[:1]:
        yield from _text(2, reason.text)
    yield from _text(2, f"Émis {_when(credited.issue)}")
    yield ""
    yield from _total(note, "total de l'avoir")
    for one in credited.lines:
        line = one.line
        yield ""
        yield from _text(0, f"Ligne {line.identifier} : {line.name}", hanging=2)
        yield from _text(
            2,
            f"Quantité créditée : {_credited(line)}, pour "
            f"une quantité facturée de {french_quantity(one.invoiced.quantity)}",
        )
        yield from _product(line, line.gross, line.net)


def _total(invoice: Invoice, what: str) -> Iterator[str]:
    yield "Le total"
    for rank, line in enumerate(invoice.lines):
        yield from _sum(
            "+" if rank else " ", french(line.gross), f"ligne {line.identifier} : {line.name}"
        )
    totals = invoice.totals
    yield from _sum("=", french(totals.payable), f"TTC, {what}")
    shares = [f"HT {french(totals.net)}"]
    for group in invoice.breakdown:
        rate = f"à {group.regime.rate:f} %".replace(".", ",") if group.regime.taxed else "sans TVA"
        shares.append(f"TVA {rate} {french(group.tax)}" if group.regime.taxed else rate)
    if totals.rounding:
        shares.append(f"arrondi {french(totals.rounding)}")
    yield from _text(2, f"dont {', '.join(shares)}")


def _line(step: LineStep, sources: _Sources) -> Iterator[str]:
    rated = step.rated
    yield from _text(0, f"Ligne {step.line.identifier} : {step.line.name}", hanging=2)
    of = (
        "d'un utilisateur pour un mois"
        if rated.measure is None
        else priced(rated.measure, rated.price_units)
    )
    yield f"  Le prix {of}, grille {rated.grid_version}"
    for rank, (label, price) in enumerate(rated.parts):
        yield from _sum("+" if rank else " ", french(price), label)
    yield from _sum("=", french(rated.unit_price), "TTC")
    several = len(step.subscriptions) > 1
    if rated.measure is None:
        yield "  Les utilisateurs, mois par mois"
    else:
        yield "  Ce qui est compté"
        yield from _counted(step, rated.measure, sources, several=several)
    for month in step.months:
        place = sources.place(month.origin)
        if several or month.subscription is None:
            place += f", abonnement {_letter(step, month.subscription)}"
        yield _users(month.use.month.french, month.use.users, place)
    unit = "utilisateurs × mois" if rated.measure is None else rated.measure.many
    yield _users("total", rated.quantity, unit)
    yield from _product(step.line, rated.total, step.line.net)
    yield "  L'abonnement" if not several else "  Les abonnements"
    for version in step.subscriptions:
        letter = f"{_letter(step, version)} : " if several else ""
        yield from _text(
            4,
            f"{letter}{_french_subscription(version.value)} ({sources.place(version.origin)})",
        )
    if not step.subscriptions:
        yield "    aucun, parmi ceux qui étaient en vigueur à l'émission"


def _credited(line: InvoiceLine) -> str:
    if line.measure is None:
        return f"{french_quantity(line.quantity)} utilisateurs × mois"
    return line.measure.counted(line.quantity)


def _counted(
    step: LineStep, measure: Measure, sources: _Sources, *, several: bool
) -> Iterator[str]:
    """Each month or day: how much of it, of which figure or under which reference, and its row."""
    for one in step.counted:
        counted = one.step
        said = [measure.many if counted.quantity >= 2 else measure.one]
        if counted.figure is not None:
            said.append(f"sur {french_integer(counted.figure)}")
        if counted.reference:
            said.append(counted.reference)
        if one.origin is not None:
            said.append(sources.place(one.origin))
        if several or one.subscription is None:
            said.append(f"abonnement {_letter(step, one.subscription)}")
        first, *rest = textwrap.wrap(", ".join(said), WIDTH - _WORDS, break_on_hyphens=False)
        yield _users(_when_counted(counted), counted.quantity, first)
        for line in rest:
            yield f"{' ' * _WORDS}{line}"


def _when_counted(step: Step) -> str:
    """The day, the month, or the year of a step."""
    first, last = step.period.start, step.period.end
    if first == last:
        return french_date(first)
    return Month.of(first).french if Month.of(first) == Month.of(last) else str(first.year)


def _product(line: InvoiceLine, total: Money, net: Money) -> Iterator[str]:
    yield "  Le montant"
    over = "" if line.price_units == 1 else f" ÷ {french_integer(line.price_units)}"
    quantity, price = french_quantity(line.quantity), french(line.unit_price_gross)
    yield f"    {quantity} × {price}{over} = {french(total)} TTC"
    yield f"    dont HT {french(net)}"


def _letter(step: LineStep, version: Version[Subscription] | None) -> str:
    """A, B…: a line has few."""
    return "inconnu" if version is None else chr(ord("A") + step.subscriptions.index(version))


def _french_subscription(signed: Subscription) -> str:
    end = f"au {french_date(signed.end)}" if signed.end else "sans date de fin"
    tier = "" if signed.tier is None else f" {signed.tier} To"
    what = f"{signed.service}{tier}, catégorie {signed.category}"
    return f"{what}, du {french_date(signed.start)}{' ' if signed.end else ', '}{end}"


def _grid(step: GridStep) -> Iterator[str]:
    yield from _text(0, f"La grille {step.version}", hanging=2)
    if step.grid is None:
        yield "  illisible dans la base : voyez le recalcul, plus bas"
    else:
        yield from _text(2, f"Titre : {step.grid.title}")
        yield from _text(2, f"Décision ou contrat : {step.grid.source}")
        yield from _text(2, f"En vigueur {step.grid.french_validity}")
    if step.first_use is not None:
        yield from _text(2, f"Figée à son premier emploi, {_when(step.first_use)}")
    if step.grid is not None:
        yield f"  SHA-256 {step.grid.sha256}"


def _file(rank: int, file: ImportedFile) -> Iterator[str]:
    of_sheet = f", feuille « {file.sheet} »" if file.sheet else ""
    kind = _KINDS.get(file.kind, file.kind)
    yield from _text(2, f"[{rank}] {file.name}{of_sheet} ({kind})", hanging=6)
    when = (
        f"le {french_time(file.imported_at)} ; le journal n'en dit rien"
        if file.taken_in is None
        else _when(file.taken_in)
    )
    yield from _text(6, f"importé {when}")
    yield f"      SHA-256 {file.sha256}"


def _verdict(findings: Iterable[Finding]) -> Iterator[str]:
    yield "Le recalcul"
    told = tuple(findings)
    if not told:
        yield "  Recalculé à l'instant depuis ces sources : tout est identique."
    for finding in told:
        yield from _text(2, f"{finding.where} : {finding.message}", hanging=4)


def _read_in(origin: Origin | None, sources: _Sources, absent: str) -> str:
    return absent if origin is None else f"lu dans {sources.place(origin)}"


def _when(moment: Moment) -> str:
    return f"le {french_time(moment.at)} par {moment.actor} (journal, n° {moment.seq})"


def _sum(sign: str, amount: str, words: str) -> Iterator[str]:
    begin = f"  {sign} {amount:>{_AMOUNT}}".ljust(_TEXT)
    first, *rest = textwrap.wrap(words, WIDTH - _TEXT, break_long_words=True) or [""]
    yield f"{begin}{first}".rstrip()
    for line in rest:
        yield f"{' ' * _TEXT}{line}"


def _users(month: str, users: Quantity, words: str) -> str:
    return f"    {month:<14} {french_quantity(users):>9}   {words}"


def _text(indent: int, words: str, *, hanging: int | None = None) -> Iterator[str]:
    """Folded; its second line begins further in."""
    behind = indent + 2 if hanging is None else hanging
    yield from textwrap.wrap(
        words,
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * behind,
        break_on_hyphens=False,
    )
