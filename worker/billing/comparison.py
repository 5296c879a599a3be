"""A year beside the year before: every member exactly once, and what is unusual about its amount.

An amount that passes one of the ``Thresholds`` is a finding that blocks, until a person confirms it
for that very amount (``Confirmation``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from worker.billing.money import NO_BREAK, ZERO, Money, french, round_half_up
from worker.errors import Finding, has_blocking

CHANGED, SMALL, ZEROED, NEW, GONE = (
    "CONFIRM-CHANGE",
    "CONFIRM-SMALL",
    "CONFIRM-ZERO",
    "CONFIRM-NEW",
    "CONFIRM-GONE",
)
GROUNDS = frozenset({CHANGED, SMALL, ZEROED, NEW, GONE})
"""Codes of the findings that ``confirm`` answers."""


MINIMUM = Money(1500)
"""Claims that do not reach it are not put into collection: CGCT, articles L1611-5 and D1611-1."""


class Group(StrEnum):
    """Where a member stands in a year, in the order of the totals. One of these for each."""

    TO_BILL = "to_bill"
    TO_CONFIRM = "to_confirm"
    """A threshold is passed, and nothing else stands in the way."""
    HELD = "held"
    """Something must be corrected, or a person holds it back."""
    BILLED = "billed"
    NOTHING = "nothing"
    """Nothing was consumed: a statement without invoice."""
    ENDED = "ended"
    """Its subscriptions ended before the year."""
    GONE = "gone"
    """It had an amount for the year before, and nothing of it is known for this one."""

    @property
    def french(self) -> str:
        """For people."""
        return _FRENCH[self]


_FRENCH = {
    Group.TO_BILL: "à facturer",
    Group.TO_CONFIRM: "à confirmer",
    Group.HELD: "retenu",
    Group.BILLED: "facturé",
    Group.NOTHING: "rien consommé",
    Group.ENDED: "abonnement terminé",
    Group.GONE: "disparu",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """What is unusual.

    Attributes:
        change_percent: more or less than the year before, in per cent of it; 0: never asked.
        minimum: an amount below it is not put into collection (CGCT, article D1611-1).
        zero, new, gone: whether to ask about a member with nothing to pay any more, with an amount
            for the first time, or of which nothing is known any more.
    """

    change_percent: int = 20
    minimum: Money = MINIMUM
    zero: bool = True
    new: bool = True
    gone: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviousAmount:
    """What a member, who may be none any more, owed for a year that another program billed.

    Attributes:
        total_cents: TTC.
        name: may be empty, for a member that is known here.
    """

    siret: str
    year: int
    total_cents: int
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """A person's word that an unusual amount is right: for that amount, on these grounds."""

    total: Money
    previous: Money | None
    grounds: tuple[str, ...]
    reason: str
    confirmed_at: datetime
    confirmed_by: str

    def answers(self, total: Money, previous: Money | None, found: Sequence[Finding]) -> bool:
        """Whether it was given for these amounts, and for each of these findings."""
        same = (self.total, self.previous) == (total, previous)
        return same and {finding.code for finding in found} <= set(self.grounds)


@dataclass(frozen=True, slots=True, kw_only=True)
class YearBefore:
    """What a year is compared with.

    Attributes:
        amounts: TTC of the year before by SIRET: invoices less their credit notes, or the amounts
            that were brought in of a year that this program did not bill.
    """

    amounts: Mapping[str, Money]
    thresholds: Thresholds

    def unusual(
        self, siret: str, year: int, total: Money, *, is_in_year: bool = True
    ) -> tuple[Finding, ...]:
        """What a person must confirm about the amount of a member.

        In the first year of an installation, without any amount of the year before, no member is
        new: all would be.
        """
        limits, before = self.thresholds, self.amounts.get(siret)
        found: list[tuple[str, str]] = []
        if not is_in_year:
            if limits.gone and before:
                found.append((GONE, f"{french(before)} pour {year - 1}, et rien pour {year}"))
        elif not total:
            if limits.zero and before:
                found.append(
                    (ZEROED, f"{french(before)} pour {year - 1}, rien à payer pour {year}")
                )
        else:
            if not before and limits.new and self.amounts:
                found.append((NEW, f"aucun montant pour {year - 1}, {french(total)} pour {year}"))
            elif before and limits.change_percent and self._is_far(total, before):
                change = french_percent(percent(total, before))
                found.append(
                    (
                        CHANGED,
                        f"{change} : {french(before)} pour {year - 1}, {french(total)} pour {year}",
                    )
                )
            if total < limits.minimum:
                least = f"le minimum de mise en recouvrement ({french(limits.minimum)})"
                found.append((SMALL, f"{french(total)}, moins que {least}"))
        remedy = f'Si c\'est juste, tapez : chorus-worker confirm {siret} {year} --reason "…"'
        return tuple(Finding(code=code, message=text, remedy=remedy) for code, text in found)

    def _is_far(self, total: Money, before: Money) -> bool:
        change = abs((total - before).cents)
        return 100 * change > self.thresholds.change_percent * abs(before.cents)


def percent(total: Money, before: Money) -> Decimal:
    """The change in per cent of the amount before, which is not zero; one decimal, half up."""
    numerator, denominator = 1000 * (total - before).cents, before.cents
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    return Decimal(round_half_up(numerator, denominator)).scaleb(-1)


def french_percent(change: Decimal) -> str:
    """``+48,2 %``, with its sign unless it is nothing, and a no-break space."""
    return f"{change:+.1f}{NO_BREAK}%".replace(".", ",") if change else f"0,0{NO_BREAK}%"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedMember:
    """A member of a year beside its year before.

    Attributes:
        total: TTC, invoiced or as it would be; zero where there is nothing to bill.
        previous: TTC of the year before; None without any.
    """

    siret: str
    name: str
    group: Group
    total: Money
    previous: Money | None
    findings: tuple[Finding, ...] = ()

    @property
    def difference(self) -> Money:
        """In euros."""
        return self.total - (self.previous or ZERO)

    @property
    def change(self) -> Decimal | None:
        """In per cent of the year before; None when this is nothing."""
        return percent(self.total, self.previous) if self.previous else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Some members of a year: how many, and what they come to, this year and the year before."""

    members: int
    total: Money
    previous: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A year beside the year before: each member exactly once."""

    year: int
    members: tuple[ComparedMember, ...]

    def share(self, *groups: Group) -> Share:
        """What some groups come to; all of them, without any named."""
        found = [one for one in self.members if not groups or one.group in groups]
        return Share(
            members=len(found),
            total=Money.sum(one.total for one in found),
            previous=Money.sum(one.previous or ZERO for one in found),
        )


def group_of(
    findings: Sequence[Finding],
    *,
    is_billed: bool,
    to_bill: bool,
    is_in_year: bool,
    has_ended: bool,
    had_an_amount: bool,
) -> Group:
    """Where a member stands.

    Args:
        findings: of its year.
        is_billed: it has its invoice.
        to_bill: there are lines to invoice.
        is_in_year: it is subscribed to something in the year, or used something.
        has_ended: all its subscriptions ended before the year.
        had_an_amount: for the year before.
    """
    others = [one for one in findings if one.code not in GROUNDS]
    whether = (
        (Group.BILLED, is_billed),
        (Group.HELD, has_blocking(others)),
        (Group.TO_CONFIRM, has_blocking(findings)),
        (Group.TO_BILL, to_bill),
        (Group.NOTHING, is_in_year),
        (Group.ENDED, has_ended),
        (Group.GONE, had_an_amount),
    )
    return next((group for group, is_so in whether if is_so), Group.NOTHING)
