"""A credit note is no invoice: « facture » stands before a number of which it is certain alone."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents.pages import ROOT
from worker.billing.status import InvoiceKind, french_document

WORKER = ROOT / "worker"
WRITTEN = re.compile(r"[Ff]actures?(?:\\ n°)?[ \u00a0](?:n°[ \u00a0])?(\{\{?\s*[\w.]+)")
OF_INVOICES = {
    # The invoice that a credit note corrects, or is asked about.
    "billing/credit_note.py": {"{invoice.number"},
    "cli/corrections.py": {"{invoice.number"},
    "cli/show.py": {"{preceding.number"},
    "corrections/credit.py": {
        *("{content.number", "{drafted.invoice.number", "{invoice.number", "{named"),
    },
    "corrections/todo_sentences.toml": {"{0"},
    "formats/facturx.py": {"{of"},
    # One whose lines are explained: a credit note stands beside it.
    "audit/explanation.py": {"{invoice.number"},
    "cli/explanation.py": {"{invoice.number"},
    # The one invoice that counts of a member and year.
    "imports/findings.toml": {"{detail"},
    "mailing/templates/statements.txt": {"{{ facture"},
    # Not a number: a year, the portal's own identifier, or how a service is billed.
    "billing/consumption.py": {"{way"},
    "issuing/acceptances.py": {"{year"},
    "issuing/confirmations.py": {"{year"},
    "issuing/holds.py": {"{year"},
    "issuing/successions.py": {"{one.year"},
    "mailing/templates/references.txt": {"{{ annee"},
    "portals/choruspro/completion.py": {"{cpp_id"},
    "portals/choruspro/consultation.py": {"{cpp_id"},
    # After a look at whether it is a credit note.
    "accounting/titles/lines.py": {"{number"},
}
"""Where « facture » stands before what fills a text, and is true."""


def _texts(path: Path) -> Iterator[str]:
    """The texts of a file, each with the names that fill its braces."""
    source = path.read_text("utf-8")
    if path.suffix != ".py":
        yield source
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            yield "".join(map(_part, node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _part(node: ast.expr) -> str:
    """A part of an f-string as it is written."""
    match node:
        case ast.FormattedValue():
            return f"{{{ast.unparse(node.value)}}}"
        case ast.Constant():
            return str(node.value)
        case _:
            return ""


def _written() -> dict[str, set[str]]:
    """What « facture » stands before, in every file whose texts people read."""
    found: dict[str, set[str]] = {}
    for path in sorted(WORKER.rglob("*")):
        if path.suffix not in {".py", ".toml", ".html", ".typ", ".txt", ".js"}:
            continue
        for text in _texts(path):
            for name in WRITTEN.findall(text):
                found.setdefault(path.relative_to(WORKER).as_posix(), set()).add(name)
    return found


def test_only_an_invoice_is_called_one() -> None:
    """Each sentence that puts « facture » before a number is known, and about an invoice."""
    assert _written() == OF_INVOICES


@pytest.mark.parametrize(
    "kind,said",
    [(InvoiceKind.INVOICE, "facture X-1"), (InvoiceKind.CREDIT_NOTE, "avoir X-1")],
)
def test_each_kind_has_its_word(kind: InvoiceKind, said: str) -> None:
    """Everywhere else the kind of the document says the word."""
    assert french_document("X-1", is_credit_note=kind is InvoiceKind.CREDIT_NOTE) == said
