"""The two XML syntaxes say what the invoice says, in the order and with the codes imposed."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from lxml.etree import _Element

from tests.golden.official import faults
from tests.golden.samples import (
    ATTACHMENTS,
    EXEMPT,
    MEMBER,
    REDUCED,
    SELLER,
    STANDARD,
    exempt,
    invoice_of,
    line,
    no_references,
    out_of_scope,
    two_lines,
)
from worker.billing.document import DocumentKind, Unprintable
from worker.billing.invoice import Invoice
from worker.billing.money import Money
from worker.billing.standard import NAMESPACES
from worker.formats import EN16931_UBL, FACTURX_DIRECT, Profile, invoice_xml

PROFILES = pytest.mark.parametrize(
    "profile", [FACTURX_DIRECT, EN16931_UBL], ids=lambda profile: str(profile.name)
)
HEADER_CII = "ram:SpecifiedTradeSettlementHeaderMonetarySummation/ram:"
LINE_CII = "ram:IncludedSupplyChainTradeLineItem"
PATHS = {
    DocumentKind.CII: {
        "BT-1": "rsm:ExchangedDocument/ram:ID",
        "BT-2": "rsm:ExchangedDocument/ram:IssueDateTime/udt:DateTimeString",
        "BT-9": ".//ram:DueDateDateTime/udt:DateTimeString",
        "BT-10": ".//ram:BuyerReference",
        "BT-12": ".//ram:ContractReferencedDocument/ram:IssuerAssignedID",
        "BT-13": ".//ram:BuyerOrderReferencedDocument/ram:IssuerAssignedID",
        "BT-22": ".//ram:IncludedNote/ram:Content",
        "BT-23": ".//ram:BusinessProcessSpecifiedDocumentContextParameter/ram:ID",
        "BT-24": ".//ram:GuidelineSpecifiedDocumentContextParameter/ram:ID",
        "BT-29": ".//ram:SellerTradeParty/ram:GlobalID[@schemeID='0009']",
        "BT-30": ".//ram:SellerTradeParty/ram:SpecifiedLegalOrganization/ram:ID[@schemeID='0002']",
        "BT-31": ".//ram:SellerTradeParty/ram:SpecifiedTaxRegistration/ram:ID[@schemeID='VA']",
        "BT-32": ".//ram:SellerTradeParty/ram:SpecifiedTaxRegistration/ram:ID[@schemeID='FC']",
        "BT-36": ".//ram:SellerTradeParty/ram:PostalTradeAddress/ram:LineTwo",
        "BT-46": ".//ram:BuyerTradeParty/ram:GlobalID[@schemeID='0009']",
        "BT-47": ".//ram:BuyerTradeParty/ram:SpecifiedLegalOrganization/ram:ID[@schemeID='0002']",
        "BT-48": ".//ram:BuyerTradeParty/ram:SpecifiedTaxRegistration/ram:ID",
        "BT-72": ".//ram:ActualDeliverySupplyChainEvent//udt:DateTimeString",
        "BT-81": ".//ram:SpecifiedTradeSettlementPaymentMeans/ram:TypeCode",
        "BT-84": ".//ram:IBANID",
        "BT-86": ".//ram:BICID",
        "BT-106": f".//{HEADER_CII}LineTotalAmount",
        "BT-109": f".//{HEADER_CII}TaxBasisTotalAmount",
        "BT-110": f".//{HEADER_CII}TaxTotalAmount[@currencyID='EUR']",
        "BT-112": f".//{HEADER_CII}GrandTotalAmount",
        "BT-115": f".//{HEADER_CII}DuePayableAmount",
        "BT-116": ".//ram:ApplicableTradeTax/ram:BasisAmount",
        "BT-117": ".//ram:ApplicableTradeTax/ram:CalculatedAmount",
        "BT-119": ".//ram:ApplicableHeaderTradeSettlement//ram:RateApplicablePercent",
        "BT-120": ".//ram:ExemptionReason",
        "BT-121": ".//ram:ExemptionReasonCode",
        "BT-129": f".//{LINE_CII}//ram:BilledQuantity[@unitCode='MON']",
        "BT-131": f".//{LINE_CII}//ram:LineTotalAmount",
        "BT-146": f".//{LINE_CII}//ram:ChargeAmount",
        "BT-149": f".//{LINE_CII}//ram:BasisQuantity[@unitCode='MON']",
        "BT-152": f".//{LINE_CII}//ram:RateApplicablePercent",
        "BT-153": f".//{LINE_CII}//ram:Name",
        "BT-154": f".//{LINE_CII}//ram:Description",
    },
    DocumentKind.UBL: {
        "BT-1": "cbc:ID",
        "BT-2": "cbc:IssueDate",
        "BT-9": "cbc:DueDate",
        "BT-10": "cbc:BuyerReference",
        "BT-12": "cac:ContractDocumentReference/cbc:ID",
        "BT-13": "cac:OrderReference/cbc:ID",
        "BT-22": "cbc:Note",
        "BT-23": "cbc:ProfileID",
        "BT-24": "cbc:CustomizationID",
        "BT-29": "cac:AccountingSupplierParty//cac:PartyIdentification/cbc:ID[@schemeID='0009']",
        "BT-30": "cac:AccountingSupplierParty//cac:PartyLegalEntity/cbc:CompanyID",
        "BT-31": "cac:AccountingSupplierParty//cac:PartyTaxScheme[cac:TaxScheme/cbc:ID='VAT']"
        "/cbc:CompanyID",
        "BT-32": "cac:AccountingSupplierParty//cac:PartyTaxScheme[cac:TaxScheme/cbc:ID!='VAT']"
        "/cbc:CompanyID",
        "BT-36": "cac:AccountingSupplierParty//cbc:AdditionalStreetName",
        "BT-46": "cac:AccountingCustomerParty//cac:PartyIdentification/cbc:ID[@schemeID='0009']",
        "BT-47": "cac:AccountingCustomerParty//cac:PartyLegalEntity/cbc:CompanyID",
        "BT-48": "cac:AccountingCustomerParty//cac:PartyTaxScheme/cbc:CompanyID",
        "BT-72": "cac:Delivery/cbc:ActualDeliveryDate",
        "BT-81": "cac:PaymentMeans/cbc:PaymentMeansCode",
        "BT-84": ".//cac:PayeeFinancialAccount/cbc:ID",
        "BT-86": ".//cac:FinancialInstitutionBranch/cbc:ID",
        "BT-106": "cac:LegalMonetaryTotal/cbc:LineExtensionAmount",
        "BT-109": "cac:LegalMonetaryTotal/cbc:TaxExclusiveAmount",
        "BT-110": "cac:TaxTotal/cbc:TaxAmount[@currencyID='EUR']",
        "BT-112": "cac:LegalMonetaryTotal/cbc:TaxInclusiveAmount",
        "BT-115": "cac:LegalMonetaryTotal/cbc:PayableAmount",
        "BT-116": ".//cac:TaxSubtotal/cbc:TaxableAmount",
        "BT-117": ".//cac:TaxSubtotal/cbc:TaxAmount",
        "BT-119": ".//cac:TaxSubtotal//cbc:Percent",
        "BT-120": ".//cbc:TaxExemptionReason",
        "BT-121": ".//cbc:TaxExemptionReasonCode",
        "BT-129": "cac:InvoiceLine/cbc:InvoicedQuantity[@unitCode='MON']",
        "BT-131": "cac:InvoiceLine/cbc:LineExtensionAmount",
        "BT-146": "cac:InvoiceLine/cac:Price/cbc:PriceAmount",
        "BT-149": "cac:InvoiceLine/cac:Price/cbc:BaseQuantity[@unitCode='MON']",
        "BT-152": "cac:InvoiceLine//cac:ClassifiedTaxCategory/cbc:Percent",
        "BT-153": "cac:InvoiceLine/cac:Item/cbc:Name",
        "BT-154": "cac:InvoiceLine/cac:Item/cbc:Description",
    },
}


class Reading:
    """An XML invoice read back by business term."""

    def __init__(self, invoice: Invoice, profile: Profile) -> None:
        self.xml = invoice_xml(invoice, profile, ATTACHMENTS)
        self.root = etree.fromstring(self.xml)
        self.paths = PATHS[profile.kind]

    def __getitem__(self, term: str) -> list[str]:
        found = self.root.xpath(self.paths[term], namespaces=NAMESPACES)
        assert isinstance(found, list)
        return [str(element.text) for element in found if isinstance(element, _Element)]


prices = st.integers(min_value=1, max_value=99_999).map(Money)
monthly_users = st.lists(st.integers(min_value=0, max_value=500), min_size=1, max_size=12).filter(
    any
)
rated_lines = st.builds(
    lambda price, users, vat: line(parts=(("prix", price),), users=users, vat=vat),
    prices,
    monthly_users,
    st.sampled_from([STANDARD, REDUCED, EXEMPT]),
)


@PROFILES
@settings(max_examples=25, deadline=None)
@given(rated=st.lists(rated_lines, min_size=1, max_size=6))
def test_amounts_read_back_are_those_of_the_invoice(profile: Profile, rated: list[object]) -> None:
    """Totals, breakdown and lines read in the XML are the invoice's, and add up as BG-22 wants."""
    invoice, statement = invoice_of(*rated)  # type: ignore[arg-type]  # the strategy makes RatedLine
    read = Reading(invoice, profile)
    assert faults(read.xml, profile, credit_note=False) == []
    net, vat, gross = (Decimal(read[term][0]) for term in ("BT-109", "BT-110", "BT-112"))

    assert gross == statement.total.euros == Decimal(read["BT-115"][0])
    assert net + vat == gross
    assert sum(map(Decimal, read["BT-131"])) == net == Decimal(read["BT-106"][0])
    assert sum(map(Decimal, read["BT-117"])) == vat
    assert sum(map(Decimal, read["BT-116"])) == net
    assert read["BT-129"] == [str(item.quantity) for item in invoice.lines]
    assert [Decimal(price) for price in read["BT-146"]] == [item.price for item in invoice.lines]
    assert "E" not in "".join(read["BT-146"])


@PROFILES
def test_header_holds_what_chorus_pro_routes_by(profile: Profile) -> None:
    """References, framework, identifiers, dates, payment stand where direct deposit reads them."""
    read = Reading(two_lines()[0], profile)
    expected = {
        "BT-1": "F2025-00001",
        "BT-10": "SERV-NUM",
        "BT-12": "CONV-2023-014",
        "BT-13": "EJ-2025-00417",
        "BT-23": "A1",
        "BT-24": "urn:cen.eu:en16931:2017",
        "BT-29": SELLER.siret,
        "BT-30": SELLER.siret,
        "BT-31": SELLER.vat_number,
        "BT-46": MEMBER.siret,
        "BT-47": MEMBER.siret,
        "BT-81": "30",
        "BT-84": "FR7630001007941234567890185",
        "BT-119": "20",
    }
    assert {term: read[term] for term in expected} == {
        term: [value] for term, value in expected.items()
    }
    dates = [read[term][0].replace("-", "") for term in ("BT-2", "BT-9", "BT-72")]

    assert dates == ["20260115", "20260214", "20251231"]
    assert "E2025-00001" in read["BT-22"][0]
    assert read["BT-149"] == ["12", "12"]
    assert "10,80" in read["BT-154"][0]


@PROFILES
def test_what_is_empty_is_not_written(profile: Profile) -> None:
    """A missing reference, VAT number, second line or BIC leaves no element, even empty."""
    read = Reading(no_references()[0], profile)
    assert [read[term] for term in ("BT-10", "BT-13", "BT-36", "BT-48", "BT-86")] == [[]] * 5
    empty = [node.tag for node in read.root.iter() if not len(node) and not node.text]

    assert empty == []


@PROFILES
def test_absent_contract_and_terms_are_not_written(profile: Profile) -> None:
    """Neither an empty contract nor empty payment terms leave an empty block behind."""
    invoice = replace(two_lines()[0], contract="", payment_terms="")
    read = Reading(invoice, profile)

    assert read["BT-12"] == []
    assert [node.tag for node in read.root.iter() if not len(node) and not node.text] == []


@PROFILES
def test_out_of_scope_prints_no_vat_number_and_no_rate(profile: Profile) -> None:
    """Category O: no VAT number of either party (BR-O-02), no rate (BR-O-05), but a reason."""
    invoice, _ = out_of_scope()
    told = replace(invoice.seller, vat_number="FR47299999995")
    read = Reading(replace(invoice, seller=told), profile)

    assert [read[term] for term in ("BT-31", "BT-32", "BT-48", "BT-119", "BT-152")] == [[]] * 5
    assert read["BT-120"] == ["TVA non applicable, art. 256 B du CGI"]
    assert read["BT-121"] == ["VATEX-EU-O"]


@PROFILES
def test_exempt_seller_without_vat_number_shows_its_siren(profile: Profile) -> None:
    """Category E: rate 0, the reason, and the SIREN as tax identifier for want of a VAT number."""
    read = Reading(exempt()[0], profile)

    assert read["BT-31"] == []
    assert read["BT-32"] == [SELLER.siret[:9]]
    assert read["BT-152"] == ["0", "0"]
    assert read["BT-121"] == ["VATEX-FR-FRANCHISE"]


@PROFILES
def test_exempt_seller_with_a_vat_number_shows_it(profile: Profile) -> None:
    """Category E: the VAT number, when there is one, is enough (BR-E-02)."""
    read = Reading(invoice_of(line(vat=EXEMPT))[0], profile)

    assert read["BT-31"] == [SELLER.vat_number]
    assert read["BT-32"] == []


@PROFILES
@pytest.mark.parametrize("sign", ["\x00", "\x07", "\x1b", "\ud800", "\uffff"])
def test_forbidden_characters_are_refused_by_name(sign: str, profile: Profile) -> None:
    """A character XML cannot hold stops the document and names the field."""
    invoice, _ = invoice_of(line(), member=replace(MEMBER, name=f"Mairie{sign}"))
    with pytest.raises(
        Unprintable, match=r"(ram:Name|cbc:RegistrationName) cannot hold"
    ) as refused:
        invoice_xml(invoice, profile, ATTACHMENTS)

    assert refused.value.character == sign


@PROFILES
def test_names_are_read_back_as_they_were(profile: Profile) -> None:
    """Markup signs, quotes and accents in names are escaped, not lost."""
    name = 'L\'Œil & <b>"Été"</b> ]]> &amp; €'
    invoice, _ = invoice_of(line(name))

    assert Reading(invoice, profile)["BT-153"] == [f"{name} (catégorie 1)"]


@PROFILES
def test_writing_twice_gives_the_same_bytes(profile: Profile) -> None:
    """The XML depends on the invoice alone, and declares itself UTF-8."""
    first, second = (invoice_xml(two_lines()[0], profile, ATTACHMENTS) for _ in range(2))

    assert first == second
    assert first.startswith(b"<?xml version='1.0' encoding='UTF-8'?>")
