"""Who said what an invoice has as its detail."""

from dataclasses import replace

import pytest

from tests.support.tracked import tracked
from worker.billing.status import InvoiceStatus, Trouble
from worker.cli.invoices import author
from worker.portals import BuyerStatus
from worker.portals.choruspro.status_words import BUYER_STATUSES, COMMENTS, Author

S = InvoiceStatus


@pytest.mark.parametrize(
    "status, word, trouble, who",
    [
        (S.SUSPENDED, "SUSPENDUE", Trouble.NONE, "Le membre"),
        (S.REJECTED, "REJETEE", Trouble.NONE, "Le membre"),
        (S.REFUSED, "", Trouble.NONE, "Chorus Pro"),
        (S.INTEGRATED, "COMPLETEE", Trouble.NONE, "Nous"),
        (S.INTEGRATED, "COMPLETEE", Trouble.UNKNOWN_WORD, "Chorus Pro"),
        (S.INTEGRATED, "MANDATEE", Trouble.NONE, "Le membre"),
        (S.SETTLED, "COMPTABILISEE", Trouble.NONE, "Le comptable du membre"),
        (S.INTEGRATED, "MISE_A_DISPOSITION", Trouble.NONE, "Chorus Pro"),
        (S.INTEGRATED, "MOT_INCONNU", Trouble.NONE, "Chorus Pro"),
    ],
)
def test_a_detail_is_of_whoever_wrote_it(
    status: InvoiceStatus, word: str, trouble: Trouble, who: str
) -> None:
    """What ``complete`` was given comes back with the status that it led to."""
    said = replace(
        tracked(status), portal_status=word, trouble=trouble, detail="Bon de commande joint"
    )

    assert author(said) == who


def test_every_word_that_has_an_author_is_known() -> None:
    """And each suspension or rejection is its buyer's."""
    buyers = {BuyerStatus.SUSPENDED, BuyerStatus.REJECTED}

    assert COMMENTS.keys() <= BUYER_STATUSES.keys()
    assert {COMMENTS[word] for word, status in BUYER_STATUSES.items() if status in buyers} == {
        Author.BUYER
    }
