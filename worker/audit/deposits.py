"""The submission log: each deposit attempt, from its intent to what the portal says of it now."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from worker.billing.journal import EventTag, JournalEvent, payload_of
from worker.billing.status import TrackedInvoice
from worker.billing.toml import own_table
from worker.storage import Session, attempts, invoices, journal, observations
from worker.storage.attempts import Attempt, Wanted
from worker.storage.observations import Observation
from worker.tables import Cell, Column, Kind, Table, as_text

_FRENCH = own_table(__package__, "french.toml")
OUTCOMES: Mapping[str, str] = _FRENCH["outcome"]
SOURCES: Mapping[str, str] = _FRENCH["source"]
VERDICTS: Mapping[str, str] = _FRENCH["verdict"]
KINDS: Mapping[str, str] = _FRENCH["kind"]
_PAGE = 200
"""Attempts in memory at a time, with what was heard of their invoices."""
_TAGS = (EventTag.DEPOSIT_INTENDED, EventTag.DEPOSIT_ANSWERED, EventTag.DEPOSIT_RECONCILED)
REPORT = "report"
"""The source of what is said of a file, under its flux number."""


class Outcome(StrEnum):
    """What one may ask for: each outcome of a deposit call (worker/portals), or none yet."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    THROTTLED = "throttled"
    UNAUTHORISED = "unauthorised"
    UNKNOWN = "unknown"
    NONE = "none"
    """The call is under way, or the program stopped during it."""

    @property
    def stored(self) -> str:
        """As the database has it."""
        return "" if self is Outcome.NONE else self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """One attempt, and all that is known of it.

    Attributes:
        invoice: as it stands now.
        answer: the portal's answer as it was received, cut; empty without one.
        intended: the event of its intent; None when the journal has none.
        answered: that of its answer; the same.
        reconciled: what the search for it came to, when it was uncertain.
        reports: what the portal said of its file, oldest first.
        history: what searches and the follow-up said of the invoice from this attempt on, before
            the next one, oldest first.
    """

    invoice: TrackedInvoice
    attempt: Attempt
    answer: str
    intended: JournalEvent | None
    answered: JournalEvent | None
    reconciled: JournalEvent | None
    reports: tuple[Observation, ...]
    history: tuple[Observation, ...]

    @property
    def verdict(self) -> str:
        """Of the search for it; empty when it was not looked for."""
        return self._of_search("verdict")

    @property
    def flux_number(self) -> str:
        """Of its file: as answered, else as a search found it; empty without any."""
        return self.attempt.flux_number or self._of_search("flux")

    @property
    def first_seen_at(self) -> datetime | None:
        """When a search or the follow-up first showed its invoice, since this attempt."""
        return self.history[0].observed_at if self.history else None

    @property
    def french_outcome(self) -> str:
        """What the portal answered, in French; a word that is none of ours stays as it is."""
        outcome = self.attempt.outcome
        return OUTCOMES.get(outcome or Outcome.NONE, outcome)

    def _of_search(self, key: str) -> str:
        return "" if self.reconciled is None else str(payload_of(self.reconciled).get(key, ""))


def deposits(session: Session, wanted: Wanted) -> Iterator[Deposit]:
    """The attempts that are asked for, in the order of their intents; a page at a time is read."""
    last = 0
    while page := attempts.after(session, wanted, last, _PAGE):
        yield from _read(session, page)
        last = page[-1][0].id


def _read(session: Session, page: tuple[tuple[Attempt, str], ...]) -> Iterator[Deposit]:
    known = invoices.by_ids(session, {attempt.invoice_id for attempt, _ in page})
    made: dict[int, list[Attempt]] = {}
    for attempt in attempts.of_invoices(session, known):
        made.setdefault(attempt.invoice_id, []).append(attempt)
    said: dict[int, list[Observation]] = {}
    for owner, seen in observations.of_invoices(session, known):
        said.setdefault(_spoken_of(made[owner], seen), []).append(seen)
    events = _events(session, known, made)
    for attempt, answer in page:
        heard = said.get(attempt.id, ())
        yield Deposit(
            invoice=known[attempt.invoice_id],
            attempt=attempt,
            answer=answer,
            intended=events.get((attempt.id, EventTag.DEPOSIT_INTENDED)),
            answered=events.get((attempt.id, EventTag.DEPOSIT_ANSWERED)),
            reconciled=events.get((attempt.id, EventTag.DEPOSIT_RECONCILED)),
            reports=tuple(seen for seen in heard if seen.source == REPORT),
            history=tuple(seen for seen in heard if seen.source != REPORT),
        )


def _spoken_of(made: list[Attempt], seen: Observation) -> int:
    """The attempt that the portal speaks of: by its flux number, else the last one before."""
    if seen.source == REPORT:
        for attempt in made:
            if attempt.flux_number == seen.portal_at:
                return attempt.id
    before = [attempt for attempt in made if attempt.started_at <= seen.observed_at]
    return (before or made)[-1 if before else 0].id


def _events(
    session: Session, known: Mapping[int, TrackedInvoice], made: Mapping[int, list[Attempt]]
) -> dict[tuple[int, EventTag], JournalEvent]:
    """The events of each attempt: an intent and an answer name it, a search has the last one."""
    by_number = {known[owner].number: ours[0].id for owner, ours in made.items()}
    found: dict[tuple[int, EventTag], JournalEvent] = {}
    for event in journal.told_of(session, by_number, _TAGS):
        tag = EventTag(event.tag)
        if tag is not EventTag.DEPOSIT_RECONCILED:
            by_number[event.subject] = payload_of(event).get("attempt", 0)
        found[by_number[event.subject], tag] = event
    return found


def table_of(read: Callable[[], Iterable[Deposit]]) -> Table:
    """The log as a table, a row for each attempt.

    ``read``: gives the attempts, from the first, each time it is called.
    """
    return Table(
        name="deposits",
        title="Dépôts",
        columns=tuple(column for column, _ in _COLUMNS),
        rows=lambda: (tuple(cell(one) for _, cell in _COLUMNS) for one in read()),
    )


def evidence_name(seen: Observation) -> str:
    """The name under which « documents export » writes the portal's report; empty without one."""
    return f"compte-rendu-{seen.portal_at}.pdf" if seen.evidence else ""


def _column(
    name: str, caption: str, cell: Callable[[Deposit], Cell], kind: Kind = Kind.TEXT
) -> tuple[Column, Callable[[Deposit], Cell]]:
    return Column(name=name, caption=caption, kind=kind), cell


def _seq(event: JournalEvent | None) -> int | None:
    return None if event is None else event.seq


def _last(seen: tuple[Observation, ...], cell: Callable[[Observation], Cell]) -> Cell:
    return cell(seen[-1]) if seen else None


def _heard(seen: Observation) -> datetime:
    return seen.observed_at


def _evidence(seen: Observation) -> str:
    return seen.evidence


def _line(seen: Observation) -> str:
    """All of an observation on one line: when we heard it, from where, the portal's words."""
    words = " ".join(filter(None, (seen.portal_at, seen.raw_status)))
    comment = f" : {seen.comment}" if seen.comment else ""
    heard = as_text(seen.observed_at)
    return f"{heard} {SOURCES.get(seen.source, seen.source)} {words}{comment}"


_COLUMNS = (
    _column("intended_at", "Intention", lambda d: d.attempt.started_at, Kind.INSTANT),
    _column("intent_event", "Événement", lambda d: _seq(d.intended), Kind.INTEGER),
    _column("actor", "Par", lambda d: d.attempt.actor),
    _column("number", "Numéro", lambda d: d.invoice.number),
    _column("kind", "Nature", lambda d: KINDS[d.invoice.kind]),
    _column("year", "Année", lambda d: d.invoice.year, Kind.INTEGER),
    _column("member_siret", "SIRET", lambda d: d.invoice.siret),
    _column("member_name", "Membre", lambda d: d.invoice.member_name),
    _column("total_ttc", "Total TTC", lambda d: d.invoice.signed_total, Kind.AMOUNT),
    _column("status", "État de la facture", lambda d: d.invoice.french_status),
    _column("file_name", "Fichier déposé", lambda d: d.attempt.file_name),
    _column("document_sha256", "Document (SHA-256)", lambda d: d.attempt.document_sha256),
    _column("lot_sha256", "Lot (SHA-256)", lambda d: d.attempt.lot_sha256),
    _column("answered_at", "Réponse", lambda d: d.attempt.answered_at, Kind.INSTANT),
    _column("answer_event", "Événement", lambda d: _seq(d.answered), Kind.INTEGER),
    _column("outcome", "Résultat", lambda d: d.french_outcome),
    _column("http_status", "HTTP", lambda d: d.attempt.http_status, Kind.INTEGER),
    _column("detail", "Détail", lambda d: d.attempt.detail),
    _column("answer", "Réponse telle que reçue", lambda d: d.answer),
    _column("flux_number", "Flux", lambda d: d.flux_number),
    _column("certain_at", "Issue certaine", lambda d: d.attempt.closed_at, Kind.INSTANT),
    _column("verdict", "Recherche", lambda d: VERDICTS.get(d.verdict, d.verdict)),
    _column("report_at", "Compte rendu", lambda d: _last(d.reports, _heard), Kind.INSTANT),
    _column("report", "Intégration", lambda d: _last(d.reports, lambda seen: seen.raw_status)),
    _column("report_detail", "Motif", lambda d: _last(d.reports, lambda seen: seen.comment)),
    _column("evidence", "Pièce", lambda d: _last(d.reports, evidence_name)),
    _column("evidence_sha256", "Pièce (SHA-256)", lambda d: _last(d.reports, _evidence)),
    _column("first_seen_at", "Vue sur le portail", lambda d: d.first_seen_at, Kind.INSTANT),
    _column(
        "portal_status_at", "Dernier état appris", lambda d: _last(d.history, _heard), Kind.INSTANT
    ),
    _column(
        "portal_status", "État au portail", lambda d: _last(d.history, lambda seen: seen.raw_status)
    ),
    _column(
        "portal_history",
        "Tout ce qu'en dit le portail",
        lambda d: "\n".join(map(_line, (*d.reports, *d.history))),
    ),
)
