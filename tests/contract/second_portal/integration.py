"""What happens after a deposit: controls, verdict, invoices, replays (reference §8.2)."""

import hashlib
import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tests.contract.second_portal.behaviours import Behaviour, Moment, Operation
from tests.contract.second_portal.documents import Document, Unreadable, read_deposit
from tests.contract.second_portal.state import (
    INTEGRATED,
    PARTIAL,
    PENDING,
    REJECTED,
    Fault,
    Flux,
    Invoice,
    Needs,
    Passage,
    State,
    Structure,
)

PARIS = ZoneInfo("Europe/Paris")
DUPLICATE = "SIMULE - Le numero de facture existe deja pour ce fournisseur et cette annee."
UNKNOWN_SUPPLIER = (
    "L'identifiant fournisseur de la demande de paiement (balise : AccountingSupplierParty."
    "Party.PartyIdentification.ID.value) n'est pas reference dans notre systeme. "
)
# Interface and kind of file of each syntax (reference §3.1).
SYNTAXES = {
    "IN_DP_E1_UBL_INVOICE": ("1100", "ubl"),
    "IN_DP_E1_CII_16B": ("1106", "cii"),
    "IN_DP_E2_CII_FACTURX": ("1117", "facturx"),
    "IN_DP_E2_UBL_INVOICE_MIN": ("1110", "ubl"),
    "IN_DP_E2_CPP_FACTURE_MIN": ("1113", ""),
    "IN_DP_E2_CII_MIN_16B": ("1107", "cii"),
    "IN_DP_E1_CII": ("1105", "cii"),
    "IN_DP_E2_CII_MIN": ("1108", "cii"),
    "IN_DP_E1_PES_FACTURE": ("1102", ""),
    "IN_DP_E2_PES_FACTURE_MIN": ("1112", ""),
    "IN_DP_E1_XCBL": ("1103", ""),
    "IN_DP_PDFARCHIVE_UBL_INVOICE_MUG": ("1114", "ubl"),
    "IN_DP_PDFARCHIVE_CII_MUG": ("1115", "cii"),
}


def record(state: State, content: bytes, name: str, syntax: str, *, odd: bool = False) -> Flux:
    """Write a deposited file under a new flux number (reference §2.1)."""
    interface = SYNTAXES[syntax][0]
    number = f"CPP001{interface}{state.next_id():015}"
    if odd:
        number = f"cpp001/{interface} {number[10:]} é"
    flux = Flux(number, name, syntax, _keep(state, content), state.now.isoformat())
    try:
        for document, own in read_deposit(content):
            flux.documents.append(document)
            flux.files.append(_keep(state, own))
    except Unreadable as error:
        flux.unreadable = str(error)
    state.keep_flux(flux)
    return flux


def _keep(state: State, content: bytes) -> str:
    sha256 = hashlib.sha256(content).hexdigest()
    state.keep_file(sha256, content)
    return sha256


def settle(state: State, *, step: bool = False) -> None:
    """Decide what is due: by the clock, or by the test's step."""
    for flux in list(state.fluxes.values()):
        due = _after(flux.received, state.settings.integration_seconds)
        if flux.verdict == PENDING and (step or (not state.settings.by_step and state.now >= due)):
            _decide(state, flux)
        if flux.turns and datetime.fromisoformat(flux.turns) <= state.now:
            _turn(state, flux)


def _after(instant: str, seconds: float) -> datetime:
    return datetime.fromisoformat(instant) + timedelta(seconds=seconds)


def _decide(state: State, flux: Flux) -> None:
    moment = state.moment(Operation.INTEGRATION, [one.number for one in flux.documents])
    flux.decided = state.now.isoformat()
    flux.faults = [Fault("IRRECEVABILITE: " + flux.unreadable)] if flux.unreadable else []
    late = moment.find(Behaviour.REJECTED_THEN_IN)
    kept = 0
    for document, file in zip(flux.documents, flux.files, strict=True):
        faults = list(_faults(state, moment, flux, document))
        if not faults and moment.has(Behaviour.REJECTED_THEN_IN, document.number):
            faults = [_fault(document, "SIMULE - Incident de controle.")]
        flux.faults += faults
        if not faults:
            kept += 1
            for _ in range(1 + moment.has(Behaviour.INTEGRATED_TWICE, document.number)):
                _integrate(state, moment, flux, document, file)
    flux.verdict = _verdict(flux, kept)
    turning = late or moment.first(
        [Behaviour.IN_THEN_REJECTED] if flux.verdict == INTEGRATED else [Behaviour.REPLAYED]
    )
    if turning:
        hours = turning.parameter("hours", 72)
        flux.turns = (state.now + timedelta(hours=hours)).isoformat()
        flux.turns_to = REJECTED if flux.verdict == INTEGRATED else INTEGRATED
    state.keep_armed()
    state.keep_flux(flux)


def _turn(state: State, flux: Flux) -> None:
    """Replay a flux with the contrary verdict, uniqueness being controlled once more."""
    moment = state.moment(Operation.INTEGRATION, [one.number for one in flux.documents])
    flux.turns, flux.decided = "", state.now.isoformat()
    mine = [one for one in state.invoices.values() if one.flux == flux.number]
    if flux.turns_to == REJECTED:
        flux.faults = [_fault(one, "SIMULE - Rejet apres integration.") for one in flux.documents]
        for invoice in mine:
            invoice.living = False
            state.keep_invoice(invoice)
    else:
        flux.faults = []
        held = {one.document.unique for one in mine}
        for document, file in zip(flux.documents, flux.files, strict=True):
            if document.unique not in held and _is_taken(state, moment, document):
                flux.faults.append(_fault(document, DUPLICATE, duplicate=True))
            elif document.unique not in held:
                _integrate(state, moment, flux, document, file)
    flux.verdict = _verdict(flux, kept=len(flux.documents) - len(flux.faults))
    state.keep_flux(flux)


def _verdict(flux: Flux, kept: int) -> str:
    """Integrated, in part, or rejected: by what was kept (reference §3.2)."""
    if not flux.documents:
        return REJECTED
    return (PARTIAL if kept else REJECTED) if flux.faults else INTEGRATED


def _integrate(state: State, moment: Moment, flux: Flux, document: Document, file: str) -> None:
    last = max(state.invoices.values(), key=lambda one: one.rank, default=None)
    again = last is not None and moment.has(Behaviour.TWO_IN_ONE, document.number)
    add_invoice(state, document, flux.number, file, cpp_id=last.cpp_id if last and again else 0)


def add_invoice(state: State, document: Document, flux: str, file: str, cpp_id: int = 0) -> Invoice:
    """Create an invoice that its buyer may read (reference §8.3)."""
    rank = state.next_id()
    now = state.now.isoformat()
    invoice = Invoice(rank, cpp_id or 8_000_000 + rank, document, flux, now, file)
    for status in ("DEPOSEE", "EN_COURS_ACHEMINEMENT", "MISE_A_DISPOSITION"):
        invoice.passages.append(Passage(status, now))
    state.keep_invoice(invoice)
    return invoice


def _is_taken(state: State, moment: Moment, document: Document) -> bool:
    """Whether an invoice holds the number, even rejected by its buyer (reference §4.4)."""
    facts = 2 if moment.has(Behaviour.UNIQUE_FOREVER, document.number) else 3
    frees = moment.has(Behaviour.REJECTED_FREES, document.number)
    return any(
        one.living
        and one.document.unique[:facts] == document.unique[:facts]
        and not (frees and one.passages[-1].status == "REJETEE")
        for one in state.invoices.values()
    )


def _fault(document: Document, text: str, *, duplicate: bool = False) -> Fault:
    return Fault(text, document.number, document.supplier, document.buyer, duplicate)


def _faults(state: State, moment: Moment, flux: Flux, document: Document) -> list[Fault]:
    reasons = [*_of_file(flux, document), *_of_parties(state, document)]
    faults = [_fault(document, "|".join(reasons)[:200])] if reasons else []
    unique = not moment.has(Behaviour.UNIQUENESS_OFF, document.number)
    false = moment.has(Behaviour.DUPLICATE_FALSE, document.number)
    if false or (unique and _is_taken(state, moment, document)):
        faults.append(_fault(document, DUPLICATE, duplicate=True))
    return faults


def _of_file(flux: Flux, document: Document) -> list[str]:
    """Controls of the file alone (reference §3.7, §4.3)."""
    today = datetime.fromisoformat(flux.received).astimezone(PARIS).date().isoformat()
    form = SYNTAXES[flux.syntax][1]
    controls = {
        "SIMULE - La syntaxe du flux n'est pas celle du fichier.": document.form != form,
        "Le champ identifiant de la facture (FichierXml.ExchangedDocument.ID.value) ne doit pas "
        "depasser 20 caracteres": len(document.number) > 20,
        "SIMULE - Caractere interdit dans le numero.": not re.fullmatch(
            "[A-Za-z0-9 +_/-]*", document.number
        ),
        "L'element FichierXml.SupplyChainTradeTransaction.ApplicableHeaderTradeSettlement."
        "SpecifiedTradeSettlementPaymentMeans.TypeCode.value est "
        "obligatoire.": not document.payment_means,
        "SIMULE - Cadre de facturation inconnu (G1.02).": not re.fullmatch(
            r"(A([1-9]|1\d|2[0-5]))?", document.process
        ),
        "SIMULE - Type de facture refuse.": document.type_code in {"261", "751"},
        "SIMULE - Date de facture posterieure au depot.": document.issued > today,
    }
    return [text for text, wrong in controls.items() if wrong]


def _of_parties(state: State, document: Document) -> list[str]:
    """Controls against the directory (reference §4.4, §6)."""
    supplier, buyer = (state.structures.get(one) for one in (document.supplier, document.buyer))
    if not supplier or not supplier.is_active(state.now):
        return [UNKNOWN_SUPPLIER]
    if not buyer or not buyer.is_active(state.now):
        return ["SIMULE - Le destinataire est inconnu ou inactif."]
    return _of_demands(supplier, buyer, document)


def _of_demands(supplier: Structure, buyer: Structure, document: Document) -> list[str]:
    service = next((one for one in buyer.services if one.code == document.service), None)
    if document.service and (not service or not service.active):
        return ["SIMULE - Le code service est inconnu ou inactif."]
    if document.service == "FACTURES_PUBLIQUES" and not supplier.public:
        return ["SIMULE - Service reserve aux factures entre entites publiques."]
    controls = {
        "SIMULE - Le code service est obligatoire.": buyer.needs in {Needs.SERVICE, Needs.BOTH}
        and not document.service,
        "SIMULE - Le numero d'engagement est obligatoire.": not document.engagement
        and (buyer.needs in {Needs.ENGAGEMENT, Needs.BOTH} or bool(service and service.engagement)),
        "SIMULE - Code service ou engagement obligatoire.": buyer.needs is Needs.EITHER
        and not (document.service or document.engagement),
    }
    return [text for text, wrong in controls.items() if wrong]
