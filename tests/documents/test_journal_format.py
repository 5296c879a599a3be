"""docs/journal-format.md is enough to write a verifier, and says what the program does."""

import hashlib
import json
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.documents.pages import ROOT, page, quoted, rows, section
from worker.audit.dossier import verify
from worker.billing.journal import JournalEvent, JournalHead, canonical_json
from worker.billing.journal import verify as verify_chain
from worker.storage.proved import proved_columns, proved_tables
from worker.storage.row_digests import row_digest, row_text

PAGE = page("docs/journal-format.md")
VECTORS = section(PAGE, "Test vectors")
Verifier = Callable[..., tuple[list[int], list[int], list[tuple[str, str]]]]


def blocks(kind: str) -> list[str]:
    """The blocks of the page with this word behind their fence."""
    return re.findall(rf"^```{kind}\n(.*?)^```", VECTORS, re.MULTILINE | re.DOTALL)


def lines(kind: str) -> list[str]:
    """The lines of the one block of this kind."""
    (text,) = blocks(f"jsonl {kind}")
    return [line for line in text.split("\n") if line]


HASHED, CANONICAL = (text.rstrip("\n") for text in blocks("json"))
EVENTS = [JournalEvent(**json.loads(line)) for line in lines("journal")]
KEYS = {"subscription": ["id"], "number_series": ["series"]}


@pytest.fixture(name="told", scope="module")
def _told() -> Verifier:
    """The verifier of the page."""
    (program,) = blocks("python")
    names: dict[str, Any] = {}
    exec(compile(program, "journal-format.md", "exec"), names)  # noqa: S102 - it is ours
    found: Verifier = names["verify"]
    return found


def sha256(text: str) -> str:
    """The SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_vectors_are_canonical() -> None:
    """Each line is the canonical JSON of its value, for the program and for verify.py."""
    every = [*lines("journal"), *lines("rows"), *lines("digests"), *lines("checkpoint")]

    for text in [*every, HASHED, CANONICAL]:
        assert canonical_json(json.loads(text)) == text
        assert verify.canonical(verify.parsed(text)) == text


def test_the_events_are_a_sound_chain() -> None:
    """The program accepts them, and the first hash is that of the list that is shown."""
    assert verify_chain(EVENTS, JournalHead(seq=4, hash=EVENTS[-1].hash)) == ()
    assert EVENTS[0].hash == sha256(HASHED)


def test_the_rows_have_their_digests() -> None:
    """Each text is that of the program, with every column that it proves today in these tables."""
    tables = {table.name: table for table in proved_tables()}
    for text, kept in zip(lines("rows"), map(json.loads, lines("digests")), strict=True):
        name, values = json.loads(text)

        assert row_text(name, values) == text
        assert row_digest(name, values) == kept["sha256"] == sha256(text)
        assert {column.name for column in proved_columns(tables[name])} >= set(values)


def test_the_checkpoint_sums_up_the_events_before_it() -> None:
    """As verify.py adds them up; its line has the payload as an object."""
    tally, end = verify.Tally(), verify.Head(0, verify.GENESIS)
    for event in EVENTS[:-1]:
        tally.add(event.tag, json.loads(event.payload))
        end = verify.Head(event.seq, event.hash)
    archive = {"count": 1, "sha256": tally.archive(1)}
    (line,) = lines("checkpoint")
    last = EVENTS[-1]

    assert json.loads(last.payload) == tally.totals(end) | {"archive": archive}
    assert json.loads(line) == {
        "seq": last.seq,
        "hash": last.hash,
        "at": last.at,
        "payload": json.loads(last.payload),
    }


def test_the_verifier_of_the_page_accepts_the_vectors(told: Verifier) -> None:
    """And names whatever is changed in them."""
    journal, digests, texts = lines("journal"), lines("digests"), lines("rows")
    other = texts[1].replace('"category":1', '"category":2')
    forged = [digests[0], digests[1].replace(sha256(texts[1]), sha256(other))]

    assert told(journal, digests, texts, KEYS) == ([], [], [])
    assert told(journal, digests, [texts[0], other], KEYS) == ([], [], [("subscription", "[1]")])
    assert told(journal, forged, [texts[0], other], KEYS) == ([], [2], [])
    assert told([journal[0], *journal[2:]], digests, texts, KEYS) == ([3], [2], [])


def test_the_verifier_of_the_page_reads_an_erased_payload(told: Verifier) -> None:
    """The chain stays sound; the rows that the event held are not proved any more."""
    events = [json.loads(line) for line in lines("journal")]
    erased = [json.dumps(events[0] | {"payload": ""}), *map(json.dumps, events[1:])]
    broken, _, _ = told(erased, [], [], {})

    assert broken == []


def test_the_verifier_of_the_page_accepts_the_published_dossier(
    told: Verifier, tmp_path: Path
) -> None:
    """Every event, digest and row of the sound one."""
    with tarfile.open(ROOT / "tests/data/journals/sound.tar.xz") as packed:
        packed.extractall(tmp_path, filter="data")
    proof = tmp_path / "preuve"
    journal, digests = (
        (proof / name).read_text("utf-8").splitlines()
        for name in ("journal.jsonl", "empreintes.jsonl")
    )
    texts = [
        text
        for path in sorted((proof / "lignes").iterdir())
        for text in path.read_text("utf-8").split("\n")
        if text
    ]
    layout = json.loads((proof / "tables.json").read_text("utf-8"))

    assert len(texts) > 300
    assert told(journal, digests, texts, {name: one["key"] for name, one in layout.items()}) == (
        [],
        [],
        [],
    )


def test_the_fields_of_an_event_are_those_of_the_page() -> None:
    """Nine, each with its meaning."""
    fields = [quoted(cells[0])[0] for cells in rows(section(PAGE, "Events"))]

    assert (
        sorted(fields) == sorted(JournalEvent.__dataclass_fields__) == sorted(verify.EVENT_FIELDS)
    )


def test_the_codes_of_the_page_are_those_of_the_program() -> None:
    """Every code that verify.py may give, and no other."""
    text = Path(verify.__file__).read_text("utf-8")
    given = set(re.findall(r'"((?:JOURNAL|DOSSIER|CHECKPOINT|BOOKS|ROW)-[A-Z]+)"', text))
    checked = "".join(cells[1] for cells in rows(section(PAGE, "What verify.py checks")))

    assert set(quoted(checked)) == given


def test_the_paths_of_the_page_are_those_of_a_dossier() -> None:
    """The files of the proof."""
    paths = {quoted(cells[0])[0] for cells in rows(section(PAGE, "A dossier"))}

    assert paths >= {
        verify.MANIFEST,
        verify.PROGRAM,
        f"{verify.PROOF}/{verify.JOURNAL}",
        f"{verify.PROOF}/{verify.HEAD}",
        f"{verify.PROOF}/{verify.DIGESTS}",
        f"{verify.PROOF}/{verify.ROWS}/TABLE.jsonl",
        f"{verify.PROOF}/{verify.TABLES}",
        f"{verify.DOCUMENTS}/NUMBER/",
        f"{verify.FILES}/",
    }
