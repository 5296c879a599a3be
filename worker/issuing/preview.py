"""A year's amounts before it is billed, beside those of the year before. Nothing is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from worker.app import App
from worker.billing.campaign import Figures, figures_of
from worker.billing.comparison import (
    ComparedMember,
    Comparison,
    Group,
    Share,
    group_of,
)
from worker.billing.money import ZERO, Money
from worker.billing.rating import RatedLine
from worker.billing.succession import Succession, begun
from worker.issuing.directory import last_known
from worker.issuing.go_ahead import refuse_before_first_year, refuse_unfinished_year
from worker.issuing.prepare import Prepared, preview_year
from worker.issuing.successions import taken_over_by
from worker.issuing.year_before import compared_with
from worker.storage import Session, directory, member_years, successions, year_amounts
from worker.tables import Column, Kind, Row, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryKnown:
    """How far the directory of Chorus Pro was read for the members of a year.

    Attributes:
        members: those that have subscriptions or use in the year.
        read: of them, those whose structure was read.
        oldest: when the first of these was; None when none was.
    """

    members: int
    read: int
    oldest: datetime | None


def directory_known(session: Session, year: int) -> DirectoryKnown:
    """What is known of the directory; nothing is asked."""
    sirets = {one.siret for one in member_years.members_of_year(session, year)}
    known = directory.reads(session, sirets)
    oldest = min(known.values(), default=None)
    return DirectoryKnown(members=len(sirets), read=len(known), oldest=oldest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A year, member by member.

    Attributes:
        compared: every member once, beside the year before.
        prepared: by SIRET, the computed year of those that are in it.
        directory: how far the directory was read, of which a preview asks nothing.
    """

    compared: Comparison
    prepared: Mapping[str, Prepared]
    directory: DirectoryKnown

    @property
    def year(self) -> int:
        """Of the services."""
        return self.compared.year

    @property
    def total(self) -> Money:
        """TTC."""
        return self.compared.share().total

    @property
    def shares(self) -> dict[Group, Share]:
        """What each group comes to."""
        return {group: self.compared.share(group) for group in Group}

    def lines(self, siret: str) -> tuple[RatedLine, ...]:
        """The priced lines of a member; none when it is not in the year."""
        known = self.prepared.get(siret)
        return () if known is None else known.lines

    @property
    def blocked(self) -> tuple[ComparedMember, ...]:
        """Those that ``run`` would not bill."""
        held = {Group.HELD, Group.TO_CONFIRM}
        return tuple(one for one in self.compared.members if one.group in held)


_COLUMNS = (
    Column(name="member_siret", caption="SIRET"),
    Column(name="member_name", caption="Membre"),
    Column(name="group", caption="État"),
    Column(name="total_ttc", caption="Total TTC", kind=Kind.AMOUNT),
    Column(name="previous_year_total_ttc", caption="Année d'avant TTC", kind=Kind.AMOUNT),
    Column(name="difference_ttc", caption="Écart TTC", kind=Kind.AMOUNT),
    Column(name="change_percent", caption="Écart en %", kind=Kind.NUMBER),
    Column(name="findings", caption="À signaler"),
)


def table_of(previewed: Preview) -> Table:
    """A row for each member, in the order of the preview, and none for the total."""
    return Table(
        name="preview",
        title=f"Aperçu {previewed.year}",
        columns=_COLUMNS,
        rows=lambda: map(_row, previewed.compared.members),
    )


def _row(one: ComparedMember) -> Row:
    return (
        one.siret,
        one.name,
        one.group.french,
        one.total,
        one.previous,
        None if one.previous is None else one.difference,
        one.change,
        " ; ".join(finding.message for finding in one.findings) or None,
    )


def campaign_figures(app: App, year: int) -> Figures:
    """What is shown before the go. Raises TariffError, and Refused for a year that has none."""
    refuse_before_first_year(app, year)
    refuse_unfinished_year(year, app.clock())
    return figures_of(preview(app, year).compared)


def preview(app: App, year: int) -> Preview:
    """Compute the year as the batch would, by the directory as it was last read.

    Raises TariffError.
    """
    prepared = {one.member.siret: _by_directory(app, one) for one in preview_year(app, year)}
    with app.reading() as session:
        before = year_amounts.year_amounts(session, year - 1)
        now = year_amounts.year_amounts(session, year)
        names = {**before.names, **year_amounts.member_names(session)}
        ended = year_amounts.ended_before(session, year)
        previous = compared_with(session, year, before)
        followed = successions.in_force(session)
        read = directory_known(session, year)
    members = tuple(
        _compared(
            siret,
            names[siret],
            prepared.get(siret),
            billed=now.amounts[siret] if siret in now.billed else None,
            previous=previous.get(siret),
            has_ended=siret in ended,
            succession=begun(siret, year, followed),
            names=names,
        )
        for siret in sorted(names)
    )
    return Preview(
        compared=Comparison(year=year, members=members), prepared=prepared, directory=read
    )


def _by_directory(app: App, prepared: Prepared) -> Prepared:
    if not (app.deposits and prepared.is_at_stake):
        return prepared
    return prepared.beside(last_known(app, prepared.references))


def _compared(
    siret: str,
    name: str,
    prepared: Prepared | None,
    *,
    billed: Money | None,
    previous: Money | None,
    has_ended: bool,
    succession: Succession | None,
    names: Mapping[str, str],
) -> ComparedMember:
    is_billed = billed is not None
    findings = () if prepared is None or is_billed else prepared.findings
    if succession is not None:
        findings += taken_over_by(succession, names[succession.successor])
    group = group_of(
        findings,
        is_billed=is_billed,
        to_bill=prepared is not None and prepared.draft is not None,
        is_in_year=prepared is not None and prepared.known.is_in_year,
        has_ended=has_ended or succession is not None,
        had_an_amount=bool(previous),
    )
    known = ZERO if prepared is None else prepared.total
    return ComparedMember(
        siret=siret,
        name=name,
        group=group,
        total=known if billed is None else billed,
        previous=previous,
        findings=findings,
    )
