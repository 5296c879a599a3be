"""The actions of a PDF that an archive may not have, whatever holds them.

Source: ISO 19005-3, 6.5.1 (types), 6.5.2 (trigger events), 6.4.1 (fields and their widgets).
"""

from collections.abc import Iterator
from typing import Any

ALLOWED = frozenset({"/GoTo", "/GoToR", "/GoToE", "/Thread", "/URI", "/SubmitForm"})
PAGE_TURNS = frozenset({"/NextPage", "/PrevPage", "/FirstPage", "/LastPage"})
"""The named actions that are allowed."""
TRIGGERS = "/AA"
"""Actions that an event starts: no holder may have any."""
MAX_ACTIONS = 10_000
MAX_HOLDERS = 100_000
MAX_NODES = 10_000
"""Of a name tree."""
_LEADS = (
    *("/Pages", "/Outlines", "/AcroForm", "/First", "/Last", "/Next", "/Prev", "/Parent"),
    *("/Popup", "/IRT"),
)
_LISTS = ("/Kids", "/Annots", "/Fields")
_NAMED_PAGES = ("/Pages", "/Templates")
"""Name trees of pages, which need be nowhere else."""


def of_name_tree(root: Any, tree: str) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 - pikepdf's
    """The names and values of a name tree of the catalog; none when it is absent.

    Raises:
        MemoryError: when it has more nodes than any invoice's.
    """
    top = root.get("/Names", {}).get(tree)
    waiting, seen = [] if top is None else [top], 0
    while waiting:
        node = waiting.pop()
        seen += 1
        if seen > MAX_NODES:
            raise MemoryError
        waiting.extend(node.get("/Kids", []))
        pairs = list(node.get("/Names", []))
        yield from zip(pairs[::2], pairs[1::2], strict=False)


def forbidden_actions(document: Any) -> Iterator[str]:  # noqa: ANN401 - pikepdf's
    """The types of the forbidden actions of a document open in pikepdf.

    Raises:
        MemoryError: when there is more to look at than any invoice has.
    """
    if any(of_name_tree(document.Root, "/JavaScript")):
        yield "/JavaScript"
    waiting: list[Any] = []
    for holder in _holders(document.Root):
        if TRIGGERS in holder:
            yield TRIGGERS
            waiting.extend(holder[TRIGGERS].values())
        if "/A" in holder and (holder.get("/Subtype") == "/Widget" or "/FT" in holder):
            yield "/A"
        waiting.extend(holder[key] for key in ("/A", "/PA", "/OpenAction") if key in holder)
    yield from _forbidden(waiting)


def _forbidden(waiting: list[Any]) -> Iterator[str]:
    from pikepdf import Array, Dictionary  # noqa: PLC0415 - only the child needs it

    seen = 0
    while waiting:
        seen += 1
        if seen > MAX_ACTIONS:
            raise MemoryError
        action = waiting.pop()
        if not isinstance(action, Dictionary) or "/S" not in action:
            continue  # an array is a page to go to
        kind = str(action.S)
        if kind == "/Named":
            if str(action.get("/N", "")) not in PAGE_TURNS:
                yield kind
        elif kind not in ALLOWED:
            yield kind
        following = action.get("/Next")
        if following is not None:
            waiting.extend(following if isinstance(following, Array) else [following])


def _holders(root: Any) -> Iterator[Any]:  # noqa: ANN401 - pikepdf's
    """The catalog, pages, annotations, fields with their parents, and bookmarks."""
    from pikepdf import Dictionary  # noqa: PLC0415 - only the child needs it

    named = [page for tree in _NAMED_PAGES for _name, page in of_name_tree(root, tree)]
    waiting, seen, count = [root, *named], set(), 0
    while waiting:
        holder = waiting.pop()
        if not isinstance(holder, Dictionary) or holder.objgen in seen:
            continue
        if holder.is_indirect:
            seen.add(holder.objgen)
        count += 1
        if count > MAX_HOLDERS:
            raise MemoryError
        yield holder
        waiting.extend(holder[key] for key in _LEADS if key in holder)
        for key in _LISTS:
            waiting.extend(holder.get(key, []))
