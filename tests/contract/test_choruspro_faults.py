"""The real client on a sandbox that misbehaves: nothing twice, nothing misread, no doubt hidden."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pytest

from chaos import pace
from tests.contract.sandbox import Sandbox, choruspro
from tests.support.memory_ledger import DepositedFacts
from tests.support.portal_client import StillClock
from tests.support.portal_documents import cii
from worker.billing.money import Money
from worker.billing.standard import DepositSyntax
from worker.errors import PortalAnswerError, PortalDown
from worker.portals import (
    BuyerStatus,
    DepositAnswer,
    DepositOutcome,
    FluxState,
    FoundInvoice,
    SupportingFile,
)
from worker.portals.choruspro.portal import ChorusPro

PLAIN = "12345678200051"
FILE = SupportingFile(name="BL-118.pdf", content=b"%PDF-1.7 un bon")


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A sandbox, and a client that never really sleeps."""

    sandbox: Sandbox
    portal: ChorusPro
    clock: StillClock

    @property
    def waits(self) -> list[float]:
        """Seconds it slept, each time."""
        return self.clock.slept


@pytest.fixture
def bench(sandbox: Sandbox) -> Iterator[Bench]:
    """A client that holds a proven token; in the end every armed fault must have happened."""
    clock = StillClock()
    portal = choruspro(sandbox.url, sleep=clock.sleep, monotonic=clock.monotonic)
    portal.sign_in()
    clock.slept.clear()
    yield Bench(sandbox=sandbox, portal=portal, clock=clock)
    portal.close()
    assert sandbox.waiting_faults() == []


def deposited(portal: ChorusPro) -> tuple[DepositAnswer, str]:
    """The answer to the deposit of a new invoice, and its number."""
    number = f"F-{uuid.uuid4().hex[:12]}"
    what = DepositedFacts(
        number=number, issue_date=date(2026, 1, 15), recipient=PLAIN, gross=Money(319_680)
    )
    answer = portal.deposit(file_name=f"{number}.xml", syntax=DepositSyntax.CII, content=cii(what))
    return answer, number


def integrated(portal: ChorusPro) -> FoundInvoice:
    """A new invoice that the portal holds."""
    _, number = deposited(portal)
    (found,) = portal.find(invoice_number=number)
    return found


@pytest.fixture(scope="module")
def known(sandbox: Sandbox) -> FoundInvoice:
    """An invoice that nothing changes any more."""
    portal = choruspro(sandbox.url)
    found = integrated(portal)
    portal.close()
    return found


@pytest.mark.parametrize(
    "kind, outcome, recorded",
    [
        ("drop_before", DepositOutcome.UNKNOWN, 0),
        ("error_before", DepositOutcome.UNKNOWN, 0),
        ("maintenance", DepositOutcome.UNKNOWN, 0),
        ("forbidden", DepositOutcome.UNAUTHORISED, 0),
        ("too_many_requests", DepositOutcome.THROTTLED, 0),
        ("drop_after", DepositOutcome.UNKNOWN, 1),
        ("bad_gateway_after", DepositOutcome.UNKNOWN, 1),
        ("gateway_timeout_after", DepositOutcome.UNKNOWN, 1),
        ("truncated", DepositOutcome.UNKNOWN, 1),
        ("wrong_types", DepositOutcome.ACCEPTED, 1),
        ("wrong_account", DepositOutcome.ACCEPTED, 1),
        ("token_expiry", DepositOutcome.ACCEPTED, 1),
    ],
)
def test_deposit_is_sent_once_and_judged_by_what_is_proven(
    bench: Bench, kind: str, outcome: DepositOutcome, recorded: int
) -> None:
    """Certain only when it is; a refused token alone is followed by a second call."""
    before = bench.sandbox.recorded()
    bench.sandbox.arm(kind, "deposer/flux")
    answer, number = deposited(bench.portal)
    assert answer.outcome is outcome
    assert bench.sandbox.recorded() - before == recorded
    another = choruspro(bench.sandbox.url)
    assert len(another.find(invoice_number=number)) == recorded
    another.close()


def test_nothing_is_asked_while_the_portal_wants_to_be_left_alone(bench: Bench) -> None:
    """After a deposit answered « later », neither a read nor another deposit leaves too early."""
    before = bench.sandbox.recorded()
    bench.sandbox.arm("too_many_requests", "deposer/flux", seconds=300)
    assert deposited(bench.portal)[0].retry_after == 300
    with pytest.raises(PortalDown, match="demande d'attendre") as caught:
        bench.portal.find(invoice_number="F-1")
    assert caught.value.wait == pytest.approx(300)
    with pytest.raises(PortalDown, match="demande d'attendre"):
        bench.portal.sign_in()
    not_sent, _ = deposited(bench.portal)
    assert (not_sent.outcome, not_sent.retry_after) == (DepositOutcome.NOT_SENT, 300)
    assert bench.sandbox.recorded() == before
    bench.clock.sleep(300)

    assert deposited(bench.portal)[0].outcome is DepositOutcome.ACCEPTED


def test_answer_that_comes_too_late_is_doubt(bench: Bench) -> None:
    """Past the read timeout nobody waits, and the file is there all the same, once."""
    hurried = choruspro(bench.sandbox.url, read_timeout=pace.limit(0.5))
    hurried.sign_in()
    bench.sandbox.arm("slow_after", "deposer/flux", seconds=pace.limit(2))
    answer, number = deposited(hurried)
    hurried.close()

    assert answer.outcome is DepositOutcome.UNKNOWN
    assert len(bench.portal.find(invoice_number=number)) == 1


@pytest.mark.parametrize(
    "kind", ["drop_before", "error_before", "maintenance", "drop_after", "bad_gateway_after"]
)
def test_read_outlives_passing_trouble(bench: Bench, known: FoundInvoice, kind: str) -> None:
    """Two failures in a row, then the answer, as if nothing had happened."""
    bench.sandbox.arm(kind, "rechercher/fournisseur", times=2)

    assert bench.portal.find(invoice_number=known.number) == (known,)


def test_read_waits_as_long_as_it_is_asked(bench: Bench) -> None:
    """A 429 says how long: that is the wait."""
    bench.sandbox.arm("too_many_requests", "consulterCRDetaille", seconds=7)
    bench.portal.integration_report("CPP0011106000000999999999")

    assert 7 in bench.waits


def test_dead_tokens_go_unnoticed(bench: Bench, known: FoundInvoice) -> None:
    """All tokens die in the middle: one more is asked for."""
    bench.sandbox.arm("token_expiry", "rechercher/fournisseur")

    assert bench.portal.find(invoice_number=known.number) == (known,)


def test_half_an_answer_is_never_read_as_nothing(bench: Bench, known: FoundInvoice) -> None:
    """A list cut in the middle is an error, never an absence."""
    bench.sandbox.arm("truncated", "rechercher/fournisseur")
    with pytest.raises(PortalAnswerError, match="inexploitable"):
        bench.portal.find(invoice_number=known.number)


READS: dict[str, Callable[[ChorusPro, FoundInvoice], object]] = {
    "rechercher/fournisseur": lambda portal, found: portal.find(invoice_number=found.number),
    "consulter/fournisseur": lambda portal, found: portal.held(found.portal_id),
    "consulter/historique": lambda portal, found: portal.history(found.portal_id),
    "telecharger/groupe": lambda portal, found: portal.download(found.portal_id),
    "consulterCRDetaille": lambda portal, found: portal.integration_report(found.flux_number).state,
    "consulterCR": lambda portal, found: portal.report_file(found.flux_number),
    "structures/v1/consulter": lambda portal, _: portal.structure(PLAIN),
    "structures/v1/rechercher": lambda portal, _: portal.structure(PLAIN),
}


@pytest.mark.parametrize("shape", ["objects", "numbers", "nulls"])
@pytest.mark.parametrize("route", READS)
def test_shapes_of_an_answer_do_not_change_its_meaning(
    bench: Bench, known: FoundInvoice, route: str, shape: str
) -> None:
    """Lists as objects, numbers as text, nulls for what has no value: the same values."""
    expected = READS[route](bench.portal, known)
    bench.sandbox.arm("wrong_types", route, shape=shape)

    assert READS[route](bench.portal, known) == expected


def test_small_pages_hold_everything(bench: Bench) -> None:
    """Pages of one invoice, whatever was asked: all of them, once."""
    since = datetime.now(UTC)
    made = {integrated(bench.portal).portal_id for _ in range(3)}
    bench.sandbox.arm("short_pages", "rechercher/fournisseur", size=1, times=3)
    found = bench.portal.changed(since, datetime.now(UTC))

    assert {invoice.portal_id for invoice in found} == made
    assert len(found) == 3


def test_words_nobody_knows_are_shown(bench: Bench, known: FoundInvoice) -> None:
    """A new status or state is neither success nor failure, and keeps its own word."""
    for route in ("rechercher/fournisseur", "consulter/fournisseur", "consulter/historique"):
        bench.sandbox.arm("unknown_status", route)
    (searched,) = bench.portal.find(invoice_number=known.number)
    for seen in (
        searched,
        bench.portal.held(known.portal_id),
        bench.portal.history(known.portal_id),
    ):
        assert (seen.status, seen.raw_status) == (BuyerStatus.UNRECOGNISED, "SIMULE_INCONNU")
    bench.sandbox.arm("unknown_flux_state", "consulterCRDetaille")
    report = bench.portal.integration_report(known.flux_number)

    assert (report.state, report.raw_state) == (FluxState.UNRECOGNISED, "IN_SIMULE_INCONNU")


@pytest.mark.parametrize(
    "kind", ["drop_after", "bad_gateway_after", "gateway_timeout_after", "truncated"]
)
def test_completion_whose_answer_is_lost_is_found_done(bench: Bench, kind: str) -> None:
    """The status says that it worked; the file is there once."""
    found = integrated(bench.portal)
    bench.sandbox.decide(found, "SUSPENDUE", "Bon manquant")
    bench.sandbox.arm(kind, "factures/v1/completer")
    bench.portal.complete(found.portal_id, comment="Bon joint", files=[FILE])
    held = bench.portal.held(found.portal_id)

    assert (held.raw_status, held.attachments) == ("COMPLETEE", (FILE.name,))


@pytest.mark.parametrize("kind", ["drop_before", "error_before", "maintenance"])
def test_completion_that_was_lost_is_said_and_can_be_done_again(bench: Bench, kind: str) -> None:
    """Still suspended: doubt for the caller, never a second request by itself."""
    found = integrated(bench.portal)
    bench.sandbox.decide(found, "SUSPENDUE", "Bon manquant")
    bench.sandbox.arm(kind, "factures/v1/completer")
    with pytest.raises(PortalDown, match="SUSPENDUE"):
        bench.portal.complete(found.portal_id, comment="Bon joint", files=[FILE])
    assert bench.portal.held(found.portal_id).attachments == ()
    bench.portal.complete(found.portal_id, comment="Bon joint", files=[FILE])

    assert bench.portal.held(found.portal_id).attachments == (FILE.name,)
