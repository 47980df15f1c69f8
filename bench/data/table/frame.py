"""A table as it was read: its columns, numbers or words, and where in the file a value stands."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.data.table.column import ABSENT, as_word
from bench.errors import BenchError, unknown

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "space": " "}
"""Delimiters by the words that a shell takes without quotes."""
MARKS = {"point": ".", "comma": ","}
"""Decimal marks likewise."""


@dataclass(frozen=True)
class Form:
    """How a text file is written.

    Attributes:
        delimiter: between values, or its word; None takes a tab for .tsv and a comma elsewhere.
        decimal: the mark before the fraction of a number, `.` or `,`, or a word of `MARKS`.
        encoding: of the text; a byte order mark is no part of it.
        header: True where the first row holds names, False where it does not; None takes names and refuses values.
    """

    delimiter: str | None = None
    decimal: str = "."
    encoding: str = "utf-8"
    header: bool | None = None

    def __post_init__(self) -> None:
        """Takes words for characters.

        Raises:
            BenchError: a delimiter of several characters, or another decimal mark.
        """
        delimiter = None if self.delimiter is None else DELIMITERS.get(self.delimiter, self.delimiter)
        decimal = MARKS.get(self.decimal, self.decimal)
        if delimiter is not None and len(delimiter) != 1:
            raise unknown("delimiter", delimiter, DELIMITERS, "data.delimiter")
        if decimal not in MARKS.values():
            raise unknown("decimal mark", decimal, MARKS, "data.decimal")
        object.__setattr__(self, "delimiter", delimiter)
        object.__setattr__(self, "decimal", decimal)


@dataclass
class Words:
    """A column of text.

    Attributes:
        codes: int32, of each row the place of its word; `ABSENT` where the value is missing.
        words: each once, in the order of their first rows.
    """

    codes: Any
    words: list[str]


Values = Any
"""A column: float64 numbers, NaN where one is missing, or `Words`."""


@dataclass
class Frame:
    """The columns of a file.

    Attributes:
        path: of the file.
        columns: name -> numbers or words, in the file's order.
        rows: how many.
        numbers: of each row its number in the file, counted from 0; None where all are there.
        line_of: the line of the text file on which a row stands; None for other files.
        in_file: rows of the file, where some are left out.
        said: what was left out while reading, a line each.
    """

    path: Path
    columns: dict[str, Values]
    rows: int
    numbers: Any = None
    line_of: Callable[[int], int] | None = None
    in_file: int = 0
    said: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The file's name, as messages give it."""
        return self.path.name

    def place(self, row: int, column: str) -> str:
        """`mine.csv: row 3 (line 4), column age`, rows counted from 1 below the header; `row` counts from 0."""
        return f"{self.name}: {self.row_words(row)}, column {column}"

    def row_words(self, row: int) -> str:
        """`row 3 (line 4)`, as `place` counts."""
        own = row if self.numbers is None else int(self.numbers[row])
        return f"row {own + 1}" + ("" if self.line_of is None else f" (line {self.line_of(own)})")

    def take(self, name: str, option: str) -> Values:
        """A column, taken out of the frame.

        Raises:
            BenchError: there is none of that name.
        """
        self.check_names([name], option)
        return self.columns.pop(name)

    def keep(self, names: Iterable[str] | None, dropped: Iterable[str] | None) -> None:
        """Keeps some columns, all where `names` is None, but for the dropped ones; the order stays the file's.

        Raises:
            BenchError: a name that there is not, or no column is left.
        """
        kept, out = set(self.columns if names is None else names), set(dropped or ())
        self.check_names(names or (), "data.columns")
        self.check_names(dropped or (), "data.drop")
        self.columns = {name: values for name, values in self.columns.items() if name in kept - out}
        if not self.columns:
            raise BenchError(f"{self.name}: no column is left; name fewer in data.drop, or more in data.columns")

    def leave_unnamed(self, names: Iterable[str]) -> None:
        """Leaves out columns without a name that are empty, or that number the rows as a data frame's index does."""
        for name in names:
            values = self.columns[name]
            if isinstance(values, Words):
                continue
            steps = np.diff(values)
            counts = len(values) > 1 and bool((steps == 1).all()) and values[0] in (0, 1)
            if counts or bool(np.isnan(values).all()):
                what = "numbers the rows" if counts else "is empty"
                self.said.append(f"{name} has no name and {what}: left out")
                del self.columns[name]

    def check_names(self, names: Iterable[str], option: str) -> None:
        """Refuses names that no column has.

        Raises:
            BenchError: it gives the nearest names.
        """
        for name in names:
            if name not in self.columns:
                raise unknown("column", name, self.columns, f"{option} of {self.name}")

    def missing(self) -> Any:
        """`(rows,)` bool: True where any column has no value."""
        rows = np.zeros(self.rows, dtype=bool)
        for values in self.columns.values():
            rows |= is_missing(values)
        return rows

    def select(self, rows: Any) -> None:
        """Keeps the rows at some places, in their order."""
        if self.numbers is None:
            self.in_file = self.rows
        self.numbers = rows if self.numbers is None else self.numbers[rows]
        self.rows = len(rows)
        for name, values in self.columns.items():
            chosen = Words(values.codes[rows], values.words) if isinstance(values, Words) else values[rows]
            self.columns[name] = chosen

    def arrays(self) -> dict[str, Any]:
        """name -> float64 array, or object array of words, an empty word where one is missing."""
        return {name: plain(values) for name, values in self.columns.items()}


def is_missing(values: Values) -> Any:
    """`(rows,)` bool: True where a column has no value."""
    return values.codes == ABSENT if isinstance(values, Words) else np.isnan(values)


def plain(values: Values) -> Any:
    """A column as an array of numbers or of words."""
    if not isinstance(values, Words):
        return values
    return np.asarray([*values.words, ""], dtype=object)[values.codes]


def as_words(values: Any) -> Words:
    """Numbers as words, whole ones without a point."""
    distinct, codes = np.unique(values, return_inverse=True)
    codes = np.where(np.isnan(values), ABSENT, codes)
    return Words(codes.astype(np.int32), [as_word(value) for value in distinct.tolist()])
