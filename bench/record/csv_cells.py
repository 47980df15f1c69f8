"""Texts of CSV cells that a spreadsheet would compute: an apostrophe before them, as it has for them, and back."""

import re

FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""Beginnings that start a formula (OWASP, "CSV injection"), plain or full-width, behind any number of apostrophes."""


def inert_cell(text: str) -> str:
    """The text as a cell that no spreadsheet computes; a number stays what it is."""
    return f"'{text}" if FORMULA.match(text) and not is_number(text) else text


def original(cell: str) -> str:
    """The text of a cell that `inert_cell` made."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell


def is_number(text: str) -> bool:
    """True for what reads as a number, such as `-1e-3` or `nan`."""
    try:
        float(text)
    except ValueError:
        return False
    return True
