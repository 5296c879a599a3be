"""Every amount of a document is held to the cent, beyond what the official rules look at."""

from collections.abc import Iterator
from copy import deepcopy
from decimal import Decimal
from pathlib import Path

import pytest
from lxml import etree
from lxml.etree import _Element

from tests.support.validation_service import service
from worker.billing.standard import AGREED_PRICES, NAMESPACES
from worker.errors import Severity, has_blocking
from worker.validation.files.amounts import wrong_amounts
from worker.validation.files.profiles import read_claim
from worker.validation.files.verdict import FileVerdict, Verdict, is_tolerant, validate_file
from worker.validation.first_findings import MAX_FINDINGS

GOLDEN = Path(__file__).parents[2] / "golden" / "files"
NAMES = sorted(path.name for path in GOLDEN.iterdir())
PATHS = [name for name in NAMES if name.startswith("two-lines.")]
PRICES = {"PriceAmount", "ChargeAmount"}
CBC = "{urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2}"
CAC = "{urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2}"
RAM = f"{{{NAMESPACES['ram']}}}"
PRICE_TAGS = (f"{CBC}PriceAmount", f"{RAM}ChargeAmount")
PROPERTIES = {
    f"{CAC}AdditionalItemProperty": (f"{CBC}Name", f"{CBC}Value"),
    f"{RAM}ApplicableProductCharacteristic": (f"{RAM}Description", f"{RAM}Value"),
}


def agreed_prices(tree: etree._ElementTree) -> Iterator[tuple[_Element, _Element]]:
    """Name and value of each agreed price of a document of ours (BT-160, BT-161)."""
    for tag, (name, value) in PROPERTIES.items():
        for found in tree.iter(tag):
            named, valued = found.find(name), found.find(value)
            assert named is not None
            assert valued is not None
            if AGREED_PRICES.fullmatch(named.text or ""):
                yield named, valued


def amounts(name: str) -> Iterator[tuple[int, str]]:
    """Rank and name of each monetary element of a golden file."""
    for rank, element in enumerate(etree.parse(GOLDEN / name).iter()):
        if etree.QName(element).localname.endswith("Amount"):
            yield rank, str(etree.QName(element).localname)


def altered(name: str, rank: int, by: Decimal, folder: Path) -> FileVerdict:
    """The verdict on a golden file with one amount changed."""
    tree = etree.parse(GOLDEN / name)
    element = list(tree.iter())[rank]
    element.text = str(Decimal(element.text or "") + by)
    file = folder / name
    file.write_bytes(etree.tostring(tree))
    return validate_file(file, service())


@pytest.mark.parametrize("name", NAMES)
def test_a_document_altered_in_any_one_amount_is_refused(name: str) -> None:
    """In every dialect a cent, or a millionth of a price, blocks: no tolerance is for us."""
    tree = etree.parse(GOLDEN / name)
    tolerant = is_tolerant(read_claim(tree))
    elements = [node for node in tree.iter() if etree.QName(node).localname.endswith("Amount")]
    assert len(elements) >= 7
    for rank, element in enumerate(elements):
        written = element.text
        is_price = etree.QName(element).localname in PRICES
        least = Decimal("0.000001") if is_price else Decimal("0.01")
        element.text = str(Decimal(written or "") + (least if rank % 2 else -least))
        assert has_blocking(wrong_amounts(tree, tolerant=tolerant)), element.tag
        element.text = written


@pytest.mark.parametrize("name", PATHS)
def test_an_altered_amount_makes_the_verdict_invalid(name: str, tmp_path: Path) -> None:
    """``validate`` answers so, in each dialect: the amount due is a cent off, or a line is."""
    for rank, element in amounts(name):
        if element in {"PayableAmount", "DuePayableAmount", "LineExtensionAmount"}:
            by = Decimal("0.01")
            assert altered(name, rank, by, tmp_path).verdict is Verdict.INVALID, element


@pytest.mark.parametrize("name", NAMES)
def test_the_least_change_of_a_price_is_seen(name: str) -> None:
    """In every document, first lines and last: the last decimal of a net or agreed price counts."""
    tree = etree.parse(GOLDEN / name)
    prices = [
        *((found, Decimal("0.000001")) for tag in PRICE_TAGS for found in tree.iter(tag)),
        *((found, Decimal("0.01")) for _, found in agreed_prices(tree)),
    ]
    lines = len({*tree.iter(f"{CAC}Price"), *tree.iter(f"{RAM}NetPriceProductTradePrice")})
    assert len(prices) == 2 * lines
    few = prices if lines < 20 else (*prices[:2], *prices[-2:])
    for price, least in few:
        written = price.text
        for by in (least, -least):
            price.text = str(Decimal(written or "") + by)
            found = [finding.code for finding in wrong_amounts(tree, tolerant=False)]
            assert "AMOUNT-AGREED" in found, price.text
        price.text = written


def test_an_agreed_price_that_is_no_number_is_seen() -> None:
    """What cannot be compared is not taken for right."""
    tree = etree.parse(GOLDEN / "two-lines.cii.xml")
    _, agreed = next(agreed_prices(tree))
    agreed.text = "10,80"

    assert codes(tree) == ["AMOUNT-AGREED"]


@pytest.mark.parametrize("units", ["pour 6", "pour 13", "pour 0", "pour", "par 12"])
@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("catalogue.")])
def test_an_agreed_price_of_other_units_is_seen(name: str, units: str) -> None:
    """A price « pour 12 mois » is not one for 6: how many units it is of counts like its amount."""
    tree = etree.parse(GOLDEN / name)
    of_year = [named for named, _ in agreed_prices(tree) if "pour 12 " in (named.text or "")]
    assert len(of_year) == 2
    for named in of_year:
        named.text = (named.text or "").replace("pour 12", units)

    assert codes(tree) == ["AMOUNT-AGREED"] * 2


@pytest.mark.parametrize("name", NAMES)
def test_golden_documents_are_exact(name: str) -> None:
    """Every sum of every golden document holds, and every line comes from its price."""
    assert list(wrong_amounts(etree.parse(GOLDEN / name), tolerant=False)) == []


def a_line() -> tuple[etree._ElementTree, _Element]:
    """A golden UBL invoice, and its first line: 144 × 108 ÷ 12 = 1296, as others write it."""
    tree = without_agreed_prices("two-lines")
    line = tree.getroot().find(f"{CAC}InvoiceLine")
    assert line is not None
    return tree, line


def without_agreed_prices(name: str) -> etree._ElementTree:
    """A golden UBL document as others write it, without the price we agreed on."""
    tree = etree.parse(GOLDEN / f"{name}.ubl.xml")
    for found in list(tree.iter(f"{CAC}AdditionalItemProperty")):
        parent = found.getparent()
        assert parent is not None
        parent.remove(found)
    return tree


def codes(tree: etree._ElementTree) -> list[str]:
    """What is wrong."""
    return [finding.code for finding in wrong_amounts(tree, tolerant=False)]


def test_an_allowance_of_the_line_explains_its_amount() -> None:
    """A price that gives 10 € too much is right when an allowance takes them away."""
    tree, line = a_line()
    price = line.find(f"{CAC}Price/{CBC}PriceAmount")
    assert price is not None
    price.text = "108.833333"
    assert codes(tree) == ["AMOUNT-PRICE"]
    change = etree.SubElement(line, f"{CAC}AllowanceCharge")
    etree.SubElement(change, f"{CBC}ChargeIndicator").text = "false"
    etree.SubElement(change, f"{CBC}Amount").text = "10.00"
    assert codes(tree) == []
    change[0].text = "true"

    assert codes(tree) == ["AMOUNT-PRICE"]


@pytest.mark.parametrize(
    "name, wrong",
    [("rounding", "35"), ("two-rates", "130"), ("two-rates", "129.7")],
)
def test_a_price_with_fewer_decimals_is_seen(name: str, wrong: str) -> None:
    """Dropping decimals is an alteration like another: it widens no tolerance."""
    tree = without_agreed_prices(name)
    price = next(
        found
        for found in tree.iter(f"{CBC}PriceAmount")
        if abs(Decimal(found.text or "") - Decimal(wrong)) < 1
    )
    assert codes(tree) == []
    price.text = wrong

    assert codes(tree) == ["AMOUNT-PRICE"]


def test_a_rounded_price_is_no_fault() -> None:
    """300 units at 2.9167 make 875.01, and a net of 875.00 is right: the price was rounded."""
    tree, line = a_line()
    for path, text in (
        (f"{CBC}InvoicedQuantity", "300"),
        (f"{CAC}Price/{CBC}PriceAmount", "4.3200"),
        (f"{CAC}Price/{CBC}BaseQuantity", "1"),
    ):
        element = line.find(path)
        assert element is not None
        element.text = text
    assert codes(tree) == []
    price = line.find(f"{CAC}Price/{CBC}PriceAmount")
    assert price is not None
    price.text = "4.3203"

    assert codes(tree) == ["AMOUNT-PRICE"]


@pytest.mark.parametrize(
    "text, unit", [("0", "MON"), ("-12", "MON"), ("12", "DZN")], ids=["zero", "negative", "unit"]
)
def test_a_base_that_explains_no_price_is_refused(text: str, unit: str) -> None:
    """A base of zero or less, or of another unit than the quantity's, hides a wrong price."""
    tree, line = a_line()
    base = line.find(f"{CAC}Price/{CBC}BaseQuantity")
    assert base is not None
    base.text = text
    base.set("unitCode", unit)

    assert codes(tree) == ["AMOUNT-PRICE"]


@pytest.mark.parametrize("number", ["9" * 25, "9" * 5000, f"0.{'0' * 30}1"])
def test_a_number_too_long_to_be_an_amount_is_refused(number: str) -> None:
    """What no amount needs is not computed with: it could only exhaust or mislead."""
    tree, line = a_line()
    for path in (f"{CBC}InvoicedQuantity", f"{CAC}Price/{CBC}PriceAmount"):
        element = line.find(path)
        assert element is not None
        element.text = number

    assert "AMOUNT-LENGTH" in codes(tree)


def test_the_longest_numbers_are_computed_with() -> None:
    """Twenty-four nines times twenty-four nines is a wrong amount, not a crash."""
    tree, line = a_line()
    for path in (f"{CBC}InvoicedQuantity", f"{CAC}Price/{CBC}PriceAmount"):
        element = line.find(path)
        assert element is not None
        element.text = "9" * 24

    assert codes(tree) == ["AMOUNT-PRICE"]


def test_a_tolerant_profile_only_warns_others_of_sums() -> None:
    """What EXTENDED-CTC-FR allows is said, and does not refuse the document of somebody else."""
    tree = without_agreed_prices("two-lines.ctc-fr")
    total = tree.getroot().find(f"{CAC}LegalMonetaryTotal/{CBC}LineExtensionAmount")
    assert total is not None
    total.text = "2664.01"
    found = wrong_amounts(tree, tolerant=True)

    assert {finding.severity for finding in found} == {Severity.WARNING}
    assert {finding.code for finding in found} == {"AMOUNT-LINES", "AMOUNT-NET"}


def test_the_vat_of_others_has_the_tolerance_of_the_standard() -> None:
    """A VAT 99 cents off its base × rate is taken from others, never from us."""
    for tree, refused in ((without_agreed_prices("two-lines"), []), (ours(), ["AMOUNT-VAT-RATE"])):
        for tag, text in (
            (f"{CBC}TaxAmount", "533.79"),
            (f"{CBC}TaxInclusiveAmount", "3197.79"),
            (f"{CBC}PayableAmount", "3197.79"),
        ):
            for element in tree.iter(tag):
                element.text = text
        assert codes(tree) == refused


def ours() -> etree._ElementTree:
    """A golden UBL invoice, as it is."""
    return etree.parse(GOLDEN / "two-lines.ubl.xml")


@pytest.mark.parametrize("name", PATHS)
def test_a_currency_changed_in_any_one_place_is_refused(name: str) -> None:
    """Every amount is in the currency of the invoice (BT-5)."""
    tree = etree.parse(GOLDEN / name)
    stated = [node for node in tree.iter() if "currencyID" in node.attrib]
    assert stated
    for element in stated:
        element.set("currencyID", "USD")
        assert "AMOUNT-CURRENCY" in codes(tree), element.tag
        element.set("currencyID", "EUR")

    assert codes(tree) == []


def test_a_total_of_vat_in_the_accounting_currency_has_its_own() -> None:
    """BT-111 is in BT-6, adds up to nothing, and is the only amount that may be."""
    tree = ours()
    root = tree.getroot()
    currency = root.find(f"{CBC}DocumentCurrencyCode")
    total = root.find(f"{CAC}TaxTotal")
    assert currency is not None
    assert total is not None
    code = etree.Element(f"{CBC}TaxCurrencyCode")
    code.text = "CHF"
    currency.addnext(code)
    other = etree.Element(f"{CAC}TaxTotal")
    etree.SubElement(other, f"{CBC}TaxAmount", currencyID="CHF").text = "500.00"
    total.addnext(other)
    assert codes(tree) == []
    payable = root.find(f"{CAC}LegalMonetaryTotal/{CBC}PayableAmount")
    assert payable is not None
    payable.set("currencyID", "CHF")

    assert codes(tree) == ["AMOUNT-CURRENCY"]


def with_logistics(amount: str) -> etree._ElementTree:
    """A golden Factur-X EXTENDED with a charge for logistics, counted in no sum (BG-X-42)."""
    tree = etree.parse(GOLDEN / "two-lines.ctc-fr.cii.xml")
    summation = next(tree.iter(f"{RAM}SpecifiedTradeSettlementHeaderMonetarySummation"))
    charge = etree.Element(f"{RAM}SpecifiedLogisticsServiceCharge")
    etree.SubElement(charge, f"{RAM}Description").text = "Port"
    etree.SubElement(charge, f"{RAM}AppliedAmount").text = amount
    tax = etree.SubElement(charge, f"{RAM}AppliedTradeTax")
    etree.SubElement(tax, f"{RAM}TypeCode").text = "VAT"
    etree.SubElement(tax, f"{RAM}CategoryCode").text = "S"
    etree.SubElement(tax, f"{RAM}RateApplicablePercent").text = "20"
    summation.addprevious(charge)
    return tree


def test_a_charge_for_logistics_hides_nothing() -> None:
    """Beside one of nothing, every sum and price is looked at as ever."""
    tree = with_logistics("0.00")
    assert codes(tree) == []
    price = next(tree.iter(f"{RAM}ChargeAmount"))
    price.text = "999"

    assert codes(tree) == ["AMOUNT-PRICE", "AMOUNT-AGREED"]


def test_a_charge_for_logistics_counts_like_another() -> None:
    """It is in the total of charges and in the base of its rate."""
    assert codes(with_logistics("5.00")) == ["AMOUNT-CHARGES", "AMOUNT-BASE"]


def test_the_findings_on_amounts_are_bounded() -> None:
    """A thousand wrong lines give twenty findings and how many more; none of the rest is placed."""
    tree, line = a_line()
    price = line.find(f"{CAC}Price/{CBC}PriceAmount")
    assert price is not None
    price.text = "999"
    for _ in range(999):
        line.addnext(deepcopy(line))
    found = wrong_amounts(tree, tolerant=False)

    assert len(found) == MAX_FINDINGS + 1
    assert found[-1].code == "RULES-MORE"
    assert found[-1].message.startswith("98")
    assert all("ligne" in finding.where for finding in found[:-1])
