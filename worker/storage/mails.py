"""Messages to members: each attempt is written before its call, its outcome after."""

from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy
from sqlalchemy import RowMapping
from sqlmodel import Session, SQLModel

from worker.billing.journal import EventTag
from worker.billing.sent_mail import MailKind, MailState, SentMail
from worker.storage.tables import SentMailRow, as_written, named_as, number_added, year_number
from worker.storage.transaction import Transaction

_T = SQLModel.metadata.tables["sent_mail"]
_ALL = sqlalchemy.select(*named_as(_T.columns, SentMail)).order_by(_T.columns["id"])
_ANSWERS: Final = {
    MailState.SENT: EventTag.MAIL_SENT,
    MailState.REFUSED: EventTag.MAIL_REFUSED,
    MailState.LATER: EventTag.MAIL_POSTPONED,
    MailState.UNCERTAIN: EventTag.MAIL_UNCERTAIN,
}


def of_member(
    session: Session, siret: str, kind: MailKind | None = None, year: int | None = None
) -> tuple[SentMail, ...]:
    """What was written to a member, the first attempt first."""
    query = _ALL.where(_T.columns["siret"] == siret)
    if kind is not None:
        query = query.where(_T.columns["kind"] == kind.value, _T.columns["year"] == year)
    return tuple(_read(session, query))


def last_of_each(
    session: Session, kind: MailKind | None = None, year: int | None = None
) -> tuple[SentMail, ...]:
    """The last attempt of each member, kind and year; of one kind, of one year."""
    query = _ALL
    if kind is not None:
        query = query.where(_T.columns["kind"] == kind.value)
    if year is not None:
        query = query.where(_T.columns["year"] == year)
    last = {(one.kind, one.year, one.siret): one for one in _read(session, query)}
    return tuple(last.values())


def intend(
    tx: Transaction,
    kind: MailKind,
    siret: str,
    year: int,
    *,
    message_id: str,
    address_sha256: str,
    attachment_sha256: str,
) -> int:
    """Write down that a message is about to be sent; the id of its row."""
    row = SentMailRow(
        kind=kind.value,
        siret=siret,
        year=year,
        message_id=message_id,
        address_sha256=address_sha256,
        attachment_sha256=attachment_sha256,
        state=MailState.INTENDED.value,
        intended_at=tx.now,
    )
    tx.journal(
        EventTag.MAIL_INTENDED,
        f"{siret}/{year}",
        kind=kind.value,
        message_id=message_id,
        address_sha256=address_sha256,
        attachment_sha256=attachment_sha256,
    )
    return number_added(tx, row)


def answer(tx: Transaction, mail_id: int, state: MailState, detail: str) -> None:
    """Write down what became of it.

    A row that was given up meanwhile stays uncertain; the journal tells what came after all.
    """
    of_row = _T.columns["id"] == mail_id
    row = tx.execute(_ALL.where(of_row)).mappings().one()
    known = {"state": state.value, "answered_at": tx.now, "detail": detail}
    tx.execute(_T.update().where(of_row, _T.columns["answered_at"].is_(None)).values(**known))
    tx.journal(
        _ANSWERS[state],
        f"{row['siret']}/{row['year']}",
        kind=row["kind"],
        message_id=row["message_id"],
        code=detail,
    )


def receive(tx: Transaction, last: SentMail, reason: str) -> None:
    """Write down that a person knows the member to have what the last attempt was about."""
    message_id = f"received.{last.message_id}"
    row = SentMailRow(
        kind=last.kind.value,
        siret=last.siret,
        year=last.year,
        message_id=message_id,
        address_sha256="",
        attachment_sha256=last.attachment_sha256,
        state=MailState.RECEIVED.value,
        intended_at=tx.now,
        answered_at=tx.now,
    )
    number_added(tx, row)
    tx.journal(
        EventTag.MAIL_RECEIVED,
        f"{last.siret}/{last.year}",
        kind=last.kind.value,
        message_id=last.message_id,
        reason=reason,
    )


def _read(session: Session, query: sqlalchemy.Select[Any]) -> Iterator[SentMail]:
    for row in session.execute(query).mappings():
        with as_written(f"un courriel à {row['siret']} (table sent_mail)"):
            yield _mail(row)


def _mail(row: RowMapping) -> SentMail:
    values = dict(row)
    return SentMail(
        **values
        | {
            "kind": MailKind(values["kind"]),
            "state": MailState(values["state"]),
            "year": year_number(values["year"]),
        }
    )
