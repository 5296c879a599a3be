"""Logs: English, to standard error; one readable line on a terminal, JSON for a service.

A log line names records by their identifiers, never by a person, and never holds a secret or
the body of a message. Technical logs live a year at most; the journal is the record. What
libraries log (warnings and worse) has the same form.
"""

import logging
import sys

import structlog

from worker.billing.text import harmless


def configure_once() -> None:
    """Quiet logs for commands, unless the program asked for more before."""
    if not structlog.is_configured():
        configure(verbose=False)


def configure(*, verbose: bool) -> None:
    """Set up logging once, at the start of the program."""
    terminal = sys.stderr.isatty()
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    )
    first: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _neutral,
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*first, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.INFO if verbose else logging.WARNING
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    library = logging.StreamHandler(sys.stderr)
    library.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=first,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[library], level=logging.WARNING)


def _neutral(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """What a portal or a file says is shown without the signs that move a terminal."""
    return {
        key: harmless(value) if isinstance(value, str) else value for key, value in event.items()
    }
