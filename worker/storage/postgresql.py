"""A connection to PostgreSQL that waits for no answer longer than the server may take.

``statement_timeout`` is the server's own, and its machine answers keepalives by itself: a server
that hangs, or a proxy before it, would be waited for without end.
"""

import time
from collections.abc import Callable
from typing import Any

import psycopg


def connector(statement_seconds: int) -> Callable[..., psycopg.Connection]:
    """What connects; each wait on its connections ends a little after the server should have.

    ``statement_seconds``: what the server has for a statement; its own word comes first.
    """
    seconds = 1 + statement_seconds * 1.1

    class Bounded(psycopg.Connection):
        def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
            began = time.monotonic()
            try:
                return super().wait(gen, *args, **{"timeout": seconds} | kwargs)
            except psycopg.Error:
                if time.monotonic() - began < seconds:
                    raise
                self.pgconn.finish()  # nothing more is asked on it
                raise psycopg.OperationalError(f"aucune réponse en {seconds:.0f} s") from None

    return Bounded.connect
