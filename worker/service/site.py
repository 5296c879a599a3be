"""Keeps the site of ``[site] folder`` up to date. Whatever happens to it, billing goes on."""

from collections.abc import Callable

import structlog

from worker.app import App
from worker.audit.dossier.build import build_site, head_of_site
from worker.errors import Refused, WorkerError
from worker.storage import journal

_log = structlog.get_logger()


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
        with app.reading() as session:
            head = journal.head(session)
        if head_of_site(folder) != head:
            outcome = build_site(app, folder, between)
            _log.info("site.built", folder=str(folder), documents=outcome.documents)
    except _StopRequested:
        return None
    except WorkerError as error:
        return _failed(error, None)
    except Exception as error:  # noqa: BLE001 - a defect of pages stops no billing
        return _failed(defect(error), error)
    return None


def _failed(known: WorkerError, defect: Exception | None) -> WorkerError:
    _log.warning("site.failed", message=known.message, exc_info=defect)
    return Refused(f"Le site n'a pas été mis à jour. {known.message}", known.remedy)
