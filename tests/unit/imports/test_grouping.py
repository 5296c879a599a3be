"""Findings of one cause are told as one, and say nothing of a cell that is not true of it."""

from worker.imports.grouping import MOST_VALUES, grouped
from worker.imports.wording import CellFinding


def at(row: int, message: str, *, remedy: str = "Corrigez.", value: str = "") -> CellFinding:
    """A finding of one cause, in a line."""
    return CellFinding(
        code="IMPORT-PAYMENT",
        message=message,
        remedy=remedy,
        value=value,
        cause="payment",
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


def test_sentences_that_differ_are_all_told() -> None:
    """What is left of one invoice is not what is left of another."""
    found = [at(row, f"il reste {row} €") for row in range(2, 4 + MOST_VALUES)]

    [group] = grouped(found)

    told = group.message.replace("\u00a0", " ")
    assert told.startswith("il reste 2 € ; il reste 3 € ; ")
    assert told.endswith("; 2 autres — 7 cellules")


def test_what_is_to_be_done_otherwise_is_told_apart() -> None:
    """A payment of a credit note and one of tomorrow are not corrected alike."""
    found = [
        at(2, "un avoir", remedy="Donnez la facture."),
        at(3, "demain", remedy="Corrigez le jour."),
    ]

    groups = grouped(found)

    assert [(one.message, one.remedy) for one in groups] == [
        ("un avoir", "Donnez la facture."),
        ("demain", "Corrigez le jour."),
    ]
