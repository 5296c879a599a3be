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
    """One line of ``listeErreurDP``: an invoice that was read and refused.

    Attributes:
        seller: seller identifier as written in the file.
        buyer: buyer identifier as written in the file.
        number: BT-1 as written in the file.
        text: the faults, joined and cut as the portal does.
    """

    seller: str
    buyer: str
    number: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FluxRecord:
    """A flux that was deposited, without its bytes.

    Attributes:
        id: rank of the deposit in this ledger, from 1.
        number: ``numeroFluxDepot``.
        syntax: ``syntaxeFlux``.
        interface: ``codeInterfaceDepotFlux``.
        file_name: name given by the depositor.
        size: length of the bytes.
        sha256: hexadecimal digest of the bytes.
        deposited_at: instant the deposit was recorded.
        due_at: instant its verdict is due.
        state: current state.
        state_at: instant of that state.
        technical_errors: why the file was refused as a whole.
        refused_invoices: the invoices refused.
        reports: reports answered so far, while they still change what is answered.
        index_delay: time between the integration of its invoices and their being found.
        incident: whether its verdict is an incident whatever the file is worth: an injected fault.
    """

    id: int
    number: str
    syntax: str
    interface: str
    file_name: str
    size: int
    sha256: str
    deposited_at: datetime
    due_at: datetime
    state: FluxState
    state_at: datetime
    technical_errors: tuple[TechnicalError, ...]
    refused_invoices: tuple[RefusedInvoice, ...]
    reports: int
    index_delay: timedelta
    incident: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInvoice:
    """An invoice the controls accepted, about to be integrated.

    Attributes:
        seller_siret: BT-30.
        seller_name: designation of the seller in the directory.
        buyer_siret: BT-47.
        buyer_name: designation of the buyer in the directory.
        service_code: BT-10, empty when absent.
        service_name: label of the service in the directory.
        number: BT-1.
        issued_on: BT-2.
        kind: ``FACTURE``, ``AVOIR`` or ``ACOMPTE``.
        framework: BT-23.
        currency: BT-5.
        net: BT-109, without VAT.
        gross: BT-112, with VAT.
        due: BT-115, to be paid.
        contract: BT-12, empty when absent.
        engagement: BT-13, empty when absent.
        preceding: BT-25, empty when absent.
    """

    seller_siret: str
    seller_name: str
    buyer_siret: str
    buyer_name: str
    service_code: str
    service_name: str
    number: str
    issued_on: date
    kind: str
    framework: str
    currency: str
    net: Decimal
    gross: Decimal
    due: Decimal
    contract: str
    engagement: str
    preceding: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceRecord:
    """An integrated invoice.

    Attributes:
        id: ``identifiantFactureCPP``.
        flux_number: ``numeroFluxDepot`` of its flux.
        deposited_on: day of the deposit in Paris.
        status: current status.
        status_at: instant of that status.
        comment: the buyer's reason for it, or the supplier's answer; empty when none.
        file_name: its file: the deposited one, or one of the lot.
        indexed_at: instant from which the supplier finds and reads it.
        rejection_handled: ``rejetTraite``: whether the supplier acknowledged its rejection.
        content: what the invoice says.
    """

    id: int
    flux_number: str
    deposited_on: date
    status: str
    status_at: datetime
    comment: str
    file_name: str
    indexed_at: datetime
    rejection_handled: bool
    content: NewInvoice


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRecord:
    """One row of the history of an invoice."""

    id: int
    code: str
    at: datetime
    comment: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file the supplier put on the portal (§2.8).

    Attributes:
        id: ``pieceJointeId``.
        name: file name.
        media_type: MIME type, as given.
        extension: upper case, without dot.
    """

    id: int
    name: str
    media_type: str
    extension: str


@dataclass(frozen=True, slots=True)
class Joined:
    """An attachment joined to an invoice when it was completed (§2.7).

    Attributes:
        attachment: the file.
        id: ``pieceJointeIdLiaison``.
        designation: what the supplier calls it.
        type_code: a code of ``recuperer/typespj``.
        line: the invoice line it belongs to, if any.
    """

    attachment: Attachment
    id: int
    designation: str
    type_code: str
    line: int | None
