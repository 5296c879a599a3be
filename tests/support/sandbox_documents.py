"""Invoices for the sandbox tests: two files valid for their XSD, and ways to spoil them."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import facturx
import typst
from lxml import etree

_FOLDER = Path(__file__).parents[1] / "data" / "sandbox"
_PREFIXES = {
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
    "cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
    "cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
}

CII = (_FOLDER / "cii.xml").read_bytes()
UBL = (_FOLDER / "ubl.xml").read_bytes()

NUMBER = "rsm:ExchangedDocument/ram:ID"
ISSUED_ON = ".//udt:DateTimeString"
SELLER = ".//ram:SellerTradeParty/ram:SpecifiedLegalOrganization/ram:ID"
BUYER = ".//ram:BuyerTradeParty/ram:SpecifiedLegalOrganization/ram:ID"
SERVICE = ".//ram:BuyerReference"
MEANS = ".//ram:SpecifiedTradeSettlementPaymentMeans"
TYPE_CODE = "rsm:ExchangedDocument/ram:TypeCode"


def changed(document: bytes, changes: Mapping[str, str | None]) -> bytes:
    """The document with other texts at some paths; none removes the element."""
    root = etree.fromstring(document)
    for path, text in changes.items():
        element = root.find(path, namespaces=_PREFIXES)
        assert element is not None, path
        parent = element.getparent()
        if text is None and parent is not None:
            parent.remove(element)
        else:
            element.text = text
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def numbered(number: str, changes: Mapping[str, str | None] | None = None) -> bytes:
    """The CII invoice under another number."""
    return changed(CII, {NUMBER: number, **(changes or {})})


def factur_x(xml: bytes) -> bytes:
    """A one-page Factur-X that carries this XML, whatever it is worth."""
    page = typst.compile(b"Facture")
    metadata = {"author": "a", "title": "t", "subject": "s", "keywords": "k"}
    made = facturx.generate_from_binary(
        page, xml, flavor="factur-x", level="en16931", check_xsd=False, pdf_metadata=metadata
    )
    assert isinstance(made, bytes)
    return made


def lot(files: Mapping[str, bytes]) -> bytes:
    """A .tar.gz of these files."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return written.getvalue()
