"""What a person must do about an invoice, with the command to type. Pure."""

from datetime import datetime, timedelta

from worker.billing.period import paris_day
from worker.billing.status import InvoiceStatus, TrackedInvoice, Trouble
from worker.errors import Severity

TOO_LONG = timedelta(hours=24)
"""A deposit without a verdict for a day is stuck: someone must look at « Suivi des flux »."""
UNCERTAIN_TOO_LONG = 3 * TOO_LONG
"""A day more than uncertain deposits are looked for, unless it is configured otherwise."""
NOT_SHOWN = timedelta(days=7)
"""How long an invoice that its report calls integrated may be shown by no search."""

NOT_DEPOSITED = timedelta(days=3)
"""How long the portal may be away before somebody is told that nothing leaves."""


def todo(invoice: TrackedInvoice, now: datetime, *, deposits: bool = True) -> str:
    """The next thing for a person, in French; empty when there is nothing to do but wait.

    ``deposits``: whether this installation deposits by itself; else nothing waits for it (Hélios).
    """
    text = ""
    match invoice.status:
        case InvoiceStatus.PARKED:
            text = _first_remedy(invoice)
        case InvoiceStatus.INTEGRATED if invoice.trouble is Trouble.UNKNOWN_WORD:
            text = (
                "regardez ce qu'il en est sur le portail Chorus Pro, et signalez ce mot à "
                f"l'exploitant ; pour relire, tapez : chorus-worker documents portal "
                f"{invoice.number}"
            )
        case InvoiceStatus.ISSUED if deposits and _waits_for_its_deposit(invoice, now):
            text = (
                "son dépôt attend depuis plusieurs jours ; tapez : chorus-worker deposit, et "
                "faites ce que dit sa réponse"
            )
        case InvoiceStatus.REFUSED:
            text = _after_refusal(invoice)
        case InvoiceStatus.SUSPENDED:
            text = (
                "le membre demande des pièces ; joignez-les, puis tapez : chorus-worker complete "
                f'{invoice.number} FICHIER… --comment "…"'
            )
        case InvoiceStatus.REJECTED:
            text = (
                f"rejeté par le membre ; pour le refaire, tapez : chorus-worker credit "
                f'{invoice.number} --reason "…" [--service-code CODE] [--engagement NUMERO]'
                if invoice.is_credit_note
                else "rejetée par le membre ; pour l'annuler avant d'en refaire une, tapez : "
                f'chorus-worker credit {invoice.number} --reason "…"'
            )
        case InvoiceStatus.UNKNOWN if is_long_uncertain(invoice, now):
            text = (
                "tapez : chorus-worker reconcile ; sans résultat, cherchez-la sur le portail, et "
                f"si elle n'y est pas, tapez : chorus-worker resend {invoice.number} "
                f'--reason "…" --absent {invoice.number}'
            )
        case InvoiceStatus.DEPOSITED:
            text = _about_its_flux(invoice, now)
        case _:
            pass
    return text


def _after_refusal(invoice: TrackedInvoice) -> str:
    if not invoice.number_is_taken:
        kept = (
            " ; si son membre ne peut plus rien recevoir sur Chorus Pro, gardez-le dans nos livres "
            f': chorus-worker credit {invoice.number} --reason "…" --internal {invoice.number}'
        )
        return (
            f'corrigez puis tapez : chorus-worker resend {invoice.number} --reason "…" '
            f"[--service-code CODE] [--engagement NUMERO]{kept if invoice.is_credit_note else ''}"
        )
    meant, then = ("le refaire", "")
    if not invoice.is_credit_note:
        meant, then = "l'annuler", ", puis « unpark » et « run »"
    return (
        "cherchez sur le portail ce qui porte déjà ce numéro ; un renvoi serait refusé : pour "
        f"{meant} et prendre un autre numéro, tapez : chorus-worker credit {invoice.number} "
        f'--reason "…"{then}'
    )


def _about_its_flux(invoice: TrackedInvoice, now: datetime) -> str:
    if is_stuck(invoice, now):
        return (
            f"vérifiez le flux {invoice.flux_number} dans « Suivi des flux » de Chorus Pro ; "
            "s'il ne doit pas aboutir, tapez : chorus-worker resend "
            f'{invoice.number} --reason "…"'
        )
    if _waited(invoice, now) > TOO_LONG:
        return (
            "son compte rendu la dit intégrée, et aucune recherche ne la montre : "
            f"regardez le flux {invoice.flux_number} sur le portail Chorus Pro"
        )
    return ""


def _waits_for_its_deposit(invoice: TrackedInvoice, now: datetime) -> bool:
    """Whether every try failed for days: counted from the issue, for each try begins anew."""
    issued = invoice.issue_date
    return issued is not None and paris_day(now) - issued > NOT_DEPOSITED


def is_stuck(invoice: TrackedInvoice, now: datetime) -> bool:
    """Whether a deposited file has no verdict for a day, or the portal speaks of an incident.

    With the verdict « integrated », the portal has it, and only its index is late.
    """
    if invoice.status is not InvoiceStatus.DEPOSITED:
        return False
    waited = _waited(invoice, now)
    if invoice.portal_status:
        return waited > NOT_SHOWN
    return waited > TOO_LONG or invoice.trouble is Trouble.INCIDENT


def is_long_uncertain(invoice: TrackedInvoice, now: datetime) -> bool:
    """Whether a person must look for it on the portal, however the searches went."""
    return invoice.status is InvoiceStatus.UNKNOWN and _waited(invoice, now) > UNCERTAIN_TOO_LONG


def _waited(invoice: TrackedInvoice, now: datetime) -> timedelta:
    """How long it has had its status; of one from a clock that was ahead, nobody knows."""
    return abs(now - invoice.status_since)


def needs_person(invoice: TrackedInvoice, now: datetime, *, deposits: bool = True) -> bool:
    """Whether somebody must act; ``deposits`` as for ``todo``."""
    return bool(todo(invoice, now, deposits=deposits))


def _first_remedy(invoice: TrackedInvoice) -> str:
    remedies = (
        finding.remedy
        for finding in invoice.findings
        if finding.remedy and finding.severity is Severity.BLOCKING
    )
    return next(remedies, f"corrigez, puis tapez : chorus-worker run {invoice.year}")
