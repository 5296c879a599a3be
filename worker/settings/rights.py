"""Rights and owners of the files that this program reads and writes, told so that a person can act.

A missing right is never told as an absent file, and what others may change is not obeyed.
"""

import errno
import grp
import os
import pwd
import resource
import stat
from pathlib import Path

from worker.errors import ConfigurationError, Refused, StorageUnavailable
from worker.isolation.files import NO_ROOM, reason

ROOT = 0
_RAISE_IT = (
    "Relevez la limite : tapez « ulimit -n 1024 » (LimitNOFILE= dans l'unité du service), puis "
    "relancez : rien n'a été fait à moitié."
)
_NO_DESCRIPTOR = {errno.EMFILE, errno.ENFILE}
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_NO_RIGHT = {errno.EACCES, errno.EPERM}


def told(error: OSError, path: Path, *, writing: bool = False) -> tuple[str, str]:
    """What the system refused, as a sentence with its path, and what to do.

    ``writing``: what was tried, for a right that is missing.
    """
    if (limit := descriptor_limit(error)) is not None:
        return limit
    tried = "d'écrire" if writing else "de lire"
    if error.errno not in _NO_RIGHT:
        full = writing and error.errno in NO_ROOM
        remedy = "Libérez de la place." if full else "Vérifiez son emplacement."
        return f"Impossible {tried} {path} : {reason(error)}.", f"{remedy} Puis relancez."
    culprit = _closed(path)
    user, owner = user_name(os.geteuid()), _owner_of(culprit)
    mode = f"propriétaire {owner}, droits {stat.S_IMODE(culprit.stat().st_mode):04o}"
    remedy = (
        f"Tapez : chmod u+{'rwX' if writing else 'rX'} {culprit}"
        if owner == user
        else f"Lancez la commande en tant que {owner} (sudo -u {owner} …), ou donnez-lui ce "
        f"fichier : chown {user} {culprit}"
    )
    return (
        f"L'utilisateur {user} n'a pas le droit {tried} {path} ({culprit} : {mode}).",
        remedy,
    )


def descriptor_limit(error: BaseException) -> tuple[str, str] | None:
    """What is said when no file could be opened any more, wherever that was met; else None."""
    while not isinstance(error, OSError) or error.errno not in _NO_DESCRIPTOR:
        below = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if below is None:
            return None
        error = below
    whose = "que la machine le permet"
    if error.errno == errno.EMFILE:
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        whose = f"qu'il en a le droit (limite : {most})"
    message = f"Le programme ne peut plus ouvrir de fichier : il y en a d'ouverts autant {whose}."
    return message, _RAISE_IT


def refuse_foreign_data(folder: Path) -> None:
    """Raise Refused before another user than the owner of the data writes among them.

    What it would leave there could not be read by the owner.
    """
    owners = [one.stat().st_uid for one in (folder, folder / "worker.sqlite") if one.exists()]
    owner = next((one for one in owners if one != os.geteuid()), None)
    if owner is None:
        return
    name, user = user_name(owner), user_name(os.geteuid())
    raise Refused(
        f"Les données de {folder} appartiennent à {name}, et la commande est lancée par {user} : "
        "rien n'a été écrit.",
        f"Retapez-la en tant que {name} : sudo -u {name} …",
    )


def protect_data(folder: Path) -> None:
    """Take from others the right to write among the data, which are ours.

    Raises:
        ConfigurationError: they may replace the folder itself, from one above it.
        StorageUnavailable: a right cannot be taken.
    """
    path = folder
    try:
        _refuse_open_ancestors(folder, "Le dossier de données")
        for path in (folder, folder / "archive", folder / "worker.sqlite"):
            if path.exists() and (mode := stat.S_IMODE(path.stat().st_mode)) & _OTHERS_WRITE:
                path.chmod(mode & ~_OTHERS_WRITE)
    except OSError as error:
        raise StorageUnavailable(*told(error, path, writing=True)) from error


def _refuse_open_ancestors(path: Path, what: str) -> None:
    """Raise ConfigurationError when anybody may replace a folder on the way to a path.

    Not where each may replace his own alone, as in /tmp.
    """
    real = Path(os.path.realpath(path))
    for one in dict.fromkeys((*path.absolute().parents, *real.parents)):
        if not one.exists():
            continue
        mode = one.stat().st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise _open_to_others(what, path, one, mode)


def _open_to_others(what: str, path: Path, one: Path, mode: int) -> ConfigurationError:
    return ConfigurationError(
        f"{what} {path} ne convient pas : d'autres peuvent écrire dans {one} (droits "
        f"{stat.S_IMODE(mode):04o}).",
        f"Tapez : chmod go-w {one}",
    )


def refuse_exposed(path: Path, what: str) -> None:
    """Raise ConfigurationError when others than its owner, or root, may change a file.

    Its folder counts as well, and that of the file that a link leads to: who writes there can
    replace it. So can who writes in a folder above these.

    Raises:
        OSError: it cannot be looked at.
    """
    real = Path(os.path.realpath(path))  # of links in a ring too, which stat() then refuses
    for one in dict.fromkeys((path, path.absolute().parent, real.parent)):
        state = one.stat()
        if state.st_uid not in {ROOT, os.geteuid()}:
            owner, user = user_name(state.st_uid), user_name(os.geteuid())
            others = "n'est pas root" if user == "root" else f"n'est ni root ni {user}"
            raise ConfigurationError(
                f"{what} {path} ne convient pas : {one} appartient à {owner}, qui {others}.",
                f"Lancez la commande en tant que {owner} (sudo -u {owner} …), ou tapez : "
                f"chown {user} {one}",
            )
        sticky = stat.S_ISDIR(state.st_mode) and state.st_mode & stat.S_ISVTX
        if not sticky and (state.st_mode & stat.S_IWOTH or _written_by_a_group(state)):
            raise _open_to_others(what, path, one, state.st_mode)
    _refuse_open_ancestors(path, what)


def _written_by_a_group(state: os.stat_result) -> bool:
    """Whether a group may write; not the private one of its owner, as many systems make it."""
    if not state.st_mode & stat.S_IWGRP:
        return False
    try:
        group, owner = grp.getgrgid(state.st_gid), pwd.getpwuid(state.st_uid)
    except KeyError:
        return True
    return group.gr_name != owner.pw_name or bool(set(group.gr_mem) - {owner.pw_name})


def user_name(uid: int) -> str:
    """The name of a user, or the number of one without."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _owner_of(path: Path) -> str:
    return user_name(path.stat().st_uid)


def _closed(path: Path) -> Path:
    """The first folder on the way that may not be entered, else the path, or what is there of it.

    What cannot be looked at has an ancestor that can.
    """
    last = Path(path.anchor or ".")
    for step in (*reversed(path.absolute().parents), path.absolute()):
        try:
            step.stat()
        except OSError:
            return last
        last = step
    return last
