"""Which row of a search is an invoice of ours, where several bear its number. Pure."""

from collections.abc import Iterable
from datetime import datetime

from worker.billing.identifiers import is_same_document, number_forms, siren_of
from worker.billing.status import TrackedInvoice
from worker.portals import FoundInvoice


class SearchRows:
    """What a search shows, by number."""

    def __init__(self, seller: str, shown: Iterable[FoundInvoice]) -> None:
        self._by_form: dict[str, dict[str, FoundInvoice]] = {}
        for found in shown:
            if found.supplier and siren_of(found.supplier) != siren_of(seller):
                continue
            for form in number_forms(found.number):
                self._by_form.setdefault(form, {})[found.portal_id] = found

    def of(self, invoice: TrackedInvoice) -> FoundInvoice | None:
        """The row of an invoice: one that lives before one that ended, its own before another's.

        A portal may show it under another identifier than before, or two invoices under one.
        """
        having_it = {
            found.portal_id: found
            for form in number_forms(invoice.number)
            for found in self._by_form.get(form, {}).values()
            if is_same_document(found.number, found.recipient, invoice.number, invoice.siret)
        }
        return max(having_it.values(), key=lambda one: _rank(one, invoice), default=None)


def _rank(found: FoundInvoice, invoice: TrackedInvoice) -> tuple[bool, bool, datetime]:
    when = found.status_at or invoice.status_since
    return found.lives, found.portal_id == invoice.portal_id, when
