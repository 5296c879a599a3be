"""The one door for a file that a command, a form or the configuration names.

A regular file, whose size is looked at first, opened without waiting for whatever is at the other
end of a pipe or a device.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, BufferedWriter
from pathlib import Path

NO_FILE = "ce n'est pas un fichier ordinaire"
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_PIECE = 1 << 16
_REASONS = {
    errno.ENOENT: "il n'existe pas",
    errno.ENOTDIR: "un fichier est à la place d'un dossier",
    errno.EACCES: "le droit de le lire manque",
    errno.EPERM: "le droit de le lire manque",
    errno.EEXIST: "autre chose est à sa place",
    errno.EISDIR: NO_FILE,
    errno.ENXIO: NO_FILE,
    errno.ELOOP: "ses liens tournent en rond",
    errno.ENAMETOOLONG: "son nom est trop long",
    errno.EROFS: "son disque est monté en lecture seule",
    errno.EMFILE: "trop de fichiers sont ouverts",
    errno.ENFILE: "trop de fichiers sont ouverts sur la machine",
    errno.EIO: "le disque ne répond pas",
    errno.EBADF: "il a été fermé entre-temps",
    errno.EBUSY: "un autre programme s'en sert",
    errno.ETXTBSY: "un autre programme s'en sert",
    errno.EAGAIN: "il est occupé pour le moment",
    errno.EINTR: "la lecture a été interrompue",
    errno.EINVAL: "son nom, ou ce qu'on lui demande, n'est pas admis par le système",
    errno.EMLINK: "trop de liens y mènent",
    errno.ENODEV: "son support n'est plus là",
    errno.ENOMEM: "la mémoire manque",
    errno.ENOTEMPTY: "le dossier n'est pas vide",
    errno.EOPNOTSUPP: "son support ne le permet pas",
    errno.EOVERFLOW: "il est trop grand pour ce système",
    errno.EPIPE: "l'autre bout ne lit plus",
    errno.ESPIPE: "on ne peut pas s'y déplacer",
    errno.ESTALE: "le partage réseau qui le porte n'est plus à jour",
    errno.EXDEV: "il est sur un autre disque",
    errno.ENOSYS: "ce système ne le permet pas",
    errno.ETIMEDOUT: "le support n'a pas répondu à temps",
    errno.EHOSTDOWN: "la machine qui le porte ne répond pas",
    errno.EHOSTUNREACH: "la machine qui le porte est hors d'atteinte",
    errno.ECONNREFUSED: "la machine visée refuse la connexion",
    errno.ECONNRESET: "la connexion a été coupée",
    errno.ENETUNREACH: "le réseau est hors d'atteinte",
    errno.ENOTCONN: "la connexion est coupée",
    **dict.fromkeys(NO_ROOM, "le disque est plein"),
}


def reason(error: OSError) -> str:
    """Why the system refused, a part of a French sentence; what was said here already stays."""
    said = error.strerror or type(error).__name__
    number = error.errno or errno.EIO
    if said != os.strerror(number):
        return said
    symbol = errno.errorcode.get(number, str(number))
    return _REASONS.get(number, f"le système répond par l'erreur {symbol}")


def open_regular(path: Path, most: int) -> BufferedReader:
    """A regular file of ``most`` bytes at most, open for reading.

    Raises:
        OSError: it cannot be read; ``strerror`` is French. IsADirectoryError when it is no regular
            file, ``EFBIG`` when it is larger.
    """
    try:
        file = open(path, "rb", opener=_open_at_once)  # noqa: SIM115 - the caller closes it
    except ValueError as error:
        raise OSError(errno.EINVAL, "son nom contient un caractère nul") from error
    except OSError as error:
        number = error.errno or errno.EIO
        raise OSError(number, reason(error)) from error
    try:
        _check(os.fstat(file.fileno()), most)
    except OSError:
        file.close()
        raise
    return file


def read_bounded(path: Path, most: int) -> bytes:
    """The content of such a file. Raises OSError as ``open_regular``, were it growing meanwhile."""
    with open_regular(path, most) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise _too_large(most)
    return content


def digest_bounded(path: Path, most: int) -> tuple[int, str]:
    """Size and SHA-256 of such a file, read in pieces. Raises OSError as ``read_bounded``."""
    digest, size = hashlib.sha256(), 0
    with open_regular(path, most) as file:
        while piece := file.read(_PIECE):
            size += len(piece)
            if size > most:
                raise _too_large(most)
            digest.update(piece)
    return size, digest.hexdigest()


def replace_regular(path: Path, content: bytes) -> None:
    """Write a file for its owner alone, whole or not at all. Raises OSError."""
    with replacing_regular(path) as file:
        file.write(content)


@contextmanager
def replacing_regular(path: Path) -> Iterator[BufferedWriter]:
    """A file for its owner alone, filled beside its place, which it takes once it is whole.

    Raises:
        OSError: it cannot be written, or a link, a pipe or a device has its place; what was there
            stays as it was.
    """
    if path.is_symlink():
        raise OSError(errno.ELOOP, "c'est un lien, qui n'est pas suivi")
    if path.exists() and not path.is_file():
        raise IsADirectoryError(errno.EISDIR, NO_FILE)
    beside = path.with_name(f".{path.name}.nouveau")
    try:
        with create_regular(beside) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def append_regular(path: Path, content: bytes, *, behind: int) -> None:
    """Write behind the first ``behind`` bytes of such a file, durably; what follows them goes.

    Raises:
        OSError: as ``create_regular``.
    """
    with _writing_regular(path, os.O_APPEND) as file:
        file.truncate(behind)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def create_regular(path: Path) -> BufferedWriter:
    """A new or emptied file for its owner alone, open for writing; never what a link leads to.

    Raises:
        OSError: it cannot be written; ``strerror`` is French for a pipe, a device or a link.
    """
    return _writing_regular(path, os.O_TRUNC)


def _writing_regular(path: Path, how: int) -> BufferedWriter:
    flags = os.O_WRONLY | os.O_CREAT | how | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
    try:
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "c'est un lien, qui n'est pas suivi") from error
        if error.errno not in {errno.ENXIO, errno.EISDIR}:
            raise
        raise IsADirectoryError(errno.EISDIR, NO_FILE) from error
    file = os.fdopen(descriptor, "wb")
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        file.close()
        raise IsADirectoryError(errno.EISDIR, NO_FILE)
    if state.st_uid == os.geteuid():
        os.fchmod(descriptor, 0o600)
    return file


def _check(status: os.stat_result, most: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, NO_FILE)
    if status.st_size > most:
        raise _too_large(most)


def _too_large(most: int) -> OSError:
    size = f"{most // 1_000_000} Mo" if most >= 1_000_000 else f"{most // 1_000} ko"
    return OSError(errno.EFBIG, f"il pèse plus de {size}")


def _open_at_once(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NONBLOCK | os.O_NOCTTY)
