"""Invoices, credit notes and statements made up for tests, by the real computing path.

All bodies are fictitious, and all numbers are made up; those that have a check digit pass it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from hashlib import sha256

from tests.support.catalogue import catalogue_year, example_grid, unit
from worker.billing.consumption import MonthlyUse, ServiceUse, SourceRow
from worker.billing.credit_note import credit
from worker.billing.invoice import (
    ContactPoint,
    Invoice,
    Note,
    Party,
    PaymentMeans,
    Terms,
    build_draft,
    issue,
)
from worker.billing.members import Address, BillingReferences, Member
from worker.billing.money import Money
from worker.billing.period import Month
from worker.billing.quantity import Quantity
from worker.billing.rating import RatedLine, per_user_month
from worker.billing.statement import Statement
from worker.billing.vat import VatCategory, VatMethod, VatPoint, VatRegime
from worker.formats import statement_attachment

YEAR = 2025
STANDARD = VatRegime(category=VatCategory.STANDARD, rate=Decimal(20))
REDUCED = VatRegime(category=VatCategory.STANDARD, rate=Decimal("5.5"))
SUPER_REDUCED = VatRegime(category=VatCategory.STANDARD, rate=Decimal("2.1"))
EXEMPT = VatRegime(
    category=VatCategory.EXEMPT,
    reason="TVA non applicable, art. 293 B du CGI",
    reason_code="VATEX-FR-FRANCHISE",
)
OUT_OF_SCOPE = VatRegime(
    category=VatCategory.OUT_OF_SCOPE,
    reason="TVA non applicable, art. 256 B du CGI",
    reason_code="VATEX-EU-O",
)
SELLER = Party(
    name="Syndicat mixte du Numérique Fictif",
    siret="29999999500010",
    address=Address(
        line1="Hôtel du Syndicat",
        line2="100 boulevard de l'Exemple",
        postcode="82000",
        city="Villefictive",
    ),
    vat_number="FR47299999995",
    legal_form="Syndicat mixte ouvert",
    contact=ContactPoint(name="Service facturation", email="facturation@syndicat.example"),
)
MEMBER = Member(
    siret="99900007800017",
    name="Communauté de Communes du Val-Fictif",
    address=Address(line1="2 rue du Moulin Neuf", postcode="82400", city="Val-d'Amont"),
    convention="CONV-2023-014",
)
PAYMENT = PaymentMeans(
    iban="FR7630001007941234567890185",
    account_name="Paierie départementale (compte fictif)",
    bic="BDFEFRPPCCT",
)
TERMS = (
    "Paiement à 30 jours à compter de la réception de la facture. En cas de retard, des "
    "intérêts moratoires au taux légal peuvent être réclamés sur les sommes dues "
    "(convention, conditions financières)."
)
ATTACHMENTS = {"etat-detaille.pdf": b"%PDF-1.7 (un exemple)"}
"""Stands for the statement's bytes in XML: the true ones depend on the version of typst."""
LEGAL_NOTES = (
    Note(text="Indemnité forfaitaire pour frais de recouvrement : néant.", code="PMT"),
    Note(text="En cas de retard, intérêts au taux légal sur les sommes dues.", code="PMD"),
    Note(text="Aucun escompte pour paiement anticipé.", code="AAB"),
)
BOTH = BillingReferences(
    siret=MEMBER.siret, year=YEAR, service_code="SERV-NUM", engagement="EJ-2025-00417"
)
NONE = BillingReferences(siret=MEMBER.siret, year=YEAR)

STORAGE = (("stockage et sauvegarde", Money(1080)),)
GFU = (("part de l'opérateur", Money(960)), ("participation de l'exploitant", Money(180)))


def line(
    label: str = "Stockage et sauvegarde, 1 To",
    *,
    service: str = "stockage",
    tier: int | None = 1,
    users: Sequence[int] = (12,) * 12,
    parts: tuple[tuple[str, Money], ...] = STORAGE,
    vat: VatRegime = STANDARD,
) -> RatedLine:
    """One priced line; ``users`` are those of January and the months after."""
    source = sha256(service.encode()).hexdigest()
    months = tuple(
        MonthlyUse(
            month=Month(YEAR, number), users=count, source=SourceRow(file_sha256=source, row=number)
        )
        for number, count in enumerate(users, start=1)
    )
    use = ServiceUse(service=service, tier=tier, category=1, months=months)
    return per_user_month(use, months, label, vat, parts, "2023")


def gfu(vat: VatRegime = STANDARD, users: Sequence[int] = (12,) * 12) -> RatedLine:
    """The closed user group: no tier, a price in two components."""
    label = "Groupement fermé d'utilisateurs"
    return line(label, service="gfu", tier=None, users=users, parts=GFU, vat=vat)


def invoice_of(
    *rated: RatedLine,
    references: BillingReferences = BOTH,
    member: Member = MEMBER,
    seller: Party = SELLER,
    payment: PaymentMeans = PAYMENT,
    vat_method: VatMethod = VatMethod.DIFFERENCE,
) -> tuple[Invoice, Statement]:
    """An issued invoice and the statement behind it."""
    statement = Statement(
        number=f"E{YEAR}-00001",
        year=YEAR,
        member=member,
        lines=rated,
        issue_date=date(2026, 1, 15),
    )
    terms = Terms(
        seller=seller,
        payment=payment,
        payment_terms=TERMS,
        notes=LEGAL_NOTES,
        vat_method=vat_method,
        vat_point=VatPoint.COLLECTION,
    )
    draft = build_draft(member, references, terms, rated)
    invoice = issue(
        draft,
        number=f"F{YEAR}-00001",
        issue_date=statement.issue_date,
        due_date=date(2026, 2, 14),
        statement_number=statement.number,
        attachments=(statement_attachment(statement.number),),
    )
    return invoice, statement


def credit_of(
    invoice: Invoice,
    quantities: Mapping[str, Quantity] | None = None,
    *,
    internal: bool = False,
    number: str = f"A{YEAR}-00001",
    earlier: Sequence[Invoice] = (),
) -> Invoice:
    """An issued credit note of an invoice."""
    reason = "erreur sur le nombre d'utilisateurs"
    return issue(
        credit(invoice, earlier, reason, quantities, internal=internal),
        number=number,
        issue_date=date(2026, 3, 2),
        due_date=None,
        statement_number=invoice.statement_number,
    )


def two_lines() -> tuple[Invoice, Statement]:
    """The example of the convention: 3 196.80 € TTC, both references."""
    return invoice_of(line(), gfu())


def no_references() -> tuple[Invoice, Statement]:
    """A member that asks for neither service code nor engagement; no BIC, no second line."""
    seller = replace(SELLER, address=replace(SELLER.address, line2=""))
    return invoice_of(
        line(users=(5, 5, 7)), references=NONE, seller=seller, payment=replace(PAYMENT, bic="")
    )


def hostile_names() -> tuple[Invoice, Statement]:
    """Names with everything XML and typst give a meaning to."""
    name = 'Régie <Œuvre & Été> d\'"Ici" #eval($x$) *gras* _à_ `sys` \\ @ref [ç] {ÿ}'
    member = replace(
        MEMBER, name=name, address=replace(MEMBER.address, line1="1 rue L'Œil & <Fils>")
    )
    return invoice_of(line('Stockage "S" & sauvegarde <1 To>, l\'été'), member=member)


def exempt() -> tuple[Invoice, Statement]:
    """A seller exempt from VAT and without a VAT number (category E)."""
    return invoice_of(line(vat=EXEMPT), gfu(EXEMPT), seller=replace(SELLER, vat_number=""))


def out_of_scope() -> tuple[Invoice, Statement]:
    """An activity outside VAT (category O), though both bodies have a VAT number."""
    return invoice_of(line(vat=OUT_OF_SCOPE), member=replace(MEMBER, vat_number="FR73999000078"))


def two_rates() -> tuple[Invoice, Statement]:
    """Two VAT rates; three months at 3.51 € is a total no rounded VAT can reach."""
    parts = (("part unique", Money(351)),)
    return invoice_of(line(users=(1, 1, 1), parts=parts), gfu(REDUCED))


def sixty_lines() -> tuple[Invoice, Statement]:
    """More than a page of lines."""
    return invoice_of(
        *(
            line(
                f"Stockage et sauvegarde, site n° {number:02d}",
                users=tuple(number + month for month in range(12)),
                parts=(("stockage et sauvegarde", Money(1000 + 7 * number)),),
            )
            for number in range(1, 61)
        )
    )


def long_names() -> tuple[Invoice, Statement]:
    """Names as long as Chorus Pro allows: 99 characters."""
    name = (
        "Communauté de communes fictive des Hautes Vallées et des Coteaux réunis de l'Exemple-sur-"
    )
    seller = replace(SELLER, name=f"{name:S<99}")
    return invoice_of(line(), gfu(), member=replace(MEMBER, name=f"{name:M<99}"), seller=seller)


def one_line() -> tuple[Invoice, Statement]:
    """The smallest invoice: a user, a month, a service."""
    return invoice_of(line(users=(1,)))


def partial_year() -> tuple[Invoice, Statement]:
    """A member that joined in May and used nothing in July and August."""
    return invoice_of(*(_from_may(rated) for rated in (line(), gfu())))


def _from_may(rated: RatedLine) -> RatedLine:
    months = tuple(
        replace(monthly, users=0 if monthly.month.number in {7, 8} else monthly.users)
        for monthly in rated.months[4:]
    )
    use = ServiceUse(service=rated.service, tier=rated.tier, category=rated.category, months=months)
    return per_user_month(use, months, rated.label, rated.vat, rated.parts, rated.grid_version)


def rounding() -> tuple[Invoice, Statement]:
    """The total that no rounded VAT reaches, made up for by BT-114."""
    parts = (("part unique", Money(351)),)
    return invoice_of(line(users=(1, 1, 1), parts=parts), vat_method=VatMethod.ROUNDING)


def super_reduced() -> tuple[Invoice, Statement]:
    """The lowest French rate of the mainland, 2.1 %."""
    return invoice_of(line(vat=SUPER_REDUCED))


def credit_total() -> tuple[Invoice, None]:
    """A whole invoice taken back, and transmitted."""
    return credit_of(two_lines()[0]), None


def credit_partial() -> tuple[Invoice, None]:
    """Some units of one line taken back: ten users too many for one month."""
    return credit_of(two_lines()[0], {"2": 10}), None


def credit_internal() -> tuple[Invoice, None]:
    """An invoice the buyer rejected, taken back in our books only; two rates."""
    return credit_of(two_rates()[0], internal=True), None


def credit_exempt() -> tuple[Invoice, None]:
    """An exempt invoice taken back."""
    return credit_of(exempt()[0]), None


def credit_out_of_scope() -> tuple[Invoice, None]:
    """An invoice outside VAT taken back."""
    return credit_of(out_of_scope()[0]), None


def catalogue() -> tuple[Invoice, Statement]:
    """The eight services of the bouquet, in every shape of price, with the decision on them."""
    known = catalogue_year(
        MEMBER,
        BOTH,
        unit(MEMBER, 2, date(2025, 3, 12), 2, "FORM-12"),
        unit(MEMBER, 3, date(2025, 5, 14), Decimal("0.5"), "FORM-31"),
    )
    return invoice_of(*known.priced([example_grid()])[1].lines)


def credit_catalogue() -> tuple[Invoice, None]:
    """Half a day of training and two months of a yearly price, taken back."""
    invoice, _ = catalogue()
    items = {line.item: line.identifier for line in invoice.lines}
    return credit_of(invoice, {items["formation"]: Decimal("0.5"), items["sig"]: 2}), None


SAMPLES: Mapping[str, Callable[[], tuple[Invoice, Statement | None]]] = {
    "one-line": one_line,
    "two-lines": two_lines,
    "no-references": no_references,
    "hostile-names": hostile_names,
    "long-names": long_names,
    "partial-year": partial_year,
    "exempt": exempt,
    "out-of-scope": out_of_scope,
    "two-rates": two_rates,
    "super-reduced": super_reduced,
    "rounding": rounding,
    "sixty-lines": sixty_lines,
    "credit-total": credit_total,
    "credit-partial": credit_partial,
    "credit-internal": credit_internal,
    "credit-exempt": credit_exempt,
    "credit-out-of-scope": credit_out_of_scope,
    "catalogue": catalogue,
    "credit-catalogue": credit_catalogue,
}
