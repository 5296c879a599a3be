"""One checking process for all the tests: each costs a second of compilation."""

import atexit
from functools import cache

from worker.validation.official.service import ValidationService


@cache
def service() -> ValidationService:
    """The shared service, started at first use."""
    shared = ValidationService()
    atexit.register(shared.close)
    return shared
