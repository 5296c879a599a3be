"""``documents export`` and ``validate``: the papers themselves."""

from pathlib import Path
from typing import Annotated

import typer

from worker.cli.console import (
    DONE,
    TO_LOOK_AT,
    Config,
    Json,
    Year,
    finding_json,
    harmless,
    put,
    put_json,
    show_findings,
)
from worker.cli.french import FrenchCommand, FrenchGroup
from worker.money import count

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
    from worker.books import open_books
    from worker.configuration import find_config
    from worker.export import export_year

    books = open_books(find_config(config))
    exported = export_year(books.store, year, to)
    if as_json:
        put_json(folder=str(to), invoices=exported)
        return
    folders = count(len(exported), "dossier écrit")
    put(f"{folders} dans {to} (année {year}), un par facture ou avoir.")


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

    from worker.validation.files import Verdict, validate_file
    from worker.validation.service import ValidationService

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
