"""The printed documents: archival, accessible, reproducible, and saying what the model says."""

import io
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import accumulate

import facturx
import pikepdf
import pypdf
import pytest
from PIL import Image

from tests.golden.samples import (
    BOTH,
    MEMBER,
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
    partial_year,
    rounding,
    sixty_lines,
    two_lines,
    two_rates,
)
from worker.document import Document, DocumentKind, Unprintable
from worker.formats import Look, render_all
from worker.formats.embedding import XML_NAME
from worker.formats.facturx import assemble, print_invoice
from worker.formats.profiles import FACTURX_DIRECT
from worker.formats.statement_data import statement_xlsx
from worker.formats.statement_pdf import print_statement
from worker.formats.typesetting import unprintable_sign
from worker.invoice import ContactPoint, Invoice, Note
from worker.money import Money, french
from worker.statement import Statement

Sample = Callable[[], tuple[Invoice, Statement]]
PDFS = pytest.mark.parametrize("kind", [DocumentKind.FACTURX, DocumentKind.STATEMENT])


def rendered(sample: Sample = two_lines, look: Look | None = None) -> dict[DocumentKind, Document]:
    """The documents of a sample by kind."""
    return {document.kind: document for document in render_all(*sample(), look or Look())}


def pages(document: Document | bytes) -> list[str]:
    """The text of each page, spaces of every width being spaces and line ends too."""
    content = document if isinstance(document, bytes) else document.content
    reader = pypdf.PdfReader(io.BytesIO(content))
    return [plain(page.extract_text()) for page in reader.pages]


def plain(text: str) -> str:
    """A text with plain spaces."""
    return " ".join(text.split())


def invoice_pages(invoice: Invoice) -> list[str]:
    """The text of the pages of an invoice."""
    return pages(print_invoice(invoice, FACTURX_DIRECT, Look()))


def test_each_document_says_what_it_is() -> None:
    """Each document carries its kind, its profile and the media type it is sent with."""
    documents = render_all(*two_lines(), Look())
    assert {
        ("FACTURX", "facturx-direct", "application/pdf"),
        ("CII", "facturx-direct", "application/xml"),
        ("UBL", "en16931-ubl", "application/xml"),
        ("STATEMENT", "", "application/pdf"),
    } <= {(d.kind.name, d.profile, d.media_type) for d in documents}


@PDFS
def test_claims_archival_and_accessible(kind: DocumentKind) -> None:
    """Both PDFs claim PDF/A-3a and PDF/UA-1 together, in French, with a title shown and tags."""
    with pikepdf.open(io.BytesIO(rendered()[kind].content)) as pdf:
        metadata = pdf.open_metadata()
        assert metadata["pdfaid:part"] == "3"
        assert metadata["pdfaid:conformance"] == "A"
        assert metadata["pdfuaid:part"] == "1"
        assert "00001" in str(metadata["dc:title"])
        assert str(pdf.Root.Lang) == "fr-FR"
        assert bool(pdf.Root.MarkInfo.Marked)
        assert bool(pdf.Root.ViewerPreferences.DisplayDocTitle)
        fonts = {str(font.BaseFont) for page in pdf.pages for font in page.Resources.Font.values()}
    assert fonts
    assert all("Libertinus" in font or "DejaVu" in font for font in fonts)


def test_facturx_properties_are_declared() -> None:
    """The XMP says which XML is inside and what it conforms to, in the schema it also describes."""
    with pikepdf.open(io.BytesIO(rendered()[DocumentKind.FACTURX].content)) as pdf:
        xmp = pdf.Root.Metadata.read_bytes().decode()
        metadata = pdf.open_metadata()
        prefix = "{urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#}"
        assert metadata[prefix + "DocumentType"] == "INVOICE"
        assert metadata[prefix + "DocumentFileName"] == "factur-x.xml"
        assert metadata[prefix + "Version"] == "1.0"
        assert metadata[prefix + "ConformanceLevel"] == "EN 16931"
    assert xmp.startswith("<?xpacket begin=")
    assert xmp.rstrip().endswith('<?xpacket end="r"?>')
    assert xmp.count("pdfaExtension:schemas>") == 2
    assert "<pdfaSchema:prefix>fx</pdfaSchema:prefix>" in xmp


def test_embedded_files_are_the_documents() -> None:
    """The XML and the statement inside the Factur-X are the documents kept beside it."""
    documents = rendered()
    with pikepdf.open(io.BytesIO(documents[DocumentKind.FACTURX].content)) as pdf:
        specifications = {str(file.UF): file for file in pdf.Root.AF}
        names = [XML_NAME, "etat-detaille.pdf", "etat-detaille.xlsx"]
        assert [*specifications] == names
        assert sorted(pdf.attachments) == sorted(names)
        xml, statement, data = specifications.values()
        assert xml.EF.F.read_bytes() == documents[DocumentKind.CII].content
        assert xml.AFRelationship == pikepdf.Name.Data
        assert xml.EF.F.Subtype == pikepdf.Name("/text/xml")
        assert str(xml.EF.F.Params.ModDate) == "D:20260115000000Z"
        assert statement.EF.F.read_bytes() == documents[DocumentKind.STATEMENT].content
        assert statement.AFRelationship == pikepdf.Name.Supplement
        assert data.EF.F.read_bytes() == statement_xlsx(two_lines()[1])
        assert data.AFRelationship == pikepdf.Name.Supplement


def test_another_reader_finds_the_xml() -> None:
    """The factur-x package, written by others, finds our XML and takes it for EN 16931."""
    documents = rendered()
    name, xml = facturx.get_xml_from_pdf(
        documents[DocumentKind.FACTURX].content, check_xsd=True, check_schematron=False
    )
    assert (name, xml) == (XML_NAME, documents[DocumentKind.CII].content)


def test_page_says_all_a_finance_department_looks_for() -> None:
    """Parties, identifiers, references, dates, lines, VAT, total, account and terms are printed."""
    (text,) = pages(rendered()[DocumentKind.FACTURX])
    for expected in (
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
    ):
        assert expected in text


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


@pytest.mark.parametrize("count", [1, 7, 8, 60, 200])
def test_pages_carry_their_totals(count: int) -> None:
    """Each foot has the sums of all lines so far, each head those of the pages before it.

    The sums are recomputed from the lines whose names are on each page.
    """
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
    names = [item.name for item in invoice.lines]
    sums = [
        (plain(french(net)), plain(french(gross)))
        for net, gross in zip(
            accumulate(item.net for item in invoice.lines),
            accumulate(item.gross for item in invoice.lines),
            strict=True,
        )
    ]
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
    with pikepdf.open(io.BytesIO(print_invoice(sixty_lines()[0], FACTURX_DIRECT, Look()))) as pdf:
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
    with pikepdf.open(io.BytesIO(print_invoice(invoice, FACTURX_DIRECT, Look()))) as pdf:
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
    (basis,) = pages(print_statement(statement, invoice.seller, Look()))
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


def test_statement_computes_every_amount() -> None:
    """Users by month, price components, computation, total and sources are all in the statement."""
    _, statement = two_lines()
    (text,) = pages(rendered()[DocumentKind.STATEMENT])
    for expected in (
        "État détaillé des prestations 2025",
        "Numéro E2025-00001",
        "Convention CONV-2023-014",
        "Total TTC 3 196,80 €",
        "Utilisateurs 12 12 12 12 12 12 12 12 12 12 12 12 144",
        "part de l’opérateur 9,60 €",
        "participation de l’exploitant 1,80 €",
        "10,80 € TTC par utilisateur et par mois",
        "Prix unitaire TTC 11,40 €",
        "144 utilisateurs × mois à 10,80 € TTC, soit 1 555,20 €",
        "Grilles tarifaires 2023",
        *statement.source_files,
    ):
        assert expected in text


def test_statement_says_the_months_once() -> None:
    """Users that change each month stand in the table, and not in words below it again."""
    users = tuple(range(20, 32))
    invoice, statement = invoice_of(line(users=users))
    (text,) = pages(print_statement(statement, invoice.seller, Look()))
    assert f"Utilisateurs {' '.join(map(str, users))} 306" in text
    assert "306 utilisateurs × mois à 10,80 € TTC, soit 3 304,80 €" in text
    assert "21 en février" in plain(invoice.lines[0].description)
    assert "en février" not in text


def test_months_without_subscription_are_dashes() -> None:
    """A month outside the subscription shows a dash, which a month with no user does not."""
    (text,) = pages(rendered(lambda: invoice_of(line(users=(4, 0, 3))))[DocumentKind.STATEMENT])
    assert f"Utilisateurs 4 0 3{' –' * 9} 7" in text


def chart_text(statement: Statement) -> str:
    """What the chart says to those who do not see it."""
    page = print_statement(statement, two_lines()[0].seller, Look())
    with pikepdf.open(io.BytesIO(page)) as pdf:
        (text,) = [
            str(o.Alt) for o in pdf.objects if isinstance(o, pikepdf.Dictionary) and "/Alt" in o
        ]
    return plain(text)


def test_statement_draws_the_users_of_each_month() -> None:
    """The chart of one service has its users above each month, and says them in words."""
    _, statement = invoice_of(line(users=(4, 0, 3)))
    (text, *_) = pages(print_statement(statement, two_lines()[0].seller, Look()))
    assert "Utilisateurs par mois en 2025 4 0 3" in text
    assert "bonnement" not in text
    assert chart_text(statement) == "Utilisateurs par mois en 2025 : janvier 4, février 0, mars 3."


def test_a_sum_over_services_is_not_called_users() -> None:
    """Twelve people with two services are 24 subscriptions, which the chart says in both ways."""
    _, statement = partial_year()
    (text, *_) = pages(print_statement(statement, two_lines()[0].seller, Look()))
    said_once = "Une personne qui utilise deux services compte pour deux abonnements."
    assert "Abonnements par mois en 2025, tous services confondus" in text
    assert f"Stockage et sauvegarde Groupement fermé d’utilisateurs {said_once}" in text
    assert "Utilisateurs par mois" not in text
    assert chart_text(statement) == (
        "Abonnements par mois en 2025, tous services confondus : mai 24, juin 24, "
        "juillet 0, août 0, septembre 24, "
        f"octobre 24, novembre 24, décembre 24. {said_once}"
    )


@pytest.mark.parametrize("services", [1, 3, 4])
def test_statement_shades_few_services_only(services: int) -> None:
    """Up to three services have their shade and a legend; more make one undivided bar."""
    _, statement = invoice_of(
        *(line(f"Service {n}, 1 To", service=f"s{n}", users=(n,) * 12) for n in range(services))
    )
    (text, *_) = pages(print_statement(statement, two_lines()[0].seller, Look()))
    legend = " ".join(f"Service {n}" for n in range(services)) + " Une personne"
    assert (legend in text) == (services == 3)


def test_statement_without_any_user_still_prints() -> None:
    """A year of zeros has a flat chart, not a division by zero."""
    _, statement = invoice_of(line(users=(0,) * 12), gfu())
    idle = replace(statement, lines=statement.lines[:1])
    assert "janvier 0, février 0" in chart_text(idle)


def test_two_threads_print_what_one_does() -> None:
    """Pages set at the same time are those set one after the other."""
    samples = [two_lines()[0], sixty_lines()[0], exempt()[0]] * 2
    with ThreadPoolExecutor(2) as threads:
        together = list(
            threads.map(lambda invoice: print_invoice(invoice, FACTURX_DIRECT, Look()), samples)
        )
    alone = [print_invoice(invoice, FACTURX_DIRECT, Look()) for invoice in samples]
    assert together == alone


def test_conformance_level_is_the_one_given() -> None:
    """A Factur-X of another dialect declares its own level, and keeps the claims of its page."""
    invoice, _ = two_lines()
    page = print_invoice(invoice, FACTURX_DIRECT, Look())
    with pikepdf.open(io.BytesIO(assemble(page, invoice, b"<x/>", level="EXTENDED"))) as pdf:
        metadata = pdf.open_metadata()
        level = "{urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#}ConformanceLevel"
        assert metadata[level] == "EXTENDED"
        assert (metadata["pdfaid:conformance"], metadata["pdfuaid:part"]) == ("A", "1")


def test_same_invoice_gives_the_same_bytes_in_another_process() -> None:
    """The documents depend on the invoice alone: not on the clock, the process or its hash seed."""
    code = (
        "from tests.golden.samples import two_lines\n"
        "from worker.formats import Look, render_all\n"
        "print(*(document.sha256 for document in render_all(*two_lines(), Look())))"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.split() == [document.sha256 for document in rendered().values()]


def test_another_invoice_gives_another_pdf() -> None:
    """A different member changes the page, and the accent colour does too."""
    one = rendered()[DocumentKind.FACTURX]
    member = replace(MEMBER, name="Commune fictive de Test")
    other = rendered(lambda: invoice_of(line(), member=member))[DocumentKind.FACTURX]
    red = rendered(look=Look(accent="#7a1020"))[DocumentKind.FACTURX]
    assert len({one.sha256, other.sha256, red.sha256}) == 3


def test_a_logo_is_printed_with_a_text_for_those_who_do_not_see_it() -> None:
    """A logo appears as a tagged figure that names its owner, as PDF/UA wants."""
    logo = (
        b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path d="M0 0h9v9z"/></svg>'
    )
    content = rendered(look=Look(logo=logo))[DocumentKind.FACTURX].content
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
    page = print_invoice(two_lines()[0], FACTURX_DIRECT, Look(logo=picture(kind, size)))
    with pikepdf.open(io.BytesIO(page)) as pdf:
        (figure,) = [o for o in pdf.objects if isinstance(o, pikepdf.Dictionary) and "/Alt" in o]
        left, bottom, right, top = (float(edge) * 25.4 / 72 for edge in figure.A[0].BBox)
    assert (right - left, top - bottom) == pytest.approx(printed, abs=0.01)


def test_usual_documents_with_a_logo_hold_on_one_page() -> None:
    """Two services, one with components and another number of users each month, and a logo."""
    rated = (gfu(users=tuple(range(20, 29))), line(users=(41,) * 12))
    invoice, statement = invoice_of(*rated)
    look = Look(logo=picture("PNG", (100, 100)))
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


def test_a_sign_without_font_is_refused() -> None:
    """A name no embedded font can print stops the document rather than show an empty box."""
    member = replace(MEMBER, name="Mairie 日本")
    with pytest.raises(Unprintable, match="could not be displayed") as refused:
        render_all(*invoice_of(line(), member=member), Look())
    assert refused.value.sign == "日"


def test_a_text_is_tried_on_the_fonts() -> None:
    """The first sign that no font has is found without any invoice; French has them all."""
    assert unprintable_sign("erreur 日本 🙂") == "日"
    assert unprintable_sign("Œuvre d’été n° 3 : 1\u202f296,80\u00a0€ – « révisée »") == ""


def test_statement_of_another_amount_or_number_is_refused() -> None:
    """An invoice is never printed with a statement it does not quote or agree with (C3)."""
    invoice, statement = two_lines()
    with pytest.raises(ValueError, match="disagree"):
        render_all(invoice, replace(statement, lines=statement.lines[:1]), Look())
    with pytest.raises(ValueError, match="disagree"):
        render_all(invoice, replace(statement, number="E2025-00002"), Look())
