"""What ``mail`` says of several members at once."""

from tests.support.builders import OTHER_SIRET, SIRET
from worker.cli.mail import grouped
from worker.errors import Finding, FindingGroup


def _without_address(name: str, siret: str) -> Finding:
    return Finding(
        code="MAIL-NO-ADDRESS",
        message="aucune adresse de courriel",
        remedy=f"Donnez-la : chorus-worker contacts correct {siret} --email ADRESSE",
        where=f"{name} ({siret})",
    )


def test_the_same_advice_for_several_members_is_told_once() -> None:
    """All are named, and one alone keeps its own command."""
    alone = Finding(code="MAIL-REPLACED", message="remplacé", where="C")
    told = grouped([_without_address("A", SIRET), alone, _without_address("B", OTHER_SIRET)])

    assert told == [
        FindingGroup(
            code="MAIL-NO-ADDRESS",
            count=2,
            message="aucune adresse de courriel",
            remedy="Donnez-la : chorus-worker contacts correct SIRET --email ADRESSE",
            where=f"2 membres, A ({SIRET}), B ({OTHER_SIRET})",
        ),
        alone,
    ]
