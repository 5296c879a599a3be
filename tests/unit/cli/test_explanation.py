"""What explains an amount adds up to it: the printed page, and the JSON.

The property is tried on a few hundred members; on 100,000 with ``make members``.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given, settings

from tests.support.builders import FILE, MEMBER, SIRET, YEAR, grid, subscriptions, usage
from tests.support.member_years import BilledYear, billed, billed_years
from worker.audit.explanation import (
    CreditedLine,
    CreditNote,
    Explained,
    GridStep,
    explanation_of,
    only_line,
)
from worker.billing.credit_note import credit
from worker.billing.invoice import issue
from worker.billing.member_year import MemberYear
from worker.billing.members import BillingReferences
from worker.billing.money import NARROW_NO_BREAK, NO_BREAK
from worker.billing.provenance import ImportedFile, Moment, Origin, Version, YearInForce
from worker.cli import json_views
from worker.cli.explanation import WIDTH, lines_of
from worker.errors import Finding

FEW = 300
"""Random members of a usual run."""
NOON = datetime(2026, 1, 5, 11, tzinfo=UTC)
ACTOR = "finance@machine:1"
ISSUE = Moment(seq=8, at=NOON, actor=ACTOR)
_SUM = re.compile(r"^  ([ +=]) ([ \d]{13},\d{2} €)  (.*)$")
_USERS = re.compile(r"^    (?=\w+ (?:\d{4} )?)(.{14}) ([ \d]{9})   (.*)$")
_PRODUCT = re.compile(r"^    ([\d ]+) × ([\d ]+,\d{2}) € = ([\d ]+,\d{2}) € TTC$")


def file(kind: str, seq: int, sha256: str) -> ImportedFile:
    """An imported file."""
    taken_in = Moment(seq=seq, at=NOON, actor=ACTOR)
    return ImportedFile(
        kind=kind,
        name=f"{kind}.xlsx",
        sha256=sha256,
        imported_at=NOON,
        taken_in=taken_in,
        sheet="Relevé" if kind == "usage" else "",
    )


FILES = [file("members", 2, "b" * 64), file("subscriptions", 3, "c" * 64), file("usage", 4, FILE)]


def explained(year: BilledYear) -> Explained:
    """A billed year, with a file behind each of its records."""
    known = YearInForce(
        siret=SIRET,
        year=YEAR,
        member=_version(year.known.member, FILES[0], 2),
        references=None,
        subscriptions=tuple(
            _version(one, FILES[1], row) for row, one in enumerate(year.known.subscriptions, 2)
        ),
        usage=tuple(_version(one, FILES[2], one.source.row) for one in year.known.usage),
        replaced=(),
    )
    grids = [GridStep(version=one.version, grid=one, first_use=ISSUE) for one in year.used_grids]
    explanation = explanation_of(year.invoice, year.statement, known, FILES, grids, ISSUE)
    return Explained(explanation=explanation, credit_note=None, findings=())


def _version(value: Any, source: ImportedFile, row: int) -> Version[Any]:  # noqa: ANN401 - any record
    return Version(value=value, key=row, origin=Origin(file=source, row=row), before=True)


def cents(amount: str) -> int:
    """Of an amount as it is printed."""
    return int(re.sub("[ ,€]", "", amount))


def ordinary(text: str) -> str:
    """A text with ordinary spaces."""
    return text.replace(NO_BREAK, " ").replace(NARROW_NO_BREAK, " ")


@dataclass
class Printed:
    """What a reader with a pencil finds on the page."""

    lines: list[int]
    total: int
    rebuilt: list[int]


def read(page: Sequence[str]) -> Printed:
    """Read the page, and check each sum, quantity and product on the way."""
    plain = [ordinary(text) for text in page]
    sums = list(_sums(plain))
    (lines, total), *prices = sums
    quantities = list(_quantities(plain))
    products = [match for text in plain if (match := _PRODUCT.match(text))]
    assert len(prices) == len(quantities) == len(products)
    rebuilt = []
    for (parts, price), (months, quantity), product in zip(
        prices, quantities, products, strict=True
    ):
        assert (sum(parts), sum(months)) == (price, quantity)
        assert (cents(product[1]), cents(product[2])) == (quantity, price)
        assert price * quantity == cents(product[3])
        rebuilt.append(sum(parts) * sum(months))
    return Printed(lines=lines, total=total, rebuilt=rebuilt)


def _sums(page: Sequence[str]) -> Iterator[tuple[list[int], int]]:
    """The terms and the result of each sum."""
    terms: list[int] = []
    for text in page:
        if match := _SUM.match(text):
            if match[1] == "=":
                yield terms, cents(match[2])
                terms = []
            else:
                assert (match[1] == "+") == bool(terms)
                terms.append(cents(match[2]))


def _quantities(page: Sequence[str]) -> Iterator[tuple[list[int], int]]:
    """The users of each month of a line, and their total."""
    users: list[int] = []
    for text in page:
        if match := _USERS.match(text):
            if match[1].strip() == "total":
                yield users, cents(match[2])
                users = []
            else:
                assert re.fullmatch(r"\[\d+\], ligne \d+(, abonnement [A-Z])?", match[3])
                users.append(cents(match[2]))


@settings(max_examples=max(FEW, settings().max_examples))
@given(billed_years())
def test_the_total_is_rebuilt_from_the_printed_steps(year: BilledYear) -> None:
    """Components × users of each month, line by line, whatever texts stand beside them."""
    page = list(lines_of(explained(year)))
    printed = read(page)
    payable = year.invoice.totals.payable.cents
    answer = json.loads(
        json.dumps(json_views.explained(explained(year)), default=json_views.plain)
    )["invoice"]
    from_json = [
        sum(Decimal(part["price_ttc"]) for part in line["parts"])
        * sum(month["users"] for month in line["months"])
        for line in answer["lines"]
    ]

    assert printed.total == payable
    assert printed.rebuilt == printed.lines
    assert sum(printed.rebuilt) == payable
    assert sum(from_json) == Decimal(answer["total_ttc"]) == Decimal(payable).scaleb(-2)
    assert [Decimal(line["total_ttc"]) for line in answer["lines"]] == from_json
    assert all(len(text) <= WIDTH for text in page)
    assert {
        (month["month"], month["users"], month["origin"]["row"])
        for line in answer["lines"]
        for month in line["months"]
    } <= {(str(row.month), row.users, row.source.row) for row in year.known.usage}


def group(used: str = "12×6 14×6", *signed: str) -> Explained:
    """The explained year of a member of the group."""
    known = MemberYear(
        member=MEMBER,
        year=YEAR,
        references=BillingReferences(siret=SIRET, year=YEAR, engagement="EJ-2025-7"),
        subscriptions=subscriptions(*(signed or ("gfu cat 1 from 2023-01-01",))),
        usage=usage(f"gfu: {used}"),
        hold=None,
    )
    return explained(billed(known, (grid("2025", "2025-01-01..2025-12-31", "gfu: 9.60+1.80"),)))


def page_of(asked: Explained) -> str:
    """The page, with ordinary spaces."""
    return "\n".join(lines_of(asked)).replace(NO_BREAK, " ").replace(NARROW_NO_BREAK, " ") + "\n"


def test_the_page_reads_from_the_total_down_to_the_files() -> None:
    """In the order in which an auditor asks."""
    assert page_of(group()) == PAGE


PAGE = """\
Facture BSN-2026-00001 du 05/01/2026
  Membre : Commune fictive (99900001100018)
    lu dans [1], ligne 2
  Code service : aucun ; engagement : EJ-2025-7
    aucune référence donnée
  Services de 2025, état détaillé ETAT-2026-00001
  Émise le 05/01/2026 12:00:00 par finance@machine:1 (journal, n° 8)

Le total
            1 778,40 €  ligne 1 : Gfu (catégorie 1)
  =         1 778,40 €  TTC, total de la facture
  dont HT 1 482,00 €, TVA à 20 % 296,40 €

Ligne 1 : Gfu (catégorie 1)
  Le prix d'un utilisateur pour un mois, grille 2025
                9,60 €  part 1
  +             1,80 €  part 2
  =            11,40 €  TTC
  Les utilisateurs, mois par mois
    janvier 2025          12   [2], ligne 2
    février 2025          12   [2], ligne 3
    mars 2025             12   [2], ligne 4
    avril 2025            12   [2], ligne 5
    mai 2025              12   [2], ligne 6
    juin 2025             12   [2], ligne 7
    juillet 2025          14   [2], ligne 8
    août 2025             14   [2], ligne 9
    septembre 2025        14   [2], ligne 10
    octobre 2025          14   [2], ligne 11
    novembre 2025         14   [2], ligne 12
    décembre 2025         14   [2], ligne 13
    total                156   utilisateurs × mois
  Le montant
    156 × 11,40 € = 1 778,40 € TTC
    dont HT 1 482,00 €
  L'abonnement
    gfu, catégorie 1, du 01/01/2023, sans date de fin ([3], ligne 2)

La grille 2025
  Titre : Grille 2025
  Décision ou contrat : Décision fictive
  En vigueur du 01/01/2025 au 31/12/2025
  Figée à son premier emploi, le 05/01/2026 12:00:00 par finance@machine:1
    (journal, n° 8)
  SHA-256 0000000000000000000000000000000000000000000000000000000000002025

Les fichiers
  [1] members.xlsx (membres)
      importé le 05/01/2026 12:00:00 par finance@machine:1 (journal, n° 2)
      SHA-256 bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
  [2] usage.xlsx, feuille « Relevé » (consommations)
      importé le 05/01/2026 12:00:00 par finance@machine:1 (journal, n° 4)
      SHA-256 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
  [3] subscriptions.xlsx (abonnements)
      importé le 05/01/2026 12:00:00 par finance@machine:1 (journal, n° 3)
      SHA-256 cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc

Le recalcul
  Recalculé à l'instant depuis ces sources : tout est identique.
"""


def test_two_subscriptions_of_a_line_are_told_apart() -> None:
    """Each month names its own by a letter."""
    page = page_of(
        group(
            "3×4 .×4 3×4",
            "gfu cat 1 from 2025-01-01 to 2025-04-30",
            "gfu cat 1 from 2025-09-01",
        )
    )

    assert "    avril 2025             3   [2], ligne 5, abonnement A\n" in page
    assert "    septembre 2025         3   [2], ligne 6, abonnement B\n" in page
    assert "    A : gfu, catégorie 1, du 01/01/2025 au 30/04/2025 ([3], ligne 2)\n" in page


def test_what_differs_is_told_at_the_end() -> None:
    """The page is of what was issued; what its rows give now stands in its last section."""
    finding = Finding(code="ROWS-DIFFER", message="ligne 1 : autre", where="facture BSN-2026-00001")
    asked = replace(group(), findings=(finding,))

    assert page_of(asked).endswith("Le recalcul\n  facture BSN-2026-00001 : ligne 1 : autre\n")
    assert not json_views.explained(asked)["ok"]


def test_what_cannot_be_found_any_more_is_said_in_its_place() -> None:
    """A file, a subscription, a grid or the member that the database has lost."""
    asked = group()
    explanation = asked.explanation
    lost = replace(
        explanation_of(
            explanation.invoice,
            explanation.statement,
            replace(explanation.known, member=None, subscriptions=(), usage=()),
            (),
            [GridStep(version="2025", grid=None, first_use=None)],
            ISSUE,
        )
    )
    page = page_of(replace(asked, explanation=lost))

    assert "    version de l'émission non gardée\n" in page
    assert "    mars 2025             12   fichier inconnu, ligne 4, abonnement inconnu\n" in page
    assert "    aucun, parmi ceux qui étaient en vigueur à l'émission\n" in page
    assert "  illisible dans la base : voyez le recalcul, plus bas\n" in page


def test_a_credit_note_stands_above_the_lines_of_its_invoice() -> None:
    """What it takes back, at the price of the invoice, and where that comes from."""
    asked = group()
    invoice = asked.explanation.invoice
    note = issue(
        credit(invoice, (), "deux départs", {"1": 24}, internal=False),
        number="AVOIR-2026-00001",
        issue_date=invoice.issue_date,
        due_date=None,
        statement_number=invoice.statement_number,
    )
    credited = CreditedLine(line=note.lines[0], invoiced=invoice.lines[0])
    page = page_of(
        replace(asked, credit_note=CreditNote(note=note, issue=ISSUE, lines=(credited,)))
    )

    assert page.startswith(CREDITED)
    assert page.index("Avoir") < page.index("Facture") < page.index("Les fichiers")


CREDITED = """\
Avoir AVOIR-2026-00001 du 05/01/2026
  Avoir sur la facture n° BSN-2026-00001 du 05/01/2026. Motif : deux départs.
  Émis le 05/01/2026 12:00:00 par finance@machine:1 (journal, n° 8)

Le total
              273,60 €  ligne 1 : Gfu (catégorie 1)
  =           273,60 €  TTC, total de l'avoir
  dont HT 228,00 €, TVA à 20 % 45,60 €

Ligne 1 : Gfu (catégorie 1)
  Quantité créditée : 24 utilisateurs × mois, pour une quantité facturée de 156
  Le montant
    24 × 11,40 € = 273,60 € TTC
    dont HT 228,00 €

"""


def test_one_line_keeps_only_its_grid_and_files() -> None:
    """``--line``: the total stays whole, so that the line can be found in it."""
    whole = group()

    assert page_of(only_line(whole, "1")) == page_of(whole)
