"""One table of rows written as each format, with cells as a person would have typed them."""

from collections.abc import Sequence
from pathlib import Path

from tests.support.imports_workbooks import ods, ods_row, ods_text, xlsx, xlsx_row

SHEET = "Données"
FORMATS = ("csv", "xlsx", "ods")


def write_table(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    """The rows, the first one at line 1, in the format that the suffix names."""
    match path.suffix:
        case ".csv":
            path.write_text("\n".join(";".join(cells) for cells in (*rows, [])), "utf-8")
            return path
        case ".xlsx":
            lines = (xlsx_row(number, cells) for number, cells in enumerate(rows, start=1))
            return xlsx(path, {SHEET: "".join(lines)})
        case _:
            return ods(path, {SHEET: "".join(ods_row(*map(ods_text, cells)) for cells in rows)})
