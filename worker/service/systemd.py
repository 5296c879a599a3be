"""What the service manager is told (sd_notify): ready, alive, stopping, and the state in French."""

import os
import socket

import structlog

_log = structlog.get_logger()


def tell_systemd(state: str) -> None:
    """One datagram to the service manager, when there is one (sd_notify's protocol).

    A manager that does not listen does not stop the work.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    path = f"\0{address[1:]}" if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagram:
            datagram.settimeout(1)
            datagram.connect(path)
            datagram.sendall(state.encode())
    except OSError as error:
        _log.warning("systemd.unreachable", error=type(error).__name__)
