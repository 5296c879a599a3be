"""The integration report as a PDF, written out by hand: text, one font, no library (§2.3).

The layout of the portal's own report is not recorded: this one says that it is simulated.
"""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from chorus_sandbox import paris
from chorus_sandbox.ledger.records import FluxRecord

_LINES_PER_PAGE = 50
_COLUMNS = 95


def draw(flux: FluxRecord) -> bytes:
    """The report on a flux that has its verdict."""
    lines = [part for line in _lines(flux) for part in wrap(line, _COLUMNS) or [""]]
    return _pdf(
        [lines[start : start + _LINES_PER_PAGE] for start in range(0, len(lines), _LINES_PER_PAGE)]
    )


def _lines(flux: FluxRecord) -> Iterator[str]:
    yield "SIMULE - Compte rendu d'intégration (bac à sable)"
    yield ""
    yield f"Flux : {flux.number}"
    yield f"Fichier : {flux.file_name} ({flux.size} octets, SHA-256 {flux.sha256})"
    yield f"Syntaxe : {flux.syntax}, interface {flux.interface}"
    yield f"Déposé le : {paris.to_milliseconds(flux.deposited_at)}"
    yield f"État : {flux.state}, le {paris.to_milliseconds(flux.state_at)}"
    for error in flux.technical_errors:
        yield ""
        yield f"Erreur technique {error.nature} {error.code} : {error.text}"
    for invoice in flux.refused_invoices:
        yield ""
        yield f"Facture {invoice.number} de {invoice.seller} pour {invoice.buyer} : {invoice.text}"


def _pdf(pages: Sequence[Sequence[str]]) -> bytes:
    """A PDF 1.4 of these pages of lines: catalogue, page tree, font, then two objects a page."""
    kids = " ".join(f"{4 + 2 * rank} 0 R" for rank in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /Lang (fr-FR) >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier /Encoding /WinAnsiEncoding >>",
    ]
    for rank, lines in enumerate(pages):
        stream = _stream(lines)
        objects += [
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R"
            b" /Resources << /Font << /F1 3 0 R >> >> >>" % (5 + 2 * rank),
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        ]
    written, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return written + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\n"
        b"startxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table, len(objects) + 1, len(written))
    )


def _stream(lines: Sequence[str]) -> bytes:
    shown = b"".join(b"(%s) Tj T*\n" % _escaped(line) for line in lines)
    return b"BT /F1 9 Tf 40 800 Td 14 TL\n" + shown + b"ET"


def _escaped(line: str) -> bytes:
    text = line.encode("cp1252", "replace")
    return text.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
