"""``accept``: a person says that use outside a subscription is known, and not billed (C9)."""

from worker.app import App
from worker.billing.consumption import UNIT_OUTSIDE, USAGE_OUTSIDE
from worker.billing.member_year import Acceptance
from worker.billing.period import french_date, paris_day
from worker.billing.text import stated_reason
from worker.errors import Refused
from worker.issuing.holds import let_go_on, require_member
from worker.storage import Transaction, acceptances, invoices, member_years


def accept_outside(app: App, siret: str, year: int, reason: str) -> Acceptance:
    """Accept what no subscription of a member covers in a year, as it is now.

    Raises:
        WrongUse: no such member, or no reason that can be read.
        Refused: there are none, they are accepted already, or the year is billed.
    """
    reason = stated_reason(reason)
    with app.transaction() as tx:
        _require_unbilled(tx, siret, year)
        known = member_years.member_year(tx, siret, year)
        # No price matters: which months are covered hangs on the subscriptions alone.
        uses = known.consumed().outside
        if not uses:
            raise Refused(
                f"{known.member.name} n'a aucune consommation hors abonnement en {year}.",
                f"« check {year} » dit ce qui retient chaque membre.",
            )
        before = known.acceptance
        if before is not None and set(uses) <= set(before.uses):
            since = french_date(paris_day(before.accepted_at))
            raise Refused(
                f"Ces consommations de {known.member.name} sont acceptées depuis le {since} : "
                f"{before.reason}.",
                "Pour revenir sur cette décision, ajoutez --withdraw.",
            )
        given = Acceptance(uses=uses, reason=reason, accepted_at=tx.now, accepted_by=tx.actor)
        acceptances.place(tx, siret, year, given)
        message = "hors abonnement accepté, pas encore facturé"
        let_go_on(tx, siret, year, (USAGE_OUTSIDE, UNIT_OUTSIDE), message)
    return given


def withdraw_outside(app: App, siret: str, year: int, reason: str) -> None:
    """Take an acceptance back: what it was about is a finding again.

    Raises:
        WrongUse: no such member, or no reason that can be read.
        Refused: nothing is accepted, or the year is billed.
    """
    reason = stated_reason(reason)
    with app.transaction() as tx:
        _require_unbilled(tx, siret, year)
        if not acceptances.withdraw(tx, siret, year, reason):
            raise Refused(
                f"Rien n'est accepté hors abonnement pour {siret} en {year}.",
                f"« check {year} » dit ce qui retient chaque membre.",
            )


def _require_unbilled(tx: Transaction, siret: str, year: int) -> None:
    """Raise Refused once the invoice of the year is issued: its statement does not change."""
    require_member(tx, siret)
    current = invoices.current(tx, siret, year)
    if current is not None and current.number:
        raise Refused(
            f"La facture {year} de ce membre est déjà émise : {current.number}.",
            f'Pour l\'annuler, tapez : chorus-worker credit {current.number} --reason "…"',
        )
