"""Texts and tables laid out in a number of columns: nothing is cut without a sign. Pure.

A table that is too wide has its texts folded at spaces; where even that does not fit, each row
becomes a paragraph of its own, a caption before each value. A command to type that is folded has
a backslash at the end of each line, so that it can be pasted into a shell as it is.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

NARROWEST = 40
"""Columns below which nothing can be laid out."""
SEPARATOR = "  "
_LONGEST_WORD = 24
"""Characters of a word that a column of texts always has room for; longer ones are folded."""
_KEPT_AFTER = re.compile(r" (?=[»;:!?%€](?:\s|$))|(?<=«) ")
"""Spaces at which French typography breaks no line."""
_BREAKS_AFTER = "/_-.,=@:"
_KEPT = "\ue000"
"""Stands for a space at which no line is broken, while lines are filled."""
_CONTINUED = " \\"


def fold(text: str, width: int | None, program: str = "") -> list[str]:
    """A line as lines of at most ``width`` columns, the next ones further in; None: as it is.

    ``program``: how the commands within begin, which are folded as a shell reads them.
    """
    if width is None or len(text) <= width:
        return [text]
    width = max(width, NARROWEST)
    content = text.lstrip(" ")
    indent = " " * min(len(text) - len(content), width // 2)
    further = f"{indent}  "
    lines: list[str] = []
    for told, is_command in _parts(content, program):
        part = told
        start = indent if not lines else further
        if not is_command:
            # A sentence goes on behind a command that left room on its line.
            head = lines.pop() if lines and not lines[-1].endswith(_CONTINUED) else ""
            if part.startswith(",") and 0 < len(head) < width:
                head, part = f"{head},", part[1:].lstrip(" ")
            lines += _filled(_words(part), width, start, further, head)
            continue
        if lines and len(lines[-1]) + 1 + len(part) <= width:
            lines[-1] = f"{lines[-1]} {part}"
        elif len(start) + len(part) <= width:
            lines.append(start + part)
        else:
            folded = _filled(part.split(" "), width - len(_CONTINUED), start, further)
            lines += [*(line + _CONTINUED for line in folded[:-1]), folded[-1]]
    return lines


def _parts(text: str, program: str) -> list[tuple[str, bool]]:
    """The sentence and the commands within, in their order; whether each is a command."""
    if not program:
        return [(text, False)]
    command = re.compile(rf"({re.escape(program)}(?: (?![;:»(])\S*[^\s;:,.»])*)")
    parts = [(one.strip(" "), place % 2 == 1) for place, one in enumerate(command.split(text))]
    return [(one, is_command) for one, is_command in parts if one]


def _words(text: str) -> list[str]:
    return _KEPT_AFTER.sub(_KEPT, text).split(" ")


def _filled(
    words: Sequence[str], width: int, start: str, further: str, head: str = ""
) -> list[str]:
    """Words in lines of at most ``width``; ``head`` is the line that the first ones go on."""
    lines, line = [], head or start
    is_begun = bool(head)
    for word in (one for glued in words for one in _parted(glued, width - len(further))):
        joined = f"{line} {word}" if is_begun else f"{line}{word}"
        if len(joined) > width and is_begun:
            lines.append(line)
            joined = f"{further}{word}"
        while len(joined) > width:
            end = _end_of_piece(joined, width, len(further))
            lines.append(joined[:end])
            joined = f"{further}{joined[end:]}"
        line, is_begun = joined, True
    return [one.replace(_KEPT, " ") for one in (*lines, line)]


def _parted(glued: str, most: int) -> list[str]:
    """A word with the signs that stay with it; without them where both have no room."""
    return [glued] if len(glued) <= most else glued.split(_KEPT)


def _end_of_piece(text: str, width: int, least: int) -> int:
    """Where a word that is longer than a line is parted: behind a sign in it, if there is one."""
    for end in range(width, max(least, width // 2), -1):
        if text[end - 1] in _BREAKS_AFTER:
            return end
    return width


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """A column: its caption, and the columns that its texts need."""

    caption: str
    cells: tuple[str, ...]
    is_right: bool

    @property
    def natural(self) -> int:
        return max(len(self.caption), *map(len, self.cells), 0)

    @property
    def least(self) -> int:
        """A number stays whole to be copied; a text, down to its longest word."""
        words = [word for cell in (self.caption, *self.cells) for word in _words(cell)]
        longest = min(max(map(len, words)), _LONGEST_WORD)
        return max(longest, *map(len, self.cells), 0) if self.is_right else longest


def lay_out(
    captions: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Sequence[str] = (),
    width: int | None = None,
    narrow: Sequence[str] = (),
) -> list[str]:
    """A table as lines of at most ``width`` columns; None: a line for each row.

    Args:
        captions: of the columns.
        rows: cells under them.
        right: captions of the columns that are aligned to the right; never folded.
        width: columns of the terminal.
        narrow: captions of the columns to show where not all fit; the others are named below.
    """
    columns = [
        _Column(caption=name, cells=tuple(row[place] for row in rows), is_right=name in right)
        for place, name in enumerate(captions)
    ]
    if width is None or _total([one.natural for one in columns]) <= width:
        return _drawn(columns, [one.natural for one in columns])
    width = max(width, NARROWEST)
    below: list[str] = []
    if narrow:
        left_out = [one.caption for one in columns if one.caption not in narrow]
        columns = [one for one in columns if one.caption in narrow]
        below = fold(f"(… avec --wide : {', '.join(left_out)})", width)
    if _total([one.least for one in columns]) > width:
        return [*_paragraphs(columns, len(rows), width), *below]
    return [*_drawn(columns, _shared_out(columns, width)), *below]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(SEPARATOR) * (len(widths) - 1)


def _shared_out(columns: Sequence[_Column], width: int) -> list[int]:
    """The width of each column: what is left beside the least goes where most is missing."""
    widths = [one.least for one in columns]
    for _ in range(width - _total(widths)):
        missing = [one.natural / (given or 1) for one, given in zip(columns, widths, strict=True)]
        most = max(range(len(columns)), key=missing.__getitem__)
        if missing[most] <= 1:
            break
        widths[most] += 1
    return widths


def _drawn(columns: Sequence[_Column], widths: Sequence[int]) -> list[str]:
    captions = [one.caption for one in columns]
    rows = zip(*(one.cells for one in columns), strict=True)
    lines = _row(columns, captions, widths)
    lines.append(SEPARATOR.join("─" * width for width in widths))
    for row in rows:
        lines += _row(columns, row, widths)
    return [line.rstrip(" ") for line in lines]


def _row(columns: Sequence[_Column], cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    folded = [
        [cell] if len(cell) <= width else _filled(_words(cell), width, "", "")
        for cell, width in zip(cells, widths, strict=True)
    ]
    height = max(map(len, folded))
    return [
        SEPARATOR.join(
            (str.rjust if column.is_right else str.ljust)(lines[at] if at < len(lines) else "", w)
            for column, lines, w in zip(columns, folded, widths, strict=True)
        )
        for at in range(height)
    ]


def _paragraphs(columns: Sequence[_Column], rows: int, width: int) -> list[str]:
    """Each row as a paragraph: the first value, then a line for each other one."""
    lines: list[str] = []
    for at in range(rows):
        for place, column in enumerate(columns):
            indent = "  " if place else ""
            lines += fold(f"{indent}{column.caption} : {column.cells[at]}", width)
    return lines
