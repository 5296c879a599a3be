"""The rules left out as irrelevant to a document are those that say nothing of it.

In processes of their own: Saxon is a native image that only the checking process may load.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from chaos import pace
from worker.billing.standard import Sheet

GOLDEN = Path(__file__).parents[2] / "golden" / "files"
COMPARED = """
import random, sys
from lxml import etree
from worker.billing.standard import Sheet
from worker.validation.official.artefacts import installed_folders, official_sets, read_official
from worker.validation.official.relevance import names_in, relevant_rules
from worker.validation.official.schematron import Sheets

CATEGORIES = ["S", "Z", "E", "AE", "K", "G", "O", "L", "M", "B"]
SVRL = "{http://purl.oclc.org/dsdl/svrl}"
folders = installed_folders()
sheet, path = Sheet(sys.argv[1]), sys.argv[2]
sheets = Sheets(folders)
contents = dict(read_official(sheet, folders).contents)
entry = official_sets(folders)[sheet]["sheet"]
whole = sheets._executable(entry, contents)

def said(executable, tree):
    node = sheets._saxon.parse_xml(xml_text=etree.tostring(tree, encoding="unicode"))
    root = etree.fromstring(executable.transform_to_string(xdm_node=node).encode())
    found = root.iter(SVRL + "failed-assert", SVRL + "successful-report", SVRL + "fired-rule")
    return [(one.tag, dict(one.attrib), "".join(one.itertext())) for one in found]

def spoiled(tree, chance):
    for element in list(tree.iter(etree.Element))[1:]:
        drawn = chance.random()
        if drawn < 0.15 and element.getparent() is not None:
            element.getparent().remove(element)
        elif drawn < 0.4 and not len(element) and not element.tag.endswith(("String", "Date")):
            element.text = "0"
        elif drawn < 0.7 and (element.text or "").strip() in CATEGORIES:
            element.text = chance.choice(CATEGORIES)

tree = etree.parse(path)
sound = etree.parse(path)
spoiled(tree, random.Random(1))
rules = contents | {entry: relevant_rules(contents[entry], names_in(sound) | names_in(tree))}
assert len(rules[entry]) < len(contents[entry]), "no rule was left out"
reduced = sheets._executable(entry, rules)
expected = said(whole, tree)
assert said(reduced, tree) == expected
assert said(reduced, sound) == said(whole, sound)
print(sum(tag.endswith("t") for tag, *_ in expected))
"""


@pytest.mark.parametrize("sheet", Sheet)
def test_what_is_left_out_says_nothing(sheet: Sheet) -> None:
    """Whole and reduced, a sheet says the same of a sound document and of a spoiled one."""
    ubl = "ubl" in sheet
    document = GOLDEN / f"two-rates.ctc-fr.{'ubl' if ubl else 'cii'}.xml"

    answer = subprocess.run(
        [sys.executable, "-c", COMPARED, sheet.value, document],
        capture_output=True,
        text=True,
        timeout=pace.limit(120),
        check=False,
    )

    assert answer.returncode == 0, answer.stderr
    assert int(answer.stdout) > 0, "no fault was found: nothing was compared"
