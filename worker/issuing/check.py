"""What can be known of a year before a number is spent; only the directory's answers are kept.

The same computation and the same questions as the January batch, member by member, without its
documents: data, prices, references, rules, directory; then what concerns everybody: the grids,
the seller's own structure, the credentials.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from enum import StrEnum

from worker.app import App
from worker.billing.comparison import GROUNDS
from worker.billing.members import Member
from worker.billing.money import Money
from worker.billing.period import Month, is_over, paris_day
from worker.billing.status import TrackedInvoice
from worker.billing.tariff import TariffGrid, grid_holes, months_by_version
from worker.errors import (
    ConfigurationError,
    Finding,
    PortalAccessRefused,
    PortalError,
    Severity,
    TariffError,
    UnreadableRecord,
    WorkerError,
    has_blocking,
    unreadable,
)
from worker.issuing.directory import Directory, DirectoryAnswer
from worker.issuing.prepare import Prepared, preview_year, refuse_changed_grids
from worker.storage import Store, invoices


class Readiness(StrEnum):
    """Where a member stands before ``run``."""

    READY = "ready"
    """Its invoice would be issued."""
    UNASKED = "unasked"
    """It would, as far as is known: the directory could not be asked."""
    TO_CONFIRM = "to_confirm"
    """Its amount is unusual: a person must say that it is right."""
    BLOCKED = "blocked"
    """It would be parked: a person must correct something."""
    ISSUED = "issued"
    """It has its invoice."""
    NOTHING = "nothing"
    """Nothing was consumed: no invoice."""

    @property
    def french(self) -> str:
        """For people."""
        return _FRENCH[self]


_FRENCH = {
    Readiness.READY: "prêt",
    Readiness.UNASKED: "annuaire non lu",
    Readiness.TO_CONFIRM: "à confirmer",
    Readiness.BLOCKED: "à corriger",
    Readiness.ISSUED: "facturé",
    Readiness.NOTHING: "rien à facturer",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedMember:
    """What is known of one member's year.

    Attributes:
        issued: its invoice, when it has one: nothing else is looked at then.
        directory: what the directory says of it; None when it was not asked.
        to_ask: whether its readiness hangs on the directory.
    """

    prepared: Prepared
    issued: TrackedInvoice | None = None
    directory: DirectoryAnswer | None = None
    to_ask: bool = False

    @property
    def member(self) -> Member:
        """Who."""
        return self.prepared.member

    @property
    def grids(self) -> tuple[str, ...]:
        """Versions of the grids that price it, in the order of its lines."""
        return tuple(dict.fromkeys(line.grid_version for line in self.prepared.lines))

    @property
    def total(self) -> Money:
        """TTC: of its invoice, or what it would come to."""
        return self.prepared.total if self.issued is None else self.issued.total

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What a person should look at before ``run``."""
        if self.issued is not None:
            return ()
        return self.prepared.findings + (() if self.directory is None else self.directory.findings)

    @property
    def readiness(self) -> Readiness:
        """Where it stands."""
        if self.issued is not None:
            return Readiness.ISSUED
        if has_blocking(self.findings):
            others = (one for one in self.findings if one.code not in GROUNDS)
            return Readiness.BLOCKED if has_blocking(others) else Readiness.TO_CONFIRM
        if self.prepared.draft is None:
            return Readiness.NOTHING
        return Readiness.UNASKED if self.to_ask and self.directory is None else Readiness.READY


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedYear:
    """What is known of a year.

    Attributes:
        finished: only a finished year can be billed (C1, C2).
        grids: months of the year by version of the grid that prices them; "" for no grid.
        findings: what concerns everybody.
        seller: what the directory says of us; None when it was not asked.
        unreachable: why the directory could not be asked, or not to the end: the portal is down, or
            credentials must be corrected.
    """

    year: int
    finished: bool
    grids: dict[str, tuple[Month, ...]]
    members: tuple[CheckedMember, ...]
    findings: tuple[Finding, ...]
    seller: DirectoryAnswer | None = None
    unreachable: WorkerError | None = None

    @property
    def total(self) -> Money:
        """TTC."""
        return Money.sum(one.total for one in self.members)

    @property
    def is_clear(self) -> bool:
        """Nothing to look at, and everybody was asked."""
        found = self.findings or any(one.findings for one in self.members)
        return not found and self.unreachable is None


def silent(_asked: int, _to_ask: int) -> None:
    """No progress is shown."""


def check_year(
    app: App,
    year: int,
    directory: AbstractContextManager[Directory] | None,
    tell: Callable[[int, int], None] = silent,
) -> CheckedYear:
    """Look at a year as the batch would.

    A directory that cannot be opened, or goes away, is in the answer: the rest is known all the
    same.

    Args:
        app: the open installation.
        year: of the services.
        directory: None where there is none (Hélios channel).
        tell: how many members the directory was asked about, of how many; a cold cache takes
            several calls for each.
    """
    tariffs = app.tariffs(year)
    members = [
        _member(app, prepared, asks=directory is not None) for prepared in preview_year(app, year)
    ]
    checked = CheckedYear(
        year=year,
        finished=is_over(year, paris_day(app.clock())),
        grids=months_by_version(tariffs.grids, year),
        members=tuple(members),
        findings=_before_the_first(app, year)
        + _empty(year, members)
        + _changed_grids(app.store, tariffs.grids)
        + grid_holes(tariffs.grids, year)
        + tariffs.warnings,
    )
    return checked if directory is None else _asked(checked, directory, tell)


def _member(app: App, prepared: Prepared, *, asks: bool) -> CheckedMember:
    try:
        with app.reading() as session:
            current = invoices.current(session, prepared.member.siret, prepared.references.year)
    except UnreadableRecord as error:
        held = replace(prepared, findings=(unreadable(error), *prepared.findings))
        return CheckedMember(prepared=held)
    if current is not None and current.number:
        return CheckedMember(prepared=prepared, issued=current)
    return CheckedMember(prepared=prepared, to_ask=asks and prepared.is_at_stake)


def _before_the_first(app: App, year: int) -> tuple[Finding, ...]:
    first = app.settings.billing.first_year
    if first is None or year >= first:
        return ()
    finding = Finding(
        code="YEAR-BEFORE-FIRST",
        severity=Severity.WARNING,
        message=f"l'année {year} n'est pas facturée par ce programme : la première est {first}",
        remedy="Importez ses montants pour les comparer (import previous), ou corrigez "
        "billing.first_year dans la configuration.",
    )
    return (finding,)


def _empty(year: int, members: Sequence[CheckedMember]) -> tuple[Finding, ...]:
    if members:
        return ()
    finding = Finding(
        code="YEAR-EMPTY",
        severity=Severity.WARNING,
        message=f"aucun membre n'a d'abonnement ni de consommation en {year}",
        remedy="Importez les fichiers de l'année, ou vérifiez l'année demandée : "
        "chorus-worker import --help",
    )
    return (finding,)


def _changed_grids(store: Store, grids: Sequence[TariffGrid]) -> tuple[Finding, ...]:
    try:
        refuse_changed_grids(store, grids)
    except TariffError as error:
        return (Finding(code="TARIFF-CHANGED", message=error.message, remedy=error.remedy),)
    return ()


def _asked(
    checked: CheckedYear,
    directory: AbstractContextManager[Directory],
    tell: Callable[[int, int], None],
) -> CheckedYear:
    seller, unreachable = None, None
    members = list(checked.members)
    ranks = [rank for rank, one in enumerate(members) if one.to_ask]
    try:
        with directory as opened:
            seller = opened.ourselves()
            for asked, rank in enumerate(ranks, start=1):
                answer = opened.buyer(members[rank].prepared.references)
                members[rank] = replace(members[rank], directory=answer)
                tell(asked, len(ranks))
    except (PortalError, PortalAccessRefused, ConfigurationError) as error:
        unreachable = error
    return replace(
        checked,
        members=tuple(members),
        seller=seller,
        findings=checked.findings + (() if seller is None else seller.findings),
        unreachable=unreachable,
    )
