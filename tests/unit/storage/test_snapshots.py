"""Frozen content: equal values give equal bytes, and the same value comes back."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy import make_url

from tests.golden.samples import SAMPLES, credit_of, invoice_of, line
from worker.billing.invoice import Invoice
from worker.billing.money import Money
from worker.billing.statement import Statement
from worker.billing.vat import VatCategory, VatMethod, VatRegime
from worker.errors import Finding, Severity
from worker.storage.snapshots import dump, load
from worker.storage.tables import UtcText, utc_text
from worker.validation.rules import check_draft

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FINDINGS = st.lists(
    st.builds(
        Finding,
        code=TEXTS,
        message=TEXTS,
        remedy=TEXTS,
        severity=st.sampled_from(Severity),
        where=TEXTS,
        value=TEXTS,
    ),
    max_size=3,
).map(tuple)
DIALECT = make_url("sqlite://").get_dialect()()
INSTANTS = st.datetimes(
    min_value=datetime(2, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
    max_value=datetime(9998, 1, 1),  # noqa: DTZ001 - same
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m))),
)


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_an_invoice_and_its_statement_survive(
    sample: Callable[[], tuple[Invoice, Statement | None]],
) -> None:
    """Each sample is equal once read, and dumped again gives the same bytes."""
    invoice, statement = sample()
    text = dump(Invoice, invoice)
    assert load(Invoice, text) == invoice
    assert dump(Invoice, load(Invoice, text)) == text
    if statement is not None:
        text = dump(Statement, statement)
        assert load(Statement, text) == statement
        assert dump(Statement, load(Statement, text)) == text


@given(
    users=st.lists(st.integers(0, 10**6), min_size=1, max_size=12),
    cents=st.integers(1, 10**7),
    label=TEXTS,
    rate=st.decimals("0.01", "100", places=2),
)
def test_any_priced_line_survives_to_the_last_digit(
    users: list[int], cents: int, label: str, rate: Decimal
) -> None:
    """Amounts, six-decimal prices, rates and any text keep every digit and sign."""
    vat = VatRegime(category=VatCategory.STANDARD, rate=rate)
    invoice, statement = invoice_of(
        line(label, users=users, parts=(("prix", Money(cents)),), vat=vat)
    )
    back = load(Invoice, dump(Invoice, invoice))

    assert back == invoice
    assert [str(price.price) for price in back.lines] == [
        str(price.price) for price in invoice.lines
    ]
    assert str(back.lines[0].vat.rate) == str(rate)
    assert load(Statement, dump(Statement, statement)).total == invoice.totals.gross


@given(FINDINGS)
def test_findings_survive(findings: tuple[Finding, ...]) -> None:
    """A tuple of findings comes back as a tuple of findings, severities included."""
    text = dump(tuple[Finding, ...], findings)
    back = load(tuple[Finding, ...], text)

    assert back == findings
    assert all(isinstance(finding.severity, Severity) for finding in back)
    assert dump(tuple[Finding, ...], back) == text


def test_the_order_of_old_keys_does_not_matter() -> None:
    """JSON written by an older version with its keys in another order is the same invoice."""
    invoice, _ = SAMPLES["two-lines"]()
    text = dump(Invoice, invoice)

    def reversed_keys(value: object) -> object:
        if isinstance(value, dict):
            return {key: reversed_keys(value[key]) for key in reversed(value)}
        return [reversed_keys(item) for item in value] if isinstance(value, list) else value

    shuffled = json.dumps(reversed_keys(json.loads(text)), indent=2)

    assert shuffled != text
    assert list(json.loads(text)) == sorted(json.loads(text))
    assert load(Invoice, shuffled) == invoice
    assert dump(Invoice, load(Invoice, shuffled)) == text


def test_money_is_never_a_float() -> None:
    """Amounts stand as whole cents and decimals as text: no digit depends on a float."""
    invoice, _ = SAMPLES["two-rates"]()
    floats: list[str] = []
    json.loads(dump(Invoice, invoice), parse_float=floats.append)

    assert floats == []


def test_another_value_has_other_bytes() -> None:
    """One cent more is another text."""
    invoice, _ = SAMPLES["two-lines"]()
    dearer = replace(invoice, totals=replace(invoice.totals, gross=Money(319681)))

    assert dump(Invoice, dearer) != dump(Invoice, invoice)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"number": "BSN-2026-00001"}'])
def test_what_is_no_invoice_is_refused(text: str) -> None:
    """A snapshot that lost its content is an error, never an invoice with blanks."""
    with pytest.raises(ValidationError):
        load(Invoice, text)


@given(INSTANTS, INSTANTS)
def test_instants_sort_as_their_texts(one: datetime, other: datetime) -> None:
    """Text order is time order, whatever the zones, and equal instants give equal texts."""
    assert (utc_text(one) < utc_text(other)) == (one < other)
    assert (utc_text(one) == utc_text(other)) == (one == other)


@given(INSTANTS)
def test_instants_survive(instant: datetime) -> None:
    """An instant is stored in 27 characters and comes back the same, in UTC."""
    kind = UtcText()
    stored = kind.process_bind_param(instant, DIALECT)
    assert stored is not None
    assert len(stored) == 27
    back = kind.process_result_value(stored, DIALECT)

    assert back == instant
    assert back is not None
    assert back.utcoffset() == UTC.utcoffset(None)


def test_no_instant_is_no_text() -> None:
    """Null stays null."""
    kind = UtcText()

    assert kind.process_bind_param(None, DIALECT) is None
    assert kind.process_result_value(None, DIALECT) is None


def test_what_the_first_version_froze_can_still_be_credited() -> None:
    """Content frozen before credit notes existed is read, and taken back to the cent."""
    folder = Path(__file__).parents[2] / "data" / "snapshots"
    invoice = load(Invoice, (folder / "invoice-0001.json").read_text("utf-8"))
    statement = load(Statement, (folder / "statement-0001.json").read_text("utf-8"))
    assert (invoice.vat_method, invoice.totals.rounding) == (VatMethod.DIFFERENCE, Money(0))
    assert statement.total == invoice.totals.payable == Money(319680)
    note = credit_of(invoice)

    assert (note.totals, note.breakdown) == (invoice.totals, invoice.breakdown)
    assert check_draft(note) == ()
