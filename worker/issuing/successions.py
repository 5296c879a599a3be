"""``succeed``: a person says that a member takes the place of another from a day on.

What is filed under the one that ends stays so; its months from then on are billed to the successor.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from worker.app import App
from worker.billing.member_year import MemberYear
from worker.billing.members import Member, Subscription
from worker.billing.period import french_date
from worker.billing.succession import Predecessor, Succession, Successions, successors
from worker.billing.text import stated_reason
from worker.errors import Finding, Refused, Severity, WrongUse
from worker.issuing.holds import require_member
from worker.storage import Session, attempts, imported, member_years, successions
from worker.storage.billed import billed_since

TAKEN_OVER = "MEMBER-SUCCEEDED"
BORROWED, DIFFERENT = "REFERENCES-TAKEN-OVER", "REFERENCES-DIFFER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """A succession, and what follows from it.

    Attributes:
        ends: the member that ends.
        takes: its successor.
        subscriptions: of the one that ends, which cover a month of the successor's.
        years: of the successor's months that have use already, or units.
        already: the very same was recorded before; nothing was done.
    """

    succession: Succession
    ends: Member
    takes: Member
    subscriptions: tuple[Subscription, ...]
    years: tuple[int, ...]
    already: bool = False


def draft_succession(app: App, old: str, new: str, begins: date, reason: str) -> Handover:
    """What ``succeed`` would record; nothing is written. Raises as it does."""
    given = Succession(
        siret=old,
        successor=new,
        effective_on=begins,
        reason=stated_reason(reason),
        recorded_at=app.clock(),
        recorded_by=app.actor,
    )
    with app.reading() as session:
        return _checked(session, given)


def succeed(app: App, old: str, new: str, begins: date, reason: str) -> Handover:
    """Record that a member takes the place of another. The same again changes nothing.

    Args:
        app: the open installation.
        old: SIRET of the member that ends.
        new: SIRET of the one that takes its place.
        begins: the day from which; a month begun before it stays with the one that ends.
        reason: why.

    Raises:
        WrongUse: a member is unknown, both are the same, or no reason that can be read.
        Refused: it has another successor, they would succeed each other, or one of them is billed
            for a month that changes hands.
    """
    reason = stated_reason(reason)
    with app.transaction() as tx:
        given = Succession(
            siret=old,
            successor=new,
            effective_on=begins,
            reason=reason,
            recorded_at=tx.now,
            recorded_by=tx.actor,
        )
        found = _checked(tx, given)
        if not found.already:
            successions.place(tx, given)
    return found


def withdraw_succession(app: App, old: str, new: str, reason: str) -> Succession:
    """Take a succession back: every month is billed again to the member that it is filed under.

    Raises:
        WrongUse: no such member, or no reason that can be read.
        Refused: there is none, or one of the two is billed for a month that would change hands.
    """
    reason = stated_reason(reason)
    with app.transaction() as tx:
        for siret in (old, new):
            require_member(tx, siret)
        known = successions.in_force(tx)
        found = known.get(old)
        if found is None or found.successor != new:
            raise Refused(
                f"Le membre {new} n'a pas pris la suite de {old}.",
                "Rien n'était à retirer ; « preview ANNÉE » dit qui reprend qui.",
            )
        _refuse_billed(tx, found, known)
        successions.cancel(tx, old, reason)
    return found


def _checked(session: Session, given: Succession) -> Handover:
    old, new = given.siret, given.successor
    for siret in (old, new):
        require_member(session, siret)
    if old == new:
        raise WrongUse(
            f"Un membre ne prend pas sa propre suite ({old}).",
            "Donnez le SIRET de celui qui finit, puis celui de son successeur.",
        )
    known = successions.in_force(session)
    before = known.get(old)
    if before is not None:
        if (before.successor, before.effective_on) == (new, given.effective_on):
            return _handover(session, before, already=True)
        taker = imported.member(session, before.successor).name
        raise Refused(
            f"{taker} (SIRET {before.successor}) a déjà pris la suite de {old}, depuis le "
            f"{french_date(before.effective_on)} : {before.reason}.",
            f"Si c'était une erreur, tapez d'abord : chorus-worker succeed {old} "
            f'{before.successor} --withdraw --reason "…"',
        )
    if old in successors(new, known):
        raise Refused(
            f"Le membre {old} prend déjà la suite de {new} : ils se reprendraient l'un l'autre.",
            "Vérifiez l'ordre des deux SIRET : d'abord celui qui finit, puis son successeur.",
        )
    _refuse_billed(session, given, {**known, old: given})
    return _handover(session, given, already=False)


def _refuse_billed(session: Session, given: Succession, known: Successions) -> None:
    """Raise Refused when an invoice or a deposit under way is of a month that changes hands."""
    concerned = {given.siret, *successors(given.siret, known)}
    first = given.first_month.year
    blocking = tuple(billed_since(session, concerned, first))
    if blocking:
        named = " ; ".join(
            f"{imported.member(session, one.siret).name} (SIRET {one.siret}) a déjà sa facture "
            f"{one.year} : {one.number}"
            for one in blocking
        )
        credit = ", puis ".join(
            f'chorus-worker credit {one.number} --reason "…"' for one in blocking
        )
        lift = ", ".join(
            f'chorus-worker unpark {one.siret} {one.year} --reason "…"' for one in blocking
        )
        run = " et ".join(
            f"chorus-worker run {year}" for year in sorted({o.year for o in blocking})
        )
        raise Refused(
            f"{named} ; cette succession en changerait des mois, dès {given.first_month.french}.",
            f"Annulez d'abord : {credit} ; tapez ensuite cette commande, importez ce qui manque, "
            f"puis : {lift} et {run}",
        )
    under_way = tuple(attempts.open_since(session, concerned, first))
    if under_way:
        raise Refused(
            f"Un dépôt de {', '.join(under_way)} est en cours : ce qu'il en advient n'est pas "
            "encore connu.",
            "Tapez « status --todo » : une fois le dépôt conclu, recommencez.",
        )


def _handover(session: Session, given: Succession, *, already: bool) -> Handover:
    old, first = given.siret, given.first_month
    followed = tuple(
        one
        for one in imported.subscriptions_of(session, old)
        if one.end is None or one.end >= first.first_day
    )
    return Handover(
        succession=given,
        ends=imported.member(session, old),
        takes=imported.member(session, given.successor),
        subscriptions=followed,
        years=member_years.years_used(session, old, first),
        already=already,
    )


def taken_over_by(succession: Succession, name: str) -> tuple[Finding, ...]:
    """What is said of a member that ends, beside its year."""
    said = succession.french(name)
    return (Finding(code=TAKEN_OVER, severity=Severity.WARNING, message=said),)


def borrowed_references(known: MemberYear) -> tuple[Finding, ...]:
    """What is said of references that a successor has from its predecessors, or might have."""
    if not known.references_from:
        return ()
    siret = known.member.siret
    told = _named(known.references_from)
    remedy = f"Importez ses propres références {known.year} (SIRET {siret}) : import references."
    if known.references.service_code or known.references.engagement:
        finding = Finding(
            code=BORROWED,
            severity=Severity.WARNING,
            message=f"sans références à lui pour {known.year} : celles de {told} sont reprises",
            remedy=f"{remedy} Sinon, rien à faire.",
        )
    else:
        finding = Finding(
            code=DIFFERENT,
            severity=Severity.WARNING,
            message=f"sans références à lui pour {known.year}, et celles de {told} diffèrent : "
            "aucune n'est reprise",
            remedy=remedy,
        )
    return (finding,)


def _named(origins: Iterable[Predecessor]) -> str:
    return " et ".join(f"{one.name} ({one.siret})" for one in origins)
