"""The registry of finding codes: how much each weighs, what it means, where the rule comes from.

Codes are for programs and support; the French message and remedy stand where the finding is made.
docs/findings.md shows this registry to people. The codes of the official rules (BR-…, UBL-…) are
their publishers' and are not here. A § is one of docs/chorus-pro.md.
"""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """Which severities the findings of a code may have."""

    BLOCKING = "blocking"
    WARNING = "warning"
    EITHER = "either"


@dataclass(frozen=True, slots=True)
class FindingCode:
    """A code of ours; ``source`` names the rule behind it, and is empty when the rule is ours."""

    code: str
    meaning: str
    source: str = ""
    level: Level = Level.BLOCKING


@dataclass(frozen=True, slots=True)
class Family:
    """Codes that are met in the same work and corrected in the same way (``to_do``)."""

    title: str
    to_do: str
    codes: tuple[FindingCode, ...]


_Code = FindingCode
FAMILIES = (
    Family(
        "Configuration",
        "Correct the key that is named, in the file or in its variable.",
        (_Code("CONFIG", "a key is unknown, missing or wrong"),),
    ),
    Family(
        "Import files",
        "Correct the cell that is named, and import the file again: nothing of it was taken.",
        (
            _Code("IMPORT-BILLED", "the row would change a year that is invoiced"),
            _Code("IMPORT-CATEGORY", "not a whole number from 1 to 99"),
            _Code("IMPORT-COLUMN-DUPLICATE", "two columns of the same name"),
            _Code("IMPORT-COLUMN-MISSING", "a compulsory column is absent"),
            _Code("IMPORT-COLUMN-UNKNOWN", "a column of an unknown name"),
            _Code("IMPORT-CONVENTION", "the reference of the convention is too long", "BT-12"),
            _Code("IMPORT-DATE", "not a day of the calendar"),
            _Code("IMPORT-DUPLICATE", "repeats another row"),
            _Code("IMPORT-EMAIL", "not an address"),
            _Code("IMPORT-EMPTY", "a compulsory cell is empty"),
            _Code("IMPORT-ENGAGEMENT", "not an engagement number", "§5"),
            _Code("IMPORT-FORMULA", "the spreadsheet could not compute this formula"),
            _Code("IMPORT-FUTURE", "a month that has not begun"),
            _Code("IMPORT-GAP", "months are missing between two others", "C1", Level.WARNING),
            _Code("IMPORT-MONTH", "not a month"),
            _Code("IMPORT-OTHER-YEAR", "a month of another year than the rest of the file"),
            _Code("IMPORT-PERIOD", "a subscription that ends before it begins"),
            _Code("IMPORT-POSTCODE", "not a French postcode"),
            _Code("IMPORT-ROW", "more or fewer cells than columns"),
            _Code("IMPORT-SERVICE", "not the code of a service"),
            _Code("IMPORT-SERVICE-CODE", "not a service code of Chorus Pro", "§5"),
            _Code("IMPORT-SIRET", "not fourteen digits with their key"),
            _Code("IMPORT-TEXT", "too long, or a character that cannot be kept"),
            _Code("IMPORT-TIER", "not a whole number of To"),
            _Code("IMPORT-UNKNOWN-MEMBER", "no member has this SIRET"),
            _Code("IMPORT-USERS", "not a whole number of users"),
            _Code("IMPORT-VAT", "not a VAT number"),
            _Code("IMPORT-YEAR", "not a year of service"),
        ),
    ),
    Family(
        "The year of a member",
        "Correct the data or the tariff, then `run` again.",
        (
            _Code("HELD", "a person holds the member back, or its invoice was cancelled"),
            _Code("RELEASED", "no longer held back, and not invoiced yet"),
            _Code("SUBSCRIPTION-OVERLAP", "two subscriptions cover the same month", "C9"),
            _Code("TARIFF-CHANGED", "a grid was changed after it had priced an invoice", "C6"),
            _Code("TARIFF-FILE", "a key of a tariff file is wrong"),
            _Code("TARIFF-NO-PRICE", "no grid prices this service, tier, category and month", "C6"),
            _Code("USAGE-GAP", "a subscribed month has no row of use", "C1"),
            _Code("USAGE-OUTSIDE", "use outside any subscription", "C9"),
            _Code("YEAR-EMPTY", "nothing was subscribed or used this year", "C1", Level.WARNING),
        ),
    ),
    Family(
        "The directory of Chorus Pro",
        "Import the missing reference, or correct the member; for ours (`DIR-SELLER-…`, "
        "`DIR-PASSWORD-…`), the portal or the configuration.",
        (
            _Code("DIR-ENGAGEMENT", "the structure demands an engagement", "§6.1"),
            _Code("DIR-INACTIVE", "the buyer's structure is not active", "§6.1"),
            _Code("DIR-PASSWORD-EXPIRED", "the technical password is past its day", "§1.6"),
            _Code("DIR-PASSWORD-EXPIRES", "that day is near", "§1.6", Level.WARNING),
            _Code("DIR-PUBLIC-ONLY", "FACTURES_PUBLIQUES named by a private seller", "§6.2"),
            _Code("DIR-REFERENCE", "the structure demands a service code or an engagement", "§6.1"),
            _Code("DIR-SELLER-INACTIVE", "our own structure is not active", "§6.1"),
            _Code("DIR-SELLER-PRIVATE", "we say public, the portal private", "§6.2", Level.WARNING),
            _Code("DIR-SELLER-UNKNOWN", "our own structure does not exist", "§6.1"),
            _Code(
                "DIR-SELLER-UNREADABLE", "no usable answer about ourselves", "§4.1", Level.WARNING
            ),
            _Code("DIR-SERVICE", "the structure demands a service code", "§6.1"),
            _Code("DIR-SERVICE-ENGAGEMENT", "the service demands an engagement", "§6.1"),
            _Code("DIR-SERVICE-INACTIVE", "the service is closed, or out of its dates", "§6.1"),
            _Code("DIR-SERVICE-UNKNOWN", "the structure has no such service", "§4.4"),
            _Code("DIR-UNKNOWN", "the buyer's structure does not exist", "§4.4"),
            _Code("DIR-UNREADABLE", "no usable answer about the buyer", "§4.1"),
            _Code("DIR-WORKS-ONLY", "the structure takes works contracts only", "§6.1"),
        ),
    ),
    Family(
        "What Chorus Pro accepts",
        "Correct the value that is named, at the member, in the configuration or in the program "
        "that made the file.",
        (
            _Code("CHORUS-ADDRESS", "line, postcode, town, country; 400 characters", "BR-08 to 11"),
            _Code("CHORUS-ATTACHMENT", "name of 50 characters, listed extension, 10 MB", "§5"),
            _Code("CHORUS-CHARACTER", "a character that XML cannot hold", "XML 1.0, 2.2"),
            _Code("CHORUS-CONTRACT", "BT-12 has 50 characters at most", "§3.7"),
            _Code("CHORUS-CURRENCY", "euros", "BT-5"),
            _Code("CHORUS-ENGAGEMENT", "BT-13 has 50 characters at most", "§3.7"),
            _Code("CHORUS-FRAMEWORK", "BT-23 is A1 to A25", "G1.02", Level.EITHER),
            _Code("CHORUS-IBAN", "a true IBAN and no other account", "G1.16 to G1.19"),
            _Code("CHORUS-NAME", "names have 1 to 99 characters", "§3.7"),
            _Code("CHORUS-NUMBER", "BT-1 has 20 characters, no space", "G1.05"),
            _Code("CHORUS-PAYMENT-MEANS", "BT-81 on an invoice, none on a credit note", "S2.05"),
            _Code("CHORUS-PRECEDING", "a credit note names one invoice", "BR-FR-CO-05"),
            _Code("CHORUS-QUANTITY", "quantities have ten digits and four decimals", "§3.7"),
            _Code("CHORUS-SERVICE", "BT-10: 100 characters, letters, digits, space, _ -", "§3.7"),
            _Code("CHORUS-SIRET", "SIRETs of 14 digits with their key", "§3.7"),
            _Code("CHORUS-SIZE", "what is deposited has 20 MB at most", "AIFE-CP §5.4.1"),
            _Code("CHORUS-TEXT", "free texts have 1024 characters at most", "§3.7"),
            _Code("CHORUS-TYPE", "BT-3 is not one that is refused", "§3.7"),
        ),
    ),
    Family(
        "The arithmetic of our own invoices",
        "A defect of the program, unless the message names a setting: no number was spent.",
        (
            _Code("DATE-DUE", "an invoice is not due before its issue", "BR-FR-CO-07"),
            _Code("DATE-FUTURE", "nothing is issued in the future", "§3.7"),
            _Code("DATE-YEAR", "years 2000 to 2099", "BR-FR-03"),
            _Code("DOC-UNPRINTABLE", "no embedded font has this character"),
            _Code("LINE-AMOUNT", "quantity × agreed TTC price = agreed TTC amount", "C5"),
            _Code("LINE-NONE", "at least one line", "BR-16"),
            _Code("LINE-PRICE", "price not negative, six decimals at most", "BR-27"),
            _Code("LINE-QUANTITY", "quantity above zero, ten digits at most", "§3.7"),
            _Code("PERIOD-LINE", "a line's period lies in the invoice's", "BR-CO-19"),
            _Code("PERIOD-YEAR", "the invoice's period lies in the year of service", "C2"),
            _Code("TOTAL-AGREED", "the total of the lines is the agreed one", "C5"),
            _Code("TOTAL-GROSS", "HT + VAT = TTC", "BR-CO-15"),
            _Code("TOTAL-NET", "HT is the sum of the lines", "BR-CO-10"),
            _Code("TOTAL-PAYABLE", "the amount due is the agreed total", "BR-CO-16"),
            _Code("TOTAL-ROUNDING", "BT-114 is the cent that is missing, or none", "BR-CO-16"),
            _Code("TOTAL-VAT", "VAT is the sum of its groups", "BR-CO-14"),
            _Code("VAT-BREAKDOWN", "one group for each regime, VAT to the cent", "BR-CO-17"),
            _Code("VAT-NUMBER", "a seller's VAT number with category S; a true one", "BR-S-02"),
            _Code("VAT-OUT-OF-SCOPE", "category O alone, and without VAT numbers", "BR-O-02, 11"),
            _Code("VAT-RATE", "a rate that exists in France", "BR-FR-16"),
            _Code("VAT-REASONS", "one reason for all exempt lines", "BR-E-01"),
        ),
    ),
    Family(
        "Files to validate",
        "Give another file, or export it again: it could not be read as an invoice.",
        (
            _Code("FILE-EMPTY", "nothing in it"),
            _Code("FILE-MISSING", "no such file"),
            _Code("FILE-NOT-INVOICE", "neither a PDF nor XML"),
            _Code("FILE-NOT-REGULAR", "a folder, a pipe, a device"),
            _Code("FILE-TOO-LARGE", "larger than any deposit", "AIFE-CP §5.4.1"),
            _Code("FILE-UNREADABLE", "rights, or the disk"),
            _Code("PDF-AMBIGUOUS", "several files of the invoice's name"),
            _Code("PDF-DAMAGED", "not a PDF that can be read"),
            _Code("PDF-ENCRYPTED", "encrypted or protected"),
            _Code("PDF-NO-XML", "no invoice inside"),
            _Code("PDF-TOO-LARGE", "too much memory or time for an invoice"),
            _Code("XML-DOCTYPE", "a DOCTYPE, which may hide an attack"),
            _Code("XML-EMPTY", "nothing in it"),
            _Code("XML-MALFORMED", "not well-formed XML"),
            _Code("XML-ORDER", "an order (Order-X)"),
            _Code("XML-OTHER-KIND", "neither UBL nor CII"),
            _Code("XML-TOO-LARGE", "size, depth or attributes past any invoice"),
        ),
    ),
    Family(
        "What a file claims and how it is wrapped",
        "Correct the program that made the file; a claim without rules here is checked elsewhere.",
        (
            _Code("CLAIM-NATIVE", "Chorus Pro's own UBL: no verdict is possible", "§3.7"),
            _Code("CLAIM-OWN-RULES", "a use of EN 16931 with more rules", "BT-24", Level.WARNING),
            _Code("CLAIM-UNKNOWN", "a profile whose rules are not here", "BT-24"),
            _Code("PDF-ACTION", "an action that PDF/A-3 forbids", "ISO 19005-3"),
            _Code("PDF-ASSOCIATED", "the XML is not associated as the invoice", "Factur-X"),
            _Code("PDF-LEVEL", "the level of the PDF is not that of the XML", "Factur-X"),
            _Code("PDF-NAME", "the XML has another name than the specified one", "Factur-X"),
            _Code("PDF-PART", "not said to be PDF/A-3", "Factur-X"),
            _Code("PDF-STATED-NAME", "the metadata name another file", "Factur-X"),
            _Code("PDF-XMP", "no metadata of a Factur-X", "Factur-X"),
        ),
    ),
    Family(
        "Schemas, and rules that could not be run",
        "Correct the element that is named; `RULES-…` and `VALIDATOR-FAILED` are no verdict.",
        (
            _Code("RULES-MORE", "more findings than are shown", "", Level.WARNING),
            _Code("RULES-NONE", "no rule applied to the document"),
            _Code("RULES-UNFINISHED", "the rules stopped before their end"),
            _Code("VALIDATOR-FAILED", "the document makes the checking process fail"),
            _Code("XSD-ABSENT", "an element is missing"),
            _Code("XSD-ATTRIBUTE", "an attribute is missing"),
            _Code("XSD-OTHER", "another fault, in the words of the parser"),
            _Code("XSD-ROOT", "a document of another kind"),
            _Code("XSD-UNEXPECTED", "an element that has no place there"),
            _Code("XSD-VALUE", "a value that its type does not allow"),
        ),
    ),
    Family(
        "Amounts and dates of a file",
        "Correct the amount that is named, or those it is made of. The sums are warnings under "
        "profiles that allow a cent for each line.",
        (
            _Code("AMOUNT-AGREED", "a price of ours that does not come from the agreed one", "C5"),
            _Code("AMOUNT-ALLOWANCES", "BT-107 is a sum", "BR-CO-11", Level.EITHER),
            _Code("AMOUNT-BASE", "BT-116 is a sum", "BR-S-08", Level.EITHER),
            _Code("AMOUNT-CHARGES", "BT-108 is a sum", "BR-CO-12", Level.EITHER),
            _Code("AMOUNT-CURRENCY", "an amount in another currency", "BT-5, BT-6"),
            _Code("AMOUNT-GROSS", "BT-112 = BT-109 + BT-110", "BR-CO-15", Level.EITHER),
            _Code("AMOUNT-LENGTH", "a number with more digits than are read"),
            _Code("AMOUNT-LINES", "BT-106 is a sum", "BR-CO-10", Level.EITHER),
            _Code("AMOUNT-NET", "BT-109 = BT-106 - BT-107 + BT-108", "BR-CO-13", Level.EITHER),
            _Code("AMOUNT-PAYABLE", "BT-115 = BT-112 - BT-113 + BT-114", "BR-CO-16"),
            _Code("AMOUNT-PRICE", "BT-131 does not come from quantity and price", "PEPPOL R120"),
            _Code("AMOUNT-VAT", "BT-110 is a sum", "BR-CO-14", Level.EITHER),
            _Code("AMOUNT-VAT-RATE", "BT-117 = BT-116 × BT-119", "BR-CO-17", Level.EITHER),
            _Code("CII-DATE", "not eight digits of a day"),
            _Code("UBL-DATE", "not YYYY-MM-DD"),
        ),
    ),
    Family(
        "Proof",
        "Keep everything as it is, and compare with a backup before going on.",
        (
            _Code("BOOKS-DIFFER", "an invoice or a document is not as the journal tells"),
            _Code("JOURNAL-BROKEN", "an event was changed, removed, added or moved"),
            _Code("JOURNAL-HEAD", "a noted fingerprint is no longer in the chain"),
            _Code("PORTAL-DIFFERS", "Chorus Pro holds something else than we do"),
        ),
    ),
    Family(
        "Completing a suspended invoice",
        "Correct the file or the comment; nothing was sent.",
        (_Code("COMPLETE-FILE", "a file or a comment that the portal would refuse", "§2.7"),),
    ),
)
REGISTRY = {code.code: code for family in FAMILIES for code in family.codes}
