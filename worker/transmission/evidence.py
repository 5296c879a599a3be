"""Keeps the integration reports that the portal gives as PDF: evidence.

Others found this operation unreliable, and nothing depends on it: it is asked last, the latest
files first, and a few questions in vain end the pass. A report not had within a week is given up.
"""

from collections.abc import Callable
from datetime import timedelta

import structlog

from worker.app import App
from worker.billing.journal import EventTag
from worker.errors import IntegrityError, PortalAccessRefused, PortalAnswerError, PortalDown
from worker.portals import Portal
from worker.storage import observations

PATIENCE = timedelta(days=7)
MOST_IN_VAIN = 3
"""Reports that cannot be had, of those asked for in one pass: the portal may give none at all."""

_log = structlog.get_logger(__name__)


def keep_reports(app: App, portal: Portal, stop: Callable[[], bool]) -> None:
    """Archive the reports of the files that came to their verdict lately."""
    with app.reading() as session:
        wanted = observations.reports_without_evidence(session, app.clock() - PATIENCE)
    in_vain = 0
    for flux_number, reported in reversed(wanted.items()):
        if stop() or in_vain >= MOST_IN_VAIN:
            return
        try:
            receipt = portal.report_file(flux_number)
        except PortalAnswerError as error:
            _log.warning("receipt.unusable", flux=flux_number, error=type(error).__name__)
            receipt = None
        except (PortalDown, PortalAccessRefused) as error:
            _log.warning("receipt.unavailable", flux=flux_number, error=type(error).__name__)
            return
        if receipt is None:
            in_vain += 1
            continue
        try:
            sha256 = app.store.archive.put(receipt)
        except IntegrityError as error:
            _log.warning("receipt.altered", flux=flux_number, error=error.message)
            in_vain += 1
            continue
        with app.transaction() as tx:
            for observation, _ in reported:
                observations.attach_evidence(tx, observation, sha256)
            tx.journal(
                EventTag.RECEIPT_KEPT,
                flux_number,
                sha256=sha256,
                invoices=[number for _, number in reported],
            )
