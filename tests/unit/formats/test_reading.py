"""What is written is read back: nothing of an invoice is lost but what its profile leaves out."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.golden.samples import (
    ATTACHMENTS,
    EXEMPT,
    OUT_OF_SCOPE,
    PAYMENT,
    REDUCED,
    SAMPLES,
    STANDARD,
    SUPER_REDUCED,
    credit_of,
    invoice_of,
    line,
)
from tests.golden.test_golden import PROFILES, cases, golden_file
from tests.support.written_invoices import read_invoice
from worker.billing.invoice import ContactPoint, Invoice, Note, Party
from worker.billing.members import Address
from worker.billing.money import Money, cost
from worker.billing.vat import VatMethod, VatPoint
from worker.formats import Profile, invoice_xml
from worker.formats.mapping import ANNEX, decision_notes
from worker.formats.profiles import Syntax

texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff").filter(
        lambda sign: sign >= " " or sign in "\t\n\r"
    ),
    min_size=1,
    max_size=30,
)
maybe = st.one_of(st.just(""), texts)
addresses = st.builds(Address, line1=texts, line2=maybe, postcode=texts, city=texts)
sirets = st.text("0123456789", min_size=14, max_size=14)
buyers = st.builds(Party, name=texts, siret=sirets, address=addresses, vat_number=maybe)
contacts = st.builds(ContactPoint, name=texts, phone=maybe, email=maybe)
sellers = st.builds(
    Party,
    name=texts,
    siret=sirets,
    address=addresses,
    vat_number=maybe,
    legal_form=maybe,
    contact=st.none() | contacts,
)
coded_notes = st.builds(Note, text=texts, code=st.sampled_from(["PMT", "PMD", "AAB", "REG"]))
plain_notes = st.builds(Note, text=texts.filter(lambda text: not text.startswith("#")))
"""In UBL a code is written in front of its text, between two ``#``."""
rated_lines = st.builds(
    lambda label, price, users, vat: line(
        label, parts=(("prix", Money(price)),), users=users, vat=vat
    ),
    texts,
    st.integers(1, 99_999),
    st.lists(st.integers(0, 500), min_size=1, max_size=12).filter(any),
    st.sampled_from([STANDARD, REDUCED, SUPER_REDUCED, EXEMPT, OUT_OF_SCOPE]),
)


@st.composite
def invoices(draw: st.DrawFn) -> Invoice:
    """An issued invoice: any lines, parties, references and notes."""
    rated = draw(st.lists(rated_lines, min_size=1, max_size=5))
    invoice, _ = invoice_of(*rated, vat_method=draw(st.sampled_from(VatMethod)))
    seller, buyer = draw(sellers), draw(buyers)
    if any(item.vat is OUT_OF_SCOPE for item in rated):
        seller, buyer = replace(seller, vat_number=""), replace(buyer, vat_number="")
    taxed = any(item.vat.taxed for item in rated)
    (attachment,) = invoice.attachments
    return replace(
        invoice,
        number=draw(texts),
        statement_number=f"{draw(texts)}{draw(st.integers(0, 99999)):05d}",  # numbers end in digits
        issue_date=draw(st.dates(date(2000, 1, 1), date(2099, 12, 31))),
        seller=seller,
        buyer=buyer,
        service_code=draw(maybe),
        engagement=draw(maybe),
        contract=draw(maybe),
        payment=replace(PAYMENT, account_name=draw(texts), bic=draw(maybe)),
        payment_terms=draw(maybe),
        vat_point=draw(st.sampled_from([None, *VatPoint])) if taxed else None,
        notes=tuple(draw(st.lists(coded_notes | plain_notes, max_size=4))),
        attachments=draw(st.sampled_from([(), (replace(attachment, description=draw(texts)),)])),
    )


@st.composite
def credit_notes(draw: st.DrawFn) -> Invoice:
    """The credit note of some units of an invoice, or of all."""
    invoice = draw(invoices())
    units = {item.identifier: draw(st.integers(0, int(item.quantity))) for item in invoice.lines}
    credited = {identifier: quantity for identifier, quantity in units.items() if quantity}
    return credit_of(invoice, credited or None, internal=draw(st.booleans()))


def kept(invoice: Invoice, profile: Profile) -> Invoice:
    """What a document holds of an invoice in a profile."""
    attachments = invoice.attachments if profile.attachments else ()
    # In CII it stands in the shares that are taxed; a credit note may have none of them.
    in_no_share = profile.syntax is Syntax.CII and not any(
        share.regime.taxed for share in invoice.breakdown
    )
    decided = tuple(Note(text=text) for text in decision_notes(invoice))
    return replace(
        invoice,
        # No term has the measure in words, nor the cent of a running total.
        lines=tuple(
            replace(
                line,
                measure=None,
                gross=cost(line.unit_price_gross, line.quantity, line.price_units),
            )
            for line in invoice.lines
        ),
        decisions=(),
        vat_point=None if in_no_share else invoice.vat_point,
        vat_method=VatMethod.DIFFERENCE,
        internal=False,
        notes=decided
        + tuple(note for note in invoice.notes if profile.legal_notes or not note.code),
        attachments=tuple(
            replace(attachment, description=ANNEX) if profile.coded_attachments else attachment
            for attachment in attachments
        ),
    )


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(invoice=invoices() | credit_notes(), profile=st.sampled_from(PROFILES))
def test_an_invoice_is_read_back_as_it_was_written(invoice: Invoice, profile: Profile) -> None:
    """Invoices and credit notes come back whole from every syntax and profile."""
    assert read_invoice(invoice_xml(invoice, profile, ATTACHMENTS)) == kept(invoice, profile)


@cases
def test_a_golden_file_is_read_back_as_its_sample(sample: str, profile: Profile) -> None:
    """The files that were validated and kept say all that their invoice says."""
    invoice, _ = SAMPLES[sample]()

    read = read_invoice(golden_file(sample, profile).read_bytes())

    assert read == kept(invoice, profile)


def test_another_document_is_not_read_as_an_invoice() -> None:
    """A root of neither syntax is refused, by its name."""
    with pytest.raises(ValueError, match="neither UBL nor CII: Order"):
        read_invoice(b"<Order/>")
