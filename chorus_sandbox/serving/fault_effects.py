"""What each kind of fault does to a request: before, during or after it is served (§8.1)."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from chorus_sandbox.fault_kinds import Fault, FaultKind
from chorus_sandbox.ledger.ledger import Ledger
from chorus_sandbox.serving import distortion, gateway, panel
from chorus_sandbox.serving.gateway import Context, Reply, Request

_HTML = "text/html;charset=utf-8"
_SLOW = 40.0
"""Past the 30 s that clients wait (§5)."""
_UNFOUND = 120.0
_RETRY_AFTER = 2.0
_LAG = 86400.0


def answer(request: Request, context: Context, ledger: Ledger) -> Reply:
    """The answer to a request, under a fault if one is due; the panel meets none."""
    if panel.is_for(request.route):
        return panel.answer(request, context, ledger)
    options = context.options
    drawn = ledger.faults.draw(request.route, now=context.clock(), plan=options.fault_plan)
    if drawn is None:
        reply = gateway.answer(request, context, ledger)
    else:
        injection, fault = drawn
        reply = _reply(fault, _Server(request, context, ledger, injection))
    return replace(reply, held=reply.held + options.latency)


@dataclass(frozen=True, slots=True)
class _Server:
    """A request that meets a fault, and the ways to serve it."""

    request: Request  # the request
    context: Context  # what the requests of this process share
    ledger: Ledger  # the ledger
    injection: int  # rank of the fault among those injected

    def serve(self, **changed: Any) -> Reply:  # noqa: ANN401 - fields of the options
        """The reply under these changes of the options, its flux noted beside the fault."""
        options = replace(self.context.options, **changed)
        reply = gateway.answer(self.request, replace(self.context, options=options), self.ledger)
        if self.request.route == gateway.DEPOSIT_PATH:
            flux_number = distortion.text_field(reply.body, "numeroFluxDepot")
            self.ledger.faults.name_flux(self.injection, flux_number)
        return reply

    def rewrite(self, change: Callable[[bytes], bytes]) -> Reply:
        """The reply with another body."""
        reply = self.serve()
        return replace(reply, body=change(reply.body))

    def step_back(self) -> Reply:
        """The reply once each invoice it shows took its former status again."""
        shown = self.serve()
        with self.ledger.transaction():
            for invoice in sorted(distortion.invoice_identifiers(shown.body)):
                self.ledger.invoices.step_back(invoice, at=self.context.clock())
        return self.serve()


def _reply(fault: Fault, server: _Server) -> Reply:  # noqa: C901, PLR0911, PLR0912 - each kind
    seconds = fault.seconds
    match fault.kind:
        case FaultKind.DROP_BEFORE:
            return Reply(status=0, dropped=True)
        case FaultKind.ERROR_BEFORE:
            return Reply(status=500)
        case FaultKind.WRONG_ACCOUNT:
            return gateway.wrong_account()
        case FaultKind.FORBIDDEN:
            return gateway.forbidden()
        case FaultKind.TOO_MANY_REQUESTS:
            wait = math.ceil(_RETRY_AFTER if seconds is None else seconds)
            return Reply(status=429, headers={"Retry-After": str(wait)})
        case FaultKind.MAINTENANCE:
            return _page(503, "Service en maintenance")
        case FaultKind.DROP_AFTER:
            return replace(server.serve(), dropped=True)
        case FaultKind.BAD_GATEWAY_AFTER:
            server.serve()
            return _page(502, "Bad Gateway")
        case FaultKind.GATEWAY_TIMEOUT_AFTER:
            server.serve()
            return _page(504, "Gateway Timeout")
        case FaultKind.SLOW_AFTER:
            held = timedelta(seconds=_SLOW if seconds is None else seconds)
            return replace(server.serve(), held=held)
        case FaultKind.TRUNCATED:
            return server.rewrite(distortion.truncated)
        case FaultKind.WRONG_TYPES:
            return server.rewrite(lambda body: distortion.retyped(body, fault.shape))
        case FaultKind.TOKEN_EXPIRY:
            server.ledger.forget_tokens()
            return server.serve()
        case FaultKind.UNKNOWN_FLUX_STATE:
            return server.rewrite(distortion.renamed_state)
        case FaultKind.UNKNOWN_STATUS:
            return server.rewrite(distortion.renamed_statuses)
        case FaultKind.STATUS_BACKWARDS:
            return server.step_back()
        case FaultKind.INCIDENT:
            return server.serve(incident=True)
        case FaultKind.LATE_INDEXING:
            delay = timedelta(seconds=_UNFOUND if seconds is None else seconds)
            return server.serve(index_delay=delay)
        case FaultKind.TURNED_AWAY:
            return server.serve(turned_away=True)
        case FaultKind.NO_UNIQUENESS:
            return server.serve(unchecked=True)
        case FaultKind.ANOTHER_REPORT:
            return server.rewrite(distortion.another_report)
        case FaultKind.LATE_HISTORY:
            return server.serve(history_lag=timedelta(seconds=_LAG if seconds is None else seconds))
        case FaultKind.SHORT_PAGES:
            size = min(server.context.options.page_cap or fault.size, fault.size)
            return server.serve(page_cap=size)


def _page(status: int, title: str) -> Reply:
    body = f"<html><head><title>{status} {title}</title></head><body><h1>{title}</h1></body></html>"
    return Reply(status=status, headers={"Content-Type": _HTML}, body=body.encode())
