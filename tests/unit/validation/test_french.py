"""Every official rule speaks French to a biller."""

import re

import pytest
from lxml import etree

from worker.billing.standard import Sheet
from worker.validation.official.artefacts import installed_folders, read_official
from worker.validation.official.french import in_french
from worker.validation.official.svrl import rule_code

SVRL = "{http://purl.oclc.org/dsdl/svrl}"


def rules_of(sheet: Sheet) -> dict[str, str]:
    """The codes of a sheet, with their own words."""
    files = read_official(sheet, installed_folders())
    rules = {}
    for name, content in files.contents.items():
        if "codedb" in name:
            continue
        for node in etree.fromstring(content).iter(f"{SVRL}failed-assert"):
            attribute = node.find("{*}attribute[@name='id']")
            said = node.find(f"{SVRL}text")
            assert said is not None
            text = " ".join("".join(map(str, said.itertext())).split())
            identifier = "" if attribute is None else attribute.text or ""
            rules[rule_code(identifier, text)] = text
    return rules


@pytest.mark.parametrize("sheet", Sheet)
def test_every_rule_has_a_sentence_and_a_remedy(sheet: Sheet) -> None:
    """No rule of any sheet is left without words, nor in English outside a technical detail."""
    rules = rules_of(sheet)
    assert len(rules) > 50
    for code, text in rules.items():
        message, remedy = in_french(code, text)
        assert remedy, code
        spoken = message.partition("(détail technique")[0]
        assert len(spoken) > 15, code
        assert not re.search(r"\b(shall|must|should|invoice)\b", spoken, re.IGNORECASE), message


@pytest.mark.parametrize("sheet", [Sheet.EN16931_UBL, Sheet.FACTURX_EN16931])
def test_the_rules_of_the_standard_need_no_technical_detail(sheet: Sheet) -> None:
    """Missing terms, sums, VAT categories, decimals and codes are all said in our own words."""
    family = re.compile(r"BR-(\d|CO-|DEC-|CL-|S-|Z-|E-|AE-|IC-|G-|O-|AF-|AG-)")
    generic = [
        code
        for code, text in rules_of(sheet).items()
        if family.match(code) and "détail technique" in in_french(code, text)[0]
    ]

    assert generic == []


@pytest.mark.parametrize(
    "code,text,words",
    [
        ("BR-02", "[BR-02]-An Invoice shall have…", "le numéro de facture (BT-1)"),
        ("BR-CO-15", "", "Le total TTC (BT-112)"),
        ("BR-FREXT-CO-10", "", "Le total des lignes (BT-106)"),
        ("BR-FXEXT-S-08b", "", "au taux normal ou réduit (S)"),
        ("BR-O-02", "", "porte un numéro de TVA"),
        ("BR-DEC-12", "… Invoice total amount without VAT (BT-109) is 2.", "BT-109"),
        ("BR-FR-05", "[BR-FR-05/BT-22] : La mention PMT est absente.", "La mention PMT est"),
        ("UBL-CR-003", "[UBL-CR-003]-A UBL invoice should not include the X", "« X »"),
        ("FX-SCH-A-000027", "Element 'ram:X' must occur exactly 1 times.", "exactement 1 fois"),
        (
            "SCHEMATRON",
            """Element variant 'ram:X[ not(ram:TypeCode="50")]' is marked as not used in it.""",
            "« ram:X » n'a pas sa place ici",
        ),
        ("BR-NEW-01", "[BR-NEW-01]-Something new.", "détail technique : « Something new. »"),
    ],
)
def test_each_family_is_said_in_its_own_way(code: str, text: str, words: str) -> None:
    """A sentence names the terms of the rule; an unknown rule is quoted."""
    assert words in in_french(code, text)[0].replace("\N{NO-BREAK SPACE}", " ")
