"""``confirm``: a person says that an unusual amount is right, and it is billed."""

from worker.app import App
from worker.billing.comparison import GROUNDS, Confirmation
from worker.billing.journal import EventTag
from worker.billing.member_year import MemberYear
from worker.billing.period import french_date, paris_day
from worker.billing.text import stated_reason
from worker.errors import Finding, Refused, Severity
from worker.issuing.holds import let_go_on, require_member
from worker.issuing.prepare import Prepared, prepare
from worker.issuing.terms import terms_of
from worker.issuing.year_before import year_before
from worker.storage import confirmations, invoices, member_years


def confirm(app: App, siret: str, year: int, reason: str) -> tuple[Prepared, Confirmation]:
    """Confirm the amount of a member's year as it is now, on all the grounds there are.

    Raises:
        WrongUse: no such member, or no reason that can be read.
        Refused: there is nothing to confirm, it is confirmed already, or its invoice is issued.
        TariffError: the year cannot be priced.
    """
    reason = stated_reason(reason)
    terms, grids = terms_of(app.settings), app.tariffs(year).grids
    with app.transaction() as tx:
        require_member(tx, siret)
        current = invoices.current(tx, siret, year)
        if current is not None and current.number:
            raise Refused(
                f"La facture {year} de ce membre est déjà émise : {current.number}.",
                "Il n'y a plus rien à confirmer.",
            )
        before = year_before(app, tx, year)
        known = member_years.member_year(tx, siret, year)
        prepared = prepare(known, terms, grids, before, paris_day(tx.now))
        grounds = tuple(one.code for one in prepared.findings if one.code in GROUNDS)
        if not grounds:
            _refuse(known, year, prepared.findings)
        given = Confirmation(
            total=prepared.total,
            previous=before.amounts.get(siret),
            grounds=grounds,
            reason=reason,
            confirmed_at=tx.now,
            confirmed_by=tx.actor,
        )
        confirmations.place(tx, siret, year, given)
        tx.journal(
            EventTag.AMOUNT_CONFIRMED,
            f"{siret}/{year}",
            total_ttc=str(given.total),
            previous_ttc=None if given.previous is None else str(given.previous),
            grounds=list(grounds),
            reason=reason,
        )
        let_go_on(tx, siret, year, GROUNDS, "montant confirmé, pas encore facturé")
    return prepared, given


def _refuse(known: MemberYear, year: int, findings: tuple[Finding, ...]) -> None:
    name = known.member.name
    blocking = next((one for one in findings if one.severity is Severity.BLOCKING), None)
    if blocking is not None:
        raise Refused(
            f"Le montant {year} de {name} ne peut pas encore être confirmé : {blocking.message}.",
            blocking.remedy,
        )
    if known.confirmation is not None:
        since = french_date(paris_day(known.confirmation.confirmed_at))
        raise Refused(
            f"Le montant {year} de {name} est déjà confirmé, depuis le {since} : "
            f"{known.confirmation.reason}.",
            f"Rien d'autre n'est à confirmer ; « preview {year} » donne le montant.",
        )
    raise Refused(
        f"Le montant {year} de {name} ne demande pas à être confirmé.",
        f"« preview {year} » dit ceux qui le demandent.",
    )
