"""What a portal holds is read alike from the files of both, for the laws of the proof."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest

from chaos.ledger import HeldInvoice, read_ledger
from tests.contract.portals import PLAIN, UNKNOWN, Buyer, deposit, facts
from tests.contract.sandbox import Sandbox, choruspro
from tests.contract.second import decide, on_second
from tests.contract.second_portal import SecondPortal
from tests.support.portal_documents import cii
from worker.portals import Portal, SupportingFile


@pytest.fixture(name="real", params=["sandbox", "second"])
def _real(request: pytest.FixtureRequest) -> Iterator[tuple[Portal, Buyer, Path]]:
    """A client, the buyers at its portal, and the portal's file."""
    buyer: Buyer
    if request.param == "sandbox":
        sandbox: Sandbox = request.getfixturevalue("sandbox")
        ledger = sandbox.ledger
        portal, buyer = choruspro(sandbox.url), sandbox.decide
    else:
        second: SecondPortal = request.getfixturevalue("second")
        ledger = request.getfixturevalue("second_file")
        portal, buyer = on_second(second), partial(decide, second)
    yield portal, buyer, ledger
    portal.close()


def test_an_invoice_and_its_file_are_read(real: tuple[Portal, Buyer, Path]) -> None:
    """What the portal integrated, from which bytes, with which status, beside how many files."""
    portal, buyer, ledger = real
    invoice = facts()
    answer = deposit(portal, invoice)
    (found,) = portal.find(invoice_number=invoice.number)
    buyer(found, "SUSPENDUE", "Bon manquant")
    portal.complete(found.portal_id, comment="", files=[SupportingFile(name="b.pdf", content=b"%")])

    read = read_ledger(ledger)
    held = next(one for one in read.invoices if one.number == invoice.number)
    file = next(one for one in read.fluxes if one.number == answer.flux_number)

    assert str(held.id) == found.portal_id
    assert (held.kind, held.buyer_siret, held.status) == ("FACTURE", PLAIN, "COMPLETEE")
    assert held.gross == Decimal("3196.80")
    assert file.sha256 == sha256(cii(invoice)).hexdigest()
    assert (file.file_name, file.is_hopeless) == (f"{invoice.number}.xml", False)
    assert file.deposited_at.utcoffset() is not None
    assert read.joined[invoice.number] == 1


def test_a_rejected_file_holds_nothing(real: tuple[Portal, Buyer, Path]) -> None:
    """Nothing of it will be integrated any more: a person may send another."""
    portal, _, ledger = real
    invoice = facts(UNKNOWN)
    answer = deposit(portal, invoice)
    portal.integration_report(answer.flux_number)

    read = read_ledger(ledger)
    hopeless = {one.number: one.is_hopeless for one in read.fluxes}

    assert hopeless[answer.flux_number]
    assert invoice.number not in {one.number for one in read.invoices}


def test_a_rejection_under_another_identifier_is_the_same_invoice(
    second: SecondPortal, second_file: Path
) -> None:
    """Held once, rejected."""
    portal, invoice = on_second(second), facts()
    deposit(portal, invoice)
    second.arm(behaviour="other_id", number=invoice.number)
    second.buyer(number=invoice.number, status="REJETEE", reason="Non")
    second.disarm()
    portal.close()

    held = [one for one in read_ledger(second_file).invoices if one.number == invoice.number]

    assert [one.status for one in held] == ["REJETEE"]


def test_a_rejection_is_shown_as_long_as_searches_may_lag() -> None:
    """A buyer that accepts after all is seen by a later search only; then it is owed."""
    noon, day = datetime(2026, 2, 5, 12, tzinfo=UTC), timedelta(days=1)
    held = HeldInvoice(
        id=1,
        number="F-1",
        kind="FACTURE",
        buyer_siret=PLAIN,
        status="MANDATEE",
        gross=Decimal(1),
        flux_number="",
        preceding="",
        shown_at=noon,
        statuses=((noon, "REJETEE"), (noon + day, "MANDATEE")),
        lag=day,
    )
    shown = [held.was_rejected(noon + hours * day / 24) for hours in (-1, 1, 25, 47, 49)]

    assert shown == [False, True, True, True, False]
