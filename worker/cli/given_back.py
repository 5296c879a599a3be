"""``--corrections``: a file that was refused is given back with what is wrong in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from worker.app import App
from worker.errors import ImportRefused
from worker.imports import ImportKind, fingerprint
from worker.imports.corrections import check_new, write_corrections


@contextmanager
def given_back(app: App, path: Path, kind: ImportKind, to: Path | None) -> Iterator[None]:
    """Take a file in; refused, it is written to ``to`` with what is wrong in it.

    Raises:
        WrongUse, Refused: see ``check_new``; nothing is read then.
        ImportRefused: as it was raised, with what to do with the workbook.
    """
    if to is None:
        yield
        return
    check_new(to)
    try:
        yield
    except ImportRefused as refused:
        written = write_corrections(fingerprint(path), kind, refused.findings, to, app.clock())
        remedy = (
            f"Le classeur {to} porte vos lignes, cellules fausses colorées, et dit à la fin de "
            "chacune ce qu'il faut corriger : corrigez-les là, puis importez-le."
            if written
            else f"{refused.remedy} Rien de cela n'a sa place dans une cellule : {to} n'est pas "
            "écrit."
        )
        findings, groups = refused.findings, refused.groups
        raise ImportRefused(refused.message, remedy, findings=findings, groups=groups) from refused
