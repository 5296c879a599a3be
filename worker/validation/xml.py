"""Read XML of any origin: no DTD, no entity, no network, bounded in every direction."""

import codecs
import re

from lxml import etree
from lxml.etree import _Element

from worker.errors import WrongUse
from worker.validation.wording import unreadable, worded

MAX_BYTES = 50_000_000
"""Size of what is read at most; a Chorus Pro deposit stops at 30 MB (AIFE-CP §5.4.1)."""
MAX_MARKS = 2_000_000
"""Number of ``<`` and of ``=``: what bounds the memory of the tree, unlike the size."""
MAX_ATTRIBUTES = 100
"""Of one element, namespaces apart."""
MAX_DEPTH = 256
LONGEST_TEXT = 10_000_000
"""What libxml2 takes of one text by itself; an attachment of Chorus Pro has 13 MB in base64."""
_PIECE = 4096
MAX_DIGITS = 1_000
"""Of a number; what we compute with has 24 (``files/xpaths``)."""

_ENCODING = re.compile(
    rb"""(?:\xef\xbb\xbf)?<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']"""
)
_EBCDIC = b"\x4c\x6f\xa7\x94"
"""The beginning of an XML declaration in it (XML 1.0, annex F)."""
_SHOWS_MARKS = re.compile("ascii|utf-(8|16|32)|iso8859|cp125|latin")
_NUMBER = re.compile(r"[\s+.\d-]+")
_POSITION = re.compile(r", line \d+, column \d+$")
_BOUND = re.compile(r"XML_PARSE_HUGE|[Ee]xcessive depth|[Ll]imit exceeded|too long")


def parse_xml(content: bytes) -> etree._ElementTree:
    """Parse a document.

    Depth and texts are bounded by the parser itself (256 levels, 10 MB); a document that may have a
    longer text is parsed without these bounds, once it is known to declare no entity.

    Raises:
        WrongUse: with one finding (``XML-…``), when it is empty, too large, malformed or has a
            DOCTYPE.
        MemoryError: the parser lacks memory, which says nothing of the document.
    """
    if not content.strip():
        raise unreadable(worded("XML-EMPTY"))
    if len(content) > MAX_BYTES:
        raise unreadable(worded("XML-TOO-LARGE", "size"))
    marks = _with_marks(content)
    if marks.count(b"<") > MAX_MARKS or marks.count(b"=") > MAX_MARKS:
        raise unreadable(worded("XML-TOO-LARGE", "size"))
    long = len(content) > LONGEST_TEXT
    try:
        if long:
            _refuse_doctype(content)
        tree = etree.fromstring(content, _parser(long=long)).getroottree()
    except etree.XMLSyntaxError as error:
        raise_if_starved(error)
        if b"<!DOCTYPE" in content:
            raise unreadable(worded("XML-DOCTYPE")) from error
        raise _malformed(error) from error
    if tree.docinfo.internalDTD is not None:
        raise unreadable(worded("XML-DOCTYPE"))
    if long:
        _refuse_depth(tree)
    if marks.count(b"=") > MAX_ATTRIBUTES:
        _refuse_many_attributes(tree)
    _refuse_long_numbers(tree)
    return tree


def raise_if_starved(error: etree.LxmlError) -> None:
    """Tell a lack of memory, which libxml2 reports among the defects of what it reads.

    Raises:
        MemoryError: it is the reason of the error.
    """
    entries: list[etree._LogEntry] = list(error.error_log)  # type: ignore[call-overload]  # missing in its stubs
    reasons = {getattr(error, "code", None)} | {entry.type for entry in entries}
    if etree.ErrorTypes.ERR_NO_MEMORY in reasons:
        raise MemoryError from error


def _with_marks(content: bytes) -> bytes:
    """The document with its marks as ASCII: some encodings that the parser knows hide them."""
    declared = _ENCODING.match(content[:_PIECE])
    name = "cp037" if content.startswith(_EBCDIC) else declared[1].decode() if declared else "utf-8"
    try:
        known = codecs.lookup(name).name
        if _SHOWS_MARKS.match(known):
            return content
        return content.decode(known, "replace").encode()
    except (LookupError, ValueError):
        return content


def _refuse_doctype(content: bytes) -> None:
    """Read a document up to its first element, before which a DOCTYPE stands, in any encoding."""
    parser = etree.XMLPullParser(
        events=("start",), resolve_entities=False, load_dtd=False, no_network=True
    )
    for start in range(0, len(content), _PIECE):
        parser.feed(content[start : start + _PIECE])
        for _event, root in parser.read_events():
            if isinstance(root, _Element) and root.getroottree().docinfo.internalDTD is not None:
                raise unreadable(worded("XML-DOCTYPE"))
            return


def _refuse_depth(tree: etree._ElementTree) -> None:
    depth = 0
    for event, element in etree.iterwalk(tree, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > MAX_DEPTH:
            where = f"ligne {element.sourceline}"
            raise unreadable(worded("XML-TOO-LARGE", "depth", where=where))


def _refuse_many_attributes(tree: etree._ElementTree) -> None:
    """A schema takes minutes over an element with thousands of attributes."""
    for element in tree.iter():
        if len(element.attrib) > MAX_ATTRIBUTES or len(element.nsmap) > MAX_ATTRIBUTES:
            where = f"ligne {element.sourceline}"
            raise unreadable(
                worded("XML-TOO-LARGE", "attributes", where=where, limit=MAX_ATTRIBUTES)
            )


def _refuse_long_numbers(tree: etree._ElementTree) -> None:
    """The rules take minutes over a number of millions of digits."""
    for element in tree.iter("{*}*"):
        text = element.text or ""
        if len(text) > MAX_DIGITS and _NUMBER.fullmatch(text):
            where = f"ligne {element.sourceline}"
            raise unreadable(worded("XML-TOO-LARGE", "number", where=where, limit=MAX_DIGITS))


def _parser(*, long: bool) -> etree.XMLParser:
    # A parser per document: an lxml parser must not be shared between threads.
    return etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        no_network=True,
        huge_tree=long,
        remove_pis=True,
        remove_comments=True,
    )


def _malformed(error: etree.XMLSyntaxError) -> WrongUse:
    line, column = error.position
    where = f"ligne {line}, colonne {column}"
    detail = _POSITION.sub("", error.msg or "").strip()
    if _BOUND.search(detail):
        return unreadable(worded("XML-TOO-LARGE", "depth", where=where))
    return unreadable(worded("XML-MALFORMED", where=where, detail=detail))
