"""A member's year, computed and checked from what is stored. Nothing is written, nothing is asked.

What ``run`` does before any number, and all that ``preview`` does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from worker.app import App
from worker.billing.comparison import YearBefore
from worker.billing.consumption import Outside
from worker.billing.invoice import InvoiceDraft, Terms, build_draft
from worker.billing.member_account import rivals
from worker.billing.member_year import MemberYear
from worker.billing.members import BillingReferences, Member
from worker.billing.money import Money
from worker.billing.period import paris_day
from worker.billing.rating import RatedLine
from worker.billing.tariff import TariffGrid
from worker.errors import Finding, TariffError, UnreadableRecord, has_blocking, unreadable
from worker.issuing.circuit import outside_circuit
from worker.issuing.holds import held, listed
from worker.issuing.successions import borrowed_references
from worker.issuing.terms import terms_of
from worker.issuing.year_before import members_of_year, year_before
from worker.storage import Session, Store, member_accounts, member_years
from worker.storage.grids import frozen_grids
from worker.storage.member_accounts import Seen
from worker.validation.rules import check_draft


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A member's year, computed and checked, before any number.

    Attributes:
        outside: what no subscription covers; a finding, unless a person accepted it.
    """

    known: MemberYear
    lines: tuple[RatedLine, ...]
    draft: InvoiceDraft | None
    findings: tuple[Finding, ...]
    outside: tuple[Outside, ...] = ()

    @property
    def member(self) -> Member:
        """Who."""
        return self.known.member

    @property
    def references(self) -> BillingReferences:
        """Code service and numéro d'engagement of the year."""
        return self.known.references

    @property
    def total(self) -> Money:
        """TTC."""
        return Money.sum(line.total for line in self.lines)

    @property
    def is_at_stake(self) -> bool:
        """Whether there is an invoice to issue, or something that stops one."""
        return self.draft is not None or has_blocking(self.findings)

    def beside(self, findings: tuple[Finding, ...]) -> "Prepared":
        """The same with what is known of it elsewhere: at the portal, in its directory."""
        return replace(self, findings=self.findings + findings)


def refuse_changed_grids(store: Store, grids: Sequence[TariffGrid]) -> None:
    """A grid that priced an invoice never changes (C6). Raises TariffError."""
    with store.reading() as session:
        frozen = frozen_grids(session)
    changed = [
        grid.version for grid in grids if frozen.get(grid.version, grid.sha256) != grid.sha256
    ]
    if changed:
        raise TariffError(
            f"La grille {', '.join(changed)} a déjà servi à facturer, et son fichier a changé.",
            "Rétablissez le fichier d'origine ; pour de nouveaux prix, créez un nouveau fichier "
            "avec sa propre version et sa date de début.",
        )


def known_year(
    session: Session, member: Member, year: int
) -> tuple[MemberYear, tuple[Finding, ...]]:
    """All that is known of a member's year; rows that cannot be read are what holds it back."""
    try:
        return member_years.member_year(session, member.siret, year), ()
    except UnreadableRecord as error:
        nothing = MemberYear(
            member=member,
            year=year,
            references=BillingReferences(siret=member.siret, year=year),
            subscriptions=(),
            usage=(),
            hold=None,
        )
        return nothing, (unreadable(error),)


def prepare(
    known: MemberYear,
    terms: Terms,
    grids: Sequence[TariffGrid],
    before: YearBefore,
    today: date,
    unread: tuple[Finding, ...] = (),
) -> Prepared:
    """Compute and check a member's year. Pure: equal arguments give the same invoice.

    What is unusual about its amount is looked at once nothing else stands in the way, for a part
    of it might be missing. ``today``: on which it is invoiced. ``unread``: findings of
    ``known_year``, which come first.
    """
    siret, year = known.member.siret, known.year
    consumption, rating = known.priced(grids)
    draft = None
    findings = unread + held(siret, year, known.hold) + consumption.findings + rating.findings
    if rating.lines:
        findings += outside_circuit(known, today) + borrowed_references(known)
        draft = build_draft(
            known.member, known.references, terms, rating.lines, rating.grid_versions
        )
        findings += check_draft(draft)
    if not has_blocking(findings):
        findings += _to_confirm(known, Money.sum(line.total for line in rating.lines), before)
    return Prepared(
        known=known,
        lines=rating.lines,
        draft=draft,
        findings=findings,
        outside=consumption.outside,
    )


def _to_confirm(known: MemberYear, total: Money, before: YearBefore) -> tuple[Finding, ...]:
    siret = known.member.siret
    found = before.unusual(siret, known.year, total, is_in_year=known.is_in_year)
    given = known.confirmation
    if given is not None and given.answers(total, before.amounts.get(siret), found):
        return ()
    return found


def seen_at_the_portal(app: App) -> Seen:
    """What the portal showed, read once for all members."""
    with app.reading() as session:
        return Seen.read(session)


def shown_beside(app: App, prepared: Prepared, seen: Seen | None) -> tuple[Finding, ...]:
    """The finding for a member for whom the portal holds what may be this very invoice.

    ``seen``: None on the Hélios channel, which has no portal.
    """
    if seen is None or prepared.draft is None:
        return ()
    siret, year = prepared.member.siret, prepared.draft.year
    with app.reading() as session:
        account = member_accounts.account(session, siret, year, seen)
    found = rivals(account, (prepared.draft.totals.gross, prepared.draft.totals.payable))
    if not found:
        return ()
    finding = Finding(
        code="PORTAL-RIVAL",
        message=f"Chorus Pro a déjà pour ce membre {listed(found)}",
        remedy="Si elle facture ces services, laissez-le sans facture : chorus-worker park "
        f'{siret} {year} --reason "…" --never-billed ; sinon, tapez : chorus-worker reconcile '
        f'--close {found[0].number} --reason "…", puis chorus-worker run {year}',
    )
    return (finding,)


def preview_year(app: App, year: int) -> Iterator[Prepared]:
    """The year, member by member, as the batch would compute it; nothing is stored.

    What the portal showed counts, what its directory says does not.
    """
    terms, tariffs = terms_of(app.settings), app.tariffs(year)
    seen = seen_at_the_portal(app) if app.deposits else None
    today = paris_day(app.clock())
    with app.reading() as session:
        before = year_before(app, session, year)
        members = members_of_year(session, year, before)
    for member in members:
        with app.reading() as session:
            known, unread = known_year(session, member, year)
        prepared = prepare(known, terms, tariffs.grids, before, today, unread)
        yield prepared.beside(shown_beside(app, prepared, seen))
