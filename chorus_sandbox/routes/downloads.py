"""Downloads: the invoices as PDF or as one pivot file, in base64 (§2.7, §2.10)."""

import base64
import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from typing import Final

from lxml import etree

from chorus_sandbox.integration import documents
from chorus_sandbox.ledger.ledger import Ledger
from chorus_sandbox.ledger.records import InvoiceRecord
from chorus_sandbox.routes.calls import DONE, Body, Call, MalformedBody, Refusal, TooLarge, success
from chorus_sandbox.routes.invoices import file_of, known_invoice

LARGEST_DOWNLOAD: Final = 120 * 1024 * 1024
"""Most bytes of a result (§2.7); above, the answer is a 413."""

_YES_NO = {None: False, "NON": False, "OUI": True}


def group(call: Call) -> dict[str, object]:
    """``factures/v1/telecharger/groupe``: one PDF, a zip of several files, or one pivot XML."""
    return success(DONE, fichierResultat=_encoded(call, call.body))


def attachment(call: Call) -> dict[str, object]:
    """``transverses/v1/telecharger/pieceJointe``: the same, of invoices only here."""
    if call.body.mandatory_text("objetPieceJointe") != "DEMANDE_PAIEMENT":
        raise Refusal(20000, "SIMULE - Objet de piece jointe non simule")
    return success(DONE, pieceJointe=_encoded(call, call.body.block("demandePaiement")))


def _encoded(call: Call, asked: Body) -> str:
    identifiers = [block.mandatory_integer("idFacture") for block in asked.blocks("listeFacture")]
    if not identifiers:
        raise MalformedBody("listeFacture")
    invoices = [known_invoice(call, identifier) for identifier in identifiers]
    joined = asked.text("avecPiecesJointesComplementaires")
    if joined not in _YES_NO:
        raise MalformedBody("avecPiecesJointesComplementaires")
    match asked.mandatory_text("format"):
        case "PDF":
            made = _files(call.ledger, invoices, with_attachments=_YES_NO[joined])
        case "PIVOT":
            made = _pivot(call.ledger, invoices)
        case _:
            raise MalformedBody("format")
    if len(made) > LARGEST_DOWNLOAD:
        raise TooLarge
    return base64.b64encode(made).decode()


def _files(ledger: Ledger, invoices: Sequence[InvoiceRecord], *, with_attachments: bool) -> bytes:
    """The PDF when there is one file and it is one; else a zip, a folder for each invoice.

    What the portal prints of a flux of bare XML is not simulated: the XML itself is given.
    """
    files: list[tuple[str, bytes]] = []
    size = 0
    for invoice in invoices:
        number = re.sub(r"[^\w+-]", "_", invoice.number)
        for name, content in _of_invoice(ledger, invoice, with_attachments=with_attachments):
            size += len(content)
            if size > LARGEST_DOWNLOAD:
                raise TooLarge
            files.append((f"{number}-{invoice.id}/{name}" if len(invoices) > 1 else name, content))
    if len(files) == 1 and files[0][1].startswith(b"%PDF"):
        return files[0][1]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writer:
        for name, content in files:
            writer.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return archive.getvalue()


def _of_invoice(
    ledger: Ledger, invoice: InvoiceRecord, *, with_attachments: bool
) -> Iterator[tuple[str, bytes]]:
    _, name, content = file_of(ledger, invoice)
    yield name, content
    for joined in ledger.attachments.joined(invoice.id) if with_attachments else ():
        yield f"{joined.id}-{joined.attachment.name}", ledger.attachments.content(joined.attachment)


def _pivot(ledger: Ledger, invoices: Sequence[InvoiceRecord]) -> bytes:
    """One XML with every invoice and its attachments; the portal's own schema is not public."""
    root = etree.Element("SIMULE_PIVOT")
    size = 0
    for invoice in invoices:
        syntax, name, content = file_of(ledger, invoice)
        tree, _ = documents.parse(syntax, content)
        element = etree.SubElement(
            root, "Facture", identifiant=str(invoice.id), numero=invoice.number, nom=name
        )
        element.append(tree.getroot())
        size += len(content)
        for joined in ledger.attachments.joined(invoice.id):
            file = ledger.attachments.content(joined.attachment)
            size += len(file)
            if size > LARGEST_DOWNLOAD:
                raise TooLarge
            part = etree.SubElement(
                element, "PieceJointe", nom=joined.attachment.name, type=joined.type_code
            )
            part.text = base64.b64encode(file).decode()
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")
