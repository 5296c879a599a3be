"""The import file of JVS: a PES of revenue with its own elements; to be tried on its test base.

It is no PES to send: bordereau and title have no number yet, and JVS gives them. What is known of
the layout comes from files that other programs write, not from its editor.
"""

from collections.abc import Sequence

from lxml import etree

from worker.accounting.titles.lines import BY_SIRET, ORDINARY, TitleLine, by_year, titles_of
from worker.accounting.titles.xml import Content, document
from worker.billing.money import Money

ROOT = "{http://www.minefi.gouv.fr/cp/helios/pes_v2/Rev0/aller}PES_Aller"
ELECTRONIC = "01"
"""Support of a piece."""


def files_of(lines: Sequence[TitleLine]) -> dict[str, bytes]:
    """A file for each budget year: a piece for each title, its lines inside."""
    found = by_year(lines)
    return {(name := f"jvs-{year}.xml"): _file(name, found[year]) for year in found}


def _file(name: str, lines: Sequence[TitleLine]) -> bytes:
    first = lines[0]
    seller, day = first.invoice.seller, max(line.invoice.issue_date for line in lines)
    titles = titles_of(lines)
    vat = Money.sum(line.vat for line in lines)
    content: Content = {
        "Enveloppe": {
            "Parametres": {"Version": "2", "TypFic": "PESALR2", "NomFic": name},
            "Emetteur": {"Sigle": "chorus-worker"},
        },
        "EnTetePES": {
            "DteStr": day.isoformat(),
            "IdColl": seller.siret,
            "CodCol": first.parties.body[:3],
            "CodBud": first.parties.budget[:10],
            "LibelleColBud": seller.name,
        },
        "PES_RecetteAller": {
            "EnTeteRecette": {"IdVer": "2", "InfoDematerialisee": "0"},
            "Bordereau": {
                "BlocBordereau": {
                    "Exer": str(first.budget_year),
                    "DteBordEm": day.isoformat(),
                    "TypBord": ORDINARY,
                    "NbrPce": str(len(titles)),
                    "MtBordHt": str(Money.sum(line.net for line in lines)),
                    "MtBordTVA": str(vat) if vat else "",
                },
                "Piece": [_piece(rank, title) for rank, title in enumerate(titles, start=1)],
            },
        },
    }
    return document(etree.Element(ROOT, nsmap={"n": ROOT[1:].partition("}")[0]}), content)


def _piece(rank: int, lines: Sequence[TitleLine]) -> Content:
    first = lines[0]
    piece: Content = {
        "Support": ELECTRONIC,
        "IdUnique": first.invoice.number,
        "NomPJ": first.piece_name,
    }
    return {
        "BlocPiece": {
            "IdPce": str(rank),
            "TypPce": ORDINARY,
            "NatPce": first.nature,
            "DteAsp": first.invoice.issue_date.isoformat(),
            "Edition": first.edition.value,
            "ObjPce": first.title_subject,
            "PJRef": [piece] if first.piece else [],
            "NumeroFacture": first.invoice.number,
            "NumeroEngagement": first.invoice.engagement,
            "CodeService": first.invoice.service_code,
        },
        "LigneDePiece": [_line(line) for line in lines],
    }


def _line(line: TitleLine) -> Content:
    buyer = line.invoice.buyer
    return {
        "BlocLignePiece": {
            "InfoLignePiece": {
                "IdLigne": str(line.rank),
                "ObjLignePce": line.subject,
                "CodProdLoc": line.mapping.local_product[:4],
                "Nature": line.mapping.article,
                "Fonction": line.mapping.function,
                "Operation": line.mapping.operation,
                "TxTva": f"{line.rate:f}" if line.vat else "",
                "Majo": "0",
                "TvaIntraCom": "0",
                "MtHT": str(line.net),
                "MtTVA": str(line.vat) if line.vat else "",
                "JVS_FAC_NumeroFacture": line.invoice.number,
                "JVS_LFAC_Date": line.first_day.isoformat(),
                "JVS_LFAC_DateFin": line.last_day.isoformat(),
                "JVS_LFAC_Libelle": line.subject,
                "JVS_LFAC_MtBase": str(line.net),
                "JVS_LFAC_Ordre": str(line.rank),
            }
        },
        "Tiers": {
            "InfoTiers": {
                "IdTiers": buyer.siret,
                "NatIdTiers": BY_SIRET,
                "CatTiers": line.parties.party_category,
                "NatJur": line.parties.party_legal_nature,
                "TypTiers": line.parties.party_type,
                "Nom": line.party_name,
            },
            "Adresse": {
                "Adr1": buyer.address.line1[:38],
                "Adr2": buyer.address.line2[:38],
                "CP": buyer.address.postcode,
                "Ville": buyer.address.city[:38],
            },
        },
    }
