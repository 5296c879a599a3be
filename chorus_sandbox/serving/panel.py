"""The buyer's panel, under ``/_sandbox/``: what the portal has no route for. Never faulty.

It asks for no identity, so it answers this machine only: a name that is not loopback (a page
elsewhere that made its name point here) or another site's page is refused.
"""

import json
from dataclasses import asdict
from urllib.parse import parse_qs, unquote

from chorus_sandbox.entries import EntryError, read_entry
from chorus_sandbox.fault_kinds import Fault
from chorus_sandbox.integration import integration
from chorus_sandbox.ledger.ledger import Ledger
from chorus_sandbox.ledger.records import FluxRecord, InvoiceRecord
from chorus_sandbox.routes import buyer
from chorus_sandbox.routes.calls import Refusal
from chorus_sandbox.serving import page, support
from chorus_sandbox.serving.gateway import Context, Reply, Request, json_reply

_ROOT = "/_sandbox"
_LOOPBACK = frozenset(("127.0.0.1", "localhost", "[::1]"))
_FORM = "application/x-www-form-urlencoded"


class _Wrong(Exception):
    """A request the panel cannot serve: its HTTP status, and why in French."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def is_for(route: str) -> bool:
    """Whether a request is for the panel."""
    return route == _ROOT or route.startswith(f"{_ROOT}/")


def answer(request: Request, context: Context, ledger: Ledger) -> Reply:
    """The answer of the panel: JSON, or HTML for its page and its forms."""
    is_form = request.headers.get_content_type() == _FORM
    try:
        _check_origin(request)
        integration.settle(ledger, context.directory, now=context.clock())
        return _route(request, context, ledger, is_form=is_form)
    except support.Impossible as impossible:
        return json_reply(impossible.status, {"error": str(impossible)})
    except _Wrong as wrong:
        if is_form and wrong.status != 403:
            return page.draw(ledger, status=wrong.status, problem=wrong.reason)
        return json_reply(wrong.status, {"error": wrong.reason})


def _route(request: Request, context: Context, ledger: Ledger, *, is_form: bool) -> Reply:
    reply: Reply
    match request.method, *request.route.removeprefix(_ROOT).strip("/").split("/"):
        case "GET", "":
            reply = page.draw(ledger)
        case "GET", "invoices":
            listed = [_invoice(invoice) for invoice in ledger.invoices.all()]
            reply = json_reply(200, {"invoices": listed})
        case "GET", "fluxes":
            reply = json_reply(200, {"fluxes": [_flux(flux) for flux in ledger.fluxes.all()]})
        case "GET" | "POST" | "DELETE", "faults":
            reply = _faults(request, context, ledger)
        case "POST", "invoices":
            reply = json_reply(200, _invoice(support.key(ledger, context, _json(request))))
        case "POST", "fluxes", number, "replay" | "withdraw" | "disown" as verdict:
            flux = support.judge_again(ledger, context, unquote(number), verdict)
            reply = json_reply(200, _flux(flux))
        case "POST", "invoices", name, "rename":
            with ledger.transaction():
                identifier = ledger.invoices.rename(_named(ledger, unquote(name)).id)
            reply = json_reply(200, {"cpp_id": identifier})
        case "POST", "invoices", name, action:
            changed = _act(request, context, ledger, unquote(name), action, is_form=is_form)
            seen = Reply(status=303, headers={"Location": f"{_ROOT}/"})
            reply = seen if is_form else json_reply(200, _invoice(changed))
        case _:
            raise _Wrong(404, "Adresse inconnue : voir GET /_sandbox/.")
    return reply


def _check_origin(request: Request) -> None:
    host = request.headers.get("Host", "")
    if host.rpartition(":")[0] not in _LOOPBACK and host not in _LOOPBACK:
        raise _Wrong(403, "Le panneau ne répond qu'à 127.0.0.1 ou localhost.")
    origin = request.headers.get("Origin", f"http://{host}")
    site = request.headers.get("Sec-Fetch-Site", "none")
    if origin != f"http://{host}" or site not in ("none", "same-origin"):
        raise _Wrong(403, "Le panneau ne répond pas aux pages d'un autre site.")


def _act(
    request: Request, context: Context, ledger: Ledger, name: str, action: str, *, is_form: bool
) -> InvoiceRecord:
    """Does what the buyer decided, in any order, and returns the invoice as it is now."""
    if action not in page.ACTIONS:
        raise _Wrong(404, f"Action inconnue « {action} » : {', '.join(page.ACTIONS)}.")
    target, _ = page.ACTIONS[action]
    reason = _form_reason(request) if is_form else _json_reason(request)
    invoice = _named(ledger, name)
    try:
        buyer.give_status(
            ledger, context.directory, invoice, target, reason=reason, now=context.clock()
        )
    except Refusal as refusal:
        raise _Wrong(409, f"Facture {invoice.number} : {refusal.label}.") from refusal
    return ledger.invoices.identified(invoice.id) or invoice


def _named(ledger: Ledger, name: str) -> InvoiceRecord:
    """The invoice of an identifier, else of a number."""
    if name.isascii() and name.isdigit() and len(name) < 19:
        invoice = ledger.invoices.identified(int(name))
        if invoice is not None:
            return invoice
    match ledger.invoices.numbered(name):
        case (invoice,):
            return invoice
        case ():
            raise _Wrong(404, f"Facture inconnue « {name} » : voir GET /_sandbox/invoices.")
        case _:
            raise _Wrong(409, f"Plusieurs factures portent le numéro {name} : donnez cpp_id.")


def _form_reason(request: Request) -> str:
    try:
        return "".join(parse_qs(request.body.decode(), max_num_fields=20).get("reason", []))
    except ValueError as error:
        raise _Wrong(400, "Formulaire illisible.") from error


def _json_reason(request: Request) -> str:
    fields = _json(request) if request.body else {}
    reason = fields.get("reason", "") if isinstance(fields, dict) else None
    if not isinstance(reason, str):
        raise _Wrong(400, 'Corps illisible : {"reason": "…"} est attendu.')
    return reason


def _faults(request: Request, context: Context, ledger: Ledger) -> Reply:
    """The faults that wait and those injected; POST adds one, or sets them all with a list."""
    match request.method:
        case "POST":
            given = _json(request)
            entries = given if isinstance(given, list) else [given]
            try:
                faults = [
                    read_entry(entry, Fault, f"Panne n° {rank}")
                    for rank, entry in enumerate(entries, 1)
                ]
            except EntryError as error:
                raise _Wrong(400, str(error)) from error
            ledger.faults.arm(faults, now=context.clock(), replacing=isinstance(given, list))
        case "DELETE":
            ledger.faults.clear()
        case _:
            pass
    plan = context.options.fault_plan
    return json_reply(
        200,
        {
            "armed": [
                armed.fault.described() | {"id": armed.id, "ends_at": armed.ends_at}
                for armed in ledger.faults.armed()
            ],
            "injected": [asdict(injection) for injection in ledger.faults.injected()],
            "plan": None if plan is None else {"seed": plan.seed, "rate": plan.rate},
        },
    )


def _json(request: Request) -> object:
    try:
        body: object = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise _Wrong(400, "Corps illisible : du JSON est attendu.") from error
    return body


def _invoice(invoice: InvoiceRecord) -> dict[str, object]:
    return {
        "cpp_id": invoice.id,
        "number": invoice.number,
        "issued_on": invoice.issued_on,
        "deposited_on": invoice.deposited_on,
        "seller_siret": invoice.seller_siret,
        "buyer_siret": invoice.buyer_siret,
        "buyer_name": invoice.buyer_name,
        "kind": invoice.kind,
        "gross": invoice.gross,
        "status": invoice.status,
        "status_at": invoice.status_at,
        "comment": invoice.comment,
        "rejection_handled": invoice.rejection_handled,
        "flux_number": invoice.flux_number,
        "file_name": invoice.file_name,
        "indexed_at": invoice.indexed_at,
    }


def _flux(flux: FluxRecord) -> dict[str, object]:
    fields = asdict(flux)
    del fields["id"], fields["index_delay"]
    return fields
