"""Reads the invoice of a flux: Factur-X, CII or UBL. Files are taken for hostile."""

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from lxml import etree

from worker.sandbox import schemas
from worker.sandbox.records import TechnicalError

EMBEDDED_NAME = "factur-x.xml"
LARGEST_XML = 30 * 1024 * 1024
"""Most bytes of XML read, as deposited or once taken out of a PDF."""

_LONGEST_TEXT = 300


class Inadmissible(Exception):
    """The file cannot be read as its syntax wants.

    Attributes:
        errors: the lines of ``listeErreurTechnique``.
    """

    def __init__(self, *errors: TechnicalError) -> None:
        super().__init__(*(error.text for error in errors))
        self.errors = errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Where one XML syntax keeps what the controls look at.

    Attributes:
        schema: its XSD, a name of `schemas`.
        namespaces: prefixes of the paths.
        paths: XPath of each field of `Read`, from the root.
        tags: the same places as the portal names them in its messages (§4.3).
    """

    schema: str
    namespaces: Mapping[str, str]
    paths: Mapping[str, str]
    tags: Mapping[str, str]


_AGREEMENT = "rsm:SupplyChainTradeTransaction/ram:ApplicableHeaderTradeAgreement"
_SETTLEMENT = "rsm:SupplyChainTradeTransaction/ram:ApplicableHeaderTradeSettlement"
_MEANS = f"{_SETTLEMENT}/ram:SpecifiedTradeSettlementPaymentMeans"
_ACCOUNT = f"{_MEANS}/ram:PayeePartyCreditorFinancialAccount"
_SUMMATION = f"{_SETTLEMENT}/ram:SpecifiedTradeSettlementHeaderMonetarySummation"
_CII_PATHS = {
    "number": "rsm:ExchangedDocument/ram:ID",
    "issued_on": "rsm:ExchangedDocument/ram:IssueDateTime/udt:DateTimeString",
    "type_code": "rsm:ExchangedDocument/ram:TypeCode",
    "framework": "rsm:ExchangedDocumentContext"
    "/ram:BusinessProcessSpecifiedDocumentContextParameter/ram:ID",
    "seller": f"{_AGREEMENT}/ram:SellerTradeParty/ram:SpecifiedLegalOrganization/ram:ID",
    "buyer": f"{_AGREEMENT}/ram:BuyerTradeParty/ram:SpecifiedLegalOrganization/ram:ID",
    "service": f"{_AGREEMENT}/ram:BuyerReference",
    "engagement": f"{_AGREEMENT}/ram:BuyerOrderReferencedDocument/ram:IssuerAssignedID",
    "contract": f"{_AGREEMENT}/ram:ContractReferencedDocument/ram:IssuerAssignedID",
    "preceding": f"{_SETTLEMENT}/ram:InvoiceReferencedDocument/ram:IssuerAssignedID",
    "currency": f"{_SETTLEMENT}/ram:InvoiceCurrencyCode",
    "means": f"{_MEANS}/ram:TypeCode",
    "accounts": f"{_ACCOUNT}/ram:IBANID | {_ACCOUNT}/ram:ProprietaryID",
    "net": f"{_SUMMATION}/ram:TaxBasisTotalAmount",
    "gross": f"{_SUMMATION}/ram:GrandTotalAmount",
    "due": f"{_SUMMATION}/ram:DuePayableAmount",
}
_CII_NAMESPACES = {
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
}


def _ubl_party(party: str) -> str:
    """The SIRET of a party: where the historic dialect puts it, else BT-30 or BT-47."""
    historic = f"{party}/cac:Party/cac:PartyIdentification/cbc:ID[@schemeName='1']"
    return f"{historic} | {party}/cac:Party/cac:PartyLegalEntity/cbc:CompanyID"


_UBL_PATHS = {
    "number": "cbc:ID",
    "issued_on": "cbc:IssueDate",
    "type_code": "cbc:InvoiceTypeCode",
    "framework": "cbc:ProfileID",
    "seller": _ubl_party("cac:AccountingSupplierParty"),
    "buyer": _ubl_party("cac:AccountingCustomerParty"),
    "service": "cbc:BuyerReference",
    "engagement": "cac:OrderReference/cbc:ID",
    "contract": "cac:ContractDocumentReference/cbc:ID",
    "preceding": "cac:BillingReference/cac:InvoiceDocumentReference/cbc:ID",
    "currency": "cbc:DocumentCurrencyCode",
    "means": "cac:PaymentMeans/cbc:PaymentMeansCode",
    "accounts": "cac:PaymentMeans/cac:PayeeFinancialAccount/cbc:ID",
    "net": "cac:LegalMonetaryTotal/cbc:TaxExclusiveAmount",
    "gross": "cac:LegalMonetaryTotal/cbc:TaxInclusiveAmount",
    "due": "cac:LegalMonetaryTotal/cbc:PayableAmount",
}
_UBL_NAMESPACES = {
    "cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
    "cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
}


def _tags(paths: Mapping[str, str], start: str) -> dict[str, str]:
    return {
        field: start + re.sub(r"\w+:|\[.*?\]| \|.*", "", path).replace("/", ".") + ".value"
        for field, path in paths.items()
    }


CII_DIALECT = Dialect(
    schema=schemas.CII,
    namespaces=_CII_NAMESPACES,
    paths=_CII_PATHS,
    tags=_tags(_CII_PATHS, "FichierXml."),
)
FACTUR_X_DIALECT = Dialect(
    schema=schemas.FACTUR_X,
    namespaces=_CII_NAMESPACES,
    paths=_CII_PATHS,
    tags=CII_DIALECT.tags,
)
UBL_DIALECT = Dialect(
    schema=schemas.UBL_INVOICE,
    namespaces=_UBL_NAMESPACES,
    paths=_UBL_PATHS,
    tags=_tags(_UBL_PATHS, ""),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What an invoice says, as text, before any control. Empty text when a field is absent.

    Attributes:
        tags: see `Dialect.tags`.
        number: BT-1.
        issued_on: BT-2, none when absent or no date.
        type_code: BT-3.
        framework: BT-23.
        seller: BT-30.
        buyer: BT-47.
        service: BT-10.
        engagement: BT-13.
        contract: BT-12.
        preceding: BT-25.
        currency: BT-5.
        means: BT-81, every one.
        accounts: BT-84, every account number, IBAN or not.
        net: BT-109.
        gross: BT-112.
        due: BT-115.
    """

    tags: Mapping[str, str]
    number: str
    issued_on: date | None
    type_code: str
    framework: str
    seller: str
    buyer: str
    service: str
    engagement: str
    contract: str
    preceding: str
    currency: str
    means: tuple[str, ...]
    accounts: tuple[str, ...]
    net: str
    gross: str
    due: str


def read(syntax: str, content: bytes) -> Read:
    """The invoice of a flux of the given ``syntaxeFlux``, valid for its XSD.

    Raises:
        Inadmissible: no such file, or not valid.
    """
    match syntax:
        case "IN_DP_E2_CII_FACTURX":
            return _read_xml(_embedded_xml(content), FACTUR_X_DIALECT)
        case "IN_DP_E1_CII_16B":
            return _read_xml(content, CII_DIALECT)
        case "IN_DP_E1_UBL_INVOICE":
            return _read_xml(content, UBL_DIALECT)
        case _:
            raise _unreadable(f"la syntaxe {syntax} n'est pas simulee")


def _read_xml(content: bytes, dialect: Dialect) -> Read:
    if len(content) > LARGEST_XML:
        raise _unreadable("fichier XML trop volumineux")
    # No entity is expanded, no DTD or network address is read; libxml2 bounds depth and text.
    parser = etree.XMLParser(
        resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False
    )
    try:
        tree = etree.ElementTree(etree.fromstring(content, parser))
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise Inadmissible(_xsd_error(error.msg or "XML mal forme", line, column)) from error
    except ValueError as error:
        raise Inadmissible(_xsd_error(str(error), 1, 1)) from error
    if tree.docinfo.doctype:  # type: ignore[attr-defined] # the stubs forget it
        raise _unreadable("declaration DOCTYPE refusee")
    errors = tuple(_xsd_error(*found) for found in schemas.violations(tree, dialect.schema))
    if errors:
        raise Inadmissible(*errors)
    return _fields(tree.getroot(), dialect)


def _fields(root: etree._Element, dialect: Dialect) -> Read:
    def texts(field: str) -> tuple[str, ...]:
        found = root.xpath(dialect.paths[field], namespaces=dict(dialect.namespaces))
        elements = found if isinstance(found, list) else []
        return tuple(
            (element.text or "").strip()
            for element in elements
            if isinstance(element, etree._Element)  # noqa: SLF001 - lxml gives it no other name
        )

    def text(field: str) -> str:
        return next(iter(texts(field)), "")

    return Read(
        tags=dialect.tags,
        number=text("number"),
        issued_on=_read_day(text("issued_on")),
        type_code=text("type_code"),
        framework=text("framework"),
        seller=text("seller"),
        buyer=text("buyer"),
        service=text("service"),
        engagement=text("engagement"),
        contract=text("contract"),
        preceding=text("preceding"),
        currency=text("currency"),
        means=texts("means"),
        accounts=texts("accounts"),
        net=text("net"),
        gross=text("gross"),
        due=text("due"),
    )


def _read_day(text: str) -> date | None:
    """A day in either writing: ``20260914`` (CII, format 102) or ``2026-09-14`` (UBL)."""
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _embedded_xml(content: bytes) -> bytes:
    """The one ``factur-x.xml`` of a PDF."""
    from pypdf import PdfReader  # noqa: PLC0415 - 0.2 s, only when a PDF comes

    # pypdf meets a broken file with nearly any exception; each means the same thing here. It
    # bounds by itself what a compressed stream may become (75 MB).
    try:
        found = PdfReader(io.BytesIO(content)).attachments.get(EMBEDDED_NAME, [])
    except Exception as error:
        raise _unreadable("PDF illisible") from error
    if len(found) != 1:
        raise _unreadable(f"le PDF doit contenir un fichier {EMBEDDED_NAME} et un seul")
    return bytes(found[0])


def _xsd_error(message: str, line: int, column: int) -> TechnicalError:
    # Recorded shape (§4.3); the sentence itself is libxml2's, the portal's validator is another.
    return TechnicalError(
        nature="ERR_XSD",
        code="ERR_XSD_001",
        text=f"IRRECEVABILITE: {message[:_LONGEST_TEXT]} - ligne: {line} - position: {column}",
    )


def _unreadable(reason: str) -> Inadmissible:
    # No such refusal is recorded: nature and code are as made up as the text.
    return Inadmissible(
        TechnicalError(
            nature="SIMULE", code="SIMULE_001", text=f"SIMULE - IRRECEVABILITE: {reason}"
        )
    )
