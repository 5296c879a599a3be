"""The configuration: one TOML file, environment variables above it, secrets apart.

Relative paths are relative to the configuration file. Unknown keys are refused, and all mistakes
are reported at once with their path. Secrets never stand in the file (secrets.py).
"""

from collections.abc import Callable
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from stdnum import iban
from stdnum.fr import siret, tva

from worker.billing.late_interest import InterestRule
from worker.billing.text import hidden_character, hidden_in_french
from worker.billing.vat import VatMethod, VatPoint

ENV_PREFIX = "CHORUS_WORKER_"
PORTAL_SECRETS = ("client_id", "client_secret", "technical_login", "technical_password")
"""What opens the portal, beside the settings (secrets.py)."""
MAIL_SECRET = "smtp_password"  # noqa: S105 - its name
SECRET_NAMES = (*PORTAL_SECRETS, MAIL_SECRET)
MIN_CONTRAST = 4.5
"""Of a text on its ground, at least: WCAG 2.1 level AA, which the French RGAA asks for."""
NUMBER_LIMIT = 20
"""Characters of an invoice number at Chorus Pro (BT-1, rule G1.05)."""
NUMBER_CHARACTERS = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_/+")


def _legible(value: str) -> str:
    if character := hidden_character(value):
        raise ValueError(f"ce texte contient {hidden_in_french(character)} ; retapez-le à la main")
    return value


Legible = AfterValidator(_legible)
"""One line of which every character is seen: it is printed, or stands in the XML."""
Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=99), Legible
]
Detail = Annotated[str, StringConstraints(strip_whitespace=True, max_length=99), Legible]
"""A text that may be absent."""
SHORTEST_WINDOW = 1440
"""Minutes in which the portal may still show what it took: "later the same evening" (§5)."""
Waits = Annotated[tuple[Annotated[int, Field(ge=0, le=100_000)], ...], Field(min_length=1)]
"""Minutes between looks: at least one."""


class Channel(StrEnum):
    """How invoices reach the member: to be agreed with the treasury first (README)."""

    API = "api"
    """Deposited on Chorus Pro by this program."""
    HELIOS = "helios"
    """Issued and exported for the title software; never deposited here."""


class MailSecurity(StrEnum):
    """How a connection to the mail server is encrypted; never not at all."""

    STARTTLS = "starttls"
    """Once connected (RFC 3207)."""
    TLS = "tls"
    """From the first byte (RFC 8314 §3.3)."""


class Environment(StrEnum):
    """Which Chorus Pro."""

    LOCAL = "local"
    """The sandbox of this program, started when needed."""
    QUALIFICATION = "qualification"
    PRODUCTION = "production"


def _valid(check: Callable[[str], str], problem: str) -> AfterValidator:
    """A value as ``check`` returns it, without spaces; what it refuses is told in French."""

    def checked(value: str) -> str:
        try:
            return check("".join(value.split()))
        except ValueError as error:
            raise ValueError(problem) from error

    return AfterValidator(checked)


def _vat(value: str) -> str:
    return f"FR{tva.validate(value)}" if value else ""


def _day_of_year(value: str) -> str:
    date.fromisoformat(f"2024-{value}")
    return value


def contrast_on_white(colour: str) -> float:
    """Contrast ratio of ``#rrggbb`` on white, from 1 to 21 (WCAG 2.1, relative luminance)."""
    parts = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    linear = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    weights = (0.2126, 0.7152, 0.0722)
    luminance = sum(weight * part for weight, part in zip(weights, linear, strict=True))
    return 1.05 / (luminance + 0.05)


def _readable(colour: str) -> str:
    if (contrast := contrast_on_white(colour)) < MIN_CONTRAST:
        ratio = f"{contrast:.1f}".replace(".", ",")
        raise ValueError(
            f"cette couleur est trop claire pour être lue sur du blanc : contraste {ratio}, "
            "il en faut 4,5 (RGAA, WCAG AA) ; choisissez-la plus foncée"
        )
    return colour


class Section(BaseModel):
    """A table of the file; an unknown key is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Syndicat(Section):
    """The seller."""

    name: Text
    siret: Annotated[
        str,
        _valid(siret.validate, "ce n'est pas un SIRET valide (14 chiffres, clé de contrôle)"),
    ]
    public: bool = True
    """A public body: it may name the service FACTURES_PUBLIQUES of its members."""
    vat_number: Annotated[str, _valid(_vat, "ce n'est pas un numéro de TVA français valide")] = ""
    legal_form: Detail = ""
    """BT-33."""
    contact_name: Detail = ""
    """BT-41: a service, such as « Service facturation »."""
    contact_phone: Annotated[
        str, StringConstraints(strip_whitespace=True, max_length=30), Legible
    ] = ""
    contact_email: Annotated[
        str, StringConstraints(pattern=r"^([^@\s]+@[^@\s]+\.[^@\s]+)?$", max_length=99), Legible
    ] = ""
    address: Text
    complement: Detail = ""
    postcode: Annotated[str, StringConstraints(pattern=r"^[0-9]{5}$")]
    city: Text
    iban: Annotated[str, _valid(iban.validate, "ce n'est pas un IBAN valide (clé de contrôle)")]
    bic: Annotated[str, StringConstraints(pattern=r"^([A-Z0-9]{8}([A-Z0-9]{3})?)?$")] = ""
    account_name: Text


Sentence = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=400), Legible
]


class Billing(Section):
    """Terms of the yearly invoice."""

    due_days: Annotated[int, Field(ge=0, le=365)] = 30
    payment_terms: Sentence
    """BT-20, with ``late_payment`` after it."""
    title_terms: Sentence = (
        "Paiement à l'échéance indiquée, sur l'avis des sommes à payer du comptable public."
    )
    """BT-20 on the Hélios channel, in the place of ``payment_terms``: nothing is deposited."""
    late_payment: Sentence = (
        "En cas de retard, l'intérêt au taux légal peut être demandé sur les sommes dues."
    )
    """Convention C8; also the coded note PMD of the reform."""
    recovery_costs: Sentence = "Aucune indemnité forfaitaire pour frais de recouvrement."
    """Coded note PMT."""
    early_payment: Sentence = "Aucun escompte pour paiement anticipé."
    """Coded note AAB."""
    vat_method: VatMethod = VatMethod.DIFFERENCE
    vat_point: VatPoint | None = None
    """BT-8; said only when it is set."""
    campaign_day: Annotated[
        str,
        StringConstraints(pattern=r"^[0-9]{2}-[0-9]{2}$"),
        _valid(_day_of_year, "ce jour n'existe pas"),
    ] = "01-05"
    """MM-DD from which ``serve`` bills the year before, or reminds that no person said go."""
    first_year: Annotated[int, Field(ge=2000, le=2100)] | None = None
    """Years of service before it are never billed here; None: no such limit."""


class PreviewSettings(Section):
    """Which amounts are unusual: they are billed once a person confirmed them."""

    change_percent: Annotated[int, Field(ge=0, le=10_000)] = 20
    """More or less than the year before; 0: never asked."""
    minimum_euros: Annotated[int, Field(ge=0, le=100_000)] = 15
    """Claims below it are not put into collection (CGCT, articles L1611-5 and D1611-1)."""
    zero: bool = True
    """An amount last year, and nothing to pay."""
    new: bool = True
    """An amount for the first time; asked of nobody in the very first year."""
    gone: bool = True
    """An amount last year, and nothing known of this one."""


class Numbering(Section):
    """Prefixes of the gapless series; ``{annee}`` is the year of issue."""

    invoice: str
    statement: str
    credit_note: str = "AVOIR-{annee}-"
    width: Annotated[int, Field(ge=3, le=12)] = 5

    @field_validator("invoice", "statement", "credit_note")
    @classmethod
    def _prefix(cls, value: str) -> str:
        sample = value.replace("{annee}", "2026")
        if "{" in sample or not set(sample) <= NUMBER_CHARACTERS:
            raise ValueError("lettres, chiffres, - _ / + et {annee} seulement")
        if "{annee}" not in value:
            raise ValueError(
                "doit contenir {annee} : les numéros sont uniques par année d'émission"
            )
        return value

    @model_validator(mode="after")
    def _lengths(self) -> "Numbering":
        prefixes = (self.invoice, self.statement, self.credit_note)
        for prefix in prefixes:
            length = len(prefix.replace("{annee}", "2026")) + self.width
            if length > NUMBER_LIMIT:
                raise ValueError(
                    f"« {prefix} » et {self.width} chiffres font {length} caractères : "
                    f"Chorus Pro en accepte {NUMBER_LIMIT}"
                )
        if len(set(prefixes)) < len(prefixes):
            raise ValueError("les séries doivent avoir des préfixes différents")
        return self


class ExtraProfile(StrEnum):
    """A dialect made beside the two usual ones (docs/documents.md)."""

    CHORUS_E1_UBL = "chorus-e1-ubl"
    CTC_FR = "ctc-fr"


class Documents(Section):
    """What is made of each invoice, beside the Factur-X that is deposited and its UBL."""

    also: tuple[ExtraProfile, ...] = ()


class Data(Section):
    """Where things are kept."""

    folder: Path = Path("donnees")
    tariffs: Path = Path("tarifs")
    database_url: str = ""
    """Empty: SQLite in the data folder. Else a SQLAlchemy URL, PostgreSQL for example."""
    busy_seconds: Annotated[int, Field(ge=0, le=3600)] = 30
    """How long to wait for another program that is writing."""
    connect_seconds: Annotated[int, Field(ge=2, le=600)] = 10
    """Of a PostgreSQL: for a connection."""
    statement_seconds: Annotated[int, Field(ge=1, le=86_400)] = 300
    """Of a PostgreSQL: for one statement."""
    keepalive_seconds: Annotated[int, Field(ge=1, le=3600)] = 30
    """Of a PostgreSQL: silence, before it is asked whether it is still there."""


class PortalSettings(Section):
    """How to speak to Chorus Pro."""

    environment: Environment
    local_url: Annotated[str, StringConstraints(pattern=r"^(http://127\.0\.0\.1:\d{1,5})?$")] = ""
    """A sandbox that already runs; empty: one is started for each command."""
    requests_per_second: Annotated[float, Field(gt=0, le=100)] = 5
    parallel_calls: Annotated[int, Field(ge=1, le=16)] = 1
    """Calls under way at once."""
    user_id: Annotated[int, Field(ge=0)] | None = None
    """``idUtilisateurCourant``, for the day the portal asks for it (reference §1.7)."""
    connect_timeout_seconds: Annotated[float, Field(gt=0, le=120)] = 10
    read_timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 60
    directory_cache_hours: Annotated[int, Field(ge=0, le=24 * 30)] = 24
    password_warning_days: Annotated[int, Field(ge=0, le=424)] = 30
    """How long before the technical account's password expires it is spoken of."""
    reconcile_minutes: Waits = (15, 60, 240, 1440, 2880)
    """When an uncertain deposit is looked for at the portal, after the attempt."""
    report_minutes: Waits = (1, 2, 4, 8, 15, 60, 240)
    """Waits between two looks at an integration report; the last one repeats."""
    status_hours: Annotated[int, Field(ge=0, le=24 * 30)] = 12
    """Wait between two readings of what changed at the buyers'."""
    lot_invoices: Annotated[int, Field(ge=1, le=500)] = 1
    """Most invoices deposited in one file; 1: each goes alone."""
    lot_megabytes: Annotated[int, Field(ge=1, le=20)] = 10
    """Most megabytes of the documents of one such file."""

    @property
    def reconcile_after(self) -> tuple[timedelta, ...]:
        """Waits, counted from the attempt, before each search for an uncertain deposit."""
        return tuple(timedelta(minutes=wait) for wait in self.reconcile_minutes)

    @property
    def report_after(self) -> tuple[timedelta, ...]:
        """Waits between two looks at an integration report; the last one repeats."""
        return tuple(timedelta(minutes=wait) for wait in self.report_minutes)

    @property
    def status_after(self) -> timedelta:
        """Wait between two readings of what changed at the buyers'."""
        return timedelta(hours=self.status_hours)

    @property
    def call_limit(self) -> timedelta:
        """The longest deposit: the body has a timeout of its own, and a 401 is tried once more."""
        seconds = self.connect_timeout_seconds + 2 * self.read_timeout_seconds
        return timedelta(seconds=2 * seconds)

    @field_validator("reconcile_minutes")
    @classmethod
    def _window(cls, waits: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        if list(waits) != sorted(waits):
            raise ValueError("les attentes doivent être croissantes")
        if info.data.get("environment") is not Environment.LOCAL and waits[-1] < SHORTEST_WINDOW:
            raise ValueError(
                f"la dernière recherche doit venir {SHORTEST_WINDOW} minutes après le dépôt au "
                "moins : Chorus Pro peut mettre des heures à montrer une facture, et une absence "
                "conclue plus tôt la ferait déposer deux fois"
            )
        return waits


class WorkerSettings(Section):
    """The unattended worker."""

    heartbeat_minutes: Annotated[int, Field(ge=1, le=1440)] = 15


class AuditSettings(Section):
    """What ``serve`` proves again by itself."""

    recompute_days: Annotated[int, Field(ge=1, le=366)] = 30
    """Within how many days each issued document is computed again from its rows."""


class SiteSettings(Section):
    """The pages that ``serve`` keeps up to date for a web server of the house."""

    folder: Path | None = None
    """None: there are none."""


class JournalSettings(Section):
    """Who stamps the checkpoints of the journal (RFC 3161), if an authority does."""

    timestamp_url: Annotated[
        str, StringConstraints(pattern=r"^(https?://[^\s/@]+(/\S*)?)?$", max_length=500)
    ] = ""
    """Empty: none. A token is signed: plain HTTP is what many authorities offer."""
    timestamp_certificates: Path | None = None
    """PEM file of the certificates to which the authority's own must lead."""

    @model_validator(mode="after")
    def _both(self) -> "JournalSettings":
        if bool(self.timestamp_url) != (self.timestamp_certificates is not None):
            raise ValueError(
                "timestamp_url et timestamp_certificates vont ensemble : un jeton ne prouve rien "
                "sans les certificats de son autorité"
            )
        return self


class LateInterest(Section):
    """By which text the interest on late payment is computed (convention C8)."""

    rule: InterestRule = InterestRule.LEGAL
    """C8 claims the legal rate; the public-contract rule is for a convention that is one."""
    rates: Path = Path("late_interest.toml")
    """The dated table of rates, each with its source."""


Code = Annotated[str, StringConstraints(strip_whitespace=True, max_length=15), Legible]
"""Of the finance software, or of the PES."""
PesCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{0,3}$")]


class TitleMapping(Section):
    """How the finance software accounts for a service: one table for each service of the grid."""

    article: Annotated[Code, StringConstraints(min_length=1)]
    """The account, *nature* in the PES."""
    function: Code = ""
    operation: Code = ""
    local_product: Annotated[str, StringConstraints(max_length=4), Legible] = ""
    """*Code produit local*."""
    service: Code = ""
    """Of the finance software."""
    piece_nature: Annotated[str, StringConstraints(pattern=r"^[0-9]{2}$")] = "01"
    """01: *fonctionnement*."""
    subject: Annotated[str, StringConstraints(strip_whitespace=True, max_length=80), Legible] = ""
    """What the *objet* of its lines says, before the year: the words of every service if empty."""


class Titles(Section):
    """What titles of revenue need beside the invoice (accounting/titles)."""

    body: Code = ""
    """*Code collectivité*."""
    budget: Code = ""
    party_category: PesCode = ""
    """*CatTiers* of the members."""
    party_legal_nature: PesCode = ""
    """*NatJur*."""
    party_type: PesCode = "01"
    """*TypTiers*."""
    services: dict[str, TitleMapping] = {}


EmailAddress = Annotated[
    str, StringConstraints(pattern=r"^([^@\s]+@[^@\s]+\.[^@\s]+)?$", max_length=254), Legible
]
"""An e-mail address, by its shape; empty without any."""


class MailSettings(Section):
    """The server that takes our messages to the members, if there is one."""

    host: Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9.:_-]+)?$", max_length=253)] = ""
    """Empty: no message is ever sent."""
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: MailSecurity = MailSecurity.STARTTLS
    user: Detail = ""
    """Empty: the server asks for no account; else the secret ``smtp_password`` goes with it."""
    sender: EmailAddress = ""
    """Whom messages come from; what a server gives back later comes there."""
    reply_to: EmailAddress = ""
    """Whom members answer; empty: the sender."""
    per_minute: Annotated[int, Field(ge=1, le=6000)] = 20
    """Most messages a minute."""
    step_seconds: Annotated[float, Field(gt=0, le=300)] = 30
    """Most that one step of the exchange with the server waits."""
    call_seconds: Annotated[float, Field(gt=0, le=600)] = 120
    """Most that the whole exchange about one message takes."""
    ca_file: Path | None = None
    """PEM file of the certificates to which the server's must lead; None: those of the system."""
    templates: Path = Path("courriels")
    """Where the texts are that replace those of the program, if any does."""
    reply_days: Annotated[int, Field(ge=1, le=92)] = 21
    """How many days a member is given to answer about its references."""

    @model_validator(mode="after")
    def _sender(self) -> "MailSettings":
        if self.host and not self.sender:
            raise ValueError("donnez aussi sender : l'adresse qui écrit aux membres")
        return self


class ContactSettings(Section):
    """Personal data (C11)."""

    keep_years: Annotated[int, Field(ge=1, le=3)] = 3
    """Years that a contact is kept after its last use: 3 at most, by the convention."""


class LookSettings(Section):
    """Colours and logo of the documents."""

    accent: Annotated[
        str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$"), AfterValidator(_readable)
    ] = "#1d4f7c"
    logo: Path | None = None
    """A PNG, JPEG or SVG image, 500 kB at most; read when documents are made (branding.py)."""


class Settings(BaseSettings):
    """Everything a person may set."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    channel: Channel
    syndicat: Syndicat
    billing: Billing
    preview: PreviewSettings = PreviewSettings()
    numbering: Numbering
    documents: Documents = Documents()
    data: Data = Data()
    portal: PortalSettings
    worker: WorkerSettings = WorkerSettings()
    audit: AuditSettings = AuditSettings()
    journal: JournalSettings = JournalSettings()
    site: SiteSettings = SiteSettings()
    late_interest: LateInterest = LateInterest()
    titles: Titles = Titles()
    mail: MailSettings = MailSettings()
    contacts: ContactSettings = ContactSettings()
    look: LookSettings = LookSettings()
    secrets_file: Path | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - same
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, which comes in as arguments."""
        return env_settings, init_settings
