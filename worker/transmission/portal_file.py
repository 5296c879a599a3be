"""Whether the document that the portal gives is the one that we handed over.

The right to download may be missing, and a portal may give a page of its own: neither proves
anything. What carries another invoice than ours does (docs/protocol.md, 7).
"""

import hashlib
import io
import zipfile

from worker.app import App
from worker.billing.status import TrackedInvoice
from worker.errors import IntegrityError, PortalAccessRefused, PortalAnswerError, WrongUse
from worker.formats.profiles import FACTURX_DIRECT
from worker.portals import FoundInvoice, Portal
from worker.storage.documents import documents_of
from worker.validation.files.pdf import read_hybrid

_DEPOSITED = FACTURX_DIRECT.pdf or FACTURX_DIRECT.kind
_LARGEST = 20_000_000
_SHOWN = 12
"""Signs of a SHA-256 that a person compares."""


def other_bytes(app: App, portal: Portal, invoice: TrackedInvoice, found: FoundInvoice) -> str:
    """How the document of the portal differs from ours, in French; empty when nothing proves it.

    Raises:
        PortalDown: the portal cannot be asked.
    """
    try:
        content = _alone(portal.download(found.portal_id))
    except (PortalAnswerError, PortalAccessRefused):
        return ""
    with app.reading() as session:
        ours = [one for one in documents_of(session, invoice.id) if one.kind == _DEPOSITED]
    given = hashlib.sha256(content).hexdigest()
    if not ours or given in {one.sha256 for one in ours}:
        return ""
    carried = _invoice_in(content)
    if not carried:
        return ""
    for one in ours:
        try:
            if _invoice_in(app.store.archive.get(one.sha256)) == carried:
                return ""
        except IntegrityError:
            continue
    return f"fichier d'empreinte {given[:_SHOWN]}… au lieu de {ours[-1].sha256[:_SHOWN]}…"


def _alone(content: bytes) -> bytes:
    """The only PDF of a ZIP; what was downloaded, when it is none."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return content
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as files:
            pages = [one for one in files.infolist() if one.filename.lower().endswith(".pdf")]
            if len(pages) != 1 or pages[0].file_size > _LARGEST:
                return b""
            return files.read(pages[0])
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError):
        return b""


def _invoice_in(pdf: bytes) -> bytes:
    """The invoice inside a PDF, read in a bounded process; empty when there is none."""
    try:
        return read_hybrid(pdf).xml
    except WrongUse:
        return b""
