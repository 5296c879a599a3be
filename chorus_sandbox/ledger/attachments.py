"""The supplier's files in the ledger, and the invoices they are joined to."""

import sqlite3

from chorus_sandbox.ledger import tables
from chorus_sandbox.ledger.records import Attachment, Joined
from chorus_sandbox.ledger.tables import transaction


class Attachments:
    """The attachments, on one connection to the file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, content: bytes, *, name: str, media_type: str, extension: str) -> int:
        """Keeps a file and returns its identifier: it is on disk when this returns."""
        with transaction(self._connection):
            return tables.insert(
                self._connection,
                "attachment",
                name=name,
                media_type=media_type,
                extension=extension,
                content=content,
            )

    def identified(self, identifier: int) -> Attachment | None:
        """The file of a ``pieceJointeId``, if any."""
        found = tables.select(self._connection, Attachment, "WHERE id = ?", identifier)
        return next(iter(found), None)

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
        tables.insert(
            self._connection,
            "invoice_attachment",
            invoice_id=invoice_id,
            attachment_id=attachment.id,
            designation=designation,
            type_code=type_code,
            line=line,
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
        return tuple(
            Joined(
                attachment=Attachment(id=row[0], name=row[1], media_type=row[2], extension=row[3]),
                id=row[4],
                designation=row[5],
                type_code=row[6],
                line=row[7],
            )
            for row in rows
        )

    def counts(self) -> dict[str, int]:
        """How many files are joined to each invoice that has any, by its number."""
        rows = self._connection.execute(
            "SELECT number, count(*) FROM invoice_attachment"
            " JOIN invoice ON invoice.id = invoice_id GROUP BY invoice_id"
        )
        return {str(number): int(count) for number, count in rows}
