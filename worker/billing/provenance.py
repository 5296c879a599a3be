"""Where a record was read, who brought it in, and which version of it was in force at a moment.

A record keeps every version that an import or a person gave it. What the journal orders is
ordered by its numbers, never by clocks: one that was put back between an import and the
issue of an invoice would place the import after it.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from worker.billing.consumption import PopulationRecord, UnitRecord, UsageRecord
from worker.billing.member_year import Acceptance, MemberYear, TakenOver
from worker.billing.members import BillingReferences, Member, Subscription
from worker.billing.period import Month
from worker.billing.succession import Predecessor, followed

T = TypeVar("T")


def cell(column: int, row: int) -> str:
    """A cell as spreadsheets name it: ``D17`` for the fourth column of row 17."""
    letters = ""
    while column:
        column, rank = divmod(column - 1, 26)
        letters = chr(ord("A") + rank) + letters
    return f"{letters}{row}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """An event of the journal: its number, its instant, who acted."""

    seq: int
    at: datetime
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedFile:
    """A file that was taken in.

    Attributes:
        kind: of the import, such as ``usage``.
        taken_in: the event of the journal; None when the journal has none.
        sheet: the one that was read, of a workbook.
    """

    kind: str
    name: str
    sha256: str
    imported_at: datetime
    taken_in: Moment | None
    sheet: str = ""

    def came_before(self, moment: Moment) -> bool:
        """Whether it was taken in before a moment: by the journal, else by its own instant."""
        if self.taken_in is None:
            return self.imported_at <= moment.at
        return self.taken_in.seq < moment.seq


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The place of a record in its file; without file, a person gave it on the command line."""

    file: ImportedFile | None
    row: int | None
    """1 being the row of the header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version(Generic[T]):
    """One version of a record.

    Attributes:
        key: what all versions of the record share.
        before: whether it came before the moment that is asked about.
        superseded_at: when it stopped being the current one; None while it is.
    """

    value: T
    key: Hashable
    origin: Origin
    before: bool
    superseded_at: datetime | None = None


def in_force(versions: Iterable[Version[T]], moment: Moment) -> tuple[Version[T], ...]:
    """Of each record, the version that was the current one at a moment.

    Args:
        versions: every version, in the order in which they came.
        moment: that ``before`` was judged by.
    """
    last: dict[Hashable, Version[T]] = {}
    followed: set[Hashable] = set()
    for version in versions:
        if version.before:
            last[version.key] = version
        else:
            followed.add(version.key)
    return tuple(
        version
        for key, version in last.items()
        # What follows it tells when it ended; a record that was taken out has its instant alone.
        if key in followed or version.superseded_at is None or version.superseded_at > moment.at
    )


def replaced_since(versions: Iterable[Version[T]]) -> tuple[Version[T], ...]:
    """The first versions of the records that have none from before the moment.

    A record that is older than its first version lost the one that was in force: bases of older
    releases wrote over it.
    """
    known: set[Hashable] = set()
    found: dict[Hashable, Version[T]] = {}
    for version in versions:
        if version.before:
            known.add(version.key)
        else:
            found.setdefault(version.key, version)
    return tuple(version for key, version in found.items() if key not in known)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartInForce:
    """What was filed under one SIRET at the moment of an issue.

    Attributes:
        references: None when none were given.
        replaced: subscriptions of which no version of that moment is kept.
        population: None when it was not known.
        elsewhere: the months of the year that another member was billed for.
    """

    references: Version[BillingReferences] | None
    subscriptions: tuple[Version[Subscription], ...]
    usage: tuple[Version[UsageRecord], ...]
    replaced: tuple[Version[Subscription], ...]
    units: tuple[Version[UnitRecord], ...] = ()
    population: Version[PopulationRecord] | None = None
    elsewhere: frozenset[Month] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOverInForce(PartInForce):
    """The same of a predecessor that the member was billed for."""

    origin: Predecessor

    @property
    def known(self) -> TakenOver:
        """As the batch knew it."""
        return TakenOver(
            origin=self.origin,
            elsewhere=self.elsewhere,
            subscriptions=tuple(version.value for version in self.subscriptions),
            usage=tuple(version.value for version in self.usage),
            units=tuple(version.value for version in self.units),
            population=None if self.population is None else self.population.value,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class YearInForce(PartInForce):
    """What a member's invoice of a year rested on at the moment of its issue.

    Attributes:
        member: None when the version of that moment is not kept.
        acceptance: None when nothing was accepted outside the subscriptions.
        taken_over: the predecessors that it was billed for, by SIRET.
    """

    siret: str
    year: int
    member: Version[Member] | None
    acceptance: Acceptance | None = None
    taken_over: tuple[TakenOverInForce, ...] = ()

    def part(self, origin: Predecessor | None) -> PartInForce:
        """What a line rests on: the member's own, or a predecessor's."""
        found = (one for one in self.taken_over if origin and one.origin.siret == origin.siret)
        return next(found, self)

    def known(self, member: Member) -> MemberYear:
        """As the batch knew it; ``member``: for when its own version is not kept."""
        none = BillingReferences(siret=self.siret, year=self.year)
        theirs = [(one.origin, one.references) for one in self.taken_over]
        references, references_from = followed(
            none if self.references is None else self.references.value,
            [(origin, told.value) for origin, told in theirs if told is not None],
        )
        return MemberYear(
            member=member if self.member is None else self.member.value,
            year=self.year,
            references=references,
            subscriptions=tuple(version.value for version in self.subscriptions),
            usage=tuple(version.value for version in self.usage),
            hold=None,
            units=tuple(version.value for version in self.units),
            population=None if self.population is None else self.population.value,
            acceptance=self.acceptance,
            elsewhere=self.elsewhere,
            taken_over=tuple(one.known for one in self.taken_over),
            references_from=references_from,
        )
