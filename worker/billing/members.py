"""Members of the syndicat: who they are, what they subscribed, what must stand on their invoice.

Convention C7 (references per year), C9 (subscriptions with a start and an end), C10 (contact).
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from worker.billing.period import Month


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A postal address (BG-5, BG-8)."""

    line1: str
    """BT-35/50."""
    line2: str = ""
    """BT-36/51."""
    postcode: str
    """BT-38/53."""
    city: str
    """BT-37/52."""
    country: str = "FR"
    """BT-40/55, ISO 3166-1 alpha-2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A public body that uses shared services; its key is the SIRET, not the SIREN."""

    siret: str
    name: str
    address: Address
    convention: str
    """Reference of its convention, printed on the invoice (BT-12)."""
    vat_number: str = ""
    """BT-48."""


class Nature(StrEnum):
    """What a member is by law: only public bodies are invoiced in the circuit between these."""

    PUBLIC = "public"
    SEM = "sem"
    SPL = "spl"
    ASSOCIATION = "association"
    PRIVATE = "prive"

    @property
    def french(self) -> str:
        """For people."""
        return _NATURES[self]


_NATURES = {
    Nature.PUBLIC: "organisme public",
    Nature.SEM: "société d'économie mixte",
    Nature.SPL: "société publique locale",
    Nature.ASSOCIATION: "association",
    Nature.PRIVATE: "organisme de droit privé",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberNature:
    """The nature of a member, as the members file says."""

    siret: str
    nature: Nature


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """The *référent* of a member: personal data, kept apart from accounting data (C10, C11)."""

    siret: str
    name: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One service, in one tier, that a member signed for (C9). Days included on both sides."""

    siret: str
    service: str
    tier: int | None
    """To, for services with tiers."""
    category: int
    """1 to 11: the convention prices by category without defining them."""
    start: date
    end: date | None = None

    def covers(self, month: Month) -> bool:
        """Whether at least one day of the month is inside: a begun month is a month of use."""
        return self.start <= month.last_day and (self.end is None or self.end >= month.first_day)


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingReferences:
    """What a member wants on its invoice for one year (C7); never carried to the next year."""

    siret: str
    year: int
    """The year of the service, not of the invoice."""
    service_code: str = ""
    """BT-10, code service."""
    engagement: str = ""
    """BT-13, numéro d'engagement."""


def siren(siret: str) -> str:
    """The nine digits of the legal entity that an establishment belongs to."""
    return siret[:9]
