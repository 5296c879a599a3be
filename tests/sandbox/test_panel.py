"""The buyer's panel: what it shows, what it does, whom it turns away."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from lxml import html

from chaos import pace
from chorus_sandbox import SandboxOptions
from chorus_sandbox.ledger.ledger import read_invoices
from tests.support import dataset
from tests.support.sandbox_documents import BUYER, CII, MEANS, SERVICE, changed, lot, numbered
from tests.support.sandbox_portal import HISTORY, Portal, started

PANEL = "/_sandbox/"


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    """A sandbox whose verdicts come at once."""
    yield from started(SandboxOptions(data=tmp_path / "sandbox.db", port=0))


def ask(portal: Portal, method: str, path: str, **details: object) -> requests.Response:
    """A request to the panel, without any identity."""
    return requests.request(
        method,
        f"{portal.url}{PANEL}{path}",
        timeout=pace.limit(10),
        allow_redirects=False,
        **details,  # type: ignore[arg-type] # json, data or headers
    )


def parsed(answer: requests.Response) -> Any:  # noqa: ANN401 - what lxml gives is not typed
    """The page of an answer."""
    return html.fromstring(answer.content)


def test_it_lists_invoices_and_fluxes(portal: Portal) -> None:
    """Everything deposited is listed with its verdict, due verdicts being given first."""
    good, bad = portal.deposit(CII), portal.deposit(numbered("B", {MEANS: None}))
    (invoice,) = ask(portal, "GET", "invoices").json()["invoices"]
    assert (invoice["number"], invoice["flux_number"]) == ("FA-2026-0001", good)
    assert (invoice["status"], invoice["gross"]) == ("MISE_A_DISPOSITION", "1200.00")
    assert invoice["cpp_id"] == read_invoices(portal.data)[0].id
    fluxes = ask(portal, "GET", "fluxes").json()["fluxes"]

    assert [(flux["number"], flux["state"]) for flux in fluxes] == [
        (good, "IN_INTEGRE"),
        (bad, "IN_REJETE"),
    ]
    assert fluxes[1]["refused_invoices"][0]["number"] == "B"
    assert fluxes[0]["deposited_at"] == "2026-01-20T09:30:00+00:00"


@pytest.mark.parametrize(
    "action,status",
    [
        ("accept", "MANDATEE"),
        ("suspend", "SUSPENDUE"),
        ("reject", "REJETEE"),
        ("book", "COMPTABILISEE"),
        ("pay", "MISE_EN_PAIEMENT"),
        ("recycle", "A_RECYCLER"),
    ],
)
def test_each_action_gives_its_status(portal: Portal, action: str, status: str) -> None:
    """The supplier then reads the status and the reason."""
    identifier = portal.integrate(CII)
    answer = ask(portal, "POST", f"invoices/{identifier}/{action}", json={"reason": "Motif"})
    assert (answer.status_code, answer.json()["status"]) == (200, status)
    history = portal.call(HISTORY, idFacture=identifier)
    assert history["statutCourantCode"] == status
    row = history["historiquesDesStatuts"]["histoStatut"][0]

    assert row["histoStatutCommentaire"] == "Motif"


def test_any_order_is_allowed(portal: Portal) -> None:
    """Paid, then suspended, then approved: statuses may go backwards."""
    identifier = portal.integrate(CII)
    for action in ("pay", "suspend", "accept", "reject", "book"):
        answer = ask(portal, "POST", f"invoices/{identifier}/{action}", json={"reason": "Motif"})
        assert answer.status_code == 200
    rows = portal.call(HISTORY, idFacture=identifier)["historiquesDesStatuts"]["histoStatut"]

    assert len(rows) == 7


def test_an_invoice_is_named_by_its_number_too(portal: Portal) -> None:
    """A number with any character works; one that two invoices bear asks for the identifier."""
    portal.integrate(numbered("F +/2026 1"))
    path = f"invoices/{quote('F +/2026 1', safe='')}/accept"
    assert ask(portal, "POST", path).json()["status"] == "MANDATEE"
    public = {
        ".//ram:SellerTradeParty/ram:SpecifiedLegalOrganization/ram:ID": dataset.PUBLIC_SUPPLIER
    }
    portal.integrate(numbered("F +/2026 1", public))
    answer = ask(portal, "POST", path)

    assert answer.status_code == 409
    assert "cpp_id" in answer.json()["error"]


@pytest.mark.parametrize("action", ["suspend", "reject"])
@pytest.mark.parametrize("body", [None, {}, {"reason": " "}])
def test_a_reason_is_due_where_the_portal_wants_one(
    portal: Portal, action: str, body: object
) -> None:
    """Without it nothing changes, and the answer says so in French."""
    identifier = portal.integrate(CII)
    answer = ask(portal, "POST", f"invoices/{identifier}/{action}", json=body)

    assert answer.status_code == 409
    assert "Motif obligatoire" in answer.json()["error"]
    assert read_invoices(portal.data)[0].status == "MISE_A_DISPOSITION"


@pytest.mark.parametrize(
    "method,path,status",
    [
        ("POST", "invoices/1/accept", 404),
        ("POST", "invoices/8000001/explode", 404),
        ("DELETE", "invoices", 404),
        ("POST", "fluxes/CPP0/replay", 404),
        ("POST", "fluxes/CPP0/forget", 404),
        ("GET", "nulle/part", 404),
        ("PUT", "faults", 404),
    ],
)
def test_what_it_does_not_know(portal: Portal, method: str, path: str, status: int) -> None:
    """An unknown invoice, action or address is refused with a sentence."""
    portal.integrate(CII)
    answer = ask(portal, method, path)

    assert answer.status_code == status
    assert answer.json()["error"].endswith(".")


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"reason": 3}', b"\xff", b"[" * 100_000])
def test_an_unreadable_body_changes_nothing(portal: Portal, body: bytes) -> None:
    """A body that is no reason is a 400."""
    identifier = portal.integrate(CII)
    headers = {"Content-Type": "application/json"}
    answer = ask(portal, "POST", f"invoices/{identifier}/reject", data=body, headers=headers)

    assert answer.status_code == 400
    assert read_invoices(portal.data)[0].status == "MISE_A_DISPOSITION"


def test_a_buyer_that_reports_no_payment(portal: Portal) -> None:
    """What the portal refuses, the panel refuses."""
    changes = {BUYER: dataset.PAYMENT_NOT_REPORTED, SERVICE: None}
    identifier = portal.integrate(changed(CII, changes))

    assert ask(portal, "POST", f"invoices/{identifier}/pay").status_code == 409


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "portail.exemple.invalid"},
        {"Host": "127.0.0.1.exemple.invalid:80"},
        {"Host": ""},
        {"Origin": "http://exemple.invalid"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("form", [True, False])
def test_other_sites_are_turned_away(
    portal: Portal,
    headers: dict[str, str],
    form: bool,  # noqa: FBT001 - a table
) -> None:
    """A name that is not loopback, or a page of another site, reads nothing and does nothing."""
    identifier = portal.integrate(CII)
    body = {"data": {"reason": "x"}} if form else {"json": {"reason": "x"}}
    answers = [
        ask(portal, "GET", "invoices", headers=headers),
        ask(portal, "POST", f"invoices/{identifier}/reject", headers=headers, **body),
    ]

    assert {answer.status_code for answer in answers} == {403}
    assert read_invoices(portal.data)[0].status == "MISE_A_DISPOSITION"


def test_loopback_has_several_names(portal: Portal) -> None:
    """Localhost and the page of the sandbox itself are let in."""
    port = portal.url.rpartition(":")[2]
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", "localhost"):
        headers = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
        assert ask(portal, "GET", "invoices", headers=headers).status_code == 200


def test_the_page_is_accessible_and_inert(portal: Portal) -> None:
    """French, titled tables, labelled fields and buttons; no script, and texts are escaped."""
    identifier = portal.integrate(CII)
    reason = "<script>alert(1)</script>"
    ask(portal, "POST", f"invoices/{identifier}/reject", json={"reason": reason})
    portal.verdict(numbered("B", {MEANS: None}))
    answer = ask(portal, "GET", "")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    page = parsed(answer)
    assert (page.get("lang"), page.findtext(".//title")) == ("fr", "Bac à sable Chorus Pro")
    assert [caption.text for caption in page.iter("caption")] == [
        "Factures intégrées",
        "Flux déposés",
    ]
    assert all(head.get("scope") in ("col", "row") for head in page.iter("th"))
    assert page.xpath("//input[@name='reason'][not(ancestor::label)]") == []
    buttons = page.xpath("//button[not(@disabled)]")
    assert {button.get("aria-label").split(" la facture ")[1] for button in buttons} == {
        "FA-2026-0001"
    }
    assert list(page.iter("script")) == []
    text = page.text_content()
    for words in (reason, "1\u00a0200,00\u00a0EUR", "20/01/2026 10:30", "TypeCode.value"):
        assert words in text


def test_a_button_decides(portal: Portal) -> None:
    """Pressing a button with a reason changes the invoice and comes back to the page."""
    portal.integrate(CII)
    page = parsed(ask(portal, "GET", ""))
    (button,) = page.xpath("//button[contains(@aria-label, 'Suspendre')]")
    action = button.get("formaction").removeprefix(PANEL)
    refused = ask(portal, "POST", action, data={"reason": ""})
    assert refused.status_code == 409
    assert "Motif obligatoire" in parsed(refused).xpath("//*[@role='alert']")[0].text
    answer = ask(portal, "POST", action, data={"reason": "Bon de livraison ?"})
    assert (answer.status_code, answer.headers["Location"]) == (303, PANEL)
    (invoice,) = read_invoices(portal.data)

    assert (invoice.status, invoice.comment) == ("SUSPENDUE", "Bon de livraison ?")


def test_the_page_shows_the_newest_first(portal: Portal) -> None:
    """Of many invoices the last two hundred are shown, the newest on top; JSON has them all."""
    portal.verdict(lot({f"{rank}.xml": numbered(f"F-{rank:03d}") for rank in range(205)}))
    table = parsed(ask(portal, "GET", "")).find(".//table")
    shown = [head.text for head in table.iterfind("./tbody/tr/th")]

    assert shown == [f"F-{rank:03d}" for rank in range(204, 4, -1)]
    assert len(ask(portal, "GET", "invoices").json()["invoices"]) == 205


def test_enter_takes_no_decision(portal: Portal) -> None:
    """The first button of a form, the one the Enter key presses, is disabled."""
    portal.integrate(CII)
    page = parsed(ask(portal, "GET", ""))

    assert page.xpath("//form//button[1]/@disabled")
