"""The submission log: every attempt and all that is known of it, whatever happened."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.deposit_story import MEMBERS, play
from tests.support.offices import CAMPAIGN, YEAR, Desk, number, open_desk
from tests.support.storage_samples import NOW, add_members, issue_one, writing
from tests.support.written_tables import HOSTILE, emptied, read_back
from worker.audit.deposits import (
    KINDS,
    OUTCOMES,
    SOURCES,
    VERDICTS,
    Deposit,
    Outcome,
    deposits,
    table_of,
)
from worker.billing.journal import ROWS, EventTag, JournalEvent, payload_of
from worker.billing.status import InvoiceKind, InvoiceStatus
from worker.cli.audit_deposits import COLUMNS, NARROW, row_of
from worker.cli.layout import lay_out
from worker.portals import DepositOutcome
from worker.storage import Store, attempts, observations
from worker.storage.attempts import Wanted
from worker.tables import HOLDS, Kind
from worker.tables.files import TableFormat, write_table

S = InvoiceStatus
ALL = Wanted()


@pytest.fixture(name="desk", scope="module")
def _desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    folder = tmp_path_factory.mktemp("deposits")
    desk = open_desk(tmp_path_factory.getbasetemp(), folder, issued=MEMBERS)
    play(desk)
    return desk


@pytest.fixture(name="log", scope="module")
def _log(desk: Desk) -> tuple[Deposit, ...]:
    return read(desk, ALL)


def read(desk: Desk, wanted: Wanted) -> tuple[Deposit, ...]:
    """The attempts that are asked for."""
    with desk.app.reading() as session:
        return tuple(deposits(session, wanted))


def of(log: Sequence[Deposit], rank: int) -> list[Deposit]:
    """The attempts of an invoice."""
    return [one for one in log if one.invoice.number == number(rank)]


def test_everything_that_may_happen_happened(log: Sequence[Deposit]) -> None:
    """Each outcome, status, verdict, source and kind is in the log, so that nothing is left out."""
    seen = {observed.source for one in log for observed in (*one.reports, *one.history)}

    assert {one.attempt.outcome for one in log} == {"", *DepositOutcome}
    assert {one.invoice.status for one in log} == {*S} - {S.DRAFT, S.PARKED}
    assert {one.verdict for one in log} == {"", *VERDICTS}
    assert {one.invoice.kind for one in log} == set(InvoiceKind) == set(KINDS)
    assert seen == set(SOURCES)
    assert [one.attempt.lot_sha256 != "" for one in log].count(True) == 5


def test_the_outcomes_one_may_ask_for_are_those_of_the_portals() -> None:
    """And none, for what has no answer; each has its French."""
    assert [one.value for one in Outcome] == [*DepositOutcome, "none"] == [*OUTCOMES]
    assert [one.stored for one in Outcome] == [*DepositOutcome, ""]


def test_every_attempt_is_there_once_in_the_order_of_the_intents(
    desk: Desk, log: Sequence[Deposit]
) -> None:
    """With what its own invoice says."""
    with desk.app.reading() as session:
        made = [
            (one.number, attempt)
            for one in desk.invoices()
            for attempt in attempts.attempts(session, one.id)
        ]

    assert [(one.invoice.number, one.attempt) for one in log] == sorted(
        made, key=lambda pair: pair[1].id
    )
    assert [one.invoice for one in log] == [desk.one(one.invoice.number) for one in log]


def test_everything_the_portal_said_is_told_of_one_attempt(
    desk: Desk, log: Sequence[Deposit]
) -> None:
    """Nothing is left out, and nothing is said twice."""
    with desk.app.reading() as session:
        for invoice in desk.invoices():
            ours = [one for one in log if one.invoice.id == invoice.id]
            told = [seen for one in ours for seen in (*one.reports, *one.history)]

            assert sorted(map(str, told)) == sorted(
                map(str, observations.observations(session, invoice.id)) if ours else []
            )


def without_rows(event: JournalEvent) -> dict[str, object]:
    """What an event says, but of the rows of the database."""
    return {key: value for key, value in payload_of(event).items() if key != ROWS}


def test_every_event_of_a_deposit_is_beside_its_attempt(desk: Desk, log: Sequence[Deposit]) -> None:
    """Each intent and answer of the journal, and what each search came to."""
    named = [
        (event.tag, event.subject, without_rows(event))
        for one in log
        for event in (one.intended, one.answered, one.reconciled)
        if event is not None
    ]
    tags = (EventTag.DEPOSIT_INTENDED, EventTag.DEPOSIT_ANSWERED, EventTag.DEPOSIT_RECONCILED)

    assert sorted(map(str, named)) == sorted(
        str((tag.value, *event)) for tag in tags for event in desk.events(tag)
    )
    for one in log:
        assert one.intended is not None
        assert json.loads(one.intended.payload)["attempt"] == one.attempt.id
        assert (one.answered is None) == (one.attempt.outcome == "")


def test_a_deposit_is_told_from_its_intent_to_its_last_status(
    desk: Desk, log: Sequence[Deposit]
) -> None:
    """What a report says, the piece that proves it, the first sight, each status since."""
    (one,) = of(log, 2)
    (report,) = one.reports

    assert (report.portal_at, one.flux_number) == (one.attempt.flux_number,) * 2
    assert desk.app.store.archive.get(report.evidence).startswith(b"%PDF")
    assert one.first_seen_at == CAMPAIGN + timedelta(minutes=1)
    assert one.history[-1].raw_status == "SUSPENDUE"
    assert one.history[-1].comment == "dit le membre 2"


def test_a_lost_answer_is_told_with_what_the_search_found(
    desk: Desk, log: Sequence[Deposit]
) -> None:
    """The flux is that of the portal, though no answer gave it."""
    (one,) = of(log, 7)

    assert (one.attempt.outcome, one.attempt.flux_number, one.verdict) == ("unknown", "", "found")
    assert one.flux_number in {flux.number for flux in desk.portal.fluxes}
    assert one.attempt.closed_at is not None


def test_a_log_goes_on_past_an_altered_event(desk: Desk, tmp_path: Path) -> None:
    """« journal verify » names it; what it would have told is empty here."""
    del tmp_path
    with desk.app.reading() as session:
        first = next(deposits(session, ALL))
    assert first.intended is not None
    for payload in ("{", "[]", "{}"):
        altered = replace(first, reconciled=replace(first.intended, payload=payload))

        assert (altered.verdict, altered.flux_number) == ("", first.attempt.flux_number)


def by_hand(wanted: Wanted, log: Sequence[Deposit]) -> Iterator[Deposit]:
    """What is asked for, as the words of ``Wanted`` say it."""
    for one in log:
        facts = (
            (wanted.year, one.invoice.year),
            (wanted.siret, one.invoice.siret),
            (wanted.status, one.invoice.status),
            (wanted.outcome, one.attempt.outcome),
        )
        started = one.attempt.started_at
        if (
            all(asked in {None, fact} for asked, fact in facts)
            and (wanted.since is None or started >= wanted.since)
            and (wanted.until is None or started < wanted.until)
        ):
            yield one


@given(data=st.data())
def test_filters_combine(desk: Desk, log: Sequence[Deposit], data: st.DataObject) -> None:
    """Whatever is asked, the database gives what Python picks out of the whole log."""

    def some(values: Sequence[Any]) -> Any:  # noqa: ANN401 - of any field
        return data.draw(st.none() | st.sampled_from([*dict.fromkeys(values)]))

    started = [one.attempt.started_at for one in log]
    instants = [*started, *(instant + timedelta(microseconds=1) for instant in started)]
    wanted = Wanted(
        year=some([YEAR, YEAR - 1]),
        siret=some([*(one.invoice.siret for one in log), "0"]),
        status=some([*S]),
        outcome=some([one.stored for one in Outcome]),
        since=some(instants),
        until=some(instants),
    )

    assert read(desk, wanted) == tuple(by_hand(wanted, log))


def test_a_log_of_many_pages_has_every_attempt_once(desk: Desk, log: Sequence[Deposit]) -> None:
    """A page ends where the next begins."""
    with desk.app.reading() as session:
        pages: list[int] = []
        while page := attempts.after(session, ALL, pages[-1] if pages else 0, 2):
            pages += [attempt.id for attempt, _ in page]

    assert pages == [one.attempt.id for one in log]


@pytest.mark.parametrize("suffix", TableFormat)
def test_the_table_says_all_of_it_with_true_types(
    log: Sequence[Deposit], tmp_path: Path, suffix: str
) -> None:
    """A row for each attempt, read back as it was given."""
    table = table_of(lambda: log)
    rows = [list(row) for row in table.rows()]
    written = write_table(table, tmp_path / f"d.{suffix}", at=CAMPAIGN)

    assert written == len(log) == len(rows)
    assert read_back(tmp_path / f"d.{suffix}", table) == emptied(rows)
    for row in rows:
        for column, cell in zip(table.columns, row, strict=True):
            assert cell is None or type(cell) is HOLDS[column.kind] or column.kind is Kind.TEXT
    for place, column in enumerate(table.columns):
        assert any(row[place] not in {None, ""} for row in rows), column.name


def test_a_narrow_terminal_shows_each_attempt_whole(
    log: Sequence[Deposit],
) -> None:
    """80 columns, no colour: one line for each, and no cell is cut."""
    places = [COLUMNS.index(name) for name in NARROW]
    rows = [[row_of(one)[place] for place in places] for one in log]
    *printed, _others = lay_out(COLUMNS, [row_of(one) for one in log], (), 80, NARROW)

    assert max(map(len, printed)) <= 80
    assert [re.split(r" {2,}", line.strip()) for line in printed[2:]] == rows


def hostile(value: Any, text: str) -> Any:  # noqa: ANN401 - any of the log's values
    """A value whose every text is this one."""
    texts = {one.name: text for one in fields(value) if type(getattr(value, one.name)) is str}
    return replace(value, **texts)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_do_no_harm_in_any_column(
    log: Sequence[Deposit], tmp_path: Path, text: str
) -> None:
    """Each column of text bears it, but those of our own words, and gives it back."""
    one = next(one for one in log if one.reports and one.history and one.answered)
    bad = replace(
        hostile(one, text),
        invoice=hostile(one.invoice, text),
        attempt=hostile(one.attempt, text),
        reports=(hostile(one.reports[-1], text),),
        history=(hostile(one.history[-1], text),),
        reconciled=replace(one.intended, payload=json.dumps({"verdict": text, "flux": text})),  # type: ignore[type-var]
    )
    table = table_of(lambda: [bad])
    (row,) = map(list, table.rows())
    bearing = {
        column.name
        for column, cell in zip(table.columns, row, strict=True)
        if isinstance(cell, str) and text in cell
    }
    ours = {"kind", "status"}
    assert bearing == {one.name for one in table.columns if one.kind is Kind.TEXT} - ours
    for suffix in TableFormat:
        path = tmp_path / f"d.{suffix}"
        write_table(table, path, at=CAMPAIGN)

        assert read_back(path, table) == emptied([row])


def test_a_late_report_is_told_of_its_own_file(store: Store) -> None:
    """By its flux number; what names no flux, by the time it was heard; nothing is left out."""
    minute = timedelta(minutes=1)
    add_members(store)
    with writing(store) as tx:
        invoice = issue_one(tx)

    def deposit(at: datetime, flux: str) -> int:
        with writing(store) as tx:
            one = attempts.open_attempt(
                tx, invoice_id=invoice, document_sha256="", file_name="", actor="", at=at
            )
            attempts.answer_attempt(tx, one, at=at, closed=True, outcome="", flux_number=flux)
        return one

    first, second = deposit(NOW, "A"), deposit(NOW + 5 * minute, "B")
    heard = {
        ("report", "A", 9): first,
        ("report", "B", 10): second,
        ("report", "Z", 2): first,
        ("search", "", 4): first,
        ("history", "", 5): second,
        ("history", "avant", -1): first,
    }
    for source, portal_at, minutes in heard:
        with writing(store) as tx:
            observations.observe(
                tx,
                invoice,
                source=source,
                raw_status="mot",
                portal_at=portal_at,
                comment="",
                raw="",
                at=NOW + minutes * minute,
            )
    with store.reading() as session:
        told = {
            (seen.source, seen.portal_at, (seen.observed_at - NOW) // minute): one.attempt.id
            for one in deposits(session, ALL)
            for seen in (*one.reports, *one.history)
        }

    assert told == heard
