"""The integration report as a PDF (§2.3).

The layout of the portal's own report is not recorded: this one says that it is simulated.
"""

import json
from collections.abc import Iterator
from importlib.resources import files
from textwrap import wrap

from chorus_sandbox import paris
from chorus_sandbox.ledger.records import FluxRecord

_COLUMNS = 95


def draw(flux: FluxRecord) -> bytes:
    """The report on a flux that has its verdict."""
    import typst  # noqa: PLC0415 - only when a report is printed

    lines = [part for line in _lines(flux) for part in wrap(line, _COLUMNS) or [""]]
    source = files(__package__).joinpath("report.typ").read_bytes()
    return typst.compile(source, sys_inputs={"lines": json.dumps(lines)}, ignore_system_fonts=True)


def _lines(flux: FluxRecord) -> Iterator[str]:
    yield "SIMULE - Compte rendu d'intégration (bac à sable)"
    yield ""
    yield f"Flux : {flux.number}"
    yield f"Fichier : {flux.file_name} ({flux.size} octets, SHA-256 {flux.sha256})"
    yield f"Syntaxe : {flux.syntax}, interface {flux.interface}"
    yield f"Déposé le : {paris.to_milliseconds(flux.deposited_at)}"
    yield f"État : {flux.state}, le {paris.to_milliseconds(flux.state_at)}"
    for error in flux.technical_errors:
        yield ""
        yield f"Erreur technique {error.nature} {error.code} : {error.text}"
    for invoice in flux.refused_invoices:
        yield ""
        yield f"Facture {invoice.number} de {invoice.seller} pour {invoice.buyer} : {invoice.text}"
