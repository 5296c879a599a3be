"""The official calculation rules (Schematron, compiled to XSLT by their publishers), run by Saxon.

Only the checking process creates ``Sheets``: several Saxon processors in one process, or threads
around one, have been seen to kill it with an error that cannot be caught.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lxml import etree

from worker.billing.standard import Schema, Sheet
from worker.errors import Finding, IntegrityError, StorageUnavailable
from worker.validation import Report, RuleSet
from worker.validation.official.artefacts import SchemaFolders, official_sets, read_official
from worker.validation.official.relevance import names_in, relevant_rules
from worker.validation.official.svrl import report_of
from worker.validation.wording import worded

if TYPE_CHECKING:
    from saxonche import PyXsltExecutable

MAX_RULED_BYTES = 10_000_000
"""Of a document without its attachments. Some sheets take time with the square of the lines: 3 s
for 2000 of them, a minute for 30 000."""
MOST_COMPILED = 3
"""Times that a sheet is compiled for the documents at hand; the next time it is compiled whole."""
_FEATURE = "http://saxon.sf.net/feature/"
_NO_DOCTYPE = "parserFeature?uri=http%3A//apache.org/xml/features/disallow-doctype-decl"


_UBL_SHEETS = {Sheet.EN16931_UBL, Sheet.EXTENDED_CTC_FR_UBL, Sheet.BR_FR_UBL}
_UBL_SCHEMAS = {Schema.UBL_INVOICE, Schema.UBL_CREDIT_NOTE}


def suits(sheet: Sheet, schema: Schema) -> bool:
    """Whether a sheet is made for what a schema accepts: on another syntax it finds no fault."""
    return (sheet in _UBL_SHEETS) == (schema in _UBL_SCHEMAS)


@dataclass(frozen=True, slots=True)
class _Compiled:
    rule_set: RuleSet
    executable: "PyXsltExecutable"
    names: frozenset[str] | None
    """What a document may hold for it to be judged by these rules; None: anything."""
    times: int

    def judges(self, names: frozenset[str]) -> bool:
        return self.names is None or names <= self.names


class Sheets:
    """One Saxon processor and what it has compiled: of each sheet, what concerns the documents.

    Documents of a batch hold the same elements, so that the first one compiles for all. A document
    with others has the sheet compiled again for both, and soon whole.
    """

    def __init__(self, folders: SchemaFolders) -> None:
        # Only the checking process pays for Saxon.
        from saxonche import PySaxonApiError, PySaxonProcessor  # noqa: PLC0415

        self._folders = folders
        self._error = PySaxonApiError
        self._saxon = PySaxonProcessor(license=False)
        self._compiled: dict[Sheet, _Compiled] = {}
        # A sheet names its code list in a hundred places: opened once, when it is compiled, and
        # not at each use. It halves the time of a Factur-X check.
        self._set("preEvaluateDocFunction", "on")
        # Saxon may open nothing but files: no network. Nor can a document make it open one: its
        # DOCTYPE is refused, and the hashed sheets call document() with the constant names of
        # their code lists only.
        self._set("allowedProtocols", "file")
        self._set("allow-external-functions", "off")
        self._set(_NO_DOCTYPE, "true")

    def check(self, sheet: Sheet, tree: etree._ElementTree) -> Report:
        """Run one sheet on a document that its schema accepts.

        Raises:
            IntegrityError: when the sheet was altered or does not compile; there is no verdict.
            StorageUnavailable: when it cannot be written down to be compiled.
        """
        compiled = self._compile(sheet, names_in(tree))
        rule_set = compiled.rule_set
        # Written again from what our own bounded parser read: no DOCTYPE, no comment, no entity.
        text = etree.tostring(tree, encoding="unicode")
        if len(text) > MAX_RULED_BYTES:
            return _unfinished(rule_set, worded("RULES-UNFINISHED", "long"))
        try:
            answer = compiled.executable.transform_to_string(
                xdm_node=self._saxon.parse_xml(xml_text=text)
            )
        except self._error as error:
            detail = " ".join(str(error).split())
            if "OutOfMemory" in detail:
                raise MemoryError from error
            return _unfinished(rule_set, worded("RULES-UNFINISHED", "stopped", detail=detail))
        return report_of(rule_set, answer, tree)

    def _compile(self, sheet: Sheet, names: frozenset[str]) -> _Compiled:
        former = self._compiled.get(sheet)
        if former is not None and former.judges(names):
            return former
        files = read_official(sheet, self._folders)
        entry = official_sets(self._folders)[sheet]["sheet"]
        contents = dict(files.contents)
        times = 0 if former is None else former.times
        wanted = None
        if times < MOST_COMPILED:
            wanted = names.union(former.names or () if former is not None else ())
            contents[entry] = relevant_rules(contents[entry], wanted)
        executable = self._executable(entry, contents)
        compiled = _Compiled(files.rule_set, executable, wanted, times + 1)
        self._compiled[sheet] = compiled
        return compiled

    def _executable(self, entry: str, contents: Mapping[str, bytes]) -> "PyXsltExecutable":
        """Compile the checked bytes, alone in a private folder with the code list they name.

        The folder is gone before the first document comes.
        """
        try:
            with tempfile.TemporaryDirectory(prefix="chorus-worker-") as folder:
                for name, content in contents.items():
                    Path(folder, name).write_bytes(content)
                return self._saxon.new_xslt30_processor().compile_stylesheet(
                    stylesheet_file=str(Path(folder, entry))
                )
        except self._error as error:
            raise IntegrityError(
                f"Les règles « {entry} » ne peuvent pas être compilées : {error}",
                "Réinstallez le programme avec ses dépendances.",
            ) from error
        except OSError as error:
            raise StorageUnavailable(
                f"Les règles « {entry} » ne peuvent pas être préparées : {error}",
                "Vérifiez la place et les droits dans le dossier temporaire.",
            ) from error

    def _set(self, feature: str, value: str) -> None:
        self._saxon.set_configuration_property(_FEATURE + feature, value)


def _unfinished(rule_set: RuleSet, finding: Finding) -> Report:
    return Report(rule_set=rule_set, valid=False, findings=(finding,))
