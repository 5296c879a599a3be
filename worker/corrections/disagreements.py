"""What a person must do where the portal and the books disagree, or nothing is read. Pure."""

from datetime import datetime, timedelta

from worker.billing.member_account import Balance, Disagreement, DisagreementKind
from worker.billing.money import french
from worker.billing.period import french_time
from worker.corrections.todo import TO_FILL_IN, Advice, AdviceCode

UNREAD = timedelta(days=2)
"""How long the portal may answer nothing that can be used about what it holds."""


def advice_about(balance: Balance) -> tuple[Advice, ...]:
    """One for each disagreement; its sentence names both sums."""
    owed, there = french(balance.owed), french(balance.owed_at_portal)
    return tuple(
        Advice(
            one.kind,
            _command_about(one),
            (
                one.number,
                one.note,
                " ; ".join(f"{shown.number} ({shown.french})" for shown in one.shown),
                owed,
                there,
            ),
        )
        for one in balance.disagreements
    )


def _command_about(one: Disagreement) -> tuple[str, ...]:
    match one.kind:
        case DisagreementKind.LIVES_AGAIN if one.note:
            return ("credit", one.note, "--reason", TO_FILL_IN)
        case (
            DisagreementKind.EARLIER_VERSION
            | DisagreementKind.OTHER_AMOUNT
            | DisagreementKind.UNSEEN
        ):
            return ("documents", "portal", one.number)
        case _:
            return ("reconcile", "--close", one.number, "--reason", TO_FILL_IN)


def unread(
    news: datetime | None, inventory: datetime | None, since: datetime | None, now: datetime
) -> Advice | None:
    """What a person must do when nothing is read any more of what the portal holds.

    Args:
        news: until when what changed was read; None for never.
        inventory: when all was last read; None for never.
        since: when the first document was handed over that is still watched; None for none.
        now: the present instant.
    """
    if since is None:
        return None
    read = [max(since, one) for one in (news or since, inventory or since)]
    oldest = min(read)
    if now - oldest <= UNREAD:
        return None
    return Advice(AdviceCode.READ_PORTAL, ("follow",), (french_time(oldest),))
