"""Chorus Pro's rules and EN 16931's arithmetic on an invoice, before anything is written.

Codes, meanings and sources: ``docs/findings.md``.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import cache

from worker.billing.document import Document, DocumentKind
from worker.billing.invoice import Invoice, InvoiceDraft
from worker.billing.period import french_date
from worker.billing.text import forbidden_in_xml
from worker.errors import Finding
from worker.validation import RuleSet, arithmetic, value_limits
from worker.validation.arithmetic import Rule, parties
from worker.validation.value_limits import broken
from worker.validation.wording import worded

RULES_VERSION = "1.0"
MAX_ADDRESS = 400


def check_draft(draft: InvoiceDraft) -> tuple[Finding, ...]:
    """Apply every rule that needs neither number nor date; no finding: it may be issued."""
    return tuple(finding for rule in RULES for finding in rule(draft))


def check_number(number: str) -> tuple[Finding, ...]:
    """Whether Chorus Pro takes this invoice number (BT-1)."""
    return broken(value_limits.NUMBER, number)


def check_dates(issue: date, due: date | None, today: date) -> tuple[Finding, ...]:
    """Whether the issue (BT-2) and due (BT-9) dates hold together on the day of the check."""
    findings = []
    if issue > today:
        said = worded("DATE-FUTURE", issue=french_date(issue), today=french_date(today))
        findings.append(said)
    if due is not None and due < issue:
        findings.append(worded("DATE-DUE", due=french_date(due), issue=french_date(issue)))
    if not 2000 <= issue.year <= 2099:
        findings.append(worded("DATE-YEAR", year=issue.year))
    return tuple(findings)


def check_attachments(invoice: Invoice) -> tuple[Finding, ...]:
    """Whether Chorus Pro takes the names of the attachments (BG-24)."""
    return tuple(
        finding
        for attachment in invoice.attachments
        for finding in broken(value_limits.ATTACHMENT_NAME, attachment.file_name)
    )


def check_size(document: Document) -> tuple[Finding, ...]:
    """Whether a document is small enough to be attached, or to be deposited."""
    deposited = document.kind is DocumentKind.FACTURX
    code, limit = (
        ("CHORUS-SIZE", value_limits.MAX_FLUX)
        if deposited
        else ("CHORUS-ATTACHMENT", value_limits.MAX_ATTACHMENT)
    )
    if len(document.content) <= limit:
        return ()
    return (worded(code, kind=document.kind, size=len(document.content), limit=limit),)


@cache
def rule_set() -> RuleSet:
    """These rules, as recorded beside an invoice."""
    return RuleSet.of_sources(
        "Règles de Chorus Pro", RULES_VERSION, __file__, arithmetic.__file__, value_limits.__file__
    )


def _parties(draft: InvoiceDraft) -> Iterator[Finding]:
    for party, of in parties(draft):
        yield from broken(value_limits.SIRET, party.siret, of=of)
        yield from broken(value_limits.NAME, party.name, of=of)


def _addresses(draft: InvoiceDraft) -> Iterator[Finding]:
    for party, of in parties(draft):
        address = party.address
        parts = (address.line1, address.line2, address.postcode, address.city, address.country)
        missing = [
            label
            for label, text in (
                ("la voie", address.line1),
                ("le code postal", address.postcode),
                ("la ville", address.city),
                ("le pays", address.country),
            )
            if not text.strip()
        ]
        if missing:
            yield worded("CHORUS-ADDRESS", "incomplete", of=of, missing=", ".join(missing))
        elif not (len(address.country) == 2 and address.country.isalpha()):
            yield worded("CHORUS-ADDRESS", "country", value=address.country, of=of)
        elif len("".join(parts)) > MAX_ADDRESS:
            yield worded("CHORUS-ADDRESS", "long", of=of, limit=MAX_ADDRESS)


def _payment(draft: InvoiceDraft) -> Iterator[Finding]:
    if draft.payment is None:
        if not draft.is_credit_note:
            yield from broken(value_limits.PAYMENT_CODE, "")
    elif draft.is_credit_note:
        yield worded(value_limits.PAYMENT_CODE.code, value=draft.payment.code)
    else:
        yield from broken(value_limits.PAYMENT_CODE, draft.payment.code)
        yield from broken(value_limits.IBAN_ACCOUNT, draft.payment.iban)


def _preceding(draft: InvoiceDraft) -> Iterator[Finding]:
    if draft.is_credit_note and draft.preceding is None:
        yield worded("CHORUS-PRECEDING", "missing")
    elif draft.preceding is not None and not draft.is_credit_note:
        yield worded("CHORUS-PRECEDING", "invoice")
    elif draft.preceding is not None:
        for finding in broken(value_limits.NUMBER, draft.preceding.number):
            yield replace(finding, code="CHORUS-PRECEDING")


def _references(draft: InvoiceDraft) -> Iterator[Finding]:
    """Whether one is needed depends on the buyer, and is checked against the directory."""
    for limit, value in (
        (value_limits.SERVICE_CODE, draft.service_code),
        (value_limits.ENGAGEMENT, draft.engagement),
        (value_limits.CONTRACT, draft.contract),
    ):
        if value:
            yield from broken(limit, value)


def _header(draft: InvoiceDraft) -> Iterator[Finding]:
    yield from broken(value_limits.TYPE_CODE, draft.type_code)
    yield from broken(value_limits.CURRENCY, draft.currency)


def _texts(draft: InvoiceDraft) -> Iterator[Finding]:
    yield from broken(value_limits.FREE_TEXT, draft.payment_terms, of="des conditions de paiement")
    for note in draft.notes:
        yield from broken(value_limits.FREE_TEXT, note.text, of="d'une note (BT-22)")
    for line in draft.lines:
        yield from broken(
            value_limits.FREE_TEXT, line.description, of=f"de la ligne {line.identifier}"
        )


def _characters(draft: InvoiceDraft) -> Iterator[Finding]:
    for place, text in _all_texts(draft):
        if character := forbidden_in_xml(text):
            yield worded("CHORUS-CHARACTER", place=place, character=ord(character))


RULES: tuple[Rule, ...] = (
    _parties,
    _addresses,
    _payment,
    _preceding,
    _references,
    _header,
    _texts,
    _characters,
    *arithmetic.RULES,
)


def _all_texts(draft: InvoiceDraft) -> Iterator[tuple[str, str]]:
    for party, of in parties(draft):
        address = party.address
        yield f"Le nom {of}", party.name
        yield f"L'adresse {of}", address.line1 + address.line2 + address.postcode + address.city
    yield "Le numéro d'engagement", draft.engagement
    yield "La référence de la convention", draft.contract
    if draft.payment is not None:
        yield "Le titulaire du compte", draft.payment.account_name
    for note in draft.notes:
        yield "Une note", note.text
    yield "Les conditions de paiement", draft.payment_terms
    for line in draft.lines:
        yield f"La ligne {line.identifier}", line.name + line.description + line.vat.reason
