"""One invoice: its details and its history (§2.5, §2.6)."""

from collections.abc import Sequence
from typing import Any, Final

from lxml import etree

from chorus_sandbox import paris
from chorus_sandbox.integration import documents, integration
from chorus_sandbox.integration.dialects import Dialect, Rows
from chorus_sandbox.ledger.ledger import Ledger
from chorus_sandbox.ledger.records import InvoiceRecord, Joined
from chorus_sandbox.routes import VOCABULARY
from chorus_sandbox.routes.calls import DONE, FOUND, Call, Refusal, given, success

_PRINCIPAL: Final = 50_000_000
"""``pieceJointeId`` of an invoice's own file: this more than the identifier of the invoice."""

_TEXTS = ("lignePosteReference", "lignePosteDenomination", "lignePosteUniteLibelle")
_HISTORY = ("ListeHistoStatut",) * 3


def consult(call: Call) -> dict[str, object]:
    """``factures/v1/consulter/fournisseur``: all an invoice says, read again from its file."""
    invoice = known_invoice(call, call.body.mandatory_integer("identifiantFactureCPP"))
    lines, rates = _tables(call.ledger, invoice)
    files = [_file(joined) for joined in call.ledger.attachments.joined(invoice.id)]
    facture = {
        "identifiantFactureCPP": invoice.id,
        "numeroFacture": invoice.number,
        "statutFacture": invoice.status,
        "modeDepot": way_in(invoice),
        "rejetTraite": invoice.rejection_handled,
        "destinataire": _recipient(call, invoice),
        "fournisseur": _supplier(call, invoice),
        "cadreDeFacturation": given(
            {"codeCadreFacturation": VOCABULARY["frameworks"].get(invoice.framework)}
        ),
        "references": given(
            {
                "dateFacture": invoice.issued_on.isoformat(),
                "dateDepot": invoice.deposited_on.isoformat(),
                "codeDeviseFacture": invoice.currency,
                "typeFacture": invoice.kind,
                "numeroMarche": invoice.contract,
                "numeroBonCommande": invoice.engagement,
                "numeroFactureOrigine": invoice.preceding,
            }
        ),
        "recapitulatifDeTva": _listed(call, rates, "ligneTva", "rates"),
        "montantTotal": {
            "montantHtTotal": float(invoice.net),
            "montantTVA": float(invoice.gross - invoice.net),
            "montantTtcTotal": float(invoice.gross),
            "montantAPayer": float(invoice.due),
        },
        "pieceJointePrincipale": {
            "idLiaisonPieceJointePrincipale": _PRINCIPAL + invoice.id,
            "idPieceJointePrincipale": _PRINCIPAL + invoice.id,
        },
        "listeDesPiecesJointes": _listed(call, files, "pieceJointe", "files"),
        "lignesDePoste": _listed(call, lines, "lignePoste", "lines"),
        "commentaire": invoice.comment,
    }
    return success(FOUND, facture=given(facture))


def history(call: Call) -> dict[str, object]:
    """``factures/v1/consulter/historique``: every status of an invoice, most recent first."""
    invoice = known_invoice(call, call.body.mandatory_integer("idFacture"))
    seen = call.now - call.options.history_lag
    rows = call.ledger.invoices.history(invoice.id)
    # The first status is as old as the invoice: without it, the portal would not know it.
    rows = tuple(row for row in rows if row.at <= seen) or rows[-1:]
    current = rows[0].code if rows else invoice.status
    listed: dict[str, object] = {}
    if "paramRechercheHistoStatuts" in call.body.names():
        asked = call.body.block("paramRechercheHistoStatuts")
        page = call.page(asked, descending=True, suffixes=_HISTORY)
        described = page.described(len(rows)).items()
        rows = tuple(page.slice(rows if page.descending else rows[::-1]))
        listed = {f"{name}HistoStatut": value for name, value in described}
    statuses = [
        given(
            {
                "histoStatutId": row.id,
                "histoStatutCode": row.code,
                "histoStatutDatePassage": paris.to_minutes(row.at),
                "histoStatutCommentaire": row.comment,
            }
        )
        for row in rows
    ]
    return success(
        DONE,
        idFacture=invoice.id,
        numeroFacture=invoice.number,
        modeDepot=way_in(invoice),
        statutCourantCode=current,
        historiquesDesStatuts={"histoStatut": statuses} | listed,
    )


def way_in(invoice: InvoiceRecord) -> str:
    """``modeDepot``: a flux of ours, or what a person keyed."""
    return "UPLOAD_API" if invoice.flux_number else "SAISIE_API"


def known_invoice(
    call: Call, invoice_id: int, said: str = "SIMULE - Facture inconnue"
) -> InvoiceRecord:
    """The invoice of an identifier, once the portal's index holds it.

    Raises:
        Refusal: there is none; ``completer`` alone has a recorded text for it (§4.2).
    """
    invoice = call.ledger.invoices.identified(invoice_id)
    if invoice is None or invoice.indexed_at > call.now:
        raise Refusal(20000, said)
    return invoice


def file_of(ledger: Ledger, invoice: InvoiceRecord) -> tuple[str, str, bytes]:
    """The syntax, the name and the bytes an integrated invoice came in, out of its lot if any.

    Raises:
        Refusal: it was keyed by hand.
    """
    flux = ledger.fluxes.numbered(invoice.flux_number) if invoice.flux_number else None
    if flux is None:
        raise Refusal(20000, "SIMULE - Facture saisie sur le portail, sans fichier")
    files = integration.files_of(ledger.fluxes.content(flux), flux)
    # A ledger of the first version names no file: the flux had only one then.
    name = invoice.file_name or flux.file_name
    return flux.syntax, name, files[name]


def buyer_ids(call: Call, invoice: InvoiceRecord) -> dict[str, object]:
    """The identifiers of the buyer and of the service an invoice names, those that are known."""
    buyer = call.directory.by_siret(invoice.buyer_siret)
    service = buyer.service(invoice.service_code) if buyer else None
    return given(
        {
            "idDestinataire": buyer.id if buyer else None,
            "idServiceExecutant": buyer.service_id(service) if buyer and service else None,
        }
    )


def _tables(
    ledger: Ledger, invoice: InvoiceRecord
) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """The lines and the rates of an invoice; of one that was keyed, none."""
    if not invoice.flux_number:
        return [], []
    syntax, _, file = file_of(ledger, invoice)
    tree, dialect = documents.parse(syntax, file)
    root = tree.getroot()
    return _rows(root, dialect.lines, dialect), _rows(root, dialect.rates, dialect)


def _recipient(call: Call, invoice: InvoiceRecord) -> dict[str, object]:
    buyer = call.directory.by_siret(invoice.buyer_siret)
    return buyer_ids(call, invoice) | given(
        {
            "codeDestinataire": invoice.buyer_siret,
            "libelleDestinataire": invoice.buyer_name,
            "designationDestinataire": invoice.buyer_name,
            "codeServiceExecutant": invoice.service_code,
            "libelleServiceExecutant": invoice.service_name,
            "miseEnPaiementDestinataire": not (buyer and buyer.payment_status_not_reported),
        }
    )


def _supplier(call: Call, invoice: InvoiceRecord) -> dict[str, object]:
    seller = call.directory.by_siret(invoice.seller_siret)
    return given(
        {
            "idFournisseur": seller.id if seller else None,
            "typeIdentifiantFournisseur": "SIRET",
            "codeFournisseur": invoice.seller_siret,
            "raisonSocialeFournisseur": invoice.seller_name,
            "designationFournisseur": invoice.seller_name,
        }
    )


def _rows(root: etree._Element, rows: Rows, dialect: Dialect) -> list[dict[str, object]]:
    found: Any = root.xpath(rows.at, namespaces=dict(dialect.namespaces))
    return [
        given(
            {
                name: _value(name, next(iter(documents.texts_at(element, path, dialect)), ""))
                for name, path in rows.paths.items()
            }
        )
        for element in found
    ]


def _value(name: str, text: str) -> str | float | None:
    if name in _TEXTS:
        return text
    if name == "lignePosteNumero":
        return int(text) if text.isdecimal() else None
    # A JSON number, as the portal writes amounts: nothing is computed with it.
    return float(text) if text else None


def _file(joined: Joined) -> dict[str, object]:
    return given(
        {
            "pieceJointeTypeCode": joined.type_code,
            "pieceJointeDesignation": joined.designation,
            "pieceJointeNumeroLigneFacture": joined.line,
            "pieceJointeIdLiaison": joined.id,
            "pieceJointeId": joined.attachment.id,
            "pieceJointeExtension": joined.attachment.extension,
        }
    )


def _listed(
    call: Call, items: Sequence[dict[str, object]], name: str, paging: str
) -> dict[str, object]:
    """A block with one page of its list, and the counts under the names of that list."""
    block, rank, size, way, suffix = VOCABULARY["lists"][paging]
    page = call.page(call.body.block(block), descending=False, suffixes=(rank, size, way))
    shown = page.slice(items[::-1] if page.descending else items)
    counts = {f"{key}{suffix}": value for key, value in page.described(len(items)).items()}
    return given({name: shown} | counts)
