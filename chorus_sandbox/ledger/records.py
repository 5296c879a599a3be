"""What the ledger holds, as values."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum


class FluxState(StrEnum):
    """States of a flux the sandbox uses (§3.2)."""

    WAITING = "IN_DEPOT_PORTAIL_EN_ATTENTE_TRAITEMENT_SE_CPP"
    RUNNING = "IN_EN_COURS_TRAITEMENT_CPP"
    INTEGRATED = "IN_INTEGRE"
    PARTIAL = "IN_INTEGRE_PARTIEL"
    REFUSED = "IN_REJETE"
    INCIDENT = "IN_INCIDENTE"


@dataclass(frozen=True, slots=True, kw_only=True)
class TechnicalError:
    """One line of ``listeErreurTechnique``: the file cannot be read as its syntax wants."""

    nature: str
    code: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedInvoice:
    """One line of ``listeErreurDP``: an invoice that was read and refused."""

    seller: str  # seller identifier as written in the file
    buyer: str  # buyer identifier as written in the file
    number: str  # BT-1 as written in the file
    text: str  # the faults, joined and cut as the portal does


@dataclass(frozen=True, slots=True, kw_only=True)
class FluxRecord:
    """A flux that was deposited, without its bytes."""

    id: int  # rank of the deposit in this ledger, from 1
    number: str  # ``numeroFluxDepot``
    syntax: str  # ``syntaxeFlux``
    interface: str  # ``codeInterfaceDepotFlux``
    file_name: str  # name given by the depositor
    size: int  # length of the bytes
    sha256: str  # hexadecimal digest of the bytes
    deposited_at: datetime  # instant the deposit was recorded
    due_at: datetime  # instant its verdict is due
    state: FluxState  # current state
    state_at: datetime  # instant of that state
    technical_errors: tuple[TechnicalError, ...]  # why the file was refused as a whole
    refused_invoices: tuple[RefusedInvoice, ...]  # the invoices refused
    reports: int  # reports answered so far, while they still change what is answered
    index_delay: timedelta  # time between the integration of its invoices and their being found
    incident: bool  # an injected fault: its verdict is an incident whatever the file is worth
    turned_away: bool  # an injected fault: the same, with a rejection
    unchecked: bool  # an injected fault: the uniqueness of its invoices is not controlled


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInvoice:
    """An invoice the controls accepted, about to be integrated."""

    seller_siret: str  # BT-30
    seller_name: str  # designation of the seller in the directory
    buyer_siret: str  # BT-47
    buyer_name: str  # designation of the buyer in the directory
    service_code: str  # BT-10, empty when absent
    service_name: str  # label of the service in the directory
    number: str  # BT-1
    issued_on: date  # BT-2
    kind: str  # ``FACTURE``, ``AVOIR`` or ``ACOMPTE``
    framework: str  # BT-23
    currency: str  # BT-5
    net: Decimal  # BT-109, without VAT
    gross: Decimal  # BT-112, with VAT
    due: Decimal  # BT-115, to be paid
    contract: str  # BT-12, empty when absent
    engagement: str  # BT-13, empty when absent
    preceding: str  # BT-25, empty when absent


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceRecord(NewInvoice):
    """An integrated invoice, with what it says."""

    id: int  # ``identifiantFactureCPP``
    flux_number: str  # ``numeroFluxDepot`` of its flux; empty when it was keyed by hand
    deposited_on: date  # day of the deposit in Paris
    status: str  # current status
    status_at: datetime  # instant of that status
    comment: str  # the buyer's reason for it, or the supplier's answer; empty when none
    file_name: str  # its file: the deposited one, or one of the lot
    indexed_at: datetime  # instant from which the supplier finds and reads it
    rejection_handled: bool  # ``rejetTraite``: whether the supplier acknowledged its rejection


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRecord:
    """One row of the history of an invoice."""

    id: int
    code: str
    at: datetime
    comment: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file the supplier put on the portal (§2.8)."""

    id: int  # ``pieceJointeId``
    name: str  # file name
    media_type: str  # MIME type, as given
    extension: str  # upper case, without dot


@dataclass(frozen=True, slots=True)
class Joined:
    """An attachment joined to an invoice when it was completed (§2.7)."""

    attachment: Attachment  # the file
    id: int  # ``pieceJointeIdLiaison``
    designation: str  # what the supplier calls it
    type_code: str  # a code of ``recuperer/typespj``
    line: int | None  # the invoice line it belongs to, if any
