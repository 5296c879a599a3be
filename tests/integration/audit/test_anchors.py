"""Time-stamps of checkpoints: a real server, real tokens, and what an authority may do wrong."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.offices import CAMPAIGN, Desk, open_desk
from tests.support.scripted_server import ScriptedServer, Step, hang_up, reply, serving, stuck
from tests.support.timestamp_authority import NAME, Authority, answering, whatever
from worker.audit.anchors import Anchoring, anchor
from worker.audit.checkpoints import Watch, watched
from worker.audit.placing import place
from worker.audit.timestamps import request_for
from worker.audit.tokens import verify_anchors
from worker.audit.verification import verify
from worker.billing.journal import EventTag
from worker.corrections.todo import AdviceCode
from worker.corrections.todo_sentences import sentence
from worker.corrections.waiting import waiting
from worker.errors import Finding
from worker.settings.keys import JournalSettings
from worker.storage import journal
from worker.storage.tables import utc_text

AUTHORITY = Authority.made()
STRANGER = Authority.made()
EXPIRED = Authority.made(until=datetime(2025, 12, 31, tzinfo=UTC))
OF_MAILS = Authority.made(stamps=False)
LATER = CAMPAIGN + timedelta(minutes=1)
REJECTION = bytes.fromhex("30053003020102")
"""PKIStatus 2, and no token."""


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """Two invoices issued, and a checkpoint that waits for its stamp."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "desk", issued=2)
    place(desk.app)
    return desk


@pytest.fixture(name="waits", scope="module")
def _waits(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """The same, for tries that are all in vain."""
    folder = tmp_path_factory.mktemp("waits")
    desk = open_desk(tmp_path_factory.getbasetemp(), folder, issued=2)
    desk.told(read_timeout_seconds=0.3, connect_timeout_seconds=2)
    place(desk.app)
    return desk


@pytest.fixture(name="forged", scope="module")
def _forged(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """The same with a sound token, beside which events that name another one are added."""
    folder = tmp_path_factory.mktemp("forged")
    desk = open_desk(tmp_path_factory.getbasetemp(), folder, issued=2)
    place(desk.app)
    stamped(desk)
    return desk


def trust(desk: Desk, url: str, roots: bytes = AUTHORITY.roots) -> None:
    """Configure an authority at this address, and what it must lead to."""
    (desk.folder / "roots.pem").write_bytes(roots)
    told = JournalSettings(timestamp_url=url, timestamp_certificates=Path("roots.pem"))
    settings = desk.app.settings.model_copy(update={"journal": told})
    configuration = replace(desk.app.configuration, settings=settings)
    desk.app = replace(desk.app, configured=configuration)


@contextmanager
def authority(desk: Desk, *steps: Step) -> Iterator[ScriptedServer]:
    """A server that does this; it is configured."""
    with serving(*steps, reads=False) as server:
        trust(desk, server.url)
        yield server


def sound(query: bytes) -> bytes:
    """What an authority answers."""
    return AUTHORITY.answer(query, LATER)


def stamped(desk: Desk, answer: Callable[[bytes], bytes] = sound) -> Anchoring:
    """A try with an authority that answers like this."""
    with authority(desk, answering(answer)):
        done = anchor(desk.app)
    assert done is not None
    return done


def tokens(findings: tuple[Finding, ...]) -> list[Finding]:
    """Those about time-stamps."""
    return [one for one in findings if one.code == "TOKEN-UNPROVEN"]


def test_without_an_authority_nothing_is_asked(desk: Desk) -> None:
    """No server, no call, nothing that waits."""
    with desk.app.reading() as session:
        left = waiting(desk.app, session)

    assert anchor(desk.app) is None
    assert left.unstamped is None


def test_a_checkpoint_is_stamped_once_and_verified_without_network(desk: Desk) -> None:
    """The token and the certificates are kept and named; another call asks nothing."""
    done = stamped(desk)
    ((_, said),) = desk.events(EventTag.JOURNAL_ANCHORED)
    found = verify(desk.app)

    assert done.problem == ""
    assert said["checkpoint"] == done.checkpoint.seq
    assert (said["authority"], said["instant"]) == (f"CN={NAME}", utc_text(LATER))
    assert desk.app.store.archive.get(said["roots"]) == AUTHORITY.roots
    assert (found.findings, found.checkpoints, found.tokens) == ((), 1, 1)
    assert anchor(desk.app) is None


def test_only_the_newest_checkpoint_is_asked_for(desk: Desk) -> None:
    """Its hash covers the older ones, which a later token would not date any better."""
    desk.clock.advance(days=2)
    desk.run()
    done = stamped(desk, lambda query: AUTHORITY.answer(query, CAMPAIGN + timedelta(days=3)))
    placed = desk.events(EventTag.JOURNAL_CHECKPOINT)

    assert len(placed) == 2
    assert done.stamp is not None
    assert done.stamp.imprint == done.checkpoint.hash
    assert anchor(desk.app) is None


def _slow(connection: socket.socket) -> bool:
    """Headers, then a byte now and then."""
    connection.sendall(b"HTTP/1.1 200 X\r\nContent-Length: 5000\r\n\r\n")
    try:
        for _ in range(500):
            connection.sendall(b"x")
            connection.recv(1)
    except OSError:
        pass
    return False


def _endless(connection: socket.socket) -> bool:
    connection.sendall(b"HTTP/1.1 200 X\r\n\r\n")
    for _ in range(100):
        connection.sendall(b"x" * 65536)
    return False


WRONG: dict[str, tuple[Step, str]] = {
    "500": (whatever(reply(b"panne", 500)), "erreur HTTP 500"),
    "redirection": (
        whatever(reply(b"", 302, "Location: http://127.0.0.1:1/\r\n")),
        "erreur HTTP 302",
    ),
    "html": (whatever(reply(b"<html><body>Bienvenue</body></html>")), "n'est pas un jeton"),
    "empty": (whatever(reply(b"")), "n'est pas un jeton"),
    "rejection": (whatever(reply(REJECTION)), "a refusé d'horodater"),
    "silent": (whatever(stuck()), "n'a pas répondu"),
    "silent body": (
        whatever(stuck(b"HTTP/1.1 200 X\r\nContent-Length: 50\r\n\r\n")),
        "n'a pas répondu",
    ),
    "slow": (whatever(_slow), "n'a pas répondu"),
    "endless": (whatever(_endless), "trop longue"),
    "hangs up": (whatever(hang_up), "n'a pas répondu"),
    "nonce": (
        answering(lambda query: AUTHORITY.answer(query, LATER, nonce=7)),
        "une autre demande",
    ),
    "hash": (
        answering(lambda query: AUTHORITY.answer(query, LATER, imprint=b"x" * 32)),
        "une autre empreinte",
    ),
    "expired": (answering(lambda query: EXPIRED.answer(query, LATER)), "n'était pas valable"),
    "unknown": (answering(lambda query: STRANGER.answer(query, LATER)), "aucune autorité"),
    "mails": (answering(lambda query: OF_MAILS.answer(query, LATER)), "aucune autorité"),
    "bare": (
        answering(lambda query: AUTHORITY.answer(query, LATER, certificates=False)),
        "ne contient pas le certificat",
    ),
    "no nonce": (
        answering(lambda query: AUTHORITY.answer(query, LATER, nonce=None)),
        "une autre demande",
    ),
    "far away": (
        answering(lambda query: AUTHORITY.answer(query, datetime(9999, 12, 31, 23, tzinfo=UTC))),
        "n'est pas un jeton",
    ),
    "early": (
        answering(lambda query: AUTHORITY.answer(query, CAMPAIGN - timedelta(seconds=1))),
        "une horloge",
    ),
    "truncated": (answering(lambda query: sound(query)[:-1]), "n'est pas un jeton"),
    "more": (answering(lambda query: sound(query) + b"x"), "n'est pas un jeton"),
}
"""What a server may do instead of stamping, and what is then said."""


@pytest.mark.parametrize("wrong", WRONG)
def test_whatever_an_authority_does_wrong_is_a_sentence(waits: Desk, wrong: str) -> None:
    """Nothing is journalled, and the checkpoint goes on waiting."""
    step, words = WRONG[wrong]
    with authority(waits, step):
        done = anchor(waits.app)

    assert done is not None
    assert done.stamp is None
    assert words in done.problem
    assert done.problem.endswith(".")
    assert waits.events(EventTag.JOURNAL_ANCHORED) == []


def test_an_archive_that_refuses_the_token_is_a_sentence(desk: Desk) -> None:
    """What stands in the place of the certificates was altered: billing goes on all the same."""
    sha256 = desk.app.store.archive.put(AUTHORITY.roots)
    (desk.app.store.archive.folder / sha256[:2] / sha256).write_bytes(b"x")
    done = stamped(desk)

    assert done.stamp is None
    assert sha256 in done.problem
    assert desk.events(EventTag.JOURNAL_ANCHORED) == []


def test_a_server_that_is_not_there_is_a_sentence(desk: Desk) -> None:
    """The same."""
    with serving() as server:
        url = server.url
    trust(desk, url)
    done = anchor(desk.app)

    assert done is not None
    assert "refuse la connexion" in done.problem


@pytest.mark.parametrize("roots", [b"", b"-----BEGIN CERTIFICATE-----\nx\n", b"\xff\xfe"])
def test_authorities_that_cannot_be_read_are_a_sentence(waits: Desk, roots: bytes) -> None:
    """What was configured is no certificate: it is named before anything is asked."""
    with serving(answering(sound), reads=False) as server:
        trust(waits, server.url, roots)
        done = anchor(waits.app)

    assert done is not None
    assert "roots.pem" in done.problem
    assert server.connections == 0
    assert "ne contient pas de certificat lisible" in done.problem


def test_a_file_of_authorities_that_is_absent_is_named(desk: Desk) -> None:
    """Before anything is asked."""
    with authority(desk, answering(sound)) as server:
        (desk.folder / "roots.pem").unlink()
        done = anchor(desk.app)

    assert done is not None
    assert "roots.pem" in done.problem
    assert server.connections == 0


def test_an_authority_away_for_days_is_told(desk: Desk) -> None:
    """After three days, with what to type; not any more once it has stamped."""
    with serving() as server:
        trust(desk, server.url)
    with desk.app.reading() as session:
        desk.clock.advance(days=3)
        soon = waiting(desk.app, session).unstamped
        desk.clock.advance(minutes=1)
        late = waiting(desk.app, session).unstamped
    stamped(desk)
    with desk.app.reading() as session:
        left = waiting(desk.app, session).unstamped

    assert (soon, left) == (None, None)
    assert late is not None
    assert late.code is AdviceCode.STAMP
    assert "depuis le 05/01/2026 10:00:00" in sentence(late)


FORGED: dict[str, Callable[[Desk], dict[str, object]]] = {
    "instant": lambda _: {"instant": utc_text(LATER + timedelta(days=1))},
    "authority": lambda _: {"authority": "CN=Une autre"},
    "checkpoint": lambda _: {"checkpoint": 1},
    "no checkpoint": lambda _: {"checkpoint": None},
    "roots": lambda desk: {"roots": desk.app.store.archive.put(STRANGER.roots)},
    "no roots": lambda desk: {"roots": desk.app.store.archive.put(b"x")},
    "token": lambda desk: {"token": desk.app.store.archive.put(b"x")},
    "lost token": lambda _: {"token": "0" * 64},
    "lost roots": lambda _: {"roots": "0" * 64},
}
"""What an event may name instead."""


@pytest.mark.parametrize("what", FORGED)
def test_a_token_that_does_not_verify_is_a_finding(forged: Desk, what: str) -> None:
    """It is named by its event; the sound one is not."""
    (_, said), *_ = forged.events(EventTag.JOURNAL_ANCHORED)
    with forged.app.transaction() as tx:
        changed = FORGED[what](forged)
        tx.journal(EventTag.JOURNAL_ANCHORED, "journal", **(said | changed))
    watch = Watch()
    with forged.app.reading() as session:
        *_, last = watched(journal.events(session), watch)
    sound, *named = [event.seq for event in watch.anchored]
    found = [one.where for one in verify_anchors(forged.app.store, watch)]

    assert last.seq in named
    assert found == [f"horodatage, journal n° {seq}" for seq in named]
    assert sound not in named


def test_a_token_whose_file_was_altered_is_a_finding(desk: Desk) -> None:
    """The archive's own hash tells it."""
    stamped(desk)
    ((_, said),) = desk.events(EventTag.JOURNAL_ANCHORED)
    token = said["token"]
    path = desk.app.store.archive.folder / token[:2] / token
    path.write_bytes(path.read_bytes() + b"x")
    (finding,) = tokens(verify(desk.app).findings)

    assert token in finding.message


def test_a_token_from_elsewhere_is_looked_for_in_the_chain(desk: Desk, tmp_path: Path) -> None:
    """Its checkpoint is there, or was cut; its signature is that of a trusted authority, or not."""
    done = stamped(desk)
    ((_, said),) = desk.events(EventTag.JOURNAL_ANCHORED)
    query = request_for(done.checkpoint).as_bytes()
    ours, strange, lost = (tmp_path / name for name in ("ours.tsr", "strange.tsr", "lost.tsr"))
    ours.write_bytes(desk.app.store.archive.get(said["token"]))
    strange.write_bytes(STRANGER.answer(query, LATER))
    lost.write_bytes(AUTHORITY.answer(query, LATER, imprint=b"y" * 32))
    told = {
        path.name: [one.code for one in verify(desk.app, checkpoint=path).findings]
        for path in (ours, strange, lost)
    }

    assert told == {
        "ours.tsr": [],
        "strange.tsr": ["TOKEN-UNPROVEN"],
        "lost.tsr": ["CHECKPOINT-LOST"],
    }
