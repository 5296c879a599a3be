"""How the sandbox reads a flux, hostile ones included."""

import io
import zlib
from datetime import date

import pytest
from pypdf import PdfWriter
from pypdf.errors import LimitReachedError

from chorus_sandbox.integration.documents import Inadmissible, read
from tests.support.sandbox_documents import CII, UBL, changed, factur_x

FACTUR_X, CII_16B, UBL_INVOICE = (
    "IN_DP_E2_CII_FACTURX",
    "IN_DP_E1_CII_16B",
    "IN_DP_E1_UBL_INVOICE",
)


def refusal(syntax: str, content: bytes) -> list[tuple[str, str]]:
    """Nature and text of the technical errors of a file that must not be read."""
    with pytest.raises(Inadmissible) as caught:
        read(syntax, content)
    return [(error.nature, error.text) for error in caught.value.errors]


@pytest.mark.parametrize(
    "syntax,content,number,issued_on",
    [
        (CII_16B, CII, "FA-2026-0001", date(2026, 1, 15)),
        (FACTUR_X, factur_x(CII), "FA-2026-0001", date(2026, 1, 15)),
        (UBL_INVOICE, UBL, "FA-2026-0002", date(2026, 1, 16)),
    ],
)
def test_every_syntax_gives_the_same_fields(
    syntax: str, content: bytes, number: str, issued_on: date
) -> None:
    """A CII, a Factur-X and a UBL that say the same thing are read the same."""
    invoice = read(syntax, content)

    assert (invoice.number, invoice.issued_on) == (number, issued_on)
    assert (invoice.type_code, invoice.framework, invoice.currency) == ("380", "A1", "EUR")
    assert (invoice.seller, invoice.buyer) == ("33254021516357", "12345678200135")
    assert (invoice.service, invoice.engagement) == ("LIBRE", "EJ-2026-17")
    assert (invoice.contract, invoice.preceding) == ("MARCHE-9", "FA-2025-0042")
    assert (invoice.means, invoice.accounts) == (("30",), ("FR7630001007941234567890185",))
    assert (invoice.net, invoice.gross, invoice.due) == ("1000.00", "1200.00", "1200.00")


def test_the_portal_names_places_its_own_way() -> None:
    """The tags of messages are those of the recorded reports, in CII and in UBL."""
    cii, ubl = read(CII_16B, CII).tags, read(UBL_INVOICE, UBL).tags

    assert cii["number"] == "FichierXml.ExchangedDocument.ID.value"
    assert cii["means"] == (
        "FichierXml.SupplyChainTradeTransaction.ApplicableHeaderTradeSettlement"
        ".SpecifiedTradeSettlementPaymentMeans.TypeCode.value"
    )
    assert ubl["seller"] == "AccountingSupplierParty.Party.PartyIdentification.ID.value"


def test_a_historic_ubl_identifies_its_parties_by_scheme_name() -> None:
    """A SIRET under schemeName 1 is read when no legal identifier is given."""
    historic = UBL.replace(
        b"""<cac:Party>
      <cac:PostalAddress>""",
        b"""<cac:Party>
      <cac:PartyIdentification><cbc:ID schemeName="1">33254021516357</cbc:ID>
      </cac:PartyIdentification>
      <cac:PostalAddress>""",
        1,
    )
    company = "cac:AccountingSupplierParty/cac:Party/cac:PartyLegalEntity/cbc:CompanyID"

    assert read(UBL_INVOICE, changed(historic, {company: None})).seller == "33254021516357"


@pytest.mark.parametrize("syntax,content", [(CII_16B, CII), (UBL_INVOICE, UBL)])
def test_a_file_against_its_schema_is_reported_as_recorded(syntax: str, content: bytes) -> None:
    """A schema violation gives ERR_XSD with the line and the position."""
    broken = content.replace(b"TypeCode>380<", b"TypeCode><x/>380<")
    nature, text = refusal(syntax, broken)[0]

    assert nature == "ERR_XSD"
    assert text.startswith("IRRECEVABILITE: Element ")
    assert " - ligne: " in text
    assert text.rpartition(" - position: ")[2].isdigit()


def test_the_factur_x_schema_is_the_one_of_its_profile() -> None:
    """What EN 16931 does not know is refused inside a PDF, though plain CII allows it."""
    extended = CII.replace(
        b"<ram:TypeCode>380</ram:TypeCode>",
        b"<ram:Name>FACTURE</ram:Name><ram:TypeCode>380</ram:TypeCode>",
    )

    assert read(CII_16B, extended).number == "FA-2026-0001"
    assert refusal(FACTUR_X, factur_x(extended))[0][0] == "ERR_XSD"


@pytest.mark.parametrize(
    "content",
    [b"", b"not xml", b"<a>", b"\x00\x01", b'<?xml version="1.0" encoding="nope"?><a/>', CII[:900]],
)
def test_what_is_no_xml_is_refused_with_a_place(content: bytes) -> None:
    """A file that is not well-formed is a schema error, like for the portal."""
    nature, text = refusal(CII_16B, content)[0]

    assert nature == "ERR_XSD"
    assert " - ligne: " in text


def test_a_doctype_is_refused_and_no_entity_is_read() -> None:
    """A document type is refused, so that neither files nor entity bombs come in."""
    hostile = UBL.replace(
        b"<Invoice ", b'<!DOCTYPE Invoice [<!ENTITY x SYSTEM "file:///etc/passwd">]><Invoice ', 1
    ).replace(b"FA-2026-0002", b"&x;")
    (found,) = refusal(UBL_INVOICE, hostile)

    assert "DOCTYPE" in found[1]
    assert "root" not in found[1]


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7\n", b"%PDF-1.7 junk" * 50, CII, UBL])
def test_what_is_no_pdf_is_refused_as_factur_x(content: bytes) -> None:
    """A broken PDF, or XML deposited as a PDF, is refused as a whole."""
    assert refusal(FACTUR_X, content)[0][1].startswith("SIMULE - IRRECEVABILITE: ")


def pdf_with(*attachments: tuple[str, bytes]) -> bytes:
    """A PDF that carries these files."""
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    for name, content in attachments:
        writer.add_attachment(name, content)
    output = io.BytesIO()
    writer.write(output)
    return output.getvalue()


@pytest.mark.parametrize(
    "attachments", [[], [("other.xml", CII)], [("factur-x.xml", CII), ("factur-x.xml", CII)]]
)
def test_a_pdf_must_carry_one_factur_x_file(attachments: list[tuple[str, bytes]]) -> None:
    """No embedded invoice, or two, is refused; which one would count is not ours to choose."""
    assert "un seul" in refusal(FACTUR_X, pdf_with(*attachments))[0][1]


def compressed(content: bytes) -> bytes:
    """A PDF whose embedded invoice is compressed."""
    head, _, tail = pdf_with(("factur-x.xml", b"PLACEHOLDER")).partition(b"PLACEHOLDER")
    body = zlib.compress(content, 9)
    length = b"/Length %d /Filter /FlateDecode" % len(body)
    return length.join(head.rsplit(b"/Length 11", 1)) + body + tail


def test_a_compression_bomb_is_refused() -> None:
    """An embedded file that would fill the memory is given up, not unpacked."""
    assert read(FACTUR_X, compressed(CII)).number == "FA-2026-0001"
    with pytest.raises(Inadmissible) as caught:
        read(FACTUR_X, compressed(b" " * 100_000_000))

    assert isinstance(caught.value.__cause__, LimitReachedError)


def test_a_syntax_without_reader_is_refused_as_simulated() -> None:
    """The historic mixed syntaxes are deposited like the others, then refused out loud."""
    assert refusal("IN_DP_E2_CPP_FACTURE_MIN", CII)[0][1].endswith("n'est pas simulee")
