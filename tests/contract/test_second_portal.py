"""The second portal keeps its own laws, and each of its switches can be seen."""

import base64
import http.client
import io
import itertools
import json
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pikepdf
import pytest
import requests

from chaos import pace
from tests.contract.second_portal import Behaviour, Operation, SecondPortal
from tests.contract.second_portal.documents import NAMESPACES, Document, read_deposit
from tests.contract.second_portal.server import control_names
from tests.contract.second_portal.state import check_digit, fictitious_siret

SUPPLIER, COMMUNE = fictitious_siret("29990000"), fictitious_siret("29990001")
NEEDS_SERVICE = fictitious_siret("29990002")
AT = "2026-02-10T09:00:00+00:00"
CII = """<rsm:CrossIndustryInvoice {spaces}>
<rsm:ExchangedDocumentContext><ram:BusinessProcessSpecifiedDocumentContextParameter>
<ram:ID>A1</ram:ID></ram:BusinessProcessSpecifiedDocumentContextParameter>
</rsm:ExchangedDocumentContext><rsm:ExchangedDocument><ram:ID>{number}</ram:ID>
<ram:TypeCode>{type_code}</ram:TypeCode><ram:IssueDateTime>
<udt:DateTimeString format="102">{issued}</udt:DateTimeString></ram:IssueDateTime>
</rsm:ExchangedDocument><rsm:SupplyChainTradeTransaction><ram:ApplicableHeaderTradeAgreement>
<ram:SellerTradeParty><ram:SpecifiedLegalOrganization><ram:ID>{supplier}</ram:ID>
</ram:SpecifiedLegalOrganization></ram:SellerTradeParty><ram:BuyerTradeParty>
<ram:SpecifiedLegalOrganization><ram:ID>{buyer}</ram:ID></ram:SpecifiedLegalOrganization>
</ram:BuyerTradeParty></ram:ApplicableHeaderTradeAgreement><ram:ApplicableHeaderTradeSettlement>
<ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode>
<ram:SpecifiedTradeSettlementPaymentMeans><ram:TypeCode>30</ram:TypeCode>
</ram:SpecifiedTradeSettlementPaymentMeans>
<ram:SpecifiedTradeSettlementHeaderMonetarySummation>
<ram:TaxBasisTotalAmount>100.00</ram:TaxBasisTotalAmount>
<ram:GrandTotalAmount>120.00</ram:GrandTotalAmount>
<ram:DuePayableAmount>120.00</ram:DuePayableAmount>
</ram:SpecifiedTradeSettlementHeaderMonetarySummation></ram:ApplicableHeaderTradeSettlement>
</rsm:SupplyChainTradeTransaction></rsm:CrossIndustryInvoice>"""
UBL = """<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2" {spaces}>
<cbc:ProfileID>A1</cbc:ProfileID><cbc:ID>{number}</cbc:ID><cbc:IssueDate>2026-02-01</cbc:IssueDate>
<cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode>
<cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode><cac:AccountingSupplierParty><cac:Party>
<cac:PartyIdentification><cbc:ID>X</cbc:ID></cac:PartyIdentification><cac:PartyLegalEntity>
<cbc:CompanyID>{supplier}</cbc:CompanyID></cac:PartyLegalEntity></cac:Party>
</cac:AccountingSupplierParty><cac:AccountingCustomerParty><cac:Party><cac:PartyIdentification>
<cbc:ID>{buyer}</cbc:ID></cac:PartyIdentification></cac:Party></cac:AccountingCustomerParty>
<cac:PaymentMeans><cbc:PaymentMeansCode>30</cbc:PaymentMeansCode></cac:PaymentMeans>
<cac:LegalMonetaryTotal><cbc:TaxExclusiveAmount>100.00</cbc:TaxExclusiveAmount>
<cbc:TaxInclusiveAmount>120.00</cbc:TaxInclusiveAmount><cbc:PayableAmount>120.00</cbc:PayableAmount>
</cac:LegalMonetaryTotal></Invoice>"""


def invoice(number: str, text: str = CII, **facts: str) -> bytes:
    """An invoice of the fictitious supplier."""
    spaces = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
    usual = {"supplier": SUPPLIER, "buyer": COMMUNE, "type_code": "380", "issued": "20260201"}
    return text.format(number=number, spaces=spaces, **{**usual, **facts}).encode()


PATIENCE = pace.limit(2)
LATER = 1.5 * PATIENCE
"""Seconds that a client of these tests waits, and after which it has left."""


class Client:
    """A caller that writes down what it is answered, or how the exchange broke.

    Without `wire` it calls the portal in this process: the same answers, far quicker.
    """

    def __init__(self, portal: SecondPortal, *, wire: bool = True) -> None:
        self.portal = portal
        self.wire = wire
        self.transcript: list[object] = []
        self.token = ""
        self.headers = {"cpro-account": portal.cpro_account, "Content-Type": "application/json"}
        form = {"grant_type": "client_credentials", "scope": "openid"}
        pair = {"client_id": "second-client", "client_secret": "second-secret"}
        answer = self.send(Operation.TOKEN, urlencode(form | pair).encode(), {})
        self.token = answer.get("access_token", "")

    def __call__(self, operation: Operation, **body: object) -> dict[str, Any]:
        """The answer of an operation, empty if it is not JSON."""
        given = self.headers | {"Authorization": f"Bearer {self.token}"}
        return self.send(operation, json.dumps(body).encode(), given)

    def send(self, operation: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
        """Post, and write down status, kind and body."""
        told: dict[str, Any] = {}
        try:
            status, kind, content = self._exchange(operation, body, headers)
            told = json.loads(content)
        except (OSError, http.client.HTTPException) as error:
            self.transcript.append((operation, type(error).__name__))
        except ValueError:
            self.transcript.append((operation, status, kind, content))
        else:
            shown = {name: value for name, value in told.items() if name != "access_token"}
            self.transcript.append((operation, status, kind, str(shown)))
        return told

    def _exchange(
        self, operation: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, str | None, bytes]:
        if not self.wire:
            given = {name.lower(): value for name, value in headers.items()}
            told = self.portal.answer(operation, given, body)
            return told.status, told.headers.get("Content-Type"), told.body
        with closing(
            http.client.HTTPConnection(urlsplit(self.portal.url).netloc, timeout=PATIENCE)
        ) as line:
            line.request("POST", operation, body, headers)
            answer = line.getresponse()
            return answer.status, answer.getheader("Content-Type"), answer.read()

    def deposit(self, content: bytes, syntax: str = "IN_DP_E1_CII_16B") -> str:
        """Deposit a file; the flux number that the portal holds."""
        text = base64.b64encode(content).decode()
        self(Operation.DEPOSIT, fichierFlux=text, nomFichier="f.xml", syntaxeFlux=syntax)
        recorded = self.portal.recorded()
        return str(recorded[-1]["number"]) if recorded else "CPP0011106000000000000000"

    def numbers(self, **filters: object) -> list[str]:
        """The invoice numbers that a search finds."""
        found = self(Operation.SEARCH, **filters).get("listeFactures") or []
        listed = found if isinstance(found, list) else [found]
        return [one["numeroFacture"] for one in listed]


@pytest.fixture(name="portal")
def _portal() -> Iterator[SecondPortal]:
    with SecondPortal() as portal:
        portal.freeze(at=AT)
        portal.configure(token_seconds=1_000_000)
        yield portal


@pytest.fixture(name="client")
def _client(portal: SecondPortal) -> Client:
    return Client(portal)


def tour(portal: SecondPortal, *, wire: bool) -> list[object]:
    """What a client is answered that uses every operation, over several days."""
    client = Client(portal, wire=wire)
    ids = {one["siret"]: one["id"] for one in portal.structures()}
    client(Operation.STRUCTURES, structure={"identifiantStructure": COMMUNE})
    client(Operation.STRUCTURE, idStructureCPP=ids[SUPPLIER])
    client(Operation.STRUCTURE, idStructureCPP=ids[NEEDS_SERVICE])
    client(Operation.SERVICES, idStructure=ids[NEEDS_SERVICE])
    client(Operation.SERVICE, idStructure=ids[NEEDS_SERVICE], idService=0)
    client(Operation.MEMBERSHIPS)
    client(Operation.HEALTH)
    client(Operation.FILE_TYPES)
    file = {"pieceJointeNom": "a.pdf", "pieceJointeExtension": "PDF"}
    client(Operation.ATTACH, pieceJointeFichier="AAAA", **file)
    client(Operation.ACCOUNT)
    client(Operation.OWN_STRUCTURES)
    first = client.deposit(invoice("F-2026-001"))
    client(Operation.REPORT, numeroFluxDepot=first)
    client(Operation.REPORT_PDF, numeroFluxDepot=first)
    client.numbers(numeroFacture="F-2026-001")
    client.deposit(invoice("20260002", type_code="381"))
    again = client.deposit(invoice("F-2026-001"))
    client(Operation.REPORT, numeroFluxDepot=again)
    wrong = client.deposit(invoice("F-2026-003", buyer=NEEDS_SERVICE))
    client(Operation.REPORT, numeroFluxDepot=wrong)
    held = [one["cpp_id"] for one in portal.invoices()] or [1]
    for page in (1, 2):
        block = {"nbResultatsParPage": 3 - page, "pageResultatDemandee": page}
        client.numbers(rechercheFactureParFournisseur=block)
    client.numbers(rechercheFactureParFournisseur={"nbResultatsParPage": 100})
    client.numbers(numeroFacture="2026")
    client.numbers(periodeDateDepotAu="2026-02-10")
    client(Operation.CONSULT, identifiantFactureCPP=held[0])
    client(Operation.CONSULT, identifiantFactureCPP=held[-1])
    client(Operation.TREAT, idFacture=held[0], nouveauStatut="SUSPENDUE", motif="Pièce ?")
    client(Operation.HISTORY, idFacture=held[0])
    client(Operation.COMPLETE, identifiantFactureCPP=held[0], commentaire="Voilà")
    client(Operation.TREAT, idFacture=held[0], nouveauStatut="REJETEE", motif="Non")
    client(Operation.ACKNOWLEDGE, listeDemandePaiement=[{"idDemandePaiement": held[0]}])
    client(Operation.TREAT, idFacture=held[-1], nouveauStatut="A_RECYCLER")
    client(Operation.RECYCLE, identifiantFactureCPP=held[-1], destinataire={})
    client(Operation.TO_TREAT)
    client.deposit(invoice("F-2026-001"))
    client.deposit(invoice("F-2026-001", issued="20250201"))
    client(Operation.DOWNLOAD, format="PDF", listeFacture=[{"idFacture": held[0]}])
    portal.advance(days=4)
    return client.transcript + later(portal, [first, again, wrong], wire=wire)


def later(portal: SecondPortal, fluxes: list[str], *, wire: bool) -> list[object]:
    """What the same client is answered days after."""
    client = Client(portal, wire=wire)
    for flux in fluxes:
        client(Operation.REPORT, numeroFluxDepot=flux)
    client.numbers()
    return client.transcript


@pytest.fixture(name="ordinary", scope="module")
def _ordinary() -> list[object]:
    with SecondPortal() as portal:
        portal.freeze(at=AT)
        portal.configure(token_seconds=1_000_000)
        return tour(portal, wire=False)


@pytest.mark.parametrize("behaviour", list(Behaviour))
def test_each_switch_changes_an_answer(
    portal: SecondPortal, behaviour: Behaviour, ordinary: list[object]
) -> None:
    """The same tour reads otherwise when one switch is armed."""
    is_of_transport = behaviour.group == 3
    seconds = {"slow": LATER, "late_act": LATER, "token_short": 0}.get(behaviour, 0.2)
    requests_ = 1 if is_of_transport else None
    portal.arm(behaviour=behaviour, requests=requests_, seconds=seconds, count=30)

    transcript = tour(portal, wire=is_of_transport)

    assert transcript != ordinary


def test_the_ordinary_tour_is_the_same_twice(portal: SecondPortal, ordinary: list[object]) -> None:
    """In this process and by HTTP: nothing but a switch changes an answer, or leaves one out."""
    transcript = tour(portal, wire=True)

    assert transcript == ordinary
    assert set(Operation) - {one["path"] for one in portal.requests()} == {Operation.INTEGRATION}
    assert {one["error"] for one in portal.requests()} == {""}


def test_each_switch_is_explained() -> None:
    """A name that says the same as its value, a group of the list, and a sentence."""
    assert {one.name for one in Behaviour} == {one.value.upper() for one in Behaviour}
    assert {one.group for one in Behaviour} == {1, 2, 3, 4, 5, 6, 7, 9, 10}
    assert all((one.__doc__ or "").endswith(".") for one in Behaviour)


def test_a_switch_holds_for_one_number_and_for_so_many_requests(
    portal: SecondPortal, client: Client
) -> None:
    """The other invoices, and the requests after, are answered as usual."""
    client.deposit(invoice("F-1"))
    client.deposit(invoice("F-2"))
    portal.arm(behaviour="number_blanks", number="F-2", requests=2)

    found = [sorted(client.numbers()) for _ in range(3)]

    assert found == [[" F-2  ", "F-1"], [" F-2  ", "F-1"], ["F-1", "F-2"]]


def test_a_switch_is_refused_where_it_has_no_effect(portal: SecondPortal) -> None:
    """A test that arms it there would prove nothing."""
    with pytest.raises(ValueError, match="no effect"):
        portal.arm(behaviour="flux_odd", operation=Operation.SEARCH)


def test_a_flux_is_decided_after_its_delay_and_indexed_later(
    portal: SecondPortal, client: Client
) -> None:
    """Unknown at first, then pending, then integrated, then found."""
    portal.configure(integration_seconds=60, index_seconds=3600, unknown_reads=1)
    flux = client.deposit(invoice("F-1"))
    told = []
    for seconds in (0, 0, 60, 3600):
        portal.advance(seconds=seconds)
        report = client(Operation.REPORT, numeroFluxDepot=flux)
        told.append((report.get("etatCourantDepotFlux"), client.numbers()))

    assert told == [
        (None, []),
        ("IN_DEPOT_PORTAIL_EN_ATTENTE_TRAITEMENT_SE_CPP", []),
        ("IN_INTEGRE", []),
        ("IN_INTEGRE", ["F-1"]),
    ]


def test_a_number_lives_once_a_year(portal: SecondPortal, client: Client) -> None:
    """Even rejected by its buyer it is taken; in another year it is free."""
    client.deposit(invoice("F-1"))
    portal.buyer(number="F-1", status="REJETEE", reason="Non")
    client.deposit(invoice("F-1", issued="20260105"))
    client.deposit(invoice("F-1", issued="20251231"))

    verdicts = [one["verdict"] for one in portal.recorded()]

    assert verdicts == ["IN_INTEGRE", "IN_REJETE", "IN_INTEGRE"]


def test_an_archive_is_integrated_in_part_and_replayed(
    portal: SecondPortal, client: Client
) -> None:
    """The wrong invoice is named by the report; days later it is integrated all the same."""
    portal.arm(behaviour="replayed", hours=48)
    files = [invoice("F-1"), invoice("F-2", buyer=NEEDS_SERVICE)]
    flux = client.deposit(archived(*files)[0])
    before = client(Operation.REPORT, numeroFluxDepot=flux)
    portal.advance(days=2)
    after = client(Operation.REPORT, numeroFluxDepot=flux)

    assert before["etatCourantDepotFlux"] == "IN_INTEGRE_PARTIEL"
    assert [one["numeroDP"] for one in before["listeErreurDP"]] == ["F-2"]
    assert after["etatCourantDepotFlux"] == "IN_INTEGRE"
    assert sorted(client.numbers()) == ["F-1", "F-2"]


def test_an_act_may_come_after_the_client_has_left(portal: SecondPortal, client: Client) -> None:
    """Nothing is recorded when the exchange breaks, and the invoice is there later."""
    portal.arm(behaviour="late_act", operation=Operation.DEPOSIT, requests=1, seconds=LATER)
    client.deposit(invoice("F-1"))
    before = portal.invoices()
    deadline = time.monotonic() + LATER + pace.limit(10)
    while not portal.invoices() and time.monotonic() < deadline:
        time.sleep(0.02)

    assert before == []
    assert [one["document"]["number"] for one in portal.invoices()] == ["F-1"]


def test_a_rejection_may_stand_under_another_identifier(
    portal: SecondPortal, client: Client
) -> None:
    """The invoice that was integrated still reads as made available."""
    portal.arm(behaviour="other_id", number="F-1")
    client.deposit(invoice("F-1"))
    portal.buyer(number="F-1", status="REJETEE", reason="Non")

    found = client(Operation.SEARCH, numeroFacture="F-1")["listeFactures"]

    assert [one["statut"] for one in found] == ["REJETEE", "MISE_A_DISPOSITION"]
    assert len({one["identifiantFactureCPP"] for one in found}) == 2


@pytest.mark.parametrize(
    "facts,reason",
    [
        ({"number": "F" * 21}, "20 caracteres"),
        ({"supplier": "29990000"}, "n'est pas reference"),
        ({"buyer": fictitious_siret("29990009")}, "inconnu ou inactif"),
        ({"buyer": NEEDS_SERVICE}, "code service est obligatoire"),
        ({"issued": "20260211"}, "posterieure"),
        ({"type_code": "751"}, "Type de facture"),
        ({"issued": "bad"}, "IRRECEVABILITE"),
    ],
)
def test_a_wrong_invoice_is_rejected_with_its_reason(
    portal: SecondPortal, client: Client, facts: dict[str, str], reason: str
) -> None:
    """By the report, never by the answer to the deposit."""
    flux = client.deposit(invoice(**{"number": "F-1", **facts}))

    report = client(Operation.REPORT, numeroFluxDepot=flux)

    assert report["etatCourantDepotFlux"] == "IN_REJETE"
    assert reason in str(report)
    assert portal.invoices() == []


def facturx(xml: bytes) -> bytes:
    """A PDF that embeds the XML."""
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.attachments["factur-x.xml"] = xml
        target = io.BytesIO()
        pdf.save(target)
    return target.getvalue()


def archived(*contents: bytes) -> tuple[bytes, bytes]:
    """The files in a tar.gz, and in a zip."""
    tar, zipped = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w:gz") as archive:
        for rank, content in enumerate(contents):
            member = tarfile.TarInfo(f"{rank}.xml")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    with zipfile.ZipFile(zipped, "w") as archive_:
        for rank, content in enumerate(contents):
            archive_.writestr(f"{rank}.xml", content)
    return tar.getvalue(), zipped.getvalue()


def test_every_form_of_file_says_the_same() -> None:
    """CII, UBL, Factur-X and archives give one document but for the name of the form."""
    cii = invoice("F-1")
    files = [cii, invoice("F-1", UBL), facturx(cii), *archived(cii)]

    facts = [asdict(document) for one in files for document, _ in read_deposit(one)]

    assert [one.pop("form") for one in facts] == ["cii", "ubl", "facturx", "cii", "cii"]
    assert all(one == facts[0] for one in facts)
    assert facts[0]["buyer"] == COMMUNE


FILTERS: list[tuple[dict[str, object], list[str]]] = [
    ({}, ["A-1", "B-2"]),
    ({"numeroFacture": "A-1"}, ["A-1"]),
    ({"typeFacture": "AVOIR"}, ["B-2"]),
    ({"statutCourant": ["REJETEE"]}, ["B-2"]),
    ({"modeDepot": "EDI"}, []),
    ({"cadreFacturation": "A1_FACTURE_FOURNISSEUR"}, ["A-1", "B-2"]),
    ({"cadreFacturation": "A2_FACTURE_FOURNISSEUR_DEJA_PAYEE"}, []),
    ({"numeroBonCommande": "EJ1"}, ["B-2"]),
    ({"idFournisseur": 1}, []),
    ({"coordonneeBancaire": 1}, []),
    ({"rejetTraite": True}, []),
    ({"montantTTCMin": 121}, ["B-2"]),
    ({"montantHTMax": 100}, ["A-1"]),
    ({"montantApayerMin": 120, "montantApayerMax": 120}, ["A-1"]),
    ({"periodeDateFactureDu": "2026-02-02"}, ["B-2"]),
    ({"periodeDateFactureDu": "2026-02-01", "periodeDateFactureAu": "2026-02-01"}, ["A-1"]),
    ({"periodeDateDepotDu": "2026-02-11"}, ["B-2"]),
    ({"periodeDateHeureEtatCourantDu": "2026-02-10T12:00:00Z"}, ["B-2"]),
    ({"periodeDateHeureEtatCourantAu": "2026-02-10"}, ["A-1"]),
    ({"listeDestinataire": [{"raisonSocialeStuctDmd": "val-éclair"}]}, ["A-1"]),
    ({"rechercheFactureParFournisseur": {"nbResultatsParPage": 1}}, ["B-2"]),
    (
        {"rechercheFactureParFournisseur": {"triSens": "Ascendant", "nbResultatsParPage": 1}},
        ["A-1"],
    ),
    ({"rechercheFactureParFournisseur": {"nbResultatsMaximum": 1}}, ["B-2"]),
]


@pytest.mark.parametrize("filters,expected", FILTERS)
def test_a_filter_keeps_what_it_names(
    portal: SecondPortal, client: Client, filters: dict[str, object], expected: list[str]
) -> None:
    """One invoice deposited, and a credit note keyed by hand the day after."""
    client.deposit(invoice("A-1"))
    portal.advance(days=1)
    facts = {"net": "200", "gross": "240", "payable": "240", "engagement": "EJ1"}
    portal.key_invoice(
        number="B-2", buyer=NEEDS_SERVICE, type_code="381", status="REJETEE", **facts
    )

    found = client.numbers(**filters)

    assert sorted(found) == expected


@pytest.mark.parametrize(
    "path,changed,status",
    [
        (Operation.SEARCH, {}, 200),
        (Operation.SEARCH, {"Authorization": ""}, 400),
        (Operation.SEARCH, {"Authorization": "Bearer other"}, 401),
        (Operation.SEARCH, {"cpro-account": "other"}, 401),
        (Operation.SEARCH, {"Content-Type": "text/plain"}, 415),
        (Operation.CONSULT, {}, 400),
        ("/cpro/factures/v1/consulter/cr", {}, 403),
    ],
)
def test_the_gates_answer_in_their_order(
    client: Client, path: str, changed: dict[str, str], status: int
) -> None:
    """No token, a false one, an unknown route, a false account, a false type, a missing field."""
    headers = client.headers | {"Authorization": f"Bearer {client.token}"} | changed

    answer = requests.post(client.portal.url + path, b"{}", headers=headers, timeout=pace.limit(5))

    assert answer.status_code == status


def test_what_was_answered_survives_a_kill(tmp_path: Path) -> None:
    """A process that is killed and started again holds the same, and reads the same switches."""
    lives: list[list[Any]] = []
    for _ in range(2):
        command = [sys.executable, "-m", "tests.contract.second_portal", "--exit-with-parent"]
        with subprocess.Popen(
            [*command, "--data", str(tmp_path / "state")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdout
            url = json.loads(process.stdout.readline())["url"]
            if not lives:
                for name, facts in (
                    ("key_invoice", {"number": "F-1"}),
                    ("key_invoice", {"number": "F-2"}),
                    ("buyer", {"number": "F-1", "status": "MANDATEE"}),
                    ("arm", {"behaviour": "slow"}),
                    ("freeze", {"at": AT}),
                ):
                    requests.post(f"{url}/_second/{name}", json=facts, timeout=pace.limit(5))
            names = ("invoices", "armed", "structures", "now")
            lives.append(
                [
                    requests.get(f"{url}/_second/{one}", timeout=pace.limit(5)).json()
                    for one in names
                ]
            )
            process.kill()

    assert lives[0] == lives[1]
    assert [one["status"] for one in lives[0][0]] == ["MANDATEE", "MISE_A_DISPOSITION"]


def test_the_process_ends_when_its_input_closes() -> None:
    """So that none outlives the test that started it."""
    command = [sys.executable, "-m", "tests.contract.second_portal", "--exit-with-parent"]

    ended = subprocess.run(
        command, input=b"", capture_output=True, check=True, timeout=pace.limit(20)
    )

    assert json.loads(ended.stdout)["url"].startswith("http://127.0.0.1:")


def test_every_control_is_reachable_by_http(portal: SecondPortal) -> None:
    """An unknown name lists them; `behaviours` gives all the switches."""
    names = requests.get(f"{portal.url}/_second/none", timeout=pace.limit(5)).json()
    switches = requests.get(f"{portal.url}/_second/behaviours", timeout=pace.limit(5)).json()

    assert names == control_names()
    assert [one["name"] for one in switches] == list(Behaviour)


def test_the_fictitious_sirets_have_correct_keys(portal: SecondPortal) -> None:
    """Of the SIREN and of the whole."""
    sirets = [one["siret"] for one in portal.structures()]

    assert all(check_digit(one[:8]) == one[8] for one in sirets)
    assert all(check_digit(one[:13]) == one[13] for one in sirets)


def test_a_document_is_unique_by_supplier_number_and_year() -> None:
    """The establishment of the supplier and the day do not count."""
    made = [Document("cii", "F-1", f"2026-01-0{day}", supplier=SUPPLIER) for day in (1, 2)]

    pairs = [one.unique == other.unique for one, other in itertools.pairwise(made)]

    assert pairs == [True]
