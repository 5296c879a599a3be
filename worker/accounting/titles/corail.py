"""The import file of Cosoluce Corail, ``ImportCosoluce``: to be tried on its test base first.

What is known of the layout comes from files that other programs write, not from its editor. The
pieces stand in the folder ``PJ`` that ``CheminRelatif`` names.
"""

from collections.abc import Sequence

from lxml import etree

from worker.accounting.titles.lines import LONGEST_NAME, TitleLine, by_year, titles_of
from worker.accounting.titles.xml import Content, document

PIECES = "PJ"
"""The folder of the pieces."""
ORIGIN = "chorus-worker"
DEBTOR = "D"
"""Of the party of a title of revenue."""


def files_of(lines: Sequence[TitleLine]) -> dict[str, bytes]:
    """A file for each budget year: a piece for each title, with its lines."""
    return {f"corail-{year}.xml": _file(of_year) for year, of_year in by_year(lines).items()}


def _file(lines: Sequence[TitleLine]) -> bytes:
    first = lines[0]
    content: Content = {
        "Information": {
            "NomCollectivite": first.invoice.seller.name,
            "Exercice": str(first.budget_year),
            "Origine": ORIGIN,
            "DateFichier": f"{first.invoice.issue_date:%Y%m%d}",
        },
        "TypePieceImport": {
            "TypePiece": "Pièce EnCours",
            "Sens": "R",
            "Piece": [_piece(title) for title in titles_of(lines)],
        },
    }
    return document(etree.Element("ImportCosoluce"), content)


def _piece(lines: Sequence[TitleLine]) -> Content:
    first = lines[0]
    invoice, buyer, parties = first.invoice, first.invoice.buyer, first.parties
    information: Content = {
        "TypeSerieBordereau": "N",
        "TypeEcriture": "R",
        "TrainPiece": "Facturation",
        "Tiers": {
            "InfoTiers": {
                "IdTiers": buyer.siret,
                "CatTiers": parties.party_category,
                "NatJur": parties.party_legal_nature,
                "TypeTiers": DEBTOR,
                "RaisonSociale": first.party_name,
                "Nom": first.party_name,
            },
            "Adresse": {
                "AdresseEtranger": "N",
                "Rue": buyer.address.line1[:LONGEST_NAME],
                "CP": buyer.address.postcode,
                "Ville": buyer.address.city[:LONGEST_NAME],
            },
        },
        "DatePiece": f"{invoice.issue_date:%Y%m%d}",
        "Objet": first.title_subject,
        "TypePiecePES": "01",
        "NaturePiecePES": first.nature,
        "PesASAP": first.edition.value,
        "ASAPEnteteFacturation": {
            "ASAPObjet": first.title_subject,
            "ASAPDateDebut": f"{min(line.first_day for line in lines):%Y%m%d}",
            "ASAPDateFin": f"{max(line.last_day for line in lines):%Y%m%d}",
        },
    }
    piece: Content = {
        "NomPJ": first.piece_name,
        "IDPJInterne": invoice.number,
        "CheminRelatif": f"{PIECES}\\",
        "TransmettreAHelios": "O",
    }
    return {
        "InfoPiece": information,
        "PJ": [piece] if first.piece else [],
        "LignePiece": [_line(line) for line in lines],
        "ASAPLigneFacturation": [_detail(line) for line in lines],
    }


def _line(line: TitleLine) -> Content:
    return {
        "Article": line.mapping.article,
        "Fonction": line.mapping.function,
        "MontantHT": str(line.net),
        "MontantTVA": str(line.vat) if line.vat else "",
        "CodeProduit": line.mapping.local_product,
    }


def _detail(line: TitleLine) -> Content:
    return {
        "ASAPLibelleLigne": line.subject,
        "ASAPQuantite": "1",
        "ASAPPrixUnitaire": str(line.net),
        "ASAPMontantHT": str(line.net),
    }
