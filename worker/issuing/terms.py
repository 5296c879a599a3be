"""What the seller puts on every invoice."""

from worker.billing.invoice import ContactPoint, Note, Party, PaymentMeans, Terms
from worker.billing.members import Address
from worker.settings.keys import Channel, Settings


def terms_of(settings: Settings) -> Terms:
    """What the seller puts on every invoice."""
    syndicat, billing = settings.syndicat, settings.billing
    contact = ContactPoint(
        name=syndicat.contact_name, phone=syndicat.contact_phone, email=syndicat.contact_email
    )
    return Terms(
        seller=Party(
            name=syndicat.name,
            siret=syndicat.siret,
            vat_number=syndicat.vat_number,
            legal_form=syndicat.legal_form,
            contact=None if contact == ContactPoint() else contact,
            address=Address(
                line1=syndicat.address,
                line2=syndicat.complement,
                postcode=syndicat.postcode,
                city=syndicat.city,
            ),
        ),
        payment=PaymentMeans(
            iban=syndicat.iban, bic=syndicat.bic, account_name=syndicat.account_name
        ),
        payment_terms=f"{_when(settings)} {billing.late_payment}",
        notes=(
            Note(text=billing.recovery_costs, code="PMT"),
            Note(text=billing.late_payment, code="PMD"),
            Note(text=billing.early_payment, code="AAB"),
        ),
        vat_method=billing.vat_method,
        vat_point=billing.vat_point,
    )


def _when(settings: Settings) -> str:
    """When to pay: from the deposit, or on what the treasury sends."""
    match settings.channel:
        case Channel.API:
            return settings.billing.payment_terms
        case Channel.HELIOS:
            return settings.billing.title_terms
