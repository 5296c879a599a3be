"""What is held and what was seen of each member and year: what one judgement needs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy
from sqlmodel import Session

from worker.billing.identifiers import is_same_buyer, number_forms, siren_of
from worker.billing.member_account import MemberAccount
from worker.billing.portal_document import PortalDocument, Standing
from worker.billing.status import TrackedInvoice, Trouble
from worker.storage import invoices, portal_documents

_EARLIER = sqlalchemy.text(
    "SELECT i.number, a.flux_number FROM deposit_attempt a"
    " JOIN invoice i ON i.id = a.invoice_id"
    " JOIN document d ON d.invoice_id = i.id AND d.sha256 = a.document_sha256"
    " WHERE d.version < i.version AND a.flux_number != ''"
)
"""The files of versions that were corrected since."""


@dataclass(frozen=True, slots=True)
class Seen:
    """All that the portal showed: what the books know by number, the rest by its buyer's SIREN."""

    by_form: Mapping[str, Sequence[PortalDocument]]
    by_siren: Mapping[str, Sequence[PortalDocument]]
    read_at: datetime | None

    @classmethod
    def read(cls, session: Session) -> "Seen":
        """As it is kept now."""
        by_form: dict[str, list[PortalDocument]] = {}
        by_siren: dict[str, list[PortalDocument]] = {}
        read_at = portal_documents.inventory(session)
        for document in _present(portal_documents.shown(session), read_at):
            if document.standing is not Standing.KNOWN:
                by_siren.setdefault(siren_of(document.recipient), []).append(document)
                continue
            for form in number_forms(document.number):
                by_form.setdefault(form, []).append(document)
        return cls(by_form, by_siren, read_at)

    def about(
        self, siret: str, year: int, held: Iterable[TrackedInvoice]
    ) -> tuple[PortalDocument, ...]:
        """What has a number of theirs, or is of the same member and year."""
        found = {
            (document.portal_id, document.number): document
            for one in held
            if one.number
            for form in number_forms(one.number)
            for document in self.by_form.get(form, ())
        }
        others = self.by_siren.get(siren_of(siret), ())
        return (*found.values(), *(one for one in others if _is_for(one, siret, year)))


def accounts(session: Session, *, year: int | None = None) -> tuple[MemberAccount, ...]:
    """What every member that has an invoice is judged by; not one of which a row is unreadable."""
    held: dict[tuple[str, int], list[TrackedInvoice]] = {}
    for invoice in invoices.tracked(session, year=year):
        held.setdefault((invoice.siret, invoice.year), []).append(invoice)
    readable = {
        member: found
        for member, found in held.items()
        if all(one.trouble is not Trouble.UNREADABLE for one in found)
    }
    return _claims(session, readable, Seen.read(session))


def account(session: Session, siret: str, year: int, seen: Seen | None = None) -> MemberAccount:
    """What one member and year is judged by; ``seen``: read before, for many."""
    held = {(siret, year): invoices.of_member(session, siret, year)}
    return _claims(session, held, seen or Seen.read(session))[0]


def _claims(
    session: Session, held: Mapping[tuple[str, int], Sequence[TrackedInvoice]], seen: Seen
) -> tuple[MemberAccount, ...]:
    corrected = any(one.version > 1 for found in held.values() for one in found)
    earlier: dict[str, set[str]] = {}
    for number, flux in session.execute(_EARLIER) if corrected else ():
        earlier.setdefault(number, set()).add(flux)
    return tuple(
        MemberAccount(
            siret=siret,
            year=year,
            member_name=found[0].member_name if found else "",
            held=tuple(found),
            shown=seen.about(siret, year, found),
            earlier_files={
                one.number: frozenset(earlier[one.number]) for one in found if one.number in earlier
            },
            read_at=seen.read_at,
        )
        for (siret, year), found in held.items()
    )


def _present(shown: Iterable[PortalDocument], read_at: datetime | None) -> Iterator[PortalDocument]:
    """Without what the last whole reading left out, and showed under another identifier."""
    if read_at is None:
        yield from shown
        return
    documents = tuple(shown)
    seen = {one.number for one in documents if one.seen_at >= read_at}
    yield from (one for one in documents if one.seen_at >= read_at or one.number not in seen)


def _is_for(document: PortalDocument, siret: str, year: int) -> bool:
    """A year of services is invoiced in the year after it."""
    of_the_year = document.issue_date is None or document.issue_date.year == year + 1
    return of_the_year and is_same_buyer(document.recipient, siret)
