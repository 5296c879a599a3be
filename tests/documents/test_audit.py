"""The auditor's guide is true: what it says is not proved, its codes, what it shows of a run."""

import re

from tests.documents.pages import page, quoted, rows, section
from tests.documents.test_findings import FAMILIES, codes_of
from worker.storage.proved import LEFT_OUT, NOT_PROVED

GUIDE = page("docs/audit.md")
PROVED_OTHERWISE = {"journal_event", "journal_head", "row_digest", "row_written"}


def test_what_is_not_proved_is_said() -> None:
    """Every table and column that the proofs leave out, and no other, with a reason."""
    text = section(GUIDE, "Ce qui n'est pas prouvé")
    told = list(rows(text))
    named = {word for cells in told for word in quoted(cells[0])}
    columns = {f"{table}.{column}" for table, column in NOT_PROVED}

    assert named == LEFT_OUT.keys() - PROVED_OTHERWISE | columns
    assert all(len(cells[1]) > 20 for cells in told)
    assert set(quoted(text)) >= PROVED_OTHERWISE


def test_the_codes_of_the_guide_are_those_of_the_registry() -> None:
    """An auditor finds each again in what the program prints."""
    known = {row.code for family in FAMILIES for row in codes_of(family)}
    told = set(re.findall(r"`([A-Z]+(?:-[A-Z]+)+)`", GUIDE))

    assert told - known == set()
    assert {"ROW-ALTERED", "JOURNAL-BROKEN", "ROWS-DIFFER", "FILE-DIFFERS"} <= told
