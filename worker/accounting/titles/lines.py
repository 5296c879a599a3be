"""What a title says of an invoice: one line for each service and rate of VAT, by its mapping.

Edition (PES, TEdition): 04, no treatment by the DGFiP, where this program deposits the invoice; 02,
ASAP to Chorus Pro, on the Hélios channel.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from worker.billing.invoice import Invoice, InvoiceLine
from worker.billing.money import Money
from worker.billing.status import TrackedInvoice, french_state
from worker.billing.title import Edition
from worker.settings.keys import Channel, TitleMapping, Titles

REVENUE = "R"
"""Direction."""
ORDINARY = "01"
"""Type of the piece: an ordinary title."""
REDUCTION = "06"
"""Nature of the piece: it cancels or reduces a title."""
BY_SIRET = "01"
"""Nature of the identifier of the party."""
SERVICES = "services numériques"
"""What a title is for, where its mapping has no words of its own."""
LONGEST_SUBJECT = 160
LONGEST_NAME = 38
_TIER = "Palier (To)"


def edition_of(channel: Channel) -> Edition:
    """That of a channel: the invoice reaches its buyer once."""
    match channel:
        case Channel.API:
            return Edition.NOTHING
        case Channel.HELIOS:
            return Edition.TO_CHORUS


class PieceKind(StrEnum):
    """Type of the file that goes with a title (PES)."""

    REVENUE_DOCUMENT = "002"
    CHORUS_COMPLEMENT = "008"
    """Complementary document of an ASAP that goes to Chorus Pro."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TitleLine:
    """A line of a title. Amounts of a credit note are below zero.

    Attributes:
        rank: 1 for the first line of its title.
        service: of the grid; ``mapping`` says how the finance software names it.
        corrects: the number of the invoice that a credit note corrects, else empty.
        piece: the PDF of the invoice: its SHA-256, or nothing.
    """

    invoice: Invoice
    tracked: TrackedInvoice
    rank: int
    service: str
    mapping: TitleMapping
    parties: Titles
    edition: Edition
    first_day: date
    last_day: date
    rate: Decimal
    net: Money
    gross: Money
    corrects: str
    piece: str

    @property
    def vat(self) -> Money:
        """So that lines add up to what is agreed."""
        return self.gross - self.net

    @property
    def state(self) -> str:
        """Where the invoice stands, in French."""
        return french_state(self.tracked, None, deposits=self.edition is Edition.NOTHING)

    @property
    def budget_year(self) -> int:
        """*Exercice*: that of the issue."""
        return self.invoice.issue_date.year

    @property
    def nature(self) -> str:
        """Of the piece."""
        return REDUCTION if self.invoice.is_credit_note else self.mapping.piece_nature

    @property
    def subject(self) -> str:
        """*Objet* of the line."""
        what = self.mapping.subject or SERVICES
        return f"{self._what} : {what} {self.invoice.year}"[:LONGEST_SUBJECT]

    @property
    def title_subject(self) -> str:
        """*Objet* of the title."""
        return f"{self._what} : {SERVICES} {self.invoice.year}"[:LONGEST_SUBJECT]

    @property
    def _what(self) -> str:
        number = self.invoice.number
        return f"Avoir {number} sur {self.corrects}" if self.corrects else f"Facture {number}"

    @property
    def party_name(self) -> str:
        """As long as the PES allows."""
        return self.invoice.buyer.name[:LONGEST_NAME].rstrip()

    @property
    def piece_name(self) -> str:
        """Of the PDF beside the file."""
        return f"{self.invoice.number.replace('/', '-')}.pdf" if self.piece else ""

    @property
    def piece_kind(self) -> str:
        """Type of that piece."""
        if not self.piece:
            return ""
        match self.edition:
            case Edition.TO_CHORUS:
                return PieceKind.CHORUS_COMPLEMENT
            case Edition.NOTHING:
                return PieceKind.REVENUE_DOCUMENT


def by_year(lines: Sequence[TitleLine]) -> dict[int, list[TitleLine]]:
    """The lines of each budget year: a file is of one."""
    found: dict[int, list[TitleLine]] = {}
    for line in lines:
        found.setdefault(line.budget_year, []).append(line)
    return found


def titles_of(lines: Sequence[TitleLine]) -> list[list[TitleLine]]:
    """The lines of each title together."""
    found: dict[str, list[TitleLine]] = {}
    for line in lines:
        found.setdefault(line.invoice.number, []).append(line)
    return list(found.values())


def services_of(invoice: Invoice) -> dict[str, list[InvoiceLine]]:
    """Its lines by the service of the grid, in their order."""
    found: dict[str, list[InvoiceLine]] = {}
    for line in invoice.lines:
        found.setdefault(_service(line), []).append(line)
    return found


def lines_of(
    invoice: Invoice,
    tracked: TrackedInvoice,
    titles: Titles,
    edition: Edition,
    piece: str,
) -> Iterator[TitleLine]:
    """The lines of the title of an invoice. Raises KeyError for a service without mapping."""
    mappings: Mapping[str, TitleMapping] = titles.services
    sign = -1 if invoice.is_credit_note else 1
    rank = 0
    for service, lines in services_of(invoice).items():
        for rate, group in _by_rate(lines).items():
            rank += 1
            yield TitleLine(
                invoice=invoice,
                tracked=tracked,
                rank=rank,
                service=service,
                mapping=mappings[service],
                parties=titles,
                edition=edition,
                first_day=min(line.period.start for line in group),
                last_day=max(line.period.end for line in group),
                rate=rate,
                net=Money.sum(line.net for line in group) * sign,
                gross=Money.sum(line.gross for line in group) * sign,
                corrects=invoice.preceding.number if invoice.preceding else "",
                piece=piece,
            )


def _service(line: InvoiceLine) -> str:
    """The code of the grid: the item, without its tier."""
    tier = next((one.value for one in line.attributes if one.name == _TIER), "")
    return line.item.removesuffix(f"-{tier}") if tier else line.item


def _by_rate(lines: Sequence[InvoiceLine]) -> dict[Decimal, list[InvoiceLine]]:
    found: dict[Decimal, list[InvoiceLine]] = {}
    for line in lines:
        found.setdefault(line.vat.rate, []).append(line)
    return found
