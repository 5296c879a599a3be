"""``documents export``, ``documents portal`` and ``validate``: the papers themselves."""

from pathlib import Path
from typing import Annotated

import typer

from worker.billing.money import count
from worker.cli.console import (
    DONE,
    TO_LOOK_AT,
    Config,
    Json,
    Number,
    Year,
    finding_json,
    harmless,
    put,
    put_json,
    show_findings,
)
from worker.cli.typer_french import FrenchCommand, FrenchGroup

UNREADABLE = 2
documents_app = typer.Typer(
    cls=FrenchGroup, rich_markup_mode=None, help="les documents émis", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(documents_app, name="documents")
    app.command("validate", cls=FrenchCommand)(validate)


@documents_app.command("export", cls=FrenchCommand)
def export(
    year: Year,
    to: Annotated[
        Path, typer.Option("--to", metavar="DOSSIER", help="où écrire", show_default=False)
    ],
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Écrit les documents d'une année, un dossier par facture, tels qu'ils ont été émis."""
    from worker.audit.documents import export_year
    from worker.service.app import open_app
    from worker.settings.loading import find_config

    app = open_app(find_config(config))
    exported = export_year(app.store, year, to)
    if as_json:
        put_json(folder=str(to), invoices=exported)
        return
    folders = count(len(exported), "dossier écrit")
    put(f"{folders} dans {to} (année {year}), un par facture ou avoir.")


@documents_app.command("portal", cls=FrenchCommand)
def portal(
    number: Number,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", metavar="FICHIER", help="y écrire le document du portail", show_default=False
        ),
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Compare une facture à ce que Chorus Pro en détient, et l'y télécharge.

    Code de sortie : 0 tout concorde, 1 quelque chose diffère.
    """
    from worker.audit.documents import write_file
    from worker.audit.portal_copy import differences
    from worker.errors import Refused
    from worker.service.bootstrap import open_portal, open_verified
    from worker.settings.loading import find_config
    from worker.storage import invoices

    app = open_verified(find_config(config))
    with app.reading() as session:
        invoice = invoices.named(session, number)
        ours = invoices.content(session, invoice.id) if invoice.number else None
    if ours is None or invoice.portal_id is None:
        raise Refused(
            f"Aucun identifiant de Chorus Pro n'est connu pour {number} ({invoice.french_status}).",
            "Tapez « show » pour voir où en est son dépôt.",
        )
    with open_portal(app) as chorus:
        chorus.sign_in()
        held = chorus.held(invoice.portal_id)
        content = chorus.download(invoice.portal_id) if to is not None else b""
    if to is not None:
        write_file(to, content)
    found = differences(held, ours)
    if as_json:
        put_json(
            ok=not found,
            number=number,
            cpp_id=int(held.portal_id),
            status=held.raw_status,
            attachments=list(held.attachments),
            file=str(to) if to else None,
            findings=[finding_json(finding) for finding in found],
        )
    else:
        put(f"Chorus Pro détient {number} sous l'identifiant {held.portal_id} : {held.raw_status}.")
        if held.raw_status != invoice.portal_status:
            put(
                f"Nos livres en sont à {invoice.portal_status} : la prochaine lecture des "
                "nouvelles (« follow ») les mettra à jour."
            )
        if held.attachments:
            put(f"Pièces jointes : {', '.join(harmless(name) for name in held.attachments)}.")
        if to is not None:
            put(f"Document du portail : {harmless(str(to))} ({count(len(content), 'octet')}).")
        put(
            "Ce qu'il en dit diffère de nos livres :" if found else "Tout concorde avec nos livres."
        )
        show_findings(found)
    raise typer.Exit(TO_LOOK_AT if found else DONE)


def validate(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FICHIER...", help="UBL, CII ou Factur-X", show_default=False),
    ],
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            metavar="PROFIL",
            help="chorus : aussi les règles de Chorus Pro",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Contrôle des factures électroniques, les nôtres ou non.

    Code de sortie : 0 valides, 1 invalides ou non concluants, 2 illisibles.
    """
    from dataclasses import replace

    from worker.validation.files.verdict import Verdict, validate_file
    from worker.validation.official.service import ValidationService

    codes = {
        Verdict.VALID: DONE,
        Verdict.INVALID: TO_LOOK_AT,
        Verdict.INCONCLUSIVE: TO_LOOK_AT,
        Verdict.UNREADABLE: UNREADABLE,
    }
    words = {
        Verdict.VALID: "valide",
        Verdict.INVALID: "INVALIDE",
        Verdict.INCONCLUSIVE: "NON CONCLUANT",
        Verdict.UNREADABLE: "ILLISIBLE",
    }
    with ValidationService() as service:
        results = [validate_file(file, service, profile) for file in files]
    if as_json:
        put_json(
            ok=all(result.verdict is Verdict.VALID for result in results),
            files=[
                {
                    "file": str(file),
                    "verdict": result.verdict.value,
                    "kind": result.kind.name.lower() if result.kind else None,
                    "checks": [
                        {
                            "rule_set": report.rule_set.name,
                            "version": report.rule_set.version,
                            "sha256": report.rule_set.sha256,
                            "valid": report.valid,
                        }
                        for report in result.reports
                    ],
                    "unchecked": [left.name.lower() for left in result.unchecked],
                    "findings": [finding_json(finding) for finding in result.findings],
                }
                for file, result in zip(files, results, strict=True)
            ],
        )
    else:
        for file, result in zip(files, results, strict=True):
            rules = ", ".join(
                f"{report.rule_set.name} {report.rule_set.version}" for report in result.reports
            )
            kind = f" ({result.kind.value})" if result.kind else ""
            passed = f" — {rules}" if rules else ""
            put(f"{harmless(str(file))}{kind} : {words[result.verdict]}{passed}")
            if result.unchecked:
                put(f"  non contrôlé ici : {' ; '.join(result.unchecked)}")
            show_findings(
                [
                    replace(found, message=f"{found.code} : {found.message}")
                    for found in result.findings
                ]
            )
    raise typer.Exit(max(codes[result.verdict] for result in results))
