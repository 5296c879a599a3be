"""Every rule on a draft is seen refusing, and a computed draft always passes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.validation_samples import (
    IBAN,
    OUT_OF_SCOPE,
    REDUCED,
    STANDARD,
    draft,
    rated_line,
)
from worker.billing.credit_note import credit
from worker.billing.document import Document, DocumentKind
from worker.billing.invoice import (
    Invoice,
    InvoiceDraft,
    Note,
    PaymentMeans,
    PrecedingInvoice,
    SupportingDocument,
    issue,
)
from worker.billing.money import Money
from worker.billing.period import Period
from worker.billing.vat import VatCategory, VatMethod, VatRegime
from worker.errors import Severity
from worker.validation.rules import (
    RULES,
    check_attachments,
    check_dates,
    check_draft,
    check_number,
    check_size,
    rule_set,
)

PAYMENT = PaymentMeans(iban=IBAN, account_name="Syndicat mixte fictif")
Change = Callable[[InvoiceDraft], InvoiceDraft]


def seller(**facts: Any) -> Change:  # noqa: ANN401 - passed on to a record
    """Change the seller."""
    return lambda d: replace(d, seller=replace(d.seller, **facts))


def buyer(**facts: Any) -> Change:  # noqa: ANN401 - passed on to a record
    """Change the buyer."""
    return lambda d: replace(d, buyer=replace(d.buyer, **facts))


def address(**facts: Any) -> Change:  # noqa: ANN401 - passed on to a record
    """Change the buyer's address."""
    return lambda d: buyer(address=replace(d.buyer.address, **facts))(d)


def payment(**facts: Any) -> Change:  # noqa: ANN401 - passed on to a record
    """Change how to pay."""
    return lambda d: replace(d, payment=replace(PAYMENT, **facts))


def line(**facts: Any) -> Change:  # noqa: ANN401 - passed on to a record
    """Change the first line, and keep only that one."""
    return lambda d: replace(d, lines=(replace(d.lines[0], **facts),))


def totals(**facts: Any) -> Change:  # noqa: ANN401 - passed on to a record
    """Change the totals."""
    return lambda d: replace(d, totals=replace(d.totals, **facts))


def header(**facts: Any) -> Change:  # noqa: ANN401 - passed on to a record
    """Change the draft itself."""
    return lambda d: replace(d, **facts)


def breakdown(**facts: Any) -> Change:  # noqa: ANN401 - passed on to a record
    """Change the first group of the VAT breakdown."""
    return lambda d: replace(d, breakdown=(replace(d.breakdown[0], **facts),))


def credited(**facts: Any) -> Change:  # noqa: ANN401 - passed on to a record
    """Change a whole credit note of the draft."""
    return lambda d: replace(
        credit(
            issue(d, number="F-1", issue_date=DAY, due_date=DAY, statement_number="E-1"),
            (),
            "essai",
            internal=False,
        ),
        **facts,
    )


def two_reasons(_: InvoiceDraft) -> InvoiceDraft:
    """Two exempt lines, for two reasons."""
    regimes = [VatRegime(category=VatCategory.EXEMPT, reason=f"CGI, art. 261-{n}") for n in (4, 7)]
    return draft(*(rated_line(vat=regime) for regime in regimes))


DAY = date(2026, 1, 12)
CENT_OFF = replace(draft().breakdown[0], tax=Money(53279))
REFUSALS = [
    ("CHORUS-SIRET", seller(siret="99999900600012", vat_number="")),
    ("CHORUS-SIRET", buyer(siret="999000078")),
    ("CHORUS-SIRET", buyer(siret="999 000 078 00017")),
    ("CHORUS-NAME", buyer(name="x" * 100)),
    ("CHORUS-NAME", seller(name=" ")),
    ("CHORUS-ADDRESS", address(city="")),
    ("CHORUS-ADDRESS", address(country="France")),
    ("CHORUS-ADDRESS", address(line2="x" * 400)),
    ("CHORUS-IBAN", payment(iban="FR1420041010050500013M02607")),
    ("CHORUS-IBAN", payment(iban="FR14 2004 1010 0505 0001 3M02 606")),
    ("CHORUS-IBAN", payment(iban="20041010050500013M02606")),
    ("CHORUS-PAYMENT-MEANS", payment(code="57")),
    ("CHORUS-SERVICE", header(service_code="x" * 101)),
    ("CHORUS-SERVICE", header(service_code="SERVICE/1")),
    ("CHORUS-SERVICE", header(service_code="SERVICE ")),
    ("CHORUS-ENGAGEMENT", header(engagement="x" * 51)),
    ("CHORUS-CONTRACT", header(contract="x" * 51)),
    ("CHORUS-TYPE", header(type_code="751")),
    ("CHORUS-CURRENCY", header(currency="USD")),
    ("CHORUS-TEXT", header(payment_terms="x" * 1025)),
    ("CHORUS-TEXT", line(description="x" * 1025)),
    ("CHORUS-CHARACTER", header(engagement="EJ\x0b1")),
    ("CHORUS-CHARACTER", line(name="Stockage\x00")),
    ("VAT-NUMBER", seller(vat_number="")),
    ("VAT-NUMBER", seller(vat_number="FR43999999006")),
    ("VAT-NUMBER", seller(vat_number="FR73999000078")),
    ("VAT-NUMBER", buyer(vat_number="FR 73 999000078")),
    ("VAT-BREAKDOWN", line(vat=REDUCED)),
    ("VAT-BREAKDOWN", breakdown(tax=Money(53282))),
    ("VAT-BREAKDOWN", breakdown(taxable=Money(266401))),
    ("VAT-BREAKDOWN", lambda d: replace(d, breakdown=d.breakdown * 2)),
    ("LINE-NONE", header(lines=())),
    ("LINE-QUANTITY", line(quantity=0)),
    ("LINE-QUANTITY", line(quantity=10**10)),
    ("LINE-PRICE", line(price=Decimal(-1))),
    ("LINE-PRICE", line(price=Decimal("1.0000001"))),
    ("LINE-PRICE", line(price_base=0)),
    ("LINE-AMOUNT", line(gross=Money(319681))),
    ("TOTAL-NET", totals(net=Money(266399))),
    ("TOTAL-VAT", totals(vat=Money(53281))),
    ("TOTAL-GROSS", totals(gross=Money(319681))),
    ("TOTAL-AGREED", totals(gross=Money(319679))),
    ("TOTAL-PAYABLE", totals(gross=Money(0))),
    ("TOTAL-AGREED", totals(rounding=Money(1))),
    ("TOTAL-ROUNDING", totals(rounding=Money(-1), gross=Money(319681), vat=Money(53281))),
    ("VAT-RATE", line(vat=VatRegime(category=VatCategory.STANDARD, rate=Decimal(21)))),
    ("VAT-REASONS", two_reasons),
    ("VAT-BREAKDOWN", header(vat_method=VatMethod.ROUNDING, breakdown=(CENT_OFF,))),
    ("CHORUS-PAYMENT-MEANS", header(payment=None)),
    ("CHORUS-PAYMENT-MEANS", credited(payment=PAYMENT)),
    ("CHORUS-PRECEDING", credited(preceding=None)),
    ("CHORUS-PRECEDING", credited(preceding=PrecedingInvoice(number="x" * 21, issue_date=DAY))),
    ("CHORUS-PRECEDING", header(preceding=PrecedingInvoice(number="F-1", issue_date=DAY))),
    ("CHORUS-TEXT", header(notes=(Note(text="x" * 1025),))),
    ("CHORUS-CHARACTER", header(notes=(Note(text="a\x0b"),))),
    ("PERIOD-YEAR", header(period=Period(date(2024, 12, 1), date(2025, 12, 31)))),
    ("PERIOD-LINE", line(period=Period(date(2025, 1, 1), date(2026, 1, 1)))),
]


@pytest.mark.parametrize("code,change", REFUSALS)
def test_each_rule_refuses_what_breaks_it(code: str, change: Change) -> None:
    """One wrong fact gives a blocking finding with the code of its rule and a French remedy."""
    found = [finding for finding in check_draft(change(draft())) if finding.code == code]

    assert found
    assert all(f.severity is Severity.BLOCKING and f.message and f.remedy for f in found)


def test_a_true_draft_has_no_finding() -> None:
    """The sample the refusals start from breaks no rule, with one VAT rate or two."""
    assert check_draft(draft()) == ()
    assert check_draft(draft(rated_line(), rated_line(vat=REDUCED))) == ()


def test_a_credit_note_has_no_finding() -> None:
    """The credit note the refusals start from breaks no rule."""
    assert check_draft(credited()(draft())) == ()


def attached(name: str) -> Invoice:
    """An invoice with one attachment of that name."""
    document = SupportingDocument(
        reference="E-1", description="État", file_name=name, media_type="application/pdf"
    )
    return issue(
        draft(),
        number="F-1",
        issue_date=DAY,
        due_date=DAY,
        statement_number="E-1",
        attachments=(document,),
    )


@pytest.mark.parametrize("name", ["etat-detaille.pdf", "a.XLSX", f"{'x' * 46}.pdf"])
def test_attachment_names_chorus_takes(name: str) -> None:
    """Fifty characters with an extension of the list, in any case."""
    assert check_attachments(attached(name)) == ()


@pytest.mark.parametrize(
    "name",
    [
        "",
        "etat",
        "etat.exe",
        ".pdf",
        f"{'x' * 47}.pdf",
        "état.pdf",
        "a/b.pdf",
        "a b.pdf",
        "a\n.pdf",
    ],
)
def test_attachment_names_chorus_refuses(name: str) -> None:
    """Without extension, with another one, too long, or with a sign a channel refuses."""
    assert [finding.code for finding in check_attachments(attached(name))] == ["CHORUS-ATTACHMENT"]


@pytest.mark.parametrize(
    "kind, limit, code",
    [
        (DocumentKind.FACTURX, 20_000_000, "CHORUS-SIZE"),
        (DocumentKind.STATEMENT, 10_000_000, "CHORUS-ATTACHMENT"),
    ],
)
def test_documents_have_a_largest_size(kind: DocumentKind, limit: int, code: str) -> None:
    """A deposit of 20 MB and an attachment of 10 MB pass; a byte more is refused."""

    def codes(size: int) -> list[str]:
        content = bytes(size)
        document = Document(kind=kind, profile="", media_type="", content=content)
        return [finding.code for finding in check_size(document)]

    assert codes(limit) == []
    assert codes(limit + 1) == [code]


def test_references_are_free_when_the_buyer_wants_none() -> None:
    """No service code and no engagement is no fault here: the directory decides."""
    assert check_draft(replace(draft(), service_code="", engagement="")) == ()


def test_accents_are_letters_in_a_service_code() -> None:
    """Chorus Pro's service codes may be French words."""
    assert check_draft(replace(draft(), service_code="Hôtel-de-ville_Économat 1")) == ()


@pytest.mark.parametrize(
    "change", [seller(vat_number="FR42999999006"), buyer(vat_number="FR73999000078")]
)
def test_out_of_scope_forbids_vat_numbers(change: Change) -> None:
    """BR-O-02: an invoice outside VAT shows no VAT number, and is right without one."""
    outside = draft(rated_line(vat=OUT_OF_SCOPE), vat_number="")

    assert check_draft(outside) == ()
    assert {f.code for f in check_draft(change(outside))} == {"VAT-OUT-OF-SCOPE"}


def test_out_of_scope_is_never_mixed() -> None:
    """BR-O-11: category O stands alone in a document."""
    mixed = draft(rated_line(vat=OUT_OF_SCOPE), rated_line(vat=STANDARD))

    assert "VAT-OUT-OF-SCOPE" in {finding.code for finding in check_draft(mixed)}


@given(
    lines=st.lists(
        st.tuples(
            st.integers(1, 99_999), st.integers(1, 500), st.sampled_from([STANDARD, REDUCED])
        ),
        min_size=1,
        max_size=6,
    )
)
def test_a_computed_draft_is_always_coherent(lines: list[tuple[int, int, Any]]) -> None:
    """Whatever the prices, users and rates, the method of the house satisfies its own rules."""
    computed = draft(*(rated_line(price, users, vat) for price, users, vat in lines))

    assert check_draft(computed) == ()


@given(st.integers(-5000, 5000).filter(bool))
def test_no_lost_cent_goes_unseen(cents: int) -> None:
    """A line whose net moved by any number of cents is refused."""
    good = draft()
    spoilt = replace(good.lines[0], net=good.lines[0].net + Money(cents))

    assert check_draft(replace(good, lines=(spoilt,)))


@pytest.mark.parametrize("number", ["F2026-0001", "A+B_C/D-1", "x" * 20])
def test_numbers_chorus_takes(number: str) -> None:
    """Twenty characters of the allowed set pass."""
    assert check_number(number) == ()


@pytest.mark.parametrize("number", ["", "x" * 21, "F 1", "F1 ", "Fé1", "F1\n", "F.1", "F²"])
def test_numbers_chorus_refuses(number: str) -> None:
    """Length and characters of BT-1 are bounded (G1.05)."""
    assert [finding.code for finding in check_number(number)] == ["CHORUS-NUMBER"]


@pytest.mark.parametrize(
    "issue_date,due,codes",
    [
        (date(2026, 1, 12), date(2026, 2, 11), []),
        (date(2026, 1, 12), date(2026, 1, 12), []),
        (date(2026, 1, 13), date(2026, 2, 11), ["DATE-FUTURE"]),
        (date(2026, 1, 12), date(2026, 1, 11), ["DATE-DUE"]),
        (date(1999, 1, 12), date(2026, 1, 11), ["DATE-YEAR"]),
    ],
)
def test_dates(issue_date: date, due: date, codes: list[str]) -> None:
    """Issued by today, due on or after issue, in this century."""
    assert [f.code for f in check_dates(issue_date, due, date(2026, 1, 12))] == codes


def test_rules_are_a_plain_tuple_with_an_identity() -> None:
    """What is recorded beside a verdict names these exact rules."""
    assert isinstance(RULES, tuple)
    assert len(rule_set().sha256) == 64
