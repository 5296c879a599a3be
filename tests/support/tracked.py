"""An invoice as the books list it, in any status."""

from datetime import UTC, date, datetime

from tests.support.builders import MEMBER, SIRET, YEAR
from worker.billing.money import Money
from worker.billing.status import InvoiceKind, InvoiceStatus, TrackedInvoice, Trouble

SINCE = datetime(2026, 1, 12, 8, tzinfo=UTC)


def tracked(status: InvoiceStatus) -> TrackedInvoice:
    """An invoice in this status since one morning of January."""
    return TrackedInvoice(
        id=1,
        siret=SIRET,
        member_name=MEMBER.name,
        year=YEAR,
        status=status,
        status_since=SINCE,
        kind=InvoiceKind.INVOICE,
        corrects=None,
        rounding=Money(0),
        total=Money(319680),
        number="" if status in {InvoiceStatus.DRAFT, InvoiceStatus.PARKED} else "BSN-2026-00001",
        issue_date=date(2026, 1, 12),
        due_date=None,
        version=1,
        findings=(),
        flux_number="CPP00110000001",
        deposited_at=None,
        portal_id=None,
        portal_status="",
        trouble=Trouble.NONE,
        detail="",
        next_check_at=None,
        checks=0,
    )
