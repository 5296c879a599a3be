"""``mail``: the members are written, each once."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

from worker.billing.money import count
from worker.billing.sent_mail import MailKind
from worker.cli import json_mail
from worker.cli.console import DONE, TO_LOOK_AT, put, put_json, say, show_findings, table
from worker.cli.options import Config, Json, Year, option
from worker.errors import Finding, FindingGroup, WrongUse
from worker.mailing.letters import letters
from worker.mailing.sending import Done, Result, receive, send, write_files
from worker.service.opening import open_app

FRENCH: dict[Result, str] = {
    Result.SENT: "envoyé",
    Result.WRITTEN: "écrit, pas envoyé",
    Result.ALREADY: "déjà envoyé",
    Result.LATER: "à renvoyer plus tard",
    Result.REFUSED: "refusé",
    Result.UNCERTAIN: "incertain",
    Result.UNDER_WAY: "en cours d'envoi",
    Result.WITHOUT_ADDRESS: "sans adresse",
    Result.NO_PIECE: "pièce jointe illisible",
}

_MANY: dict[Result, str] = {
    Result.SENT: "envoyés",
    Result.WRITTEN: "écrits, pas envoyés",
    Result.ALREADY: "déjà envoyés",
    Result.REFUSED: "refusés",
    Result.UNCERTAIN: "incertains",
    Result.NO_PIECE: "pièces jointes illisibles",
}
"""Of several messages, where that is another word."""

_SIRET = re.compile(r"\b\d{14}\b")

Folder = Annotated[
    Path | None,
    option("--dry-run", "écrit des fichiers .eml au lieu d'envoyer", "DOSSIER"),
]
Again = Annotated[
    list[str] | None,
    option("--again", "renvoie à ce membre, à lui seul ; peut être répété", "SIRET"),
]
Received = Annotated[
    str | None,
    option("--received", "ce membre l'a reçu, par un autre moyen au besoin", "SIRET"),
]
WhyReceived = Annotated[
    str | None, option("--reason", "avec --received : pourquoi ; gardé au journal", "TEXTE")
]


def references(
    year: Year,
    dry_run: Folder = None,
    again: Again = None,
    received: Received = None,
    reason: WhyReceived = None,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Demande à chaque membre, par courriel, ce que sa facture doit porter."""
    return _mail(MailKind.REFERENCES, year, dry_run, again, received, reason, config, as_json)


def statements(
    year: Year,
    dry_run: Folder = None,
    again: Again = None,
    received: Received = None,
    reason: WhyReceived = None,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Envoie à chaque membre, par courriel, l'état détaillé de son année."""
    return _mail(MailKind.STATEMENTS, year, dry_run, again, received, reason, config, as_json)


def _mail(
    kind: MailKind,
    year: int,
    folder: Path | None,
    again: list[str] | None,
    received: str | None,
    reason: str | None,
    config: Path | None,
    as_json: bool,
) -> int:
    app = open_app(config, writes=folder is None)
    if received is not None:
        if folder is not None or again or reason is None:
            raise WrongUse(
                "--received va avec --reason, et avec rien d'autre.",
                f'Tapez : mail {kind.value} {year} --received {received} --reason "…".',
            )
        receive(app, kind, year, received, reason)
        if as_json:
            put_json(**json_mail.received(kind, year, received))
        else:
            put(f"Noté : {received} a ce qui lui était écrit pour {year}.")
        return DONE
    found, unreadable = letters(app, kind, year, again or ())
    steps = (
        send(app, kind, year, found, again=bool(again))
        if folder is None
        else write_files(app, kind, year, found, folder, again=bool(again))
    )
    done = list(_told(steps, len(found)))
    findings = [finding for one in done for finding in one.letter.findings] + list(unreadable)
    ok = not findings and all(one.result.is_done for one in done)
    if as_json:
        put_json(**json_mail.mails(kind, year, done, findings, folder, ok=ok))
    else:
        _show(done, findings, kind, year, folder)
    return DONE if ok else TO_LOOK_AT


def _told(steps: Iterable[Done], total: int) -> Iterator[Done]:
    """Each message as its outcome is known, on standard error."""
    for rank, one in enumerate(steps, start=1):
        if one.result not in {Result.ALREADY, Result.WRITTEN, Result.WITHOUT_ADDRESS}:
            why = " ".join(part for part in (one.code, one.said) if part)
            say(f"{rank}/{total}  {FRENCH[one.result]} : {one.letter.name}{why and f' ({why})'}")
        yield one


def _show(
    done: list[Done], findings: list[Finding], kind: MailKind, year: int, folder: Path | None
) -> None:
    if not done:
        put(f"Personne à qui écrire pour {year}.")
        return
    table(
        ("membre", "SIRET", "courriel"),
        [(one.letter.name, one.letter.siret, _result(one)) for one in done],
    )
    numbers = Counter(one.result for one in done)
    put("")
    put(f"{count(len(done), 'membre')} : " + ", ".join(_numbers(numbers)) + ".")
    if folder is not None:
        where = f" : les courriels sont dans {folder}" if numbers[Result.WRITTEN] else " ni écrit"
        put(f"Rien n'est parti{where}.")
    show_findings(grouped(findings), "À voir")
    if numbers[Result.UNCERTAIN]:
        say(
            "Un courriel incertain est parti sans que le serveur réponde : demandez au membre s'il "
            f"l'a. Oui : mail {kind.value} {year} --received SIRET --reason « … ». Non : --again."
        )


def grouped(findings: Iterable[Finding]) -> list[Finding | FindingGroup]:
    """The findings, those of one message told once: for which members, and what to type for each.

    A command names its member: of several, the word that stands for each is in its place.
    """
    same: dict[tuple[str, str], list[Finding]] = {}
    for one in findings:
        same.setdefault((one.code, one.message), []).append(one)
    return [
        found[0]
        if len(found) == 1
        else FindingGroup(
            code=code,
            count=len(found),
            message=message,
            remedy=_SIRET.sub("SIRET", found[0].remedy),
            severity=found[0].severity,
            where=f"{count(len(found), 'membre')}, {', '.join(one.where for one in found)}",
        )
        for (code, message), found in same.items()
    ]


def _result(one: Done) -> str:
    return f"{FRENCH[one.result]} ({one.code})" if one.code else FRENCH[one.result]


def _numbers(numbers: Counter[Result]) -> Iterator[str]:
    for result in Result:
        if number := numbers[result]:
            yield f"{number} {_MANY.get(result, FRENCH[result]) if number > 1 else FRENCH[result]}"
