"""A member's year, computed and checked from what is stored. Nothing is written, nobody is asked.

What ``run`` does before any number, and all that ``preview`` does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from worker.app import App
from worker.billing.consumption import consume
from worker.billing.invoice import InvoiceDraft, build_draft
from worker.billing.members import BillingReferences, Member
from worker.billing.money import Money
from worker.billing.period import is_over, paris_day
from worker.billing.rating import RatedLine, rate
from worker.billing.tariff import TariffGrid
from worker.errors import Finding, Refused, TariffError
from worker.issuing.holds import held
from worker.issuing.terms import Terms, terms_of
from worker.storage import Session, Store, imported
from worker.storage.grids import frozen_grids
from worker.validation.rules import check_draft


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A member's year, computed and checked, before any number."""

    member: Member
    references: BillingReferences
    lines: tuple[RatedLine, ...]
    draft: InvoiceDraft | None
    findings: tuple[Finding, ...]

    @property
    def total(self) -> Money:
        """TTC."""
        return Money.sum(line.total for line in self.lines)


def refuse_unfinished_year(year: int, now: datetime) -> None:
    """Only a finished year can be billed (C1, C2). Raises Refused."""
    if not is_over(year, paris_day(now)):
        raise Refused(
            f"L'année {year} n'est pas terminée : on facture en janvier l'année écoulée.",
            f"Lancez « run {paris_day(now).year - 1} », ou attendez le 1er janvier {year + 1}.",
        )


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


def prepare(
    session: Session, member: Member, year: int, terms: Terms, grids: Sequence[TariffGrid]
) -> Prepared:
    """Compute and check a member's year from what is stored; nothing is written."""
    references = imported.references_of(session, member.siret, year)
    consumption = consume(
        member.siret,
        year,
        imported.subscriptions_of(session, member.siret),
        imported.usage_of(session, member.siret, year),
    )
    rating = rate(consumption, grids)
    draft = None
    findings = held(session, member.siret, year) + consumption.findings + rating.findings
    if rating.lines:
        draft = build_draft(
            year=year,
            seller=terms.seller,
            member=member,
            references=references,
            payment=terms.payment,
            payment_terms=terms.payment_terms,
            rated=rating.lines,
            notes=terms.notes,
            vat_method=terms.vat_method,
            vat_point=terms.vat_point,
        )
        findings += check_draft(draft)
    return Prepared(
        member=member,
        references=references,
        lines=rating.lines,
        draft=draft,
        findings=findings,
    )


def preview_year(app: App, year: int) -> Iterator[Prepared]:
    """The year, member by member, as the batch would compute it; nothing is stored."""
    terms, (grids, _) = terms_of(app.settings), app.grids()
    with app.reading() as session:
        members = imported.members_of_year(session, year)
    for member in members:
        with app.reading() as session:
            yield prepare(session, member, year, terms, grids)
