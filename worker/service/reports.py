"""Reports of campaigns, written where a person finds them."""

from datetime import date
from pathlib import Path

import structlog

from worker.app import App
from worker.audit.report import campaign_report
from worker.billing.period import paris_day
from worker.errors import ConfigurationError, StorageUnavailable, WorkerError
from worker.formats.campaign_report import print_report
from worker.isolation.files import replace_regular
from worker.service.bootstrap import branding
from worker.settings.rights import told

FOLDER = "rapports"
_log = structlog.get_logger()


def report_of(app: App, year: int) -> tuple[bytes, date]:
    """The page, and the day of the books that it shows.

    Raises:
        WrongUse: no campaign was run for the year.
        ConfigurationError: the logo cannot be used.
    """
    with app.reading() as session:
        report = campaign_report(session, year, app.settings.syndicat, deposits=app.deposits)
    return print_report(report, branding(app)), paris_day(report.written_at)


def report_after_run(app: App, year: int) -> Path | WorkerError:
    """The page of a campaign that just ended, or what prevents it: nothing else depends on it."""
    try:
        return write_report(app, year)
    except (StorageUnavailable, ConfigurationError) as error:
        _log.warning("report.not_written", message=error.message)
        return error


def write_report(app: App, year: int, to: Path | None = None) -> Path:
    """Write the page to a file, else into the folder ``rapports`` of the data; returns its path.

    The page of an earlier campaign of the same day is replaced: its fingerprint is under the new
    one.

    Raises:
        StorageUnavailable: the folder or the file refuses.
        WrongUse, ConfigurationError: see ``report_of``.
    """
    page, day = report_of(app, year)
    folder = app.configuration.data_folder / FOLDER
    path = to or folder / f"campagne-{year}-au-{day.isoformat()}.pdf"
    try:
        if to is None:
            folder.mkdir(mode=0o700, exist_ok=True)
        replace_regular(path, page)
    except OSError as error:
        raise StorageUnavailable(*told(error, path, writing=True)) from error
    return path
