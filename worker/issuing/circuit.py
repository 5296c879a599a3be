"""Which members are invoiced in this circuit: public bodies, by Chorus Pro. Pure.

Source: AIFE, external specification of Chorus Pro v1.1 of 30 April 2026, sections 2.2.1 and 2.3.2
(docs/finance.md).
"""

from datetime import date

from worker.billing.member_year import MemberYear
from worker.billing.members import Nature
from worker.billing.period import french_date
from worker.errors import Finding

PRIVATE_SINCE = date(2026, 9, 1)
"""The day from which a public body issues its invoices to private ones in another circuit."""


def outside_circuit(known: MemberYear, today: date) -> tuple[Finding, ...]:
    """The finding that holds back a member under private law, invoiced on a day; often none.

    One that a person leaves without invoice here is not told again.
    """
    left_out = known.hold is not None and known.hold.never_billed
    if known.nature is Nature.PUBLIC or today < PRIVATE_SINCE or left_out:
        return ()
    siret = known.member.siret
    finding = Finding(
        code="MEMBER-PRIVATE",
        message=f"membre de droit privé ({known.nature.french}) : depuis le "
        f"{french_date(PRIVATE_SINCE)}, sa facture n'est plus du circuit entre organismes publics. "
        "Assujetti à la TVA, il la reçoit par sa plateforme agréée, à partir de Chorus Pro ; non "
        "assujetti, sous une forme libre",
        remedy="Facturez-le par ce circuit (guide de la finance, « Quelles règles pour qui »), "
        f'puis tapez : chorus-worker park {siret} {known.year} --reason "…" --never-billed. '
        "S'il est public, corrigez la colonne « nature » du fichier des membres.",
    )
    return (finding,)
