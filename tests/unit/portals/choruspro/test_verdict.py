"""What the outcome of a call proves: the table of the module, and no certainty without proof."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.portals.choruspro.verdict import (
    Verdict,
    judged,
)
from worker.portals.http.attempt import (
    HttpAnswer,
    NoAnswer,
    Outcome,
    may_pass,
)

DONE, NO = {"codeRetour": 0}, {"codeRetour": 20001, "libelle": "GDP_MSG_11.005"}
NAMED = {"numeroFluxDepot": "CPP0011117000000000425903"}


def answer(status: int, body: object = b"", **headers: str) -> HttpAnswer:
    """An answer; anything but bytes is JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpAnswer(status=status, headers=named, body=content)


@pytest.mark.parametrize(
    "outcome, verdict, again",
    [
        (NoAnswer(sent=False, reason="x"), Verdict.NOT_SENT, True),
        (NoAnswer(sent=True, reason="x"), Verdict.UNAVAILABLE, True),
        (answer(200, DONE), Verdict.DONE, False),
        (answer(202, {"codeRetour": "0"}), Verdict.DONE, False),
        (answer(200, DONE | NAMED), Verdict.DONE, False),
        (answer(200, NO), Verdict.REFUSED, False),
        (answer(200, NO | NAMED), Verdict.UNKNOWN, False),
        (answer(200, {"codeRetour": None}), Verdict.UNKNOWN, False),
        (answer(200, NAMED), Verdict.UNKNOWN, False),
        (answer(200, b"<html>"), Verdict.UNKNOWN, False),
        (answer(200), Verdict.UNKNOWN, False),
        (answer(302), Verdict.UNKNOWN, False),
        (answer(400), Verdict.REFUSED, False),
        (answer(400, NO), Verdict.REFUSED, False),
        (answer(400, DONE), Verdict.UNKNOWN, False),
        (answer(400, WWW_Authenticate="Bearer"), Verdict.UNAUTHORISED, False),
        (answer(401), Verdict.UNAUTHORISED, False),
        (answer(401, NAMED), Verdict.UNKNOWN, False),
        (answer(403), Verdict.UNAUTHORISED, False),
        (answer(404), Verdict.NOT_SENT, False),
        (answer(405), Verdict.NOT_SENT, False),
        (answer(408), Verdict.UNKNOWN, False),
        (answer(409), Verdict.UNKNOWN, False),
        (answer(413), Verdict.REFUSED, False),
        (answer(415), Verdict.REFUSED, False),
        (answer(429), Verdict.THROTTLED, True),
        (answer(429, DONE), Verdict.UNKNOWN, True),
        (answer(500), Verdict.UNAVAILABLE, True),
        (answer(503, b"<html>"), Verdict.UNAVAILABLE, True),
        (answer(500, DONE), Verdict.UNKNOWN, True),
    ],
)
def test_each_outcome_is_one_verdict(outcome: Outcome, verdict: Verdict, *, again: bool) -> None:
    """The table of the module, line by line, and whether a read asks again."""
    assert judged(outcome).verdict is verdict
    assert may_pass(outcome) is again


@given(
    st.integers(min_value=100, max_value=599),
    st.binary(max_size=20)
    | st.fixed_dictionaries(
        {},
        optional={
            "codeRetour": st.sampled_from([0, 1, "0", None, "x", True, 1.5]),
            "numeroFluxDepot": st.sampled_from(["CPP1", "", None, 7, []]),
        },
    ).map(lambda fields: json.dumps(fields).encode()),
)
def test_certainty_needs_proof(status: int, body: bytes) -> None:
    """Done is a success that says code 0; a trace of success elsewhere is never a certainty."""
    judgement = judged(HttpAnswer(status=status, headers={}, body=body))
    content = judgement.content or {}
    worked = content.get("codeRetour") in (0, "0") and content.get("codeRetour") is not False
    if judgement.verdict is Verdict.DONE:
        assert worked
        assert 200 <= status < 300
    elif worked or judgement.flux_number:
        assert judgement.verdict is Verdict.UNKNOWN
