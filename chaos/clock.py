"""Another date for a whole process: the real clock, and an offset."""

import time
from datetime import UTC, datetime, timedelta

import time_machine

_EXACT = 0.0005
"""Seconds by which a clock may be wrong: the laws order what two processes do by milliseconds."""
_TRIES = 1000


class Clock:
    """The clock of this process, moved for good; durations (``time.monotonic``) stay real."""

    def __init__(self, offset: timedelta) -> None:
        self._traveller = time_machine.travel(offset, tick=True).start()
        self.move(offset)

    def move(self, offset: timedelta) -> None:
        """Show the real time and ``offset`` from now on."""
        real = time_machine.escape_hatch.time.time
        seconds = offset.total_seconds()
        # A process that is made to wait in the middle would be late for good: clocks are compared.
        for _ in range(_TRIES):
            # A number: a date with a zone would change the zone of the process.
            self._traveller.move_to(real() + seconds)
            datetime.now(UTC)  # it starts to tick when first read
            if abs(time.time() - seconds - real()) < _EXACT:
                return
        raise RuntimeError("this machine is too busy to set a clock")
