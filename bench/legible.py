"""Text from files and plugins, made fit for a terminal, a table and JSON."""

from __future__ import annotations

import re

# Control characters (they move the cursor, colour, or hide text), what turns the direction of
# writing, and the surrogates in which Python keeps bytes of a file name that are not UTF-8.
ILLEGIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
LAYOUT = "\n\t"


def legible(text: str, keep: str = "") -> str:
    """Return ``text`` with what cannot be shown as it is written out: ``\\x1b``, ``\\u202e``.

    Parameters
    ----------
    keep
        Characters that stay: `LAYOUT` where lines and tabs are meant.
    """
    return ILLEGIBLE.sub(lambda found: _written_out(found[0], keep), text)


def _written_out(character: str, keep: str) -> str:
    if character in keep:
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a name that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def one_line(message: object) -> str:
    """Return what an exception or another message says, legible and without line breaks."""
    return legible(" ".join(str(message).split()))
