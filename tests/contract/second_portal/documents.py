"""What a deposited file says: UBL, CII, Factur-X, an archive (reference §2.1, §3.7)."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pikepdf
from lxml import etree

NAMESPACES = {
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
    "cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
    "cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
}
_AGREEMENT = "rsm:SupplyChainTradeTransaction/ram:ApplicableHeaderTradeAgreement/"
_SETTLEMENT = "rsm:SupplyChainTradeTransaction/ram:ApplicableHeaderTradeSettlement/"
_SUMS = _SETTLEMENT + "ram:SpecifiedTradeSettlementHeaderMonetarySummation/"
_PARTY = "cac:Party/*[self::cac:PartyIdentification or self::cac:PartyLegalEntity]/"
_PARTY_IDS = _PARTY + "*[self::cbc:ID or self::cbc:CompanyID]"
CII = {
    "number": "rsm:ExchangedDocument/ram:ID",
    "issued": "rsm:ExchangedDocument/ram:IssueDateTime/udt:DateTimeString",
    "type_code": "rsm:ExchangedDocument/ram:TypeCode",
    "process": "rsm:ExchangedDocumentContext"
    "/ram:BusinessProcessSpecifiedDocumentContextParameter/ram:ID",
    "supplier": _AGREEMENT + "ram:SellerTradeParty/ram:SpecifiedLegalOrganization/ram:ID",
    "buyer": _AGREEMENT + "ram:BuyerTradeParty/ram:SpecifiedLegalOrganization/ram:ID",
    "service": _AGREEMENT + "ram:BuyerReference",
    "engagement": _AGREEMENT + "ram:BuyerOrderReferencedDocument/ram:IssuerAssignedID",
    "market": _AGREEMENT + "ram:ContractReferencedDocument/ram:IssuerAssignedID",
    "currency": _SETTLEMENT + "ram:InvoiceCurrencyCode",
    "payment_means": _SETTLEMENT + "ram:SpecifiedTradeSettlementPaymentMeans/ram:TypeCode",
    "origin": _SETTLEMENT + "ram:InvoiceReferencedDocument/ram:IssuerAssignedID",
    "net": _SUMS + "ram:TaxBasisTotalAmount",
    "gross": _SUMS + "ram:GrandTotalAmount",
    "payable": _SUMS + "ram:DuePayableAmount",
}
UBL = {
    "number": "cbc:ID",
    "issued": "cbc:IssueDate",
    "type_code": "cbc:InvoiceTypeCode | cbc:CreditNoteTypeCode",
    "process": "cbc:ProfileID",
    "supplier": f"cac:AccountingSupplierParty/{_PARTY_IDS}",
    "buyer": f"cac:AccountingCustomerParty/{_PARTY_IDS}",
    "service": "cbc:BuyerReference",
    "engagement": "cac:OrderReference/cbc:ID",
    "market": "cac:ContractDocumentReference/cbc:ID",
    "currency": "cbc:DocumentCurrencyCode",
    "payment_means": "cac:PaymentMeans/cbc:PaymentMeansCode",
    "origin": "cac:BillingReference/cac:InvoiceDocumentReference/cbc:ID",
    "net": "cac:LegalMonetaryTotal/cbc:TaxExclusiveAmount",
    "gross": "cac:LegalMonetaryTotal/cbc:TaxInclusiveAmount",
    "payable": "cac:LegalMonetaryTotal/cbc:PayableAmount",
}


class Unreadable(Exception):
    """A file that holds no invoice."""


@dataclass(frozen=True)
class Document:
    """An invoice as its file states it; what the file leaves out is empty text."""

    form: str
    number: str
    issued: str
    type_code: str = "380"
    process: str = ""
    supplier: str = ""
    buyer: str = ""
    service: str = ""
    engagement: str = ""
    market: str = ""
    currency: str = "EUR"
    payment_means: str = ""
    origin: str = ""
    net: str = "0"
    gross: str = "0"
    payable: str = "0"

    @property
    def kind(self) -> str:
        """FACTURE or AVOIR (reference §3.6)."""
        return "AVOIR" if self.type_code in {"381", "396", "261"} else "FACTURE"

    @property
    def unique(self) -> tuple[str, str, str]:
        """What the uniqueness control compares (reference §0.4 fact 7)."""
        return self.supplier[:9], self.number, self.issued[:4]


def read_deposit(content: bytes) -> list[tuple[Document, bytes]]:
    """The invoices of a deposited file, each with its own bytes."""
    if content.startswith(b"%PDF"):
        return [(_read_xml(_embedded(content), "facturx"), content)]
    if content.startswith(b"PK\x03\x04"):
        return [pair for one in _of_zip(content) for pair in read_deposit(one)]
    if content.startswith(b"\x1f\x8b"):
        return [pair for one in _of_tar(content) for pair in read_deposit(one)]
    return [(_read_xml(content, None), content)]


def embedded_or_self(content: bytes) -> bytes:
    """The XML of a file, be it inside a PDF or alone."""
    return _embedded(content) if content.startswith(b"%PDF") else content


def _of_zip(content: bytes) -> list[bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return [archive.read(one) for one in archive.infolist() if not one.is_dir()]
    except zipfile.BadZipFile as error:
        raise Unreadable(f"archive: {error}") from error


def _of_tar(content: bytes) -> list[bytes]:
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            opened = (archive.extractfile(one) for one in archive.getmembers() if one.isfile())
            return [one.read() for one in opened if one]
    except (tarfile.TarError, OSError, EOFError) as error:
        raise Unreadable(f"archive: {error}") from error


def _embedded(content: bytes) -> bytes:
    try:
        with pikepdf.open(io.BytesIO(content)) as pdf:
            for name, file in pdf.attachments.items():
                if name.lower() in {"factur-x.xml", "zugferd-invoice.xml"}:
                    return bytes(file.get_file().read_bytes())
    except pikepdf.PdfError as error:
        raise Unreadable(f"PDF: {error}") from error
    raise Unreadable("PDF sans factur-x.xml")


def _read_xml(content: bytes, form: str | None) -> Document:
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise Unreadable(str(error)) from error
    name = etree.QName(root).localname
    if name == "CrossIndustryInvoice":
        return _document(root, CII, form or "cii")
    if name in {"Invoice", "CreditNote"}:
        return _document(root, UBL, form or "ubl")
    raise Unreadable(f"Cannot find the declaration of element '{name}'.")


def _document(root: "etree._Element", paths: dict[str, str], form: str) -> Document:
    facts = {"form": form}
    for fact, path in paths.items():
        texts = [text.strip() for text in _texts(root, path)]
        if texts:
            facts[fact] = _CHOICE.get(fact, _first)(texts)
    if not facts.get("number") or not facts.get("issued"):
        raise Unreadable("cvc-complex-type.2.4.b: The content of the document is not complete.")
    return Document(**facts)


def _texts(root: "etree._Element", path: str) -> Iterator[str]:
    found = root.xpath(path, namespaces=NAMESPACES)
    if isinstance(found, list):
        yield from (one.text or "" for one in found if isinstance(one, etree._Element))  # noqa: SLF001


def _first(texts: list[str]) -> str:
    return texts[0]


def _siret(texts: list[str]) -> str:
    return next((one for one in texts if len(one) == 14 and one.isdigit()), texts[0])


def _day(texts: list[str]) -> str:
    text = texts[0].replace("-", "")[:8]
    try:
        return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC).date().isoformat()
    except ValueError as error:
        raise Unreadable(f"cvc-datatype-valid.1.2.1: '{texts[0]}'") from error


_CHOICE: dict[str, Callable[[list[str]], str]] = {
    "supplier": _siret,
    "buyer": _siret,
    "issued": _day,
}
