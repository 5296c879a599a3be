"""Checkpoints on real books: when they are placed, and what a copy of them shows later."""

import hashlib
import json
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.intruder import alter
from tests.support.offices import Desk, open_desk
from worker.audit.checkpoints import FILE, Watch, given_lines, watched
from worker.audit.placing import place, place_daily, write_lines
from worker.audit.verification import verify
from worker.billing.checkpoint import read_line
from worker.billing.journal import EMPTY, EventTag, JournalEvent, JournalHead, canonical_json, chain
from worker.errors import Finding, IntegrityError, StorageUnavailable, WrongUse
from worker.service.heartbeat import beat
from worker.settings.keys import Channel
from worker.storage import journal
from worker.storage.alterations import require_intact

SIX = "?, ?, ?, ?, ?, ?, ?, ?, ?"


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """Four invoices issued, by no campaign."""
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path / "desk", issued=4)


@pytest.fixture(name="placed", scope="module")
def _placed(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """The same with two checkpoints; nothing of it is changed for good."""
    folder = tmp_path_factory.mktemp("placed")
    desk = open_desk(tmp_path_factory.getbasetemp(), folder, issued=4)
    place(desk.app)
    something(desk)
    place(desk.app)
    return desk


def database(desk: Desk) -> Path:
    """The file that an intruder has in hand."""
    return desk.folder / "donnees" / "worker.sqlite"


def kept(desk: Desk) -> Path:
    """The lines beside it."""
    return desk.folder / "donnees" / FILE


def chained(desk: Desk) -> list[JournalEvent]:
    """The whole journal."""
    with desk.app.reading() as session:
        return list(journal.events(session))


def something(desk: Desk) -> None:
    """Something is journalled."""
    with desk.app.transaction() as tx:
        tx.journal(EventTag.RESEND_REQUESTED, "BSN-2026-00001", reason="essai")


def forge(desk: Desk, events: list[JournalEvent]) -> None:
    """Somebody rewrites the journal whole, chain and head included."""
    alter(database(desk), "DELETE FROM journal_event")
    head = JournalHead(seq=events[-1].seq, hash=events[-1].hash)
    with closing(sqlite3.connect(database(desk))) as connection:
        connection.executemany(
            f"INSERT INTO journal_event (seq, at, actor, tag, subject, payload, payload_sha256, "
            f"previous, hash) VALUES ({SIX})",
            [astuple(event) for event in events],
        )
        connection.execute("UPDATE journal_head SET seq = ?, hash = ?", (head.seq, head.hash))
        connection.commit()


def rechained(events: list[JournalEvent], changed: int, payload: str) -> list[JournalEvent]:
    """The same events, one of them with another payload, with hashes that fit everywhere."""
    made: list[JournalEvent] = []
    head = EMPTY
    for event in events:
        said = payload if event.seq == changed else event.payload
        if event.tag == EventTag.JOURNAL_CHECKPOINT and event.seq != changed:
            said = canonical_json(json.loads(said) | {"head": head.hash})
        again = chain(
            head,
            at=event.at,
            actor=event.actor,
            tag=EventTag(event.tag),
            subject=event.subject,
            payload=said,
        )
        head = JournalHead(seq=again.seq, hash=again.hash)
        made.append(again)
    return made


def watching(events: list[JournalEvent]) -> Watch:
    """What was watched of a chain."""
    watch = Watch()
    assert list(watched(events, watch)) == events
    return watch


def about_checkpoints(findings: tuple[Finding, ...]) -> list[Finding]:
    """Those that this file is about: whoever alters a database leaves other traces as well."""
    return [one for one in findings if one.code.startswith("CHECKPOINT")]


def test_a_campaign_ends_with_a_checkpoint_that_adds_up(desk: Desk) -> None:
    """Totals by year, and every file of the archive: documents, lots, reports."""
    desk.told(lot_invoices=3)
    desk.portal.integrates_at_once = True
    head = desk.run()
    desk.clock.advance(hours=1)
    desk.follow()
    place(desk.app)
    first, last = [one for one in chained(desk) if one.tag == EventTag.JOURNAL_CHECKPOINT]
    pieces = sorted(
        path.name for path in desk.app.store.archive.folder.rglob("*") if path.is_file()
    )
    archived = "".join(f"{name}\n" for name in pieces)
    issued = [one for one in desk.invoices() if one.number]
    said = json.loads(last.payload)

    assert (first.seq, first.hash) == (head.seq, head.hash)
    assert said["events"] == last.seq - 1
    assert said["head"] == last.previous
    assert said["invoices"] == {
        "2025": {"count": len(issued), "cents": sum(one.total.cents for one in issued)}
    }
    assert said["archive"]["count"] == len(pieces) > 2 * len(issued)
    assert said["archive"]["sha256"] == hashlib.sha256(archived.encode()).hexdigest()
    assert verify(desk.app).findings == ()


def test_a_day_with_events_has_its_checkpoint_on_a_later_day(desk: Desk) -> None:
    """Once; what the journal tells of itself alone makes no other one."""
    place(desk.app)
    something(desk)
    assert place_daily(desk.app) is None
    desk.clock.advance(days=1)
    assert place_daily(desk.app) is not None
    desk.clock.advance(days=1)
    with desk.app.transaction() as tx:
        tx.journal(EventTag.JOURNAL_ANCHORED, "journal", token="0" * 64, roots="1" * 64)
    desk.clock.advance(days=1)

    assert place_daily(desk.app) is None
    assert place(desk.app) is None


def test_the_quick_check_of_a_large_database_begins_at_the_last_checkpoint(desk: Desk) -> None:
    """What was altered before is left to the whole verification; what came since is compared."""
    place(desk.app)
    with desk.app.reading() as session:
        session.connection().exec_driver_sql("UPDATE invoice SET detail = 'x'")
        session.connection().exec_driver_sql("DELETE FROM row_written")
        require_intact(session, few=0)
        with pytest.raises(IntegrityError, match="table invoice"):
            require_intact(session)
        session.rollback()


def test_a_heartbeat_places_it(desk: Desk) -> None:
    """Also when nothing is billed or deposited."""
    settings = desk.app.settings.model_copy(update={"channel": Channel.HELIOS})
    configuration = replace(desk.app.configuration, settings=settings)
    app = replace(desk.app, configured=configuration)
    desk.clock.advance(days=-3)
    place(app)
    something(desk)
    same_day = beat(app, lambda: False), len(desk.events(EventTag.JOURNAL_CHECKPOINT))
    desk.clock.advance(days=1)
    next_day = beat(app, lambda: False), len(desk.events(EventTag.JOURNAL_CHECKPOINT))

    assert (same_day, next_day) == ((None, 1), (None, 2))
    assert len(kept(desk).read_text().splitlines()) == 2


def test_the_lines_are_those_of_the_journal_and_their_owners_alone(desk: Desk) -> None:
    """A line for each; a lost file is made again; nothing is written twice."""
    place(desk.app)
    something(desk)
    place(desk.app)
    text = kept(desk).read_bytes()
    mode = stat.S_IMODE(kept(desk).stat().st_mode)
    kept(desk).unlink()
    write_lines(desk.app)
    write_lines(desk.app)
    seqs = [read_line(line).seq for line in text.decode().splitlines()]

    assert seqs == [e.seq for e in chained(desk) if e.tag == EventTag.JOURNAL_CHECKPOINT]
    assert (mode, kept(desk).read_bytes()) == (0o600, text)


@pytest.mark.parametrize("left", [0, 1, 50, -1])
def test_a_line_that_a_crash_cut_is_written_again(placed: Desk, left: int) -> None:
    """Whatever was left of it."""
    whole = kept(placed).read_bytes()
    first = whole.index(b"\n") + 1
    kept(placed).write_bytes(whole[: first + left] if left >= 0 else whole[:-1])
    write_lines(placed.app)

    assert kept(placed).read_bytes() == whole


def test_what_else_stands_in_the_file_is_kept(desk: Desk) -> None:
    """It may be the only trace of what was cut."""
    kept(desk).write_bytes(b"autre chose")
    place(desk.app)
    (finding,) = about_checkpoints(verify(desk.app).findings)

    assert kept(desk).read_bytes().startswith(b"autre chose\n{")
    assert (finding.code, finding.where) == ("CHECKPOINT-LINE", f"{FILE}, ligne 1")


def test_a_folder_that_refuses_the_line_stops_nothing(desk: Desk) -> None:
    """The checkpoint is placed; who asks for its line is told why there is none."""
    kept(desk).mkdir()
    placed = place(desk.app)

    assert placed is not None
    with pytest.raises(StorageUnavailable, match=FILE):
        write_lines(desk.app)


def test_every_truncation_before_a_line_is_found(placed: Desk) -> None:
    """Wherever the journal is cut: found when, and only when, a line lies behind the cut."""
    events, given = chained(placed), given_lines(FILE, kept(placed).read_bytes())
    found = {cut: list(watching(events[:cut]).lost(given)) for cut in range(len(events) + 1)}
    last = max(line.seq for _, line in given.lines)

    assert len(given.lines) == 2
    assert {cut for cut, findings in found.items() if findings} == set(range(last))
    assert {one.code for findings in found.values() for one in findings} == {"CHECKPOINT-LOST"}


def test_every_rewriting_before_a_line_is_found(placed: Desk) -> None:
    """Whichever event is changed, with hashes that fit: found when a line lies on or behind it."""
    events, given = chained(placed), given_lines(FILE, kept(placed).read_bytes())
    later = [*events, events[0], events[0]]  # what came since is in no line
    found = {
        one: list(watching(rechained(later, one, '{"changed":1}')).lost(given))
        for one in range(1, len(later) + 1)
    }
    last = max(line.seq for _, line in given.lines)

    assert {one for one, findings in found.items() if findings} == set(range(1, last + 1))


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_truncation_after_a_checkpoint_is_found(
    desk: Desk, tmp_path: Path, *, elsewhere: bool
) -> None:
    """By the lines beside the database, or by one that was kept elsewhere when these are gone."""
    place(desk.app)
    before = chained(desk)
    desk.clock.advance(days=3)
    desk.run()
    copy = tmp_path / "ailleurs.jsonl"
    copy.write_text(kept(desk).read_text().splitlines()[-1])
    newest = read_line(copy.read_text())
    forge(desk, before)
    if elsewhere:
        kept(desk).unlink()
    (finding,) = about_checkpoints(
        verify(desk.app, checkpoint=copy if elsewhere else None).findings
    )

    assert (finding.code, finding.where) == ("CHECKPOINT-LOST", copy.name if elsewhere else FILE)
    assert f"n° {newest.seq} du 08/01/2026 10:00:00 n'est plus dans le journal" in finding.message
    assert f"il s'arrête au n° {len(before)} et a perdu au moins" in finding.message
    assert "Il comptait 11 factures (" in finding.message
    assert "le journal compte 4 factures (" in finding.message
    assert (f"tout concorde jusqu'au n° {len(before)} du 05/01/2026" in finding.message) is (
        not elsewhere
    )


def test_a_journal_rewritten_with_fitting_hashes_is_found(desk: Desk) -> None:
    """The chain alone would pass; the checkpoint in it no longer has its hash."""
    place(desk.app)
    events = chained(desk)
    forge(desk, rechained(events, 2, '{"changed":1}'))
    codes = [finding.code for finding in verify(desk.app).findings]
    lost = [one for one in verify(desk.app).findings if one.code == "CHECKPOINT-LOST"]

    assert "JOURNAL-BROKEN" not in codes
    assert ["il a été réécrit ; aucun point antérieur" in one.message for one in lost] == [True]


@pytest.mark.parametrize(
    "harm,words",
    [
        (lambda text: text.replace('"cents":', '"cents":1'), "modifiée"),
        (lambda text: text.replace("2026-01-05", "2026-01-04"), "modifiée"),
        (lambda text: text.replace('"seq":', '"seq":"x'), "ne se lit pas"),
        (lambda text: text[:-20] + "\n", "ne se lit pas"),
        (lambda text: "\x00\udcff" + text, "ne se lit pas"),
    ],
)
def test_a_line_that_was_changed_is_named(
    placed: Desk, harm: Callable[[str], str], words: str
) -> None:
    """With its file and its rank."""
    first, second = kept(placed).read_text().splitlines(keepends=True)
    content = (first + harm(second)).encode(errors="surrogateescape")
    (finding,) = watching(chained(placed)).lost(given_lines(FILE, content))

    assert (finding.code, finding.where) == ("CHECKPOINT-LINE", f"{FILE}, ligne 2")
    assert words in finding.message


SAID: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "events": lambda said: said | {"events": said["events"] + 1},
    "head": lambda said: said | {"head": "0" * 64},
    "invoices": lambda said: said | {"invoices": {}},
    "credit_notes": lambda said: said | {"credit_notes": {"2025": {"count": 1, "cents": 1}}},
    "archive": lambda said: said | {"archive": said["archive"] | {"sha256": "0" * 64}},
    "count": lambda said: said | {"archive": said["archive"] | {"count": 1}},
    "more": lambda said: said | {"more": 1},
    "nothing": lambda _: {},
}
"""What a checkpoint may say wrongly."""


@pytest.mark.parametrize("what", SAID)
def test_a_checkpoint_that_does_not_add_up_is_named(placed: Desk, what: str) -> None:
    """Whoever wrote it: each figure is computed again from the events before it."""
    events = chained(placed)
    said = SAID[what](json.loads(events[-1].payload))
    forged = rechained(events, events[-1].seq, json.dumps(said, sort_keys=True))
    (finding,) = watching(forged).findings

    assert (finding.code, finding.where) == ("CHECKPOINT-DIFFERS", f"journal, n° {len(events)}")


def test_an_event_that_cannot_be_counted_is_named(desk: Desk) -> None:
    """Somebody wrote something else into the payload of an invoice; nothing fails."""
    place(desk.app)
    events = chained(desk)
    (invoice, *_) = [one for one in events if one.tag == EventTag.INVOICE_ISSUED]
    forge(desk, rechained(events, invoice.seq, "[]"))
    found = {finding.where for finding in about_checkpoints(verify(desk.app).findings)}

    assert f"journal, n° {invoice.seq}" in found


@pytest.mark.parametrize("content", [b"", b"\n\n", b"%PDF-1.7\n", b"{}\n", b"\xff" * 200_000])
def test_a_file_that_holds_no_checkpoint_is_refused(
    placed: Desk, tmp_path: Path, content: bytes
) -> None:
    """It says what to give instead."""
    (tmp_path / "autre").write_bytes(content)
    with pytest.raises(WrongUse, match="ni une copie") as caught:
        verify(placed.app, checkpoint=tmp_path / "autre")

    assert "une ligne suffit" in caught.value.remedy


def test_a_file_that_cannot_be_read_is_refused(placed: Desk, tmp_path: Path) -> None:
    """Absent, or a folder."""
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(WrongUse, match="Impossible de lire"):
            verify(placed.app, checkpoint=path)
