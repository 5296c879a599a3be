"""One contract, two portals: the one in memory, and the real client on the sandbox process.

What these tests prove of the portal in memory makes every test that uses it worth something.
"""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.contract.sandbox import Sandbox, choruspro
from tests.portal_documents import cii, read_cii
from worker.document import DocumentKind
from worker.errors import PortalAccessRefused, PortalAnswerError
from worker.money import Money
from worker.portals import (
    BuyerStatus,
    DepositAnswer,
    DepositOutcome,
    FluxState,
    FoundInvoice,
    Portal,
    ServiceRecord,
    StructureRecord,
    SupportingFile,
)
from worker.portals.choruspro_settings import Secret
from worker.portals.memory import Condition, DepositedFacts, MemoryPortal

PLAIN = "12345678200051"
"""A recipient that demands nothing."""
STRICT = "12345678200044"
"""Demands a service and an engagement."""
EITHER = "12345678200127"
"""Demands one of the two."""
CLOSED = "12345678200101"
"""Inactive."""
SERVICES = "12345678200135"
"""Has services of several kinds."""
CROWDED = "12345678200150"
"""Has 218 services."""
UNKNOWN = "12345678299999"
PRIVATE_SUPPLIER, PUBLIC_SUPPLIER = "33254021516357", "00001000900017"

ISSUED = date(2026, 1, 15)


Buyer = Callable[[FoundInvoice, str, str], None]
"""Gives an invoice a status (the portal's word), with a comment."""


@dataclass(frozen=True, kw_only=True)
class Portals:
    """A portal that works, the buyers on it, and others whose credentials are wrong."""

    usable: Portal
    buyer: Buyer
    locked_out: tuple[Portal, ...]


def in_memory() -> MemoryPortal:
    """The portal in memory, with the part of the sandbox's directory that the tests use."""

    def known(
        siret: str, *, active: bool = True, both: bool = False, either: bool = False
    ) -> StructureRecord:
        return StructureRecord(
            portal_id=int(siret[-5:]),
            siret=siret,
            name=f"STRUCTURE {siret}",
            active=active,
            service_code_required=both,
            engagement_required=both,
            service_or_engagement_required=either,
            works_only=False,
            payment_not_reported=False,
        )

    def service(code: str, *, active: bool = True, engagement: bool = False) -> ServiceRecord:
        return ServiceRecord(code=code, name=code, active=active, engagement_required=engagement)

    kinds = (
        service("LIBRE"),
        service("AVEC_EJ", engagement=True),
        service("FERME", active=False),
        replace(service("EXPIRE"), valid_to=date(2020, 12, 31)),
    )
    supplier = replace(known(PUBLIC_SUPPLIER), password_expires=date(2099, 12, 31))
    return MemoryPortal(
        read=read_cii,
        structures=[
            known(PLAIN),
            known(STRICT, both=True),
            known(EITHER, either=True),
            known(CLOSED, active=False),
            known(SERVICES),
            known(CROWDED),
            supplier,
            replace(supplier, siret=PRIVATE_SUPPLIER, public=False),
        ],
        services={
            SERVICES: kinds,
            CROWDED: [service(f"SRV{rank:03d}") for rank in range(1, 219)],
        },
    )


@pytest.fixture(params=["memory", "sandbox"])
def portals(request: pytest.FixtureRequest) -> Iterator[Portals]:
    """Each implementation in turn."""
    if request.param == "memory":
        locked_out = in_memory()
        locked_out.condition = Condition.CLOSED_TO_US
        usable = in_memory()
        yield Portals(
            usable=usable,
            buyer=lambda found, status, comment: usable.decide(found.number, status, comment),
            locked_out=(locked_out,),
        )
        return
    sandbox: Sandbox = request.getfixturevalue("sandbox")
    clients = (
        choruspro(sandbox.url),
        choruspro(sandbox.url, client_secret=Secret("un-autre-secret")),
        choruspro(sandbox.url, technical_password=Secret("un-autre-mot-de-passe")),
    )
    yield Portals(usable=clients[0], buyer=sandbox.decide, locked_out=clients[1:])
    for one in clients:
        one.close()


@pytest.fixture
def portal(portals: Portals) -> Portal:
    """The one that works."""
    return portals.usable


@pytest.fixture
def buyer(portals: Portals) -> Buyer:
    """What decides at the buyer's."""
    return portals.buyer


def facts(recipient: str = PLAIN, *, number: str = "", cents: int = 319_680) -> DepositedFacts:
    """An invoice nobody deposited yet, unless its number is given."""
    return DepositedFacts(
        number=number or f"F-{uuid.uuid4().hex[:12]}",
        issue_date=ISSUED,
        recipient=recipient,
        gross=Money(cents),
    )


def deposit(portal: Portal, what: DepositedFacts) -> DepositAnswer:
    """The answer to its deposit as CII."""
    return portal.deposit(file_name=f"{what.number}.xml", kind=DocumentKind.CII, content=cii(what))


def integrated(portal: Portal) -> FoundInvoice:
    """A new invoice that the portal holds."""
    invoice = facts()
    deposit(portal, invoice)
    (found,) = portal.search(invoice_number=invoice.number)
    return found


def again(portal: Portal, found: FoundInvoice) -> FoundInvoice:
    """The same invoice, as it is now."""
    (now,) = portal.search(invoice_number=found.number)
    return now


def ids(found: tuple[FoundInvoice, ...]) -> set[int]:
    """What tells invoices apart."""
    return {invoice.cpp_id for invoice in found}


def test_signing_in_with_good_credentials_says_nothing(portal: Portal) -> None:
    """Neither the first time nor the next."""
    portal.sign_in()
    portal.sign_in()


def test_accepted_deposit_ends_integrated_and_is_found(portal: Portal) -> None:
    """A number at once, the verdict later, then the invoice as we made it."""
    invoice = facts()
    answer = deposit(portal, invoice)
    assert answer.outcome is DepositOutcome.ACCEPTED
    assert answer.flux_number
    assert answer.deposit_date is not None
    report = portal.integration_report(answer.flux_number)
    assert (report.state, report.raw_state, report.errors) == (
        FluxState.INTEGRATED,
        "IN_INTEGRE",
        (),
    )
    (by_number,) = portal.search(invoice_number=invoice.number)
    (by_flux,) = portal.search(flux_number=answer.flux_number)
    assert by_number == by_flux
    assert (by_number.number, by_number.issue_date) == (invoice.number, ISSUED)
    assert (by_number.recipient, by_number.gross) == (PLAIN, invoice.gross)
    assert by_number.flux_number == answer.flux_number
    assert by_number.status is BuyerStatus.IN_PROGRESS
    assert by_number.status_at is not None
    assert by_number.status_at.utcoffset() is not None


def test_history_of_an_integrated_invoice(portal: Portal) -> None:
    """The current status is among those it went through."""
    invoice = facts()
    deposit(portal, invoice)
    (found,) = portal.search(invoice_number=invoice.number)
    history = portal.history(found.cpp_id)
    assert (history.cpp_id, history.status) == (found.cpp_id, found.status)
    assert history.raw_status in {entry.raw_status for entry in history.entries}
    assert all(len(entry.at) == len("2018-04-19 11:09") for entry in history.entries)


def test_what_changed_in_a_period_is_found_bounds_included(portal: Portal, buyer: Buyer) -> None:
    """A period is told by the instant of the current status, as searches show it."""
    still, moving = integrated(portal), integrated(portal)
    buyer(moving, "SUSPENDUE", "Bon de livraison manquant")
    moved = again(portal, moving)
    assert moved.status_at is not None
    assert still.status_at is not None
    at_once = portal.changed(moved.status_at, moved.status_at)
    assert moved in at_once
    assert (moved.status, moved.comment) == (BuyerStatus.SUSPENDED, "Bon de livraison manquant")
    assert ids((still, moving)) <= ids(portal.changed(still.status_at, datetime.now(UTC)))
    later = moved.status_at + timedelta(minutes=1)
    assert not ids(portal.changed(later, later + timedelta(days=1))) & ids((still, moving))


def test_what_the_portal_holds_is_what_was_deposited(portal: Portal) -> None:
    """Number, recipient, amount and status of one invoice; no file beside it yet."""
    found = integrated(portal)
    held = portal.held(found.cpp_id)
    assert (held.cpp_id, held.number, held.recipient) == (found.cpp_id, found.number, PLAIN)
    assert (held.gross, held.raw_status, held.status) == (
        found.gross,
        found.raw_status,
        found.status,
    )
    assert (held.service_code, held.engagement, held.attachments) == ("", "", ())


def test_document_and_receipt_can_be_kept(portal: Portal) -> None:
    """The document the buyer sees, and the report as a PDF; none for a flux nobody knows."""
    found = integrated(portal)
    assert portal.download(found.cpp_id)
    receipt = portal.receipt(found.flux_number)
    assert receipt is not None
    assert receipt.startswith(b"%PDF")
    assert portal.receipt("CPP0011106000000999999999") is None


def test_suspended_invoice_is_completed_once(portal: Portal, buyer: Buyer) -> None:
    """Its files are beside it, it goes on, and completing it again is refused."""
    found = integrated(portal)
    files = [SupportingFile(name="BL-118.pdf", content=b"%PDF-1.7 un bon")]
    with pytest.raises(PortalAnswerError):
        portal.complete(found.cpp_id, comment="Bon joint", files=files)
    buyer(found, "SUSPENDUE", "Bon de livraison manquant")
    portal.complete(found.cpp_id, comment="Bon joint", files=files)
    held = portal.held(found.cpp_id)
    assert (held.raw_status, held.attachments) == ("COMPLETEE", ("BL-118.pdf",))
    words = {entry.raw_status for entry in portal.history(found.cpp_id).entries}
    assert {"SUSPENDUE", "COMPLETEE"} <= words
    with pytest.raises(PortalAnswerError):
        portal.complete(found.cpp_id, comment="Bon joint", files=files)
    assert portal.held(found.cpp_id).attachments == ("BL-118.pdf",)


def test_acknowledged_rejection_says_so(portal: Portal, buyer: Buyer) -> None:
    """The portal keeps that we saw it; the rejection itself stays."""
    found = integrated(portal)
    buyer(found, "REJETEE", "Montant erroné")
    rejected = again(portal, found)
    assert (rejected.status, rejected.acknowledged) == (BuyerStatus.REJECTED, False)
    portal.acknowledge_rejection(found.cpp_id)
    seen = again(portal, found)
    assert (seen.status, seen.acknowledged) == (BuyerStatus.REJECTED, True)


def test_invoice_nobody_knows_is_an_error(portal: Portal) -> None:
    """Whatever is asked about it."""
    for ask in (portal.held, portal.download, portal.history, portal.acknowledge_rejection):
        with pytest.raises(PortalAnswerError):
            ask(999_999_999)
    with pytest.raises(PortalAnswerError):
        portal.complete(999_999_999, comment="Bon joint", files=[])


@pytest.mark.parametrize("recipient", [UNKNOWN, CLOSED])
def test_recipient_that_cannot_receive_ends_rejected(portal: Portal, recipient: str) -> None:
    """The deposit is accepted all the same; the report names the invoice and says why."""
    invoice = facts(recipient)
    answer = deposit(portal, invoice)
    assert answer.outcome is DepositOutcome.ACCEPTED
    report = portal.integration_report(answer.flux_number)
    assert report.state is FluxState.REJECTED
    (error,) = report.errors
    assert (error.invoice_number, error.recipient) == (invoice.number, recipient)
    assert "inconnu" in report.text
    assert portal.search(invoice_number=invoice.number) == ()


def test_duplicate_is_refused_and_the_first_lives(portal: Portal) -> None:
    """The portal's uniqueness control: two fluxes, one invoice, the first one."""
    invoice = facts()
    first = deposit(portal, invoice)
    second = deposit(portal, facts(number=invoice.number, cents=1))
    assert second.outcome is DepositOutcome.ACCEPTED
    assert second.flux_number != first.flux_number
    assert portal.integration_report(second.flux_number).state is FluxState.REJECTED
    (found,) = portal.search(invoice_number=invoice.number)
    assert (found.flux_number, found.gross) == (first.flux_number, invoice.gross)
    assert portal.search(flux_number=second.flux_number) == ()


def test_number_may_be_used_again_after_a_rejection(portal: Portal) -> None:
    """Nothing was integrated: the corrected file is taken under the same number."""
    wrong = facts(UNKNOWN)
    deposit(portal, wrong)
    again = deposit(portal, facts(number=wrong.number))
    assert portal.integration_report(again.flux_number).state is FluxState.INTEGRATED


def test_unreadable_file_is_rejected_without_naming_an_invoice(portal: Portal) -> None:
    """A technical error concerns the file."""
    answer = portal.deposit(file_name="F.xml", kind=DocumentKind.CII, content=b"<not><xml>")
    assert answer.outcome is DepositOutcome.ACCEPTED
    report = portal.integration_report(answer.flux_number)
    assert report.state is FluxState.REJECTED
    assert {error.invoice_number for error in report.errors} == {""}
    assert report.text


def test_statement_is_not_something_to_deposit(portal: Portal) -> None:
    """What is no invoice is refused without being recorded."""
    answer = portal.deposit(file_name="F.pdf", kind=DocumentKind.STATEMENT, content=b"%PDF")
    assert (answer.outcome, answer.flux_number) == (DepositOutcome.REFUSED, "")


def test_unknown_flux_is_pending(portal: Portal) -> None:
    """It may not be indexed yet: neither success nor failure."""
    report = portal.integration_report("CPP0011106000000999999999")
    assert (report.state, report.errors) == (FluxState.PENDING, ())


def test_search_for_an_unknown_number_is_empty(portal: Portal) -> None:
    """Absence is an answer, not an error."""
    assert portal.search(invoice_number="F-INCONNUE") == ()
    assert portal.search(flux_number="CPP0011106000000999999999") == ()


def test_search_without_criterion_is_a_mistake(portal: Portal) -> None:
    """Nobody asks for everything."""
    with pytest.raises(ValueError, match="number"):
        portal.search()


def test_wrong_credentials_are_refused_everywhere(portals: Portals) -> None:
    """Signing in and reading raise; a deposit answers, since the caller must record it."""
    assert portals.locked_out
    for portal in portals.locked_out:
        with pytest.raises(PortalAccessRefused):
            portal.sign_in()
        with pytest.raises(PortalAccessRefused):
            portal.search(invoice_number="F-1")
        with pytest.raises(PortalAccessRefused):
            portal.complete(1, comment="Bon joint", files=[])
        with pytest.raises(PortalAccessRefused):
            portal.acknowledge_rejection(1)
        assert deposit(portal, facts()).outcome is DepositOutcome.UNAUTHORISED


def test_structures_say_what_they_demand(portal: Portal) -> None:
    """The four facts of the directory that decide an invoice."""
    demands = {}
    for siret in (PLAIN, STRICT, EITHER):
        found = portal.structure(siret)
        assert found is not None
        assert (found.siret, found.active) == (siret, True)
        demands[siret] = (
            found.service_code_required,
            found.engagement_required,
            found.service_or_engagement_required,
        )
    assert demands == {
        PLAIN: (False, False, False),
        STRICT: (True, True, False),
        EITHER: (False, False, True),
    }


def test_unknown_and_inactive_structures_differ(portal: Portal) -> None:
    """One does not exist; the other exists and cannot receive."""
    assert portal.structure(UNKNOWN) is None
    closed = portal.structure(CLOSED)
    assert closed is not None
    assert not closed.active


def test_our_own_structure_says_its_nature_and_when_the_password_expires(portal: Portal) -> None:
    """A supplier may be private or public; the technical account's password has a last day."""
    found = {siret: portal.structure(siret) for siret in (PRIVATE_SUPPLIER, PUBLIC_SUPPLIER)}
    natures = {siret: one.public for siret, one in found.items() if one is not None}
    assert natures == {PRIVATE_SUPPLIER: False, PUBLIC_SUPPLIER: True}
    assert all(one and one.password_expires == date(2099, 12, 31) for one in found.values())


def test_a_service_past_its_last_day_still_says_so(portal: Portal) -> None:
    """Active by name, over by date: both facts are told, and the caller judges."""
    structure = portal.structure(SERVICES)
    assert structure is not None
    expired = portal.service(structure, "EXPIRE")
    assert expired is not None
    assert (expired.active, expired.valid_to) == (True, date(2020, 12, 31))


def test_services_say_what_they_demand(portal: Portal) -> None:
    """Active or not, with an engagement or not, and exact codes only."""
    structure = portal.structure(SERVICES)
    assert structure is not None
    found = {}
    for code in ("LIBRE", "AVEC_EJ", "FERME"):
        service = portal.service(structure, code)
        assert service is not None
        found[service.code] = (service.active, service.engagement_required)
    assert found == {"LIBRE": (True, False), "AVEC_EJ": (True, True), "FERME": (False, False)}
    assert portal.service(structure, "libre") is None
    assert portal.service(structure, "INCONNU") is None


def test_service_past_the_first_page_is_found(portal: Portal) -> None:
    """The 218th service exists as much as the first."""
    structure = portal.structure(CROWDED)
    assert structure is not None
    service = portal.service(structure, "SRV218")
    assert service is not None
    assert service.active
