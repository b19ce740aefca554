"""Colours of a terminal as classes of our own; whatever else a script prints is text and nothing but text.

Control sequences are those of ECMA-48; only SGR (select graphic rendition) means anything here, all others are dropped.
"""

import re
from collections.abc import Iterator
from html import escape

from django.utils.safestring import SafeString, mark_safe

SGR_PARAMETERS = 1
CONTROL = re.compile(
    r"(?:\x1b\[|\x9b)([0-9;]*)m"  # SGR
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # other CSI: cursor, erase, modes
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # OSC (titles, links), DCS, SOS, PM, APC
    r"|\x1b[ -/]*[0-~]?"  # other escapes
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"  # lone control characters
    r"|[\u202a-\u202e\u2066-\u2069]"  # would show the text in another order than it is in
)
COLOURS = {
    **dict.fromkeys((30, 90), "d"),
    **dict.fromkeys((31, 91), "r"),
    **dict.fromkeys((32, 92), "g"),
    **dict.fromkeys((33, 93), "y"),
    **dict.fromkeys((34, 35, 36, 94, 95, 96), "b"),
}
RESET, BOLD, FAINT, NEITHER, DEFAULT_COLOUR = 0, 1, 2, 22, 39
EXTENDED = (38, 48)  # followed by 5;n (palette) or 2;r;g;b, which we do not show
LONGEST_CODE = 3


def to_html(text: str) -> SafeString:
    """One line as HTML: everything escaped, colours as `a-…` classes."""
    pieces = (f'<span class="{css}">{escape(piece)}</span>' if css else escape(piece) for css, piece in _pieces(text))
    return mark_safe("".join(pieces))  # noqa: S308 - every piece is escaped above


def to_plain(text: str) -> str:
    """One line without any control sequence."""
    return "".join(piece for _, piece in _pieces(text))


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """(classes, text) in order. A carriage return inside a line, as progress bars print it, becomes a space."""
    text = text.replace("\r", " ")
    colour, bold, position = "", False, 0
    for control in CONTROL.finditer(text):
        if control.start() > position:
            yield _classes(colour, bold=bold), text[position : control.start()]
        position = control.end()
        if control[SGR_PARAMETERS] is not None:
            colour, bold = _select(control[SGR_PARAMETERS], colour, bold=bold)
    if position < len(text):
        yield _classes(colour, bold=bold), text[position:]


def _select(parameters: str, colour: str, *, bold: bool) -> tuple[str, bool]:
    """The colour and weight after one SGR sequence with these parameters."""
    codes = iter([int(code) if 0 < len(code) <= LONGEST_CODE else RESET for code in parameters.split(";")])
    for code in codes:
        if code == RESET:
            colour, bold = "", False
        elif code in (BOLD, NEITHER):
            bold = code == BOLD
        elif code == FAINT:
            colour = "d"
        elif code == DEFAULT_COLOUR:
            colour = ""
        elif code in COLOURS:
            colour = COLOURS[code]
        elif code in EXTENDED:
            for _ in range(1 if next(codes, None) == 5 else 3):
                next(codes, None)
    return colour, bold


def _classes(colour: str, *, bold: bool) -> str:
    return " ".join(css for css in (f"a-{colour}" if colour else "", "a-1" if bold else "") if css)
