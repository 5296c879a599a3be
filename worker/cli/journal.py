"""``journal``: the append-only record, for auditors."""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from worker.billing.money import count
from worker.cli.console import (
    TO_LOOK_AT,
    Config,
    Json,
    finding_json,
    put,
    put_json,
    say,
    show_findings,
    table,
)
from worker.cli.typer_french import FrenchCommand, FrenchGroup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.billing.journal import JournalEvent

journal_app = typer.Typer(
    cls=FrenchGroup, rich_markup_mode=None, help="le journal, en ajout seul", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(journal_app, name="journal")


@journal_app.command("show", cls=FrenchCommand)
def show(
    subject: Annotated[
        str | None,
        typer.Option(
            "--subject", metavar="OBJET", help="numéro de facture, SIRET/ANNÉE…", show_default=False
        ),
    ] = None,
    last: Annotated[
        int,
        typer.Option(
            "--last", metavar="N", help="les N derniers ; 50 par défaut", min=1, show_default=False
        ),
    ] = 50,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Affiche les derniers événements."""
    import json

    from worker.cli.console import flat
    from worker.service.app import open_app
    from worker.settings.loading import find_config
    from worker.storage import journal

    app = open_app(find_config(config))
    with app.reading() as session:
        after = 0 if subject else max(journal.head(session).seq - last, 0)
        events = list(journal.events(session, subject=subject, after=after))[-last:]
    if as_json:
        put_json(
            events=[
                {
                    "seq": event.seq,
                    "at": event.at,
                    "actor": event.actor,
                    "tag": event.tag,
                    "subject": event.subject,
                    "payload": json.loads(event.payload),
                    "hash": event.hash,
                }
                for event in events
            ]
        )
        return
    table(
        ("n°", "le (UTC)", "événement", "objet", "par", "contenu"),
        [
            (
                str(event.seq),
                event.at[:19].replace("T", " "),
                event.tag,
                event.subject[:24],
                event.actor,
                flat(json.loads(event.payload)),
            )
            for event in events
        ],
        right=("n°",),
    )


@journal_app.command("verify", cls=FrenchCommand)
def verify(
    head: Annotated[
        str | None,
        typer.Option(
            "--head",
            metavar="EMPREINTE",
            help="empreinte notée auparavant (début suffisant) : doit être dans la chaîne",
            show_default=False,
        ),
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Vérifie la chaîne du journal, puis les factures et l'archive contre le journal.

    Modification, suppression, changement d'ordre, montant retouché ou pièce altérée se voient.
    """
    from worker.audit.verification import verify_books
    from worker.billing.journal import verify as verify_chain
    from worker.errors import Finding, WrongUse
    from worker.service.app import open_app
    from worker.settings.loading import find_config
    from worker.storage import journal

    if head is not None and not re.fullmatch(r"[0-9a-f]{16,64}…?", head.strip().lower()):
        raise WrongUse(
            "L'empreinte donnée à --head ne convient pas.",
            "Recopiez au moins ses 16 premiers caractères (chiffres et lettres de a à f).",
        )
    app = open_app(find_config(config))
    known = head is None
    with app.reading() as session:
        end = journal.head(session)

        def watched() -> "Iterator[JournalEvent]":
            nonlocal known
            for event in journal.events(session):
                known = known or event.hash.startswith(str(head).strip().rstrip("…").lower())
                yield event

        findings = verify_chain(watched(), end)
    findings += verify_books(app.store)
    if not known:
        findings += (
            Finding(
                code="JOURNAL-HEAD",
                message=f"l'empreinte {head} n'est plus dans le journal",
                remedy="La fin du journal a été coupée ou réécrite : comparez à une sauvegarde.",
            ),
        )
    if as_json:
        put_json(
            ok=not findings,
            events=end.seq,
            head=end.hash,
            findings=[finding_json(finding) for finding in findings],
        )
    elif findings:
        say(f"ALTÉRATION : {count(len(findings), 'anomalie')}.")
        show_findings(findings)
    else:
        put(f"Journal intact : {end.seq} événements, empreinte finale {end.hash}.")
        put("Factures, états, documents et archive conformes au journal.")
    raise typer.Exit(TO_LOOK_AT if findings else 0)


@journal_app.command("export", cls=FrenchCommand)
def export(
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", metavar="FICHIER", help="sinon la sortie standard", show_default=False
        ),
    ] = None,
    config: Config = None,
) -> None:
    """Écrit tout le journal, un événement JSON par ligne, vérifiable sans ce programme."""
    import json
    from dataclasses import asdict

    from worker.errors import StorageUnavailable
    from worker.service.app import open_app
    from worker.settings.loading import find_config
    from worker.storage import journal

    app = open_app(find_config(config))
    with app.reading() as session:
        lines = (
            json.dumps(asdict(event), ensure_ascii=False, sort_keys=True) + "\n"
            for event in journal.events(session)
        )
        if to is None:
            sys.stdout.writelines(lines)
            return
        try:
            with to.open("w", encoding="utf-8") as file:
                file.writelines(lines)
        except OSError as error:
            raise StorageUnavailable(
                f"Impossible d'écrire {to} : {error.strerror}.", "Vérifiez la place et les droits."
            ) from error
    put(f"Journal écrit dans {to}.")
