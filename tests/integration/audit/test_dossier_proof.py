"""verify.py on dossiers that are damaged in any way: each byte is named, and nothing breaks it."""

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.dossiers import unpack
from tests.support.tampering import Folder, change_byte, tamper
from worker.audit.dossier import verify
from worker.audit.dossier.collection import CAPTIONS
from worker.billing.checkpoint import COUNTED
from worker.billing.journal import canonical_json

PROOFS = (
    f"{verify.PROOF}/{verify.JOURNAL}",
    f"{verify.PROOF}/{verify.HEAD}",
    f"{verify.PROOF}/{verify.DIGESTS}",
    f"{verify.PROOF}/{verify.TABLES}",
    f"{verify.PROOF}/{verify.ROWS}/invoice.jsonl",
    verify.AMOUNTS_CSV,
    verify.MANIFEST,
)
PAGES = {
    "index.html": "<!doctype html><title>Dossier</title>",
    "style.css": "body { margin: 0 }",
    "filtre.js": "'use strict';",
    "documents/BSN-2026-00001/facture.xml": "<Invoice/>",
}
KINDS = {"html", "css", "js", "csv", "xlsx", "pdf", "xml", "jsonl", "json", "py"}


@pytest.fixture(name="sound", scope="module")
def _sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound dossier with a file of every kind; a test that changes it puts it back."""
    folder = unpack(tmp_path_factory.mktemp("sound") / "dossier")
    for name, text in PAGES.items():
        (folder / name).write_text(text, "utf-8")
    Folder(folder).seal()
    return folder


@pytest.fixture(name="dossier")
def _dossier(sound: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(sound, tmp_path / "dossier"))


def files(folder: Path) -> list[Path]:
    """Every file of a dossier, in order."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def places(folder: str) -> set[str]:
    """The files that the manifest is about, of the findings."""
    dossier = verify.Dossier(folder)
    verify.check_manifest(dossier)
    return {one.where for one in dossier.findings}


def test_there_is_a_file_of_every_kind(sound: Path) -> None:
    """What follows tries them all."""
    assert {path.suffix.removeprefix(".") for path in files(sound)} >= KINDS
    assert verify.verify(str(sound))[0].findings == []


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_one_changed_byte_of_any_file_is_named(sound: Path, data: st.DataObject) -> None:
    """Any bit of any byte of any file, the manifest and verify.py included."""
    path = data.draw(st.sampled_from(files(sound)))
    content = path.read_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(changed)
    try:
        named = places(str(sound))
    finally:
        path.write_bytes(content)

    assert path.relative_to(sound).as_posix() in named


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_one_changed_byte_of_each_kind_fails_the_whole(dossier: Path, kind: str) -> None:
    """The program says so, names the file, and ends with 1."""
    path = next(one for one in files(dossier) if one.suffix == f".{kind}")
    change_byte(path)
    found, _ = verify.verify(str(dossier))

    assert path.relative_to(dossier).as_posix() in {one.where for one in found.findings}
    assert verify.main([str(dossier)]) == 1


ODD_LINES = (
    b'{"seq":1e999999999}',
    b"NaN",
    b"[Infinity]",
    b"1" * 5000,
    b"[" * 600 + b"]" * 600,
    b'["invoice",{"id":"\\ud800"}]',
    b"null",
    b"[]",
    b"{}",
    b'"x"',
    b"[[],{}]",
    b'{"seq":1,"seq":2}',
    b"",
    b"\x00",
    b"\xff",
)


def filled(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """The damage that gives a file another content."""

    def harm(path: Path) -> None:
        path.write_bytes(change(path.read_bytes()))

    return harm


def replaced(make: Callable[[Path], None]) -> Callable[[Path], None]:
    """The damage that puts something else in the place of a file."""

    def harm(path: Path) -> None:
        path.unlink()
        make(path)

    return harm


DAMAGES = {
    "empty": filled(lambda _: b""),
    "cut": filled(lambda content: content[: len(content) * 2 // 3]),
    "not utf-8": filled(lambda content: b"\xff\xfe\x00" + content),
    "odd lines": filled(lambda content: b"\n".join((*ODD_LINES, content))),
    "huge number": filled(lambda _: b"1" * 100_000 + b"\n"),
    "nested brackets": filled(lambda _: b"[" * 200_000 + b"\n"),
    "missing": Path.unlink,
    "a folder": replaced(Path.mkdir),
    "a link": replaced(lambda path: path.symlink_to("/dev/zero")),
    "a link in a ring": replaced(lambda path: path.symlink_to(path.name)),
    "a pipe": replaced(os.mkfifo),
}


@pytest.mark.parametrize("name", PROOFS)
def test_a_damaged_file_is_a_sentence(dossier: Path, name: str) -> None:
    """However it is damaged: findings that name it, and never a traceback."""
    path = dossier / name
    content = path.read_bytes()
    unnamed = []
    for damage, harm in DAMAGES.items():
        harm(path)
        try:
            found = {one.where.split(",")[0] for one in verify.verify(str(dossier))[0].findings}
        except verify.Unusable:
            found = {name} if (name, damage) == (verify.MANIFEST, "missing") else set()
        if name not in found:
            unnamed.append(damage)
        if path.is_dir():
            path.rmdir()
        path.unlink(missing_ok=True)
        path.write_bytes(content)

    assert unnamed == []
    assert verify.verify(str(dossier))[0].findings == []


ODD: tuple[Any, ...] = (None, -1, 2**70, "", "x", [], {}, [[]], {"cents": "1"}, True)
ODDEST: tuple[Any, ...] = (None, 2**70, "x", [[]])


@pytest.mark.parametrize("table", ["invoice", "document", "deposit_attempt", "row_digest"])
def test_a_row_may_hold_anything(dossier: Path, table: str) -> None:
    """Values of any type in the place of any other, a column at a time: told, and no traceback."""
    books = Folder(dossier)
    path = books.path(table)
    before = path.read_bytes()
    row = books.load(table)[0]
    silent = []
    for rank, name in enumerate(row):
        text = json.dumps([table, row | {name: ODD[rank % len(ODD)]}])
        path.write_bytes(f"{text}\n".encode() + before)
        if not verify.verify(str(dossier))[0].findings:
            silent.append(name)

    assert silent == []


def paths(value: object) -> Iterator[list[Any]]:
    """The way to every place of a JSON value."""
    yield []
    inner: Iterable[tuple[object, object]] = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    for key, one in inner:
        for path in paths(one):
            yield [key, *path]


@pytest.mark.parametrize("table", ["invoice", "statement"])
def test_every_place_of_a_frozen_content_may_hold_anything(sound: Path, table: str) -> None:
    """What the sums rest on is told wherever it is odd; nothing else breaks the verification."""
    books = Folder(sound)
    row = books.load(table)[0]
    checks = {"invoice": verify.content_of, "statement": verify.statement_alone}
    silent = []
    for path in paths(json.loads(row["snapshot"])):
        for odd in ODDEST:
            said = json.loads(row["snapshot"])
            place = said
            for step in path[:-1]:
                place = place[step]
            if path:
                place[path[-1]] = odd
            changed = row | {"snapshot": json.dumps(said if path else odd)}
            tried = verify.Dossier(str(sound))
            verify.guarded(tried, "ici", partial(checks[table], changed))
            verify.check_tables(tried, {"x": said})
            counts = path[-1:] in (["cents"], ["quantity"], ["users"], ["number"])
            if counts and "ici" not in {one.where for one in tried.findings}:
                silent.append((path, odd))

    assert silent == []


def checkpoint_of(events: list[dict[str, Any]]) -> dict[str, Any]:
    """What a checkpoint behind these events says, added up by hand (docs/journal-format.md)."""
    told = [(one["tag"], json.loads(one["payload"])) for one in events]
    sums = {
        tag: [round(Decimal(said["total_ttc"]) * 100) for name, said in told if name == tag]
        for tag in ("invoice.issued", "credit_note.issued")
    }
    pieces = {piece for _, said in told for piece in said.get("documents", {}).values()}
    pieces |= {said["sha256"] for tag, said in told if tag == "receipt.kept"}
    listed = "".join(f"{piece}\n" for piece in sorted(pieces))
    return {
        "events": len(events),
        "head": events[-1]["hash"],
        "invoices": {"2025": _sum(sums["invoice.issued"])},
        "credit_notes": {"2025": _sum(sums["credit_note.issued"])},
        "archive": {"count": len(pieces), "sha256": verify.sha256_of(listed)},
    }


def _sum(amounts: list[int]) -> dict[str, int]:
    return {"count": len(amounts), "cents": sum(amounts)}


def placed(folder: Path, payload: dict[str, Any]) -> dict[str, Any]:
    """Add a checkpoint that says this, with all hashes right; its line."""
    books = Folder(folder)
    last = books.load("journal_event")[-1]
    said = {"tag": "journal.checkpoint", "subject": "journal", "payload": canonical_json(payload)}
    copied = {"table": "journal_event", "where": {"seq": last["seq"]}, "copy": {"seq": 0} | said}
    tamper(books, [copied, {"rechain": True}])
    books.seal()
    event = books.load("journal_event")[-1]
    return {name: event[name] for name in ("seq", "hash", "at")} | {"payload": payload}


def test_a_checkpoint_sums_up_what_came_before(dossier: Path, tmp_path: Path) -> None:
    """In the journal, and as a line that was kept elsewhere."""
    payload = checkpoint_of(Folder(dossier).load("journal_event"))
    line = placed(dossier, payload)
    kept = tmp_path / "checkpoints.jsonl"
    kept.write_text(json.dumps(line) + "\n\n", "utf-8")

    assert (payload["invoices"]["2025"]["count"], payload["archive"]["count"]) == (4, 14)
    assert verify.main([str(dossier), "--checkpoint", str(kept)]) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"events": 3},
        {"head": "0" * 64},
        {"invoices": {"2025": {"count": 4, "cents": 1}}},
        {"invoices": {}},
        {"credit_notes": {"2024": {"count": 1, "cents": 612720}}},
        {"archive": {"count": 13, "sha256": "0" * 64}},
        {"archive": {"count": 14, "sha256": "0" * 64}},
        {"archive": None},
        {"more": 1},
    ],
)
def test_a_checkpoint_that_says_something_else_is_named(
    dossier: Path, changes: dict[str, Any]
) -> None:
    """Whichever of its values it is."""
    payload = checkpoint_of(Folder(dossier).load("journal_event"))
    line = placed(dossier, payload | changes)
    found, _ = verify.verify(str(dossier))

    assert {(one.code, one.where) for one in found.findings} == {
        ("CHECKPOINT-DIFFERS", f"journal, n° {line['seq']}")
    }


@pytest.mark.parametrize(
    "changes,code",
    [
        ({"seq": 99}, "CHECKPOINT-LOST"),
        ({"seq": 1}, "CHECKPOINT-LOST"),
        ({"hash": "0" * 64}, "CHECKPOINT-LOST"),
        ({"payload": {}}, "CHECKPOINT-LINE"),
    ],
)
def test_a_line_that_the_journal_does_not_hold_is_named(
    dossier: Path, tmp_path: Path, changes: dict[str, Any], code: str
) -> None:
    """By the file and the line that were given."""
    line = placed(dossier, checkpoint_of(Folder(dossier).load("journal_event")))
    kept = tmp_path / "checkpoints.jsonl"
    lines = "".join(json.dumps(one) + "\n" for one in (line, line | changes))
    kept.write_text(lines, "utf-8")
    found, _ = verify.verify(str(dossier), checkpoints=verify.read_checkpoints(str(kept)))

    assert [(one.code, one.where) for one in found.findings] == [
        (code, "checkpoints.jsonl, ligne 2")
    ]


def test_the_program_of_a_dossier_runs_alone(sound: Path, tmp_path: Path) -> None:
    """From any folder, without ours; nothing is written."""
    shutil.copyfile(verify.__file__, tmp_path / verify.PROGRAM)
    before = {path: path.stat().st_mtime_ns for path in sound.rglob("*")}
    command = [sys.executable, "-I", str(tmp_path / verify.PROGRAM), str(sound)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert "conformes" in done.stdout
    assert before == {path: path.stat().st_mtime_ns for path in sound.rglob("*")}


def test_a_file_of_the_dossier_never_stands_for_the_standard_library(dossier: Path) -> None:
    """Run without -I in its folder, among files that are named as its modules."""
    for name in ("hashlib", "json", "argparse", "collections"):
        (dossier / f"{name}.py").write_text("raise SystemExit(0)", "utf-8")
    command = [sys.executable, verify.PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=dossier)

    assert done.returncode == 1
    assert "DOSSIER-ADDED hashlib.py" in done.stdout


def test_the_answer_for_a_program_is_json(
    dossier: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sound or not, the year, the hashes to note, and the findings."""
    sound = verify.main([str(dossier), "--json"]), json.loads(capsys.readouterr().out)
    (dossier / "index.html").unlink()
    other = verify.main([str(dossier), "--json"]), json.loads(capsys.readouterr().out)
    (head,) = Folder(dossier).load("journal_head")

    assert (sound[0], other[0]) == (0, 1)
    assert sound[1] | {"manifest": ""} == {
        "sound": True,
        "year": 2025,
        "manifest": "",
        "head": {"seq": head["seq"], "hash": head["hash"]},
        "findings": [],
    }
    assert other[1]["findings"] == [
        {
            "code": "DOSSIER-MISSING",
            "message": "ce fichier manque",
            "where": "index.html",
            "severity": "blocking",
        }
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--head", "xyz"],
        ["--head"],
        ["--bogus"],
        ["a", "b"],
        ["--manifest", "12"],
        ["--checkpoint", "absent.jsonl"],
        ["--checkpoint", "/dev/null"],
        ["absent"],
        ["/"],
    ],
)
def test_wrong_use_is_a_sentence(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """In French, on the error output, with the exit code 2."""
    code = verify.main(arguments)
    told = capsys.readouterr()

    assert (code, told.out) == (2, "")
    assert told.err.strip().count("\n") == 0
    assert told.err.endswith((".\n", "--help\n", ").\n"))


def test_a_remark_leaves_the_dossier_sound(capsys: pytest.CaptureFixture[str]) -> None:
    """What is erased lawfully is printed, and the exit code is 0."""
    dossier = verify.Dossier("x")
    remark = verify.Finding("JOURNAL-ERASED", "effacé", "journal, n° 1", verify.Severity.WARNING)
    dossier.findings = [remark]
    text = "\n".join(verify.sentences(dossier, verify.Story()))

    assert "! JOURNAL-ERASED journal, n° 1" in text
    assert text.endswith("conformes.")
    assert capsys.readouterr().out == ""


def test_a_noted_head_may_be_copied_as_it_was_printed(dossier: Path) -> None:
    """Its first sixteen characters, in capitals, with the sign of what was left out."""
    (head,) = Folder(dossier).load("journal_head")

    assert verify.main([str(dossier), "--head", f"{head['hash'][:16].upper()}…"]) == 0


def test_the_program_is_of_python_3_9() -> None:
    """Its grammar, and no module or name that came later."""
    text = Path(verify.__file__).read_text("utf-8")
    tree = ast.parse(text, feature_version=(3, 9))
    called = {
        (ast.unparse(node.func), keyword.arg)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
    }
    imported = {
        (name.name if isinstance(node, ast.Import) else str(node.module)).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }

    assert not any(isinstance(node, ast.Match) for node in ast.walk(tree))
    assert {arg for _, arg in called} & {"strict", "slots", "kw_only"} <= {"strict"}
    assert [function for function, arg in called if arg == "strict"] == ["csv.reader"]
    assert imported <= set(sys.stdlib_module_names)
    assert "from __future__ import annotations" in text


def test_the_captions_of_the_tables_are_those_that_are_looked_for() -> None:
    """A caption that is changed is changed in both places."""
    looked_for = {*verify.AMOUNT_CAPTIONS, *verify.LINE_CAPTIONS}

    assert looked_for <= set(CAPTIONS.values())


def test_the_verifier_counts_the_pieces_that_a_checkpoint_counts() -> None:
    """An event that names a piece for the program names it for the verifier, and the reverse."""
    assert set(verify.PIECES) == {tag.value for tag in COUNTED}
