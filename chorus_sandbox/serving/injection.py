"""A request and its fault, if it meets one: before, during or after it is served (§8.1)."""

import math
import uuid
from dataclasses import replace
from datetime import timedelta

from chorus_sandbox.faults import Fault, FaultKind
from chorus_sandbox.ledger.ledger import Ledger
from chorus_sandbox.routes.calls import Terms
from chorus_sandbox.serving import distortion, gates, panel
from chorus_sandbox.serving.gates import Desk, Reply, Request

_HTML = "text/html;charset=utf-8"
_SLOW = 40.0
"""Past the 30 s that clients wait (§5)."""
_UNFOUND = 120.0
_RETRY_AFTER = 2.0


def answer(request: Request, desk: Desk, ledger: Ledger) -> Reply:
    """The answer to a request, spoiled if its turn has come; the panel is never spoiled."""
    if panel.is_for(request.route):
        return panel.answer(request, desk, ledger)
    drawn = ledger.faults.draw(request.route, now=desk.clock(), plan=desk.options.fault_plan)
    if drawn is None:
        reply = gates.answer(request, desk, ledger, desk.terms)
    else:
        injection, fault = drawn
        reply = _meet(fault, request, desk, ledger)
        if request.route == gates.DEPOSIT_PATH:
            flux_number = distortion.text_field(reply.body, "numeroFluxDepot")
            ledger.faults.name_flux(injection, flux_number)
        reply = _spoiled(reply, fault)
    return replace(reply, held=reply.held + desk.options.latency)


def _meet(fault: Fault, request: Request, desk: Desk, ledger: Ledger) -> Reply:
    """The reply under a fault that strikes before or during the work, else the plain reply."""
    match fault.kind:
        case (
            FaultKind.DROP_BEFORE
            | FaultKind.ERROR_BEFORE
            | FaultKind.WRONG_ACCOUNT
            | FaultKind.FORBIDDEN
            | FaultKind.TOO_MANY_REQUESTS
            | FaultKind.MAINTENANCE
        ):
            return _turned_away(fault)
        case FaultKind.TOKEN_EXPIRY:
            ledger.forget_tokens()
        case FaultKind.STATUS_BACKWARDS:
            shown = gates.answer(request, desk, ledger, desk.terms)
            with ledger.transaction():
                for invoice in sorted(distortion.invoice_identifiers(shown.body)):
                    ledger.invoices.step_back(invoice, at=desk.clock())
        case (
            FaultKind.DROP_AFTER
            | FaultKind.BAD_GATEWAY_AFTER
            | FaultKind.GATEWAY_TIMEOUT_AFTER
            | FaultKind.SLOW_AFTER
            | FaultKind.TRUNCATED
            | FaultKind.WRONG_TYPES
            | FaultKind.UNKNOWN_FLUX_STATE
            | FaultKind.UNKNOWN_STATUS
            | FaultKind.INCIDENT
            | FaultKind.LATE_INDEXING
            | FaultKind.SHORT_PAGES
        ):
            pass
    return gates.answer(request, desk, ledger, _terms(desk.terms, fault))


def _turned_away(fault: Fault) -> Reply:
    """What a request gets whose work is not done."""
    match fault.kind:
        case FaultKind.ERROR_BEFORE:
            return Reply(status=500)
        case FaultKind.WRONG_ACCOUNT:
            return gates.wrong_account()
        case FaultKind.FORBIDDEN:
            return Reply(status=403, headers={"x-correlationid": str(uuid.uuid4())})
        case FaultKind.TOO_MANY_REQUESTS:
            wait = _RETRY_AFTER if fault.seconds is None else fault.seconds
            return Reply(status=429, headers={"Retry-After": str(math.ceil(wait))})
        case FaultKind.MAINTENANCE:
            return _page(503, "Service en maintenance")
        case _:
            return Reply(status=0, dropped=True)


def _terms(terms: Terms, fault: Fault) -> Terms:
    """The terms of a call under a fault that makes the portal late or short."""
    match fault.kind:
        case FaultKind.INCIDENT:
            return replace(terms, incident=True)
        case FaultKind.LATE_INDEXING:
            seconds = _UNFOUND if fault.seconds is None else fault.seconds
            return replace(terms, index_delay=timedelta(seconds=seconds))
        case FaultKind.SHORT_PAGES:
            return replace(terms, page_cap=min(terms.page_cap or fault.size, fault.size))
        case _:
            return terms


def _spoiled(reply: Reply, fault: Fault) -> Reply:
    """What leaves of a reply whose work is done and on disk."""
    match fault.kind:
        case FaultKind.DROP_AFTER:
            return replace(reply, dropped=True)
        case FaultKind.BAD_GATEWAY_AFTER:
            return _page(502, "Bad Gateway")
        case FaultKind.GATEWAY_TIMEOUT_AFTER:
            return _page(504, "Gateway Timeout")
        case FaultKind.SLOW_AFTER:
            seconds = _SLOW if fault.seconds is None else fault.seconds
            return replace(reply, held=timedelta(seconds=seconds))
        case _:
            return replace(reply, body=_rewritten(reply.body, fault))


def _rewritten(body: bytes, fault: Fault) -> bytes:
    match fault.kind:
        case FaultKind.TRUNCATED:
            return distortion.truncated(body)
        case FaultKind.WRONG_TYPES:
            return distortion.retyped(body, fault.shape)
        case FaultKind.UNKNOWN_FLUX_STATE:
            return distortion.renamed_state(body)
        case FaultKind.UNKNOWN_STATUS:
            return distortion.renamed_statuses(body)
        case _:
            return body


def _page(status: int, title: str) -> Reply:
    body = f"<html><head><title>{status} {title}</title></head><body><h1>{title}</h1></body></html>"
    return Reply(status=status, headers={"Content-Type": _HTML}, body=body.encode())
