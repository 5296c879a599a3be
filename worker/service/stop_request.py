"""What ends the service: a signal, or a failure that is one too many.

Python runs the handler of a signal in the main thread only, and once that one wakes: a signal
that another thread received, or that falls just before the wait, would be heard after it, that is
never. A signal therefore writes itself into a pipe, at once and from any thread.
"""

import os
import select
import signal

from worker.errors import WorkerError


class StopRequest:
    """The request to stop, waited for by the main thread.

    Attributes:
        failure: why, when no signal asked for it.
    """

    def __init__(self) -> None:
        self.failure: WorkerError | None = None
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)

    def listen(self) -> None:
        """SIGTERM and SIGINT are requests from now on; main thread only."""
        signal.set_wakeup_fd(self._writer)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)

    def give_up(self, failure: WorkerError) -> None:
        """Ask from any thread, for a failure."""
        self.failure = failure
        os.write(self._writer, b"\0")

    def comes_within(self, seconds: float | None) -> bool:
        """Wait for it so long, or for ever; whether it came."""
        ready, _, _ = select.select([self._reader], [], [], seconds)
        return bool(ready)
