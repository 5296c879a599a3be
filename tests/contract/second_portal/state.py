"""What the portal holds: clock, directory, fluxes, invoices; written at once to SQLite."""

import base64
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests.contract.second_portal.behaviours import Arming, Behaviour, Moment, Operation
from tests.contract.second_portal.documents import Document

PENDING = "IN_DEPOT_PORTAIL_EN_ATTENTE_TRAITEMENT_SE_CPP"
INTEGRATED, PARTIAL, REJECTED = "IN_INTEGRE", "IN_INTEGRE_PARTIEL", "IN_REJETE"


class Needs(StrEnum):
    """What a structure demands of an invoice (reference §6.1)."""

    NONE = "none"
    SERVICE = "service"
    ENGAGEMENT = "engagement"
    BOTH = "both"
    EITHER = "either"


@dataclass
class Service:
    """A service of a structure (reference §2.9); it may be over by its last day only."""

    code: str
    name: str
    active: bool = True
    engagement: bool = False
    ends: str = ""
    id: int = 0


@dataclass
class Structure:
    """A fictitious structure of the directory; the account may issue for `ours` too."""

    siret: str
    name: str
    active: bool = True
    public: bool = True
    needs: Needs = Needs.NONE
    services: list[Service] = field(default_factory=list)
    silent_payment: bool = False
    ours: bool = False
    closes: str = ""
    successor: str = ""
    redirects: bool = False
    id: int = 0

    def is_active(self, now: datetime) -> bool:
        """Open at this instant: a closing date may have come since."""
        return self.active and not (self.closes and datetime.fromisoformat(self.closes) <= now)


@dataclass
class Passage:
    """An invoice's entry into a status."""

    status: str
    at: str
    comment: str = ""


@dataclass
class Invoice:
    """An invoice of the portal. `rank` is ours; two invoices may show one `cpp_id`."""

    rank: int
    cpp_id: int
    document: Document
    flux: str
    deposited: str
    file: str
    mode: str = "UPLOAD_API"
    passages: list[Passage] = field(default_factory=list)
    living: bool = True
    acknowledged: bool = False
    comment: str = ""
    copy_of: int = 0
    attachments: list[dict[str, Any]] = field(default_factory=list)

    def passages_until(self, instant: datetime) -> list[Passage]:
        """What had happened by then, oldest first."""
        return [one for one in self.passages if datetime.fromisoformat(one.at) <= instant]


@dataclass
class Fault:
    """A reason of a report, of an invoice or of the whole file (reference §4.3)."""

    text: str
    number: str = ""
    supplier: str = ""
    buyer: str = ""
    duplicate: bool = False


@dataclass
class Flux:
    """A deposited file: recorded at once, decided later (reference §2.1, §8.2)."""

    number: str
    name: str
    syntax: str
    sha256: str
    received: str
    documents: list[Document] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    unreadable: str = ""
    verdict: str = PENDING
    decided: str = ""
    faults: list[Fault] = field(default_factory=list)
    reads: int = 0
    turns: str = ""
    turns_to: str = ""


@dataclass
class Settings:
    """What the test chooses of the portal's ordinary pace and of its account."""

    integration_seconds: float = 0
    index_seconds: float = 0
    unknown_reads: int = 0
    by_step: bool = False
    page_size: int = 10
    maximum: int = 200
    token_seconds: int = 3600
    supplier: str = ""
    client_id: str = "second-client"
    client_secret: str = "second-secret"
    login: str = "TECH_1_second@portail.invalid"
    password: str = "second-password"
    password_expires: str = "2027-10-01T00:00:00+02:00"
    # Two ways of the reference (§3.1, §8.1): a code for an unknown syntax, a body for HTTP 401.
    syntax_code: int = 0
    account_body: bool = False


def check_digit(stem: str) -> str:
    """The digit that closes a stem by Luhn's rule."""
    doubled = (2 * int(one) if rank % 2 == 0 else int(one) for rank, one in enumerate(stem[::-1]))
    return str(-sum(one - 9 if one > 9 else one for one in doubled) % 10)


def fictitious_siret(eight: str, four: str = "0001") -> str:
    """A fictitious SIRET; its SIREN and the whole have correct keys."""
    siren = eight + check_digit(eight)
    return siren + four + check_digit(siren + four)


def fictitious_structures() -> Iterator[Structure]:
    """The directory at the start; names say that the structures are fictitious."""
    office = Service("FACTURATION", "Pôle facturation")
    closed = Service("ANCIEN", "Service fermé", active=False)
    between = Service("FACTURES_PUBLIQUES", "Service des factures publiques")
    bound = Service("TRAVAUX", "Régie des travaux", engagement=True)
    yield Structure(fictitious_siret("29990000"), "Établissement fictif fournisseur", public=False)
    yield Structure(fictitious_siret("29990001"), "Commune fictive de Val-Éclair")
    for rank, needs in enumerate(list(Needs)[1:], 2):
        services = [Service(**asdict(one)) for one in (office, closed, between, bound)]
        name = f"Établissement fictif n° {rank}"
        yield Structure(fictitious_siret(f"2999000{rank}"), name, needs=needs, services=services)
    yield Structure(fictitious_siret("29990009"), "Syndicat fictif fermé", active=False)


class Store:
    """A table of JSON values; what one request wrote is committed before its answer is sent."""

    def __init__(self, path: Path | None) -> None:
        self._base = sqlite3.connect(str(path or ":memory:"), check_same_thread=False)
        self._base.execute("PRAGMA journal_mode=WAL")
        self._base.execute("PRAGMA synchronous=NORMAL")  # it outlives a kill, not a power cut
        self._base.execute("CREATE TABLE IF NOT EXISTS fact (kind, key, value, UNIQUE (kind, key))")

    def put(self, kind: str, key: str, value: Any) -> None:  # noqa: ANN401 - any JSON
        """Write one value."""
        row = (kind, key, json.dumps(value))
        update = "ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value"
        self._base.execute(f"INSERT INTO fact VALUES (?, ?, ?) {update}", row)

    def commit(self) -> None:
        """Let what was written since the last commit outlive the process."""
        self._base.commit()

    def get(self, kind: str, key: str, default: Any) -> Any:  # noqa: ANN401 - any JSON
        """Read one value."""
        query = "SELECT value FROM fact WHERE kind = ? AND key = ?"
        row = self._base.execute(query, (kind, key)).fetchone()
        return json.loads(row[0]) if row else default

    def all(self, kind: str) -> dict[str, Any]:
        """Every value of a kind, in the order of its first writing."""
        query = "SELECT key, value FROM fact WHERE kind = ? ORDER BY rowid"
        rows = self._base.execute(query, (kind,)).fetchall()
        return {key: json.loads(value) for key, value in rows}

    def close(self) -> None:
        """Close the file."""
        self._base.close()


def _known(kind: type[Any], value: dict[str, Any]) -> dict[str, Any]:
    names = {one.name for one in fields(kind)}
    return {name: one for name, one in value.items() if name in names}


def structure_from(value: dict[str, Any]) -> Structure:
    """A structure out of JSON."""
    found = Structure(**_known(Structure, value))
    found.needs = Needs(found.needs)
    found.services = [Service(**one) for one in value.get("services", [])]
    return found


def _flux_from(value: dict[str, Any]) -> Flux:
    found = Flux(**_known(Flux, value))
    found.documents = [Document(**one) for one in value["documents"]]
    found.faults = [Fault(**one) for one in value["faults"]]
    return found


def _invoice_from(value: dict[str, Any]) -> Invoice:
    found = Invoice(**_known(Invoice, value))
    found.document = Document(**value["document"])
    found.passages = [Passage(**one) for one in value["passages"]]
    return found


def _arming_from(value: dict[str, Any]) -> Arming:
    found = Arming(**value)
    found.behaviour = Behaviour[str(found.behaviour).upper()]
    found.operation = Operation(found.operation) if found.operation else None
    return found


class State:
    """All facts of the portal in memory, each written to the store when it changes."""

    def __init__(self, path: Path | None = None) -> None:
        self.store = Store(path)
        self.settings = Settings(**self._value("settings", {}))
        self.offset = timedelta(seconds=self._value("offset", 0.0))
        self.frozen: str = self._value("frozen", "")
        self.count: int = self._value("count", 0)
        self.tokens: dict[str, str] = self.store.all("token")
        self.requests: dict[str, dict[str, Any]] = self.store.all("request")
        self.structures = {k: structure_from(v) for k, v in self.store.all("structure").items()}
        self.fluxes = {k: _flux_from(v) for k, v in self.store.all("flux").items()}
        self.invoices = {int(k): _invoice_from(v) for k, v in self.store.all("invoice").items()}
        self.attachments: dict[str, dict[str, Any]] = self.store.all("attachment")
        self.met = Counter(self.store.all("met"))
        self.armed = [_arming_from(one) for one in self._value("armed", [])]
        if not self.structures:
            for structure in fictitious_structures():
                self.keep_structure(structure)
            self.settings.supplier = next(iter(self.structures))
            self.keep_settings()
            self.store.commit()

    def _value(self, key: str, default: Any) -> Any:  # noqa: ANN401 - any JSON
        return self.store.get("value", key, default)

    @property
    def now(self) -> datetime:
        """Real time, or the frozen instant, moved by what the test asked."""
        start = datetime.fromisoformat(self.frozen) if self.frozen else datetime.now(UTC)
        return start + self.offset

    def move(self, by: timedelta) -> None:
        """Move the clock."""
        self.offset += by
        self.store.put("value", "offset", self.offset.total_seconds())

    def freeze(self, at: datetime) -> None:
        """Stop the clock at an instant; it then moves by `move` only."""
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        self.frozen, self.offset = at.isoformat(), timedelta()
        self.store.put("value", "frozen", self.frozen)
        self.move(timedelta())

    def next_id(self) -> int:
        """A number that was not given before."""
        self.count += 1
        self.store.put("value", "count", self.count)
        return self.count

    def keep_settings(self) -> None:
        """Write the settings."""
        self.store.put("value", "settings", asdict(self.settings))

    def keep_armed(self) -> None:
        """Write what is armed, and how often each switch was met."""
        self.store.put("value", "armed", [asdict(one) for one in self.armed])
        for name, count in self.met.items():
            self.store.put("met", name, count)

    def keep_structure(self, structure: Structure) -> None:
        """Write a structure, with an identifier for it and for its services."""
        known = self.structures.get(structure.siret)
        structure.id = structure.id or (known.id if known else 26_000_000 + self.next_id())
        for service in structure.services:
            service.id = service.id or 4_000_000 + self.next_id()
        self.structures[structure.siret] = structure
        self.store.put("structure", structure.siret, asdict(structure))

    def keep_flux(self, flux: Flux) -> None:
        """Write a flux."""
        self.fluxes[flux.number] = flux
        self.store.put("flux", flux.number, asdict(flux))

    def keep_invoice(self, invoice: Invoice) -> None:
        """Write an invoice."""
        self.invoices[invoice.rank] = invoice
        self.store.put("invoice", str(invoice.rank), asdict(invoice))

    def keep_attachment(self, content: bytes, **facts: str) -> int:
        """Write a file that an act may name later, under a new identifier."""
        identifier = 6_900_000 + self.next_id()
        self.keep_file(f"attachment {identifier}", content)
        self.attachments[str(identifier)] = facts
        self.store.put("attachment", str(identifier), facts)
        return identifier

    def keep_token(self, token: str, until: datetime) -> None:
        """Write a token."""
        self.tokens[token] = until.isoformat()
        self.store.put("token", token, self.tokens[token])

    def keep_file(self, sha256: str, content: bytes) -> None:
        """Write the bytes of a file."""
        self.store.put("file", sha256, base64.b64encode(content).decode())

    def file(self, sha256: str) -> bytes:
        """The bytes of a file; empty where none was given."""
        return base64.b64decode(self.store.get("file", sha256, ""))

    def keep_request(self, fact: dict[str, Any]) -> None:
        """Write a request in the journal."""
        key = f"{len(self.requests) + 1:09}"
        self.requests[key] = fact
        self.store.put("request", key, fact)

    def moment(self, operation: Operation, numbers: list[str]) -> Moment:
        """The behaviours that a request, or an integration, meets now."""
        return Moment(self.armed, operation, numbers, self.met)

    def named(self, identifier: object) -> Invoice | None:
        """The last invoice shown under an identifier of the portal."""
        same = [one for one in self.invoices.values() if str(one.cpp_id) == str(identifier)]
        return max(same, key=lambda one: (one.living, one.rank), default=None)
