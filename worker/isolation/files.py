"""Read a file of any origin: a regular one, of a bounded size, without waiting for its writer."""

import errno
import os
import stat
from pathlib import Path


def read_bounded(path: Path, most: int) -> bytes:
    """At most one byte more than ``most``, of a file that is no pipe and no device.

    Raises:
        OSError: it cannot be read; IsADirectoryError when it is no regular file.
    """
    with open(path, "rb", opener=_open_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise IsADirectoryError(errno.EISDIR, "ce n'est pas un fichier")
        return file.read(most + 1)


def _open_at_once(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NONBLOCK)
