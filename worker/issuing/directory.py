"""The portal's directory behind a cache, asked before a number is spent (preflight).

Answers are kept with the instant they were read. One that would hold a member back, or stop us
all, is asked again first: no member is parked on something that was true yesterday. What it says is
judged in directory_rules.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from worker.app import App
from worker.billing.members import BillingReferences
from worker.billing.period import paris_day
from worker.errors import Finding, PortalAnswerError
from worker.issuing.directory_rules import (
    DirectoryEntry,
    Seller,
    object_to,
    object_to_seller,
    unreadable,
    unreadable_seller,
)
from worker.portals import Portal, StructureRecord
from worker.storage import Session, directory
from worker.storage.snapshots import dump, load


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryAnswer:
    """What the directory said of a structure, when, and what we object to in it.

    ``entry`` is None when it answered nothing that can be used.
    """

    entry: DirectoryEntry | None
    read_at: datetime
    findings: tuple[Finding, ...]

    @property
    def structure(self) -> StructureRecord | None:
        """The structure, when it answered that there is one."""
        return None if self.entry is None else self.entry.structure


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """The directory behind its cache; ``refresh`` believes nothing read before."""

    app: App
    portal: Portal
    refresh: bool = False

    @property
    def seller(self) -> Seller:
        """Us, and how early the end of our password is spoken of."""
        return _seller(self.app)

    def check(self, references: BillingReferences) -> tuple[Finding, ...]:
        """What the directory objects to, for a member and the references of its invoice.

        Raises:
            PortalError, PortalAccessRefused: the directory cannot be asked.
            PortalAnswerError: it answers nothing that can be used about this member.
        """
        return self._ask(references).findings

    def buyer(self, references: BillingReferences) -> DirectoryAnswer:
        """The same with the whole answer; an unusable one is a finding.

        Raises:
            PortalError, PortalAccessRefused: the directory cannot be asked about anybody.
        """
        try:
            return self._ask(references)
        except PortalAnswerError as error:
            return self._unusable(unreadable(references, error))

    def ourselves(self) -> DirectoryAnswer:
        """What it says of us, the seller: our structure and the technical account's password.

        Raises:
            PortalError, PortalAccessRefused: the directory cannot be asked about anybody.
        """
        seller = self.seller
        try:
            return self._judged(
                seller.siret, "", lambda entry, day: object_to_seller(entry.structure, seller, day)
            )
        except PortalAnswerError as error:
            return self._unusable(unreadable_seller(seller, error))

    def _ask(self, references: BillingReferences) -> DirectoryAnswer:
        return self._judged(
            references.siret,
            references.service_code,
            lambda entry, day: object_to(entry, references, self.seller, day),
        )

    def _judged(
        self,
        siret: str,
        service_code: str,
        judge: Callable[[DirectoryEntry, date], tuple[Finding, ...]],
    ) -> DirectoryAnswer:
        today = paris_day(self.app.clock())
        kept = self._cached(siret, service_code)
        if kept is None or judge(kept[1], today):
            kept = self._fetch(siret, service_code)
        read_at, entry = kept
        return DirectoryAnswer(entry=entry, read_at=read_at, findings=judge(entry, today))

    def _unusable(self, finding: Finding) -> DirectoryAnswer:
        return DirectoryAnswer(entry=None, read_at=self.app.clock(), findings=(finding,))

    def _cached(self, siret: str, service_code: str) -> tuple[datetime, DirectoryEntry] | None:
        hours = 0 if self.refresh else self.app.settings.portal.directory_cache_hours
        with self.app.reading() as session:
            known = _kept(session, siret, service_code)
        # An entry of the future was read before the clock was set back: its age is unknown.
        if known is None or not timedelta(0) <= self.app.clock() - known[0] <= timedelta(
            hours=hours
        ):
            return None
        return known

    def _fetch(self, siret: str, service_code: str) -> tuple[datetime, DirectoryEntry]:
        structure = self.portal.structure(siret)
        service = None
        if structure is not None and service_code:
            service = self.portal.service(structure, service_code)
        entry = DirectoryEntry(structure=structure, service_code=service_code, service=service)
        now = self.app.clock()
        with self.app.transaction() as tx:
            directory.cache_entry(tx, siret, dump(DirectoryEntry, entry), now)
        return now, entry


def last_known(app: App, references: BillingReferences) -> tuple[Finding, ...]:
    """What the directory objects to, as it was last read, however long ago; nothing is asked."""
    with app.reading() as session:
        known = _kept(session, references.siret, references.service_code)
    if known is None or known[0] <= directory.LONG_AGO:
        return ()
    return object_to(known[1], references, _seller(app), paris_day(app.clock()))


def _kept(
    session: Session, siret: str, service_code: str
) -> tuple[datetime, DirectoryEntry] | None:
    """What was read of a structure and of this service, and when."""
    stored = directory.cached_entry(session, siret)
    if stored is None:
        return None
    try:
        entry = load(DirectoryEntry, stored[1])
    except ValueError:  # not what was written: it is asked again
        return None
    return (stored[0], entry) if entry.service_code == service_code else None


def _seller(app: App) -> Seller:
    settings = app.settings
    return Seller(
        siret=settings.syndicat.siret,
        public=settings.syndicat.public,
        password_warning=timedelta(days=settings.portal.password_warning_days),
    )
