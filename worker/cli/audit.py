"""``audit``: what an auditor asks of the books."""

from typing import Annotated

from worker.audit.explanation import explain as explain_document
from worker.cli import json_views
from worker.cli.console import DONE, TO_LOOK_AT, put, put_json
from worker.cli.explanation import lines_of
from worker.cli.options import Config, Data, Json, argument, option
from worker.cli.reading import open_reading


def explain(
    number: Annotated[str, argument("NUMÉRO", "numéro de la facture ou de l'avoir")],
    line: Annotated[str | None, option("--line", "cette ligne seule", "LIGNE")] = None,
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> int:
    """Explique un montant : lignes, mois, fichiers importés, abonnements, grille.

    Chaque étape est celle du calcul d'origine, figée avec l'état détaillé ; les fichiers sont
    nommés avec leur ligne, et qui les a importés. Le document est recalculé pour finir : une
    différence est dite, et le code de retour est alors 1.
    """
    with open_reading(config, data).reading() as session:
        asked = explain_document(session, number, line)
    if as_json:
        put_json(**json_views.explained(asked))
    else:
        for text in lines_of(asked):
            put(text)
    return TO_LOOK_AT if asked.findings else DONE
