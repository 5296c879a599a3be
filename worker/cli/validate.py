"""``validate``: electronic invoices of anybody, checked."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from worker.cli import json_views
from worker.cli.console import DONE, TO_LOOK_AT, put, put_json, show_findings
from worker.cli.options import Json, argument, option
from worker.validation.files.verdict import FileVerdict, Verdict, validate_file
from worker.validation.official.service import ValidationService

UNREADABLE = 2
SAID = {
    Verdict.VALID: ("valide", DONE),
    Verdict.INVALID: ("INVALIDE", TO_LOOK_AT),
    Verdict.INCONCLUSIVE: ("NON CONCLUANT", TO_LOOK_AT),
    Verdict.UNREADABLE: ("ILLISIBLE", UNREADABLE),
}
"""The word and the exit code of each verdict."""


def validate(
    files: Annotated[list[Path], argument("FICHIER...", "UBL, CII ou Factur-X")],
    profile: Annotated[
        str | None, option("--profile", "chorus : aussi les règles de Chorus Pro", "PROFIL")
    ] = None,
    strict: Annotated[
        bool, option("--strict", "refuser aussi un montant que seuls nos contrôles trouvent faux")
    ] = False,
    as_json: Json = False,
) -> int:
    """Contrôle des factures électroniques, les nôtres ou non.

    Code de sortie : 0 valides, 1 invalides ou non concluants, 2 illisibles.
    """
    with ValidationService() as service:
        results = [validate_file(file, service, profile, strict=strict) for file in files]
    code = max(SAID[result.verdict][1] for result in results)
    if as_json:
        put_json(**json_views.validated(results, ok=code == DONE))
    else:
        for result in results:
            _show(result)
    return code


def _show(result: FileVerdict) -> None:
    rules = ", ".join(f"{one.rule_set.name} {one.rule_set.version}" for one in result.reports)
    kind = f" ({result.kind.value})" if result.kind else ""
    passed = f" — {rules}" if rules else ""
    put(f"{result.path}{kind} : {SAID[result.verdict][0]}{passed}")
    if result.unchecked:
        put(f"  non contrôlé ici : {' ; '.join(result.unchecked)}")
    show_findings(
        [replace(found, message=f"{found.code} : {found.message}") for found in result.findings]
    )
