"""A rule is left out only when the sheet shows that it cannot speak of the document."""

import pytest
from lxml import etree

from worker.validation.official.relevance import names_in, relevant_rules

NAMES = frozenset({"Invoice", "ID", "Line", "schemeID", "Name"}) | frozenset(
    {"/Invoice", "Invoice/Line", "Invoice/Name", "Line/ID", "ID/schemeID", "=S"}
)
SHEET = """<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
 xmlns:cbc="urn:b" xmlns:cac="urn:a" version="2.0">%s</xsl:stylesheet>"""
TEMPLATE = '<xsl:template match="%s"><kept/></xsl:template>'
ASSERTION = """<xsl:template match="/"><xsl:choose><xsl:when test="%s"/>
<xsl:otherwise><kept/></xsl:otherwise></xsl:choose></xsl:template>"""


def is_kept(body: str) -> bool:
    """Whether the rule survives."""
    return b"<kept" in relevant_rules((SHEET % body).encode(), NAMES)


@pytest.mark.parametrize(
    "pattern, kept",
    [
        ("/cbc:Invoice", True),
        ("/cbc:Invoice/cac:Line/cbc:ID", True),
        ("cac:Delivery", False),
        ("cac:Delivery/cbc:ID", False),
        ("cac:Line/cbc:Name", False),
        ("cac:Line[1]/cbc:Name", False),
        ("cac:Line[normalize-space(cbc:ID) = 'AE']", False),
        ("cac:Line[cbc:ID='AE'][cbc:Name]/cbc:ID", False),
        ("cac:Line[cbc:ID[normalize-space(.) = 'AE']]", True),
        ("cac:Line[normalize-space(cbc:ID) = 'S']", True),
        ("cac:Line[normalize-space(cbc:ID) = 'AE' or cbc:Name]", True),
        ("cac:Line[normalize-space(cbc:ID) != 'AE']", True),
        ("cac:Line[not(cbc:ID = 'AE')]", True),
        ("cac:Line[cbc:ID = 'AE'] | cac:Line[cbc:ID = 'S']", True),
        ("cac:Line[cbc:ID = 'AE'] | cac:Delivery", False),
        ("cac:Line[cbc:ID = 'EUR']", True),
        ("cac:Line//cbc:Name", True),
        ("cac:Line/*/cbc:Name", True),
        ("cac:Line/../cbc:Name", True),
        ("cac:Line/ancestor::cbc:Name", True),
        ("cac:Line/cac:Delivery", False),
        ("cac:Delivery | cac:Line", True),
        ("cac:Delivery | cac:Other", False),
        ("cac:Line[cac:Delivery or cbc:ID]", True),
        ("cac:Line[cbc:ID = 'a|b[']", True),
        ("cac:Delivery[cac:Line | cbc:ID]", False),
        ("cac:Delivery union cac:Line", True),
        ("cbc:ID/@schemeID", True),
        ("*[local-name() = 'Delivery']", True),
        ("*:Delivery", True),
        ("@*", True),
        ("node() | @*", True),
        ("ancestor::cac:Delivery", False),
    ],
)
def test_a_pattern_decides_by_the_names_outside_its_predicates(pattern: str, *, kept: bool) -> None:
    """Each alternative needs all its names, each below the one before; others leave it there."""
    assert is_kept(TEMPLATE % pattern) is kept


@pytest.mark.parametrize(
    "test, kept",
    [
        ("not(cac:Delivery)", False),
        ("not(cac:Delivery/cbc:ID)", False),
        ("not((cac:Line/cac:Delivery))", False),
        ("not(//cac:Delivery)", False),
        ("not(cbc:ID/@cbc:unknown)", False),
        ("not(cac:Line/cbc:Name)", False),
        ("not(//cac:Line[cbc:ID = 'AE'])", False),
        ("not(exists(//cac:Line/cbc:ID[normalize-space(.) = 'AE']))", False),
        ("not(//cac:Line/cbc:ID[. = 'S'])", True),
        ("(count(cac:Line) = 1 and cbc:ID) or (not(//cac:Line[cbc:ID = 'AE']))", False),
        ("(cbc:ID) or (not(cac:Line[cbc:ID = 'AE']) and not(cac:Delivery))", False),
        ("(cbc:ID) or (not(cac:Line[cbc:ID = 'AE']) and not(cac:Line))", True),
        ("(cbc:ID) and (not(cac:Line[cbc:ID = 'AE']))", True),
        ("(cbc:ID or not(cac:Delivery)) = false()", True),
        ("cbc:ID = ' or not(cac:Delivery) or '", True),
        ("not(cac:Delivery) = true() or cbc:ID", True),
        ("not(not(cac:Delivery))", True),
        ("not(fn:exists(cbc:ID))", True),
        ("not(xs:boolean(cbc:ID = 'AE'))", True),
        ("not(fn:boolean(cac:Delivery)) or cbc:ID", True),
        ("not(count(cac:Delivery))", True),
        ("not((cac:Delivery) and (cbc:ID)) and cac:Line", True),
        ("if (cbc:ID) then cac:Line else cbc:ID or not(cac:Delivery)", True),
        ("every $x in cbc:ID satisfies cac:Line or not(cac:Delivery)", True),
        ("not(cac:Delivery, cac:Line)", True),
        ("not(cac:Delivery)or(cbc:ID)", False),
        ("not((cac:Line|cac:Other)/cac:Delivery)", False),
        ("not((cac:Line|cac:Other)/cac:Delivery/cbc:ID)", False),
        ("not((cac:Line|cac:Other)/cbc:ID)", True),
        ("(count(cac:Delivery) &lt;= 1)", False),
        ("count(cac:Delivery/cbc:ID) &lt; 2", False),
        ("count(cac:Line) &lt;= 1", True),
        ("count(cac:Delivery) &lt;= count(cac:Line)", True),
        ("count(cac:Delivery) &lt;= 0", True),
        ("count(cac:Delivery) = 1", True),
        ("(count(cac:Delivery) &lt;= 1) and cbc:ID", True),
        ("not(cac:Line/cbc:ID)", True),
        ("not(cac:Delivery or cac:Line)", True),
        ("not(cac:Delivery | cac:Line)", True),
        ("not(count(cac:Delivery) = 0)", True),
        ("not(cac:Delivery) and cbc:ID", True),
        ("not(cac:Delivery) = not(cbc:ID)", True),
        ("cac:Delivery", True),
        ("not(cac:Line[cac:Delivery])", True),
    ],
)
def test_only_an_absence_that_is_certain_is_not_asserted(test: str, *, kept: bool) -> None:
    """A single path to what the document has not is never there; any other test is kept."""
    assert is_kept(ASSERTION % test) is kept


def test_a_rule_for_all_documents_is_kept_whole() -> None:
    """A named template, and a choice with a body or three branches, are no absence."""
    named = '<xsl:template name="t"><kept/></xsl:template>'
    choice = ASSERTION.replace('"%s"/>', '"not(cac:Delivery)"><a/></xsl:when>')

    assert is_kept(named)
    assert is_kept(choice)


def test_names_are_those_of_elements_and_attributes() -> None:
    """Whatever their namespace, and with what is above."""
    tree = etree.ElementTree(
        etree.fromstring('<a xmlns:b="urn:b" c="FR"><b:d b:e="2"> AE\n</b:d><!--f-->EUR</a>')
    )

    names = names_in(tree)

    assert names == {"a", "c", "d", "e", "/a", "a/c", "a/d", "d/e", "=AE", "=FR"}
