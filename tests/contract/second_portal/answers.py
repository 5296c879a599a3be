"""What each operation on invoices and fluxes answers (reference §2.1 to §2.8)."""

import base64
import io
import re
import zipfile
from binascii import Error as NotBase64
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pikepdf

from tests.contract.second_portal import forms
from tests.contract.second_portal.behaviours import Behaviour, Moment
from tests.contract.second_portal.documents import embedded_or_self
from tests.contract.second_portal.integration import PARIS, SYNTAXES, record
from tests.contract.second_portal.state import (
    PENDING,
    REJECTED,
    Fault,
    Flux,
    Invoice,
    Passage,
    State,
)

SEARCHED, DEPOSITED = "TRA_MSG_00.000", "GCU_MSG_01_000"
# The frames that a supplier uses; A1 where the file says none (reference §3.5, §3.7).
FRAMES = {
    "A1": "A1_FACTURE_FOURNISSEUR",
    "A2": "A2_FACTURE_FOURNISSEUR_DEJA_PAYEE",
    "A9": "A9_FACTURE_SOUSTRAITANT",
    "A12": "A12_FACTURE_COTRAITANT",
}
BUYER_TARGETS = {
    "MISE_A_DISPOSITION",
    "SUSPENDUE",
    "REJETEE",
    "MANDATEE",
    "MISE_EN_PAIEMENT",
    "COMPTABILISEE",
    "MISE_A_DISPOSITION_COMPTABLE",
    "A_RECYCLER",
}
FILE_TYPES = {"01": "Bon de livraison", "02": "Bon de commande", "03": "Pièce complémentaire"}
PAGE_400 = "<html><head><title>400 Bad Request</title></head><body>nginx</body></html>"
PAGE_413 = "<html><body><h1>413 Request Entity Too Large</h1><hr>proxy</body></html>"


class Refusal(Exception):
    """A business refusal: HTTP 200, codeRetour other than 0 (reference §4.1)."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


class Refused(Exception):
    """A refusal by HTTP: the status, and a body that is empty most of the time."""

    def __init__(self, status: int, body: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(body)
        self.status = status
        self.headers = headers or {}


@dataclass(frozen=True)
class Call:
    """A request that passed the gates."""

    state: State
    moment: Moment
    body: dict[str, Any]

    def mandatory(self, name: str) -> Any:  # noqa: ANN401 - any JSON
        """A field without which the answer is 400 with an empty body (reference §1.5)."""
        if self.body.get(name) in (None, ""):
            raise Refused(400)
        return self.body[name]

    def block(self, name: str) -> dict[str, Any]:
        """An object of the request, empty where it is not given."""
        value = self.body.get(name)
        return value if isinstance(value, dict) else {}


Json = dict[str, Any]


def success(words: str, **facts: Any) -> Json:  # noqa: ANN401 - any JSON
    """A successful answer; what has no value is left out (reference §2)."""
    given = {name: value for name, value in facts.items() if value not in (None, "")}
    return {"codeRetour": 0, "libelle": words, **given}


def moment_of(instant: str) -> str:
    """An instant as reports print it: offset and milliseconds (reference §2)."""
    return datetime.fromisoformat(instant).astimezone(PARIS).isoformat(timespec="milliseconds")


def day_of(instant: str) -> str:
    """The day of an instant, in Paris."""
    return datetime.fromisoformat(instant).astimezone(PARIS).date().isoformat()


def _minute(instant: str) -> str:
    return f"{datetime.fromisoformat(instant).astimezone(PARIS):%Y-%m-%d %H:%M}"


def paged(
    call: Call, rows: list[Json], block: Json, most: int | None = None
) -> tuple[list[Json], Json]:
    """A page of rows, and what the portal says of the pages (reference §2, pagination).

    A list is cut at `most` where its paging block knows a maximum: 218 services are all listed.
    """
    settings, moment = call.state.settings, call.moment
    rows = rows[:most]
    asked = block.get("nbResultatsParPage") or block.get("taillePageGenerique")
    size = max(1, int(asked or settings.page_size))
    if small := moment.find(Behaviour.PAGE_SMALL):
        size = min(size, small.parameter("size", 2))
    page = max(1, int(block.get("pageResultatDemandee") or block.get("indexPageGenerique") or 1))
    first = 0 if moment.has(Behaviour.PAGE_REPEATED) else (page - 1) * size
    wrong = moment.find(Behaviour.COUNT_WRONG)
    total = wrong.parameter("total", 0) if wrong else len(rows)
    return rows[first : first + size], {
        "pageCourante": page,
        "pages": -(-total // size),
        "nbResultatsParPage": size,
        "total": total,
    }


# Deposit and report.


def deposit(call: Call) -> Json:
    """Record a file under a flux number; nothing is decided yet (reference §2.1)."""
    refuse_deposit(call, recorded=False)
    syntax = call.mandatory("syntaxeFlux")
    call.mandatory("nomFichier")
    if syntax not in SYNTAXES:
        code = call.state.settings.syntax_code
        raise Refusal(code, "GDP_MSG_01.002") if code else Refused(400)
    content = decoded(call.mandatory("fichierFlux"))
    if len(content) > 30_000_000:
        raise Refusal(20001, "GDP_MSG_11.022")
    odd = call.moment.has(Behaviour.FLUX_ODD)
    flux = record(call.state, content, call.body["nomFichier"], syntax, odd=odd)
    refuse_deposit(call, recorded=True)
    number = None if call.moment.has(Behaviour.FLUX_MISSING) else flux.number
    return success(
        DEPOSITED, numeroFluxDepot=number, dateDepot=day_of(flux.received), syntaxeFlux=syntax
    )


def refuse_deposit(call: Call, *, recorded: bool) -> None:
    """Raise the refusal that is armed for before, or for after, the recording."""
    by_400, by_413, by_code = (
        (Behaviour.RECORDED_400, Behaviour.RECORDED_413, Behaviour.RECORDED_CODE)
        if recorded
        else (Behaviour.REFUSED_400, Behaviour.REFUSED_413, Behaviour.REFUSED_CODE)
    )
    if call.moment.has(by_400):
        raise Refused(400, PAGE_400)
    if call.moment.has(by_413):
        raise Refused(413, PAGE_413)
    if armed := call.moment.find(by_code):
        words = armed.parameter("words", "GDP_MSG_77.404 : Traitement différé")
        raise Refusal(armed.parameter("code", 31415), words)
    if not recorded and call.moment.has(Behaviour.REFUSED_20010):
        raise Refusal(20010, "Numéro de facture existant")


def decoded(text: str) -> bytes:
    """The bytes of base64, or HTTP 400."""
    try:
        return base64.b64decode(text, validate=True)
    except (NotBase64, ValueError, TypeError) as error:
        raise Refused(400) from error


def report(call: Call) -> Json:
    """The detailed report of a flux (reference §2.2)."""
    flux, state = _read_flux(call)
    interface = f"FSO{SYNTAXES[flux.syntax][0]}A"
    if call.moment.has(Behaviour.REPORT_SHAPE):
        return {"compteRendu": {"etat": {"code": 7, "texte": "Traité"}}, "resultat": "OK"}
    told = flux.number
    if call.moment.has(Behaviour.REPORT_OTHER_NAME):
        told = "CPP0011117000999999999999"
    answer = success(
        SEARCHED,
        codeInterfaceDepotFlux=interface,
        dateDepotFlux=moment_of(flux.received),
        dateHeureEtatCourantFlux=moment_of(flux.decided or flux.received),
        etatCourantDepotFlux=state,
        nomFichier=f"{interface}_CPP001_{told}",
    )
    if call.moment.has(Behaviour.REPORT_OTHER_FLUX):
        fault = {"numeroDP": "AUTRE-1", "libelleErreurDP": "SIMULE - Autre flux."}
        other = "CPP0011117000888888888888"
        answer |= {"numeroFluxDepot": other, "nomFichier": f"{interface}_CPP001_{other}"}
        return answer | {"listeErreurDP": [fault], "etatCourantDepotFlux": REJECTED}
    if state == PENDING:
        return answer
    technical, business = _reasons(call, flux)
    return answer | {"listeErreurDP": business, "listeErreurTechnique": technical}


def report_pdf(call: Call) -> Json:
    """The report as a PDF file (reference §2.3)."""
    flux, state = _read_flux(call)
    return success(
        SEARCHED,
        numeroFluxDepot=flux.number,
        etatCourantFlux=state,
        dateDepotFlux=moment_of(flux.received),
        nomFichierFlux=flux.name,
        fichierCR=base64.b64encode(readable_copy("CR " + flux.number)).decode(),
    )


def _read_flux(call: Call) -> tuple[Flux, str]:
    """The flux that is asked for and the state to tell, unless it is to stay unknown."""
    moment = call.moment
    flux = call.state.fluxes.get(str(call.mandatory("numeroFluxDepot")))
    if moment.has(Behaviour.REPORT_404):
        raise Refused(404)
    if moment.has(Behaviour.REPORT_500):
        raise Refused(500)
    if not flux or moment.has(Behaviour.REPORT_UNKNOWN):
        raise Refusal(20001, "POQ_MSG_01.003 - Flux introuvable.")
    flux.reads += 1
    call.state.keep_flux(flux)
    if flux.reads <= call.state.settings.unknown_reads:
        raise Refusal(20001, "POQ_MSG_01.003 - Flux introuvable.")
    return flux, _verdict(moment, flux)


def _verdict(moment: Moment, flux: Flux) -> str:
    if moment.has(Behaviour.REPORT_PENDING):
        return PENDING
    if word := moment.find(Behaviour.REPORT_WORD):
        return str(word.parameter("word", "IN_TRAITEMENT_CLOS"))
    if flux.verdict == REJECTED and moment.has(Behaviour.VERDICT_REJETE):
        return "REJETE"
    if flux.verdict == REJECTED and moment.has(Behaviour.VERDICT_REJETEE):
        return "REJETEE"
    return flux.verdict


DUPLICATE_WORDS = {
    Behaviour.DUPLICATE_EXISTING: "Numéro de facture existant",
    Behaviour.DUPLICATE_ENGLISH: "INVOICE_ALREADY_EXISTS",
    Behaviour.DUPLICATE_OTHER: "Ce numéro est utilisé par une autre demande de paiement",
    Behaviour.DUPLICATE_20010: "",
}


def _reasons(call: Call, flux: Flux) -> tuple[list[Json], list[Json]]:
    technical: list[Json] = []
    business: list[Json] = []
    for fault in flux.faults:
        number = fault.number or None
        if not fault.number:
            words = {"natureErreur": "ERR_XSD", "codeErreur": "ERR_XSD_001"}
            technical.append(words | {"libelleErreur": fault.text})
        elif fault.duplicate and call.moment.has(Behaviour.DUPLICATE_MUTE, number):
            continue
        elif fault.duplicate and call.moment.has(Behaviour.DUPLICATE_20010, number):
            technical.append({"natureErreur": "", "codeErreur": "20010", "libelleErreur": ""})
        else:
            business.append(_business(call.moment, fault))
    return technical, business


def _business(moment: Moment, fault: Fault) -> Json:
    armed = (text for one, text in DUPLICATE_WORDS.items() if moment.has(one, fault.number))
    text = next(armed, fault.text) if fault.duplicate else fault.text
    row = {
        "identifiantFournisseur": fault.supplier,
        "identifiantDestinataire": fault.buyer,
        "numeroDP": fault.number,
        "libelleErreurDP": text,
    }
    return forms.of_invoice(row, moment, fault.number, "FACTURE")


# One invoice.


def seen(call: Call, invoice: Invoice, late: timedelta = timedelta()) -> list[Passage]:
    """The passages that the answer knows, oldest first; none before the index has them."""
    number = invoice.document.number
    passages = invoice.passages_until(call.state.now - late)
    if passages and call.moment.has(Behaviour.ROUTED_FOREVER, number):
        passages = [one for one in passages if one.status in {"DEPOSEE", "EN_COURS_ACHEMINEMENT"}]
    armed = call.moment.find(Behaviour.STATUS_NEW, number) if passages else None
    if armed:
        word = armed.parameter("word", "EN_LITIGE_AMIABLE")
        passages = [*passages, Passage(word, passages[-1].at)]
    return passages


def asked_invoice(call: Call, name: str) -> Invoice:
    """The invoice of an identifier, or « does not exist » (reference §4.2)."""
    invoice = call.state.named(call.mandatory(name))
    if not invoice:
        raise Refusal(20000, "GDP_MSG_11.008")
    return invoice


def consult(call: Call) -> Json:
    """One invoice (reference §2.5)."""
    invoice = asked_invoice(call, "identifiantFactureCPP")
    document, state = invoice.document, call.state
    passages = seen(call, invoice) or invoice.passages[:1]
    supplier, buyer = (state.structures.get(one) for one in (document.supplier, document.buyer))
    tax = Decimal(document.gross) - Decimal(document.net)
    facture = {
        "identifiantFactureCPP": invoice.cpp_id,
        "numeroFacture": document.number,
        "statutFacture": passages[-1].status,
        "modeDepot": invoice.mode,
        "rejetTraite": invoice.acknowledged,
        "destinataire": {
            "idDestinataire": buyer.id if buyer else None,
            "codeDestinataire": document.buyer,
            "designationDestinataire": buyer.name if buyer else None,
            "codeServiceExecutant": document.service or None,
        },
        "fournisseur": {
            "idFournisseur": supplier.id if supplier else None,
            "typeIdentifiantFournisseur": "SIRET",
            "codeFournisseur": document.supplier,
            "designationFournisseur": supplier.name if supplier else None,
        },
        "cadreDeFacturation": {"codeCadreFacturation": FRAMES.get(document.process, FRAMES["A1"])},
        "references": {
            "dateFacture": document.issued,
            "dateDepot": day_of(invoice.deposited),
            "codeDeviseFacture": document.currency,
            "typeFacture": document.kind,
            "numeroMarche": document.market or None,
            "numeroBonCommande": document.engagement or None,
            "numeroFactureOrigine": document.origin or None,
        },
        "montantTotal": {
            "montantHtTotal": Decimal(document.net),
            "montantTVA": tax,
            "montantTtcTotal": Decimal(document.gross),
            "montantAPayer": Decimal(document.payable),
        },
        "listeDesPiecesJointes": {"pieceJointe": invoice.attachments},
        "commentaire": invoice.comment or None,
    }
    shown = forms.of_invoice(_given(facture), call.moment, document.number, document.kind)
    return success(DEPOSITED, facture=shown)


def _given(tree: Json) -> Json:
    """An object without what has no value (reference §2)."""
    pairs = ((k, _given(v) if isinstance(v, dict) else v) for k, v in tree.items())
    return {name: value for name, value in pairs if value is not None}


def history(call: Call) -> Json:
    """The statuses of an invoice, the last one first (reference §2.6)."""
    invoice = asked_invoice(call, "idFacture")
    number = invoice.document.number
    late = timedelta(days=1 if call.moment.has(Behaviour.HISTORY_LATE, number) else 0)
    passages = seen(call, invoice, late) or invoice.passages[:1]
    rows: list[Json] = [
        {
            "histoStatutId": 100 * invoice.rank + rank,
            "histoStatutCode": one.status,
            "histoStatutDatePassage": _minute(one.at),
            **({"histoStatutCommentaire": one.comment} if one.comment else {}),
        }
        for rank, one in enumerate(passages)
    ]
    block = call.block("paramRechercheHistoStatuts")
    rows.sort(
        key=lambda one: one["histoStatutId"],
        reverse=block.get("triSensListeHistoStatut") != "Ascendant",
    )
    size = int(block.get("nbResultatsParPageListeHistoStatut") or 10)
    page = int(block.get("pageResultatDemandeeListeHistoStatut") or 1)
    statuses = {
        "histoStatut": rows[(page - 1) * size : page * size],
        "pageCouranteHistoStatut": page,
        "pagesHistoStatut": -(-len(rows) // size),
        "nbResultatsParPageHistoStatut": size,
        "totalHistoStatut": len(rows),
    }
    answer = success(
        DEPOSITED,
        idFacture=invoice.cpp_id,
        numeroFacture=number,
        modeDepot=invoice.mode,
        statutCourantCode=passages[-1].status,
        historiquesDesStatuts=statuses,
    )
    return forms.of_invoice(answer, call.moment, number, invoice.document.kind)


# Acts of the supplier and of the buyer.


def add_passage(state: State, invoice: Invoice, status: str, comment: str = "") -> None:
    """Let an invoice enter a status now."""
    invoice.passages.append(Passage(status, state.now.isoformat(), comment))
    state.keep_invoice(invoice)


def complete(call: Call) -> Json:
    """Answer a suspension (reference §2.7, §4.2)."""
    invoice = asked_invoice(call, "identifiantFactureCPP")
    if invoice.passages[-1].status != "SUSPENDUE":
        raise Refusal(20002, "GDP_MSG_11.033")
    invoice.attachments += _joined(call)
    invoice.comment = str(call.body.get("commentaire") or "")
    add_passage(call.state, invoice, "COMPLETEE", invoice.comment)
    return _done(call, invoice, dateTraitement=_minute(call.state.now.isoformat()))


def _joined(call: Call) -> list[Json]:
    """The files that an act names, each with designation, type and identifier (reference §2.7)."""
    prefix, rows = "pieceJointeComplementaire", []
    for rank, one in enumerate(call.body.get(prefix) or [], 1):
        given = {name: one.get(prefix + name) for name in ("Designation", "Type", "Id")}
        if not all(given.values()):
            raise Refused(400)
        file = call.state.attachments.get(str(given["Id"]))
        if not file:
            raise Refusal(20003, "GDP_MSG_11.008")
        rows.append(
            {
                "pieceJointeId": given["Id"],
                "pieceJointeIdLiaison": 10 * int(given["Id"]) + rank,
                "pieceJointeDesignation": given["Designation"],
                "pieceJointeTypeCode": given["Type"],
                "pieceJointeTypeLibelle": FILE_TYPES.get(str(given["Type"])),
                "pieceJointeExtension": file["extension"],
            }
        )
    return rows


def file_types(_call: Call) -> Json:
    """The types of a file beside an invoice (reference §2.10)."""
    rows = [
        {"codeTypePieceJointe": code, "libelleTypePieceJointe": text, "typeObjet": "FACTURE"}
        for code, text in FILE_TYPES.items()
    ]
    return success(SEARCHED, listeTypePieceJointe=rows)


def recycle(call: Call) -> Json:
    """Send an invoice to recycle again, to a corrected recipient (reference §2.7)."""
    invoice = asked_invoice(call, "identifiantFactureCPP")
    if invoice.passages[-1].status != "A_RECYCLER":
        raise Refusal(20004, "GDP_MSG_11.001")
    to, reference = call.block("destinataire"), call.block("reference")
    invoice.document = replace(
        invoice.document,
        buyer=to.get("codeDestinataire") or invoice.document.buyer,
        service=to.get("codeServiceExecutant") or invoice.document.service,
        engagement=reference.get("numeroBonCommande") or invoice.document.engagement,
        market=reference.get("numeroMarche") or invoice.document.market,
    )
    for status in ("DEPOSEE", "MISE_A_DISPOSITION"):
        add_passage(call.state, invoice, status)
    day = day_of(call.state.now.isoformat())
    return _done(call, invoice, statutFacture="DEPOSEE", dateDepot=day)


def _done(call: Call, invoice: Invoice, **facts: str) -> Json:
    number, kind = invoice.document.number, invoice.document.kind
    answer = success(DEPOSITED, identifiantFactureCPP=invoice.cpp_id, numeroFacture=number, **facts)
    return forms.of_invoice(answer, call.moment, number, kind)


def acknowledge(call: Call) -> Json:
    """Mark rejections as treated (reference §2.7)."""
    for one in call.mandatory("listeDemandePaiement"):
        invoice = call.state.named(one.get("idDemandePaiement"))
        if not invoice:
            raise Refusal(20000, "GDP_MSG_11.008")
        invoice.acknowledged = True
        call.state.keep_invoice(invoice)
    return success(SEARCHED)


def treat(call: Call) -> Json:
    """A buyer's act (reference §2.10, §3.3)."""
    invoice, status = asked_invoice(call, "idFacture"), call.mandatory("nouveauStatut")
    reason = str(call.body.get("motif") or "")
    if status not in BUYER_TARGETS or (status in {"REJETEE", "SUSPENDUE"} and not reason):
        raise Refusal(20001, "GDP_MSG_11.001")
    buyer_acts(call.state, call.moment, invoice, status, reason)
    return success(
        DEPOSITED,
        idFacture=invoice.cpp_id,
        numeroFacture=invoice.document.number,
        dateTraitement=day_of(call.state.now.isoformat()),
        nouveauStatut=status,
    )


def buyer_acts(state: State, moment: Moment, invoice: Invoice, status: str, reason: str) -> None:
    """Enter the status that a buyer chose, with the ways of a portal that are armed."""
    number = invoice.document.number
    if status == "REJETEE" and moment.has(Behaviour.OTHER_ID, number):
        rank = state.next_id()
        copy = replace(invoice, rank=rank, cpp_id=8_000_000 + rank, copy_of=invoice.rank)
        copy.passages = list(invoice.passages)
        add_passage(state, copy, status, reason)
        return
    add_passage(state, invoice, status, reason)
    if status == "REJETEE" and moment.has(Behaviour.PAID_REJECTED, number):
        add_passage(state, invoice, "MISE_EN_PAIEMENT")


# Files.


def readable_copy(title: str) -> bytes:
    """A PDF of one blank page that bears a title."""
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.docinfo["/Title"] = title
        target = io.BytesIO()
        pdf.save(target, deterministic_id=True)
    return target.getvalue()


def download(call: Call) -> Json:
    """The file of one invoice, or a ZIP of several (reference §2.7)."""
    asked = [call.state.named(one.get("idFacture")) for one in call.mandatory("listeFacture")]
    invoices = [one for one in asked if one]
    if len(invoices) < len(asked):
        raise Refusal(20000, "GDP_MSG_11.008")
    if call.body.get("format", "PDF") not in {"PDF", "PIVOT"}:
        raise Refused(400)
    if call.moment.has(Behaviour.DOWNLOAD_OTHER):
        others = [one for one in call.state.invoices.values() if one not in invoices]
        invoices = others[-1:]
    content = _bundle(call, invoices)
    if call.moment.has(Behaviour.DOWNLOAD_EMPTY):
        return {**success(DEPOSITED), "fichierResultat": ""}
    if call.moment.has(Behaviour.DOWNLOAD_TRUNCATED):
        content = content[: len(content) // 2]
    if call.moment.has(Behaviour.DOWNLOAD_MISSING):
        return success(DEPOSITED)
    return success(DEPOSITED, fichierResultat=base64.b64encode(content).decode())


def _bundle(call: Call, invoices: list[Invoice]) -> bytes:
    files = [call.state.file(one.file) for one in invoices] or [readable_copy("AUTRE")]
    if call.body.get("format") == "PIVOT":
        xml = [re.sub(rb"^\s*<\?xml.*?\?>", b"", embedded_or_self(one)) for one in files]
        return b"<CPPFactures>" + b"".join(xml) + b"</CPPFactures>"
    titles = [one.document.number for one in invoices] or ["AUTRE"]
    pdfs = [
        one if one.startswith(b"%PDF") else readable_copy(str(of))
        for one, of in zip(files, [one.document for one in invoices] or titles, strict=True)
    ]
    if len(pdfs) == 1:
        return pdfs[0]
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for title, pdf in zip(titles, pdfs, strict=True):
            folder = re.sub("[^A-Za-z0-9._-]", "-", title)
            archive.writestr(zipfile.ZipInfo(f"{folder}/{folder}.pdf"), pdf)
    return target.getvalue()


def attach(call: Call) -> Json:
    """Keep an attachment for a later act (reference §2.8)."""
    content = decoded(call.mandatory("pieceJointeFichier"))
    if len(content) > 10_000_000:
        raise Refusal(20003, "GDP_MSG_11.022")
    facts = {
        "name": str(call.mandatory("pieceJointeNom")),
        "extension": str(call.mandatory("pieceJointeExtension")),
    }
    return success(DEPOSITED, pieceJointeId=call.state.keep_attachment(content, **facts))
