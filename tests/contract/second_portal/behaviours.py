"""The switches: what the portal may do otherwise, and for which requests it is armed to do so."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self


class Operation(StrEnum):
    """What a supplier may call (reference §1.9, §2), and the integration that follows a deposit."""

    TOKEN = "/api/oauth/token"
    HEALTH = "/cpro/transverses/v1/health-check"
    DEPOSIT = "/cpro/factures/v1/deposer/flux"
    REPORT = "/cpro/transverses/v1/consulterCRDetaille"
    REPORT_PDF = "/cpro/transverses/v1/consulterCR"
    SEARCH = "/cpro/factures/v1/rechercher/fournisseur"
    TO_TREAT = "/cpro/factures/v1/rechercher/atraiter/fournisseur"
    CONSULT = "/cpro/factures/v1/consulter/fournisseur"
    HISTORY = "/cpro/factures/v1/consulter/historique"
    COMPLETE = "/cpro/factures/v1/completer"
    RECYCLE = "/cpro/factures/v1/recycler"
    ACKNOWLEDGE = "/cpro/factures/v1/traiterRejet"
    TREAT = "/cpro/factures/v1/traiter/recue"
    DOWNLOAD = "/cpro/factures/v1/telecharger/groupe"
    ATTACH = "/cpro/transverses/v1/ajouter/fichier"
    FILE_TYPES = "/cpro/transverses/v1/recuperer/typespj"
    STRUCTURES = "/cpro/structures/v1/rechercher"
    STRUCTURE = "/cpro/structures/v1/consulter"
    SERVICES = "/cpro/structures/v1/rechercher/services"
    SERVICE = "/cpro/structures/v1/consulter/service"
    MEMBERSHIPS = "/cpro/structures/v1/lister/rattachementsutilisateur"
    OWN_STRUCTURES = "/cpro/transverses/v1/recuperer/structures/actives/fournisseur"
    ACCOUNT = "/cpro/utilisateurs/v1/monCompte/recuperer/rattachements"
    INTEGRATION = "integration"


ANY = tuple(one for one in Operation if one not in {Operation.TOKEN, Operation.INTEGRATION})
TOKEN = (Operation.TOKEN,)
DEPOSIT = (Operation.DEPOSIT,)
REPORT = (Operation.REPORT, Operation.REPORT_PDF)
SEARCH = (Operation.SEARCH, Operation.TO_TREAT)
SHOWN = (*SEARCH, Operation.CONSULT, Operation.HISTORY)
INTEGRATION = (Operation.INTEGRATION,)
BUYER = (Operation.TREAT,)
STRUCTURES = (Operation.STRUCTURES, Operation.STRUCTURE)
STRUCTURE = (Operation.STRUCTURE,)
DOWNLOAD = (Operation.DOWNLOAD,)


class Behaviour(StrEnum):
    """A way to answer that the documents allow, or do not exclude; `__doc__` explains each."""

    group: int
    usual: tuple[Operation, ...]

    def __new__(cls, value: str, group: int, usual: tuple[Operation, ...], text: str) -> Self:
        """A member of this value, group of the list, usual operations and explanation."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.group, member.usual, member.__doc__ = group, usual, text
        return member

    @property
    def reach(self) -> tuple[Operation, ...]:
        """The operations at which it may be armed: the usual ones and some more."""
        if self.group == 3 and self is not Behaviour.CODE_UNKNOWN:
            return (*self.usual, *TOKEN)
        named = self.group == 4 and self.value.startswith(("buyer_", "number_"))
        return (*self.usual, *REPORT) if named else self.usual

    # 1. Refusals of a deposit, and words of a report for a number that is taken.
    REFUSED_400 = "refused_400", 1, DEPOSIT, "HTTP 400 with a proxy's HTML page; not recorded."
    REFUSED_413 = "refused_413", 1, DEPOSIT, "HTTP 413 with a proxy's HTML page; not recorded."
    REFUSED_CODE = "refused_code", 1, DEPOSIT, "codeRetour of no document (`code`, `words`)."
    RECORDED_400 = "recorded_400", 1, DEPOSIT, "As refused_400, but the file is recorded."
    RECORDED_413 = "recorded_413", 1, DEPOSIT, "As refused_413, but the file is recorded."
    RECORDED_CODE = "recorded_code", 1, DEPOSIT, "As refused_code, but the file is recorded."
    REFUSED_20010 = "refused_20010", 1, DEPOSIT, "codeRetour 20010, the number exists, at once."
    DUPLICATE_EXISTING = (
        "duplicate_existing",
        1,
        REPORT,
        "Duplicate: « Numéro de facture existant ».",
    )
    DUPLICATE_ENGLISH = "duplicate_english", 1, REPORT, "Duplicate: INVOICE_ALREADY_EXISTS."
    DUPLICATE_OTHER = "duplicate_other", 1, REPORT, "Duplicate: used by another payment request."
    DUPLICATE_20010 = "duplicate_20010", 1, REPORT, "Duplicate: technical error 20010, no words."
    DUPLICATE_MUTE = "duplicate_mute", 1, REPORT, "Duplicate: rejected, without any reason."
    DUPLICATE_FALSE = "duplicate_false", 1, INTEGRATION, "A free number is rejected as a duplicate."
    VERDICT_REJETE = "verdict_rejete", 1, REPORT, "IN_REJETE is spelt REJETE."
    VERDICT_REJETEE = "verdict_rejetee", 1, REPORT, "IN_REJETE is spelt REJETEE."
    # 2. Uniqueness.
    UNIQUENESS_OFF = "uniqueness_off", 2, INTEGRATION, "A second copy of a number is integrated."
    INTEGRATED_TWICE = "integrated_twice", 2, INTEGRATION, "One file gives two invoices."
    REJECTED_FREES = "rejected_frees", 2, INTEGRATION, "A buyer's rejection frees the number."
    UNIQUE_FOREVER = "unique_forever", 2, INTEGRATION, "A number is taken whatever the year."
    # 3. Transport.
    LOST_BEFORE = "lost_before", 3, ANY, "The connection closes; nothing was recorded."
    LOST_AFTER = "lost_after", 3, ANY, "The connection closes after the act was recorded."
    SLOW = "slow", 3, ANY, "The act is done, the answer comes `seconds` later."
    LATE_ACT = "late_act", 3, ANY, "The act itself is done `seconds` later, then answered."
    ENDLESS_CONTINUE = "endless_continue", 3, ANY, "« 100 Continue » again and again (`seconds`)."
    DRIPPED_HEADERS = "dripped_headers", 3, ANY, "A byte of header a second, for `seconds`."
    DRIPPED_BODY = "dripped_body", 3, ANY, "A byte of body a second, for `seconds`."
    TRUNCATED = "truncated", 3, ANY, "Half of the JSON, with a length that agrees."
    CUT = "cut", 3, ANY, "Half of the body of the announced length, then the end."
    HTTP_500 = "http_500", 3, ANY, "HTTP 500, nothing recorded."
    HTTP_500_AFTER = "http_500_after", 3, ANY, "HTTP 500 after the act was recorded."
    HTTP_502 = "http_502", 3, ANY, "HTTP 502 with HTML, nothing recorded."
    HTTP_503 = "http_503", 3, ANY, "HTTP 503 with HTML, nothing recorded."
    HTTP_503_LATER = "http_503_later", 3, ANY, "HTTP 503 with Retry-After as an HTTP date."
    HTTP_504_AFTER = "http_504_after", 3, ANY, "HTTP 504 after the act was recorded."
    HTTP_429 = "http_429", 3, ANY, "HTTP 429 without Retry-After."
    HTTP_429_LATER = "http_429_later", 3, ANY, "HTTP 429 with Retry-After (`wait` seconds)."
    REDIRECT = "redirect", 3, ANY, "HTTP 302 to a page of maintenance that answers 200."
    HTML_200 = "html_200", 3, ANY, "HTTP 200 with a page of maintenance, nothing recorded."
    CODE_UNKNOWN = "code_unknown", 3, ANY, "HTTP 200, a codeRetour (`code`) of no document."
    STORM_401 = "storm_401", 3, ANY, "HTTP 401 whatever the token."
    TOKEN_DEAD = "token_dead", 3, TOKEN, "The token is announced for 3600 s and worth nothing."
    TOKEN_SHORT = "token_short", 3, TOKEN, "The token is announced for `seconds` (0)."
    # 4. Forms of what is shown.
    BUYER_SIREN = "buyer_siren", 4, SHOWN, "The buyer by its SIREN."
    BUYER_PADDED = "buyer_padded", 4, SHOWN, "The buyer's SIRET padded to 18 characters."
    BUYER_NUMBER = "buyer_number", 4, (*SHOWN, *STRUCTURES), "The buyer's SIRET as a JSON number."
    AMOUNT_DIGITS = "amount_digits", 4, SHOWN, "Amounts with six decimals and noise beyond."
    AMOUNT_CENT = "amount_cent", 4, SHOWN, "Amounts a cent off."
    AMOUNT_TEXT = "amount_text", 4, SHOWN, "Amounts as French text, « 1 250,00 »."
    CREDIT_NEGATIVE = "credit_negative", 4, SHOWN, "Amounts of credit notes are negative."
    DATE_MIDNIGHT = "date_midnight", 4, SHOWN, "Dates as ISO, midnight UTC."
    DATE_PARIS_UTC = "date_paris_utc", 4, SHOWN, "Midnight of Paris told in UTC: the day before."
    DATE_FRENCH = "date_french", 4, SHOWN, "Dates as 31/12/2026."
    DATE_EPOCH = "date_epoch", 4, SHOWN, "Dates as milliseconds since 1970."
    NUMBER_JSON = "number_json", 4, SHOWN, "Invoice number as a JSON number where digits only."
    NUMBER_NO_HYPHEN = "number_no_hyphen", 4, SHOWN, "Invoice number without hyphens."
    NUMBER_NO_ZERO = "number_no_zero", 4, SHOWN, "Invoice number without the zeros before digits."
    NUMBER_CASE = "number_case", 4, SHOWN, "Invoice number in the other case."
    NUMBER_BLANKS = "number_blanks", 4, SHOWN, "Invoice number between blanks."
    LATIN1 = "latin1", 4, ANY, "Latin-1 bytes, no charset in the header."
    ONE_AS_OBJECT = "one_as_object", 4, ANY, "A list of one is the object (reference §9 row 15)."
    NULLS = "nulls", 4, SHOWN, "Facts that are not mandatory are null."
    LISTS_NULL = "lists_null", 4, ANY, "Empty lists are null."
    LISTS_ABSENT = "lists_absent", 4, ANY, "Empty lists are left out (reference §2)."
    # 5. Reports.
    REPORT_404 = "report_404", 5, REPORT, "HTTP 404."
    REPORT_500 = "report_500", 5, REPORT, "HTTP 500."
    REPORT_UNKNOWN = "report_unknown", 5, REPORT, "« Flux introuvable », although recorded."
    REPORT_PENDING = "report_pending", 5, REPORT, "Pending, whatever was decided."
    REPORT_WORD = "report_word", 5, REPORT, "A state that no document knows (`word`)."
    REPORT_SHAPE = "report_shape", 5, REPORT, "A shape that no document knows."
    REPORT_OTHER_NAME = "report_other_name", 5, REPORT, "Speaks of another file name."
    REPORT_OTHER_FLUX = "report_other_flux", 5, REPORT, "Speaks of another flux and invoice."
    FLUX_ODD = "flux_odd", 5, DEPOSIT, "Flux number with blanks, slashes and lower case."
    FLUX_MISSING = "flux_missing", 5, DEPOSIT, "Recorded, and no flux number in the answer."
    REJECTED_THEN_IN = "rejected_then_in", 5, INTEGRATION, "Rejected; integrated after `hours`."
    IN_THEN_REJECTED = "in_then_rejected", 5, INTEGRATION, "Integrated; rejected after `hours`."
    REPLAYED = "replayed", 5, INTEGRATION, "A flux rejected by right is integrated after `hours`."
    # 6. Search.
    FILTERS_IGNORED = "filters_ignored", 6, SEARCH, "Whatever is asked, all is returned."
    FOREIGN = "foreign", 6, SEARCH, "Adds `count` invoices of others, the first with our number."
    COUNT_WRONG = "count_wrong", 6, SEARCH, "`total` (0) and `pages` disagree with the lists."
    PAGE_SMALL = "page_small", 6, SEARCH, "Pages of `size` (2), whatever is asked."
    PAGE_REPEATED = "page_repeated", 6, SEARCH, "Every page is the first one."
    INDEX_HOURS = "index_hours", 6, SEARCH, "The index is `hours` (6) late."
    INDEX_DAYS = "index_days", 6, SEARCH, "The index is `hours` (72) late."
    NEVER_SHOWN = "never_shown", 6, SEARCH, "An integrated invoice is never found."
    NUMBER_CONTAINS = "number_contains", 6, SEARCH, "The number is searched as a part of others."
    PERIOD_OPEN = "period_open", 6, SEARCH, "The last day of a period does not belong to it."
    # 7. Buyers.
    OTHER_ID = "other_id", 7, BUYER, "A rejection appears under another identifier only."
    HISTORY_LATE = "history_late", 7, (Operation.HISTORY,), "The history is a day late."
    STATUS_NEW = "status_new", 7, SHOWN, "A status that no document knows (`word`)."
    PAID_REJECTED = "paid_rejected", 7, BUYER, "A rejected invoice is paid at once."
    TWO_IN_ONE = "two_in_one", 7, INTEGRATION, "The identifier of the last invoice is used again."
    ROUTED_FOREVER = "routed_forever", 7, SHOWN, "« En cours d'acheminement » for ever."
    # 9. Directory and account.
    STRUCTURE_OTHER = "structure_other", 9, STRUCTURES, "Answers for another SIRET than asked."
    STRUCTURE_CLOSED = "structure_closed", 9, STRUCTURES, "An active structure reads inactive."
    STRUCTURE_GONE = "structure_gone", 9, STRUCTURES, "The structure is not found."
    EXPIRY_WORDS = "expiry_words", 9, STRUCTURE, "Expiry of the password in words."
    EXPIRY_FRENCH = "expiry_french", 9, STRUCTURE, "Expiry of the password as 31/12/2026."
    EXPIRY_EPOCH = "expiry_epoch", 9, STRUCTURE, "Expiry of the password in milliseconds."
    EXPIRY_ABSENT = "expiry_absent", 9, STRUCTURE, "Expiry of the password is left out."
    FORBIDDEN = "forbidden", 9, ANY, "HTTP 403, empty body (reference §1.5)."
    PASSWORD_EXPIRED = "password_expired", 9, ANY, "HTTP 401 of the technical account."
    # 10. Downloads.
    DOWNLOAD_OTHER = "download_other", 10, DOWNLOAD, "Another invoice's file."
    DOWNLOAD_EMPTY = "download_empty", 10, DOWNLOAD, "An empty file."
    DOWNLOAD_TRUNCATED = "download_truncated", 10, DOWNLOAD, "Half of the file."
    DOWNLOAD_MISSING = "download_missing", 10, DOWNLOAD, "Success without a file."


@dataclass
class Arming:
    """A behaviour, and what it is armed for: an invoice, an operation, a number of requests.

    The first `skip` requests that would meet it are spared.
    """

    behaviour: Behaviour
    number: str | None = None
    operation: Operation | None = None
    requests: int | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    skip: int = 0

    def concerns(self, operation: Operation, numbers: Iterable[str]) -> bool:
        """Whether this request, of these invoice numbers, is meant."""
        at = (self.operation,) if self.operation else self.behaviour.usual
        return (
            self.requests != 0
            and operation in at
            and (self.number is None or self.number in numbers)
        )

    def parameter(self, name: str, default: Any) -> Any:  # noqa: ANN401 - JSON of the test
        """What the test gave under this name, else the default."""
        return self.parameters.get(name, default)


class Moment:
    """One request, or one integration, with the behaviours that it meets.

    An arming counts once per moment, at its first use, and holds until the moment ends.
    """

    def __init__(
        self,
        armed: list[Arming],
        operation: Operation,
        numbers: Iterable[str] = (),
        met: Counter[str] | None = None,
    ) -> None:
        self.operation = operation
        self.met = Counter() if met is None else met
        self.numbers = set(numbers)
        self._armed = [
            one
            for one in armed
            if one.concerns(operation, self.numbers | ({one.number} if one.number else set()))
        ]
        self._used: list[Arming] = []
        self._spared: list[Arming] = []

    def find(self, behaviour: Behaviour, number: str | None = None) -> Arming | None:
        """The arming to obey for the request, or for one invoice of its answer."""
        meant = self.numbers if number is None else {number}
        for one in self._armed:
            named = one.number is None or one.number in meant
            if one.behaviour is behaviour and named and not self._is_spared(one):
                self._count(one)
                return one
        return None

    def has(self, behaviour: Behaviour, number: str | None = None) -> bool:
        """Whether the behaviour is to be shown."""
        return self.find(behaviour, number) is not None

    def first(self, behaviours: Iterable[Behaviour]) -> Arming | None:
        """The first of several behaviours that is armed."""
        return next((found for one in behaviours if (found := self.find(one))), None)

    def _is_spared(self, arming: Arming) -> bool:
        if arming.skip and not any(one is arming for one in self._spared):
            arming.skip -= 1
            self._spared.append(arming)
        return any(one is arming for one in self._spared)

    def _count(self, arming: Arming) -> None:
        if any(one is arming for one in self._used):
            return
        self._used.append(arming)
        self.met[arming.behaviour.value] += 1
        if arming.requests is not None:
            arming.requests -= 1
