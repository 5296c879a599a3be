"""The supplier's files in the ledger, and the invoices they are joined to."""

import sqlite3
from collections.abc import Iterator
from typing import Any

from chorus_sandbox.ledger.records import Attachment, Joined
from chorus_sandbox.ledger.tables import alone


class Attachments:
    """The attachments, on one connection to the file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, content: bytes, *, name: str, media_type: str, extension: str) -> int:
        """Keeps a file and returns its identifier: it is on disk when this returns."""
        with alone(self._connection):
            cursor = self._connection.execute(
                "INSERT INTO attachment (name, media_type, extension, content) VALUES (?, ?, ?, ?)",
                (name, media_type, extension, content),
            )
        return int(cursor.lastrowid or 0)

    def identified(self, identifier: int) -> Attachment | None:
        """The file of a ``pieceJointeId``, if any."""
        row = self._connection.execute(
            "SELECT id, name, media_type, extension FROM attachment WHERE id = ?", (identifier,)
        ).fetchone()
        return _attachment(row) if row else None

    def content(self, attachment: Attachment) -> bytes:
        """The bytes of a file."""
        (content,) = self._connection.execute(
            "SELECT content FROM attachment WHERE id = ?", (attachment.id,)
        ).fetchone()
        return bytes(content)

    def join(
        self,
        invoice_id: int,
        attachment: Attachment,
        *,
        designation: str,
        type_code: str,
        line: int | None,
    ) -> None:
        """Joins a file to an invoice."""
        self._connection.execute(
            "INSERT INTO invoice_attachment"
            " (invoice_id, attachment_id, designation, type_code, line) VALUES (?, ?, ?, ?, ?)",
            (invoice_id, attachment.id, designation, type_code, line),
        )

    def joined(self, invoice_id: int) -> tuple[Joined, ...]:
        """The files joined to an invoice, in the order they came."""
        rows = self._connection.execute(
            "SELECT attachment.id, name, media_type, extension, invoice_attachment.id,"
            " designation, type_code, line FROM invoice_attachment"
            " JOIN attachment ON attachment.id = attachment_id"
            " WHERE invoice_id = ? ORDER BY invoice_attachment.id",
            (invoice_id,),
        )
        return tuple(_joined(rows))

    def counts(self) -> dict[str, int]:
        """How many files are joined to each invoice that has any, by its number."""
        rows = self._connection.execute(
            "SELECT number, count(*) FROM invoice_attachment"
            " JOIN invoice ON invoice.id = invoice_id GROUP BY invoice_id"
        )
        return {str(number): int(count) for number, count in rows}


def _attachment(row: tuple[Any, ...]) -> Attachment:
    identifier, name, media_type, extension = row
    return Attachment(id=identifier, name=name, media_type=media_type, extension=extension)


def _joined(rows: sqlite3.Cursor) -> Iterator[Joined]:
    for *attachment, identifier, designation, type_code, line in rows:
        yield Joined(
            id=identifier,
            attachment=_attachment(tuple(attachment)),
            designation=designation,
            type_code=type_code,
            line=line,
        )
