"""The real client reads the sandbox's answers whatever shape they come in."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from chaos import pace
from chorus_sandbox import SandboxOptions
from chorus_sandbox.fault_kinds import Shape
from tests.support import dataset
from tests.support.portal_client import settings
from tests.support.sandbox_documents import CII
from tests.support.sandbox_portal import CREDENTIALS, Portal, started
from worker.billing.standard import DepositSyntax
from worker.portals import BuyerStatus, DepositOutcome, FluxState
from worker.portals.choruspro.portal import ChorusPro


def client(portal: Portal) -> ChorusPro:
    """The client, with the credentials the sandbox accepts."""
    return ChorusPro(
        settings(
            portal.url,
            client_id=CREDENTIALS.client_id,
            client_secret=SecretStr(CREDENTIALS.client_secret),
            technical_login=CREDENTIALS.account,
            technical_password=SecretStr(CREDENTIALS.password),
            read_timeout=pace.limit(30),
        )
    )


@pytest.mark.parametrize("shape", Shape)
def test_no_shape_of_an_answer_changes_its_meaning(tmp_path: Path, shape: Shape) -> None:
    """Objects for lists, texts for numbers, nulls and absences: all the client needs is read."""
    for portal in started(SandboxOptions(data=tmp_path / "sandbox.db", port=0)):
        portal.arm("wrong_types", shape=shape, times=None)
        chorus = client(portal)
        deposit = chorus.deposit(file_name="F.xml", syntax=DepositSyntax.CII, content=CII)
        assert deposit.outcome is DepositOutcome.ACCEPTED
        assert chorus.integration_report(deposit.flux_number).state is FluxState.INTEGRATED
        (found,) = chorus.find(invoice_number="FA-2026-0001")
        assert (str(found.gross), found.recipient) == ("1200.00", dataset.SERVICE_RULES)
        history = chorus.history(found.portal_id)
        assert (history.status, len(history.entries)) == (BuyerStatus.IN_PROGRESS, 2)
        structure = chorus.structure(dataset.SERVICE_RULES)
        assert structure is not None
        service = chorus.service(structure, "AVEC_EJ")
        assert service is not None
        assert service.engagement_required
        chorus.close()
