"""Cells of tables as HTML: by the thousand, so that a template's macro would take most of a report's time."""

from collections.abc import Sequence

from markupsafe import Markup, escape

from bench.report.tables import TableCell

LONG = 26
"""Characters from which on a cell's text is broken into lines."""


def cells(fields: Sequence[TableCell]) -> Markup:
    """The cells of a row, the first of which names it."""
    return Markup("").join(cell(field, "td" if place else "th") for place, field in enumerate(fields))


def cell(field: TableCell, tag: str = "td", kind: str = "") -> Markup:
    """One cell; data-sort is what it is sorted by, where that is not its text."""
    number = isinstance(field.sort, int | float)
    text = escape(field.text.replace("-", "\N{MINUS SIGN}") if number else field.text)
    kinds = [*["number"] * number, *["long"] * (number and len(field.text) > LONG), *[kind] * bool(kind)]
    start = tag + ' scope="row"' * (tag == "th") + (f' class="{" ".join(kinds)}"' if kinds else "")
    if number:
        start += f' data-sort="{field.sort}"'
    elif (field.sort or "") != field.text:
        start += f' data-sort="{escape(field.sort or "")}"'
    inner = f"<strong>{text}</strong>" if field.bold else text
    return Markup(f"<{start}>{inner}</{tag}>")  # its parts are escaped
