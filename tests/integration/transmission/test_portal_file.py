"""Before an adoption without our flux number, the document of the portal is looked at."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.memory_portal import Mishap
from tests.support.offices import Desk, number, open_desk
from worker.billing.status import InvoiceStatus, Trouble
from worker.errors import PortalAccessRefused, PortalAnswerError
from worker.storage.tables import InvoiceRow

S = InvoiceStatus
ONE, TWO = number(1), number(2)


@pytest.fixture(name="lost", scope="module")
def _lost(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Two true invoices, whose answers were lost, and whose flux the search leaves out."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path_factory.mktemp("bytes"), real=True)
    count = 0

    def two() -> bool:
        nonlocal count
        count += 1
        return count > 2

    desk.issue(stop=two)
    desk.portal.mishaps.extend([Mishap.ANSWER_LOST, Mishap.ANSWER_LOST])
    desk.deposit()
    desk.portal.amend = lambda found: replace(found, flux_number="")
    return desk


def zipped(content: bytes) -> bytes:
    """As the portal gives an invoice of several files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as files:
        files.writestr("facture.pdf", content)
    return packed.getvalue()


def refused(error: Exception) -> Callable[[bytes, bytes], bytes]:
    """Our account may not download."""

    def give(ours: bytes, others: bytes) -> bytes:
        del ours, others
        raise error

    return give


GIVEN: dict[str, tuple[Callable[[bytes, bytes], bytes], bool]] = {
    "our own": (lambda ours, _: ours, True),
    "our own in a zip": (lambda ours, _: zipped(ours), True),
    "a page of the portal": (lambda _, __: b"%PDF-1.4 a page without any invoice", True),
    "no file that can be read": (lambda _, __: b"\x00\x01", True),
    "no right": (refused(PortalAccessRefused("Accès interdit.")), True),
    "an operation that fails": (refused(PortalAnswerError("HTTP 500.")), True),
    "another invoice": (lambda _, others: others, False),
    "another invoice in a zip": (lambda _, others: zipped(others), False),
}


@pytest.mark.parametrize("what", GIVEN)
def test_what_carries_another_invoice_is_not_adopted(lost: Desk, what: str) -> None:
    """Each form of a document: ours, unreadable or withheld proves nothing; another's does."""
    give, adopted = GIVEN[what]
    contents = {held.facts.number: held.content for held in lost.portal.invoices.values()}
    lost.portal.download = lambda portal_id: give(contents[ONE], contents[TWO])  # type: ignore[method-assign] # noqa: ARG005
    with lost.app.transaction() as tx:
        before = lost.one(ONE)
        row = tx.get_one(InvoiceRow, before.id)
        row.status, row.flux_number, row.trouble = S.UNKNOWN.value, "", Trouble.NONE.value
        row.next_check_at, row.detail = None, ""
    lost.reconcile()
    one = lost.one(ONE)

    assert (one.status is S.DEPOSITED) == adopted
    assert ("empreinte" in one.detail) != adopted
