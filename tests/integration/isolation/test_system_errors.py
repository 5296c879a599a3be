"""What the system refuses is said in French, whatever its number."""

import ast
import errno
import os

import pytest

from tests.documents.pages import ROOT, python_files
from worker.isolation.files import reason


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_each_error_of_the_system_is_told_in_french(number: int) -> None:
    """Not one word of the system's own sentence is left."""
    told = reason(OSError(number, os.strerror(number)))

    assert os.strerror(number) not in told
    assert told


def test_no_other_place_tells_what_the_system_said() -> None:
    """``strerror`` is English: only the door of files reads it."""
    readers = {
        path.relative_to(ROOT).as_posix()
        for path in python_files("worker")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr == "strerror"
        # The number is given to an OSError, which is told by ``reason``.
        and ast.unparse(node.value) != "os"
    }

    assert readers == {"worker/isolation/files.py"}
