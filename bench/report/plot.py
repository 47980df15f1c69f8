"""A finished plot: its words and its files; nothing here loads matplotlib."""

from typing import NamedTuple

DPI = 240
COLUMN, PAGE = 3.35, 6.9
"""Inches of one column of a paper, and of both."""
FORMATS = ("png", "svg")
"""Those that are written where none are asked for."""
ALL_FORMATS = ("png", "svg", "pdf")


class Plot(NamedTuple):
    """A finished figure: as `bench.report.style.Drawing`, with its files.

    Attributes:
        files: format -> bytes; `png` is always there.
    """

    name: str
    data: str
    title: str
    alt: str
    caption: str
    files: dict[str, bytes]

    @property
    def png(self) -> bytes:
        """Its bytes as pixels."""
        return self.files["png"]
