"""All that ``journal verify`` looks at: journal, books, archive and imported files."""

from dataclasses import replace
from pathlib import Path

from worker.app import App
from worker.audit.verification import Verification, readable
from worker.audit.verification import verify as verify_books
from worker.imports.rereading import reread


def verify(app: App, noted: str | None = None, checkpoint: Path | None = None) -> Verification:
    """Verify the chain and the books against it, then read every kept file again.

    ``noted``, ``checkpoint`` and what is raised: see ``audit.verification.verify``.
    """
    found = verify_books(app, noted, checkpoint)
    return replace(found, findings=(*found.findings, *readable(lambda: reread(app))))
