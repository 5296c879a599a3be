"""The statement of a member that consumed nothing: numbered and kept, without an invoice (C3)."""

from worker.app import App
from worker.billing.consumption import service_name
from worker.billing.document import Document, DocumentKind
from worker.billing.journal import EventTag
from worker.billing.member_year import MemberYear
from worker.billing.period import french_date, months_of, paris_day
from worker.billing.statement import Statement
from worker.formats import PDF
from worker.formats.branding import read_branding
from worker.formats.statement_pdf import print_statement
from worker.issuing.numbering import take_number
from worker.issuing.prepare import Prepared
from worker.issuing.terms import terms_of
from worker.portals import Portal
from worker.storage import Transaction, statements


def state_nothing(app: App, tx: Transaction, portal: Portal | None, prepared: Prepared) -> str:
    """Issue the statement of a member that consumed nothing; its number, empty when it has one.

    Raises:
        ConfigurationError: the logo cannot be used.
        Unprintable: a text cannot be printed.
    """
    known = prepared.known
    member, year = known.member, known.year
    if not known.is_in_year or statements.is_stated(tx, member.siret, year):
        return ""
    numbering = app.settings.numbering
    statement = Statement(
        number=take_number(tx, numbering, numbering.statement, portal),
        year=year,
        member=member,
        lines=(),
        issue_date=paris_day(tx.now),
        outside=prepared.outside,
    )
    look = read_branding(app.settings.look.accent, app.configuration.logo)
    seller = terms_of(app.settings).seller
    page = Document(
        kind=DocumentKind.STATEMENT,
        profile="",
        media_type=PDF,
        content=print_statement(statement, seller, look, unused=subscribed(known)),
    )
    (sha256,) = app.store.archive.put_all([page.content])
    statements.add(tx, statement, page, sha256)
    tx.journal(
        EventTag.STATEMENT_ISSUED,
        statement.number,
        siret=member.siret,
        year=year,
        total_ttc=str(statement.total),
        documents={page.kind.value: sha256},
    )
    return statement.number


def subscribed(known: MemberYear) -> tuple[str, ...]:
    """What a member subscribed to in its year, in French, a sentence each."""
    of_all = [(known.subscriptions, known.elsewhere, "")]
    of_all += [
        (one.subscriptions, one.elsewhere, f", {one.origin.french}") for one in known.taken_over
    ]
    said = []
    for subscriptions, elsewhere, origin in of_all:
        billed = [month for month in months_of(known.year) if month not in elsewhere]
        for one in subscriptions:
            if not any(map(one.covers, billed)):
                continue
            until = "" if one.end is None else f" jusqu'au {french_date(one.end)}"
            name = f"{service_name(one.service, one.tier)}{origin}"
            start = french_date(one.start)
            said.append(f"{name}, abonnement du {start}{until} : rien consommé")
    return tuple(sorted(said))
