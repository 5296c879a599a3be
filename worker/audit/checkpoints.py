"""Checkpoints of the journal, read: those that wait for a stamp, all of them against the chain.

``placing`` places them.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from worker.app import App
from worker.billing.checkpoint import (
    CheckpointLine,
    Sum,
    Tally,
    line_of,
    read_line,
)
from worker.billing.journal import EMPTY, EventTag, JournalEvent, JournalHead
from worker.billing.money import count, french
from worker.billing.period import french_time
from worker.errors import Finding, StorageUnavailable
from worker.isolation.files import read_bounded
from worker.settings.rights import told
from worker.storage import Session, journal
from worker.storage.tables import as_written

FILE = "checkpoints.jsonl"
LARGEST = 100_000_000
"""Bytes of a file of checkpoints: a century of days has forty million."""
REMEDY = "Conservez tout en l'état, et comparez la base à une sauvegarde d'avant cette date."
PLACED = (EventTag.JOURNAL_CHECKPOINT,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A checkpoint that an authority stamped, as the journal says it."""

    checkpoint: int
    authority: str
    instant: datetime


def last_anchor(session: Session) -> Anchor | None:
    """The checkpoint that was stamped last. Raises IntegrityError when its event is altered."""
    event = journal.last(session, tags=(EventTag.JOURNAL_ANCHORED,))
    if event is None:
        return None
    with as_written(f"l'événement n° {event.seq} du journal"):
        said = json.loads(event.payload)
        return Anchor(
            checkpoint=int(said["checkpoint"]),
            authority=str(said["authority"]),
            instant=datetime.fromisoformat(said["instant"]),
        )


def unanchored(session: Session) -> tuple[JournalEvent, ...]:
    """The checkpoints that no token covers, oldest first."""
    last = last_anchor(session)
    return tuple(journal.events(session, after=last.checkpoint if last else 0, tags=PLACED))


def lines(session: Session) -> Iterator[CheckpointLine]:
    """The line of each checkpoint of the journal."""
    return map(line_of, journal.events(session, tags=PLACED))


def present_lines(path: Path) -> bytes:
    """The content of ``checkpoints.jsonl``, empty when there is none. Raises OSError."""
    try:
        return read_bounded(path, LARGEST)
    except FileNotFoundError:
        return b""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenLines:
    """Checkpoints from outside of the chain, and the lines that are none, by their rank.

    Attributes:
        name: of the file, for people.
    """

    name: str
    lines: tuple[tuple[int, CheckpointLine], ...]
    unreadable: tuple[int, ...]


def given_lines(name: str, content: bytes) -> GivenLines:
    """What a file of checkpoints holds."""
    found: list[tuple[int, CheckpointLine]] = []
    unreadable: list[int] = []
    for rank, text in enumerate(content.split(b"\n"), start=1):
        if not text.strip():
            continue
        try:
            found.append((rank, read_line(text.decode())))
        except ValueError:
            unreadable.append(rank)
    return GivenLines(name=name, lines=tuple(found), unreadable=tuple(unreadable))


def kept_lines(app: App) -> GivenLines:
    """Those of the file beside the database; none when there is no file.

    Raises:
        StorageUnavailable: it cannot be read.
    """
    path = app.data_folder / FILE
    try:
        return given_lines(FILE, present_lines(path))
    except OSError as error:
        raise StorageUnavailable(*told(error, path)) from error


class Watch:
    """The chain as it goes by: its checkpoints, its anchors, what they must add up to.

    Attributes:
        placed: the checkpoints, by number.
        anchored: the events that name a token.
        findings: checkpoints that say something else than the events before them.
    """

    def __init__(self) -> None:
        self.placed: dict[int, CheckpointLine] = {}
        self.anchored: list[JournalEvent] = []
        self.findings: list[Finding] = []
        self._tally = Tally()
        self._end = EMPTY
        self._last: tuple[CheckpointLine, int] | None = None

    def see(self, event: JournalEvent) -> None:
        """Take the next event in."""
        try:
            if event.tag == EventTag.JOURNAL_CHECKPOINT:
                self._compare(read_line(line_of(event).text))
            elif event.tag == EventTag.JOURNAL_ANCHORED:
                self.anchored.append(event)
            self._tally.add(event)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            self.findings.append(_differs(event.seq, "son contenu ne se lit plus"))
        self._end = JournalHead(seq=event.seq, hash=event.hash)

    def _compare(self, line: CheckpointLine) -> None:
        self.placed[line.seq] = line
        expected = self._tally.totals(self._end)
        archive = {"count": line.said["archive"]["count"]}
        self._last = (line, self._tally.pieces)
        if {**line.said, "archive": archive} != expected:
            self.findings.append(
                _differs(line.seq, "ses totaux ne sont pas ceux des événements qui le précèdent")
            )

    def end(self) -> None:
        """Compare the list of the archive at the last checkpoint, once all events were seen."""
        if self._last is None:
            return
        line, pieces = self._last
        if self._tally.archive(pieces) != line.said["archive"].get("sha256"):
            self.findings.append(
                _differs(line.seq, "la liste des pièces d'archive n'est pas celle des événements")
            )

    def pieces(self) -> Iterator[str]:
        """The SHA-256 of each piece of the archive that an event names."""
        return self._tally.named()

    def lost(self, given: GivenLines) -> Iterator[Finding]:
        """What the chain no longer holds of these checkpoints."""
        for rank in given.unreadable:
            yield _line(given, rank, "elle ne se lit pas comme un point de contrôle")
        lost: list[CheckpointLine] = []
        last_held: CheckpointLine | None = None
        for rank, line in given.lines:
            held = self.placed.get(line.seq)
            if held is None or held.hash != line.hash:
                lost.append(line)
                continue
            last_held = line if last_held is None else max(last_held, line, key=_seq)
            if held != line:
                yield _line(given, rank, f"elle a été modifiée : le n° {line.seq} dit autre chose")
        if lost:
            yield self._loss(given, lost, last_held)

    def _loss(
        self, given: GivenLines, lost: list[CheckpointLine], held: CheckpointLine | None
    ) -> Finding:
        newest = max(lost, key=_seq)
        missing = newest.seq - self._end.seq
        how = (
            f"il s'arrête au n° {self._end.seq} et a perdu au moins {count(missing, 'événement')}"
            if missing > 0
            else "un autre événement est à cette place, il a été réécrit"
        )
        since = (
            "aucun point antérieur ne s'y retrouve"
            if held is None
            else f"tout concorde jusqu'au n° {held.seq} du {french_time(held.instant)}"
        )
        others = f", ni {count(len(lost) - 1, 'autre')} avant lui" if len(lost) > 1 else ""
        return Finding(
            code="CHECKPOINT-LOST",
            message=f"le point de contrôle n° {newest.seq} du {french_time(newest.instant)} n'est "
            f"plus dans le journal{others} : {how} ; {since}. Il comptait "
            f"{_documents(newest.sums)} ; le journal compte {_documents(self._tally.sums)}",
            remedy=REMEDY,
            where=given.name,
        )


def _seq(line: CheckpointLine) -> int:
    return line.seq


def _documents(sums: tuple[Sum, Sum]) -> str:
    return " et ".join(
        f"{count(one.count, noun)} ({french(one.total)})"
        for one, noun in zip(sums, ("facture", "avoir"), strict=True)
    )


def _differs(seq: int, what: str) -> Finding:
    return Finding(
        code="CHECKPOINT-DIFFERS", message=what, remedy=REMEDY, where=f"journal, n° {seq}"
    )


def _line(given: GivenLines, rank: int, what: str) -> Finding:
    return Finding(
        code="CHECKPOINT-LINE",
        message=what,
        remedy="Rétablissez ce fichier depuis une copie gardée ailleurs ; la chaîne du journal "
        "reste vérifiée par elle-même.",
        where=f"{given.name}, ligne {rank}",
    )


def watched(events: Iterable[JournalEvent], watch: Watch) -> Iterator[JournalEvent]:
    """The events, each shown to ``watch`` as it goes by."""
    for event in events:
        watch.see(event)
        yield event
    watch.end()
