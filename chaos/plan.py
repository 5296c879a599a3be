"""What a round will do: everything is drawn from the seed and the number of the round."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from chaos.happenings import Happening, Typing, draw_happenings
from chaos.killing import (
    PLACES,
    PORTAL_PLACES,
    SECOND_PORTAL_PLACES,
    AtCall,
    AtInstant,
    AtPlace,
    Kill,
    Place,
)

TURNS = (
    datetime(2024, 12, 31, 23, tzinfo=UTC),
    datetime(2025, 12, 31, 23, tzinfo=UTC),
    datetime(2025, 3, 30, 1, tzinfo=UTC),
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2024, 10, 27, 1, tzinfo=UTC),
    datetime(2025, 10, 26, 1, tzinfo=UTC),
    datetime(2024, 2, 28, 23, tzinfo=UTC),
    datetime(2026, 2, 5, 8, tzinfo=UTC),
)
"""New Year in Paris, both changes of its clocks, 29 February, and a day like any other."""
_EARLY = tuple(turn - timedelta(hours=3) for turn in TURNS if turn.month in {2, 3})
"""When a round begins that goes on for months: the next year is not billed in it."""
_LEADS = (
    timedelta(seconds=2),
    timedelta(seconds=30),
    timedelta(minutes=20),
    timedelta(hours=3),
    timedelta(hours=20),
)
"""How long before its turn a round begins."""
_PAUSES = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=1),
    timedelta(minutes=16),
    timedelta(hours=1),
    timedelta(hours=4),
    timedelta(hours=25),
    timedelta(hours=49),
)
"""Between two commands: around the times at which an uncertain deposit is looked for."""
_DELAYS = (
    timedelta(0),
    timedelta(0),
    timedelta(seconds=30),
    timedelta(minutes=20),
    timedelta(hours=6),
    timedelta(hours=30),
)
"""From a deposit to its verdict."""
_INDEXED = (*_DELAYS[:-1], timedelta(hours=60))
"""From a verdict to what searches show; the last is longer than an uncertain one is looked for."""
_LATE = (timedelta(0), timedelta(0), timedelta(hours=6), timedelta(days=2), timedelta(days=4))
"""The same in a round that goes on for months: a verdict, or an index, may be days late."""
_LONG_PAUSES = (
    timedelta(hours=5),
    timedelta(days=1),
    timedelta(days=3),
    timedelta(days=8),
    timedelta(days=20),
    timedelta(days=40),
)
"""Between the heartbeats of such a round."""
_AT_ONCE = 0.7
"""Share of such rounds that begin with a run that nothing disturbs: there is more to lose."""
_YEARS = 0.2
"""Share of the rounds that go on for months."""
_SKEWS = (
    timedelta(hours=-49),
    timedelta(hours=-3),
    timedelta(minutes=-1),
    timedelta(minutes=1),
    timedelta(hours=3),
    timedelta(hours=49),
)
"""How wrong the clock of the machine is, once in a while: behind the portal's, or ahead."""
_MOST_CALLS = {"run": 400_000, "serve": 400_000, "credit": 200_000, "resend": 200_000}
"""About as many as an undisturbed command makes; the others make ``_FEW_CALLS``."""
_FEW_CALLS = 60_000


class PortalName(StrEnum):
    """Which portal a round is played against."""

    SANDBOX = "sandbox"
    SECOND = "second"


@dataclass(frozen=True, slots=True, kw_only=True)
class Troubles:
    """What one portal can do wrong, in its own words; ``word:2`` is one with a number.

    Attributes:
        recorded: at a deposit that is recorded all the same, and whose answer does not say so.
        others: at any request.
        ways: ways of the portal, kept as long as it is not well.
        places: where it dies.
    """

    recorded: tuple[str, ...]
    others: tuple[str, ...]
    ways: tuple[str, ...] = ()
    places: Mapping[str, Place]


TROUBLES: Mapping[PortalName, Troubles] = {
    PortalName.SANDBOX: Troubles(
        recorded=(
            "drop_after",
            "bad_gateway_after",
            "gateway_timeout_after",
            "slow_after:2",
            "truncated",
        ),
        others=(
            "drop_before",
            "error_before",
            "wrong_account",
            "forbidden",
            "too_many_requests:1",
            "maintenance",
            "wrong_types",
            "token_expiry",
            "unknown_flux_state",
            "incident",
            "unknown_status",
            "status_backwards",
            "late_indexing:7200",
            "short_pages",
        ),
        places=PORTAL_PLACES,
    ),
    PortalName.SECOND: Troubles(
        recorded=(
            "lost_after",
            "late_act:2",
            "slow:2",
            "endless_continue:2",
            "dripped_headers:2",
            "dripped_body:2",
            "truncated",
            "cut",
            "http_500_after",
            "http_504_after",
            "recorded_400",
            "recorded_413",
            "flux_missing",
            "flux_odd",
        ),
        others=(
            "lost_before",
            "http_500",
            "http_502",
            "http_503",
            "http_503_later:1",
            "http_429",
            "http_429_later:1",
            "redirect",
            "html_200",
            "code_unknown",
            "storm_401",
            "forbidden",
            "password_expired",
            "token_dead",
            "token_short",
            "refused_400",
            "refused_413",
            "refused_code",
            "refused_20010",
            "latin1",
            "one_as_object",
            "lists_null",
            "lists_absent",
            "report_404",
            "report_500",
            "report_unknown",
            "report_word",
            "report_shape",
            "report_other_name",
            "report_other_flux",
            "filters_ignored",
            "foreign:3",
            "count_wrong",
            "page_small",
            "page_repeated",
            "never_shown",
            "number_contains",
            "status_new",
            "history_late",
            "structure_other",
            "structure_closed",
            "structure_gone",
            "expiry_words",
            "expiry_absent",
            "download_other",
            "download_empty",
            "download_truncated",
            "download_missing",
        ),
        ways=(
            "uniqueness_off",
            "unique_forever",
            "rejected_frees",
            "duplicate_existing",
            "duplicate_english",
            "duplicate_other",
            "duplicate_20010",
            "duplicate_mute",
            "duplicate_false",
            "verdict_rejete",
            "verdict_rejetee",
            "rejected_then_in:30",
            "replayed:30",
            "report_404",
            "report_500",
            "report_unknown",
            "report_pending",
            "report_word",
            "report_shape",
            "report_other_name",
            "flux_odd",
            "flux_missing",
            "index_hours",
            "index_days",
            "never_shown",
            "routed_forever",
            "status_new",
            "history_late",
            "foreign:3",
            "page_small",
            "period_open",
            "number_contains",
            "buyer_siren",
            "buyer_padded",
            "buyer_number",
            "amount_digits",
            "amount_cent",
            "amount_text",
            "credit_negative",
            "date_midnight",
            "date_paris_utc",
            "date_french",
            "date_epoch",
            "number_no_hyphen",
            "number_no_zero",
            "number_case",
            "number_blanks",
            "latin1",
            "one_as_object",
            "nulls",
            "lists_null",
            "lists_absent",
            "expiry_french",
            "expiry_epoch",
        ),
        places=SECOND_PORTAL_PLACES,
    ),
}
SUSPEND = "suspend"
BUYER = ("accept", SUSPEND, "reject", "recycle", "book", "pay")
"""What a buyer does, in the words of the sandbox's panel."""


class Action(StrEnum):
    """What a person or a timer types; the value is the command."""

    RUN = "run"
    DEPOSIT = "deposit"
    RECONCILE = "reconcile"
    FOLLOW = "follow"
    RESEND = "resend"
    """Of an invoice whose deposit was refused, when there is one."""
    CREDIT = "credit"
    """Of an invoice that the portal holds, when there is one."""
    IMPORT = "import"
    """Of the references that were missing."""
    COMPLETE = "complete"
    """Of an invoice that its buyer suspended, when there is one."""
    SERVE = "serve"
    """One heartbeat of the unattended worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that goes wrong at one request.

    Attributes:
        kind: one of the ``Troubles``.
        at_deposit: at a deposit, else at any request.
        skip: the requests of that kind that go well first.
    """

    kind: str
    at_deposit: bool
    skip: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """Faults at a share of all requests, drawn by the portal from a seed."""

    seed: int
    rate: float
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Illness:
    """How a portal is while it is not well.

    Attributes:
        integration: from a deposit to its verdict.
        index: from a verdict to what searches show.
        lags: its first report on a flux does not know it yet.
        ways: of the ``Troubles``.
    """

    integration: timedelta = timedelta(0)
    index: timedelta = timedelta(0)
    lags: bool = False
    storm: Storm | None = None
    ways: tuple[str, ...] = ()


WELL = Illness()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command, or two at once.

    Attributes:
        pause: the time that passes before it.
        beside: a second worker on the same database, started at the same moment.
        unreachable: nobody answers at the portal's address meanwhile.
        portal_dies: where the portal dies meanwhile; it is back at once.
        fault: what the portal does wrong meanwhile.
        buyer: what a buyer does before it with an invoice that the portal holds.
        pick: which invoice, of those that may be meant, from 0 to 1.
        skew: how far the machine's clock is ahead of the portal's meanwhile; it is set right then.
        happenings: what happens around, before it.
        typing: when a person types what was printed.
    """

    pause: timedelta
    action: Action
    kill: Kill | None = None
    beside: Action | None = None
    kill_beside: Kill | None = None
    unreachable: bool = False
    portal_dies: AtPlace | AtInstant | None = None
    fault: Fault | None = None
    buyer: str | None = None
    pick: float = 0
    skew: timedelta = timedelta(0)
    happenings: tuple[Happening, ...] = ()
    typing: Typing = Typing.NOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A round.

    Attributes:
        begins: the first command's instant.
        zone: of the machine; nothing may depend on it.
        members: how many are billed, for the year before.
        issued: the year was issued in January, nothing is deposited.
        referenced: the references of the members are known from the beginning.
        lots: most invoices in one file.
        portal: which one.
        illness: how it is until it is healed.
        demanding: the step from which a member's structure demands an engagement.
        is_a_year: it goes on for months, things happen around it, and a person types.
    """

    begins: datetime
    zone: str
    members: int
    issued: bool
    referenced: bool
    lots: int
    portal: PortalName
    illness: Illness
    demanding: int | None
    steps: tuple[Step, ...]
    is_a_year: bool = False

    @property
    def year(self) -> int:
        """The year billed."""
        return self.begins.year - 1

    @property
    def ahead(self) -> timedelta:
        """How far the machine's clock is ahead of the portal's at most."""
        return max(timedelta(0), *(step.skew for step in self.steps))

    @property
    def beginning(self) -> str:
        """What rounds that begin alike have in common."""
        references = "referenced" if self.referenced else "unreferenced"
        state = "issued" if self.issued else "imported"
        return f"{self.year}-{self.members}-{references}-{state}"


def draw(seed: int, number: int, portal: PortalName = PortalName.SANDBOX) -> Plan:
    """The plan of a round."""
    troubles = TROUBLES[portal]
    chance = random.Random(f"{seed}/{number}")  # noqa: S311 - a schedule, not a secret
    members = chance.choice((3, 6))  # few beginnings to make
    length = chance.randint(4, 9)
    drawn = Plan(
        begins=chance.choice(TURNS) - chance.choice(_LEADS),
        zone=chance.choice(("UTC", "Europe/Paris")),
        members=members,
        issued=chance.random() < 0.6,
        referenced=chance.random() < 0.85,
        lots=chance.choice((1, 1, 2, 10)),
        portal=portal,
        illness=_illness(chance, troubles),
        demanding=chance.randrange(length) if chance.random() < 0.2 else None,
        steps=tuple(_step(chance, members, troubles) for _ in range(length)),
    )
    # Of its own, so that the rounds that are none stay what they were.
    chance = random.Random(f"{seed}/{number}/months")  # noqa: S311 - a schedule, not a secret
    return _year(chance, drawn) if chance.random() < _YEARS else drawn


def _year(chance: random.Random, plan: Plan) -> Plan:
    """A round that goes on for months: a few of its commands, then one heartbeat at a time."""
    first = plan.steps[: chance.randint(2, 4)]
    if chance.random() < _AT_ONCE:
        first = (Step(pause=timedelta(0), action=Action.RUN, pick=chance.random()), *first[1:])
    beats = tuple(
        Step(
            pause=chance.choice(_LONG_PAUSES),
            action=Action.SERVE,
            kill=_kill(chance, Action.SERVE, plan.members) if chance.random() < 0.2 else None,
            buyer=chance.choice((*BUYER, "reject")) if chance.random() < 0.5 else None,
            pick=chance.random(),
        )
        for _ in range(chance.randint(6, 10))
    )
    happenings = draw_happenings(chance, len(first) + len(beats))
    typings = chance.choices(tuple(Typing), (3, 5, 2, 2), k=len(happenings))
    return replace(
        plan,
        is_a_year=True,
        begins=chance.choice(_EARLY),
        illness=replace(plan.illness, integration=chance.choice(_LATE), index=chance.choice(_LATE)),
        steps=tuple(
            replace(step, happenings=happened, typing=typing)
            for step, happened, typing in zip(first + beats, happenings, typings, strict=True)
        ),
    )


def _step(chance: random.Random, members: int, troubles: Troubles) -> Step:
    action = _drawn(chance, (5, 3, 3, 3, 2, 1, 1, 2, 2))
    beside = _drawn(chance, (2, 2, 2, 2, 0, 0, 0, 0, 1)) if chance.random() < 0.25 else None
    suspended = action is Action.COMPLETE and chance.random() < 0.7
    return Step(
        pause=chance.choice(_PAUSES),
        action=action,
        kill=_kill(chance, action, members) if chance.random() < 0.75 else None,
        beside=beside,
        kill_beside=_kill(chance, beside, members) if beside and chance.random() < 0.5 else None,
        unreachable=chance.random() < 0.04,
        portal_dies=_portal_kill(chance, action, members, troubles)
        if chance.random() < 0.2
        else None,
        fault=_fault(chance, members, troubles) if chance.random() < 0.35 else None,
        buyer=SUSPEND if suspended else chance.choice(BUYER) if chance.random() < 0.15 else None,
        pick=chance.random(),
        skew=chance.choice(_SKEWS) if chance.random() < 0.08 else timedelta(0),
    )


def _drawn(chance: random.Random, weights: Sequence[int]) -> Action:
    return chance.choices(tuple(Action), weights)[0]


def _illness(chance: random.Random, troubles: Troubles) -> Illness:
    return Illness(
        integration=chance.choice(_DELAYS),
        index=chance.choice(_INDEXED),
        lags=chance.choice((False, False, True)),
        storm=_storm(chance, troubles),
        ways=_ways(chance, troubles),
    )


def _storm(chance: random.Random, troubles: Troubles) -> Storm | None:
    if chance.random() < 0.75:
        return None
    kinds = (*chance.sample(troubles.recorded, 2), *chance.sample(troubles.others, 3))
    return Storm(
        kinds=kinds, seed=chance.randrange(1_000_000), rate=round(chance.uniform(0.03, 0.3), 2)
    )


def _ways(chance: random.Random, troubles: Troubles) -> tuple[str, ...]:
    if not troubles.ways or chance.random() < 0.4:
        return ()
    return tuple(chance.sample(troubles.ways, chance.randint(1, 3)))


def _fault(chance: random.Random, members: int, troubles: Troubles) -> Fault:
    """Of a deposit more often than of any request: there, nothing may be asked twice."""
    deposit = chance.random() < 0.7
    kind = chance.choice(troubles.recorded if deposit else troubles.others)
    return Fault(kind=kind, at_deposit=deposit, skip=chance.randrange(members))


def _portal_kill(
    chance: random.Random, action: Action, members: int, troubles: Troubles
) -> AtPlace | AtInstant | None:
    places = [name for name, place in troubles.places.items() if action.value in place.commands]
    if not places or chance.random() < 0.3:
        return AtInstant(chance.uniform(0, 0.3))
    return AtPlace(chance.choice(places), chance.randint(1, members))


def _kill(chance: random.Random, action: Action, members: int) -> Kill | None:
    places = [name for name, place in PLACES.items() if action.value in place.commands]
    if not places:
        return AtInstant(chance.uniform(0, 0.05))
    most = _MOST_CALLS.get(action.value, _FEW_CALLS)
    kinds: tuple[Kill, ...] = (
        AtPlace(chance.choice(places), chance.randint(1, members)),
        # Even on a scale of logarithms: early moments are short.
        AtCall(int(most ** chance.uniform(0.5, 1))),
        AtInstant(chance.uniform(0, 0.3)),
    )
    return chance.choices(kinds, (6, 2, 2))[0]


def tour(begins: datetime, portal: PortalName = PortalName.SANDBOX) -> Plan:
    """A round that comes by every named place: what each command is for happens in it."""
    hour = timedelta(hours=1)
    return Plan(
        begins=begins,
        zone="UTC",
        members=3,
        issued=False,
        referenced=True,
        lots=1,
        portal=portal,
        illness=Illness(integration=hour),
        demanding=1,
        steps=(
            Step(pause=timedelta(0), action=Action.RUN),
            Step(pause=2 * hour, action=Action.FOLLOW),
            Step(pause=hour, action=Action.RESEND),
            Step(pause=24 * hour, action=Action.COMPLETE, buyer=SUSPEND),
            Step(pause=hour, action=Action.CREDIT, kill=AtPlace("before the deposit", 1)),
            Step(pause=hour, action=Action.CREDIT),
        ),
    )
