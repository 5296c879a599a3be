"""Validate any invoice file a person hands over: ``validate FILE…``. Nothing in it is trusted."""

import errno
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from lxml import etree

from worker.billing.standard import EN16931, Rules, Schema, Sheet
from worker.errors import Finding, WrongUse, has_blocking
from worker.isolation.files import read_bounded
from worker.validation import Report
from worker.validation.files.amounts import wrong_amounts
from worker.validation.files.chorus import check_facts, check_flow, is_credit_note
from worker.validation.files.dates import wrong_dates
from worker.validation.files.hidden import hidden_signs
from worker.validation.files.left_out import left_out
from worker.validation.files.pdf import Hybrid, read_hybrid
from worker.validation.files.pdf_marks import XRECHNUNG, level_of, wrong_wrapping
from worker.validation.files.profiles import Claim, read_claim
from worker.validation.files.xpaths import Group
from worker.validation.official.service import ValidationService
from worker.validation.wording import unreadable, worded
from worker.validation.xml import MAX_BYTES, parse_xml

TOLERANT = frozenset({Sheet.EXTENDED_CTC_FR_UBL, Sheet.EXTENDED_CTC_FR_CII, Sheet.FACTURX_EXTENDED})
"""Rules that allow sums a cent off for each line (BR-FREXT-CO-10, BR-FXEXT-CO-10)."""
NO_VERDICT = frozenset({"RULES-NONE", "RULES-UNFINISHED", "VALIDATOR-FAILED"})
"""Findings that say that rules could not be run: they prove nothing against a document."""
BEYOND_BOUNDS = frozenset({"FILE-TOO-LARGE", "PDF-TOO-LARGE", "XML-TOO-LARGE", *NO_VERDICT})
"""Findings that say that a file was not read to its end: it may be an invoice all the same."""
CHORUS = "chorus"
"""The only profile for now: what Chorus Pro demands in direct deposit."""


class Verdict(StrEnum):
    """The answer on a file."""

    VALID = "valid"
    INVALID = "invalid"
    """It is an invoice, and breaks a rule."""
    INCONCLUSIVE = "inconclusive"
    """No rule that could be run is broken, but those of its profile are not here, or could not be
    run within the bounds of a check."""
    UNREADABLE = "unreadable"
    """It is not an invoice that can be read: nothing was validated."""


class FileKind(StrEnum):
    """What a file turned out to be, as people call it."""

    UBL_INVOICE = "facture UBL 2.1"
    UBL_CREDIT_NOTE = "avoir UBL 2.1"
    CHORUS_UBL = "facture ou avoir, UBL propre à Chorus Pro"
    CII = "facture CII"
    CII_EN16931 = "facture CII, profil EN 16931"
    CII_REFORM = "facture CII, Factur-X EXTENDED de la réforme"
    CII_FACTURX = "facture CII, autre profil Factur-X"
    FACTURX = "PDF Factur-X"
    FACTURX_XRECHNUNG = "PDF Factur-X, profil XRECHNUNG"
    UBL_PDF = "PDF contenant une facture UBL"
    HYBRID_PDF = "PDF hybride, d'un profil inconnu ici"


PDF_KINDS = frozenset(
    {FileKind.FACTURX, FileKind.FACTURX_XRECHNUNG, FileKind.UBL_PDF, FileKind.HYBRID_PDF}
)


class Unchecked(StrEnum):
    """What a verdict on a PDF leaves out, in French."""

    PDFA = "la conformité à PDF/A-3 dans son ensemble (veraPDF la contrôle)"
    PAGE = "que la page imprimée dit la même chose que le XML"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileVerdict:
    """Everything that was found about one file.

    Attributes:
        path: as it was given.
        kind: what it is, where that could be read.
        verdict: valid only when every rule set that applies was run and is satisfied.
        reports: one for each rule set, in the order they were run.
        findings: of the claim, the PDF, dates, amounts and all reports, or why the file is
            unreadable.
    """

    path: Path
    kind: FileKind | None
    verdict: Verdict
    reports: tuple[Report, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def unchecked(self) -> tuple[Unchecked, ...]:
        """What no check here says anything of."""
        return tuple(Unchecked) if self.kind in PDF_KINDS else ()


def validate_file(
    path: Path,
    service: ValidationService,
    profile: str | None = None,
    *,
    strict: bool = False,
) -> FileVerdict:
    """Validate a UBL or CII file or a Factur-X PDF by all the rules it claims to follow.

    Args:
        path: the file.
        service: what checks; one for all files.
        profile: ``chorus`` to check also what Chorus Pro demands, or nothing.
        strict: whether an amount of the file of another that only our own checks find wrong blocks.

    Raises:
        WrongUse: when the profile is unknown.
        IntegrityError: when a schema or a rule was altered; there is then no verdict.
        ChildFailed: when nothing can be checked.
    """
    if profile not in {None, CHORUS}:
        raise WrongUse(
            f"Le profil « {profile} » est inconnu.", f"Le seul profil connu est « {CHORUS} »."
        )
    try:
        content = _read(path)
        size = len(content)
        hybrid = _hybrid(content)
        content = content if hybrid is None else hybrid.xml
        tree = parse_xml(content)
        claim = _claim(tree, hybrid=hybrid is not None)
    except WrongUse as error:
        return _not_read(path, error.findings, profile)
    reports = service.check(content, _rules(tree, claim, profile))
    findings: tuple[Finding, ...] = ()
    if profile == CHORUS:
        findings = tuple(check_flow(size))
        if not any(found.code.startswith("XSD-") for found in _all(reports)):
            # Facts are read at their place: only where the schemas found every place right.
            reports = (*reports, check_facts(tree))
    if hybrid is not None:
        findings += tuple(_of_pdf(hybrid, claim))
    findings = (*_all(reports), *findings)
    if reports[0].valid:
        # Their place is certain only where the schema found the structure right.
        findings += _beyond_rules(tree, claim, {found.code for found in findings}, strict=strict)
    return FileVerdict(
        path=path,
        kind=_kind(claim, hybrid=hybrid is not None),
        verdict=_verdict(claim, findings),
        reports=reports,
        findings=(*claim.findings, *findings, *hidden_signs(tree)),
    )


def _not_read(path: Path, why: tuple[Finding, ...], profile: str | None) -> FileVerdict:
    """The verdict on a file that could not be read: its size alone may break a rule."""
    verdict, findings = Verdict.UNREADABLE, why
    if all(finding.code in BEYOND_BOUNDS for finding in why):
        if profile == CHORUS:
            with suppress(OSError):  # it is gone meanwhile
                findings += tuple(check_flow(path.stat().st_size))
        refused = has_blocking(one for one in findings if one.code not in BEYOND_BOUNDS)
        verdict = Verdict.INVALID if refused else Verdict.INCONCLUSIVE
    return FileVerdict(path=path, kind=None, verdict=verdict, findings=findings)


def _hybrid(content: bytes) -> Hybrid | None:
    """What a PDF holds; nothing for XML."""
    if _looks_like_xml(content):
        return None
    if b"%PDF-" in content[:1024]:
        return read_hybrid(content)
    raise unreadable(worded("FILE-NOT-INVOICE"))


def _of_pdf(hybrid: Hybrid, claim: Claim) -> Iterator[Finding]:
    if _is_ubl(claim):
        yield worded("PDF-UBL")
    yield from wrong_wrapping(
        hybrid.wrapping, claim.profile, known=claim.conclusive and not _is_ubl(claim)
    )


def _beyond_rules(
    tree: etree._ElementTree, claim: Claim, told: set[str], *, strict: bool
) -> tuple[Finding, ...]:
    """What no official rule looks at; ``told``: the codes that one of them gave already."""
    # An extension may count otherwise; Chorus Pro's own UBL does not.
    strict = strict and (claim.conclusive or claim.native)
    found = wrong_dates(tree) + wrong_amounts(tree, tolerant=is_tolerant(claim), strict=strict)
    if claim.conclusive and Sheet.FACTURX_MINIMUM not in claim.rules:
        found += tuple(finding for finding in left_out(tree) if finding.code not in told)
    return found


def _verdict(claim: Claim, findings: tuple[Finding, ...]) -> Verdict:
    if has_blocking(found for found in findings if found.code not in NO_VERDICT):
        return Verdict.INVALID
    conclusive = claim.conclusive and not has_blocking(findings)
    return Verdict.VALID if conclusive else Verdict.INCONCLUSIVE


def _is_ubl(claim: Claim) -> bool:
    return claim.rules[0] in {Schema.UBL_INVOICE, Schema.UBL_CREDIT_NOTE}


def is_tolerant(claim: Claim) -> bool:
    """Whether the rules that a document claims allow sums a cent off for each line."""
    return not TOLERANT.isdisjoint(claim.rules)


def _all(reports: Iterable[Report]) -> Iterator[Finding]:
    return (finding for report in reports for finding in report.findings)


def _rules(tree: etree._ElementTree, claim: Claim, profile: str | None) -> tuple[Rules, ...]:
    """Our own profile last: it supposes the schema, and says nothing of the calculations.

    It wants a means of payment, which a credit note, an ``Invoice`` in the native UBL, must not
    have.
    """
    if profile != CHORUS or claim.rules[0] is not Schema.UBL_INVOICE:
        return claim.rules
    if claim.native and is_credit_note(Group.of_root(tree.getroot())):
        return claim.rules
    return (*claim.rules, Schema.CHORUS_UBL_INVOICE)


def _read(path: Path) -> bytes:
    try:
        content = read_bounded(path, MAX_BYTES)
    except FileNotFoundError:
        raise unreadable(worded("FILE-MISSING", path=path)) from None
    except IsADirectoryError:
        raise unreadable(worded("FILE-NOT-REGULAR", path=path)) from None
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise unreadable(
                worded("FILE-TOO-LARGE", path=path, limit=MAX_BYTES // 1_000_000)
            ) from error
        raise unreadable(worded("FILE-UNREADABLE", path=path)) from error
    if not content:
        raise unreadable(worded("FILE-EMPTY", path=path))
    return content


def _looks_like_xml(content: bytes) -> bool:
    start = content[:1024]
    for mark, encoding in (
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
        (b"\xef\xbb\xbf", "utf-8-sig"),
    ):
        if start.startswith(mark):
            return start.decode(encoding, errors="ignore").lstrip().startswith("<")
    return start.lstrip().startswith(b"<")


def _claim(tree: etree._ElementTree, *, hybrid: bool) -> Claim:
    try:
        return read_claim(tree, hybrid=hybrid)
    except ValueError:
        root = etree.QName(tree.getroot())
    if root.localname.startswith("SCRDM"):
        raise unreadable(worded("XML-ORDER"))
    raise unreadable(worded("XML-OTHER-KIND", root=root.localname))


def _kind(claim: Claim, *, hybrid: bool) -> FileKind:
    if hybrid:
        return _pdf_kind(claim)
    match claim.rules[0]:
        case Schema.UBL_INVOICE:
            return FileKind.CHORUS_UBL if claim.native else FileKind.UBL_INVOICE
        case Schema.UBL_CREDIT_NOTE:
            return FileKind.UBL_CREDIT_NOTE
        case Schema.CII:
            return FileKind.CII_EN16931 if claim.profile == EN16931 else FileKind.CII
        case _:
            reform = Sheet.BR_FR_CII in claim.rules
            return FileKind.CII_REFORM if reform else FileKind.CII_FACTURX


def _pdf_kind(claim: Claim) -> FileKind:
    if _is_ubl(claim):
        return FileKind.UBL_PDF
    if level_of(claim.profile) == XRECHNUNG:
        return FileKind.FACTURX_XRECHNUNG
    return FileKind.HYBRID_PDF if claim.rules[0] is Schema.CII else FileKind.FACTURX
