"""Tables as lines: of a terminal, as wide as that is, or of a log."""

from collections.abc import Sequence
from io import StringIO

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as Drawn
from rich.text import Text

from bench.report.tables import Table

BETWEEN = 2
"""Blank columns between two columns of a table."""


def aligned(table: Table) -> list[str]:
    """A table as lines for a log; what is bold stands between stars."""
    lines = [table.headings, *([f"*{cell.text}*" if cell.bold else cell.text for cell in row] for row in table.rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def drawn(table: Table, leaves: Sequence[str], width: int) -> list[str]:
    """A table as lines of at most `width` columns of a terminal; bold is bold.

    Args:
        table: with a column at least.
        leaves: headings in the order in which columns are left out where not all have room.
        width: of the terminal.
    """
    kept = list(table.headings)
    for heading in leaves:
        if needed(table, kept) > width:
            kept = [name for name in kept if name != heading]
    grid = Drawn(box=None, padding=(0, BETWEEN, 0, 0), pad_edge=False, show_edge=False, header_style="dim")
    places = [place for place, heading in enumerate(table.headings) if heading in kept]
    for place in places:
        grid.add_column(Text(table.headings[place]), overflow="fold")
    for row in table.rows:
        grid.add_row(*(Text(row[place].text, "bold" if row[place].bold else "") for place in places))
    console = Console(file=StringIO(), force_terminal=True, width=max(width, 1), highlight=False)
    with console.capture() as capture:
        console.print(grid)
    return [line.rstrip() for line in capture.get().splitlines()]


def needed(table: Table, headings: Sequence[str]) -> int:
    """Columns that a terminal must have for these columns of a table."""
    places = [place for place, heading in enumerate(table.headings) if heading in headings]
    texts = [table.headings, *([cell.text for cell in row] for row in table.rows)]
    widths = [max(cell_len(line[place]) for line in texts) for place in places]
    return sum(widths) + BETWEEN * len(widths)


def written(table: Table, leaves: Sequence[str], width: int | None) -> list[str]:
    """A table as lines: of a terminal of that width, or of a log."""
    return aligned(table) if width is None else drawn(table, leaves, width)
