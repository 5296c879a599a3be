"""The report of a campaign, one page: what was billed, who is held and why, where the journal is.

For the file of the person who ran it: the fingerprint that it bears shows later whether the journal
was cut or rewritten since.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from worker.billing.checkpoint import Sum
from worker.billing.document import Unprintable
from worker.billing.journal import JournalHead
from worker.billing.money import NO_BREAK, count, french, french_integer
from worker.billing.period import french_date, french_time, paris_day
from worker.formats.branding import Branding
from worker.formats.french import grouped_siret, look_data, typographic
from worker.formats.typesetting import typeset

MOST_ROWS = 16
"""Of the two lists together, for everything to stand on one page."""
FEWEST_HELD, MOST_HELD = 3, 9
LONGEST_NAME = 70
LONGEST_REASON = 110
REPLACED = "?"
"""In place of a character that no font has: that may be the very reason for which one is held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldMember:
    """A member without invoice until a person acts."""

    name: str
    siret: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignReport:
    """A campaign as the books have it.

    Attributes:
        year: of the services.
        seller: name and SIRET.
        ended_at: when the last run of the year ended.
        actor: who ran it.
        members: captions, and how many members the run left so.
        invoices: issued for the year, cancelled ones too.
        credit_notes: the same.
        states: each state of an invoice or a credit note, in French, and what is in it.
        held: the members that wait for a person.
        checkpoint: the event that the fingerprint is of.
        placed_at: when it was placed.
        anchor: the authority that stamped it, and its instant; None when none did.
        written_at: the instant of the last event of the journal.
    """

    year: int
    seller: tuple[str, str]
    ended_at: datetime
    actor: str
    members: tuple[tuple[str, int], ...]
    invoices: Sum
    credit_notes: Sum
    states: tuple[tuple[str, Sum], ...]
    held: tuple[HeldMember, ...]
    checkpoint: JournalHead
    placed_at: datetime
    anchor: tuple[str, datetime] | None
    written_at: datetime


def print_report(report: CampaignReport, look: Branding) -> bytes:
    """Print the page, dated by the last event of the journal: the same books, the same bytes."""
    data = typographic(page_data(report, look))
    day = paris_day(report.written_at)
    while True:
        try:
            return typeset("campaign", data, day)
        except Unprintable as error:
            if not error.character or error.character == REPLACED:
                raise
            data = {key: _without(error.character, value) for key, value in data.items()}


def page_data(report: CampaignReport, look: Branding) -> dict[str, object]:
    """What the template is given: texts only, in French, ready to be placed."""
    name, siret = report.seller
    title = f"Campagne de facturation {report.year}"
    net = report.invoices.total - report.credit_notes.total
    shown = min(max(MOST_ROWS - len(report.states), FEWEST_HELD), MOST_HELD)
    left = len(report.held) - shown
    return {
        "look": look_data(look, name),
        "title": title,
        "heading": title,
        "author": name,
        "description": f"{title} : {name}",
        "keywords": ["campagne de facturation", str(report.year)],
        "footer": f"{name} – SIRET {grouped_siret(siret)} – {title}",
        "seller": {
            "name": name,
            "lines": [f"SIRET{NO_BREAK}{grouped_siret(siret)}"],
            "contact": [],
        },
        "references": [
            ("Année de service", str(report.year)),
            ("Terminée le", french_time(report.ended_at)),
            ("Lancée par", report.actor),
            ("État du journal au", french_date(paris_day(report.written_at))),
        ],
        "members": [(caption, french_integer(number)) for caption, number in report.members],
        "documents": [
            ("Factures émises", *_row(report.invoices)),
            ("Avoirs émis", *_row(report.credit_notes)),
        ],
        "states": [(state, *_row(sums)) for state, sums in report.states],
        "total": french(net),
        "held": [_held(member) for member in report.held[:shown]],
        "nobody-held": "Aucun membre n’est retenu.",
        "others": f"… et {count(left, 'autre membre')}, que « status --todo » nomme."
        if left > 0
        else "",
        "journal": [
            ("Point de contrôle", f"n°{NO_BREAK}{french_integer(report.checkpoint.seq)}"),
            ("Posé le", french_time(report.placed_at)),
            ("Horodaté", _anchored(report.anchor)),
        ],
        "hashes-title": "Empreinte SHA-256 du point de contrôle, qui couvre tout ce qui le "
        f"précède{NO_BREAK}:",
        "hashes": report.checkpoint.hash,
        "note": "Gardez cette page : « journal verify --head », suivi de cette empreinte, dit "
        "plus tard si le journal a été coupé ou réécrit.",
    }


def _row(sums: Sum) -> tuple[str, str]:
    return french_integer(sums.count), french(sums.total)


def _held(member: HeldMember) -> tuple[str, str, str]:
    reason, *others = member.reasons or ("",)
    more = f" (et {count(len(others), 'autre motif')})" if others else ""
    return (
        _cut(member.name, LONGEST_NAME),
        grouped_siret(member.siret),
        _cut(reason, LONGEST_REASON) + more,
    )


def _anchored(anchor: tuple[str, datetime] | None) -> str:
    if anchor is None:
        return "non"
    authority, instant = anchor
    return f"le {french_time(instant)} par {_cut(authority, LONGEST_REASON)}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _without(character: str, value: object) -> object:
    match value:
        case str():
            return value.replace(character, REPLACED)
        case dict():
            return {key: _without(character, inner) for key, inner in value.items()}
        case Sequence():
            return [_without(character, inner) for inner in value]
        case _:
            return value
