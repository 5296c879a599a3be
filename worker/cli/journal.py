"""``journal``: the append-only record, for auditors."""

import json
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated

from worker.audit.dossier.words import french_event
from worker.billing.journal import payload_of
from worker.billing.money import count
from worker.billing.text import harmless
from worker.cli import json_views
from worker.cli.console import DONE, TO_LOOK_AT, json_text, put, put_json, say, show_findings, table
from worker.cli.options import Config, Data, Json, option
from worker.cli.reading import open_reading
from worker.errors import StorageUnavailable, has_blocking
from worker.isolation.files import create_regular
from worker.service.verification import verify as verify_all
from worker.settings.rights import told
from worker.storage import journal
from worker.storage.source_files import imported_files


def show(
    subject: Annotated[
        str | None, option("--subject", "numéro de facture, SIRET/ANNÉE…", "OBJET")
    ] = None,
    last: Annotated[int, option("--last", "les N derniers ; 50 par défaut", "N", min=1)] = 50,
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Affiche les derniers événements."""
    with open_reading(config, data).reading() as session:
        after = 0 if subject else max(journal.head(session).seq - last, 0)
        # A subject has no hidden sign; bytes that are no text could not even be looked for.
        asked = subject and harmless(subject)
        events = list(journal.events(session, subject=asked, after=after))[-last:]
        names = {file.sha256: file.name for _, file in imported_files(session)}
    if as_json:
        put_json(**json_views.events(events))
        return
    table(
        ("n°", "le", "événement", "objet", "par", "contenu"),
        [
            (
                str(event.seq),
                datetime.fromisoformat(event.at),
                french_event(event.tag),
                names.get(event.subject, event.subject),
                event.actor,
                _flat(_named(payload_of(event), names)),
            )
            for event in events
        ],
        right=("n°",),
        narrow=("n°", "le", "événement", "objet", "par"),
    )


def _named(payload: dict[str, object], names: Mapping[str, str]) -> Mapping[str, object]:
    """The same, with the names of the imported files in the place of their hashes."""
    match payload:
        case {"sources": [*hashes]}:
            return payload | {"sources": [names.get(str(one), one) for one in hashes]}
        case _:
            return payload


def _flat(payload: Mapping[str, object]) -> str:
    """A small mapping on one line."""
    return ", ".join(f"{key}={_told(value)}" for key, value in payload.items())


def _told(value: object) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def verify(
    head: Annotated[
        str | None,
        option(
            "--head",
            "empreinte notée auparavant (début suffisant) : doit être dans la chaîne",
            "EMPREINTE",
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        option(
            "--checkpoint",
            "points de contrôle gardés ailleurs (lignes de checkpoints.jsonl), ou jeton "
            "d'horodatage : doivent être dans la chaîne",
            "FICHIER",
        ),
    ] = None,
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> int:
    """Vérifie la chaîne du journal, puis les factures et l'archive contre le journal.

    Modification, suppression, changement d'ordre, montant retouché ou pièce altérée se voient.
    """
    found = verify_all(open_reading(config, data), head, checkpoint)
    if as_json:
        put_json(**json_views.verification(found))
    elif has_blocking(found.findings):
        say(f"ALTÉRATION : {count(len(found.findings), 'anomalie')}.")
        show_findings(found.findings)
    else:
        put(f"Journal intact : {found.end.seq} événements, empreinte finale {found.end.hash}.")
        placed = count(found.checkpoints, "point de contrôle", "points de contrôle")
        put(f"{placed}, dont {count(found.tokens, 'horodaté')} ; tous concordent.")
        put("Factures, états, documents, archive et fichiers importés conformes au journal.")
        put("Chaque facture et chaque avoir se recalculent à l'identique.")
        show_findings(found.findings)
    if not as_json:
        for what in found.uncovered:
            put(f"Non couvert : {what}.")
    return TO_LOOK_AT if has_blocking(found.findings) else DONE


def export(
    to: Annotated[Path | None, option("--to", "sinon la sortie standard", "FICHIER")] = None,
    config: Config = None,
    data: Data = None,
) -> None:
    """Écrit tout le journal, un événement JSON par ligne, vérifiable sans ce programme."""
    with open_reading(config, data).reading() as session:
        lines = map(json_views.event_line, journal.events(session))
        if to is None:
            sys.stdout.writelines(map(json_text, lines))
            return
        try:
            with create_regular(to) as file:
                file.writelines(line.encode() for line in lines)
        except OSError as error:
            raise StorageUnavailable(*told(error, to, writing=True)) from error
    put(f"Journal écrit dans {to}.")
