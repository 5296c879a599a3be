"""``contacts``: personal data shown, given, corrected, erased (C11)."""

import json
from pathlib import Path
from typing import Annotated

from worker.billing.money import count
from worker.billing.period import french_time
from worker.cli import json_mail, json_views
from worker.cli.console import put, put_json, table
from worker.cli.options import Config, Data, DryRun, Json, Reason, Siret, option
from worker.cli.reading import open_reading
from worker.errors import StorageUnavailable
from worker.isolation.files import replace_regular
from worker.mailing import contacts
from worker.mailing.contacts import ContactRecord
from worker.service.opening import open_app
from worker.settings.rights import told
from worker.storage.migration import copies_beside

MAILS = {"references": "références", "statements": "état détaillé"}
STATES = {
    "intended": "sans réponse",
    "sent": "envoyé",
    "refused": "refusé",
    "later": "pas pris",
    "uncertain": "incertain",
    "received": "reçu, dit par une personne",
}


def show(siret: Siret, config: Config = None, data: Data = None, as_json: Json = False) -> None:
    """Affiche ce qui est gardé du contact d'un membre."""
    with open_reading(config, data).reading() as session:
        found = contacts.record(session, siret)
    if as_json:
        put_json(**json_mail.contact_record(found))
    else:
        _show(found)


def export(
    siret: Siret,
    to: Annotated[Path, option("--to", "où écrire, en JSON", "FICHIER")],
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Écrit ce qui est gardé du contact d'un membre, pour le lui remettre."""
    with open_reading(config, data).reading() as session:
        found = contacts.record(session, siret)
    text = json.dumps(
        json_mail.contact_record(found), default=json_views.plain, ensure_ascii=False, indent=2
    )
    try:
        replace_regular(to, f"{text}\n".encode())
    except OSError as error:
        raise StorageUnavailable(*told(error, to, writing=True)) from error
    if as_json:
        put_json(**json_views.table_file(to, len(found.versions)))
    else:
        put(f"{to} : {count(len(found.versions), 'version')} du contact de {found.member_name}.")


def correct(
    siret: Siret,
    name: Annotated[str | None, option("--name", "nom du contact", "NOM")] = None,
    email: Annotated[str | None, option("--email", "adresse de courriel", "ADRESSE")] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Corrige le nom ou l'adresse du contact d'un membre."""
    changed = contacts.correct(open_app(config, writes=True), siret, name=name, email=email)
    if as_json:
        put_json(**json_mail.corrected(siret, changed))
    elif changed:
        french = {"name": "nom", "email": "adresse"}
        put(f"Contact de {siret} : {' et '.join(french[one] for one in changed)} à jour.")
    else:
        put(f"Contact de {siret} : c'est déjà ce qui est gardé, rien n'a changé.")


def erase(siret: Siret, reason: Reason, config: Config = None, as_json: Json = False) -> None:
    """Efface pour de bon ce qui est gardé du contact d'un membre."""
    app = open_app(config, writes=True)
    erased = contacts.erase(app, siret, reason)
    copies = copies_beside(app.store.engine) if erased else ()
    if as_json:
        put_json(**json_mail.erased({siret: erased} if erased else {}, copies, dry_run=False))
        return
    if not erased:
        put(f"Rien n'est gardé du contact de {siret}.")
        return
    put(f"Contact de {siret} effacé : {count(erased, 'version')}.")
    for copy in copies:
        put(f"Une copie de la base l'a peut-être encore : {copy}")
    put("Vos sauvegardes l'ont jusqu'à leur propre fin ; le fichier des membres, chez vous, aussi.")


def purge(dry_run: DryRun = False, config: Config = None, as_json: Json = False) -> None:
    """Efface les contacts qui n'ont pas servi depuis trois ans (contacts.keep_years)."""
    gone = contacts.purge(open_app(config, writes=not dry_run), commit=not dry_run)
    if as_json:
        put_json(**json_mail.erased(gone, (), dry_run=dry_run))
        return
    if not gone:
        put("Aucun contact n'est à effacer.")
        return
    table(
        ("SIRET", "versions"),
        [(siret, str(number)) for siret, number in gone.items()],
        ("versions",),
    )
    put(f"{count(len(gone), 'contact')} {'à effacer' if dry_run else 'effacés ou allégés'}.")


def _show(found: ContactRecord) -> None:
    put(f"{found.member_name} ({found.siret})")
    if (now := found.current) is None:
        put("Aucun contact.")
    else:
        put(f"Nom : {now.name or '(aucun)'}")
        put(f"Adresse : {now.email or '(aucune)'}")
        put(f"Dernier usage : {french_time(now.used_at)}")
    if found.versions:
        put("")
        table(
            ("depuis (UTC)", "nom", "adresse", "venu de", "remplacé (UTC)"),
            [
                (
                    f"{one.updated_at:%Y-%m-%d %H:%M}",
                    one.name,
                    one.email,
                    f"{file}, ligne {one.row}" if file else "une personne",
                    "" if one.superseded_at is None else f"{one.superseded_at:%Y-%m-%d %H:%M}",
                )
                for one, file in found.versions
            ],
        )
    if found.mails:
        put("")
        table(
            ("courriel", "année", "le (UTC)", "résultat"),
            [
                (
                    MAILS[mail.kind],
                    str(mail.year),
                    f"{mail.intended_at:%Y-%m-%d %H:%M}",
                    f"{STATES[mail.state]} {mail.detail}".strip(),
                )
                for mail in found.mails
            ],
        )
