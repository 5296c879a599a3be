"""Deposit and report: what comes in, and what became of it (§2.1–2.3, §8.2)."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from chorus_sandbox import paris
from chorus_sandbox.integration import integration
from chorus_sandbox.ledger.records import FluxRecord, FluxState
from chorus_sandbox.routes import VOCABULARY, report_pdf
from chorus_sandbox.routes.calls import DONE, FOUND, Call, MalformedBody, Refusal, success

LARGEST_FLUX: Final = 30 * 1024 * 1024
"""Most bytes of one flux, once decoded (§5)."""

_LONGEST_FILE_NAME = 200

_INTERFACES: Mapping[str, str] = VOCABULARY["interfaces"]


def deposit(call: Call) -> dict[str, object]:
    """``factures/v1/deposer/flux``: records the bytes; says nothing of what they are worth."""
    syntax = call.body.mandatory_text("syntaxeFlux")
    name = call.body.mandatory_text("nomFichier")
    call.body.flag("avecSignature")
    if syntax not in _INTERFACES:
        # Simulated: how the portal refuses a syntax outside its list is not recorded (§8.5).
        raise MalformedBody("syntaxeFlux")
    too_large = Refusal(20001, "GDP_MSG_11.022")
    content = call.body.mandatory_bytes("fichierFlux", most=LARGEST_FLUX, too_large=too_large)
    if len(name) > _LONGEST_FILE_NAME or "." not in name.strip("."):
        raise Refusal(20002, "SIMULE - Nom de fichier sans extension ou de plus de 200 caracteres")
    flux = call.ledger.fluxes.add(
        content,
        file_name=name,
        syntax=syntax,
        interface=_INTERFACES[syntax],
        now=call.now,
        delay=call.options.integration_delay,
        index_delay=call.options.index_delay,
        incident=call.options.incident,
        turned_away=call.options.turned_away,
        unchecked=call.options.unchecked,
    )
    return success(
        DONE,
        numeroFluxDepot=flux.number,
        dateDepot=paris.day_of(flux.deposited_at).isoformat(),
        syntaxeFlux=syntax,
    )


def report(call: Call) -> dict[str, object]:
    """``transverses/v1/consulterCRDetaille``: where a flux stands, and why it was refused."""
    flux = _observed(call)
    return success(
        FOUND,
        nomFichier=f"{flux.interface}_CPP001_{flux.number}",
        dateDepotFlux=paris.to_milliseconds(flux.deposited_at),
        codeInterfaceDepotFlux=flux.interface,
        etatCourantDepotFlux=flux.state,
        dateHeureEtatCourantFlux=paris.to_milliseconds(flux.state_at),
        listeErreurDP=[
            {
                "identifiantFournisseur": invoice.seller,
                "identifiantDestinataire": invoice.buyer,
                "numeroDP": invoice.number,
                "libelleErreurDP": invoice.text,
            }
            for invoice in flux.refused_invoices
        ],
        listeErreurTechnique=[
            {"natureErreur": error.nature, "codeErreur": error.code, "libelleErreur": error.text}
            for error in flux.technical_errors
        ],
    )


def printed_report(call: Call) -> dict[str, object]:
    """``transverses/v1/consulterCR``: the report of a flux that has its verdict, as a PDF."""
    flux = _observed(call)
    if flux.state in (FluxState.WAITING, FluxState.RUNNING):
        raise Refusal(20002, "SIMULE - Compte rendu pas encore disponible")
    return success(
        FOUND,
        codeAppliPartenaire="CPP001",
        designationPartenaire="SIMULE - Bac a sable",
        codeInterfaceFlux=flux.interface,
        dateDepotFlux=paris.to_milliseconds(flux.deposited_at),
        dateHeureEtatCourantFlux=paris.to_milliseconds(flux.state_at),
        etatCourantFlux=flux.state,
        nomFichierFlux=f"{flux.interface}_CPP001_{flux.number}",
        numeroFluxDepot=flux.number,
        fichierCR=base64.b64encode(report_pdf.draw(flux)).decode(),
    )


def _observed(call: Call) -> FluxRecord:
    """The flux as this report shows it: behind the truth for the first reports (§8.2)."""
    number = call.body.mandatory_text("numeroFluxDepot")
    deposited = call.ledger.fluxes.numbered(number)
    unknown, waiting, running = call.options.report_lags
    if deposited is not None and deposited.reports < unknown + waiting + running:
        call.ledger.fluxes.count_report(deposited)
    if deposited is None or deposited.reports < unknown:
        raise Refusal(20001, "POQ_MSG_01.003 - Flux introuvable.")
    integration.settle(call.ledger, call.directory, now=call.now, up_to=deposited)
    flux = call.ledger.fluxes.numbered(number) or deposited
    undecided = replace(flux, state_at=flux.deposited_at, technical_errors=(), refused_invoices=())
    if deposited.reports < unknown + waiting:
        return replace(undecided, state=FluxState.WAITING)
    # Once it was said to be processed, a flux whose verdict is not due does not wait again.
    late = running and flux.state is FluxState.WAITING
    if late or deposited.reports < unknown + waiting + running:
        return replace(undecided, state=FluxState.RUNNING)
    return flux
