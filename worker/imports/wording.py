"""How the imports speak: French findings and refusals, with values quoted safely.

Their sentences stand in ``findings.toml``, with plain spaces; the no-break spaces of French
typography are set here, once.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from worker.billing.toml import own_table
from worker.errors import Finding, ImportRefused, Severity

QUOTED_LENGTH = 40
"""Characters of an offending value that a message shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFinding(Finding):
    """A finding about a row of a file, or a cell of it.

    Attributes:
        cause: the name of its sentence in findings.toml: findings of one cause are told together.
        file, sheet, row: where; the sheet is empty for a text, the row 0 for a sheet as a whole.
        column: its header as it is known, or empty.
        place: the position of the cell in its row, 1 for the first; 0 for a whole row.
    """

    cause: str = ""
    file: str = ""
    sheet: str = ""
    row: int = 0
    column: str = ""
    place: int = 0


_NO_BREAK_HERE = re.compile(r" (?=[:;?!»])|(?<=«) ")


def french(text: str) -> str:
    """The same text with no-break spaces before ``: ; ? ! »`` and after ``«``."""
    return _NO_BREAK_HERE.sub("\u00a0", text)


def shortened(text: str) -> str:
    """A value fit for a terminal: at most 40 characters, none of them a control character."""
    shown = text if len(text) <= QUOTED_LENGTH else text[: QUOTED_LENGTH - 1] + "…"
    return "".join(
        character if character.isprintable() else "\ufffd" for character in " ".join(shown.split())
    )


def quoted(text: str) -> str:
    """A shortened value between French quotation marks."""
    return f"« {shortened(text)} »"


def quoted_list(texts: Sequence[str], most: int = 10) -> str:
    """Quoted values after one another, no more than ``most`` of them."""
    return ", ".join(map(quoted, texts[:most])) + (", …" if len(texts) > most else "")


def place_of(file: str, sheet: str, row: int = 0, column: str = "") -> str:
    """File, sheet, line and column for people."""
    parts = (
        file,
        sheet and f"feuille « {sheet} »",
        row and f"ligne {row}",
        column and f"colonne « {column} »",
    )
    return french(", ".join(str(part) for part in parts if part))


@cache
def wordings() -> dict[str, tuple[str, str]]:
    """The message and the remedy of each finding and refusal, by the names of ``findings.toml``."""
    data = own_table(__package__, "findings.toml")
    shared = data.pop("remedies")
    return {name: (message, shared.get(remedy, remedy)) for name, (message, remedy) in data.items()}


def words_of(name: str, /, **facts: object) -> tuple[str, str]:
    """Such a message and its remedy, with the facts in their braces, in good typography."""
    message, remedy = wordings()[name]
    return french(message.format(**facts)), french(remedy.format(**facts))


def finding(
    code: str,
    words: str = "",
    *,
    where: str = "",
    value: str = "",
    severity: Severity = Severity.BLOCKING,
    **facts: object,
) -> CellFinding:
    """A finding in the words that ``findings.toml`` has under ``words``, else its code.

    ``facts`` fill their braces; ``value`` is kept shortened.
    """
    message, remedy = words_of(words or code, value=quoted(value), **facts)
    return CellFinding(
        code=code,
        message=message,
        remedy=remedy,
        severity=severity,
        where=french(where),
        value=shortened(value),
        cause=words or code,
    )


def refusal(name: str, file: str, **facts: object) -> ImportRefused:
    """The exception for a file that cannot be read as a table at all."""
    return ImportRefused(*words_of(name, file=file, **facts))
