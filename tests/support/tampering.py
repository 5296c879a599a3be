"""What somebody does to a dossier or to a database, told once and done to both.

The vocabulary is that of tests/data/journals/tamperings.toml, explained in docs/journal-format.md.
"""

import hashlib
import json
import re
import sqlite3
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from worker.audit.dossier import verify
from worker.audit.dossier.manifest import write_manifest
from worker.billing.journal import GENESIS, canonical_json
from worker.storage.proved import NOT_PROVED
from worker.storage.row_digests import row_digest

TABLE = Path(__file__).parents[1] / "data" / "journals" / "tamperings.toml"
Row = dict[str, Any]
Edit = Mapping[str, Any]
_DIGEST_NAMES = {"table": "table_name"}
HASHED = ("seq", "at", "actor", "tag", "subject", "payload_sha256", "previous")


class Books(Protocol):
    """What can be tampered with."""

    def load(self, table: str) -> list[Row]:
        """The rows of a table."""

    def store(self, table: str, rows: list[Row]) -> None:
        """Have a table hold these rows, and no other."""

    def piece(self, sha256: str) -> Path:
        """Where the bytes of this hash are."""

    def key(self, table: str) -> list[str]:
        """The columns of its primary key."""


@dataclass(frozen=True)
class Folder:
    """A dossier."""

    folder: Path

    def load(self, table: str) -> list[Row]:
        """The rows of a table."""
        values = [json.loads(line) for line in self.path(table).read_text("utf-8").splitlines()]
        match table:
            case "journal_event" | "journal_head":
                return values
            case "row_digest":
                return [{_DIGEST_NAMES.get(k, k): v for k, v in one.items()} for one in values]
            case _:
                return [row for _, row in values]

    def store(self, table: str, rows: list[Row]) -> None:
        """Have a table hold these rows, and no other."""
        back = {new: old for old, new in _DIGEST_NAMES.items()}
        values: list[Any]
        match table:
            case "journal_event" | "journal_head":
                values = rows
            case "row_digest":
                values = [{back.get(k, k): v for k, v in one.items()} for one in rows]
            case _:
                values = [[table, row] for row in rows]
        text = "".join(f"{canonical_json(one)}\n" for one in values)
        self.path(table).write_text(text, "utf-8")

    def piece(self, sha256: str) -> Path:
        """Where the bytes of this hash are."""
        files = (path for path in sorted(self.folder.rglob("*")) if path.is_file())
        return next(one for one in files if hashlib.sha256(one.read_bytes()).hexdigest() == sha256)

    def key(self, table: str) -> list[str]:
        """The columns of its primary key."""
        layout = json.loads((self.folder / verify.PROOF / verify.TABLES).read_text("utf-8"))
        found: list[str] = layout[table]["key"]
        return found

    def seal(self) -> None:
        """Write a manifest that lists the files as they are now."""
        path = self.folder / verify.MANIFEST
        said = json.loads(path.read_text("utf-8"))
        path.unlink()
        write_manifest(self.folder, year=said["year"], at=datetime.fromisoformat(said["at"]))

    def path(self, table: str) -> Path:
        """The file of a table."""
        names = {
            "journal_event": verify.JOURNAL,
            "journal_head": verify.HEAD,
            "row_digest": verify.DIGESTS,
        }
        return self.folder / verify.PROOF / names.get(table, f"{verify.ROWS}/{table}.jsonl")


@dataclass(frozen=True)
class Database:
    """A data folder, whose database nobody has open; triggers are away while it is written."""

    folder: Path

    def load(self, table: str) -> list[Row]:
        """The rows of a table."""
        with closing(sqlite3.connect(self.folder / "worker.sqlite")) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(f'SELECT * FROM "{table}"')]

    def store(self, table: str, rows: list[Row]) -> None:
        """Have a table hold these rows, and no other."""
        with closing(sqlite3.connect(self.folder / "worker.sqlite")) as connection:
            connection.execute("PRAGMA ignore_check_constraints = ON")
            connection.execute("PRAGMA synchronous = OFF")
            query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
            triggers = connection.execute(query).fetchall()
            for name, _ in triggers:
                connection.execute(f"DROP TRIGGER {name}")
            connection.execute(f'DELETE FROM "{table}"')
            for row in rows:
                names = ", ".join(f'"{name}"' for name in row)
                marks = ", ".join("?" * len(row))
                sql = f'INSERT INTO "{table}" ({names}) VALUES ({marks})'
                connection.execute(sql, list(row.values()))
            for _, sql in triggers:
                connection.execute(sql)
            connection.commit()

    def piece(self, sha256: str) -> Path:
        """Where the bytes of this hash are."""
        return self.folder / "archive" / sha256[:2] / sha256

    def key(self, table: str) -> list[str]:
        """The columns of its primary key."""
        with closing(sqlite3.connect(self.folder / "worker.sqlite")) as connection:
            columns = connection.execute(f'PRAGMA table_info("{table}")').fetchall()
            return [column[1] for column in columns if column[5]]


def tamper(books: Books, edits: list[Edit]) -> None:
    """Do what a tampering says, one edit after the other."""
    for edit in edits:
        match edit:
            case {"forge": "digest"}:
                _forge_digest(books, edit)
            case {"forge": "event"}:
                _forge_event(books, edit)
            case {"rehash": where}:
                _rehash(books, partial(fits, where=where))
            case {"rechain": True}:
                _rehash(books, lambda _: True, chained=True)
            case {"file": name}:
                assert isinstance(books, Folder), edit
                _edit_file(books.folder / name, edit)
            case {"piece": column}:
                row = next(one for one in books.load(edit["table"]) if fits(one, edit["where"]))
                change_byte(books.piece(row[column]))
            case _:
                books.store(edit["table"], list(_edited(books.load(edit["table"]), edit)))


def _edit_file(path: Path, edit: Edit) -> None:
    match edit:
        case {"flip": True}:
            change_byte(path)
        case {"unlink": True}:
            path.unlink()
        case {"write": text}:
            path.write_text(text, "utf-8")
        case {"replace": [old, new]}:
            content = path.read_bytes()
            assert old.encode() in content, edit
            path.write_bytes(content.replace(old.encode(), new.encode(), 1))
        case _:
            raise AssertionError(edit)


def fits(row: Row, where: Edit) -> bool:
    """Whether a row has these values."""
    return all(row[name] == value for name, value in where.items())


def change_byte(path: Path, place: int | None = None) -> None:
    """Change one byte of a file, in its middle unless told."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if place is None else place] ^= 1
    path.write_bytes(content)


def _edited(rows: list[Row], edit: Edit) -> Iterator[Row]:
    chosen = [row for row in rows if fits(row, edit.get("where", {}))]
    assert chosen, edit
    other = next((row for row in rows if fits(row, edit["with"])), {}) if "with" in edit else {}
    for row in rows:
        if row is other:
            yield _swapped(row, chosen[0], edit["keep"])
        elif row not in chosen:
            yield row
        elif other:
            yield _swapped(row, other, edit["keep"])
        elif "copy" in edit:
            yield from (row, row | edit["copy"])
        elif not edit.get("remove"):
            replaced = {
                name: row[name].replace(old, new)
                for name, (old, new) in edit.get("replace", {}).items()
            }
            changed = row | edit.get("set", {}) | replaced
            assert changed != row, edit
            yield changed


def _swapped(row: Row, other: Row, keep: list[str]) -> Row:
    return other | {name: row[name] for name in keep}


def _forge_digest(books: Books, edit: Edit) -> None:
    """Make the last digest of a row that of what it holds now."""
    table = edit["table"]
    row = next(one for one in books.load(table) if fits(one, edit["where"]))
    key = canonical_json([row[name] for name in books.key(table)])
    proved = {name: value for name, value in row.items() if (table, name) not in NOT_PROVED}
    digests = books.load("row_digest")
    last = [one for one in digests if (one["table_name"], one["key"]) == (table, key)][-1]
    last["sha256"] = row_digest(table, proved)
    books.store("row_digest", digests)


def _forge_event(books: Books, edit: Edit) -> None:
    """Make what an event holds of its rows that of the digests that are kept now."""
    events = books.load("journal_event")
    event = next(one for one in events if fits(one, edit["where"]))
    total = hashlib.sha256()
    mine = [one for one in books.load("row_digest") if one["seq"] == event["seq"]]
    for one in sorted(mine, key=lambda one: (one["table_name"], one["key"])):
        total.update(f"{one['table_name']}\t{one['key']}\t{one['sha256']}\n".encode())
    payload = json.loads(event["payload"])
    payload["rows_written"] = {"count": len(mine), "sha256": total.hexdigest()}
    event["payload"] = canonical_json(payload)
    books.store("journal_event", events)


def _rehash(books: Books, chosen: Callable[[Row], bool], *, chained: bool = False) -> None:
    """Compute the hashes of events again; those of a whole chain, with its numbers and its end."""
    events = books.load("journal_event")
    before = GENESIS
    for rank, event in enumerate(events, start=1):
        if chained:
            event |= {"seq": rank, "previous": before}
        if chosen(event):
            if event["payload"]:
                event["payload_sha256"] = hashlib.sha256(event["payload"].encode()).hexdigest()
            text = canonical_json([event[name] for name in HASHED])
            event["hash"] = hashlib.sha256(text.encode()).hexdigest()
        before = event["hash"]
    books.store("journal_event", events)
    if chained:
        (head,) = books.load("journal_head")
        books.store("journal_head", [head | {"seq": len(events), "hash": before}])


@dataclass(frozen=True, kw_only=True)
class Tampering:
    """One of the published tamperings.

    Attributes:
        both: findings that each verifier gives, as code and place.
        dossier: further ones of ``verify.py``.
        noted: those of ``verify.py`` that is given what was noted before; the first of ours too.
        sealed: the manifest is written again afterwards.
    """

    name: str
    did: str
    edit: list[Edit]
    both: list[str]
    dossier: list[str] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)
    only: str = ""
    sealed: bool = True


def published() -> list[Tampering]:
    """Every tampering of tests/data/journals/tamperings.toml."""
    return [Tampering(**one) for one in tomllib.loads(TABLE.read_text("utf-8"))["tampering"]]


def numbers(books: Books) -> dict[str, int]:
    """The number of the last event of each tag and subject."""
    return {f"{one['tag']} {one['subject']}": one["seq"] for one in books.load("journal_event")}


def placed(findings: list[str], seqs: Mapping[str, int]) -> set[str]:
    """Findings with the numbers of the events that they name; « + » is the one behind."""
    return {
        re.sub(r"\{(\+?)(.+?)\}", lambda found: str(seqs[found[2]] + len(found[1])), one)
        for one in findings
    }


def resolved(edit: Edit, seqs: Mapping[str, int]) -> Edit:
    """An edit with the numbers of the events that it names: a text where a text is wanted."""
    return {
        name: resolved(value, seqs) if isinstance(value, dict) else _resolved(name, value, seqs)
        for name, value in edit.items()
    }


def _resolved(name: str, value: object, seqs: Mapping[str, int]) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"\{\w+\.\w+ .+\}", value):
        return value
    seq = seqs[value[1:-1]]
    return seq if name == "seq" else str(seq)
