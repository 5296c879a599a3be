"""VAT regimes as EN 16931 codes them (BT-118/151, BT-119/152, BT-120, BT-121).

Which regime applies to a service is a tax decision: it stands in the tariff file, never in code.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

VAT_TOLERANCE = Decimal("0.01")
"""VAT = TTC − HT is at most a cent away from base × rate (``billing.invoice.split_gross``). On a
credit note, which takes the stored cents back, a cent for each line, as BR-FREXT-S-09 has it."""
CREDIT_CENTS = 2
"""Cents per line of a partial credit: its net is the difference of two rounded ones, which the
tax, the rest of an agreed TTC amount, mirrors (``billing.credit_note``)."""


class VatCategory(StrEnum):
    """UNCL 5305 categories used here."""

    STANDARD = "S"
    """Taxed at a French rate."""
    EXEMPT = "E"
    """Exempt, with a reason (CGI 261, 293 B…)."""
    OUT_OF_SCOPE = "O"
    """Outside VAT (CGI 256 B): no rate, no seller VAT number, never beside another category."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VatRegime:
    """How a line is taxed.

    Attributes:
        category: BT-151.
        rate: BT-152 in percent; zero for exempt lines; zero and not printed out of scope.
        reason: BT-120, the legal text, compulsory unless taxed.
        reason_code: BT-121, a VATEX code, such as ``VATEX-EU-O``.
    """

    category: VatCategory
    rate: Decimal = Decimal(0)
    reason: str = ""
    reason_code: str = ""

    def __post_init__(self) -> None:
        if not self.rate.is_finite() or not 0 <= self.rate <= 100 or self.taxed != (self.rate > 0):
            raise ValueError(f"category {self.category} does not go with rate {self.rate}")
        if self.taxed == bool(self.reason.strip()):
            raise ValueError("a reason is needed when no VAT is charged, and only then")

    @property
    def taxed(self) -> bool:
        """Whether VAT is charged."""
        return self.category is VatCategory.STANDARD


class VatMethod(StrEnum):
    """How an agreed TTC total becomes HT and VAT (docs/documents.md, "TTC, HT, TVA")."""

    DIFFERENCE = "difference"
    """VAT = TTC − HT: the total with VAT (BT-112) is the agreed one."""
    ROUNDING = "rounding"
    """VAT = HT × rate: where the total with VAT misses the agreed one, BT-114 makes up for it."""


class VatPoint(StrEnum):
    """When VAT falls due to the State (BT-8, CGI art. 269): for services, on collection."""

    COLLECTION = "encaissements"
    DEBITS = "debits"
    """When invoiced, by option; the invoice must say so (CGI ann. II art. 242 nonies A)."""
