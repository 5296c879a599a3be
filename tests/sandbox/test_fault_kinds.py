"""Faults as they are asked for, and the plan that draws them."""

import json
from collections import Counter
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chorus_sandbox.entries import EntryError, read_entries, read_entry
from chorus_sandbox.fault_kinds import Fault, FaultKind, FaultPlan, Shape, read_kinds

DEPOSIT = "/cpro/factures/v1/deposer/flux"
REPORT = "/cpro/transverses/v1/consulterCRDetaille"
TOKEN = "/api/oauth/token"

FAULTS = st.builds(
    Fault,
    kind=st.sampled_from(FaultKind),
    routes=st.text(),
    times=st.none() | st.integers(1, 1000),
    skip=st.integers(0, 1000),
    seconds=st.none() | st.floats(0, 1000),
    size=st.integers(1, 1000),
    shape=st.sampled_from(Shape),
)


@given(FAULTS)
def test_a_described_fault_reads_back(fault: Fault) -> None:
    """What the panel shows can be given back to it, through JSON."""
    assert read_entry(json.loads(json.dumps(fault.described())), Fault, "x") == fault


@pytest.mark.parametrize(
    "entry,words",
    [
        ("drop_after", "objet"),
        ({}, "kind"),
        ({"kind": "explode"}, "kind"),
        ({"kind": ["drop_after"]}, "kind"),
        ({"kind": "drop_after", "shape": "round"}, "shape"),
        ({"kind": "drop_after", "route": "*"}, "« route »"),
        ({"kind": "drop_after", "routes": 3}, "routes"),
        ({"kind": "drop_after", "times": 0}, "times"),
        ({"kind": "drop_after", "times": 1.5}, "times"),
        ({"kind": "drop_after", "times": True}, "times"),
        ({"kind": "drop_after", "skip": -1}, "skip"),
        ({"kind": "drop_after", "skip": None}, "skip"),
        ({"kind": "slow_after", "seconds": "2"}, "seconds"),
        ({"kind": "slow_after", "seconds": float("nan")}, "seconds"),
        ({"kind": "slow_after", "seconds": 10**9}, "seconds"),
        ({"kind": "short_pages", "size": 0}, "size"),
    ],
)
def test_a_wrong_fault_is_named(entry: object, words: str) -> None:
    """The complaint says which fault and which of its fields."""
    with pytest.raises(EntryError, match=words) as raised:
        read_entry(entry, Fault, "pannes.json, panne n° 2")

    assert str(raised.value).startswith("pannes.json, panne n° 2")


def test_a_file_of_faults(tmp_path: Path) -> None:
    """A list is read in its order; anything else is refused with the name of the file."""
    path = tmp_path / "pannes.json"
    path.write_text('[{"kind": "drop_after"}, {"kind": "slow_after", "seconds": 2}]', "utf-8")
    assert read_entries(path, Fault, "panne") == (
        Fault(kind=FaultKind.DROP_AFTER),
        Fault(kind=FaultKind.SLOW_AFTER, seconds=2),
    )
    for text in ("{", "{}", '["drop_after"]'):
        path.write_text(text, "utf-8")
        with pytest.raises(EntryError, match=r"pannes\.json"):
            read_entries(path, Fault, "panne")


def test_kinds_of_a_plan() -> None:
    """Kinds are separated by commas and may carry seconds; a wrong one is named."""
    assert read_kinds("drop_after, slow_after:2.5,") == (
        Fault(kind=FaultKind.DROP_AFTER),
        Fault(kind=FaultKind.SLOW_AFTER, seconds=2.5),
    )
    for wrong in ("drop", "slow_after:", "slow_after:x", "slow_after:-1", "slow_after:nan"):
        with pytest.raises(EntryError, match=wrong):
            read_kinds(f"drop_after,{wrong}")


@pytest.mark.parametrize(
    "kind,path,applies",
    [
        (FaultKind.DROP_AFTER, DEPOSIT, True),
        (FaultKind.DROP_AFTER, TOKEN, True),
        (FaultKind.WRONG_ACCOUNT, TOKEN, False),
        (FaultKind.INCIDENT, DEPOSIT, True),
        (FaultKind.INCIDENT, REPORT, False),
        (FaultKind.UNKNOWN_FLUX_STATE, REPORT, True),
        (FaultKind.SHORT_PAGES, "/cpro/structures/v1/rechercher", True),
        (FaultKind.SHORT_PAGES, DEPOSIT, False),
        (FaultKind.STATUS_BACKWARDS, "/cpro/factures/v1/rechercher/atraiter/fournisseur", True),
    ],
)
def test_a_fault_applies_where_it_means_something(
    kind: FaultKind,
    path: str,
    applies: bool,  # noqa: FBT001 - a table
) -> None:
    """Its own places and the pattern it was given both count."""
    assert Fault(kind=kind).applies_to(path) is applies
    assert not Fault(kind=kind, routes="*/nulle/part").applies_to(path)


@given(st.integers(), st.integers(1, 10**6), st.sampled_from([DEPOSIT, REPORT, TOKEN]))
def test_a_plan_repeats_itself(seed: int, rank: int, path: str) -> None:
    """The same seed, rank and path draw the same fault, one that means something there."""
    drawn = [FaultPlan(seed=seed, rate=0.5).draw(rank, path) for _ in range(2)]

    assert drawn[0] == drawn[1]
    assert drawn[0] is None or drawn[0].applies_to(path)


def test_a_plan_hits_its_share_with_every_kind() -> None:
    """About the given share of the requests is hit, and over time by each kind there is."""
    plan = FaultPlan(seed=7, rate=0.25)
    factures = "/cpro/factures/v1"
    paths = [
        DEPOSIT,
        REPORT,
        f"{factures}/rechercher/fournisseur",
        f"{factures}/consulter/historique",
    ]
    drawn = [plan.draw(rank, paths[rank % 4]) for rank in range(6000)]
    hits = Counter(fault.kind for fault in drawn if fault)
    assert 0.22 < hits.total() / 6000 < 0.28
    assert set(hits) == set(FaultKind)
    other = FaultPlan(seed=8, rate=0.25)

    assert drawn != [other.draw(rank, paths[rank % 4]) for rank in range(6000)]


def test_a_plan_draws_what_it_may() -> None:
    """Only the chosen kinds are drawn, with their seconds; a storm lasts several requests."""
    plan = FaultPlan(seed=1, rate=1, faults=read_kinds("too_many_requests:1,incident"))
    on_report = plan.draw(1, REPORT)

    assert on_report == Fault(kind=FaultKind.TOO_MANY_REQUESTS, seconds=1, times=3)
    assert {fault.kind for rank in range(50) if (fault := plan.draw(rank, DEPOSIT))} == {
        FaultKind.TOO_MANY_REQUESTS,
        FaultKind.INCIDENT,
    }
    assert FaultPlan(seed=1, rate=0).draw(1, DEPOSIT) is None


@pytest.mark.parametrize("word", [*FaultKind, *Shape])
def test_every_fault_is_in_the_manual(word: str) -> None:
    """The French help explains each kind and each shape."""
    assert word in files("chorus_sandbox").joinpath("manual.txt").read_text("utf-8")
