"""Names and messages made inert where they are shown: file names, paths, Markdown, labels of plots."""

import hashlib
import re
from pathlib import Path

from bench.record.csv_cells import inert_cell
from bench.record.typed import in_one_line

SLUG_LENGTH = 60
NOT_IN_A_SLUG = re.compile(r"[^A-Za-z0-9_.-]+")
MARKDOWN = re.compile(r"[\\`|]|(?<=\])(?=\()")
"""What gets a backslash before it: backslash, code, the edge of a cell, and the second half of a link."""


def slug(name: str) -> str:
    """The name as part of a file's: of letters, digits, `_`, `.` and `-`; another name never has the same."""
    plain = NOT_IN_A_SLUG.sub("-", name)[:SLUG_LENGTH]
    return name if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def markdown_cell(text: str) -> str:
    """The text in one line of a Markdown table: no HTML, no code, no link, nothing that a spreadsheet computes."""
    escaped = inert_cell(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", " ")
    return MARKDOWN.sub(lambda found: f"\\{found[0]}", escaped)


def plot_label(name: str) -> str:
    """The name as matplotlib prints it letter by letter: no mathematics, and none hidden for its underscore."""
    return (" " if name.startswith("_") else "") + name.replace("$", r"\$")


def said(path: Path) -> str:
    """A path in one printable line, whatever its folders are called."""
    return in_one_line(str(path))
