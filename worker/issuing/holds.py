"""Members held back for a year: by a person, or by the credit note that cancelled their invoice.

``run`` and ``serve`` never bill a held member, whatever is imported, until a person lifts the hold.
"""

from collections.abc import Collection, Sequence

from worker.billing.journal import EventTag
from worker.billing.member_account import MemberAccount, rivals
from worker.billing.member_year import NEVER_BILLED, Hold
from worker.billing.money import ZERO, Money
from worker.billing.period import french_date, is_over, paris_day
from worker.billing.portal_document import PortalDocument
from worker.billing.status import InvoiceStatus
from worker.billing.text import stated_reason
from worker.errors import Finding, Refused, WrongUse
from worker.storage import Session, Transaction, holds, imported, invoices

HELD_BY_BUYER = frozenset(
    {InvoiceStatus.INTEGRATED, InvoiceStatus.SUSPENDED, InvoiceStatus.SETTLED}
)
"""The buyer has it: an invoice in these states needs a credit note that the buyer receives too."""
SETTLES = HELD_BY_BUYER | {InvoiceStatus.CANCELLED}
"""A credit note in these states owes its buyer nothing more: it has it, or has another instead."""


def held(siret: str, year: int, hold: Hold | None) -> tuple[Finding, ...]:
    """The finding that holds a member back for a year; none when nothing does."""
    if hold is None:
        return ()
    since = french_date(paris_day(hold.placed_at))
    if hold.never_billed:
        never = Finding(
            code=NEVER_BILLED,
            message=f"pas facturé pour {year}, décidé le {since} : {hold.reason}",
            remedy="Pour le facturer quand même, tapez : "
            f'chorus-worker unpark {siret} {year} --reason "…"',
        )
        return (never,)
    finding = Finding(
        code="HELD",
        message=f"retenu depuis le {since} : {hold.reason}",
        remedy="Corrigez ce qui doit l'être, puis tapez : "
        f'chorus-worker unpark {siret} {year} --reason "…", puis chorus-worker run {year}',
    )
    return (finding,)


def place_hold(
    tx: Transaction,
    siret: str,
    year: int,
    reason: str,
    *,
    total: Money = ZERO,
    never_billed: bool = False,
) -> None:
    """Hold a member back for a year from now on.

    Args:
        tx: the transaction.
        siret: of the member.
        year: of the services.
        reason: why, for the journal and for ``status``.
        total: what its year comes to, as far as is known, unless it is parked already.
        never_billed: nothing waits for it any more; a member that is held may be left so.

    Raises:
        WrongUse: no such member, or no reason that can be read.
        Refused: it already is, or its invoice is already issued.
    """
    reason = stated_reason(reason)
    require_member(tx, siret)
    current = invoices.current(tx, siret, year)
    if current is not None and current.number:
        raise Refused(
            f"La facture {year} de ce membre est déjà émise : {current.number}.",
            f'Pour l\'annuler, tapez : chorus-worker credit {current.number} --reason "…"',
        )
    if never_billed:
        holds.lift(tx, siret, year, tx.now)
    if not holds.place(tx, siret, year, reason, tx.now, never_billed=never_billed):
        raise Refused(f"Le membre {siret} est déjà retenu pour {year}.", "Tapez « status --todo ».")
    said = {"never_billed": True} if never_billed else {}
    tx.journal(EventTag.HOLD_PLACED, f"{siret}/{year}", reason=reason, **said)
    member = imported.member(tx, siret)
    known = total if current is None else current.total
    invoices.park(tx, member, year, known, held(siret, year, holds.in_force(tx, siret, year)))


def lift_hold(tx: Transaction, siret: str, year: int, reason: str, *, deposits: bool) -> bool:
    """Lift the hold on a member: the next ``run`` bills it, if nothing else is wrong.

    ``deposits``: whether this installation deposits by itself, and so knows what the buyer holds.

    Returns:
        Whether the year is over, and ``run`` can bill it now.

    Raises:
        WrongUse: no such member, or no reason that can be read.
        Refused: it is not held, or its buyer still has the old invoice without the credit note
            that takes it back: billing again would make it pay twice.
    """
    reason = stated_reason(reason)
    require_member(tx, siret)
    if deposits:
        _refuse_before_the_credit_note(tx, siret, year)
    if not holds.lift(tx, siret, year, tx.now):
        current = invoices.current(tx, siret, year)
        parked = current is not None and current.status is InvoiceStatus.PARKED
        raise Refused(
            f"Le membre {siret} n'est pas retenu par une personne pour {year}.",
            "Corrigez ce que « status --todo » signale." if parked else "Il n'y a rien à lever.",
        )
    tx.journal(EventTag.HOLD_LIFTED, f"{siret}/{year}", reason=reason)
    can_be_billed = is_over(year, paris_day(tx.now))
    current = invoices.current(tx, siret, year)
    if current is None or current.status is not InvoiceStatus.PARKED:
        return can_be_billed
    if not can_be_billed:
        invoices.release(tx, siret, year)  # nothing to do before January
    else:
        free = Finding(
            code="RELEASED",
            message="n'est plus retenu, et n'est pas encore facturé",
            remedy=f"Tapez : chorus-worker run {year}",
        )
        member = imported.member(tx, siret)
        invoices.park(tx, member, year, current.total, (free,))
    return can_be_billed


def let_go_on(
    tx: Transaction, siret: str, year: int, answered: Collection[str], message: str
) -> None:
    """A member that was parked for nothing but what is answered waits for the next run only."""
    current = invoices.current(tx, siret, year)
    if current is None or not current.findings:
        return
    if all(one.code in answered for one in current.findings):
        free = Finding(code="RELEASED", message=message, remedy=f"Tapez : chorus-worker run {year}")
        invoices.park(tx, imported.member(tx, siret), year, current.total, (free,))


def _refuse_before_the_credit_note(session: Session, siret: str, year: int) -> None:
    for note in invoices.tracked(session, year=year):
        if note.siret == siret and note.is_credit_note and note.status not in SETTLES:
            raise Refused(
                f"L'avoir {note.number} ({note.french_status}) n'est pas chez le membre {siret} : "
                "facturé à nouveau maintenant, il devrait deux fois la même somme.",
                f"Menez-le à bien, puis recommencez : « status {year} --todo » dit comment.",
            )


def refuse_beside(account: MemberAccount) -> None:
    """Raise Refused while the portal holds what the member would pay beside a new invoice."""
    found = rivals(account, (_expected_total(account),))
    if found:
        raise Refused(
            f"Le membre {account.siret} devrait deux fois {account.year} : Chorus Pro a pour lui "
            f"{listed(found)}.",
            "Tant qu'elle peut être payée, ne le facturez pas : il reste retenu. Qu'il la rejette "
            "si elle est de trop ; ou laissez-le sans facture : chorus-worker park "
            f'{account.siret} {account.year} --reason "…" --never-billed',
        )


def _expected_total(account: MemberAccount) -> Money:
    """What the year of a member without invoice comes to, as far as is known."""
    return next((one.total for one in account.held if not one.number), ZERO)


def listed(found: Sequence[PortalDocument]) -> str:
    """Documents of the portal, for people."""
    return " ; ".join(f"{one.number} ({one.french})" for one in found)


def require_member(session: Session, siret: str) -> None:
    """Raise WrongUse, which says where SIRETs are, unless a member has this one."""
    if siret not in imported.known_sirets(session):
        raise WrongUse(
            f"Aucun membre n'a le SIRET {siret}.",
            "Tapez « preview ANNÉE » : il donne le SIRET de chaque membre.",
        )
