"""What a person may ask about the data of a contact, and what age takes away (C11).

Contacts stand apart from all that is proved: correcting or erasing them touches no proof. The
journal says that it was done, and why; never what the data were.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from worker.app import App
from worker.billing.journal import EventTag
from worker.billing.members import Contact
from worker.billing.sent_mail import SentMail
from worker.billing.text import stated_reason
from worker.errors import Finding, WrongUse
from worker.imports import values
from worker.issuing.holds import require_member
from worker.storage import Session, Transaction, contacts, imported, mails
from worker.storage.contacts import KeptContact
from worker.storage.source_files import imported_files, place

AGED = "durée de conservation dépassée"
"""Why ``purge`` erases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRecord:
    """All that is kept of a member's contact.

    Attributes:
        versions: the oldest first, each with the file that it came from; without, a person gave it.
        mails: what was written to it.
    """

    siret: str
    member_name: str
    versions: tuple[tuple[KeptContact, str], ...]
    mails: tuple[SentMail, ...]

    @property
    def current(self) -> KeptContact | None:
        """The version that counts, if there is one."""
        return next((one for one, _ in self.versions if one.superseded_at is None), None)


def record(session: Session, siret: str) -> ContactRecord:
    """Read it. Raises WrongUse when no member has this SIRET."""
    require_member(session, siret)
    kept = contacts.versions(session, siret)
    wanted = {one.file_id for one in kept}
    files = {
        number: place(file.name, file.sheet)
        for number, file in imported_files(session)
        if number in wanted
    }
    return ContactRecord(
        siret=siret,
        member_name=imported.member(session, siret).name,
        versions=tuple((one, files.get(one.file_id or 0, "")) for one in kept),
        mails=mails.of_member(session, siret),
    )


def correct(app: App, siret: str, *, name: str | None, email: str | None) -> tuple[str, ...]:
    """Set name, address or both; None leaves one as it is. Which of them changed.

    Raises WrongUse: no such member, nothing to set, or a text that is no name or no address.
    """
    if name is None and email is None:
        raise WrongUse("Rien n'est à corriger.", "Donnez --name, --email, ou les deux.")
    new_name = None if name is None else _checked(name, partial(values.plain_text, maximum=99))
    new_email = None if email is None else _checked(email, values.email)
    with app.transaction() as tx:
        require_member(tx, siret)
        kept = contacts.current(tx, {siret}).get(siret)
        before = Contact(siret=siret) if kept is None else kept.contact
        after = Contact(
            siret=siret,
            name=before.name if new_name is None else new_name,
            email=before.email if new_email is None else new_email,
        )
        changed = tuple(
            field for field in ("name", "email") if getattr(before, field) != getattr(after, field)
        )
        if changed:
            contacts.correct(tx, after)
            tx.journal(EventTag.CONTACTS_CORRECTED, siret, fields=list(changed))
    return changed


def erase(app: App, siret: str, reason: str) -> int:
    """Delete all that is kept of a member's contact; how many versions there were.

    Raises WrongUse: no such member, or no reason that can be read.
    """
    reason = stated_reason(reason)
    with app.transaction() as tx:
        require_member(tx, siret)
        return _erase(tx, siret, reason)


def purge(app: App, *, commit: bool = True) -> dict[str, int]:
    """Delete what was not used for ``contacts.keep_years``: how many versions, by SIRET.

    ``commit``: False to see what would go.
    """
    since = years_before(app.clock(), app.settings.contacts.keep_years)
    with app.reading() as session:
        due = contacts.unused(session, since)
    if not (due and commit):
        return due
    with app.transaction() as tx:
        return {
            siret: _erase(tx, siret, AGED, unused_since=since)
            for siret in contacts.unused(tx, since)
        }


def years_before(instant: datetime, years: int) -> datetime:
    """The same day of an earlier year; 29 February becomes the 28th."""
    try:
        return instant.replace(year=instant.year - years)
    except ValueError:
        return instant.replace(year=instant.year - years, day=28)


def _erase(
    tx: Transaction, siret: str, reason: str, *, unused_since: datetime | None = None
) -> int:
    erased = contacts.erase(tx, siret, unused_since=unused_since)
    if erased:
        tx.journal(EventTag.CONTACTS_ERASED, siret, versions=erased, reason=reason)
    return erased


def _checked(text: str, check: Callable[[str], str | Finding]) -> str:
    found = check(text.strip()) if text.strip() else ""
    if isinstance(found, Finding):
        raise WrongUse(f"{found.message[:1].upper()}{found.message[1:]}.", found.remedy)
    return found
