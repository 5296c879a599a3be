"""Workbooks and CSV lines made by hand for the import tests: no library here writes them."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

SIRET = "99900007800017"
OTHER_SIRET = "99900001100018"
VAT_NUMBER = "FR66999000011"

_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
_OOXML = "http://schemas.openxmlformats.org"
_ODF = "urn:oasis:names:tc:opendocument:xmlns"


def xlsx(
    path: Path, sheets: Mapping[str, str], *, shared: Sequence[str] = (), hidden: str = ""
) -> Path:
    """A minimal XLSX: sheet name to the XML of its rows. Style 1 shows a number as a date."""
    office = f"{_OOXML}/officeDocument/2006/relationships"
    main = f'xmlns="{_OOXML}/spreadsheetml/2006/main"'
    links = f'<Relationships xmlns="{_OOXML}/package/2006/relationships">'
    numbered = list(enumerate(sheets.items(), start=1))
    states = ("visible", "hidden")
    listed = "".join(
        f'<sheet name="{escape(name)}" sheetId="{n}" r:id="rId{n}" '
        f'state="{states[name == hidden]}"/>'
        for n, (name, _) in numbered
    )
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_OOXML}/package/2006/content-types"/>',
        "_rels/.rels": f'{links}<Relationship Id="rId1" Type="{office}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook {main} xmlns:r="{office}"><sheets>{listed}</sheets>'
        "</workbook>",
        "xl/_rels/workbook.xml.rels": links
        + "".join(
            f'<Relationship Id="rId{n}" Type="{office}/worksheet" '
            f'Target="worksheets/sheet{n}.xml"/>'
            for n, _ in numbered
        )
        + f'<Relationship Id="rIdS" Type="{office}/sharedStrings" Target="sharedStrings.xml"/>'
        "</Relationships>",
        "xl/styles.xml": f'<styleSheet {main}><cellXfs count="2"><xf numFmtId="0"/>'
        '<xf numFmtId="14"/></cellXfs></styleSheet>',
        "xl/sharedStrings.xml": f"<sst {main}>"
        + "".join(f"<si><t>{escape(text)}</t></si>" for text in shared)
        + "</sst>",
    }
    for n, (_, rows) in numbered:
        parts[f"xl/worksheets/sheet{n}.xml"] = (
            f"<worksheet {main}><sheetData>{rows}</sheetData></worksheet>"
        )
    return package(path, {name: _XML + text for name, text in parts.items()})


def xlsx_row(number: int, cells: Sequence[str | float | None], *, dates: Sequence[int] = ()) -> str:
    """A row of an XLSX sheet from column A; the columns in ``dates`` (from 0) show as dates."""
    texts = []
    for position, cell in enumerate(cells):
        place = f'r="{chr(ord("A") + position)}{number}"'
        if isinstance(cell, str):
            texts.append(f'<c {place} t="inlineStr"><is><t>{escape(cell)}</t></is></c>')
        elif cell is not None:
            style = ' s="1"' if position in dates else ""
            texts.append(f"<c {place}{style}><v>{cell!r}</v></c>")
    return f'<row r="{number}">{"".join(texts)}</row>'


def ods(path: Path, sheets: Mapping[str, str], *, manifest: str = "") -> Path:
    """A minimal ODS: sheet name to the XML of its rows."""
    spaces = " ".join(
        f'xmlns:{short}="{_ODF}:{short}:1.0"' for short in ("office", "table", "text")
    )
    tables = "".join(
        f'<table:table table:name="{escape(name)}">{rows}</table:table>'
        for name, rows in sheets.items()
    )
    content = (
        f'<office:document-content {spaces} xmlns:calcext="urn:org:documentfoundation:names:'
        'experimental:calc:xmlns:calcext:1.0" office:version="1.3"><office:body>'
        f"<office:spreadsheet>{tables}</office:spreadsheet></office:body>"
        "</office:document-content>"
    )
    listing = f'<manifest:manifest xmlns:manifest="{_ODF}:manifest:1.0">{manifest}'
    return package(
        path,
        {
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "META-INF/manifest.xml": f"{_XML}{listing}</manifest:manifest>",
            "content.xml": _XML + content,
        },
    )


def ods_row(*cells: str, repeat: int = 1) -> str:
    """A row of an ODS sheet; ``repeat`` is how many rows it stands for."""
    return (
        f'<table:table-row table:number-rows-repeated="{repeat}">{"".join(cells)}</table:table-row>'
    )


def ods_text(text: str, repeat: int = 1) -> str:
    """A text cell of an ODS sheet."""
    return (
        f'<table:table-cell office:value-type="string" table:number-columns-repeated="{repeat}">'
        f"<text:p>{escape(text)}</text:p></table:table-cell>"
    )


def ods_number(number: float) -> str:
    """A number cell of an ODS sheet."""
    return f'<table:table-cell office:value-type="float" office:value="{number!r}"/>'


def ods_date(day: str) -> str:
    """A date cell of an ODS sheet, from an ISO date."""
    return f'<table:table-cell office:value-type="date" office:date-value="{day}"/>'


def package(path: Path, parts: Mapping[str, str | bytes]) -> Path:
    """A ZIP file with these parts."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path
