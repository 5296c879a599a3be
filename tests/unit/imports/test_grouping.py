"""Findings of one cause are told as one, and say nothing of a cell that is not true of it."""

from worker.imports.grouping import grouped
from worker.imports.wording import CellFinding


def at(row: int, message: str, *, cause: str = "payment", value: str = "") -> CellFinding:
    """A finding in a line."""
    return CellFinding(
        code="IMPORT-PAYMENT",
        message=message,
        remedy="Corrigez.",
        value=value,
        cause=cause,
        file="p.csv",
        row=row,
        column="montant",
    )


def test_the_same_sentence_about_other_values_is_told_once() -> None:
    """The values of the others are listed."""
    found = [
        at(2, "«\u00a0a\u00a0» est faux", value="a"),
        at(5, "«\u00a0b\u00a0» est faux", value="b"),
    ]

    [group] = grouped(found)

    assert group.where == "p.csv, lignes 2 et 5, colonne «\u00a0montant\u00a0»"
    assert group.message.replace("\u00a0", " ") == "« a » est faux — 2 cellules ; de même « b »"


def test_what_has_no_cause_is_told_by_itself() -> None:
    """What is left of one invoice is not what is left of another."""
    found = [at(row, f"il reste {row} €", cause="") for row in (2, 3)]

    groups = grouped(found)

    assert [one.message for one in groups] == ["il reste 2 €", "il reste 3 €"]
    assert [one.where for one in groups] == [one.where for one in found]
