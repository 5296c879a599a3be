"""The supplier's files: added, typed, and what an invoice may carry (§2.8, §2.10, §5)."""

from typing import Final

from chorus_sandbox.routes.calls import DONE, Call, Refusal, success

LARGEST_ATTACHMENT: Final = 10 * 1024 * 1024
"""Most bytes of one attachment, once decoded (§5)."""

TYPES: Final = {"01": "Piece justificative", "02": "Bon de livraison", "99": "Autre"}
"""Codes of ``recuperer/typespj``; the real list is not recorded, labels say so."""

_LONGEST_NAME = 50
_EXTENSIONS = (
    "BMP GIF FAX ODT PPT TIFF XLS BZ2 GZ JPEG P7S RTF TXT XML CSV GZIP JPG PDF SVG XHTML XLSX DOC"
    " HTM ODP PNG TGZ XLC ZIP DOCX HTML ODS PPS TIF XLM PPTX"
)


def add(call: Call) -> dict[str, object]:
    """``transverses/v1/ajouter/fichier``: keeps a file and gives its ``pieceJointeId``."""
    name = call.body.mandatory_text("pieceJointeNom")
    media_type = call.body.mandatory_text("pieceJointeTypeMime")
    extension = call.body.mandatory_text("pieceJointeExtension").upper()
    too_large = Refusal(20003, "SIMULE - Piece jointe de plus de 10 Mo")
    content = call.body.mandatory_bytes(
        "pieceJointeFichier", most=LARGEST_ATTACHMENT, too_large=too_large
    )
    if len(name) > _LONGEST_NAME or not name.upper().endswith(f".{extension}"):
        text = f"Nom de plus de {_LONGEST_NAME} caracteres, ou d'une autre extension"
        raise Refusal(20001, f"SIMULE - {text}")
    if extension not in _EXTENSIONS.split():
        raise Refusal(20002, "SIMULE - Extension non admise")
    identifier = call.ledger.attachments.add(
        content, name=name, media_type=media_type, extension=extension
    )
    return success(DONE, pieceJointeId=identifier)


def types(call: Call) -> dict[str, object]:
    """``transverses/v1/recuperer/typespj``: what an attachment of an invoice may be."""
    if call.body.text("typeObjet") not in (None, "FACTURE"):
        raise Refusal(20000, "SIMULE - Type d'objet non simule")
    return success(
        DONE,
        listeTypePieceJointe=[
            {
                "codeTypePieceJointe": code,
                "libelleTypePieceJointe": f"SIMULE - {label}",
                "idTypePieceJointe": int(code),
                "typeObjet": "FACTURE",
            }
            for code, label in TYPES.items()
        ],
    )
