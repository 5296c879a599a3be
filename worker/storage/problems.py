"""What a person is told when the database refuses: a right, the disk, another writer, damage."""

import os
import re
import tempfile
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy.exc import (
    DatabaseError,
    DBAPIError,
    InternalError,
    OperationalError,
    ProgrammingError,
)

from worker.errors import IntegrityError, StorageUnavailable, WorkerError
from worker.settings.rights import told
from worker.storage.connecting import wrong_address

_OPENED = 8
"""More files than SQLite opens at once: base, log, index, journals."""
_ALTERED = re.compile("no such (table|column)|(table|index) .* already exists|Could not decode")
"""Of what SQLite says of a base that something else has changed: no later try helps."""
_DAMAGED = "XX00"
"""Codes of PostgreSQL: data or index corrupted, internal error."""


def changed() -> StorageUnavailable:
    """What is said when another program wrote into a file that is read without lock."""
    return StorageUnavailable(
        "La base de données a changé pendant la lecture : un autre programme y écrit.",
        "Relancez la même commande : rien n'a été modifié par celle-ci.",
    )


def missing_right(database: Path | None, error: DBAPIError) -> StorageUnavailable | None:
    """The right that SQLite lacks, when it says that it cannot open or write its file."""
    reason = str(error.orig).lower()
    writing = "readonly" in reason
    if database is None or not (writing or "unable to open" in reason):
        return None
    try:
        os.close(os.open(database, os.O_RDWR if writing else os.O_RDONLY))
        # The file is not the obstacle: SQLite writes beside it, and opens several.
        with ExitStack() as opened:
            for _ in range(_OPENED):
                opened.enter_context(open(os.devnull, "rb"))  # noqa: PTH123 - no path of ours
            opened.enter_context(tempfile.TemporaryFile(dir=database.parent))
            return None
    except OSError as why:
        path = database if why.filename == str(database) else database.parent
        return StorageUnavailable(*told(why, path, writing=writing or path != database))


def damaged(reason: str) -> IntegrityError:
    """What is said of a file that SQLite cannot make sense of."""
    return IntegrityError(
        f"La base de données est endommagée ({reason}).",
        "Rétablissez-la depuis une sauvegarde, avec son archive.",
    )


def problem_of(error: DBAPIError) -> WorkerError | None:
    """What a person can do about an error of the database; None for a defect of ours."""
    reason = str(error.orig).strip().splitlines()[0] if error.orig else "erreur inconnue"
    # Of SQLite, the class itself, for its subclasses say whose fault it is; of PostgreSQL, a code.
    if (
        type(error) is DatabaseError
        or str(getattr(error.orig, "sqlstate", "")).startswith(_DAMAGED)
        or (isinstance(error, OperationalError) and _ALTERED.match(reason))
    ):
        return damaged(reason)
    if isinstance(error, ProgrammingError) and "invalid connection option" in reason:
        return wrong_address()
    if not isinstance(error, OperationalError | InternalError):
        return None
    lowered = reason.lower()
    if "locked" in lowered or "busy" in lowered or "lock timeout" in lowered:
        return StorageUnavailable(
            "La base de données est occupée par un autre programme.",
            "Attendez la fin de l'autre commande, puis relancez : rien n'a été fait à moitié.",
        )
    if "full" in lowered or "disk i/o" in lowered:
        return StorageUnavailable(
            f"Le disque refuse d'écrire ({reason}).",
            "Libérez de la place, puis relancez : rien n'a été fait à moitié.",
        )
    return StorageUnavailable(
        f"La base de données n'est pas disponible ({reason}).",
        "Vérifiez-la, puis relancez : rien n'a été fait à moitié.",
    )
