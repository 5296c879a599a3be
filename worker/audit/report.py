"""What the report of a campaign is made of, read from the books and the journal."""

import json
from collections import defaultdict
from datetime import datetime

from worker.audit.checkpoints import last_anchor
from worker.billing.checkpoint import Sum
from worker.billing.journal import EventTag, JournalEvent, JournalHead
from worker.billing.money import Money
from worker.billing.status import InvoiceStatus, TrackedInvoice, french_group
from worker.errors import Severity, WrongUse
from worker.formats.campaign_report import CampaignReport, HeldMember
from worker.settings.keys import Syndicat
from worker.storage import Session, invoices, journal
from worker.storage.tables import as_written

_MEMBERS = {
    "issued": "Facturés",
    "already": "Facturés auparavant",
    "parked": "Retenus",
    "nothing": "Sans rien à facturer",
}
"""Captions of the counts that ``run.ended`` holds."""


def campaign_report(
    session: Session, year: int, seller: Syndicat, *, deposits: bool
) -> CampaignReport:
    """The report of the last campaign of a year, as things stand.

    Raises:
        WrongUse: none was run to its end.
        IntegrityError: the journal cannot be read.
    """
    ended = _last_run(session, year)
    checkpoint = journal.last(session, tags=(EventTag.JOURNAL_CHECKPOINT,))
    last = journal.last(session)
    if ended is None or checkpoint is None or last is None:
        raise WrongUse(
            f"Aucune campagne n'a encore été menée pour {year}.", f"Tapez « run {year} »."
        )
    tracked = invoices.tracked(session, year=year)
    with as_written(f"l'événement n° {ended.seq} du journal"):
        counts = json.loads(ended.payload)
        members = tuple((caption, int(counts[key])) for key, caption in _MEMBERS.items())
    anchor = last_anchor(session)
    return CampaignReport(
        year=year,
        seller=(seller.name, seller.siret),
        ended_at=datetime.fromisoformat(ended.at),
        actor=ended.actor,
        members=members,
        invoices=_sum([one for one in tracked if one.number and not one.is_credit_note]),
        credit_notes=_sum([one for one in tracked if one.number and one.is_credit_note]),
        states=_states(tracked, deposits=deposits),
        held=tuple(map(_held, filter(_is_held, tracked))),
        checkpoint=JournalHead(seq=checkpoint.seq, hash=checkpoint.hash),
        placed_at=datetime.fromisoformat(checkpoint.at),
        anchor=(anchor.authority, anchor.instant)
        if anchor is not None and anchor.checkpoint == checkpoint.seq
        else None,
        written_at=datetime.fromisoformat(last.at),
    )


def _last_run(session: Session, year: int) -> JournalEvent | None:
    last = None
    for event in journal.events(session, subject=str(year), tags=(EventTag.RUN_ENDED,)):
        last = event
    return last


def _sum(found: list[TrackedInvoice]) -> Sum:
    return Sum(count=len(found), total=Money.sum(one.total for one in found))


def _states(tracked: tuple[TrackedInvoice, ...], *, deposits: bool) -> tuple[tuple[str, Sum], ...]:
    """What is in each state, in the order of the states; credit notes behind the invoices.

    Internal ones, whatever their state, are told by that word, as ``status`` does.
    """
    found: defaultdict[tuple[bool, bool, InvoiceStatus], list[TrackedInvoice]] = defaultdict(list)
    for one in tracked:
        if one.number:
            state = InvoiceStatus.SETTLED if one.is_internal else one.status
            found[one.is_credit_note, one.is_internal, state].append(one)
    order = list(InvoiceStatus)
    named = []
    for (note, internal, status), ones in sorted(
        found.items(), key=lambda item: (*item[0][:2], order.index(item[0][2]))
    ):
        words = "interne" if internal else french_group(ones[0].kind, status, deposits=deposits)
        named.append((f"{'avoir' if note else 'facture'} {words}".capitalize(), _sum(ones)))
    return tuple(named)


def _is_held(invoice: TrackedInvoice) -> bool:
    return invoice.status is InvoiceStatus.PARKED


def _held(invoice: TrackedInvoice) -> HeldMember:
    return HeldMember(
        name=invoice.member_name,
        siret=invoice.siret,
        reasons=tuple(
            finding.message for finding in invoice.findings if finding.severity is Severity.BLOCKING
        ),
    )
