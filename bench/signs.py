"""Signs of tables in letters, for a terminal whose encoding has no other."""

import codecs

LETTERS = {
    "≤": "<=", "≥": ">=", "±": "+-", "·": "*", "…": ".", "²": "2", "→": "->", "▲": "^", "†": "+", "‡": "++", "§": "$",
    "◊": "o", "¶": "?", "↑": "^", "↓": "v", "⁻": "^-",
}  # fmt: skip
SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
DASHES = {"\u2212": "-", "\u2013": "-", "\u2014": "-", "\u00d7": "x"}
SIGNS = {
    **LETTERS,
    **{digit: f"^{number}" for number, digit in enumerate(SUPERSCRIPTS)},
    **DASHES,
}
"""A sign, and what stands for it."""

HANDLER = "bench.signs"


def plain_signs() -> str:
    """The name of the error handler that writes a sign in letters, and any other missing character as its code."""
    codecs.register_error(HANDLER, replaced)
    return HANDLER


def replaced(error: UnicodeError) -> tuple[str, int]:
    """What stands for characters that an encoding does not have, and where to go on."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = [SIGNS.get(sign) or sign.encode("ascii", "backslashreplace").decode() for sign in signs_of(error)]
    return "".join(letters), error.end


def signs_of(error: UnicodeEncodeError) -> str:
    """The characters that an encoding does not have."""
    return error.object[error.start : error.end]
