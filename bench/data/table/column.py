"""One column of a table: the way from its own units to raw values and back, in float64."""

import re
import shlex
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from bench.data.table.resolution import COARSEST, DIGITS, places_of
from bench.errors import BenchError, unknown

Kind = Literal["real", "heavy", "integer", "category", "constant", "duplicate"]
"""What a column holds. `heavy` is a real one of heavy tails; `constant` and `duplicate` ones are not modelled."""

ABSENT = -1
INT64 = 2.0**63
PLAIN = re.compile(r"[A-Za-z_][\w.-]*")
"""A name that neither a shell nor an override needs in quotes."""
SHOWN = 40
"""Characters of a user's value that a message repeats."""


@dataclass(frozen=True)
class Column:
    """A column, fitted on training rows.

    Raw values are what `Dataset.train` holds: raw = (value - step / 2 - centre) / unit, the lower end of the cell of
    width `step` in which a value lies. A category's value is its place among `words`, its cell begins there.

    Attributes:
        name: of the user's.
        kind: one of `Kind`.
        place: of its coordinate in an event; `ABSENT` for a constant or a duplicate.
        centre: mean of the training rows, in the column's units; the median of a heavy one, 0 of a category.
        unit: standard deviation of the training rows; 1 of a category.
        step: width of the noise in the column's units; 0 without noise, 1 for integers that follow each other.
        origin: a value on the grid of width `step`.
        low, high: smallest and largest training value; of a constant number the number itself.
        words: of a category, sorted; of a constant word the word alone.
        same_as: name of the column that a duplicate repeats; empty otherwise.
        decimals: places to which values of a number without noise are rounded; None leaves them as they are.
    """

    name: str
    kind: str
    place: int = ABSENT
    centre: float = 0.0
    unit: float = 1.0
    step: float = 0.0
    origin: float = 0.0
    low: float = 0.0
    high: float = 0.0
    words: tuple[str, ...] = ()
    same_as: str = ""
    decimals: int | None = None

    @property
    def lower(self) -> float:
        """What lies between a value and the lower end of its cell, in the column's units."""
        return 0.0 if self.kind == "category" else self.step / 2

    def raw(self, values: Any) -> Any:
        """Raw values, float64, of values in the column's units; places among the words for a category."""
        return (np.asarray(values, dtype=np.float64) - self.lower - self.centre) / self.unit

    def values(self, y: Any) -> Any:
        """Values in the column's units of dequantised raw ones: floats, integers or words.

        Integers are rounded and clipped to the range of the training rows; other numbers are rounded to their own
        resolution, or to what float32 carries.
        """
        y = np.asarray(y, dtype=np.float64)
        if self.kind == "category":
            places = np.clip(np.floor(y), 0, len(self.words) - 1).astype(np.int64)
            return np.asarray(self.words, dtype=object)[places]
        found = y * self.unit + self.centre
        if self.step == 0:
            return found if self.decimals is None else np.round(found, self.decimals)
        found = self.origin + self.step * np.round((found - self.origin) / self.step)
        if self.kind == "integer":
            found = np.clip(found, self.low, self.high).round()
            return found.astype(np.int64) if max(-self.low, self.high) < INT64 else found
        places = max(places_of(self.step), places_of(self.origin))
        return np.round(found, places) if places <= DIGITS else found

    def repeated(self, n: int) -> Any:
        """A constant, `n` times."""
        if self.words:
            return np.full(n, self.words[0], dtype=object)
        whole = float(self.low).is_integer() and abs(self.low) < 2**53
        return np.full(n, int(self.low) if whole else self.low)

    def read(self, values: Any, where: str) -> Any:
        """Raw values, float64, of a user's values: numbers or text.

        Args:
            values: one a row.
            where: the file's name, which an error gives.

        Raises:
            BenchError: the first value that is no number, no finite one, no whole one or no known word.
        """
        if self.kind == "category":
            return self.raw(places_among(self.words, values, f"{where}: row", self.name))
        found = numbers_of(values, where, self.name)
        if self.kind == "integer":
            broken = np.flatnonzero(self.off_grid(found))
            if len(broken):
                row = int(broken[0])
                whole = found[row] == np.round(found[row])
                held = f"integers in steps of {self.step:.10g} from {self.low:.10g}" if whole else "integers"
                raise BenchError(f"{place_of(where, row, self.name)} is {found[row]:.10g}; the column holds {held}")
        return self.raw(found)

    def off_grid(self, values: Any) -> Any:
        """True for each value that is no whole number of steps from the others; False for all of a column without."""
        if self.step == 0 or self.kind == "category":
            return np.zeros(len(values), dtype=bool)
        steps = (np.asarray(values, dtype=np.float64) - self.origin) / self.step
        return np.abs(steps - np.round(steps)) > COARSEST

    def check_constant(self, values: Any, where: str) -> None:
        """Refuses other values than the one that a constant has.

        Raises:
            BenchError: it names the first row.
        """
        own = self.words[0] if self.words else self.low
        given = np.char.strip(np.asarray(values).astype(str)) if self.words else numbers_of(values, where, self.name)
        broken = np.flatnonzero(given != own)
        if len(broken):
            row = int(broken[0])
            raise BenchError(
                f"{place_of(where, row, self.name)} is {shown(given[row])}; every row of the model's data has {own}"
            )


def numbers_of(values: Any, where: str, name: str) -> Any:
    """Values as float64, text among them read as numbers.

    Raises:
        BenchError: the first that is no number, or not a finite one.
    """
    given = np.asarray(values)
    try:
        found = given.astype(np.float64)
    except (TypeError, ValueError):
        found = np.asarray([number(value) for value in given])
    broken = np.flatnonzero(~np.isfinite(found))
    if len(broken):
        row = int(broken[0])
        raise BenchError(f"{place_of(where, row, name)} is {shown(given[row])}; give a finite number")
    return found


def differing(first: Any, second: Any) -> Any:
    """Rows in which two columns differ, by their text and as numbers: 1, 1.0 and `1` are one value."""
    texts = [np.char.strip(np.asarray(values).astype(str)) for values in (first, second)]
    apart = np.flatnonzero(texts[0] != texts[1])
    return np.asarray([row for row in apart.tolist() if number(texts[0][row]) != number(texts[1][row])], dtype=np.int64)


def number(value: Any) -> float:
    """A value as a number; NaN where it is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def places_among(words: tuple[str, ...], values: Any, where: str, name: str) -> Any:
    """The place of each value among the words of a category, by its text or, of a number, by its size.

    Raises:
        BenchError: the first value that is none of them.
    """
    known = {word: place for place, word in enumerate(words)}
    sizes = {number(word): place for place, word in enumerate(words)}
    given = [as_word(value) for value in np.asarray(values).tolist()]
    places = np.asarray([known.get(word, sizes.get(number(word), ABSENT)) for word in given], dtype=np.int64)
    broken = np.flatnonzero(places == ABSENT)
    if len(broken):
        row = int(broken[0])
        raise unknown("value", " ".join(given[row].split())[:20], words, f"{where} {row + 1}, column {name}")
    return places


def as_word(value: Any) -> str:
    """A value as a category's word: a whole number without a point, text without spaces around it."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value).strip()


def place_of(where: str, row: int, name: str) -> str:
    """`mine.csv: row 3, column age`, rows counted from 1 below the header; `row` counts from 0."""
    return f"{where}: row {row + 1}, column {name}"


def shown(value: Any, most: int = SHOWN) -> str:
    """A user's value in a message: in quotes where it is text, cut where it is long, on one line."""
    if not isinstance(value, str):
        return f"{value}"
    plain = " ".join(value.split())
    return f"'{plain}'" if len(plain) <= most else f"'{plain[:most]}...'"


def drop(name: str) -> str:
    """The option that leaves a column out, as a shell takes it."""
    return f"data.drop=[{name}]" if PLAIN.fullmatch(name) else shlex.quote(f"data.drop=[{quoted(name)}]")


def of_kind(name: str, kind: str) -> str:
    """The option that sets a column's kind, as a shell takes it; a name that is no plain word stands in a list."""
    if PLAIN.fullmatch(name):
        return shlex.quote(f"data.kinds={{{name}: {kind}}}")
    return shlex.quote(f"data.kinds=[{quoted(f'{name}: {kind}')}]")


def quoted(text: str) -> str:
    """Text in quotes, as an override takes it."""
    escaped = text.replace('\\"', '\\\\"').replace('"', '\\"')
    return f'"{escaped}"'
