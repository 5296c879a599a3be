"""Errors and findings: what stops the program, with which exit code, and what only speaks."""

import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module

import worker
from worker import errors
from worker.errors import Finding, Severity, TariffError, WorkerError, has_blocking

WARNING = Finding(code="W", message="à savoir", severity=Severity.WARNING)
BLOCKING = Finding(code="B", message="à corriger")
_DRAWN = re.compile(r"    ([│├└─ ]*)([A-Z]\w+)\s*(?:\((\d+)\))?")


def drawn() -> Iterator[tuple[str, str, int]]:
    """Name, parent and exit code of each error in the picture; a code is inherited."""
    above: list[tuple[str, int]] = []
    for match in filter(None, map(_DRAWN.match, (errors.__doc__ or "").splitlines())):
        branch, name, number = match.groups()
        above = above[: len(branch) // 4]
        parent, inherited = above[-1] if above else ("Exception", 0)
        code = int(number) if number else inherited
        above.append((name, code))
        yield name, parent, code


def defined(kind: type[WorkerError]) -> Iterator[tuple[str, str, int]]:
    """Name, parent and exit code of an error and of all that stand under it in the program."""
    assert kind.__base__ is not None
    yield kind.__name__, kind.__base__.__name__, kind.exit_code
    for below in kind.__subclasses__():
        if below.__module__.startswith("worker."):
            yield from defined(below)


def test_the_drawn_tree_is_the_tree() -> None:
    """Every error of the program is in the picture, under its parent, with its exit code."""
    for module in pkgutil.walk_packages(worker.__path__, "worker."):
        if not module.name.endswith("__main__"):
            import_module(module.name)

    assert sorted(drawn()) == sorted(defined(WorkerError))


def test_an_error_carries_what_people_need() -> None:
    """The message is the text of the exception; the remedy and the findings come with it."""
    error = TariffError("La grille est fausse.", "Corrigez-la.", findings=[BLOCKING, WARNING])
    assert str(error) == error.message == "La grille est fausse."
    assert (error.remedy, error.findings) == ("Corrigez-la.", (BLOCKING, WARNING))


def test_only_a_blocking_finding_stops() -> None:
    """A warning, or nothing at all, lets the record go on; a finding blocks unless it says so."""
    assert not has_blocking([])
    assert not has_blocking([WARNING, WARNING])
    assert has_blocking(finding for finding in (WARNING, BLOCKING))
