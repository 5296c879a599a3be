"""``make conformance``: judges the golden documents and prints the table of verdicts.

Exit codes: 0 every document is clean, every control refused and every warning known; 1 not so;
3 nothing was checked, for lack of Java or Maven; 4 a validator could not be fetched or run.
"""

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from conformance import Fault, Standard, ToolBroken, ToolMissing, mustang, tools, verapdf
from conformance.papers import CONTROLS, Control, Paper, broken, golden_papers

CLEAN, FAULTY, NOT_CHECKED, BROKEN = 0, 1, 3, 4
Judged = Mapping[str, verapdf.Verdict]


def main() -> int:
    """Judge, print, and give the exit code."""
    start = time.monotonic()
    try:
        tools.fetch()
        papers = list(golden_papers())
        model = next(paper for paper in papers if paper.is_facturx)
        controls = {control: broken(model, control) for control in CONTROLS}
        judged = judge([*papers, *controls.values()])
    except ToolMissing as missing:
        print(f"conformance: NOT CHECKED: {missing}", file=sys.stderr)
        return NOT_CHECKED
    except ToolBroken as trouble:
        print(f"conformance: NOT CHECKED: {trouble}", file=sys.stderr)
        return BROKEN
    faulty = print_papers(papers, judged)
    accepted = print_controls(controls, judged)
    stale = print_known(papers, judged)
    print(
        f"\n{len(papers)} documents, {faulty} faulty; {len(controls)} controls, {accepted} wrongly "
        f"accepted; {stale} known warnings never seen; {time.monotonic() - start:.0f} s"
    )
    return FAULTY if faulty or accepted or stale else CLEAN


def judge(papers: Sequence[Paper]) -> Judged:
    """All that both validators say of each paper, by its name.

    Raises:
        ToolBroken: when a validator gave no report, or left a paper out.
    """
    with tempfile.TemporaryDirectory(prefix="conformance-") as name:
        folder = Path(name)
        pages = folder / "pages"
        pages.mkdir()
        for paper in papers:
            (pages / paper.name).write_bytes(paper.content)
        judged = verapdf.validate(pages, folder)
        invoices = [pages / paper.name for paper in papers if paper.is_facturx]
        for page, faults in mustang.validate(invoices, folder).items():
            judged[page][Standard.FACTURX] = faults
    if forgotten := {paper.name for paper in papers} - judged.keys():
        raise ToolBroken(f"veraPDF says nothing of {', '.join(sorted(forgotten))}")
    return judged


def blocking(paper: Paper, faults: Sequence[Fault]) -> list[Fault]:
    """The faults that are not known warnings."""
    return [fault for fault in faults if not mustang.is_known(fault, paper.profile)]


def print_papers(papers: Sequence[Paper], judged: Judged) -> int:
    """A line for each paper, its faults below; how many papers have some."""
    width = max(len(paper.name) for paper in papers)
    print(f"{'document':{width}}  " + "  ".join(f"{standard:8}" for standard in Standard))
    faulty = 0
    for paper in papers:
        verdict = judged[paper.name]
        faults = {standard: blocking(paper, verdict[standard]) for standard in verdict}
        faulty += any(faults.values())
        print(f"{paper.name:{width}}  " + "  ".join(_cells(faults)).rstrip())
        for standard, found in faults.items():
            for fault in found:
                print(f"    {standard} {fault.severity} {fault.rule}: {fault.text}")
    return faulty


def _cells(faults: Mapping[Standard, Sequence[Fault]]) -> Iterator[str]:
    for standard in Standard:
        word = "–" if standard not in faults else "FAULTY" if faults[standard] else "clean"
        yield f"{word:8}"


def print_controls(controls: Mapping[Control, Paper], judged: Judged) -> int:
    """A line for each copy broken on purpose; how many were not refused as they must be."""
    print("\ncopies broken on purpose")
    accepted = 0
    for control, paper in controls.items():
        found = blocking(paper, judged[paper.name][control.standard])
        refused = any(fault.rule == control.rule for fault in found)
        accepted += not refused
        word = "refused" if refused else "ACCEPTED, the validator cannot be trusted"
        print(f"    {control.name}: {word} ({control.standard} {control.rule})")
    return accepted


def print_known(papers: Sequence[Paper], judged: Judged) -> int:
    """The known warnings that were met; how many of the list were not, and must leave it."""
    print("\nknown warnings, see docs/conformance.md")
    stale = 0
    for profile in sorted({paper.profile for paper in papers if paper.is_facturx}):
        met = Counter(
            fault.rule
            for paper in papers
            if paper.profile == profile
            for fault in judged[paper.name].get(Standard.FACTURX, ())
            if mustang.is_known(fault, profile)
        )
        for rule in sorted(mustang.KNOWN.get(profile, ())):
            stale += not met[rule]
            count = f"{met[rule]}×" if met[rule] else "NEVER SEEN, take it off the list"
            print(f"    {profile} {rule}: {count}")
    return stale


if __name__ == "__main__":
    sys.exit(main())
