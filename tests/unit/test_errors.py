"""Errors and findings: what stops the program, with which exit code, and what only speaks."""

import inspect

import pytest

from worker import errors
from worker.errors import (
    ConfigurationError,
    Finding,
    ImportRefused,
    IntegrityError,
    PortalAccessRefused,
    PortalAnswerError,
    PortalDown,
    Refused,
    SellerUnfit,
    Severity,
    StorageUnavailable,
    TariffError,
    WorkerError,
    WrongUse,
    has_blocking,
)

WARNING = Finding(code="W", message="à savoir", severity=Severity.WARNING)
BLOCKING = Finding(code="B", message="à corriger")


@pytest.mark.parametrize(
    "error,code",
    [
        (WorkerError, 70),
        (IntegrityError, 70),
        (WrongUse, 2),
        (ConfigurationError, 2),
        (TariffError, 2),
        (ImportRefused, 2),
        (SellerUnfit, 2),
        (PortalAccessRefused, 2),
        (PortalDown, 3),
        (PortalAnswerError, 3),
        (StorageUnavailable, 3),
        (Refused, 4),
    ],
)
def test_each_error_has_its_exit_code(error: type[WorkerError], code: int) -> None:
    """A script that calls the program can tell what to correct from what to try again."""
    assert error("message").exit_code == code


def test_the_drawn_tree_is_the_tree() -> None:
    """Every error of the module is in the picture at its top."""
    classes = [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, WorkerError)
    ]
    assert len(classes) == 14
    assert all(kind.__name__ in (errors.__doc__ or "") for kind in classes)


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
