"""All that waits for a person: invoices, members about whom the portal and the books disagree."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from worker.app import App
from worker.audit.checkpoints import unanchored
from worker.audit.recheck import altered
from worker.billing.member_account import Balance, MemberAccount, balance_of
from worker.billing.money import count, french_integer
from worker.billing.period import french_date, french_time, paris_day
from worker.billing.portal_document import PortalDocument
from worker.billing.sent_mail import LONGEST_CALL, SentMail, standing
from worker.billing.sent_mail import Standing as MailStanding
from worker.billing.settlement import Standing
from worker.billing.status import (
    AT_THE_BUYER,
    ON_THEIR_WAY,
    InvoiceStatus,
    TrackedInvoice,
    Trouble,
    awaits_payment,
)
from worker.billing.title import Title
from worker.corrections.disagreements import advice_about, unread
from worker.corrections.todo import Advice, AdviceCode, advised
from worker.errors import Finding, UnreadableRecord
from worker.errors import unreadable as finding_of
from worker.issuing.go_ahead import unopened_year
from worker.storage import (
    Session,
    contacts,
    directory,
    due,
    invoices,
    mails,
    member_accounts,
    observations,
    portal_documents,
    settlements,
    titles,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DisagreeingAccount:
    """A member and year about which the portal and the books disagree."""

    account: MemberAccount
    balance: Balance
    advice: tuple[Advice, ...]


UNSTAMPED = timedelta(days=3)
"""How long the time-stamping authority may be away before a person is told."""
UNTITLED = timedelta(days=7)
"""How long after its issue an invoice of the Hélios channel may be without title."""
VERIFY = Advice(AdviceCode.VERIFY, ("journal", "verify"))
"""What to do about issued documents that were altered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What waits.

    Attributes:
        beyond: what the portal holds of our series, and the books do not know.
        reading: when nothing can be read of what the portal holds.
        altered: what the rows of issued documents no longer give.
        unreadable: rows beside those of the invoices.
        unstamped: when checkpoints have waited for a time-stamp for days.
        unopened: when a year is to be billed and no person said go.
        overdue: invoices past their due date of which something is left, the oldest first.
        standings: what is left of each invoice of the year asked for, by its id.
        titles: of the finance software, likewise.
        untitled: on the Hélios channel, when issued invoices wait for their titles for long.
        password: when that of the technical account ends soon, or has ended.
        mails: messages to members that were refused, or of which nobody knows whether they left.
    """

    invoices: tuple[tuple[TrackedInvoice, Advice], ...]
    disagreements: tuple[DisagreeingAccount, ...]
    beyond: tuple[PortalDocument, ...]
    reading: Advice | None
    altered: tuple[Finding, ...] = ()
    unreadable: tuple[Finding, ...] = ()
    unstamped: Advice | None = None
    unopened: Advice | None = None
    overdue: tuple[TrackedInvoice, ...] = ()
    standings: Mapping[int, Standing] = field(default_factory=dict)
    titles: Mapping[int, Title] = field(default_factory=dict)
    untitled: Advice | None = None
    password: Advice | None = None
    mails: tuple[tuple[SentMail, Advice], ...] = ()

    def __len__(self) -> int:
        found = (self.invoices, self.disagreements, self.beyond, self.altered, self.unreadable)
        once = (self.reading, self.unstamped, self.unopened, self.untitled, self.password)
        return sum(map(len, (*found, self.overdue, self.mails))) + sum(map(bool, once))


def waiting(app: App, session: Session, year: int | None = None) -> Waiting:
    """Read it; ``year``: of the services, for what belongs to one."""
    now = app.clock()
    tracked = invoices.tracked(session, year=year)
    unreadable = list(_unreadable_records(session, tracked))
    standings = settlements.standings(session, tracked)
    told = titles.current(session)
    unreadable.extend(
        Finding(
            code="ROW-UNREADABLE",
            message=f"un paiement de {one.number} ne se lit plus (table settlement)",
            remedy="Tapez « journal verify », et comparez à une sauvegarde.",
            where=one.number,
        )
        for one in tracked
        if one.number
        and not one.is_credit_note
        and one.trouble is not Trouble.UNREADABLE
        and one.id not in standings
    )
    disagreements: tuple[DisagreeingAccount, ...] = ()
    beyond: tuple[PortalDocument, ...] = ()
    reading = unopened = None
    try:
        unopened = _unopened(app, session, year)
    except UnreadableRecord as error:
        unreadable.append(finding_of(error))
    try:
        beyond = portal_documents.still_beyond(session)
        if app.deposits:
            disagreements = _disagreements(session, now, year)
    except UnreadableRecord as error:
        unreadable.append(finding_of(error))
    if app.deposits:
        news = observations.news(session)
        reading = unread(
            None if news is None else news.read_until,
            portal_documents.inventory(session),
            due.first_deposit(session, AT_THE_BUYER, settled_after=now - due.HEARD),
            now,
        )
    settled_first = {(one.account.siret, one.account.year) for one in disagreements}
    return Waiting(
        invoices=tuple(
            (invoice, advice)
            for invoice, advice in advised(tracked, now, deposits=app.deposits)
            # Billed again beside what the portal holds, it would owe twice: one thing at a time.
            if invoice.status is not InvoiceStatus.PARKED
            or (invoice.siret, invoice.year) not in settled_first
        ),
        disagreements=disagreements,
        beyond=beyond,
        reading=reading,
        altered=altered(app, session),
        unreadable=tuple(unreadable),
        unstamped=_unstamped(app, session),
        unopened=unopened,
        overdue=_overdue(app, tracked, standings),
        standings=standings,
        titles=told,
        untitled=_untitled(app, tracked, told),
        password=_password(app, session),
        mails=tuple(_mails(session, now, year)),
    )


def _mails(session: Session, now: datetime, year: int | None) -> Iterator[tuple[SentMail, Advice]]:
    """Each with what to type; an address that was changed since is written again by itself."""
    for last in mails.last_of_each(session, year=year):
        contact = contacts.current(session, {last.siret}).get(last.siret)
        same = contact is not None and contacts.is_address(
            session, last.siret, contact.email, last.address_sha256
        )
        match standing(last, same_address=same, now=now, longest=LONGEST_CALL):
            case MailStanding.REFUSED:
                words: tuple[str, ...] = ("contacts", "correct", last.siret, "--email", "…")
                yield last, Advice(AdviceCode.MAIL_REFUSED, words, (last.detail,))
            case MailStanding.UNCERTAIN:
                words = ("mail", last.kind.value, str(last.year))
                received = (*words, "--received", last.siret, "--reason", "…")
                again = " ".join((*words, "--again", last.siret))
                yield last, Advice(AdviceCode.MAIL_UNCERTAIN, received, (again,))
            case MailStanding.TO_SEND | MailStanding.DONE | MailStanding.UNDER_WAY:
                pass


def _unopened(app: App, session: Session, year: int | None) -> Advice | None:
    """The go that is missing from the campaign day on."""
    due = None if app.configured is None else unopened_year(app, session)
    if due is None or year not in {None, due.year}:
        return None
    words = ("campaign", "open", str(due.year))
    return Advice(AdviceCode.OPEN_CAMPAIGN, words, (str(due.year), count(due.left, "membre")))


def _overdue(
    app: App, tracked: Iterable[TrackedInvoice], standings: Mapping[int, Standing]
) -> tuple[TrackedInvoice, ...]:
    today = paris_day(app.clock())
    late = {
        one.id: standings[one.id].days_late(today)
        for one in tracked
        if one.id in standings and awaits_payment(one, deposits=app.deposits)
    }
    found = (one for one in tracked if late.get(one.id))
    return tuple(sorted(found, key=lambda one: (-late[one.id], one.number)))


def _untitled(
    app: App, tracked: Iterable[TrackedInvoice], told: Mapping[int, Title]
) -> Advice | None:
    """The first year of services with titles to make, and how many there are in all."""
    if app.deposits:
        return None
    today = paris_day(app.clock())
    left = [
        one
        for one in tracked
        if one.status is InvoiceStatus.ISSUED
        and one.id not in told
        and one.issue_date is not None
        and today - one.issue_date > UNTITLED
    ]
    if not left:
        return None
    year = min(one.year for one in left)
    export = ("titles", "export", str(year), "--to", "titres.xlsx")
    return Advice(AdviceCode.MAKE_TITLES, export, (french_integer(len(left)),))


def _password(app: App, session: Session) -> Advice | None:
    """By the directory as it was last read; only where something is deposited."""
    if app.configured is None or not app.deposits:
        return None
    last_day = directory.password_expires(session, app.settings.syndicat.siret)
    warned = timedelta(days=app.settings.portal.password_warning_days)
    today = paris_day(app.clock())
    if last_day is None or today < last_day - warned:
        return None
    code = AdviceCode.PASSWORD_OVER if today > last_day else AdviceCode.PASSWORD
    return Advice(code, ("check", str(today.year - 1), "--refresh"), (french_date(last_day),))


def _disagreements(
    session: Session, now: datetime, year: int | None
) -> tuple[DisagreeingAccount, ...]:
    return tuple(
        DisagreeingAccount(account=account, balance=balance, advice=advice)
        for account in member_accounts.accounts(session, year=year)
        if (advice := advice_about(balance := balance_of(account, now)))
    )


def _unreadable_records(session: Session, tracked: Iterable[TrackedInvoice]) -> Iterator[Finding]:
    """Of what is on its way, rows beside its own that hold it back: nothing else tells of them."""
    for invoice in tracked:
        if invoice.status in ON_THEIR_WAY and invoice.trouble is not Trouble.UNREADABLE:
            try:
                due.require_records(session, invoice)
            except UnreadableRecord as error:
                yield replace(finding_of(error), where=invoice.number)


def _unstamped(app: App, session: Session) -> Advice | None:
    if app.configured is None or not app.settings.journal.timestamp_url:
        return None
    left = unanchored(session)
    since = datetime.fromisoformat(left[0].at) if left else app.clock()
    if app.clock() - since <= UNSTAMPED:
        return None
    return Advice(AdviceCode.STAMP, ("journal", "checkpoint"), (french_time(since),))
