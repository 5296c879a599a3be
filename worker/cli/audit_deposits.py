"""``audit deposits``: the submission log."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

from worker.audit.deposits import Deposit, Outcome, table_of
from worker.audit.deposits import deposits as read_deposits
from worker.billing.money import count
from worker.billing.period import PARIS, french_minute
from worker.billing.status import InvoiceStatus
from worker.cli import json_views
from worker.cli.console import put, put_json, table
from worker.cli.options import Config, Data, Json, argument, option
from worker.cli.reading import open_reading
from worker.errors import WrongUse
from worker.portals.choruspro.status_words import french_word
from worker.storage.attempts import Wanted
from worker.tables.files import format_of, write_table

COLUMNS = (
    "tentative",
    "numéro",
    "réponse",
    "intégration",
    "état",
    "flux",
    "vue le",
    "Chorus Pro",
    "membre",
    "par",
)
NARROW = ("tentative", "numéro", "réponse", "état")
"""What 80 columns hold."""
DAYS = ("%Y-%m-%d", "%d/%m/%Y")


def deposits(
    year: Annotated[int | None, argument("ANNÉE", "année des services ; sinon toutes")] = None,
    member: Annotated[str | None, option("--member", "d'un seul membre", "SIRET")] = None,
    state: Annotated[
        InvoiceStatus | None,
        option("--state", f"état de la facture : {', '.join(InvoiceStatus)}", "ÉTAT"),
    ] = None,
    outcome: Annotated[
        Outcome | None,
        option("--outcome", f"réponse : {', '.join(Outcome)} (aucune)", "RÉPONSE"),
    ] = None,
    first: Annotated[
        str | None, option("--from", "à partir de ce jour (heure de Paris)", "JOUR")
    ] = None,
    last: Annotated[str | None, option("--until", "jusqu'à ce jour compris", "JOUR")] = None,
    to: Annotated[
        Path | None, option("--to", "écrit le tableau : .csv, .xlsx ou .json", "FICHIER")
    ] = None,
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Affiche chaque dépôt : intention, réponse, compte rendu, ce que le portail en dit depuis."""
    since, until = _days(first, last)
    wanted = Wanted(
        year=year,
        siret=member and "".join(member.split()),
        status=state,
        outcome=None if outcome is None else outcome.stored,
        since=since,
        until=until,
    )
    if to is not None:
        format_of(to)
    app = open_reading(config, data)
    with app.reading() as session:
        if to is not None:
            log = table_of(lambda: read_deposits(session, wanted))
            _told(to, write_table(log, to, at=app.clock()), as_json=as_json)
        elif as_json:
            put_json(**json_views.deposits(read_deposits(session, wanted)))
        else:
            _draw(read_deposits(session, wanted))


def _told(to: Path, rows: int, *, as_json: bool) -> None:
    if as_json:
        put_json(**json_views.table_file(to, rows))
    else:
        put(f"{count(rows, 'dépôt écrit')} dans {to}.")


def _draw(found: Iterable[Deposit]) -> None:
    rows = [row_of(one) for one in found]
    if not rows:
        put("Aucun dépôt.")
        return
    table(COLUMNS, rows, narrow=NARROW)
    put(f"{count(len(rows), 'dépôt')} ; « --to » en écrit tout, « show » dit tout d'une facture.")


def row_of(one: Deposit) -> tuple[str, ...]:
    """What the terminal shows of an attempt, under ``COLUMNS``."""
    return (
        french_minute(one.attempt.started_at),
        one.invoice.number,
        one.french_outcome,
        french_word(one.reports[-1].raw_status) if one.reports else "—",
        one.invoice.french_status,
        one.flux_number or "—",
        french_minute(one.first_seen_at) if one.first_seen_at else "—",
        french_word(one.history[-1].raw_status) if one.history else "—",
        one.invoice.member_name,
        one.attempt.actor,
    )


def _days(first: str | None, last: str | None) -> tuple[datetime | None, datetime | None]:
    """The period between two days, both included, in Paris. Raises WrongUse."""
    since = None if first is None else _midnight("--from", first)
    until = None if last is None else _midnight("--until", last)
    if since is not None and until is not None and until < since:
        raise WrongUse(
            f"La période finit ({last}) avant de commencer ({first}).",
            "Donnez à --until le jour de --from, ou un jour qui le suit.",
        )
    return since, until and until + timedelta(days=1)


def _midnight(name: str, text: str) -> datetime:
    for form in DAYS:
        try:
            return datetime.strptime(text.strip(), form).replace(tzinfo=PARIS)
        except ValueError:
            continue
    raise WrongUse(
        f"« {text} » n'est pas un jour ({name}).", "Écrivez-le 2026-01-31 ou 31/01/2026."
    )
