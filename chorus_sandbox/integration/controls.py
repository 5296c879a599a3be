"""Functional controls: what an invoice that is valid XML is still refused for (§3.7, §4.3, §8.2).

Each control yields sentences without accents. Those recorded from the portal are given as they
were read; the others start with ``SIMULE - ``.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal, InvalidOperation

from chorus_sandbox.directory import PUBLIC_ONLY_SERVICE, Directory, Service, Structure
from chorus_sandbox.integration.documents import Read
from chorus_sandbox.ledger.records import NewInvoice

DUPLICATE = "SIMULE - Doublon : numero (BT-1) deja pris cette annee pour ce fournisseur"

_LONGEST_REPORT = 200
_LONGEST_NUMBER = 20
_LONGEST_SERVICE = 100
_LONGEST_REFERENCE = 50
_MOST_DIGITS, _MOST_DECIMALS = 19, 6

_NUMBER = re.compile(r"[A-Za-z0-9 +_/-]+")
_SIRET = re.compile(r"[0-9]{14}")
_SERVICE = re.compile(r"[\w -]+")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_FRAMEWORKS = frozenset(f"A{rank}" for rank in range(1, 26))
_TYPES = frozenset(("380", "381", "384", "386", "389"))
_CREDIT_NOTE = "381"
_KINDS = {_CREDIT_NOTE: "AVOIR", "386": "ACOMPTE"}
_MEANS = frozenset(("01", "1", "10", "20", "30", "31", "42", "48", "49", "58", "59", "97"))


def examine(
    invoice: Read, directory: Directory, *, deposited_on: date
) -> NewInvoice | tuple[str, ...]:
    """The invoice to integrate, or all it is refused for; uniqueness is looked at elsewhere.

    Args:
        invoice: the invoice.
        directory: the known structures.
        deposited_on: day of the deposit in Paris.
    """
    seller = directory.by_siret(invoice.seller)
    buyer = directory.by_siret(invoice.buyer)
    net, gross, due = (read_amount(text) for text in (invoice.net, invoice.gross, invoice.due))
    found = (
        *_number(invoice),
        *_header(invoice, deposited_on),
        *_seller(invoice, seller),
        *_buyer(invoice, buyer, seller, deposited_on),
        *_payment(invoice),
        *_amounts(invoice),
    )
    # The faults already tell each of these absences: saying it again is for the type checker.
    if found or not (seller and buyer and invoice.issued_on):
        return found
    if net is None or gross is None or due is None:
        return found
    service = buyer.service(invoice.service)
    return NewInvoice(
        seller_siret=seller.siret,
        seller_name=seller.name,
        buyer_siret=buyer.siret,
        buyer_name=buyer.name,
        service_code=invoice.service,
        service_name=service.name if service else "",
        number=invoice.number,
        issued_on=invoice.issued_on,
        kind=_KINDS.get(invoice.type_code, "FACTURE"),
        framework=invoice.framework,
        currency=invoice.currency,
        net=net,
        gross=gross,
        due=due,
        contract=invoice.contract,
        engagement=invoice.engagement,
        preceding=invoice.preceding,
    )


def report(texts: Iterable[str]) -> str:
    """``libelleErreurDP``: joined by ``|``, without accents, cut at 200 characters (§2.2)."""
    return plain("|".join(texts))[:_LONGEST_REPORT]


def plain(text: str) -> str:
    """The text without accents, as the portal's reports are."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def _number(invoice: Read) -> Iterator[str]:
    tag = invoice.tags["number"]
    if not invoice.number:
        yield "SIMULE - Numero de facture (BT-1) absent"
    elif len(invoice.number) > _LONGEST_NUMBER:
        yield (
            f"Le champ identifiant de la facture ({tag}) ne doit pas depasser"
            f" {_LONGEST_NUMBER} caracteres"
        )
    elif not _NUMBER.fullmatch(invoice.number):
        yield "SIMULE - Numero de facture (BT-1) avec un caractere interdit"


def _header(invoice: Read, deposited_on: date) -> Iterator[str]:
    if invoice.framework not in _FRAMEWORKS:
        yield "SIMULE - Cadre de facturation (BT-23) hors de A1 a A25"
    if invoice.type_code not in _TYPES:
        yield "SIMULE - Type de facture (BT-3) non admis"
    if invoice.issued_on is None:
        yield "SIMULE - Date de facture (BT-2) illisible"
    elif invoice.issued_on > deposited_on:
        yield "SIMULE - Date de facture (BT-2) posterieure au depot"
    references = {"d'engagement (BT-13)": invoice.engagement, "de marche (BT-12)": invoice.contract}
    for named, reference in references.items():
        if len(reference) > _LONGEST_REFERENCE:
            yield f"SIMULE - Numero {named} de plus de {_LONGEST_REFERENCE} caracteres"


def _seller(invoice: Read, seller: Structure | None) -> Iterator[str]:
    tag = invoice.tags["seller"]
    if not _SIRET.fullmatch(invoice.seller):
        yield "SIMULE - Fournisseur (BT-30) : SIRET de 14 chiffres attendu"
    elif seller is None or not seller.active:
        yield (
            "L'identifiant fournisseur de la demande de paiement"
            f" (balise : {tag}) n'est pas reference dans notre systeme."
        )


def _buyer(
    invoice: Read, buyer: Structure | None, seller: Structure | None, day: date
) -> Iterator[str]:
    if not _SIRET.fullmatch(invoice.buyer):
        yield "SIMULE - Destinataire (BT-47) : SIRET de 14 chiffres attendu"
    elif buyer is None or not buyer.active:
        yield "SIMULE - Destinataire (BT-47) inconnu ou inactif"
    elif not buyer.public:
        yield "SIMULE - Destinataire (BT-47) qui n'est pas public"
    elif buyer.moa_only:
        yield "SIMULE - Destinataire (BT-47) reserve aux factures de travaux"
    else:
        yield from _routing(invoice, buyer, seller, day)


def _service(
    invoice: Read, service: Service | None, seller: Structure | None, day: date
) -> Iterator[str]:
    if len(invoice.service) > _LONGEST_SERVICE:
        yield f"SIMULE - Code service (BT-10) de plus de {_LONGEST_SERVICE} caracteres"
    elif not _SERVICE.fullmatch(invoice.service):
        yield f"Le champ ({invoice.tags['service']}) doit etre alphanumerique"
    elif service is None or not service.is_usable_on(day):
        yield "SIMULE - Code service (BT-10) inconnu ou inactif"
    elif service.code == PUBLIC_ONLY_SERVICE and (seller is None or not seller.public):
        yield f"SIMULE - Service {PUBLIC_ONLY_SERVICE} reserve aux fournisseurs publics"


def _routing(invoice: Read, buyer: Structure, seller: Structure | None, day: date) -> Iterator[str]:
    """Service and engagement, structure first, then the service that is named (§6.1)."""
    service = buyer.service(invoice.service)
    if invoice.service:
        yield from _service(invoice, service, seller, day)
    if buyer.service_or_engagement:
        if not (invoice.service or invoice.engagement):
            yield "SIMULE - Code service (BT-10) ou engagement (BT-13) exige"
    else:
        if buyer.service_code_required and not invoice.service:
            yield "SIMULE - Code service (BT-10) exige par le destinataire"
        if buyer.engagement_required and not invoice.engagement:
            yield "SIMULE - Engagement (BT-13) exige par le destinataire"
    if service is not None and service.engagement_required and not invoice.engagement:
        yield "SIMULE - Engagement (BT-13) exige par le service"


def _payment(invoice: Read) -> Iterator[str]:
    means = [code for code in invoice.means if code]
    if invoice.type_code == _CREDIT_NOTE:
        if means:
            # Refused in production (OCA, §3.1); the wording is not recorded.
            yield "SIMULE - Mode de paiement (BT-81) interdit sur un avoir"
    elif not means:
        yield f"L'element {invoice.tags['means']} est obligatoire."
    elif not _MEANS.issuperset(means):
        yield "SIMULE - Mode de paiement (BT-81) non admis"
    ibans = [account.replace(" ", "") for account in invoice.accounts]
    if not all(_IBAN.fullmatch(iban) for iban in ibans):
        yield "SIMULE - Compte bancaire (BT-84) : IBAN attendu"


def _amounts(invoice: Read) -> Iterator[str]:
    for term, text in (("BT-109", invoice.net), ("BT-112", invoice.gross), ("BT-115", invoice.due)):
        if read_amount(text) is None:
            yield f"SIMULE - Montant ({term}) absent ou illisible"


def read_amount(text: str) -> Decimal | None:
    """An amount of at most 19 positions and 6 decimals (§5); none when it is not one."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    _, digits, exponent = amount.as_tuple()
    if not isinstance(exponent, int) or exponent > 0 or -exponent > _MOST_DECIMALS:
        return None
    return amount if len(digits) <= _MOST_DIGITS else None
