"""What may stand where a file should, and would be waited for or read for ever."""

import contextlib
import os
import socket
from pathlib import Path


def as_a_pipe(path: Path) -> None:
    """What waits for a writer."""
    os.mkfifo(path)


def as_a_device(path: Path) -> None:
    """What never ends."""
    path.symlink_to("/dev/zero")


def as_a_ring(path: Path) -> None:
    """A link to itself."""
    path.symlink_to(path.name)


def as_a_folder(path: Path) -> None:
    """What has no content."""
    path.mkdir()


def as_a_socket(path: Path) -> None:
    """What answers to no reader."""
    with socket.socket(socket.AF_UNIX) as one, contextlib.chdir(path.parent):
        one.bind(path.name)


def as_a_giant(path: Path) -> None:
    """More than memory holds, on no disk."""
    with path.open("wb") as file:
        file.truncate(2**42)


KINDS = (as_a_pipe, as_a_device, as_a_folder, as_a_socket, as_a_giant)
