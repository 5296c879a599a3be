"""All that ``journal verify`` looks at: journal, books, archive and imported files."""

from dataclasses import replace

from worker.app import App
from worker.audit.verification import Verification
from worker.audit.verification import verify as verify_books
from worker.imports.rereading import reread


def verify(app: App, noted: str | None = None) -> Verification:
    """Verify the chain and the books against it, then read every kept file again.

    ``noted`` and what is raised: see ``audit.verification.verify``.
    """
    found = verify_books(app, noted)
    return replace(found, findings=found.findings + reread(app))
