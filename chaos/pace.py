"""How slow this machine is now: the factor of every time limit of the proof and of the tests.

Such a limit guards against a hang, and is given in seconds of an idle machine. The factor is the
time that a known piece of work takes here, divided by what it takes there, and at least 1. It is
measured at the start, handed to other processes in the environment, and measured again later: a
load may begin while something is waited for.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable

VARIABLE = "TESTS_PACE"
STEP = 10.0
"""Seconds after which the factor is measured again."""
WORK, WORK_SECONDS = 800_000, 0.045
START_SECONDS = 0.02
"""What the work and the start of a Python process take on the machine of the limits, idle."""


class TooLong(Exception):
    """Something took more than its limit: it hangs."""


class _Latest:
    factor = 0.0
    at = 0.0


def factor() -> float:
    """How many times slower than the machine of the limits; at least 1."""
    first = float(os.environ.get(VARIABLE, "0")) or _measure_first()
    if not _Latest.at or time.monotonic() - _Latest.at > STEP:
        _Latest.factor = max(first, _seconds_of_work() / WORK_SECONDS)
        _Latest.at = time.monotonic()
    return _Latest.factor


def limit(seconds: float) -> float:
    """How many seconds here and now stand for so many of an idle machine."""
    return seconds * factor()


def until(is_over: Callable[[float], bool], seconds: float) -> bool:
    """Wait for the end of something; whether it came within its limit.

    Args:
        is_over: waits so many seconds at most, and says whether it is over.
        seconds: of an idle machine; each step counts by the factor that it was waited with.
    """
    left = seconds
    while left > 0:
        now, began = factor(), time.monotonic()
        if is_over(min(left, STEP) * now):
            return True
        left -= (time.monotonic() - began) / max(now, factor())
    return False


def becomes_true(condition: Callable[[], bool], seconds: float) -> bool:
    """Look again and again; whether the condition was met within the limit."""

    def look(step: float) -> bool:
        end = time.monotonic() + step
        while not condition():
            if time.monotonic() > end:
                return False
            time.sleep(0.01)
        return True

    return until(look, seconds)


def ended(process: "subprocess.Popen[str] | subprocess.Popen[bytes]", seconds: float) -> int:
    """The exit code of a process; it is killed when it hangs (TooLong)."""
    _in_time(process, seconds, lambda step: process.wait(timeout=step))
    return process.returncode


def communicate(process: "subprocess.Popen[str]", seconds: float) -> tuple[str, str]:
    """What a process says to its end; it is killed when it hangs (TooLong)."""
    said: list[tuple[str, str]] = []
    _in_time(process, seconds, lambda step: said.append(process.communicate(timeout=step)))
    return said[0]


def _in_time(
    process: "subprocess.Popen[str] | subprocess.Popen[bytes]",
    seconds: float,
    wait: Callable[[float], object],
) -> None:
    def is_over(step: float) -> bool:
        try:
            wait(step)
        except subprocess.TimeoutExpired:
            return False
        return True

    if not until(is_over, seconds):
        process.kill()
        process.communicate()
        raise TooLong(f"{process.args!r} still runs after {seconds} s × {factor():.1f}")


def _measure_first() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-S", "-c", ""], check=True)
    start = time.perf_counter() - began
    first = max(1.0, start / START_SECONDS, _seconds_of_work() / WORK_SECONDS)
    os.environ[VARIABLE] = f"{first:.2f}"
    return first


def _seconds_of_work() -> float:
    began = time.perf_counter()
    total = 0
    for number in range(WORK):
        total += number
    return time.perf_counter() - began
