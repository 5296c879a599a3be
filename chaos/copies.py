"""Copies of our data: a backup that is put back, a second machine, a disk that forgets."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from chaos import books
from chaos.happenings import Happening
from chaos.installation import Installation


@dataclass(slots=True)
class Copies:
    """The data in use, the last backup, and what another machine has.

    Attributes:
        attempts: those of data that is in use no more, or elsewhere.
        documents: the hashes of what such data froze.
        happened: whether data in use was ever replaced.
    """

    installation: Installation
    attempts: dict[tuple[str, str], books.BookedAttempt] = field(default_factory=dict)
    documents: set[str] = field(default_factory=set)
    happened: bool = False

    @property
    def _data(self) -> Path:
        return self.installation.database.parent

    @property
    def _backup(self) -> Path:
        return self.installation.folder / "sauvegarde"

    @property
    def _elsewhere(self) -> Path:
        return self.installation.folder / "ailleurs"

    def are_elsewhere(self) -> bool:
        """Whether another machine has data of its own."""
        return self._elsewhere.exists()

    def change(self, happening: Happening, *, as_files: bool) -> bool:
        """Let something happen to the data; whether other data than before is in use.

        Args:
            happening: what.
            as_files: a backup copies the files of the database, as they are.
        """
        h = Happening
        match happening:
            case h.BACK_UP:
                self.back_up(as_files=as_files)
            case h.RESTORE | h.LOSE:
                return self.restore(whole=happening is h.RESTORE)
            case h.FORK:
                self.fork()
            case h.SWITCH:
                return self.switch()
            case h.JOIN:
                return self.join()
            case _:
                pass
        return False

    def back_up(self, *, as_files: bool) -> None:
        """The database first, then the archive: a piece without a row does no harm."""
        self._copy(self._backup, as_files=as_files)

    def restore(self, *, whole: bool) -> bool:
        """Put the backup back: all of it, or the database alone; whether there is one."""
        if not self._backup.exists():
            return False
        self._forget_present()
        for file in self._data.glob("worker.sqlite*"):
            file.unlink()
        if whole:
            shutil.rmtree(self._data / "archive")
        shutil.copytree(self._backup, self._data, dirs_exist_ok=True)
        return True

    def fork(self) -> None:
        """Another machine begins with a copy."""
        if not self.are_elsewhere():
            self._copy(self._elsewhere, as_files=False)

    def switch(self) -> bool:
        """Go on with the data of the other machine; whether there is one."""
        if not self.are_elsewhere():
            return False
        self._forget_present()
        aside = self.installation.folder / "donnees-echangees"
        self._data.rename(aside)
        self._elsewhere.rename(self._data)
        aside.rename(self._elsewhere)
        return True

    def join(self) -> bool:
        """Keep the more recent data alone; whether it was the other machine's."""
        if not self.are_elsewhere():
            return False
        other = _last_event(self._elsewhere / self.installation.database.name)
        is_switched = other > _last_event(self.installation.database) and self.switch()
        self._forget(self._elsewhere / self.installation.database.name)
        shutil.rmtree(self._elsewhere)
        return is_switched

    def attempts_beside(
        self, present: tuple[books.BookedAttempt, ...]
    ) -> tuple[books.BookedAttempt, ...]:
        """Those that the data in use does not know."""
        known = {(one.sha256, str(one.started_at)) for one in present}
        return tuple(one for key, one in self.attempts.items() if key not in known)

    def _copy(self, place: Path, *, as_files: bool) -> None:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        database = self.installation.database
        if as_files:
            for file in database.parent.glob("worker.sqlite*"):
                shutil.copy2(file, place)
        else:
            with (
                closing(sqlite3.connect(database)) as source,
                closing(sqlite3.connect(place / database.name)) as copy,
            ):
                source.backup(copy)
        for entry in self._data.iterdir():
            if entry.is_dir():
                shutil.copytree(entry, place / entry.name)
            elif not entry.name.startswith(database.name):
                shutil.copy2(entry, place)

    def _forget_present(self) -> None:
        self._forget(self.installation.database)
        self.happened = True

    def _forget(self, database: Path) -> None:
        for attempt in books.attempts(database):
            self.attempts[attempt.sha256, str(attempt.started_at)] = attempt
            self.documents |= {attempt.sha256, attempt.document}
        self.documents |= set(books.seals(database).values())


def _last_event(database: Path) -> str:
    with closing(sqlite3.connect(database)) as connection:
        (at,) = connection.execute(
            "SELECT at FROM journal_event ORDER BY seq DESC LIMIT 1"
        ).fetchone()
    return str(at)
