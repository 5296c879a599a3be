"""Each step of a campaign as it happens, on standard error."""

from worker.billing.money import french
from worker.cli.console import say, show_findings
from worker.issuing.batch import MemberOutcome, MemberResult
from worker.service.campaign import Progress


def tell(progress: Progress) -> None:
    """Print one thing done."""
    show_findings(progress.findings)
    if progress.member is not None:
        _tell_member(progress.member)
    if (invoice := progress.invoice) is not None:
        detail = f" : {invoice.french_detail}" if invoice.french_detail else ""
        flux = f"  flux {invoice.flux_number}" if invoice.flux_number else ""
        say(f"{invoice.french_status:<9} {invoice.number}{flux}{detail}")


def _tell_member(outcome: MemberOutcome) -> None:
    name = outcome.member.name
    match outcome.result:
        case MemberResult.ISSUED:
            say(f"émise     {outcome.number}  {name}  {french(outcome.total)}")
        case MemberResult.PARKED:
            say(f"retenue   {name}")
            show_findings(outcome.findings)
        case MemberResult.NOTHING:
            stated = f", état {outcome.number}" if outcome.number else ""
            say(f"rien à facturer : {name}{stated}")
        case MemberResult.ALREADY:
            pass
