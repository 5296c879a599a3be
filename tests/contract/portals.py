"""What the contract tests share: the portals, their directory, invoices to deposit."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

from tests.support.memory_ledger import DepositedFacts
from tests.support.memory_portal import MemoryPortal
from tests.support.portal_documents import cii, read_cii
from worker.billing.money import Money
from worker.billing.standard import DepositSyntax
from worker.portals import (
    DepositAnswer,
    FoundInvoice,
    Portal,
    ServiceRecord,
    StructureRecord,
)
from worker.portals.choruspro.status_words import (
    buyer_status,
)

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
            portal_id=siret[-5:],
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
        status_of=buyer_status,
        services={
            SERVICES: kinds,
            CROWDED: [service(f"SRV{rank:03d}") for rank in range(1, 219)],
        },
    )


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
    return portal.deposit(
        file_name=f"{what.number}.xml", syntax=DepositSyntax.CII, content=cii(what)
    )


def integrated(portal: Portal) -> FoundInvoice:
    """A new invoice that the portal holds."""
    invoice = facts()
    deposit(portal, invoice)
    (found,) = portal.find(invoice_number=invoice.number)
    return found


def again(portal: Portal, found: FoundInvoice) -> FoundInvoice:
    """The same invoice, as it is now."""
    (now,) = portal.find(invoice_number=found.number)
    return now
