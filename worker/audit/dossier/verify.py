#!/usr/bin/env python3
"""Vérifie un dossier d'audit : rien d'autre que Python 3.9 ou plus récent n'est nécessaire.

The format is docs/journal-format.md of the program that made the dossier. Standard library only,
one file, and nothing is written. Whoever can change the dossier can change this file: take it from
another place, and give it the folder (``python3 -I verify.py FOLDER``).
"""

from __future__ import annotations

import sys

if __name__ == "__main__" and not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
    del sys.path[0]  # a file of the dossier must not stand for one of the standard library

import argparse
import csv
import hashlib
import json
import os
import re
import stat
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from io import StringIO
from itertools import groupby, islice
from typing import Any, Callable, Dict, NamedTuple

FORMAT = 1
MANIFEST = "manifest.json"
PROGRAM = "verify.py"
PROOF = "preuve"
JOURNAL = "journal.jsonl"
HEAD = "fin.json"
DIGESTS = "empreintes.jsonl"
TABLES = "tables.json"
ROWS = "lignes"
DOCUMENTS = "documents"
FILES = "fichiers"
AMOUNTS_CSV = "tables/invoice_amount.csv"
LINES_CSV = "tables/invoice_line.csv"
AMOUNT_CAPTIONS = ("Total HT", "TVA", "Total TTC", "Arrondi (BT-114)", "Net à payer")
LINE_CAPTIONS = ("Utilisateurs × mois", "Prix unitaire TTC", "Total TTC", "Total HT")

FILE = "file"
PARTS = 10_000
"""Of a unit: quantities have four decimals at most."""
GENESIS = "0" * 64
GONE = ""
LONGEST_LINE = 64_000_000
LONGEST_FILE = 2_000_000_000
LONGEST_TEXT = 2_000_000
SURE = 2**53 - 1
DEEPEST = 30
"""Levels of a JSON value."""
SHOWN = 200
PIECE = 1 << 20

ISSUED = "invoice.issued"
CREDIT = "credit_note.issued"
CORRECTED = "invoice.corrected"
STATED = "statement.issued"
INTENDED = "deposit.intended"
CANCELLED = "invoice.cancelled"
OF_AN_INVOICE = (ISSUED, CREDIT, CORRECTED, CANCELLED)
IMPORTED = "file.imported"
PIECES = {
    IMPORTED: ("kept",),
    ISSUED: ("documents",),
    CREDIT: ("documents",),
    CORRECTED: ("documents",),
    STATED: ("documents",),
    INTENDED: ("lot",),
    "receipt.kept": ("sha256",),
    "completion.intended": ("files",),
    "journal.anchored": ("token", "roots"),
}
"""Where events name pieces of the archive, by their SHA-256."""
OF_A_MEMBER = ("hold.placed", "hold.lifted", "invoice.parked")
PASSED_OVER = "document.closed"
CHECKPOINT = "journal.checkpoint"
ERASED = "payload.erased"
OF_THE_YEAR = ("invoice", "statement", "document", "validation_report", "hold")
"""Tables of which an event of the year writes rows of the year only."""
WHOLE = ("tariff_grid", "number_series")
"""Tables of no year, all of whose rows are given."""
MISSING = "cette ligne manque dans le dossier"
USAGE = "usage_record"
CREDIT_NOTE = "credit_note"
CREDIT_CENTS = 2
"""Cents per line that the tax of a credit note may be away from base x rate; one on an invoice."""

EVENT_FIELDS: dict[str, type] = {
    "actor": str,
    "at": str,
    "hash": str,
    "payload": str,
    "payload_sha256": str,
    "previous": str,
    "seq": int,
    "subject": str,
    "tag": str,
}


class Severity:
    """Whether a finding is a difference or a remark."""

    BLOCKING = "blocking"
    WARNING = "warning"


class Finding(NamedTuple):
    """What is not as it must be: a stable code, a French sentence, and its place."""

    code: str
    message: str
    where: str
    severity: str = Severity.BLOCKING


class Head(NamedTuple):
    """Where a chain ends."""

    seq: int
    hash: str


class Checkpoint(NamedTuple):
    """A line of a file of checkpoints that was kept elsewhere."""

    seq: int
    hash: str
    payload: str
    where: str


class Unusable(Exception):
    """The folder or an option cannot be used at all; its text is French."""


class Unreadable(Exception):
    """A text is not what the format says; its text is French."""


Row = Dict[str, Any]
"""The values of a row by column."""


class Digests(NamedTuple):
    """What an event holds of the rows of its transaction."""

    rows: object
    sha256: object


class Story:
    """What the journal tells, as far as the other checks need it."""

    def __init__(self) -> None:
        self.end = Head(0, GENESIS)
        self.hashes: list[str] = []
        self.rows_written: dict[int, Digests] = {}
        self.erased: set[int] = set()
        self.told: dict[str, list[tuple[int, str, Any]]] = defaultdict(list)
        """Of each number issued for the year: the events of issue and correction."""
        self.issued: list[tuple[int, str]] = []
        """Every number of the whole journal, those of statements too, with its event."""
        self.passed_over: set[str] = set()
        self.attempts: dict[str, set[str]] = defaultdict(set)
        self.usage_files: set[int] = set()
        """Imports of usage: a file has rows of one year only."""
        self.of_the_year: set[int] = set()
        """Events that write rows of the year only."""
        self.tally = Tally()
        self.checkpoints: dict[int, str] = {}
        """Their payloads, by number."""


class Tally:
    """What a checkpoint adds up: documents and amounts by year, pieces of the archive."""

    def __init__(self) -> None:
        self.sums: dict[str, dict[str, dict[str, int]]] = {ISSUED: {}, CREDIT: {}}
        self.pieces: dict[str, None] = {}
        self.last: tuple[int, int, Any] | None = None
        """Number of the last checkpoint, pieces until then, and digest of their list."""

    def add(self, tag: str, payload: dict[str, Any]) -> None:
        """Count an event."""
        if tag in self.sums:
            amount = re.fullmatch(r"(-?[0-9]{1,15})\.([0-9]{2})", str(payload.get("total_ttc")))
            year = self.sums[tag].setdefault(str(payload.get("year")), {"count": 0, "cents": 0})
            year["count"] += 1
            year["cents"] += int(amount[1] + amount[2]) if amount else 0
        for name in PIECES.get(tag, ()):
            value = payload.get(name)
            found = value.values() if isinstance(value, dict) else [value]
            self.pieces.update({one: None for one in found if type(one) is str and one})

    def totals(self, end: Head) -> dict[str, Any]:
        """What a checkpoint behind an event says, the digest of the archive's list apart."""
        return {
            "events": end.seq,
            "head": end.hash,
            "invoices": self.sums[ISSUED],
            "credit_notes": self.sums[CREDIT],
            "archive": {"count": len(self.pieces)},
        }

    def archive(self, first: int) -> str:
        """The digest of the list of the first pieces that were named."""
        names = sorted(islice(self.pieces, first))
        return sha256_of("".join(f"{name}\n" for name in names))


class Dossier:
    """A folder, and what was found in it."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.findings: list[Finding] = []
        self.year = 0
        self.seal = ""
        self.head: Head | None = None
        self.files: dict[str, str] = {}
        """The SHA-256 of each file that there is."""

    def add(self, code: str, message: str, where: str) -> None:
        """A finding more."""
        self.findings.append(Finding(code=code, message=message, where=where))


# --- Reading ---------------------------------------------------------------------------------


def _no_number(_text: str) -> Any:
    raise Unreadable("un nombre à virgule n'a pas sa place ici")


def _whole(text: str) -> int:
    if len(text) > 20:
        raise Unreadable("un nombre est trop long")
    return int(text)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unreadable("une clé y est deux fois")
    return found


def parsed(text: str) -> Any:
    """A JSON text of the format: whole numbers only, each key once. Raises Unreadable."""
    try:
        value = json.loads(
            text,
            parse_float=_no_number,
            parse_int=_whole,
            parse_constant=_no_number,
            object_pairs_hook=_once,
        )
    except (ValueError, RecursionError) as error:
        raise Unreadable("ce n'est pas du JSON") from error
    if text.count("[") + text.count("{") > DEEPEST:
        _refuse_deep(value)
    return value


def _refuse_deep(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for one in level
            if isinstance(one, (dict, list))
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
    if level:
        raise Unreadable("il est trop imbriqué")


def canonical(value: Any) -> str:
    """The canonical text of a value (RFC 8785): keys in the order of their UTF-16 units."""
    if isinstance(value, dict):
        pairs = sorted(value.items(), key=lambda one: one[0].encode("utf-16-be", "surrogatepass"))
        inside = ",".join(f"{canonical(key)}:{canonical(one)}" for key, one in pairs)
        return "{" + inside + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def sha256_of(text: str) -> str:
    """The SHA-256 of a text in UTF-8."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _open(folder: str, path: str) -> Any:
    """A regular file of the dossier, open for reading. Raises OSError."""
    full = os.path.join(folder, *path.split("/"))
    if not stat.S_ISREG(os.lstat(full).st_mode):
        raise IsADirectoryError(path)
    return open(full, "rb")


def _text(dossier: Dossier, path: str, most: int = LONGEST_FILE) -> str | None:
    """The text of a file; None, and a finding, when there is none."""
    try:
        with _open(dossier.folder, path) as file:
            content = file.read(most + 1)
    except OSError:
        _absent(dossier, path)
        return None
    try:
        if len(content) > most:
            raise Unreadable("il est trop grand")
        return str(content, "utf-8")
    except (UnicodeDecodeError, Unreadable) as error:
        why = str(error) if isinstance(error, Unreadable) else "ce n'est pas de l'UTF-8"
        dossier.add("DOSSIER-UNREADABLE", f"ce fichier ne se lit pas : {why}", path)
        return None


def _absent(dossier: Dossier, path: str) -> None:
    finding = Finding("DOSSIER-MISSING", "ce fichier manque, ou ne peut pas être lu", path)
    if finding not in dossier.findings:
        dossier.findings.append(finding)


def _value(dossier: Dossier, path: str) -> Any:
    """The value of a JSON file; None, and a finding, when it cannot be read."""
    text = _text(dossier, path)
    if text is None:
        return None
    try:
        return parsed(text)
    except Unreadable as error:
        dossier.add("DOSSIER-UNREADABLE", f"ce fichier ne se lit pas : {error}", path)
        return None


def _lines(dossier: Dossier, path: str) -> Iterator[tuple[str, str, Any]]:
    """Place, text and value of each line of a file of JSON lines; a finding for each other."""
    try:
        with _open(dossier.folder, path) as file:
            number = 0
            while True:
                line = file.readline(LONGEST_LINE)
                if not line:
                    return
                number += 1
                where = f"{path}, ligne {number}"
                try:
                    if not line.endswith(b"\n"):
                        raise Unreadable("elle est coupée, ou trop longue")
                    text = str(line[:-1], "utf-8")
                    value = parsed(text)
                except UnicodeDecodeError:
                    dossier.add("DOSSIER-UNREADABLE", "cette ligne n'est pas de l'UTF-8", where)
                except Unreadable as error:
                    dossier.add("DOSSIER-UNREADABLE", f"cette ligne ne se lit pas : {error}", where)
                else:
                    yield where, text, value
    except OSError:
        _absent(dossier, path)


# --- Manifest --------------------------------------------------------------------------------


def check_manifest(dossier: Dossier) -> None:
    """Every file is there as it was, and no other. Raises Unusable without a manifest."""
    if not os.path.isdir(dossier.folder):
        raise Unusable(f"{dossier.folder} n'est pas un dossier.")
    if not os.path.lexists(os.path.join(dossier.folder, MANIFEST)):
        raise Unusable(f"{dossier.folder} n'est pas un dossier d'audit : {MANIFEST} y manque.")
    entries = _manifest(dossier)
    for path, kind in _walk(dossier.folder, ""):
        if path != MANIFEST:
            _check_file(dossier, path, kind, entries.pop(path, None))
    for path in entries:
        dossier.add("DOSSIER-MISSING", "ce fichier manque", path)


def _check_file(dossier: Dossier, path: str, kind: str, told: tuple[int, str] | None) -> None:
    if kind != FILE:
        dossier.add("DOSSIER-CHANGED" if told else "DOSSIER-ADDED", kind, path)
        return
    try:
        size, sha256 = _digest(dossier.folder, path)
    except OSError:
        dossier.add("DOSSIER-UNREADABLE", "ce fichier ne peut pas être lu", path)
        return
    dossier.files[path] = sha256
    if told is None:
        dossier.add("DOSSIER-ADDED", "ce fichier n'est pas du dossier", path)
    elif told != (size, sha256):
        dossier.add("DOSSIER-CHANGED", "ce fichier n'est plus celui du manifeste", path)


def _manifest(dossier: Dossier) -> dict[str, tuple[int, str]]:
    """Size and hash of each file that the manifest lists."""
    text = _text(dossier, MANIFEST)
    if text is None:
        return {}
    try:
        said = parsed(text)
        if not isinstance(said, dict) or said.get("format") != FORMAT:
            raise Unreadable(f"il n'est pas du format {FORMAT}")
        entries = {}
        for entry in said["files"]:
            path, size, sha256 = entry["path"], entry["size"], entry["sha256"]
            if type(path) is not str or type(size) is not int or type(sha256) is not str:
                raise Unreadable("une entrée n'a pas sa forme")
            if path in entries:
                raise Unreadable("un fichier y est deux fois")
            entries[path] = (size, sha256)
        if type(said["year"]) is not int:
            raise Unreadable("l'année manque")
        dossier.year = said["year"]
        dossier.head = _as_head(said["head"])
        seal = said.pop("sha256")
        dossier.seal = str(seal)
        sealed = canonical(said)
        if sha256_of(sealed) != seal or text != canonical({**said, "sha256": seal}) + "\n":
            dossier.add("DOSSIER-CHANGED", "le manifeste a été modifié", MANIFEST)
    except (Unreadable, KeyError, TypeError) as error:
        why = f" : {error}" if isinstance(error, Unreadable) else ""
        dossier.add("DOSSIER-UNREADABLE", f"le manifeste ne se lit pas{why}", MANIFEST)
        return {}
    return entries


def _walk(folder: str, prefix: str) -> Iterator[tuple[str, str]]:
    """Each file by its path, and what else stands there, in French; links are not followed."""
    pending = [prefix]
    while pending:
        inside = pending.pop()
        try:
            with os.scandir(os.path.join(folder, *inside.split("/"))) as found:
                entries = sorted(found, key=lambda one: one.name)
        except OSError:
            yield inside.rstrip("/"), "ce dossier ne peut pas être lu"
            continue
        if inside and not entries:
            yield inside.rstrip("/"), "ce dossier est vide"
        for entry in entries:
            path = inside + entry.name
            if entry.is_symlink():
                yield path, "c'est un lien, qui n'est pas suivi"
            elif entry.is_dir(follow_symlinks=False):
                pending.append(f"{path}/")
            elif entry.is_file(follow_symlinks=False):
                yield path, FILE
            else:
                yield path, "ce n'est pas un fichier ordinaire"


def _digest(folder: str, path: str) -> tuple[int, str]:
    total, size = hashlib.sha256(), 0
    with _open(folder, path) as file:
        while True:
            piece = file.read(PIECE)
            if not piece:
                return size, total.hexdigest()
            size += len(piece)
            total.update(piece)


# --- Journal ---------------------------------------------------------------------------------


def check_journal(dossier: Dossier, noted: list[str], given: list[Checkpoint]) -> Story:
    """The chain, its end, its checkpoints, and the heads and checkpoints of elsewhere."""
    story = Story()
    path = f"{PROOF}/{JOURNAL}"
    pending: dict[int, str] = {}
    for where, _, event in _lines(dossier, path):
        if not _is_event(event):
            dossier.add("JOURNAL-BROKEN", "cette ligne n'est pas un événement", where)
            continue
        at = f"journal, n° {event['seq']}"
        for what in _breaks(event, story.end):
            dossier.add("JOURNAL-BROKEN", f"événement n° {event['seq']} : {what}", at)
        if event["payload"] == "" and event["payload_sha256"] != sha256_of(""):
            pending[event["seq"]] = at
        elif sha256_of(event["payload"]) != event["payload_sha256"]:
            dossier.add(
                "JOURNAL-BROKEN", f"événement n° {event['seq']} : le contenu a été modifié", at
            )
        _tell(dossier, story, event, pending)
        story.end = Head(event["seq"], event["hash"])
        story.hashes.append(event["hash"])
    for seq, at in pending.items():
        dossier.add("JOURNAL-BROKEN", f"événement n° {seq} : le contenu a été modifié", at)
    story.erased.update(pending)
    _check_end(dossier, story)
    _check_points(dossier, story, noted, given)
    return story


def _compare_checkpoint(
    dossier: Dossier, story: Story, event: dict[str, Any], payload: dict[str, Any]
) -> None:
    """A checkpoint is what the events before it add up to."""
    story.checkpoints[event["seq"]] = event["payload"]
    archive = payload.get("archive")
    if isinstance(archive, dict):
        story.tally.last = (event["seq"], len(story.tally.pieces), archive.get("sha256"))
        archive = {"count": archive.get("count")}
    if {**payload, "archive": archive} != story.tally.totals(story.end):
        dossier.add(
            "CHECKPOINT-DIFFERS",
            "ses totaux ne sont pas ceux des événements qui le précèdent",
            f"journal, n° {event['seq']}",
        )


def _check_points(
    dossier: Dossier, story: Story, noted: list[str], given: list[Checkpoint]
) -> None:
    if story.tally.last is not None:
        seq, pieces, sha256 = story.tally.last
        if story.tally.archive(pieces) != sha256:
            dossier.add(
                "CHECKPOINT-DIFFERS",
                "la liste des pièces d'archive n'est pas celle des événements",
                f"journal, n° {seq}",
            )
    for one in given:
        if one.seq > len(story.hashes):
            dossier.add(
                "CHECKPOINT-LOST",
                f"le point de contrôle n° {one.seq} n'est plus dans le journal, qui s'arrête au "
                f"n° {len(story.hashes)} : sa fin a été coupée",
                one.where,
            )
        elif story.hashes[one.seq - 1] != one.hash:
            dossier.add(
                "CHECKPOINT-LOST",
                f"le point de contrôle n° {one.seq} n'est plus dans le journal : un autre "
                "événement est à cette place, il a été réécrit",
                one.where,
            )
        elif story.checkpoints.get(one.seq) != one.payload:
            dossier.add(
                "CHECKPOINT-LINE",
                f"cette ligne a été modifiée : le n° {one.seq} dit autre chose",
                one.where,
            )
    for head in noted:
        if not any(one.startswith(head) for one in story.hashes):
            dossier.add("JOURNAL-HEAD", f"l'empreinte {head} n'est plus dans le journal", "journal")


def _is_event(event: Any) -> bool:
    return (
        isinstance(event, dict)
        and event.keys() == EVENT_FIELDS.keys()
        and all(type(event[name]) is kind for name, kind in EVENT_FIELDS.items())
    )


def _breaks(event: dict[str, Any], last: Head) -> Iterator[str]:
    """What breaks the chain at an event, in French."""
    if event["seq"] != last.seq + 1:
        yield f"événement attendu : n° {last.seq + 1}"
    if event["previous"] != last.hash:
        yield "n'est pas chaîné à l'événement précédent"
    names = ("seq", "at", "actor", "tag", "subject", "payload_sha256", "previous")
    parts = [event[name] for name in names]
    # Canonical already: a list of texts and a whole number.
    if sha256_of(json.dumps(parts, ensure_ascii=False, separators=(",", ":"))) != event["hash"]:
        yield "l'empreinte ne correspond pas à l'événement"


def _tell(dossier: Dossier, story: Story, event: dict[str, Any], pending: dict[int, str]) -> None:
    """Note what an event says of the year, of numbers and of rows."""
    payload = _payload(event)
    seq, tag, subject = event["seq"], event["tag"], event["subject"]
    written = payload.get("rows_written")
    if isinstance(written, dict):
        story.rows_written[seq] = Digests(written.get("count"), written.get("sha256"))
    if tag in (ISSUED, CREDIT):
        if payload.get("year") == dossier.year:
            story.told[subject].append((seq, tag, payload))
        story.issued.append((seq, subject))
        story.issued += [(seq, str(payload.get("statement")))] * (tag == ISSUED)
    elif tag == CORRECTED and subject in story.told:
        story.told[subject].append((seq, tag, payload))
    else:
        _note(story, event, payload)
    if tag == ERASED:
        _erase(dossier, story, event, pending)
    if tag == CHECKPOINT:
        _compare_checkpoint(dossier, story, event, payload)
    story.tally.add(tag, payload)
    if _is_of_the_year(dossier, story, event):
        story.of_the_year.add(seq)


def _note(story: Story, event: dict[str, Any], payload: dict[str, Any]) -> None:
    """Note a deposit, an import, a statement without invoice, a number that is passed over."""
    if event["tag"] == INTENDED:
        story.attempts[event["subject"]].add(canonical(payload.get("attempt")))
    elif event["tag"] == IMPORTED and payload.get("kind") == "usage":
        story.usage_files.add(event["seq"])
    elif event["tag"] == PASSED_OVER:
        story.passed_over.add(event["subject"])
    elif event["tag"] == STATED:
        story.issued.append((event["seq"], event["subject"]))


def _is_of_the_year(dossier: Dossier, story: Story, event: dict[str, Any]) -> bool:
    if event["tag"] in OF_A_MEMBER:
        return bool(event["subject"].endswith(f"/{dossier.year}"))
    return event["subject"] in story.told and event["tag"] in OF_AN_INVOICE


def _payload(event: dict[str, Any]) -> dict[str, Any]:
    try:
        payload = parsed(event["payload"])
    except Unreadable:
        return {}
    return payload if isinstance(payload, dict) else {}


def _erase(dossier: Dossier, story: Story, event: dict[str, Any], pending: dict[int, str]) -> None:
    """An event that tells of the erased payload of an earlier one makes it a remark."""
    for seq in [one for one in pending if str(one) == event["subject"]]:
        story.erased.add(seq)
        dossier.findings.append(
            Finding(
                code="JOURNAL-ERASED",
                message=f"événement n° {seq} : son contenu a été effacé (événement "
                f"n° {event['seq']}) ; ce qu'il disait n'est plus prouvé",
                where=pending.pop(seq),
                severity=Severity.WARNING,
            )
        )


def _as_head(value: Any) -> Head:
    """Raises Unreadable."""
    if isinstance(value, dict) and type(value.get("seq")) is int and type(value.get("hash")) is str:
        return Head(value["seq"], value["hash"])
    raise Unreadable("la fin du journal n'a pas sa forme")


def _check_end(dossier: Dossier, story: Story) -> None:
    path = f"{PROOF}/{HEAD}"
    value = _value(dossier, path)
    if value is None:
        return
    try:
        head = _as_head(value)
    except Unreadable as error:
        dossier.add("DOSSIER-UNREADABLE", f"ce fichier ne se lit pas : {error}", path)
        return
    for told, where in ((head, path), (dossier.head, MANIFEST)):
        if told is not None and told != story.end:
            dossier.add(
                "JOURNAL-BROKEN",
                f"la fin du journal est l'événement n° {story.end.seq} ({story.end.hash[:16]}…), "
                f"alors que la dernière empreinte enregistrée est celle du n° {told.seq} "
                f"({told.hash[:16]}…)",
                f"journal, n° {told.seq}" if where == path else where,
            )


# --- Rows ------------------------------------------------------------------------------------


class Rows:
    """The rows of the year, by table and key, with the digest of each."""

    def __init__(self) -> None:
        self.digests: dict[tuple[str, str], str] = {}
        self.places: dict[tuple[str, str], str] = {}
        self.tables: dict[str, dict[Any, Row]] = defaultdict(dict)
        """The rows of each table, by the text of their key."""

    def values(self, table: str) -> list[Row]:
        """The rows of a table, in the order of the file."""
        return list(self.tables[table].values())


def check_rows(dossier: Dossier, story: Story) -> Rows:
    """Row by digest by event, and the rows that there must be."""
    rows = Rows()
    layout = _value(dossier, f"{PROOF}/{TABLES}")
    if not isinstance(layout, dict):
        layout = {}
    for name, described in layout.items():
        _read_rows(dossier, rows, name, described)
    last, wanted = _check_digests(dossier, story, rows)
    for place, digest in rows.digests.items():
        kept = last.get(place, GONE)
        if kept == digest:
            continue
        what = (
            "cette ligne a été ajoutée hors du programme"
            if kept == GONE
            else "cette ligne n'est plus celle que le programme a écrite"
        )
        dossier.add("ROW-ALTERED", what, _place(*place))
    for place in sorted(wanted):
        if last.get(place, GONE) != GONE and place not in rows.digests:
            dossier.add("ROW-ALTERED", MISSING, _place(*place))
    _check_references(dossier, rows, layout)
    return rows


def _place(table: str, key: str) -> str:
    shown = key.strip("[]").replace('"', "").replace(",", ", ")
    return f"table {table}, ligne {shown}"


def _read_rows(dossier: Dossier, rows: Rows, name: str, described: Any) -> None:
    keys = described.get("key") if isinstance(described, dict) else None
    if not re.fullmatch(r"[a-z_]{1,63}", name) or not isinstance(keys, list):
        dossier.add("DOSSIER-UNREADABLE", f"la table {name!r} n'a pas sa forme", TABLES)
        return
    for where, text, value in _lines(dossier, f"{PROOF}/{ROWS}/{name}.jsonl"):
        try:
            table, row = value
            key = canonical([row[one] for one in keys])
            if table != name or not isinstance(row, dict):
                raise TypeError
        except (TypeError, ValueError, KeyError):
            dossier.add("ROW-ALTERED", f"cette ligne n'est pas de la table {name}", where)
            continue
        if (name, key) in rows.digests:
            dossier.add("ROW-ALTERED", "cette ligne est là deux fois", where)
        rows.digests[name, key] = sha256_of(text)
        rows.tables[name][key] = {
            column: one if one is None or isinstance(one, (int, str)) else canonical(one)
            for column, one in row.items()
        }


def _check_digests(
    dossier: Dossier, story: Story, rows: Rows
) -> tuple[dict[tuple[str, str], str], set[tuple[str, str]]]:
    """The last digest of each row of the year, and the rows that the dossier must have."""
    last: dict[tuple[str, str], str] = {}
    wanted = {
        ("deposit_attempt", f"[{attempt}]")
        for number in story.told
        for attempt in story.attempts.get(number, ())
    }
    held: set[int] = set()
    for seq, group in groupby(_digests(dossier), key=lambda line: int(line["seq"])):
        count, total = 0, hashlib.sha256()
        used: set[tuple[str, str]] = set()
        for line in group:
            table, key, sha256 = line["table"], line["key"], line["sha256"]
            count += 1
            total.update(f"{table}\t{key}\t{sha256}\n".encode("utf-8", "surrogatepass"))
            if table in WHOLE or (table in OF_THE_YEAR and seq in story.of_the_year):
                wanted.add((table, key))
            if table == USAGE and seq in story.usage_files:
                used.add((table, key))
            if (table, key) in rows.digests or (table, key) in wanted or (table, key) in used:
                last[table, key] = sha256
        if not used.isdisjoint(rows.digests):
            wanted |= used
        held.add(seq)
        _compare_digests(dossier, story, seq, Digests(count, total.hexdigest()))
    for seq in story.rows_written:
        if seq not in held:
            _compare_digests(dossier, story, seq, Digests(0, ""))
    return last, wanted


def _digests(dossier: Dossier) -> Iterator[dict[str, Any]]:
    """The digests that have their form, and a finding for each other, or out of its place."""
    before: tuple[int, bytes, bytes] = (0, b"", b"")
    for where, _, line in _lines(dossier, f"{PROOF}/{DIGESTS}"):
        if not _is_digest(line):
            dossier.add("ROW-ALTERED", "cette empreinte n'a pas sa forme", where)
            continue
        table, key = (line[name].encode("utf-8", "surrogatepass") for name in ("table", "key"))
        if (line["seq"], table, key) <= before:
            dossier.add("ROW-ALTERED", "cette empreinte n'est pas à sa place", where)
        before = (line["seq"], table, key)
        yield line


def _is_digest(line: Any) -> bool:
    return (
        isinstance(line, dict)
        and line.keys() == {"seq", "table", "key", "sha256"}
        and type(line["seq"]) is int
        and all(type(line[name]) is str for name in ("table", "key", "sha256"))
    )


def _compare_digests(dossier: Dossier, story: Story, seq: int, found: Digests) -> None:
    if seq not in story.erased and story.rows_written.get(seq) != found:
        dossier.add(
            "ROW-ALTERED",
            "les empreintes des lignes écrites alors ne sont plus celles du journal",
            f"journal, n° {seq}",
        )


def _check_references(dossier: Dossier, rows: Rows, layout: dict[str, Any]) -> None:
    """What a row points to is in the dossier too."""
    targets: dict[tuple[str, str], set[str]] = {}
    for name, described in layout.items():
        references = described.get("references") if isinstance(described, dict) else None
        if not isinstance(references, dict):
            continue
        for column, target in references.items():
            if not isinstance(target, list) or len(target) != 2 or target[0] not in layout:
                continue
            table, key = target
            if (table, key) not in targets:
                targets[table, key] = {canonical(row.get(key)) for row in rows.values(table)}
            pointed = {canonical(row.get(column)) for row in rows.values(name)}
            for missing in sorted(pointed - targets[table, key] - {canonical(None)}):
                dossier.add("ROW-ALTERED", MISSING, _place(table, missing))


# --- Books -----------------------------------------------------------------------------------


class Odd(Exception):
    """A content that is not of the form that the program writes; its text is French."""


def cents(value: Any) -> int:
    """An amount as it is frozen. Raises Odd."""
    return whole(value["cents"] if isinstance(value, dict) else value)


def whole(value: Any) -> int:
    """A whole number. Raises Odd."""
    if type(value) is not int or abs(value) > SURE:
        raise Odd("un nombre n'a pas sa forme")
    return value


def in_parts(value: Any) -> int:
    """A quantity in ten-thousandths: a whole number, or a text of four decimals. Raises Odd."""
    if type(value) is int:
        return whole(value) * PARTS
    found = re.fullmatch(r"(\d{1,10})\.(\d{1,4})", value) if type(value) is str else None
    if found is None:
        raise Odd("une quantité n'a pas sa forme")
    return int(found[1] + found[2].ljust(4, "0"))


def costs(price: int, quantity: int, units: Any, amount: int) -> bool:
    """Whether an amount is a price of so many units times a quantity, to less than a cent."""
    over = whole(units) * PARTS
    return over > 0 and abs(price * quantity - amount * over) < over


def rate(text: Any) -> tuple[int, int]:
    """A rate in percent, as numerator and denominator. Raises Odd."""
    found = re.fullmatch(r"(\d{1,3})(?:\.(\d{1,6}))?", text) if type(text) is str else None
    if found is None:
        raise Odd("un taux n'a pas sa forme")
    decimals = found[2] or ""
    return int(found[1] + decimals), 10 ** len(decimals)


def euros(amount: int) -> str:
    """Cents as the journal writes them: 3196.80."""
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // 100}.{abs(amount) % 100:02d}"


def _frozen(row: Row) -> Any:
    try:
        value = parsed(row["snapshot"])
    except (Unreadable, KeyError, TypeError) as error:
        raise Odd("son contenu figé ne se lit pas") from error
    if not isinstance(value, dict):
        raise Odd("son contenu figé ne se lit pas")
    return value


def named(number: str, *, is_credit_note: bool) -> str:
    """A document by its number, as the program names it."""
    return f"{'avoir' if is_credit_note else 'facture'} {number}"


def guarded(dossier: Dossier, where: str, check: Callable[[], Iterator[str]]) -> None:
    """Each difference that a check tells becomes a finding; so does what it cannot read."""
    try:
        for what in check():
            dossier.add("BOOKS-DIFFER", what, where)
    except Odd as error:
        dossier.add("BOOKS-DIFFER", str(error), where)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        dossier.add("BOOKS-DIFFER", "son contenu n'a pas la forme que le programme écrit", where)


def check_books(dossier: Dossier, story: Story, rows: Rows) -> dict[str, Any]:
    """Journal, rows, frozen contents and documents tell the same; the frozen invoices by number."""
    statements = {canonical(row.get("id")): row for row in rows.values("statement")}
    frozen: dict[str, Any] = {}
    numbers: set[str] = set()
    sources = _Sources(rows)
    documents = _by(rows.values("document"), "invoice_id")
    attempts = _by(rows.values("deposit_attempt"), "invoice_id")
    notes = _by(
        [row for row in rows.values("invoice") if row.get("kind") == CREDIT_NOTE], "corrects_id"
    )
    for row in rows.values("statement"):
        guarded(dossier, f"état {row.get('number')}", partial(_statement, row, sources))
    for row in rows.values("invoice"):
        number = row.get("number")
        if type(number) is not str:
            continue
        numbers.add(number)
        told = story.told.get(number, [])
        for check in (
            partial(_invoice, row, statements, frozen),
            partial(_as_told, told, row, documents),
            partial(_as_deposited, story, attempts, row),
            partial(_credits, row, notes),
        ):
            guarded(dossier, named(number, is_credit_note=row.get("kind") == CREDIT_NOTE), check)
    for number in sorted(story.told.keys() - numbers):
        dossier.add(
            "BOOKS-DIFFER",
            "le journal connaît ce document, qui n'est plus dans le dossier",
            named(number, is_credit_note=any(tag == CREDIT for _, tag, _ in story.told[number])),
        )
    _check_grids(dossier, rows)
    _check_numbering(dossier, story, rows)
    return frozen


def _by(rows: list[Row], column: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[canonical(row.get(column))].append(row)
    return found


SOURCES = {
    "usage_record": ("siret", "year", "month", "service", "tier", "users", "row"),
    "unit_use": ("siret", "service", "day", "reference", "ten_thousandths", "row"),
    "population": ("siret", "year", "inhabitants", "row"),
}
"""The columns of a figure by which a statement names it, behind the SHA-256 of its file."""


class _Sources:
    """The figures of usage, units and population, by what a statement says of them."""

    def __init__(self, rows: Rows) -> None:
        files = {canonical(row.get("id")): row.get("sha256") for row in rows.values("source_file")}
        self.known: set[str] = {
            canonical([files.get(canonical(row.get("file_id"))), *[row.get(one) for one in names]])
            for table, names in SOURCES.items()
            for row in rows.values(table)
        }

    def knows(self, sha256: Any, *values: Any) -> bool:
        return canonical([sha256, *values]) in self.known


def _statement(row: Row, sources: _Sources) -> Iterator[str]:
    """A statement by itself, and against the figures it is made of."""
    yield from statement_alone(row)
    for rank, line in enumerate(_frozen(row)["lines"], start=1):
        origin = line.get("origin")  # of a predecessor, whose figures stay under its own SIRET
        filed = row["siret"] if origin is None else origin["siret"]
        for step in line.get("steps", ()):
            if step["source"] is not None and not _is_known(row, filed, line, step, sources):
                yield (
                    f"ligne {rank}, {step['period']['start']} : {step['quantity']}, "
                    "que les fichiers importés n'ont pas"
                )
        for use in line["months"]:
            source, month = use["source"], use["month"]
            figure = (line["service"], line["tier"] or 0, use["users"], source["row"])
            key = (filed, month["year"], month["number"], *figure)
            if not sources.knows(source["file_sha256"], *key):
                yield (
                    f"ligne {rank}, mois {month['number']} : {use['users']} utilisateurs, que "
                    "les consommations n'ont pas"
                )


def _is_known(row: Row, filed: Any, line: Any, step: Any, sources: _Sources) -> bool:
    """Whether the row of a step says its figure: users, inhabitants, or else units of a day."""
    source, day = step["source"], step["period"]["start"]
    sha256, place, figure = source["file_sha256"], source["row"], step["figure"]
    if figure is None:
        units = (line["service"], day, step["reference"], in_parts(step["quantity"]), place)
        return sources.knows(sha256, filed, *units)
    used = (filed, row["year"], int(day[5:7]), line["service"], 0, figure, place)
    people = [(one, row["year"], figure, place) for one in (filed, row["siret"])]
    return any(sources.knows(sha256, *one) for one in (used, *people))


def statement_alone(row: Row) -> Iterator[str]:
    """The row of a statement and its frozen content: users x price make lines, lines the total."""
    content = _frozen(row)
    said = (content["number"], content["member"]["siret"], content["year"], content["issue_date"])
    if said != (row["number"], row["siret"], row["year"], row["issue_date"]):
        yield "numéro, membre, année ou date ne sont pas ceux de son contenu figé"
    total = 0
    for rank, line in enumerate(content["lines"], start=1):
        counted = sum(in_parts(use["users"]) for use in line["months"])
        counted += sum(in_parts(step["quantity"]) for step in line.get("steps", ()))
        price, amount = cents(line["unit_price"]), cents(line["total"])
        quantity, units = in_parts(line["quantity"]), line.get("price_units", 1)
        if counted != quantity or not costs(price, quantity, units, amount):
            yield f"ligne {rank} : {euros(amount)} €, pour {line['quantity']} fois {euros(price)} €"
        if sum(cents(part) for _, part in line["parts"]) != price:
            yield f"ligne {rank} : ses parts ne font pas le prix de {euros(price)} €"
        if any(not 1 <= whole(use["month"]["number"]) <= 12 for use in line["months"]):
            yield f"ligne {rank} : un mois n'est pas de l'année"
        total += amount
    if total != whole(row["total_cents"]):
        yield f"total {euros(row['total_cents'])} €, pour {euros(total)} € de lignes"


def _invoice(row: Row, statements: dict[str, Row], frozen: dict[str, Any]) -> Iterator[str]:
    """An invoice by itself, and against its statement; its frozen content is noted."""
    content = _frozen(row)
    frozen[row["number"]] = content
    yield from content_of(row)
    if row["kind"] != CREDIT_NOTE:
        statement = statements.get(canonical(row["statement_id"]))
        if statement is None:
            raise Odd("son état détaillé manque")
        yield from _same_as_statement(content, statement)


def content_of(row: Row) -> Iterator[str]:
    """The row of an invoice and its frozen content: lines, VAT, totals."""
    content = _frozen(row)
    preceding = content.get("preceding")
    said = {
        "number": content["number"],
        "issue_date": content["issue_date"],
        "due_date": content["due_date"],
        "year": content["year"],
        "siret": content["buyer"]["siret"],
        "member_name": content["buyer"]["name"],
    }
    for name, value in said.items():
        if row[name] != value:
            yield f"{name} : {row[name]!r} dans sa ligne, {value!r} dans son contenu figé"
    if (row["kind"] == CREDIT_NOTE) != (preceding is not None):
        yield "sa nature n'est pas celle de son contenu figé"
    totals = content["totals"]
    rounding = cents(totals.get("rounding", 0))
    payable = cents(totals["gross"]) + rounding
    if (whole(row["total_cents"]), whole(row["rounding_cents"])) != (payable, rounding):
        yield f"montant {euros(row['total_cents'])} €, figé {euros(payable)} €"
    yield from _sums(content)
    for share in content["breakdown"]:
        yield from _share(share, content["lines"], credit=preceding is not None)


def _sums(content: Any) -> Iterator[str]:
    """Lines and shares of VAT make the totals."""
    totals, lines, shares = content["totals"], content["lines"], content["breakdown"]
    net, vat, gross = (cents(totals[name]) for name in ("net", "vat", "gross"))
    if net + vat != gross:
        yield f"HT {euros(net)} € et TVA {euros(vat)} € ne font pas {euros(gross)} € TTC"
    for line in lines:
        price, amount = cents(line["unit_price_gross"]), cents(line["gross"])
        if not costs(price, in_parts(line["quantity"]), line.get("price_units", 1), amount):
            yield f"ligne {line['identifier']} : quantité fois prix ne font pas le montant"
    payable = gross + cents(totals.get("rounding", 0))
    for what, total, parts in (
        ("les lignes HT ne font pas le total HT", net, [line["net"] for line in lines]),
        ("les lignes TTC ne font pas le total TTC", payable, [line["gross"] for line in lines]),
        ("les bases de TVA ne font pas le total HT", net, [one["taxable"] for one in shares]),
        ("les TVA de chaque taux ne font pas la TVA", vat, [one["tax"] for one in shares]),
    ):
        if sum(map(cents, parts)) != total:
            yield what


def _share(share: Any, lines: Any, *, credit: bool) -> Iterator[str]:
    """The base and the tax of one regime of VAT."""
    regime = canonical(share["regime"])
    concerned = [line for line in lines if canonical(line["vat"]) == regime]
    base, tax = cents(share["taxable"]), cents(share["tax"])
    if sum(cents(line["net"]) for line in concerned) != base:
        yield f"la base {euros(base)} € n'est pas celle des lignes de ce taux"
    above, below = rate(share["regime"]["rate"])
    most = CREDIT_CENTS * len(concerned) if credit else 1
    if abs(tax * 100 * below - base * above) > most * 100 * below:
        yield f"TVA {euros(tax)} € sur {euros(base)} € à {share['regime']['rate']} %"


def _same_as_statement(content: Any, row: Row) -> Iterator[str]:
    statement = _frozen(row)
    if (row["number"], row["siret"]) != (content["statement_number"], content["buyer"]["siret"]):
        yield "son état détaillé est d'un autre numéro ou d'un autre membre"
    payable = cents(content["totals"]["gross"]) + cents(content["totals"].get("rounding", 0))
    if whole(row["total_cents"]) != payable:
        yield f"facture de {euros(payable)} €, état détaillé de {euros(row['total_cents'])} €"
    billed = [
        (line["quantity"], cents(line["unit_price_gross"]), cents(line["gross"]))
        for line in content["lines"]
    ]
    stated = [
        (line["quantity"], cents(line["unit_price"]), cents(line["total"]))
        for line in statement["lines"]
    ]
    if billed != stated:
        yield "ses lignes ne sont pas celles de son état détaillé"


def _as_told(
    told: list[tuple[int, str, Any]], row: Row, documents: dict[str, list[Row]]
) -> Iterator[str]:
    """A row against the events of its issue and corrections."""
    if not told or "total_ttc" not in told[0][2]:
        yield "le journal ne connaît pas son émission"
        return
    first = told[0][2]
    if euros(whole(row["total_cents"])) != first["total_ttc"]:
        yield f"montant {euros(row['total_cents'])} €, {first['total_ttc']} € au journal"
    if (row["siret"], row["year"]) != (first["siret"], first["year"]):
        yield "le membre ou l'année ne sont plus ceux du journal"
    content = _frozen(row)
    if content["statement_number"] != first["statement"]:
        yield "l'état détaillé n'est plus celui du journal"
    recorded = {
        (version, kind, sha256)
        for version, (_, _, payload) in enumerate(told, start=1)
        for kind, sha256 in payload["documents"].items()
    }
    kept = {
        (one["version"], one["kind"], one["sha256"])
        for one in documents.get(canonical(row["id"]), [])
    }
    if kept != recorded or row["version"] != len(told):
        yield "ses documents ne sont plus ceux du journal"


def _as_deposited(story: Story, attempts: dict[str, list[Row]], row: Row) -> Iterator[str]:
    """Every deposit that was intended is in the dossier."""
    made = {canonical(one["id"]) for one in attempts.get(canonical(row["id"]), [])}
    if made != story.attempts.get(row["number"], set()):
        yield "ses tentatives de dépôt ne sont plus celles du journal"


def _credits(row: Row, notes: dict[str, list[Row]]) -> Iterator[str]:
    """Never more given back than invoiced; cancelled when, and only when, all of it was."""
    if row["kind"] == CREDIT_NOTE:
        return
    counted = [one for one in notes.get(canonical(row["id"]), []) if one["status"] != "cancelled"]
    given = sum(whole(one["total_cents"]) for one in counted)
    total = whole(row["total_cents"])
    if given > total or (row["status"] == "cancelled") != (given == total):
        yield f"avoirs de {euros(given)} € sur {euros(total)} €, état {row['status']}"


def _check_grids(dossier: Dossier, rows: Rows) -> None:
    for row in rows.values("tariff_grid"):
        content = row.get("content")
        if type(content) is not str or sha256_of(content) != row.get("sha256"):
            dossier.add(
                "BOOKS-DIFFER",
                "son contenu n'est plus celui de son empreinte",
                f"grille {row.get('version')}",
            )


def _check_numbering(dossier: Dossier, story: Story, rows: Rows) -> None:
    """In each series, numbers follow each other without gap, in the order of the journal.

    A number of ours that was found at the portal and closed by a person is passed over, with
    those before it.
    """
    names = sorted((str(row.get("series")) for row in rows.values("number_series")), key=len)
    last: dict[str, int] = {}
    closed = {_in_series(one, names) for one in story.passed_over}
    for seq, number in story.issued:
        series, rank = _in_series(number, names)
        before = last.get(series, 0)
        if rank != before + 1 and not (rank > before and (series, rank - 1) in closed):
            dossier.add(
                "BOOKS-NUMBERING",
                f"ce numéro suit le rang {before} de sa série",
                f"numéro {number} (journal, n° {seq})",
            )
        last[series] = max(before, rank)
    for row in rows.values("number_series"):
        series, value = str(row.get("series")), row.get("last_value")
        if value != last.get(series, 0) and (series, value) not in closed:
            dossier.add(
                "BOOKS-NUMBERING",
                f"la série s'arrête au rang {value}, le journal au rang {last.get(series, 0)}",
                f"série {series}",
            )


def _in_series(number: str, names: list[str]) -> tuple[str, int]:
    """The series of a number, the longest that fits, and its rank; rank 0 of no series."""
    for name in reversed(names):
        rank = number[len(name) :]
        if number[: len(name)].upper() == name.upper() and re.fullmatch(r"[0-9]{1,15}", rank):
            return name, int(rank)
    return number, 0


# --- Documents and tables --------------------------------------------------------------------


def check_documents(dossier: Dossier, rows: Rows) -> None:
    """Each document, portal report and imported file is there, with the hash of its row."""
    documents = _by(rows.values("document"), "invoice_id")
    evidence = _by(rows.values("portal_observation"), "invoice_id")
    for row in rows.values("invoice"):
        number, version = row.get("number"), row.get("version")
        if type(number) is not str:
            continue
        key = canonical(row.get("id"))
        folder = f"{DOCUMENTS}/{number.replace('/', '-')}"
        for one in documents.get(key, []):
            inside = folder if one.get("version") == version else f"{folder}/v{one.get('version')}"
            path = f"{inside}/{one.get('kind')}"
            if dossier.files.get(path) != one.get("sha256"):
                dossier.add(
                    "BOOKS-DIFFER",
                    f"son document {path} manque, ou a été modifié",
                    named(number, is_credit_note=row.get("kind") == CREDIT_NOTE),
                )
        there = {sha256 for path, sha256 in dossier.files.items() if path.startswith(f"{folder}/")}
        for sha256 in (one.get("evidence") for one in evidence.get(key, [])):
            if sha256 and sha256 not in there:
                dossier.add(
                    "BOOKS-DIFFER",
                    f"le compte rendu du portail {str(sha256)[:16]}… manque, ou a été modifié",
                    named(number, is_credit_note=row.get("kind") == CREDIT_NOTE),
                )
    numbers = {canonical(row.get("id")): row.get("number") for row in rows.values("statement")}
    for one in rows.values("statement_document"):
        number = str(numbers.get(canonical(one.get("statement_id"))))
        path = f"{DOCUMENTS}/{number.replace('/', '-')}/{one.get('kind')}"
        if dossier.files.get(path) != one.get("sha256"):
            dossier.add(
                "BOOKS-DIFFER",
                f"sa page {path} manque, ou a été modifiée",
                f"état {number}",
            )
    _check_imported(dossier, rows)


def _check_imported(dossier: Dossier, rows: Rows) -> None:
    kept = {path: sha256 for path, sha256 in dossier.files.items() if path.startswith(f"{FILES}/")}
    there = set(kept.values())
    known: set[object] = set()
    for row in rows.values("source_file"):
        piece = row.get("kept_sha256") or ""
        known.update((row.get("sha256"), piece))
        if piece and piece not in there:
            dossier.add(
                "BOOKS-DIFFER",
                f"le fichier importé {str(piece)[:16]}… manque, ou a été modifié",
                f"fichier {row.get('name')}",
            )
    for path, sha256 in kept.items():
        if sha256 not in known:
            dossier.add("BOOKS-DIFFER", "ce fichier n'est d'aucune importation", path)


def check_tables(dossier: Dossier, frozen: dict[str, Any]) -> None:
    """The amounts of the CSV tables are those of the frozen contents."""
    amounts: dict[str, tuple[str, ...]] = {}
    lines: dict[str, tuple[str, ...]] = {}
    for number, content in frozen.items():
        try:
            totals = content["totals"]
            rounding = cents(totals.get("rounding", 0))
            net, vat, gross = (cents(totals[name]) for name in ("net", "vat", "gross"))
            amounts[number] = tuple(map(_comma, (net, vat, gross, rounding, gross + rounding)))
            for line in content["lines"]:
                prices = (line["unit_price_gross"], line["gross"], line["net"])
                quantity = line["quantity"]
                lines[f"{number}, ligne {line['identifier']}"] = (
                    str(quantity) if type(quantity) is int else "",
                    *[_comma(cents(one)) for one in prices],
                )
        except (Odd, KeyError, TypeError, ValueError, AttributeError):  # noqa: PERF203
            continue  # the books told it
    _compare_table(
        dossier,
        AMOUNTS_CSV,
        ("Numéro",),
        AMOUNT_CAPTIONS,
        amounts,
    )
    _compare_table(
        dossier,
        LINES_CSV,
        ("Numéro", "Ligne"),
        LINE_CAPTIONS,
        lines,
    )


def _comma(amount: int) -> str:
    return euros(amount).replace(".", ",")


def _compare_table(
    dossier: Dossier,
    path: str,
    keys: tuple[str, ...],
    columns: tuple[str, ...],
    expected: dict[str, tuple[str, ...]],
) -> None:
    """The rows of a CSV table against what they must say, by number and line."""
    text = _text(dossier, path)
    if text is None:
        return
    try:
        content = StringIO(text.lstrip("\ufeff"), newline="")
        read = list(csv.reader(content, delimiter=";", strict=True))
        header = read[0] if read else []
        places = [header.index(one) for one in (*keys, *columns)]
        found: dict[str, tuple[str, ...]] = {}
        for row in read[1:]:
            cells = [row[place] for place in places]
            name = ", ligne ".join(one.removeprefix("'") for one in cells[: len(keys)])
            found[name] = tuple(cells[len(keys) :])
    except (csv.Error, ValueError, IndexError):
        dossier.add("DOSSIER-UNREADABLE", "ce tableau ne se lit pas", path)
        return
    for name in {**expected, **found}:
        if found.get(name) != expected.get(name):
            dossier.add(
                "DOSSIER-TABLE", "ces montants ne sont pas ceux du contenu figé", f"{path}, {name}"
            )


# --- The whole -------------------------------------------------------------------------------


def verify(
    folder: str,
    heads: list[str] | None = None,
    checkpoints: list[Checkpoint] | None = None,
    manifests: list[str] | None = None,
) -> tuple[Dossier, Story]:
    """Check a dossier; its findings are in what is returned.

    Args:
        folder: of the dossier.
        heads: hashes noted elsewhere, or their beginnings, which the chain must hold.
        checkpoints: noted elsewhere.
        manifests: hashes of the manifest noted elsewhere, or their beginnings.

    Raises:
        Unusable: the folder is no dossier.
    """
    dossier = Dossier(folder)
    check_manifest(dossier)
    for noted in manifests or []:
        if not dossier.seal.startswith(noted):
            dossier.add("DOSSIER-CHANGED", f"le manifeste n'a plus l'empreinte {noted}", MANIFEST)
    story = check_journal(dossier, heads or [], checkpoints or [])
    rows = check_rows(dossier, story)
    frozen = check_books(dossier, story, rows)
    check_documents(dossier, rows)
    check_tables(dossier, frozen)
    dossier.findings = list(dict.fromkeys(dossier.findings))
    return dossier, story


def read_head(text: str) -> str:
    """A hash as a person copies it, of the journal or of a manifest. Raises Unusable."""
    head = text.strip().lower().rstrip("…")
    if not re.fullmatch(r"[0-9a-f]{16,64}", head):
        raise Unusable(
            "L'empreinte donnée ne convient pas : recopiez au moins ses 16 premiers "
            "caractères (chiffres et lettres de a à f)."
        )
    return head


def read_checkpoints(path: str) -> list[Checkpoint]:
    """The lines of a file of checkpoints. Raises Unusable."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise Unreadable("ce n'est pas un fichier ordinaire")
        with open(path, "rb") as file:
            lines = str(file.read(LONGEST_FILE), "utf-8-sig").split("\n")
        found = [
            _as_checkpoint(parsed(line), f"{os.path.basename(path)}, ligne {rank}")
            for rank, line in enumerate(lines, start=1)
            if line.strip()
        ]
    except (OSError, UnicodeDecodeError, Unreadable) as error:
        raise Unusable(f"Le fichier {path} ne se lit pas comme des points de contrôle.") from error
    if not found:
        raise Unusable(f"Le fichier {path} est vide.")
    return found


def _as_checkpoint(value: Any, where: str) -> Checkpoint:
    """Raises Unreadable."""
    if (
        isinstance(value, dict)
        and type(value.get("seq")) is int
        and value["seq"] > 0
        and type(value.get("hash")) is str
        and isinstance(value.get("payload"), dict)
    ):
        return Checkpoint(value["seq"], value["hash"], canonical(value["payload"]), where)
    raise Unreadable("ce n'est pas un point de contrôle")


class _Options(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        del message
        raise Unusable(f"Ces options ne conviennent pas. Tapez : python3 {PROGRAM} --help")


def _options() -> argparse.ArgumentParser:
    options = _Options(
        prog=PROGRAM,
        usage=f"python3 -I {PROGRAM} [--head EMPREINTE] [--manifest EMPREINTE] "
        "[--checkpoint FICHIER] [--json] [DOSSIER]",
        description="Vérifie un dossier d'audit, sans rien écrire. Code de sortie : 0, tout est "
        "conforme ; 1, des différences sont dites ; 2, le dossier ne peut pas être vérifié.",
        add_help=False,
        allow_abbrev=False,
    )
    add = options.add_argument
    several: dict[str, Any] = {"action": "append", "default": []}
    add("folder", metavar="DOSSIER", nargs="?", help="celui de ce programme, si rien n'est dit")
    add("--head", metavar="EMPREINTE", help="une fin du journal notée ailleurs", **several)
    add("--manifest", metavar="EMPREINTE", help="celle du dossier, notée ailleurs", **several)
    add("--checkpoint", metavar="FICHIER", help="des points de contrôle gardés ailleurs", **several)
    add("--json", action="store_true", help="réponse pour un programme")
    add("-h", "--help", action="help", help="cette aide")
    options._positionals.title = "argument"
    options._optionals.title = "options"
    return options


def _answer(dossier: Dossier, story: Story) -> str:
    """What a program reads."""
    return json.dumps(
        {
            "sound": not _blocking(dossier),
            "year": dossier.year,
            "manifest": dossier.seal,
            "head": story.end._asdict(),
            "findings": [one._asdict() for one in dossier.findings],
        },
        indent=2,
    )


def _blocking(dossier: Dossier) -> list[Finding]:
    return [one for one in dossier.findings if one.severity == Severity.BLOCKING]


def sentences(dossier: Dossier, story: Story) -> Iterator[str]:
    """What a person reads."""
    yield f"Dossier de l'année {dossier.year} : {len(dossier.files)} fichiers"
    yield f"Empreinte du dossier : {dossier.seal}"
    yield f"Fin du journal : événement n° {story.end.seq}, {story.end.hash}"
    for one in dossier.findings[:SHOWN]:
        mark = "✗" if one.severity == Severity.BLOCKING else "!"
        yield printable(f"{mark} {one.code} {one.where} : {one.message}")
    more = len(dossier.findings) - SHOWN
    if more > 0:
        yield f"… et {more} autres (--json les donne toutes)"
    found = len(_blocking(dossier))
    if found:
        yield f"{found} différence{'s' if found > 1 else ''} : ce dossier n'est pas conforme."
    else:
        yield "Manifeste, journal, lignes, montants, numéros, documents et tableaux conformes."


def printable(text: str) -> str:
    """A text without what a terminal would obey."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)


def main(arguments: list[str] | None = None) -> int:
    """Check and tell; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        asked = _options().parse_args(arguments)
        folder = asked.folder or os.path.dirname(os.path.abspath(__file__))
        heads = [read_head(one) for one in asked.head]
        noted = [line for one in asked.checkpoint for line in read_checkpoints(one)]
        manifests = [read_head(one) for one in asked.manifest]
        dossier, story = verify(folder, heads, noted, manifests)
        text = _answer(dossier, story) if asked.json else "\n".join(sentences(dossier, story))
    except Unusable as error:
        print(printable(str(error)), file=sys.stderr)
        return 2
    except (OSError, MemoryError) as error:
        print(
            f"La vérification n'a pas pu se faire : {type(error).__name__} {error}",
            file=sys.stderr,
        )
        return 2
    try:
        print(text, flush=True)
    except OSError:
        sys.stderr.close()  # the reader has left
    return 1 if _blocking(dossier) else 0


if __name__ == "__main__":
    sys.exit(main())
