"""Each source that a comment or a document cites is in the house."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents.pages import PAGES, ROOT, page, python_files, rows, section

CITING = [*PAGES, *python_files("worker", "chorus_sandbox", "chaos", "tests")]
CITATION = re.compile(
    r"(?:(?P<source>[\w.-]+)(?: (?P<volume>\d+))?,? )?"
    r"§(?P<number>\d+(?:\.\d+)*)(?:[-–](?P<last>\d+(?:\.\d+)*))?(?:, (?P<item>\d+)\b(?!\.))?"
)
PUBLISHED = {"AIFE-CP", "RFC"}
"""Sources of others that have a § of their own."""
CHORUS_PRO = "chorus-pro.md"


def citations(path: Path) -> Iterator[tuple[str, str, str | None]]:
    """Document, number and item of every § of a file; § of other publishers left out."""
    for found in CITATION.finditer(path.read_text("utf-8")):
        if found["source"] in PUBLISHED:
            continue
        named = found["source"] or ""
        document = Path(named).name if named.endswith(".md") else CHORUS_PRO
        yield document, found["number"], found["item"]
        if found["last"]:
            yield document, found["last"], None


def is_there(document: str, number: str, item: str | None) -> bool:
    """Whether a document of docs/ has this heading, and under it this item."""
    text = page(f"docs/{document}")
    heading = re.search(rf"^#+ ({re.escape(number)}\.? .*)$", text, re.MULTILINE)
    if heading is None:
        return False
    under = section(text, heading[1])
    return item is None or re.search(rf"^(?:\| )?{item}[. ]", under, re.MULTILINE) is not None


def test_every_section_cited_is_in_the_house() -> None:
    """A § without document means docs/chorus-pro.md, and each one has its heading there."""
    cited = {(path.relative_to(ROOT), *found) for path in CITING for found in citations(path)}

    assert [found for found in cited if not is_there(*found[1:])] == []
    assert len(cited) > 100


def test_a_section_that_is_not_there_is_found_out() -> None:
    """The comparison can fail, on the section, on its items and on the document."""
    assert is_there(CHORUS_PRO, "0.4", "7")
    assert not is_there(CHORUS_PRO, "0.4", "70")
    assert not is_there(CHORUS_PRO, "12.1", None)


def test_every_rule_of_the_convention_cited_is_in_the_house() -> None:
    """C1 to C12 are the rows of docs/convention.md, without a gap."""
    rules = [cells[0] for cells in rows(page("docs/convention.md")) if cells[0].startswith("C")]
    cited = {
        rule
        for path in [*PAGES, *python_files("worker", "chorus_sandbox")]
        for rule in re.findall(r"(?<![\w#\"'`])C\d{1,2}(?![\w\"'`])", path.read_text("utf-8"))
    }

    assert rules == [f"C{number}" for number in range(1, 13)]
    assert cited <= set(rules)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_of_a_document_leads_somewhere(path: Path) -> None:
    """Links between documents, and pictures, are files of the project."""
    text = path.read_text("utf-8")
    links = [*re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text), *re.findall(r'src="([^"]+)"', text)]

    assert [link for link in links if not (path.parent / link).exists()] == []
