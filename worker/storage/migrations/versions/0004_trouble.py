"""What hinders an invoice is a value, where it was read from the French of its detail."""

import re

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SENTENCES = {
    "unknown_word": "Chorus Pro annonce un état inconnu de ce programme : (.*)",
    "incident": "incident technique chez Chorus Pro.*",
    "not_shown_yet": "intégrée selon son compte rendu ; la recherche ne la montre pas encore",
    "interrupted": "interrompu pendant le dépôt : on ne sait pas si le portail l'a reçu",
    "duplicate_refused": "refusée, peut-être parce que le portail en a déjà une copie : (.*)",
    "file_refused": r"le flux \S+ est à l'état (.*)",
    "lot_refused": r"son lot (\S+) a été rejeté en entier : elle sera déposée seule",
    "given_up": r"le flux \S+ est resté sans suite : (.*)",
    "number_taken": r"le numéro \S+ est déjà pris sur le portail par une autre facture \((.*)\)",
}
"""Our sentences of the detail, around the words of the portal or of a person."""
NO_WORD = "aucun"
"""What stood for the word of a portal that said none."""


def upgrade() -> None:
    """Add the column; read each sentence once, and keep only the words that it surrounded."""
    op.execute("ALTER TABLE invoice ADD COLUMN trouble VARCHAR NOT NULL DEFAULT 'none'")
    connection = op.get_bind()
    written = sa.text("UPDATE invoice SET trouble = :trouble, detail = :detail WHERE id = :id")
    rows = connection.execute(sa.text("SELECT id, detail FROM invoice WHERE detail != ''")).all()
    for invoice, sentence in rows:
        for trouble, pattern in SENTENCES.items():
            if match := re.fullmatch(pattern, sentence, re.DOTALL):
                words = "".join(match.groups())
                detail = "" if words == NO_WORD else words
                connection.execute(written, {"trouble": trouble, "detail": detail, "id": invoice})
