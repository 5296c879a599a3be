"""What the service manager is told (sd_notify): ready, alive, stopping, and the state in French."""

import atexit
import os
import socket
from functools import cache

import structlog

_log = structlog.get_logger()
_SHARE = 3
"""Of the time after which the manager takes us for dead: how often it is told that we live."""


def tell_systemd(state: str) -> None:
    """One datagram to the service manager, when there is one (sd_notify's protocol).

    A manager that does not listen does not stop the work.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    path = f"\0{address[1:]}" if address.startswith("@") else address
    try:
        _datagrams().sendto(state.encode(), path)
    except OSError as error:
        _log.warning("systemd.unreachable", error=type(error).__name__)


def watchdog_pace() -> float | None:
    """Seconds between two signs of life, of what the unit says (WatchdogSec); None without it."""
    told = os.environ.get("WATCHDOG_USEC", "")
    return int(told) / 1_000_000 / _SHARE if told.isdecimal() and int(told) else None


@cache
def _datagrams() -> socket.socket:
    """Opened once, at READY=1: a process without any descriptor left can still say so."""
    datagrams = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    datagrams.settimeout(1)
    atexit.register(datagrams.close)
    return datagrams
