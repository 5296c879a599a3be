"""The composition root: reads the configuration and builds the collaborators, nowhere else."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from io import BytesIO
from pathlib import Path

import pikepdf

from worker import logs
from worker.billing_run import Issuer, Terms
from worker.books import Books, Clock, open_books, utc_now
from worker.credentials import load_secrets
from worker.deposit import Depositor
from worker.directory import Directory
from worker.document import Document, DocumentKind
from worker.errors import ConfigurationError
from worker.findings import Finding
from worker.followup import Follower
from worker.formats import render_all
from worker.formats.embedding import XML_NAME
from worker.formats.look import read_look
from worker.invoice import Party, PaymentMeans
from worker.local_portal import local_portal
from worker.members import Address, BillingReferences
from worker.portals import Portal
from worker.portals.choruspro import ChorusPro
from worker.portals.choruspro_settings import (
    PRODUCTION,
    QUALIFICATION,
    Addresses,
    ChorusProSettings,
    Secret,
)
from worker.reconcile import Reconciler
from worker.settings import Environment, PortalSettings
from worker.storage.invoices import CheckedWith
from worker.validation.schemas import Schema, check_xsd

SCHEMAS: dict[DocumentKind, tuple[Schema, ...]] = {
    DocumentKind.FACTURX: (Schema.FACTURX_EN16931,),
    DocumentKind.CII: (Schema.FACTURX_EN16931,),
    DocumentKind.UBL: (Schema.UBL_INVOICE, Schema.CHORUS_UBL_INVOICE),
    DocumentKind.STATEMENT: (),
}
"""What each document must pass before anything is stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Office(Books):
    """The books, and how each collaborator is built from them."""

    def terms(self) -> Terms:
        """What the seller puts on every invoice."""
        settings = self.configuration.settings
        syndicat = settings.syndicat
        return Terms(
            seller=Party(
                name=syndicat.name,
                siret=syndicat.siret,
                vat_number=syndicat.vat_number,
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
            payment_terms=settings.billing.payment_terms,
            due_days=settings.billing.due_days,
            invoice_prefix=settings.numbering.invoice,
            statement_prefix=settings.numbering.statement,
            number_width=settings.numbering.width,
        )

    def issuer(self, portal: Portal | None) -> Issuer:
        """The batch; without a portal (Hélios channel) no directory can be asked."""
        grids, texts = self.grids()
        check = no_directory if portal is None else self.directory(portal).check
        look = read_look(self.configuration.settings.look.accent, self.configuration.logo)
        return Issuer(
            store=self.store,
            clock=self.clock,
            actor=self.actor,
            terms=self.terms(),
            grids=grids,
            grid_texts=texts,
            directory=check,
            render=partial(render_all, look=look),
            validate=validate,
        )

    def directory(self, portal: Portal) -> Directory:
        """The portal's directory behind its cache."""
        hours = self.configuration.settings.portal.directory_cache_hours
        return Directory(
            portal=portal, store=self.store, clock=self.clock, cache=timedelta(hours=hours)
        )

    def depositor(self, portal: Portal) -> Depositor:
        """What deposits."""
        settings = self.configuration.settings.portal
        limit = settings.connect_timeout_seconds + settings.read_timeout_seconds
        return Depositor(
            store=self.store,
            portal=portal,
            clock=self.clock,
            actor=self.actor,
            reconcile_after=_minutes(settings.reconcile_minutes),
            report_after=_minutes(settings.report_minutes),
            call_limit=timedelta(seconds=limit),
        )

    def reconciler(self, portal: Portal) -> Reconciler:
        """What looks for uncertain deposits."""
        return Reconciler(
            store=self.store,
            portal=portal,
            clock=self.clock,
            actor=self.actor,
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
            status_after=timedelta(hours=settings.status_hours),
            payment_reported=self.directory(portal).payment_reported,
        )


def open_office(config: Path, clock: Clock = utc_now) -> Office:
    """Open what the configuration names. Raises ConfigurationError, StorageUnavailable."""
    logs.configure_once()
    books = open_books(config, clock)
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
            )
        )
        try:
            yield client
        finally:
            client.close()


def validate(document: Document) -> tuple[tuple[CheckedWith, ...], tuple[Finding, ...]]:
    """Run every schema a document must pass; what it passed, and what is wrong."""
    content = document.content
    if document.kind is DocumentKind.FACTURX:
        # Our own file, just made: no need of the guarded process that opens strangers' files.
        with pikepdf.open(BytesIO(content)) as pdf:
            content = pdf.attachments[XML_NAME].get_file().read_bytes()
    checks: list[CheckedWith] = []
    findings: list[Finding] = []
    for schema in SCHEMAS[document.kind]:
        report = check_xsd(schema, content)
        if not report.valid:
            findings.extend(report.findings)
            break
        rules = report.rule_set
        checks.append(CheckedWith(rule_set=rules.name, version=rules.version, sha256=rules.sha256))
    return tuple(checks), tuple(findings)


def no_directory(_references: BillingReferences) -> tuple[Finding, ...]:
    """The Hélios channel has no directory to ask: the title software will."""
    return ()


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
