"""The press: nothing leaves it that our own look at the amounts would refuse."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from tests.golden.samples import two_lines
from worker.billing.document import DocumentKind
from worker.billing.invoice import Invoice
from worker.billing.money import Money
from worker.billing.standard import Rules
from worker.formats import ALWAYS, Branding
from worker.issuing.render import render_checked
from worker.validation import Report


def official(_content: bytes, _rules: Sequence[Rules]) -> Future[tuple[Report, ...]]:
    """Official rules that see nothing, as they see no price."""
    verdict: Future[tuple[Report, ...]] = Future()
    verdict.set_result(())
    return verdict


def found(invoice: Invoice) -> dict[DocumentKind, set[str]]:
    """What the press finds by itself, by kind of document."""
    with ThreadPoolExecutor(2) as pages:
        checked = render_checked(
            invoice, two_lines()[1], look=Branding(), profiles=ALWAYS, pages=pages, check=official
        )
    return {one.document.kind: {finding.code for finding in one.findings} for one in checked}


def test_a_total_that_its_lines_do_not_make_is_refused_at_the_press() -> None:
    """A cent too much on one line is blocking in both XML documents; the true invoice has none."""
    invoice, _ = two_lines()
    assert not any(found(invoice).values())
    first, *others = invoice.lines
    wrong = replace(invoice, lines=(replace(first, net=first.net + Money(1)), *others))
    codes = found(wrong)
    for kind in (DocumentKind.UBL, DocumentKind.CII):
        assert {"AMOUNT-LINES", "AMOUNT-BASE"} <= codes[kind]
