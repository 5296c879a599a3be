"""One checking process for all tests that want the official verdicts."""

import atexit
from functools import cache

from worker.validation.service import ValidationService


@cache
def service() -> ValidationService:
    """Started at its first use, closed with the test session."""
    made = ValidationService()
    atexit.register(made.close)
    return made
