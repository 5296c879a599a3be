"""The composition root: reads the configuration and builds the collaborators, nowhere else."""

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import chain
from pathlib import Path

from worker.billing.invoice import ContactPoint, Note, Party, PaymentMeans
from worker.billing.members import Address
from worker.corrections.completion import Completer
from worker.errors import ConfigurationError
from worker.formats import ALWAYS
from worker.formats.branding import Branding, read_branding
from worker.formats.profiles import ON_DEMAND
from worker.issuing.directory import Directory
from worker.issuing.directory_rules import Seller
from worker.issuing.documents import (
    Issuer,
)
from worker.issuing.render import RenderChecked, render_checked
from worker.issuing.terms import (
    Terms,
)
from worker.portals import Portal
from worker.portals.choruspro.portal import ChorusPro
from worker.portals.choruspro.settings import (
    PRODUCTION,
    QUALIFICATION,
    Addresses,
    ChorusProSettings,
    Secret,
)
from worker.portals.lots import LotLimits
from worker.service import logs
from worker.service.app import App, Clock, open_app, utc_now
from worker.service.local_portal import local_portal
from worker.settings import Environment, PortalSettings, Syndicat
from worker.settings.secrets import load_secrets
from worker.transmission.deposit import Depositor
from worker.transmission.integration import Follower
from worker.transmission.reconcile import Reconciler
from worker.transmission.statuses import StatusReader
from worker.validation.official.artefacts import verify_artefacts
from worker.validation.official.service import ValidationService

PAGES_AT_ONCE = 2
"""An invoice has two pages to set, its own and its statement's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Office(App):
    """The books, and how each collaborator is built from them."""

    def terms(self) -> Terms:
        """What the seller puts on every invoice."""
        settings = self.configuration.settings
        syndicat, billing = settings.syndicat, settings.billing
        return Terms(
            seller=Party(
                name=syndicat.name,
                siret=syndicat.siret,
                vat_number=syndicat.vat_number,
                legal_form=syndicat.legal_form,
                contact=_contact_point(syndicat),
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
            payment_terms=f"{billing.payment_terms} {billing.late_payment}",
            notes=(
                Note(text=billing.recovery_costs, code="PMT"),
                Note(text=billing.late_payment, code="PMD"),
                Note(text=billing.early_payment, code="AAB"),
            ),
            vat_method=billing.vat_method,
            vat_point=billing.vat_point,
            due_days=billing.due_days,
            invoice_prefix=settings.numbering.invoice,
            statement_prefix=settings.numbering.statement,
            credit_note_prefix=settings.numbering.credit_note,
            number_width=settings.numbering.width,
        )

    def issuer(
        self, portal: Portal | None, render: RenderChecked, executor: Executor | None = None
    ) -> Issuer:
        """Whatever issues; without a portal (Hélios channel) no directory can be asked."""
        grids, texts = self.grids()
        return Issuer(
            store=self.store,
            clock=self.clock,
            actor=self.actor,
            terms=self.terms(),
            grids=grids,
            grid_texts=texts,
            directory=None if portal is None else self.directory(portal).check,
            render=render,
            executor=executor,
        )

    def look(self) -> Branding:
        """Colours and logo. Raises ConfigurationError when the logo cannot be used."""
        return read_branding(self.configuration.settings.look.accent, self.configuration.logo)

    @contextmanager
    def render(self) -> Iterator[RenderChecked]:
        """What draws up documents; its threads and validation process last as long as the block.

        Raises:
            ConfigurationError: the logo cannot be used.
            IntegrityError: an official schema or rule set was altered.
        """
        settings = self.configuration.settings
        look = self.look()
        extra = (ON_DEMAND[name.value] for name in settings.documents.also)
        with (
            ValidationService() as service,
            ThreadPoolExecutor(PAGES_AT_ONCE, "pages") as pages,
        ):
            yield partial(
                render_checked,
                look=look,
                profiles=(*ALWAYS, *chain.from_iterable(extra)),
                pages=pages,
                check=service.submit,
            )

    def directory(self, portal: Portal, *, refresh: bool = False) -> Directory:
        """The portal's directory behind its cache; ``refresh`` believes nothing read before."""
        settings = self.configuration.settings
        hours = 0 if refresh else settings.portal.directory_cache_hours
        return Directory(
            portal=portal,
            store=self.store,
            clock=self.clock,
            cache=timedelta(hours=hours),
            seller=Seller(
                siret=settings.syndicat.siret,
                public=settings.syndicat.public,
                password_warning=timedelta(days=settings.portal.password_warning_days),
            ),
        )

    def depositor(self, portal: Portal) -> Depositor:
        """What deposits."""
        settings = self.configuration.settings.portal
        # The body has its own read timeout, and a 401 is tried once more.
        limit = 2 * (settings.connect_timeout_seconds + 2 * settings.read_timeout_seconds)
        return Depositor(
            store=self.store,
            portal=portal,
            clock=self.clock,
            actor=self.actor,
            reconcile_after=_minutes(settings.reconcile_minutes),
            report_after=_minutes(settings.report_minutes),
            call_limit=timedelta(seconds=limit),
            lots=LotLimits(
                invoices=settings.lot_invoices, bytes=settings.lot_megabytes * 1_000_000
            ),
        )

    def reconciler(self, portal: Portal) -> Reconciler:
        """What looks for uncertain deposits."""
        return Reconciler(
            store=self.store,
            portal=portal,
            clock=self.clock,
            actor=self.actor,
            seller=self.configuration.settings.syndicat.siret,
            reconcile_after=_minutes(self.configuration.settings.portal.reconcile_minutes),
        )

    def follower(self, portal: Portal) -> Follower:
        """What asks for news."""
        settings = self.configuration.settings.portal
        return Follower(
            store=self.store,
            portal=portal,
            clock=self.clock,
            actor=self.actor,
            report_after=_minutes(settings.report_minutes),
            status_reader=self.status_reader(portal),
        )

    def completer(self, portal: Portal) -> Completer:
        """What gives suspended invoices their files."""
        return Completer(
            store=self.store,
            portal=portal,
            clock=self.clock,
            actor=self.actor,
            status_reader=self.status_reader(portal),
        )

    def status_reader(self, portal: Portal) -> StatusReader:
        """What follows invoices at their buyers'."""
        hours = self.configuration.settings.portal.status_hours
        return StatusReader(
            store=self.store,
            portal=portal,
            clock=self.clock,
            actor=self.actor,
            status_after=timedelta(hours=hours),
            payment_reported=self.directory(portal).payment_reported,
        )


def open_office(config: Path, clock: Clock = utc_now) -> Office:
    """Open what the configuration names.

    Raises:
        ConfigurationError, StorageUnavailable: see ``open_app``.
        IntegrityError: an official schema or rule set was altered: nothing may be issued then.
    """
    logs.configure_once()
    books = open_app(config, clock)
    verify_artefacts()
    return Office(
        configuration=books.configuration, store=books.store, clock=clock, actor=books.actor
    )


@contextmanager
def open_portal(office: Office) -> Iterator[Portal]:
    """The portal of the configuration; the local one lasts as long as the block.

    Raises:
        ConfigurationError: this installation does not deposit, or secrets are missing.
    """
    configuration = office.configuration
    settings = configuration.settings
    if not office.deposits:
        raise ConfigurationError(
            "Le canal convenu est Hélios : ce programme émet et exporte, il ne dépose pas.",
            "Exportez les factures avec « documents export » pour le logiciel des titres.",
        )
    secrets = load_secrets(configuration)
    with _addresses(settings.portal, configuration.data_folder) as addresses:
        client = ChorusPro(
            ChorusProSettings(
                token_url=addresses.token_url,
                api_url=addresses.api_url,
                client_id=secrets.client_id.get_secret_value(),
                client_secret=Secret(secrets.client_secret.get_secret_value()),
                technical_login=secrets.technical_login.get_secret_value(),
                technical_password=Secret(secrets.technical_password.get_secret_value()),
                connect_timeout=settings.portal.connect_timeout_seconds,
                read_timeout=settings.portal.read_timeout_seconds,
                requests_per_second=settings.portal.requests_per_second,
                parallel_calls=settings.portal.parallel_calls,
                user_id=settings.portal.user_id,
            )
        )
        try:
            yield client
        finally:
            client.close()


@contextmanager
def open_directory(office: Office, *, refresh: bool) -> Iterator[Directory]:
    """The directory of the configuration's portal, once both pairs of credentials are proven.

    Raises:
        ConfigurationError: as ``open_portal``.
        PortalError, PortalAccessRefused: nobody can be asked.
    """
    with open_portal(office) as portal:
        portal.sign_in()
        yield office.directory(portal, refresh=refresh)


def _contact_point(syndicat: Syndicat) -> ContactPoint | None:
    contact = ContactPoint(
        name=syndicat.contact_name, phone=syndicat.contact_phone, email=syndicat.contact_email
    )
    return None if contact == ContactPoint() else contact


@contextmanager
def _addresses(settings: PortalSettings, data_folder: Path) -> Iterator[Addresses]:
    match settings.environment:
        case Environment.PRODUCTION:
            yield PRODUCTION
        case Environment.QUALIFICATION:
            yield QUALIFICATION
        case Environment.LOCAL if settings.local_url:
            yield _local(settings.local_url)
        case Environment.LOCAL:
            with local_portal(data_folder) as url:
                yield _local(url)


def _local(url: str) -> Addresses:
    return Addresses(token_url=f"{url}/api/oauth/token", api_url=url)


def _minutes(values: tuple[int, ...]) -> tuple[timedelta, ...]:
    return tuple(timedelta(minutes=value) for value in values)
