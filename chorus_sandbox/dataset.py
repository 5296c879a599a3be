"""The built-in structures: the recorded test set of the qualification platform (§1.8), and ours.

The SIREN of the recorded recipients is fictitious; the other structures of that family, and those
of 000010009, were made up here. Names and labels are ours.
"""

from datetime import date

from chorus_sandbox.directory import Service, Structure

SUPPLIER = "33254021516357"
"""Private supplier of the recorded test set."""
PUBLIC_SUPPLIER = "00001000900017"
"""Public supplier: it may use ``FACTURES_PUBLIQUES``."""
INACTIVE_SUPPLIER = "00001000900025"

NO_PARAMETER = "12345678200051"
ENGAGEMENT = "12345678200036"
SERVICE = "12345678200028"
SERVICE_AND_ENGAGEMENT = "12345678200044"
STATE = "11000201100044"
INACTIVE = "12345678200101"
MOA_ONLY = "12345678200119"
EITHER = "12345678200127"
SERVICE_RULES = "12345678200135"
"""Its services differ: one wants an engagement, one is inactive, one expired, one not yet open."""
PAYMENT_NOT_REPORTED = "12345678200143"
MANY_SERVICES = "12345678200150"

BUILT_IN: tuple[Structure, ...] = (
    Structure(siret=SUPPLIER, name="FOURNISSEUR DU MATELAS", public=False),
    Structure(siret=PUBLIC_SUPPLIER, name="SYNDICAT MIXTE DU BAC A SABLE"),
    Structure(siret=INACTIVE_SUPPLIER, name="SYNDICAT DISSOUS DU BAC A SABLE", active=False),
    Structure(siret=NO_PARAMETER, name="DESTINATAIRE SANS PARAMETRE"),
    Structure(siret=ENGAGEMENT, name="DESTINATAIRE ENGAGEMENT", engagement_required=True),
    Structure(
        siret=SERVICE,
        name="DESTINATAIRE SERVICE",
        service_code_required=True,
        services=(Service(code="SERVICE_DEST_SERV_OBL", name="Service obligatoire"),),
    ),
    Structure(
        siret=SERVICE_AND_ENGAGEMENT,
        name="DESTINATAIRE SERVICE ET ENGAGEMENT",
        service_code_required=True,
        engagement_required=True,
        services=(Service(code="SERVICE_DEST_SERV_EJ_OBL", name="Service obligatoire"),),
    ),
    Structure(
        siret=STATE,
        name="SERVICES DE L'ETAT",
        service_code_required=True,
        services=(Service(code="SFACETAT", name="Service facturier de l'Etat"),),
    ),
    Structure(siret=INACTIVE, name="COMMUNE INACTIVE DU BAC A SABLE", active=False),
    Structure(siret=MOA_ONLY, name="MAITRE D'OUVRAGE DU BAC A SABLE", moa_only=True),
    Structure(
        siret=EITHER,
        name="COMMUNE SERVICE OU ENGAGEMENT",
        service_or_engagement=True,
        services=(Service(code="FINANCES", name="Direction des finances"),),
    ),
    Structure(
        siret=SERVICE_RULES,
        name="COMMUNE AUX SERVICES DIVERS",
        services=(
            Service(code="LIBRE", name="Service sans contrainte"),
            Service(code="AVEC_EJ", name="Service a engagement", engagement_required=True),
            Service(code="FERME", name="Service inactif", active=False),
            Service(code="EXPIRE", name="Service expire", valid_to=date(2020, 12, 31)),
            Service(code="FUTUR", name="Service a ouvrir", valid_from=date(2099, 1, 1)),
        ),
    ),
    Structure(
        siret=PAYMENT_NOT_REPORTED,
        name="COMMUNE SANS RETOUR DE PAIEMENT",
        payment_status_not_reported=True,
    ),
    Structure(
        siret=MANY_SERVICES,
        name="METROPOLE AUX NOMBREUX SERVICES",
        service_code_required=True,
        services=tuple(
            Service(code=f"SRV{rank:03d}", name=f"Service n {rank:03d}") for rank in range(1, 219)
        ),
    ),
)
