"""Finding the invoices we issued: by number, by flux, or by what changed (reference §2.4).

Lists are read to the end and counted (§2, pagination): a short or repeated one must never read
as "absent", so what does not add up is an error.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime, time, timedelta

from worker.billing.period import PARIS
from worker.portals import FoundInvoice
from worker.portals.choruspro.contract_values import found_invoice
from worker.portals.choruspro.gateway import Gateway
from worker.portals.choruspro.json_fields import JsonObject, child, integer, objects, text
from worker.portals.choruspro.verdict import incoherent

PAGE_SIZE = 100
MOST_ROWS = 20_000
"""Of one list: beyond, the pages would not be read to the end."""
_MOST_PAGES = MOST_ROWS // PAGE_SIZE
MOST_RESULTS = 1000
"""``nbResultatsMaximum``. The portal does not count past it (§2, pagination), so a search that
reaches it may be cut."""
USUAL_MOST = 200
"""Its documented default: were ours ignored, a list of exactly that many would be cut too."""
SHORTEST_PERIOD = timedelta(minutes=1)
"""Not split any further: asked once more, for as many as can be read."""

MOST_PARTS = 60
"""Of one period: beyond, the portal ignores it, and halving it would never end."""
_DAY = timedelta(days=1)
_SEARCH = "/cpro/factures/v1/rechercher/fournisseur"
_MILLISECOND = timedelta(milliseconds=1)


def find(
    gateway: Gateway, *, invoice_number: str | None, flux_number: str | None
) -> tuple[FoundInvoice, ...]:
    """Every invoice of ours that matches, all pages, their count checked.

    Whether the portal compares whole numbers, beginnings or its own forms is not documented: what
    is found may have another number.

    Raises:
        ValueError: without any criterion.
        PortalAnswerError: also when the pages do not add up to the announced total, or may be cut.
    """
    criteria = {
        name: value
        for name, value in (("numeroFacture", invoice_number), ("numeroFluxDepot", flux_number))
        if value
    }
    if not criteria:
        raise ValueError("a search needs an invoice number or a flux number")
    found = _search(gateway, criteria)
    if found is None:
        found = _search(gateway, criteria, most=MOST_ROWS)
    if found is None:
        raise incoherent(_SEARCH, f"{MOST_ROWS} résultats ou plus, donc peut-être coupés")
    if not all(invoice.number for invoice in found):
        raise incoherent(_SEARCH, "une facture sans numéro")
    return found


def changed(gateway: Gateway, since: datetime, until: datetime) -> tuple[FoundInvoice, ...]:
    """Every invoice of ours whose status was set in this period, bounds included.

    A period with as many results as the portal gives is asked in two halves. Their common bound
    is in both; an invoice seen in both counts once, as it was seen last. An invoice may have no
    number: a draft begun on the portal's own pages.

    Raises:
        ValueError: an instant without offset, or a period that ends before it begins.
        PortalAnswerError: also when a page is missing, or when one minute has more results than
            can be read.
    """
    if since.utcoffset() is None or until.utcoffset() is None or since > until:
        raise ValueError("a period goes from one aware instant to a later one")
    return _in_periods(gateway, "periodeDateHeureEtatCourant", since, until)


def issued(gateway: Gateway, since: date, until: date) -> tuple[FoundInvoice, ...]:
    """Every invoice of ours dated in this period, bounds included.

    Whether the last day belongs to a period is not documented: one more is asked.

    Raises:
        PortalAnswerError: also when a page is missing.
    """
    start, end = (datetime.combine(day, time.min, PARIS) for day in (since, until + 2 * _DAY))
    found = _in_periods(gateway, "periodeDateFacture", start, end - _MILLISECOND)
    return tuple(one for one in found if one.issue_date is None or one.issue_date <= until)


def _in_periods(
    gateway: Gateway, field: str, since: datetime, until: datetime
) -> tuple[FoundInvoice, ...]:
    """What is found between two bounds of a field, asked in halves where the portal cuts."""
    found: dict[tuple[str, str], FoundInvoice] = {}
    periods = [(since, until)]
    for _ in range(MOST_PARTS):
        if not periods:
            return tuple(found.values())
        start, end = periods.pop(0)
        criteria = {
            f"{field}Du": _instant(start),
            f"{field}Au": _instant(end + _MILLISECOND - timedelta.resolution),
        }
        part = _search(gateway, criteria)
        if part is None and end - start <= SHORTEST_PERIOD:
            # A campaign of thousands is integrated in a moment.
            part = _search(gateway, criteria, most=MOST_ROWS)
            if part is None:
                raise incoherent(
                    _SEARCH,
                    f"{MOST_ROWS} résultats ou plus depuis {_instant(start)} en une minute",
                )
        if part is not None:
            found |= {(invoice.portal_id, invoice.number): invoice for invoice in part}
            continue
        middle = start + (end - start) / 2
        periods[:0] = [(start, middle), (middle, end)]
    raise incoherent(_SEARCH, f"la période demandée ne restreint rien en {MOST_PARTS} demandes")


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
    found: dict[tuple[int, str], JsonObject] = {}
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
            # Two invoices may be shown under one identifier: a repeated row has one number too.
            same = (identifier or 0, text(row, "numeroFacture"))
            if identifier is None or same in found:
                raise incoherent(route, "une ligne sans identifiant ou en double")
            found[same] = row
        if len(found) == total:
            return list(found.values())
        if not here or len(found) > total:
            break
    raise incoherent(route, f"{len(found)} lignes reçues pour {announced} annoncées")


def _search(
    gateway: Gateway, criteria: Mapping[str, str], *, most: int = MOST_RESULTS
) -> tuple[FoundInvoice, ...] | None:
    """The invoices that match; None when there may be more than the portal gives."""

    def page(rank: int) -> dict[str, object]:
        return {
            **criteria,
            "rechercheFactureParFournisseur": {
                "nbResultatsMaximum": most,
                "pageResultatDemandee": rank,
                "nbResultatsParPage": PAGE_SIZE,
                "triColonne": "NumeroFacture",
                "triSens": "Ascendant",
            },
        }

    rows = all_rows(
        gateway,
        _SEARCH,
        page,
        rows="listeFactures",
        key="identifiantFactureCPP",
        cut_at=(most,) if most == MOST_ROWS else (USUAL_MOST, most),
    )
    if rows is None:
        return None
    return tuple(found_invoice(row) for row in rows)


def _instant(moment: datetime) -> str:
    """As the portal writes its own: time of Paris with its offset, to the millisecond (§2.4)."""
    return moment.astimezone(PARIS).isoformat(timespec="milliseconds")
