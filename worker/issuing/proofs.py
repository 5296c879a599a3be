"""The pages of a year before any number: each marked « projet », and nothing is stored.

What a person sends to a mayor, or reads before the go. No XML is made and nothing is attached: a
proof can be taken for no invoice by any program.
"""

import re
import unicodedata
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from worker.app import App
from worker.billing.comparison import Group
from worker.billing.document import Unprintable
from worker.billing.invoice import issue
from worker.billing.money import count
from worker.billing.period import paris_day
from worker.billing.statement import Statement
from worker.errors import Finding, InvalidDocument, StorageUnavailable
from worker.formats import FACTURX_DIRECT, Branding, statement_attachment
from worker.formats.facturx import print_invoice
from worker.formats.statement_pdf import print_statement
from worker.isolation.files import replace_regular
from worker.issuing.nothing_used import subscribed
from worker.issuing.prepare import Prepared
from worker.issuing.preview import Preview
from worker.issuing.terms import terms_of
from worker.issuing.unprintable import cannot_be_printed
from worker.settings.rights import told

DRAFT = "projet"
"""In the place of each number, and across each page."""
_LONGEST_NAME = 60
"""Characters of the member's name in the name of a file."""


def write_proofs(app: App, previewed: Preview, look: Branding, to: Path) -> tuple[Path, ...]:
    """Write the statement and the invoice of every member that has none yet; the files.

    Those held or to confirm too, as they would be now. A file of the same name is replaced.

    Raises:
        StorageUnavailable: the folder cannot be written.
        InvalidDocument: a text holds a character that no font has; the others are written.
    """
    written: list[Path] = []
    unprinted: list[Finding] = []
    path = to
    try:
        to.mkdir(mode=0o700, parents=True, exist_ok=True)
        for one in previewed.compared.members:
            prepared = previewed.prepared.get(one.siret)
            if prepared is None or one.group is Group.BILLED or not prepared.known.is_in_year:
                continue
            begins = f"{file_name(one.name)}-{one.siret}"
            try:
                for kind, content in _pages(app, prepared, look):
                    path = to / f"{begins}-{kind}-{DRAFT}.pdf"
                    replace_regular(path, content)
                    written.append(path)
            except Unprintable as error:
                unprinted.append(
                    Finding(
                        code="DOC-UNPRINTABLE",
                        message=f"un texte {cannot_be_printed(error.character)}",
                        remedy="Corrigez-le dans le fichier des membres ou dans la grille.",
                        where=one.name,
                    )
                )
    except OSError as error:
        raise StorageUnavailable(*told(error, path, writing=True)) from error
    if unprinted:
        raise InvalidDocument(
            f"{count(len(unprinted), 'membre')} sans pages : un texte ne peut pas être imprimé.",
            f"Les pages des autres sont dans {to}.",
            findings=unprinted,
        )
    return tuple(written)


def _pages(app: App, prepared: Prepared, look: Branding) -> Iterator[tuple[str, bytes]]:
    today = paris_day(app.clock())
    statement = Statement(
        number=DRAFT,
        year=prepared.known.year,
        member=prepared.member,
        lines=prepared.lines,
        issue_date=today,
        outside=prepared.outside,
    )
    seller = terms_of(app.settings).seller
    unused = subscribed(prepared.known)
    yield "etat", print_statement(statement, seller, look, unused=unused, mark=DRAFT)
    if prepared.draft is None:
        return
    invoice = issue(
        prepared.draft,
        number=DRAFT,
        issue_date=today,
        due_date=today + timedelta(days=app.settings.billing.due_days),
        statement_number=DRAFT,
        attachments=(statement_attachment(DRAFT),),
    )
    yield "facture", print_invoice(invoice, FACTURX_DIRECT, look, mark=DRAFT)


def file_name(text: str) -> str:
    """A name as files bear it everywhere: ASCII letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-")[:_LONGEST_NAME].strip("-") or "membre"
