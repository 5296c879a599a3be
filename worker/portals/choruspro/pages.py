"""Paged lists of Chorus Pro, read to the end and counted (reference §2, pagination).

A short or repeated list must never read as "absent": what does not add up is an error.
"""

from collections.abc import Callable, Collection, Mapping

from worker.portals.choruspro.answers import JsonObject, child, integer, objects
from worker.portals.choruspro.failures import incoherent
from worker.portals.choruspro.gateway import Gateway

PAGE_SIZE = 100
MOST_ROWS = 20_000
"""Of one list: beyond, the pages would not be read to the end."""
_MOST_PAGES = MOST_ROWS // PAGE_SIZE


def all_rows(
    gateway: Gateway,
    route: str,
    page: Callable[[int], Mapping[str, object]],
    *,
    rows: str,
    key: str,
    cut_at: Collection[int] = (),
) -> list[JsonObject] | None:
    """Every row of a list.

    Args:
        gateway: who asks.
        route: the operation.
        page: its body for the page of this rank, from 1.
        rows: the field of the list.
        key: the field that tells rows apart.
        cut_at: totals at which the portal may have cut the list; so may any beyond the greatest.

    Returns:
        None when the list may be cut; what is left of it is not asked.

    Raises:
        PortalAnswerError: a row or the total is missing, unreadable, repeated or changing.
    """
    found: dict[int, JsonObject] = {}
    announced: int | None = None
    for rank in range(1, _MOST_PAGES + 1):
        answer = gateway.read(route, page(rank))
        # Older services put the counts at the top (§2).
        here, counts = objects(answer, rows), child(answer, "parametresRetour") or answer
        total = integer(counts, "total")
        if here is None or total is None or announced not in (None, total):
            raise incoherent(route, "une liste ou un total illisible, absent ou changeant")
        if cut_at and (total in cut_at or total > max(cut_at)):
            return None
        if total and integer(counts, "pageCourante") not in (None, rank):
            raise incoherent(route, f"une autre page que la page {rank}")
        announced = total
        for row in here:
            identifier = integer(row, key)
            if identifier is None or identifier in found:
                raise incoherent(route, "une ligne sans identifiant ou en double")
            found[identifier] = row
        if len(found) == total:
            return list(found.values())
        if not here or len(found) > total:
            break
    raise incoherent(route, f"{len(found)} lignes reçues pour {announced} annoncées")
