"""What is wrong in an import file, grouped by cause: a sentence for each, with the lines of all."""

from collections.abc import Iterable
from itertools import groupby

from worker.errors import Finding, FindingGroup
from worker.imports.wording import CellFinding, french, quoted

MOST_VALUES = 5
"""Different values of a group that its sentence shows."""
MOST_RANGES = 8
"""Ranges of lines of a sheet that it shows."""


def grouped(findings: Iterable[Finding]) -> tuple[FindingGroup, ...]:
    """The findings of an import, those of one cause and column as one, by first appearance."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for number, finding in enumerate(findings):
        key: tuple[object, ...] = (number,)
        if isinstance(finding, CellFinding) and finding.cause:
            key = (finding.code, finding.cause, finding.column, finding.severity)
        groups.setdefault(key, []).append(finding)
    return tuple(_group(same) for same in groups.values())


def _group(findings: list[Finding]) -> FindingGroup:
    first = findings[0]
    cells = [one for one in findings if isinstance(one, CellFinding)]
    return FindingGroup(
        code=first.code,
        severity=first.severity,
        count=len(findings),
        where=_where(cells) if len(cells) > 1 else first.where,
        message=first.message + _others(findings),
        remedy=first.remedy,
        value=first.value if len(findings) == 1 else "",
    )


def _where(cells: list[CellFinding]) -> str:
    """``usage.xlsx, feuille « A », lignes 2 à 9 et 12, colonne « siret »``."""
    sheets = []
    for sheet, same in groupby(cells, key=lambda one: one.sheet):
        named = f"feuille « {sheet} »" if sheet else ""
        rows = _ranges(one.row for one in same if one.row)
        sheets.append(", ".join(filter(None, (named, rows))))
    column = f", colonne « {cells[0].column} »" if cells[0].column else ""
    return french(f"{cells[0].file}, {' ; '.join(sheets)}{column}")


def _ranges(rows: Iterable[int]) -> str:
    """``lignes 2 à 9, 12 et 15``; a line that comes twice counts once; nothing of no line."""
    runs: list[list[int]] = []
    for row in sorted(set(rows)):
        if runs and row == runs[-1][1] + 1:
            runs[-1][1] = row
        else:
            runs.append([row, row])
    if not runs:
        return ""
    told = [
        str(first) if first == last else f"{first} {'et' if last == first + 1 else 'à'} {last}"
        for first, last in runs[:MOST_RANGES]
    ]
    if len(runs) > MOST_RANGES:
        told.append("d'autres")
    word = "ligne" if runs[0][0] == runs[-1][1] else "lignes"
    return f"{word} {_listed(told)}"


def _listed(texts: list[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} et {texts[-1]}"


def _others(findings: list[Finding]) -> str:
    """What a sentence about the first of them adds about the others."""
    if len(findings) == 1:
        return ""
    values = list(dict.fromkeys(one.value for one in findings if one.value))
    of_cells = any(one.row for one in findings if isinstance(one, CellFinding))
    many = f" — {len(findings)} cellules" if of_cells else ""
    if len(values) < 2:
        return many
    many = many or " —"
    told = [quoted(value) for value in values[1:MOST_VALUES]]
    if len(values) > MOST_VALUES:
        told.append(f"{len(values) - MOST_VALUES} autres valeurs")
    return french(f"{many} ; de même {_listed(told)}")
