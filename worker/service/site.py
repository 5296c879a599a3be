"""Keeps the site of ``[site] folder`` up to date. Whatever happens to it, billing goes on."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import structlog

from worker import __version__
from worker.app import App
from worker.audit.dossier.build import build_site, built_site
from worker.errors import Refused, WorkerError
from worker.storage import journal

_log = structlog.get_logger()
REST = 10
"""How long a site stays, at least: so many times what it took to build it."""


class _StopRequested(Exception):
    """The build is left; the next heartbeat begins it again."""


def publish(
    app: App,
    alive: Callable[[], None],
    stop: Callable[[], bool],
    defect: Callable[[Exception], WorkerError],
) -> WorkerError | None:
    """Build the site again when the journal went on since it was built; what failed, for a person.

    Args:
        app: the open installation.
        alive: is called between two pages.
        stop: whether to leave it at that.
        defect: says an error of the program.
    """
    folder = app.configuration.site_folder
    if folder is None:
        return None

    def between() -> None:
        alive()
        if stop():
            raise _StopRequested

    try:
        if _is_due(app, folder):
            outcome = build_site(app, folder, between)
            _log.info("site.built", folder=str(folder), documents=outcome.documents)
    except _StopRequested:
        return None
    except WorkerError as error:
        return _failed(error, None)
    except Exception as error:  # noqa: BLE001 - a defect of pages stops no billing
        return _failed(defect(error), error)
    return None


def _is_due(app: App, folder: Path) -> bool:
    """Whether the journal, or the program, went on since the site was built.

    The site of many years takes minutes: building it is then at most a tenth of the time.
    """
    built = built_site(folder)
    if built is None or built.program != __version__:
        return True
    with app.reading() as session:
        if journal.head(session) == built.head:
            return False
    since = app.clock() - built.at
    return since < timedelta() or since >= REST * built.took


def _failed(known: WorkerError, defect: Exception | None) -> WorkerError:
    _log.warning("site.failed", message=known.message, exc_info=defect)
    return Refused(f"Le site n'a pas été mis à jour. {known.message}", known.remedy)
