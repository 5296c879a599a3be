"""The pages of invoices and credit notes: they say what the model says, and stay in their frame."""

import io
import re
from dataclasses import replace
from itertools import accumulate

import pikepdf
import pytest
from PIL import Image

from tests.golden.samples import (
    BOTH,
    PAYMENT,
    SELLER,
    credit_internal,
    credit_partial,
    exempt,
    gfu,
    hostile_names,
    invoice_of,
    line,
    no_references,
    rounding,
    sixty_lines,
    two_lines,
    two_rates,
)
from tests.support.printed_pages import PDFS, invoice_pages, pages, plain, rendered
from worker.billing.document import DocumentKind
from worker.billing.invoice import ContactPoint, Invoice, Note
from worker.billing.money import Money, french
from worker.formats import Branding
from worker.formats.facturx import print_invoice
from worker.formats.profiles import FACTURX_DIRECT
from worker.formats.statement_pdf import print_statement

LOOKED_FOR = (
    "Facture n° F2025-00001",
    "Syndicat mixte du Numérique Fictif",
    "N° TVA FR47299999995",
    "Communauté de Communes du Val-Fictif",
    "SIRET 999 000 078 00017",
    "Syndicat mixte ouvert",
    "Nature de l’opération Prestation de services",
    "Total des prestations 2 664,00 € 3 196,80 €",
    "Code service SERV-NUM",
    "N° d’engagement EJ-2025-00417",
    "Marché / convention CONV-2023-014",
    "Date d’émission 15/01/2026",
    "Date d’échéance 14/02/2026",
    "du 01/01/2025 au 31/12/2025",
    "A1 – dépôt par un fournisseur",
    "Groupement fermé d’utilisateurs (catégorie 1)",
    "Prix unitaire TTC par mois",
    "10,80 € soit 108,00 € HT pour 12 mois",
    "Total HT 2 664,00 €",
    "Total TVA 532,80 €",
    "Net à payer 3 196,80 €",
    "FR76 3000 1007 9412 3456 7890 185",
    "BDFEFRPPCCT",
    PAYMENT.account_name,
    "intérêts moratoires",
    "État détaillé des prestations n° E2025-00001, joint à cette facture",
    "page 1/1",
)
"""By a finance department, on one page."""


def test_page_says_all_a_finance_department_looks_for() -> None:
    """Parties, identifiers, references, dates, lines, VAT, total, account and terms are printed."""
    (text,) = pages(rendered()[DocumentKind.FACTURX])

    assert [expected for expected in LOOKED_FOR if expected not in text] == []


def test_absent_references_have_no_caption() -> None:
    """Without service code, engagement or BIC, the page has no empty caption for them."""
    (text,) = pages(rendered(no_references)[DocumentKind.FACTURX])
    captions = ("Code service", "N° d’engagement", "BIC")

    assert [caption for caption in captions if caption in text] == []


def test_each_rate_and_each_reason_is_printed() -> None:
    """The VAT recap has one row per rate, and says why no VAT is charged when none is."""
    (text,) = pages(rendered(two_rates)[DocumentKind.FACTURX])
    assert "20 % 8,78 € 1,75 € 10,53 €" in text
    assert "5,5 % 1 556,02 € 85,58 € 1 641,60 €" in text
    (text,) = pages(rendered(exempt)[DocumentKind.FACTURX])

    assert "exonéré 3 196,80 € – 3 196,80 €" in text
    assert "TVA non applicable, art. 293 B du CGI" in text


def test_names_are_printed_as_they_were() -> None:
    """What means something to typst or XML is printed, never evaluated."""
    documents = rendered(hostile_names)
    for kind in (DocumentKind.FACTURX, DocumentKind.STATEMENT):
        (text,) = pages(documents[kind])
        assert 'Régie <Œuvre & Été> d’"Ici" #eval($x$) *gras* _à_ `sys` \\ @ref [ç] {ÿ}' in text
        assert "1 rue L’Œil & <Fils>" in text


@PDFS
def test_a_page_has_one_kind_of_apostrophe(kind: DocumentKind) -> None:
    """Labels and terms typed with a straight apostrophe are printed like our own words."""
    for text in pages(rendered(hostile_names)[kind]):
        assert "’" in text
        assert "'" not in text


def test_references_and_contacts_are_printed_letter_for_letter() -> None:
    """What is copied from the page and searched for keeps its straight apostrophe."""
    references = replace(BOTH, engagement="EJ'25")
    seller = replace(SELLER, contact=ContactPoint(name="Compta", email="o'neil@syndicat.example"))
    (text,) = invoice_pages(invoice_of(line(), references=references, seller=seller)[0])

    assert "EJ'25" in text
    assert "o'neil@syndicat.example" in text


def test_long_invoice_repeats_its_header_and_counts_its_pages() -> None:
    """Each page with lines has the header, every page its number, and the total stands once."""
    invoice, _ = sixty_lines()
    texts = invoice_pages(invoice)
    assert len(texts) > 2
    for number, text in enumerate(texts, start=1):
        assert f"page {number}/{len(texts)}" in text
        assert ("Désignation" in text) == ("site n°" in text)

    assert all(item.name in "".join(texts) for item in invoice.lines)
    assert sum("Net à payer 329 655,00 €" in text for text in texts) == 1


def of_many_sites(count: int) -> Invoice:
    """An invoice of so many lines, whose amounts differ."""
    invoice, _ = invoice_of(
        *(
            line(
                f"Site n° {number:03d}",
                users=tuple(1 + (number * month) % 97 for month in range(1 + number % 12)),
                parts=(("part unique", Money(351 + number)),),
            )
            for number in range(1, count + 1)
        )
    )
    return invoice


def running_sums(invoice: Invoice) -> list[tuple[str, str]]:
    """Net and gross of all lines up to each, as they are printed."""
    nets = accumulate(item.net for item in invoice.lines)
    grosses = accumulate(item.gross for item in invoice.lines)
    return [
        (plain(french(net)), plain(french(gross))) for net, gross in zip(nets, grosses, strict=True)
    ]


@pytest.mark.parametrize("count", [1, 7, 8, 60, 120])
def test_pages_carry_their_totals(count: int) -> None:
    """Each foot has the sums of all lines so far, each head those of the pages before it.

    The sums are recomputed from the lines whose names are on each page.
    """
    invoice = of_many_sites(count)
    names = [item.name for item in invoice.lines]
    sums = running_sums(invoice)
    seen = 0
    for text in invoice_pages(invoice):
        here = sum(name in text for name in names)
        assert [name in text for name in names[seen : seen + here]] == [True] * here
        before, seen = seen, seen + here
        carries = here > 0 and seen < count
        assert text.count("À reporter") == carries
        assert text.count("Total des prestations") == (here > 0 and seen == count)
        assert len(re.findall(r"\bReport\b", text)) == (here > 0 and before > 0)
        if here and before:
            net, gross = sums[before - 1]
            assert "Désignation Report" in text
            assert f"Montant HT {net} TVA Montant TTC {gross}" in text
        if here:
            caption = "À reporter" if carries else "Total des prestations"
            assert " ".join((caption, *sums[seen - 1])) in text

    assert seen == count


def test_the_carried_total_read_aloud_is_the_last_one() -> None:
    """For those who listen, the table has one foot, its total; heads and feet in between are mute.

    In the tags of the PDF the table has one header row of seven cells and one footer row.
    """
    with pikepdf.open(
        io.BytesIO(print_invoice(sixty_lines()[0], FACTURX_DIRECT, Branding()))
    ) as pdf:
        tags = [o for o in pdf.objects if isinstance(o, pikepdf.Dictionary) and "/S" in o]
        (foot,) = [tag for tag in tags if str(tag.S) == "/TFoot"]
        (row,) = foot.K
        heads = [tag for tag in tags if str(tag.S) == "/THead"]
        assert len(row.K) == 4
        assert sorted(len(head.K[0].K) for head in heads) == [4, 7]


def test_credit_note_says_what_it_corrects_and_asks_for_nothing() -> None:
    """An avoir names its invoice and its reason, has a total, and neither account nor due date."""
    invoice, _ = credit_partial()
    (text,) = invoice_pages(invoice)
    for expected in (
        f"Avoir n° {invoice.number}",
        "Rectifie la facture n° F2025-00001 du 15/01/2026",
        "Prestations créditées",
        "Total crédité",
        plain(f"Total de l’avoir {french(invoice.totals.payable)}"),
        (
            "Motif Erreur sur le nombre d’utilisateurs. Le montant de cet avoir est déduit de ce "
            "qui reste dû sur cette facture ; la part déjà payée, s’il y en a une, est remboursée "
            "ou déduite d’une autre somme due."
        ),
    ):
        assert expected in text
    assert text.count("Motif") == text.count("facture n°") == 1
    for absent in ("Facture n°", "Net à payer", "IBAN", "échéance", "Règlement", "retard"):
        assert absent not in text
    with pikepdf.open(io.BytesIO(print_invoice(invoice, FACTURX_DIRECT, Branding()))) as pdf:
        assert str(pdf.open_metadata()["dc:title"]) == f"Avoir n°\u00a0{invoice.number}"


def test_internal_credit_note_says_that_it_stays_here() -> None:
    """An avoir kept in the books says so, and names no way of transmission."""
    (text,) = invoice_pages(credit_internal()[0])

    assert "Annule la facture n° F2025-00001 du 15/01/2026" in text
    assert "Avoir interne, non transmis au membre" in text
    assert "La facture est annulée en entier : aucune somme n’est due à ce titre." in text
    assert "Cadre de facturation" not in text
    assert "non transmis" not in invoice_pages(credit_partial()[0])[0]


def test_rounding_is_printed_when_there_is_some() -> None:
    """A cent of rounding (BT-114) has its line, signed; without it there is none."""
    (text,) = invoice_pages(rounding()[0])
    assert "Total HT + TVA 10,54 € Arrondi −0,01 € Net à payer 10,53 €" in text
    assert "Taux de TVA Base HT TVA HT + TVA 20 % 8,78 € 1,76 € 10,54 €" in text
    (text,) = invoice_pages(two_lines()[0])

    assert "Total TTC 3 196,80 € Net à payer 3 196,80 €" in text
    assert "Arrondi" not in text
    assert "HT + TVA" not in text


def test_one_word_has_one_value_on_an_invoice_and_its_statement() -> None:
    """With rounding too, TTC is the agreed amount everywhere, which is the net to be paid."""
    invoice, statement = rounding()
    (bill,) = invoice_pages(invoice)
    (basis,) = pages(print_statement(statement, invoice.seller, Branding()))

    assert "Total des prestations 8,78 € 10,53 €" in bill
    assert "Total TTC" not in bill
    assert "Total TTC 10,53 €" in basis
    assert "Ce total est le net à payer de la facture" in basis


def test_each_sentence_is_printed_once() -> None:
    """A note that the payment terms already hold is not repeated, whatever its apostrophes."""
    invoice, _ = two_lines()
    once = replace(
        invoice,
        payment_terms="Payez l'été. Aucun escompte pour paiement anticipé.",
        notes=(
            Note(text="Aucun escompte  pour paiement anticipé", code="AAB"),
            Note(text="Payez l’été."),
            Note(text="Indemnité : néant.", code="PMT"),
        ),
    )
    (text,) = invoice_pages(once)

    assert text.count("escompte") == text.count("Payez") == text.count("néant") == 1


def test_an_endless_word_stays_on_the_page() -> None:
    """A code of the longest size allowed is folded in its column, not printed over the edge."""
    references = replace(BOTH, service_code="W" * 100)
    (text, *_) = pages(
        rendered(lambda: invoice_of(line(), references=references))[DocumentKind.FACTURX]
    )
    runs = [word for word in text.split() if set(word) == {"W"}]

    assert "".join(runs) == "W" * 100
    assert max(map(len, runs)) < 24


def test_a_logo_is_printed_with_a_text_for_those_who_do_not_see_it() -> None:
    """A logo appears as a tagged figure that names its owner, as PDF/UA wants."""
    logo = (
        b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path d="M0 0h9v9z"/></svg>'
    )
    content = rendered(look=Branding(logo=logo))[DocumentKind.FACTURX].content
    with pikepdf.open(io.BytesIO(content)) as pdf:
        texts = [
            str(o.Alt) for o in pdf.objects if isinstance(o, pikepdf.Dictionary) and "/Alt" in o
        ]

    assert texts == ["Logo de Syndicat mixte du Numérique Fictif"]


def picture(kind: str, size: tuple[int, int]) -> bytes:
    """An image of a size in pixels, or a drawing that has only that shape."""
    if kind == "SVG":
        return (
            b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d">'
            b'<path d="M0 0h9v9z"/></svg>' % size
        )
    output = io.BytesIO()
    Image.new("RGB", size).save(output, kind)
    return output.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "SVG"])
@pytest.mark.parametrize(
    "size, printed",
    [
        ((1200, 60), (80, 4)),
        ((60, 1200), (0.8, 16)),
        ((100, 100), (16, 16)),
        ((4, 2), (32, 16)),
    ],
)
def test_a_logo_is_whole_whatever_its_shape(
    kind: str, size: tuple[int, int], printed: tuple[float, float]
) -> None:
    """A logo fills a box of 80 mm by 16 mm in one direction, and is neither cut nor stretched."""
    page = print_invoice(two_lines()[0], FACTURX_DIRECT, Branding(logo=picture(kind, size)))
    with pikepdf.open(io.BytesIO(page)) as pdf:
        (figure,) = [o for o in pdf.objects if isinstance(o, pikepdf.Dictionary) and "/Alt" in o]
        left, bottom, right, top = (float(edge) * 25.4 / 72 for edge in figure.A[0].BBox)

    assert (right - left, top - bottom) == pytest.approx(printed, abs=0.01)


def test_usual_documents_with_a_logo_hold_on_one_page() -> None:
    """Two services, one with components and another number of users each month, and a logo."""
    rated = (gfu(users=tuple(range(20, 29))), line(users=(41,) * 12))
    invoice, statement = invoice_of(*rated)
    look = Branding(logo=picture("PNG", (100, 100)))
    assert len(pages(print_invoice(invoice, FACTURX_DIRECT, look))) == 1
    (text,) = pages(print_statement(statement, invoice.seller, look))

    assert "Sources Grilles tarifaires 2023" in text


@pytest.mark.parametrize("count", [3, 4, 5])
@pytest.mark.parametrize("terms", [1, 40, 150])
def test_the_account_is_whole_and_the_terms_may_go_on(count: int, terms: int) -> None:
    """Title, account and reference are on one page; of the terms no word is cut, over any pages."""
    words = [f"clause-{number:03d}" for number in range(terms * 10)]
    invoice, _ = invoice_of(*(gfu() for _ in range(count)))
    texts = invoice_pages(replace(invoice, payment_terms=" ".join(words)))

    assert sum(bool(re.search(r"Règlement Mode .* à rappeler F2025", text)) for text in texts) == 1
    assert re.findall(r"clause-\d{3,4}", " ".join(texts)) == words
