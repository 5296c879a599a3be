"""The import files of Berger-Levrault e.magnus: to be tried on the software's test base first.

``WTAMC001.txt``: a line of 125 columns for each line of a title; ``WTAMC001AS.txt``: the detail of
the ASAP, 17 columns; ``WTAMC001PJ.txt``: the pieces, 8 columns. Semicolons, every text in quotes,
amounts with a point, days as DD/MM/YYYY. What is known of the layout comes from files that other
programs write, not from its editor: version 19.
"""

from collections.abc import Iterable, Mapping, Sequence

from worker.accounting.titles.lines import BY_SIRET, REVENUE, TitleLine
from worker.billing.period import french_date
from worker.billing.title import Edition

MAIN, DETAIL, PIECES = "WTAMC001.txt", "WTAMC001AS.txt", "WTAMC001PJ.txt"
WIDTHS = {MAIN: 125, DETAIL: 17, PIECES: 8}
VERSION = "19"
ENCODING = "cp1252"
"""What the software of a French Windows reads; another character is written as a question mark."""


def files_of(lines: Sequence[TitleLine]) -> dict[str, bytes]:
    """The files, by name."""
    told = [line for line in lines if line.rank == 1 and line.piece]
    return {
        MAIN: _text(WIDTHS[MAIN], map(_main, lines)),
        DETAIL: _text(WIDTHS[DETAIL], (cells for line in lines for cells in _detail(line))),
        PIECES: _text(WIDTHS[PIECES], map(_piece, told)),
    }


def _main(line: TitleLine) -> Mapping[int, str]:
    """The columns that are filled, by their rank from 1."""
    invoice, mapping, parties = line.invoice, line.mapping, line.parties
    buyer, address = invoice.buyer, invoice.buyer.address
    return {
        1: invoice.number,
        2: "T",
        3: "O",
        4: parties.body[:10],
        5: parties.budget[:10],
        6: str(line.budget_year),
        7: "M" if line.rank == 1 else "S",
        8: buyer.siret,
        10: buyer.name[:50],
        12: address.line1[:50],
        13: address.line2[:50],
        15: address.postcode,
        16: address.city[:50],
        18: line.subject[:50],
        20: invoice.number,
        24: REVENUE,
        25: french_date(invoice.issue_date),
        26: mapping.article[:10],
        27: mapping.operation[:10],
        28: mapping.service[:15],
        29: mapping.function[:10],
        30: str(line.net),
        31: str(line.vat),
        38: parties.party_legal_nature,
        40: f"{line.rate:.2f}",
        54: mapping.local_product[:4],
        70: "N",
        90: VERSION,
        91: parties.party_category,
        92: parties.party_legal_nature,
        94: BY_SIRET,
        95: buyer.siret,
        98: parties.party_type,
        108: "O" if line.edition is Edition.TO_CHORUS else "N",
        111: invoice.number,
        112: line.edition.value,
        113: f"{invoice.issue_date:%Y%m%d}",
    }


def _detail(line: TitleLine) -> Iterable[Mapping[int, str]]:
    """What the ASAP lists: the line as a whole, since its quantity has five digits at most."""
    yield {
        1: VERSION,
        2: line.invoice.number,
        3: french_date(line.first_day),
        4: french_date(line.last_day),
        5: line.subject[:200],
        6: "1",
        10: str(line.net),
        13: str(line.net),
        16: str(line.gross),
        17: str(line.rank),
    }


def _piece(line: TitleLine) -> Mapping[int, str]:
    return {
        1: line.invoice.number,
        2: line.piece_name[:100],
        3: line.subject[:255],
        4: line.piece_kind,
        6: "02",
        7: "06",
        8: VERSION,
    }


def _text(width: int, rows: Iterable[Mapping[int, str]]) -> bytes:
    lines = (
        ";".join(_quoted(cells.get(rank, "")) for rank in range(1, width + 1)) for cells in rows
    )
    return "".join(f"{line}\r\n" for line in lines).encode(ENCODING, "replace")


def _quoted(cell: str) -> str:
    return f'"{cell.replace(chr(34), chr(39))}"'
