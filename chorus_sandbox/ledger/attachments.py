"""The supplier's files in the ledger, and the invoices they are joined to."""

from chorus_sandbox.ledger.records import Attachment, Joined
from chorus_sandbox.ledger.tables import Tables


class Attachments(Tables):
    """The attachments."""

    def add(self, content: bytes, *, name: str, media_type: str, extension: str) -> int:
        """Keeps a file and returns its identifier: it is on disk when this returns."""
        kind = {"media_type": media_type, "extension": extension}
        with self.transaction():
            return self._insert("attachment", name=name, content=content, **kind)

    def identified(self, identifier: int) -> Attachment | None:
        """The file of a ``pieceJointeId``, if any."""
        return next(iter(self._select(Attachment, "WHERE id = ?", identifier)), None)

    def content(self, attachment: Attachment) -> bytes:
        """The bytes of a file."""
        kept = self._run("SELECT content FROM attachment WHERE id = ?", attachment.id)
        return bytes(kept.fetchone()[0])

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
        self._insert(
            "invoice_attachment",
            invoice_id=invoice_id,
            attachment_id=attachment.id,
            designation=designation,
            type_code=type_code,
            line=line,
        )

    def joined(self, invoice_id: int) -> tuple[Joined, ...]:
        """The files joined to an invoice, in the order they came."""
        rows = self._run(
            "SELECT attachment.id, name, media_type, extension, invoice_attachment.id,"
            " designation, type_code, line FROM invoice_attachment"
            " JOIN attachment ON attachment.id = attachment_id"
            " WHERE invoice_id = ? ORDER BY invoice_attachment.id",
            invoice_id,
        )
        return tuple(Joined(Attachment(*row[:4]), *row[4:]) for row in rows)

    def counts(self) -> dict[str, int]:
        """How many files are joined to each invoice that has any, by its number."""
        return dict(
            self._run(
                "SELECT number, count(*) FROM invoice_attachment"
                " JOIN invoice ON invoice.id = invoice_id GROUP BY invoice_id"
            ).fetchall()
        )
