"""Another date for a whole process: the real clock, and an offset."""

from datetime import UTC, datetime, timedelta

import time_machine


class Clock:
    """The clock of this process, moved for good; durations (``time.monotonic``) stay real."""

    def __init__(self, offset: timedelta) -> None:
        self._traveller = time_machine.travel(offset, tick=True).start()
        datetime.now(UTC)  # it starts to tick when first read

    def move(self, offset: timedelta) -> None:
        """Show the real time and ``offset`` from now on."""
        real = time_machine.escape_hatch.time.time()
        # A number: a date with a zone would change the zone of the process.
        self._traveller.move_to(real + offset.total_seconds())
        datetime.now(UTC)
