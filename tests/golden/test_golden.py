"""The XML of an invoice changes only on purpose, and says what the invoice says."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from lxml import etree
from lxml.etree import _Element

from tests.golden.official import faults
from tests.golden.samples import ATTACHMENTS, SAMPLES
from worker.billing.invoice import Invoice
from worker.billing.standard import NAMESPACES
from worker.formats import Profile, invoice_xml
from worker.formats.profiles import ALWAYS, ON_DEMAND, Syntax

FILES = Path(__file__).parent / "files"
PROFILES = [*ALWAYS, *(profile for group in ON_DEMAND.values() for profile in group)]
SUMS = "cac:LegalMonetaryTotal/cbc:"
SUMMATION = (
    "rsm:SupplyChainTradeTransaction/ram:ApplicableHeaderTradeSettlement/"
    "ram:SpecifiedTradeSettlementHeaderMonetarySummation/ram:"
)
TOTALS = {
    Syntax.UBL: {
        "BT-109": f"{SUMS}TaxExclusiveAmount",
        "BT-110": "cac:TaxTotal/cbc:TaxAmount",
        "BT-112": f"{SUMS}TaxInclusiveAmount",
        "BT-114": f"{SUMS}PayableRoundingAmount",
        "BT-115": f"{SUMS}PayableAmount",
        "BT-131": "cac:InvoiceLine/cbc:LineExtensionAmount | "
        "cac:CreditNoteLine/cbc:LineExtensionAmount",
    },
    Syntax.CII: {
        "BT-109": f"{SUMMATION}TaxBasisTotalAmount",
        "BT-110": f"{SUMMATION}TaxTotalAmount",
        "BT-112": f"{SUMMATION}GrandTotalAmount",
        "BT-114": f"{SUMMATION}RoundingAmount",
        "BT-115": f"{SUMMATION}DuePayableAmount",
        "BT-131": "//ram:SpecifiedTradeSettlementLineMonetarySummation/ram:LineTotalAmount",
    },
}

cases = pytest.mark.parametrize(
    "sample, profile",
    [(sample, profile) for sample in SAMPLES for profile in PROFILES],
    ids=lambda value: value.kind.value if isinstance(value, Profile) else value,
)


def golden_file(sample: str, profile: Profile) -> Path:
    """Where the document of a sample is kept."""
    return FILES / f"{sample}.{profile.kind.value}"


@cases
def test_xml_is_the_golden_file(
    sample: str,
    profile: Profile,
    update_golden: bool,  # noqa: FBT001 - pytest passes fixtures by name
) -> None:
    """Each sample gives, byte for byte, the file that was validated and kept."""
    invoice, _ = SAMPLES[sample]()
    xml = invoice_xml(invoice, profile, ATTACHMENTS)
    golden = golden_file(sample, profile)
    if update_golden:
        assert faults(xml, profile, credit_note=invoice.is_credit_note) == []
        golden.parent.mkdir(exist_ok=True)
        golden.write_bytes(xml)

    assert xml == golden.read_bytes()


@cases
def test_every_validator_accepts_the_golden_file(sample: str, profile: Profile) -> None:
    """Official schemas and Schematrons find neither error nor warning in any golden document."""
    invoice, _ = SAMPLES[sample]()
    xml = golden_file(sample, profile).read_bytes()

    assert faults(xml, profile, credit_note=invoice.is_credit_note) == []


@cases
def test_the_golden_file_reads_back_to_the_same_totals(sample: str, profile: Profile) -> None:
    """What a receiver adds up in the file is what the invoice says, to the cent."""
    invoice, _ = SAMPLES[sample]()
    root = etree.parse(golden_file(sample, profile)).getroot()
    read = {term: list(_amounts(root, profile, path)) for term, path in _paths(profile).items()}

    assert read == _expected(invoice)
    assert sum(read["BT-131"]) == read["BT-109"][0]
    assert read["BT-109"][0] + read["BT-110"][0] == read["BT-112"][0]
    assert read["BT-112"][0] + sum(read["BT-114"]) == read["BT-115"][0]


def test_no_golden_file_is_forgotten() -> None:
    """Every golden file belongs to a sample, so that none goes on existing unchecked."""
    expected = {golden_file(sample, profile) for sample in SAMPLES for profile in PROFILES}

    assert set(FILES.iterdir()) == expected


def _paths(profile: Profile) -> dict[str, str]:
    return TOTALS[Syntax.CII if profile.syntax is Syntax.CII else Syntax.UBL]


def _amounts(root: _Element, profile: Profile, path: str) -> Iterator[Decimal]:
    prefixes = ("rsm", "ram") if profile.syntax is Syntax.CII else ("cac", "cbc")
    found = root.xpath(path, namespaces={prefix: NAMESPACES[prefix] for prefix in prefixes})
    assert isinstance(found, list)
    for element in found:
        assert isinstance(element, _Element)
        yield Decimal(str(element.text))


def _expected(invoice: Invoice) -> dict[str, list[Decimal]]:
    totals = invoice.totals
    return {
        "BT-109": [totals.net.euros],
        "BT-110": [totals.vat.euros],
        "BT-112": [totals.gross.euros],
        "BT-114": [totals.rounding.euros] if totals.rounding else [],
        "BT-115": [totals.payable.euros],
        "BT-131": [line.net.euros for line in invoice.lines],
    }
