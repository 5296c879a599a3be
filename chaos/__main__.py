"""``python -m chaos``: plays rounds side by side, and says in one line what they proved.

``--round K`` replays one round of a seed and keeps its folder; so are kept the folders of rounds
in which a law was broken. The exit code is then 1, and each breach is printed with what to type.
``--tour`` plays one round by every named place, and tells how often each was passed.
"""

import argparse
import multiprocessing
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from chaos.campaign import Told
from chaos.commands import warm_up
from chaos.killing import PLACES
from chaos.laws import Law
from chaos.plan import TURNS, PortalName, tour
from chaos.rounds import play_round

SIDE_BY_SIDE = 5
"""Rounds at once: each waits for its processes, and now and then for a portal that is away."""
_JOURNAL_LAWS = {Law.JOURNAL, Law.CLEAN}


@dataclass(slots=True)
class Tally:
    """What all the rounds together came to."""

    rounds: int = 0
    kills: int = 0
    faults: int = 0
    invoices: int = 0
    sound: int = 0
    broken: dict[Law, int] = field(default_factory=dict)

    def add(self, told: Told) -> None:
        """One more round."""
        self.rounds += 1
        self.kills += told.kills
        self.faults += told.faults
        self.invoices += told.invoices
        self.sound += not any(breach.law in _JOURNAL_LAWS for breach in told.breaches)
        for breach in told.breaches:
            self.broken[breach.law] = self.broken.get(breach.law, 0) + 1

    def __str__(self) -> str:
        always = (Law.ONCE, Law.KEPT, Law.CONTIGUOUS)
        laws = (*always, *(law for law in self.broken if law not in always))
        found = ", ".join(f"{self.broken.get(law, 0)} × {law.value}" for law in laws)
        return (
            f"{self.rounds} rounds, {self.kills} kills, {self.faults} faults, "
            f"{self.invoices} invoices: {found}; journal verified {self.sound}/{self.rounds}"
        )


def _all_rounds(rounds: int, jobs: int, play: Callable[[int], Told]) -> Iterator[Told]:
    # Forked: each starts with the program imported, and forks its own commands.
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        yield from pool.imap_unordered(play, range(rounds))


def main(arguments: Sequence[str]) -> int:
    """Run the command: 0 when every law held in every round, else 1."""
    options = _parser().parse_args(arguments)
    folder: Path = options.dir or Path(tempfile.mkdtemp(prefix="chaos-"))
    (folder / "beginnings").mkdir(parents=True, exist_ok=True)
    warm_up()
    if options.tour:
        return _tour(folder, temporary=options.dir is None)
    play = partial(play_round, seed=options.seed, folder=folder, portal=options.portal)
    again = f"python -m chaos --seed {options.seed}"
    if options.portal is not PortalName.SANDBOX:
        again += f" --portal {options.portal}"
    if options.round is not None:
        told = [play(options.round, keep=True)]
        print(f"kept in {folder}")
        return _tell(told, again, folder, temporary=False)
    told_all = _all_rounds(options.rounds, options.jobs, play)
    return _tell(told_all, again, folder, temporary=options.dir is None)


def _tell(
    told_all: Iterator[Told] | list[Told], again: str, folder: Path, *, temporary: bool
) -> int:
    started = time.monotonic()
    tally = Tally()
    for told in told_all:
        tally.add(told)
        for breach in told.breaches:
            print(f"round {told.number}: {breach}", flush=True)
        if told.breaches:
            print(f"  {again} --round {told.number}   (kept in {folder})")
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{tally.rounds} rounds, {time.monotonic() - started:.0f} s ")
    if temporary and not tally.broken:
        shutil.rmtree(folder)
    print(tally)
    return 1 if tally.broken else 0


def _tour(folder: Path, *, temporary: bool) -> int:
    told = play_round(0, seed=0, folder=folder, keep=True, plan=tour(TURNS[-1]))
    for place in PLACES:
        print(f"{told.passages[place]:>5}  {place}")
    for breach in told.breaches:
        print(breach)
    if temporary:
        shutil.rmtree(folder)
    return 1 if told.breaches or not all(told.passages[place] for place in PLACES) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--round", type=int, help="only this one; its folder is kept")
    parser.add_argument("--jobs", type=int, default=SIDE_BY_SIDE, help="rounds at once")
    parser.add_argument("--portal", type=PortalName, default=PortalName.SANDBOX, help="which one")
    parser.add_argument("--dir", type=Path, help="where to play; else a temporary folder")
    parser.add_argument("--tour", action="store_true", help="pass by every named place")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
