"""What an answer to a deposit proves, and that a deposit is sent once."""

import base64
import json
from datetime import date
from html import escape
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from tests.support.portal_client import CLIENT_SECRET, PASSWORD, StillClock, client, settings
from tests.support.scripted_server import Step, hang_up, raw, reply, serving
from worker.billing.standard import DepositSyntax
from worker.portals import DepositAnswer, DepositOutcome
from worker.portals.choruspro.deposit import judge, unfit
from worker.portals.choruspro.portal import ChorusPro
from worker.portals.http.attempt import HttpAnswer, NoAnswer

FLUX = "CPP0011117000000000425903"
TAKEN = {
    "codeRetour": 0,
    "libelle": "GCU_MSG_01_000",
    "numeroFluxDepot": FLUX,
    "dateDepot": "2026-09-14",
    "syntaxeFlux": "IN_DP_E2_CII_FACTURX",
}
TOKEN = reply({"access_token": "jeton-opaque-0123456789", "expires_in": 3600})
CERTAIN = {
    DepositOutcome.REFUSED,
    DepositOutcome.NOT_SENT,
    DepositOutcome.THROTTLED,
    DepositOutcome.UNAUTHORISED,
}


def judged(status: int, body: object = b"", **headers: str) -> DepositAnswer:
    """The verdict on an answer; anything but bytes is JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return judge(HttpAnswer(status=status, headers=named, body=content))


def test_flux_number_in_a_success_is_the_proof_of_a_deposit() -> None:
    """Code 0 and a number: accepted, with what is worth keeping."""
    answer = judged(200, TAKEN)

    assert answer.outcome is DepositOutcome.ACCEPTED
    assert (answer.flux_number, answer.deposit_date) == (FLUX, date(2026, 9, 14))
    assert (answer.http_status, json.loads(answer.raw)) == (200, TAKEN)


def test_an_answer_is_kept_as_text_that_a_database_takes() -> None:
    """An error page in another encoding is full of zeros, which PostgreSQL refuses in a text."""
    answer = judged(502, "<html>".encode("utf-16-le") + b"\xff")

    assert answer.outcome is DepositOutcome.UNKNOWN
    assert answer.raw == "".join(f"{sign}\ufffd" for sign in "<html>") + "\ufffd"


@pytest.mark.parametrize(
    "status, body, outcome",
    [
        (200, {"codeRetour": 20001, "libelle": "GDP_MSG_11.022"}, DepositOutcome.REFUSED),
        (200, {"codeRetour": "20001"}, DepositOutcome.REFUSED),
        (200, {"codeRetour": "0", "numeroFluxDepot": 42}, DepositOutcome.ACCEPTED),
        (202, TAKEN, DepositOutcome.ACCEPTED),
        (200, {"codeRetour": 0}, DepositOutcome.UNKNOWN),
        (200, {"codeRetour": 0, "numeroFluxDepot": " "}, DepositOutcome.UNKNOWN),
        (200, {"codeRetour": None, "libelle": "?"}, DepositOutcome.UNKNOWN),
        (200, {"codeRetour": 1, "numeroFluxDepot": FLUX}, DepositOutcome.UNKNOWN),
        (200, b"", DepositOutcome.UNKNOWN),
        (200, b"<html>maintenance</html>", DepositOutcome.UNKNOWN),
        (200, b'{"codeRetour": 0, "numeroFl', DepositOutcome.UNKNOWN),
        (200, b"[0]", DepositOutcome.UNKNOWN),
        (302, b"", DepositOutcome.UNKNOWN),
        (400, b"", DepositOutcome.REFUSED),
        (400, {"codeRetour": 20002, "libelle": "x"}, DepositOutcome.REFUSED),
        (400, TAKEN, DepositOutcome.UNKNOWN),
        (401, {"ErrorCode": "401"}, DepositOutcome.UNAUTHORISED),
        (401, TAKEN, DepositOutcome.UNKNOWN),
        (403, b"", DepositOutcome.UNAUTHORISED),
        (404, b"", DepositOutcome.NOT_SENT),
        (405, b"", DepositOutcome.NOT_SENT),
        (408, b"", DepositOutcome.UNKNOWN),
        (409, b"", DepositOutcome.UNKNOWN),
        (413, b"", DepositOutcome.REFUSED),
        (415, b"", DepositOutcome.REFUSED),
        (429, b"", DepositOutcome.THROTTLED),
        (499, b"", DepositOutcome.UNKNOWN),
        (500, b"", DepositOutcome.UNKNOWN),
        (500, {"codeRetour": 20001, "libelle": "x"}, DepositOutcome.UNKNOWN),
        (502, b"<html>Bad Gateway</html>", DepositOutcome.UNKNOWN),
        (503, b"", DepositOutcome.UNKNOWN),
        (504, b"", DepositOutcome.UNKNOWN),
    ],
)
def test_each_answer_is_exactly_one_outcome(
    status: int, body: object, outcome: DepositOutcome
) -> None:
    """The table of the module, line by line."""
    assert judged(status, body).outcome is outcome


def test_request_without_token_is_an_access_problem() -> None:
    """The gateway's "no token found" comes as a 400, and is not a refused file."""
    answer = judged(400, WWW_Authenticate='Bearer error="invalid_request"')

    assert answer.outcome is DepositOutcome.UNAUTHORISED


@pytest.mark.parametrize("status", [400, 413, 415])
def test_a_refusal_that_is_not_the_portals_own_is_not_told_as_its(status: int) -> None:
    """A page of HTML comes from a proxy, as far as one can tell."""
    page = judged(status, b"<html>Request Entity Too Large</html>")
    own = judged(status, {"codeRetour": 20002, "libelle": "trop gros"})

    assert (page.outcome, page.reason) == (DepositOutcome.REFUSED, f"HTTP {status}")
    assert "sans réponse de Chorus Pro" in page.detail
    assert own.reason == "20002"
    assert own.detail.startswith("Chorus Pro refuse le fichier")


def test_throttling_keeps_the_wait_that_was_asked() -> None:
    """The caller learns how long to wait."""
    assert judged(429, Retry_After="17").retry_after == 17


@pytest.mark.parametrize(
    "sent, outcome", [(False, DepositOutcome.NOT_SENT), (True, DepositOutcome.UNKNOWN)]
)
def test_without_answer_only_an_unsent_request_is_certain(
    *, sent: bool, outcome: DepositOutcome
) -> None:
    """Nothing left: certain. Something left: nobody can tell. The reason is kept."""
    answer = judge(NoAnswer(sent=sent, reason="motif"))

    assert answer.outcome is outcome
    assert "motif" in answer.detail


@given(
    st.integers(min_value=100, max_value=599),
    st.binary(max_size=40)
    | st.fixed_dictionaries(
        {},
        optional={
            "codeRetour": st.sampled_from([0, 1, 20001, "0", None, "x", True]),
            "numeroFluxDepot": st.sampled_from([FLUX, "", None, 7, []]),
            "libelle": st.text(max_size=5),
        },
    ).map(lambda fields: json.dumps(fields).encode()),
)
def test_no_answer_is_ever_mistaken_for_a_certainty(status: int, body: bytes) -> None:
    """A flux number is never called "not recorded", and nothing else is called accepted."""
    answer = judge(HttpAnswer(status=status, headers={}, body=body))
    if answer.flux_number:
        assert answer.outcome in {DepositOutcome.ACCEPTED, DepositOutcome.UNKNOWN}
    if answer.outcome is DepositOutcome.ACCEPTED:
        assert answer.flux_number
        assert 200 <= status < 300
    if answer.outcome in CERTAIN:
        assert status < 300 or status in {400, 401, 403, 404, 405, 413, 415, 429}

    assert answer.detail
    assert len(answer.raw) <= 4000


def test_evidence_is_cut() -> None:
    """A page of a megabyte leaves four thousand characters."""
    assert len(judged(502, "é".encode() * 1_000_000).raw) == 4000


@pytest.mark.parametrize("name", ["facture", "../facture.pdf", "fac ture.pdf", "f" * 100 + ".pdf"])
def test_file_the_portal_would_refuse_is_not_sent(name: str) -> None:
    """What certainly fails is refused here, and says that nothing was sent."""
    answer = unfit(name)

    assert answer is not None
    assert answer.outcome is DepositOutcome.REFUSED
    assert "Rien n'a été envoyé" in answer.detail


def test_ordinary_file_is_fit() -> None:
    """The names this program gives are taken."""
    assert unfit("FAC-2026-00012_3f9a1c2b.pdf") is None


def deposited(portal: ChorusPro) -> DepositAnswer:
    """The answer to one deposit."""
    return portal.deposit(
        file_name="FAC-1.xml", syntax=DepositSyntax.CII, content="é".encode("latin-1")
    )


def run(*steps: Step) -> tuple[DepositAnswer, list[bytes]]:
    """One deposit against a script; the answer, and the deposits the server read."""
    with serving(*steps) as server:
        portal = client(StillClock(), server.url)
        answer = deposited(portal)
        portal.close()
        sent = [one for one in server.requests if b"/deposer/flux" in one.split(b"\r\n")[0]]
    return answer, sent


def test_deposit_carries_the_file_and_both_identities() -> None:
    """The request is the one the portal documents (§1.4, §2.1)."""
    answer, (request,) = run(TOKEN, reply(TAKEN))
    head, _, body = request.partition(b"\r\n\r\n")
    account = base64.b64encode(f"TECH_1_essai@exemple.invalid:{PASSWORD}".encode())

    assert answer.outcome is DepositOutcome.ACCEPTED
    assert head.startswith(b"POST /cpro/factures/v1/deposer/flux HTTP/1.1")
    assert b"Authorization: Bearer jeton-opaque-0123456789" in head
    assert b"cpro-account: " + account in head
    assert b"Content-Type: application/json;charset=utf-8" in head
    assert json.loads(body) == {
        "fichierFlux": "6Q==",
        "nomFichier": "FAC-1.xml",
        "syntaxeFlux": "IN_DP_E1_CII_16B",
        "avecSignature": False,
    }


@pytest.mark.parametrize(
    "step, outcome",
    [
        (hang_up, DepositOutcome.UNKNOWN),
        (raw(b"HTTP/1.1 200 OK\r\n"), DepositOutcome.UNKNOWN),
        (raw(b'HTTP/1.1 200 OK\r\n\r\n{"codeRetour":0,"numeroFlux'), DepositOutcome.UNKNOWN),
        (reply(b"", 503, "Retry-After: 1\r\n"), DepositOutcome.UNKNOWN),
        (reply(b"", 500), DepositOutcome.UNKNOWN),
        (reply(b"", 429, "Retry-After: 1\r\n"), DepositOutcome.THROTTLED),
        (reply(b"", 307, "Location: /\r\n"), DepositOutcome.UNKNOWN),
        (reply(b"", 403), DepositOutcome.UNAUTHORISED),
        (reply(b"", 400), DepositOutcome.REFUSED),
    ],
)
def test_deposit_is_sent_once_whatever_happens(step: Step, outcome: DepositOutcome) -> None:
    """No answer, however tempting, makes the client send the file again."""
    answer, sent = run(TOKEN, step, reply(TAKEN), reply(TAKEN))

    assert answer.outcome is outcome
    assert len(sent) == 1


def test_refused_token_is_renewed_once_then_it_stops() -> None:
    """One 401 may be an old token; two are the technical account."""
    renewed, sent = run(TOKEN, reply(b"", 401), TOKEN, reply(TAKEN))
    assert renewed.outcome is DepositOutcome.ACCEPTED
    assert len(sent) == 2
    refused, sent = run(TOKEN, reply(b"", 401), TOKEN, reply(b"", 401), TOKEN, reply(TAKEN))

    assert refused.outcome is DepositOutcome.UNAUTHORISED
    assert len(sent) == 2
    assert "technical_password" in refused.detail


def test_unauthorised_answer_that_names_a_flux_is_not_sent_again() -> None:
    """A contradiction is doubt, never a reason to send twice."""
    answer, sent = run(TOKEN, reply(TAKEN, 401), TOKEN, reply(TAKEN))

    assert answer.outcome is DepositOutcome.UNKNOWN
    assert len(sent) == 1


def test_without_token_nothing_is_sent() -> None:
    """A refused pair is an access problem, a token server that is down a file not sent."""
    answer, sent = run(reply({"error": "invalid_client"}, 400))
    assert (answer.outcome, sent) == (DepositOutcome.UNAUTHORISED, [])
    assert "client_secret" in answer.detail
    answer, sent = run(*[reply(b"", 503)] * 10)

    assert (answer.outcome, sent) == (DepositOutcome.NOT_SENT, [])


def test_no_secret_reaches_the_evidence() -> None:
    """A server that quotes our headers and secrets back leaves none of them in the answer."""
    account = base64.b64encode(f"TECH_1_essai@exemple.invalid:{PASSWORD}".encode()).decode()
    quoted = f"{account} {PASSWORD} {CLIENT_SECRET} jeton-opaque-0123456789"
    answer, _ = run(TOKEN, reply({"codeRetour": 7, "libelle": quoted}))
    assert answer.outcome is DepositOutcome.REFUSED
    for secret in quoted.split():
        assert secret not in f"{answer}"


def test_secret_quoted_in_another_form_does_not_reach_the_evidence_either() -> None:
    """A password with accents and quotes comes back escaped: in JSON, in a URL or in HTML."""
    secret = 'mot "clé"/été 1'
    in_json = json.dumps(secret)
    forms = (
        in_json,
        in_json.replace("/", "\\/"),
        json.dumps(secret, ensure_ascii=False),
        quote_plus(secret),
        escape(secret),
    )
    page = f"<p>{' '.join(forms)} {secret}</p>".encode()
    with serving(TOKEN, reply(page, 500)) as server:
        portal = ChorusPro(settings(server.url, technical_password=SecretStr(secret)))
        answer = deposited(portal)
        portal.close()

    assert answer.outcome is DepositOutcome.UNKNOWN
    assert answer.raw.count("***") == len(forms) + 1
    assert "mot" not in answer.raw


@pytest.mark.parametrize("end", ["==", "&#x3D;&#x3D;", "%3d%3d", ""])
def test_the_account_does_not_reach_the_evidence_whatever_becomes_of_its_end(end: str) -> None:
    """The header is base64: its padding may be escaped or dropped, and the rest says it all."""
    password = f"{PASSWORD}1"
    account = base64.b64encode(f"TECH_1_essai@exemple.invalid:{password}".encode()).decode()
    assert account.endswith("==")
    page = f"<p>{account[:-2]}{end}</p>".encode()
    with serving(TOKEN, reply(page, 500)) as server:
        portal = ChorusPro(settings(server.url, technical_password=SecretStr(password)))
        answer = deposited(portal)
        portal.close()

    assert answer.raw.startswith("<p>***")


def test_unreachable_portal_is_not_sent() -> None:
    """A portal that refuses connections, once the token is there, has recorded nothing."""
    with serving() as gone:
        address = gone.url
    with serving(TOKEN) as tokens:
        clock = StillClock()
        portal = ChorusPro(
            settings(tokens.url, api_url=address), monotonic=clock.monotonic, sleep=clock.sleep
        )
        answer = deposited(portal)
        portal.close()

    assert answer.outcome is DepositOutcome.NOT_SENT
    assert "refuse la connexion" in answer.detail
