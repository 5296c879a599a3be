"""Which invoices a search finds, in which order and on which page (reference §2.4)."""

from datetime import datetime, timedelta
from decimal import Decimal

from tests.contract.second_portal import forms
from tests.contract.second_portal.answers import (
    FRAMES,
    SEARCHED,
    Call,
    Json,
    Refused,
    day_of,
    moment_of,
    paged,
    seen,
    success,
)
from tests.contract.second_portal.behaviours import Behaviour
from tests.contract.second_portal.integration import PARIS
from tests.contract.second_portal.state import Invoice, fictitious_siret

TREATABLE = {"DEPOSEE", "EN_COURS_ACHEMINEMENT", "MISE_A_DISPOSITION", "A_RECYCLER", "SUSPENDUE"}


def _index_delay(call: Call, invoice: Invoice) -> timedelta:
    number = invoice.document.number
    for behaviour, hours in ((Behaviour.INDEX_DAYS, 72), (Behaviour.INDEX_HOURS, 6)):
        if armed := call.moment.find(behaviour, number):
            return timedelta(hours=armed.parameter("hours", hours))
    return timedelta(seconds=call.state.settings.index_seconds)


def _row(call: Call, invoice: Invoice) -> Json | None:
    """A line of the search, with the facts that are only searched in `hidden`."""
    document, state = invoice.document, call.state
    passages = seen(call, invoice, _index_delay(call, invoice))
    hidden = call.moment.has(Behaviour.NEVER_SHOWN, document.number)
    if not passages or not invoice.living or hidden:
        return None
    supplier, buyer = (state.structures.get(one) for one in (document.supplier, document.buyer))
    services = buyer.services if buyer else []
    service = next((one for one in services if one.code == document.service), None)
    row = {
        "identifiantFactureCPP": invoice.cpp_id,
        "typeDemandePaiement": "FACTURE",
        "codeFournisseur": document.supplier,
        "typeIdentifiantFournisseur": "SIRET",
        "designationFournisseur": supplier.name if supplier else None,
        "idDestinataire": buyer.id if buyer else None,
        "codeDestinataire": document.buyer,
        "designationDestinataire": buyer.name if buyer else None,
        "idServiceExecutant": service.id if service else None,
        "codeServiceExecutant": document.service,
        "nomServiceExecutant": service.name if service else None,
        "typeFacture": document.kind,
        "numeroFacture": document.number,
        "dateFacture": document.issued,
        "dateDepot": day_of(invoice.deposited),
        "montantHT": Decimal(document.net),
        "montantTTC": Decimal(document.gross),
        "montantAPayer": Decimal(document.payable),
        "devise": document.currency,
        "statut": passages[-1].status,
        "numeroMarche": document.market,
        "numeroBonCommande": document.engagement,
        "numeroFluxDepot": invoice.flux,
        "numeroFactureOrigine": document.origin,
        "modeDepot": invoice.mode,
        "dateHeureEtatCourant": moment_of(passages[-1].at),
        "commentaireEtatCourant": passages[-1].comment,
        "rejetTraite": invoice.acknowledged,
        "taille": len(state.file(invoice.file)) if call.body.get("recupererTaille") else None,
    }
    frame = FRAMES.get(document.process, FRAMES["A1"])
    hidden_facts = {"idFournisseur": supplier.id if supplier else 0, "cadreFacturation": frame}
    shown = {name: value for name, value in row.items() if value not in (None, "")}
    return {**shown, "hidden": hidden_facts}


_EQUAL = (
    "numeroFluxDepot",
    "typeFacture",
    "modeDepot",
    "numeroMarche",
    "numeroBonCommande",
    "numeroFactureOrigine",
    "rejetTraite",
    # No supplier's service, validator or bank account is held: such a filter finds nothing.
    "idServiceFournisseur",
    "idStructureValideur",
    "coordonneeBancaire",
    "idUtilisateurCreateur",
)
_AMOUNTS = {"montantHT": "montantHT", "montantTTC": "montantTTC", "montantApayer": "montantAPayer"}
_DAYS = {"periodeDateDepot": "dateDepot", "periodeDateFacture": "dateFacture"}


def _matches(call: Call, row: Json) -> bool:
    asked = {name: value for name, value in call.body.items() if value not in (None, "", [])}
    owner, frame = asked.get("idFournisseur"), asked.get("cadreFacturation")
    return (
        all(row.get(name) == asked[name] for name in _EQUAL if name in asked)
        and owner in (None, row["hidden"]["idFournisseur"])
        and frame in (None, row["hidden"]["cadreFacturation"])
        and row["statut"] in asked.get("statutCourant", [row["statut"]])
        and _matches_number(call, row)
        and _matches_buyer(call, row)
        and _matches_ranges(call, row)
    )


def _matches_number(call: Call, row: Json) -> bool:
    asked = str(call.body.get("numeroFacture") or "")
    if call.moment.has(Behaviour.NUMBER_CONTAINS):
        return asked in row["numeroFacture"]
    return not asked or asked == row["numeroFacture"]


def _matches_buyer(call: Call, row: Json) -> bool:
    """One of the recipients asked for, or another establishment of its SIREN."""
    asked = call.body.get("listeDestinataire") or []
    sirets = {one.id: one.siret for one in call.state.structures.values()}
    for one in asked:
        siret = sirets.get(one.get("idDestinataire"), "")
        length = 9 if call.body.get("rechercheSirenDestinataire") else 14
        name = str(one.get("raisonSocialeStuctDmd") or "").lower()
        services = one.get("listeIdServiceExecutant") or [row.get("idServiceExecutant")]
        if (
            (not one.get("idDestinataire") or siret[:length] == row["codeDestinataire"][:length])
            and name in str(row.get("designationDestinataire", "")).lower()
            and row.get("idServiceExecutant") in services
        ):
            return True
    return not asked


def _matches_ranges(call: Call, row: Json) -> bool:
    """Amounts and periods; both bounds belong to them."""
    body = call.body
    for asked, name in _AMOUNTS.items():
        low, high = (body.get(asked + bound) for bound in ("Min", "Max"))
        if low is not None and row[name] < Decimal(str(low)):
            return False
        if high is not None and row[name] > Decimal(str(high)):
            return False
    for asked, name in _DAYS.items():
        low, high = (_asked_day(body.get(asked + bound)) for bound in ("Du", "Au"))
        if (low and row[name] < low) or (high and row[name] > high):
            return False
        if high == row[name] and call.moment.has(Behaviour.PERIOD_OPEN):
            return False
    return _matches_state_period(call, row)


def _matches_state_period(call: Call, row: Json) -> bool:
    at = datetime.fromisoformat(row["dateHeureEtatCourant"])
    low, high = (call.body.get("periodeDateHeureEtatCourant" + one) for one in ("Du", "Au"))
    late = timedelta(days=1) if high and len(str(high)) == 10 else timedelta()
    if late and call.moment.has(Behaviour.PERIOD_OPEN):
        late = timedelta()
    return not ((low and at < _asked_instant(low)) or (high and at > _asked_instant(high) + late))


def _asked_instant(text: object) -> datetime:
    """An instant of the request; HTTP 500 for what cannot be read (reference §1.5)."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise Refused(500) from error
    return found if found.tzinfo else found.replace(tzinfo=PARIS)


def _asked_day(text: object) -> str:
    return _asked_instant(text).date().isoformat() if text else ""


def _foreign_rows(call: Call, count: int) -> list[Json]:
    """Invoices of other suppliers; the first has the number that is searched."""
    now = call.state.now.isoformat()
    asked = call.body.get("numeroFacture") or "EXT-0"
    return [
        {
            "identifiantFactureCPP": 9_000_000 + rank,
            "codeFournisseur": fictitious_siret("29990777"),
            "designationFournisseur": "Société fictive étrangère au compte",
            "codeDestinataire": fictitious_siret("29990888"),
            "typeFacture": "FACTURE",
            "numeroFacture": asked if rank == 0 else f"EXT-{rank}",
            "dateFacture": day_of(now),
            "dateDepot": day_of(now),
            "montantHT": Decimal(rank),
            "montantTTC": Decimal(rank),
            "montantAPayer": Decimal(rank),
            "statut": "MISE_EN_PAIEMENT",
            "dateHeureEtatCourant": moment_of(now),
            "numeroFluxDepot": f"CPP0011117{rank:015}",
        }
        for rank in range(count)
    ]


def _sorted(rows: list[Json], block: Json) -> list[Json]:
    """The order that is asked for; newest deposits first by default (reference §2)."""
    column = str(block.get("triColonne") or "DateDepot")
    name = column[:1].lower() + column[1:]
    known = [one for one in rows if name in one]
    unknown = [one for one in rows if name not in one]
    up = (block.get("triSens") or block.get("ordreTriGenerique")) == "Ascendant"
    known.sort(key=lambda one: (one[name], one["identifiantFactureCPP"]), reverse=not up)
    return known + unknown


def _list(call: Call, rows: list[Json], block: Json) -> Json:
    most = int(block.get("nbResultatsMaximum") or call.state.settings.maximum)
    shown, pages = paged(call, _sorted(rows, block), block, most)
    for row in shown:
        row.pop("hidden", None)
    listed = [
        forms.of_invoice(one, call.moment, one["numeroFacture"], one["typeFacture"])
        for one in shown
    ]
    return success(SEARCHED, listeFactures=listed, parametresRetour=pages)


def search(call: Call) -> Json:
    """The invoices that a supplier issued (reference §2.4)."""
    rows = [row for one in call.state.invoices.values() if (row := _row(call, one))]
    if not call.moment.has(Behaviour.FILTERS_IGNORED):
        rows = [one for one in rows if _matches(call, one)]
    block = dict(call.block("rechercheFactureParFournisseur"))
    if foreign := call.moment.find(Behaviour.FOREIGN):
        count = foreign.parameter("count", 2500)
        rows += _foreign_rows(call, count)
        block["nbResultatsMaximum"] = len(rows)
    return _list(call, rows, block)


_SEARCH_ONLY = (
    "commentaireEtatCourant",
    "dateHeureEtatCourant",
    "modeDepot",
    "numeroFactureOrigine",
    "numeroFluxDepot",
    "rejetTraite",
)


def to_treat(call: Call) -> Json:
    """The invoices that a supplier may act on (reference §2.4)."""
    rows = [row for one in call.state.invoices.values() if (row := _row(call, one))]
    wanted = TREATABLE if call.body.get("masquerRejetee") else TREATABLE | {"REJETEE"}
    owner = call.body.get("idStructure")
    rows = [
        one
        for one in rows
        if one["statut"] in wanted and owner in (None, one["hidden"]["idFournisseur"])
    ]
    answer = _list(call, rows, call.block("rechercheFactureATraiterParFournisseur"))
    for row in answer["listeFactures"]:
        for name in _SEARCH_ONLY:
            row.pop(name, None)
    return answer
