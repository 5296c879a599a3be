"""Contacts of members: personal data, apart from all that is proved, and erased for good (C11).

SQLite overwrites what is deleted (``secure_delete``); of a PostgreSQL, its next VACUUM does.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from secrets import token_hex
from typing import Final

import sqlalchemy
from sqlmodel import Session, SQLModel

from worker.billing.members import Contact
from worker.billing.sent_mail import address_sha256
from worker.storage import imported
from worker.storage.tables import as_written, named_as
from worker.storage.transaction import Transaction
from worker.storage.versions import CONTACTS, among

SALT_BYTES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptContact:
    """A version of a member's contact.

    Attributes:
        salt: what its address is hashed with; empty until a message was written to it.
        file_id: None when a person gave it.
        used_at: when a file named it last, or a message was written to it.
        superseded_at: None while it counts.
    """

    id: int
    siret: str
    name: str
    email: str
    salt: str
    file_id: int | None
    row: int | None
    updated_at: datetime
    used_at: datetime
    superseded_at: datetime | None

    @property
    def contact(self) -> Contact:
        """What it says."""
        return Contact(siret=self.siret, name=self.name, email=self.email)


_T = SQLModel.metadata.tables["contact"]
_ERASED = SQLModel.metadata.tables["erased_contact"]
_VERSIONS = sqlalchemy.select(*named_as(_T.columns, KeptContact)).order_by(_T.columns["id"])


def versions(session: Session, siret: str) -> tuple[KeptContact, ...]:
    """All that is kept of a member's contacts, the oldest first."""
    with as_written(f"un contact de {siret} (table contact)"):
        rows = session.execute(_VERSIONS.where(_T.columns["siret"] == siret)).mappings()
        return tuple(KeptContact(**row) for row in rows)


def current(session: Session, sirets: set[str]) -> dict[str, KeptContact]:
    """The contacts that count of these members at least, by SIRET."""
    query = among(_VERSIONS.where(CONTACTS.current()), _T.columns["siret"], sirets)
    with as_written("un contact (table contact)"):
        rows = session.execute(query).mappings()
        return {row["siret"]: KeptContact(**row) for row in rows}


def correct(tx: Transaction, contact: Contact) -> None:
    """Set the contact of a member as a person gives it, were it erased before."""
    imported.put_contacts(tx, [(contact, None)], tx.now)
    marks = _marks(tx, {contact.siret}).get(contact.siret, ())
    again = [one.id for one in marks if one.names(contact)]
    tx.execute(sqlalchemy.delete(_ERASED).where(_ERASED.columns["id"].in_(again)))


def hashed(tx: Transaction, contact: KeptContact) -> str:
    """The hash of its address; its salt is drawn when it has none."""
    salt = contact.salt or token_hex(SALT_BYTES)
    tx.execute(_T.update().where(_T.columns["id"] == contact.id).values(salt=salt))
    return address_sha256(salt, contact.email)


def is_address(session: Session, siret: str, email: str, sha256: str) -> bool:
    """Whether a hash is that of this address of the member's contact, of whatever version."""
    salts = {one.salt for one in versions(session, siret) if one.salt}
    return any(address_sha256(salt, email) == sha256 for salt in salts)


def erase(tx: Transaction, siret: str, *, unused_since: datetime | None = None) -> int:
    """Delete every version, or those not used since an instant; how many there were.

    What none of those that stay says is marked: an older file that names it does not bring it back.
    """
    query = sqlalchemy.delete(_T).where(_T.columns["siret"] == siret)
    if unused_since is not None:
        query = query.where(_T.columns["used_at"] < unused_since)
    found = tx.execute(query.returning(_T.columns["name"], _T.columns["email"])).all()
    left = {text for one in versions(tx, siret) for text in _texts((one.name, one.email))}
    gone = {text for row in found for text in _texts(row)} - left
    new = []
    for text in sorted(gone):
        salt = token_hex(SALT_BYTES)
        sha256 = address_sha256(salt, text)
        new.append({"siret": siret, "salt": salt, "sha256": sha256, "erased_at": tx.now})
    if new:
        tx.connection().execute(sqlalchemy.insert(_ERASED), new)
    return len(found)


def erased(session: Session, found: Sequence[Contact]) -> dict[str, datetime]:
    """Of these contacts, those of which name or address was erased: when, by SIRET."""
    marks = _marks(session, {one.siret for one in found})
    return {
        one.siret: max(erased_at)
        for one in found
        if (erased_at := [mark.at for mark in marks.get(one.siret, ()) if mark.names(one)])
    }


@dataclass(frozen=True, slots=True)
class _Mark:
    """A hash of an erased text."""

    id: int
    salt: str
    sha256: str
    at: datetime

    def names(self, contact: Contact) -> bool:
        texts = _texts((contact.name, contact.email))
        return any(address_sha256(self.salt, text) == self.sha256 for text in texts)


def _marks(session: Session, sirets: set[str]) -> dict[str, list[_Mark]]:
    columns = _ERASED.columns
    query = among(sqlalchemy.select(_ERASED), columns["siret"], sirets)
    marks = defaultdict[str, list[_Mark]](list)
    with as_written("un contact effacé (table erased_contact)"):
        for row in session.execute(query).mappings():
            mark = _Mark(row["id"], row["salt"], row["sha256"], row["erased_at"])
            marks[row["siret"]].append(mark)
    return marks


def _texts(said: Iterable[str]) -> set[str]:
    """Name and address, as they are recognised whatever their case and spaces."""
    return {" ".join(text.casefold().split()) for text in said if text.strip()}


def unused(session: Session, since: datetime) -> dict[str, int]:
    """How many versions have not been used since an instant, by SIRET."""
    siret = _T.columns["siret"]
    query = (
        sqlalchemy.select(siret, sqlalchemy.func.count())
        .where(_T.columns["used_at"] < since)
        .group_by(siret)
        .order_by(siret)
    )
    return {row[0]: row[1] for row in session.execute(query)}
