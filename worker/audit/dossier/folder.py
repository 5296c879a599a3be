"""A folder that appears whole, or not at all: built beside its place, then renamed.

The folder under way bears the name of its place with a dot before it and ``.en-cours`` behind. A
lock tells a build that still works from one that was killed, whose folder the next one removes.
"""

import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from worker.errors import Refused, StorageUnavailable, WrongUse
from worker.settings.rights import told

UNDER_WAY = ".en-cours"
FORMER = ".ancien"
MARKER = "chorus-worker-site.json"
"""The file by which a site of ours is known, and may be replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """Of the folders and files of a build."""

    folder: int
    file: int


PRIVATE = Rights(folder=0o700, file=0o600)
"""A dossier is its owner's alone."""
PUBLISHED = Rights(folder=0o750, file=0o640)
"""The group of the folder around a site may read it: that of a web server."""


@contextmanager
def built_aside(to: Path, *, replaces: bool = False, rights: Rights = PRIVATE) -> Iterator[Path]:
    """Give an empty folder to fill, which takes its place at the end of the block.

    Args:
        to: the place.
        replaces: whether a former site of ours may be there: two renames replace it, between
            which nothing is at the place for an instant.
        rights: of all that is built.

    Raises:
        WrongUse: something is there already, or the folder around it is not.
        Refused: another build of the same folder is under way.
        StorageUnavailable: it cannot be written; nothing is left of it.
    """
    place = to.absolute()
    aside = place.parent / f".{place.name}{UNDER_WAY}"
    former = place.parent / f".{place.name}{FORMER}"
    try:
        if not place.name or not place.parent.is_dir():
            raise WrongUse(
                f"Aucun dossier ne peut être créé en {place} : rien n'a été écrit.",
                "Donnez un nom dans un dossier qui existe.",
            )
        if not replaces:
            _require_nothing(place)
        with _under_way(aside):
            if replaces:
                _put_back(former, place)
                _require_site(place)
            yield aside
            _set_rights(aside, rights)
            os.sync()
            _swap(aside, place, former, replaces=replaces)
    except OSError as error:
        message, remedy = told(error, place, writing=True)
        raise StorageUnavailable(message, f"{remedy} Il n'en reste rien.") from error


def is_site(place: Path) -> bool:
    """Whether a site of ours is there, itself and not by a link."""
    return not place.is_symlink() and (place / MARKER).is_file()


def _require_nothing(place: Path) -> None:
    if os.path.lexists(place):
        raise WrongUse(
            f"{place} existe déjà : rien n'a été écrit.",
            "Donnez le nom d'un dossier qui n'existe pas encore.",
        )


def _require_site(place: Path) -> None:
    """Nothing, an empty folder or a former site: what may be replaced."""
    if not os.path.lexists(place) or is_site(place):
        return
    if place.is_symlink() or not place.is_dir() or any(place.iterdir()):
        raise WrongUse(
            f"{place} existe déjà, et ce n'est pas un site que ce programme a écrit : rien n'a "
            "changé.",
            "Donnez un dossier vide, ou le nom d'un dossier qui n'existe pas encore.",
        )


@contextmanager
def _under_way(aside: Path) -> Iterator[None]:
    """A new folder, locked; removed when the block fails."""
    if aside.is_dir() and not aside.is_symlink():
        with _locked(aside):
            shutil.rmtree(aside)
    aside.mkdir(mode=0o700)
    with _locked(aside):
        try:
            yield
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise Refused(
            f"Une autre commande construit déjà ce dossier ({folder}).",
            "Attendez qu'elle ait fini.",
        ) from error
    finally:
        os.close(descriptor)


def _put_back(former: Path, place: Path) -> None:
    """Undo half a replacement, or end one: what a build left that was killed between two renames.

    Only a site of ours is taken for one.
    """
    if not is_site(former):
        return
    if os.path.lexists(place):
        shutil.rmtree(former)
    else:
        former.rename(place)


def _swap(aside: Path, place: Path, former: Path, *, replaces: bool) -> None:
    if not replaces:
        _require_nothing(place)
        aside.rename(place)
    elif is_site(place):
        place.rename(former)
        try:
            aside.rename(place)
        except OSError:
            former.rename(place)
            raise
    else:
        _require_site(place)
        aside.rename(place)  # an empty folder is replaced as well
    _sync(place.parent)
    if replaces and is_site(former):
        shutil.rmtree(former)


def _set_rights(folder: Path, rights: Rights) -> None:
    for path, _, files in os.walk(folder):
        for name in files:
            _set(Path(path, name), rights.file)
        _set(Path(path), rights.folder)


def _set(path: Path, mode: int) -> None:
    """Whatever the umask made of it; its group stays, with the mark that hands it down."""
    present = stat.S_IMODE(path.stat().st_mode)
    if present & 0o777 != mode:
        path.chmod(mode | present & stat.S_ISGID)


def _sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
