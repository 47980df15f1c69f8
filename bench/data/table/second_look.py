"""A slow, strict look at a text file that could not be read: which row and column is wrong, and what to do."""

import csv
import gzip
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from bench.data.table.column import number, shown
from bench.data.table.frame import DELIMITERS, Form
from bench.errors import BenchError

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "NAN", "null", "NULL", "?")
"""Words that stand for a missing value."""
COMMA_NUMBER = re.compile(r"[-+]?(\d+|\d{1,3}(\.\d{3})+),\d+(e[-+]?\d+)?", re.IGNORECASE)
"""A number with a decimal comma."""
THOUSANDS = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?")
"""A number with commas between thousands."""
POINT_NUMBER = re.compile(r"[-+]?(\d{1,3}(\.\d{3})+(,\d+)?|\d*\.\d+|\d+\.)(e[-+]?\d+)?", re.IGNORECASE)
"""A number with a point, be it before the fraction or between thousands."""
DATE = re.compile(r"\d{4}-\d\d?-\d\d?([ T].*)?|\d\d?[./]\d\d?[./]\d{2,4}( .*)?")
DIVIDED = 0.9
"""Share of rows that have as many fields as the header by the delimiter of a file: others are faults."""
HEADERS = 0.01
"""Share of rows up to which rows like the first are headers that stand there again; more are values."""

Record = tuple[int, list[str]]
"""The line on which a record begins, counted from 1, and its fields."""


def delimiter_of(path: Path, form: Form) -> str:
    """The delimiter that was asked for, or the one that the file's name stands for."""
    if form.delimiter is not None:
        return form.delimiter
    return "\t" if path.name.lower().removesuffix(".gz").endswith((".tsv", ".tab")) else ","


def bytes_of(path: Path) -> Any:
    """The file, open for reading bytes, unpacked where its name ends in .gz."""
    opener: Any = gzip.open if path.suffix.lower() == ".gz" else open
    return opener(path, "rb")


def opened(path: Path, form: Form) -> IO[str]:
    """The file as text, unpacked where its name ends in .gz."""
    encoding = "utf-8-sig" if form.encoding.lower().replace("_", "-") in {"utf-8", "utf8"} else form.encoding
    return io.TextIOWrapper(bytes_of(path), encoding=encoding, newline="")


def records(path: Path, form: Form) -> Iterator[Record]:
    """Every record, the header among them; blank lines are none.

    In a file of one column a blank line between two rows is a record: its value is missing.
    """
    blank: list[int] = []
    alone = False
    with opened(path, form) as text:
        lines = LastLine(text)
        reader = csv.reader(lines, delimiter=delimiter_of(path, form), skipinitialspace=True)
        begins = 1
        try:
            for fields in reader:
                if len(fields) > 1 or "".join(fields).strip() or '"' in lines.last:
                    yield from ((line, [""]) for line in blank)
                    yield begins, fields
                    alone, blank = len(fields) == 1, []
                elif alone:
                    blank.append(begins)
                begins = reader.line_num + 1
        except csv.Error as error:
            raise BenchError(
                f"{path.name}: the row of line {begins} cannot be read ({error}); close its quotation"
            ) from error


class LastLine:
    """The lines of a text, the one that was read last in sight."""

    def __init__(self, text: IO[str]) -> None:
        self.text, self.last = text, ""

    def __iter__(self) -> Iterator[str]:
        """Each line, in its order."""
        for line in self.text:
            self.last = line
            yield line


def rows(path: Path, form: Form, header: bool) -> Iterator[Record]:
    """The records below the header."""
    found = records(path, form)
    if header:
        next(found, None)
    return found


def line_of(path: Path, form: Form, header: bool, row: int) -> int:
    """The line on which a row begins; rows count from 0, below the header."""
    plain = line_of_plain(path, form, row + header)
    if plain is not None:
        return plain
    for place, (line, _) in enumerate(rows(path, form, header)):
        if place == row:
            return line
    return 0


def line_of_plain(path: Path, form: Form, record: int) -> int | None:
    """The line of a record, counted from 0, in a tenth of the time; None where lines alone do not tell records.

    These are quotations before it, and blank lines in a file of one column.
    """
    delimiter, alone = delimiter_of(path, form), True
    with opened(path, form) as text:
        for place, line in enumerate(text, 1):
            alone = alone and delimiter not in line
            if '"' in line or (alone and not line.strip()):
                return None
            if line.strip() or delimiter in line:
                if record == 0:
                    return place
                record -= 1
    return None


def ragged(path: Path, form: Form, header: bool, width: int) -> BenchError | None:
    """The error of the first row that has not so many values; None where all have."""
    for place, (line, fields) in enumerate(rows(path, form, header)):
        if len(fields) != width:
            columns = "column" if width == 1 else "columns"
            return BenchError(
                f"{path.name}: row {place + 1} (line {line}) has {len(fields)} values for {width} {columns}, the last "
                f"of them {shown(fields[-1], 20)}; {remedy(place, fields, width)}"
            )
    return None


def remedy(row: int, fields: Sequence[str], width: int) -> str:
    """What to do about a row of too many or too few values; `row` counts from 0."""
    if row == 0 and len(fields) == width + 1 and not fields[-1]:
        return "rows may end with a delimiter: take it out, or end the header with one too"
    if len(fields) == 2 * width:
        return "a decimal comma may be taken for the delimiter: quote such numbers, or write points"
    if row == 0 and len(fields) == width + 1:
        return "the header may lack the name of the first column: add it"
    return "mend the row, or quote values that hold the delimiter"


def open_quote(path: Path, form: Form, header: bool) -> BenchError:
    """The error of a quotation that never ends: the record that swallows the rest of the file."""
    last: tuple[int, int, list[str]] = (0, 1, [""])
    for place, (line, fields) in enumerate(rows(path, form, header)):
        last = place, line, fields
    place, line, fields = last
    return BenchError(
        f"{path.name}: row {place + 1} (line {line}), column {len(fields)} begins a quotation that never ends; close it"
    )


def undecodable(path: Path, form: Form) -> BenchError:
    """The error of the first bytes that are not of the encoding."""
    delimiter = delimiter_of(path, form).encode()
    with bytes_of(path) as stream:
        for place, line in enumerate(stream):
            try:
                line.decode(form.encoding)
            except UnicodeDecodeError as error:
                column = line[: error.start].count(delimiter) + 1
                row = f"row {place}" if place else "the header"
                other = "data.encoding=latin-1" if form.encoding.startswith("utf") else "data.encoding=utf-8"
                return BenchError(
                    f"{path.name}: {row} (line {place + 1}), column {column} has the byte 0x{line[error.start]:02x}, "
                    f"which is not {form.encoding}; give the encoding, such as {other}"
                )
            except LookupError:
                return BenchError(f"data.encoding={form.encoding}: no such encoding; give utf-8, latin-1 or utf-16")
            except UnicodeError:
                break
    return BenchError(f"{path.name} is not {form.encoding} text; give its encoding, such as data.encoding=utf-16")


def other_delimiter(path: Path, form: Form, first: Sequence[Record]) -> BenchError | None:
    """The error of a file that another delimiter divides into columns; None where its own does, or none does."""
    own = delimiter_of(path, form)
    said = re.fullmatch(r"sep=(.)", ",".join(first[0][1]))
    if said:
        return BenchError(
            f"{path.name}: row 1 (line {first[0][0]}) says {shown(said[0])}, which is no header: take the line out, "
            f"and give data.delimiter={word_of(said[1])}"
        )
    if len(first[0][1]) > 1:
        return None
    # A comma before fractions divides the rows below the header.
    lines = [re.sub(r"[\r\n]", " ", own.join(fields)).strip(" ") for _, fields in first]
    for word, other in DELIMITERS.items():
        head, *below = csv.reader(lines, delimiter=other, skipinitialspace=True)
        values = [value.strip() for fields in below for value in fields]
        commas = any(COMMA_NUMBER.fullmatch(value) for value in values)
        alike = sum(len(fields) == len(head) for fields in below)
        divides = len(head) > 1 and alike >= DIVIDED * len(below)
        if other == " ":  # which stands within words too
            divides = divides and all(is_number(value, "," if commas else ".") for value in values)
        if other != own and divides:
            decimal = " data.decimal=comma" if commas else ""
            return BenchError(
                f"{path.name}: row 1 (line {first[0][0]}) is one column by {word_of(own)} and {len(head)} by {word}; "
                f"give data.delimiter={word}{decimal}"
            )
    return None


def word_of(delimiter: str) -> str:
    """A delimiter's word; itself where it has none."""
    return next((word for word, own in DELIMITERS.items() if own == delimiter), repr(delimiter))


def with_other_mark(words: Sequence[str], decimal: str) -> list[int]:
    """Places of the numbers that have another mark than the decimal one; none unless most of the words are numbers."""
    marks = (POINT_NUMBER,) if decimal == "," else (COMMA_NUMBER, THOUSANDS)
    marked = [place for place, word in enumerate(words) if any(mark.fullmatch(word) for mark in marks)]
    whole = sum(is_number(word, decimal) for word in words)
    return marked if 2 * (len(marked) + whole) > len(words) else []


def about_mark(words: Sequence[str], decimal: str) -> str:
    """What to say of numbers with another mark than the decimal one: a fraction's, or perhaps one between thousands."""
    if decimal == ",":
        return (
            "with a point between thousands or before the fraction; write 1234,5 without points, or leave "
            "data.decimal=comma out"
        )
    if all(THOUSANDS.fullmatch(word) for word in words):
        if any("." in word for word in words):
            return "with a comma between thousands; write 1234.5 without commas"
        return "with a comma between thousands or before the fraction; write 1234, or give data.decimal=comma for 1,234"
    points = " and take points between thousands out" if any("." in word for word in words) else ""
    return f"a decimal comma; give data.decimal=comma{points}"


def dates(words: Sequence[str]) -> bool:
    """True where most of the words are dates."""
    return 2 * sum(DATE.fullmatch(word) is not None for word in words) > len(words)


def nameless(words: Sequence[str], rows: Sequence[Sequence[str]], decimal: str) -> int | None:
    """The place of a word of the first row that is a value and no name; None where the row is a header.

    Whole numbers, such as years, may be names beside words. Not where all are numbers, one has a fraction, or a word
    stands in its column again. A whole row that stands there again, now and then, is a header twice.
    """
    numbers = [place for place, word in enumerate(words) if is_number(word, decimal)]
    if numbers and len(numbers) == len(words):
        return 0
    broken = [place for place in numbers if not words[place].strip().lstrip("+-").isdigit()]
    if broken:
        return broken[0]
    others = [row for row in rows if [word.strip() for word in row] != list(words)]
    if len(rows) - len(others) > max(2, HEADERS * len(rows)):
        others = list(rows)
    again = [
        place
        for place, word in enumerate(words)
        if word and place not in numbers and any(place < len(row) and row[place].strip() == word for row in others)
    ]
    whole = all(not word or place in again for place, word in enumerate(words))
    return again[0] if again and (numbers or whole) else None


def is_number(word: str, decimal: str) -> bool:
    """True for a word that is a number with this decimal mark, infinite ones among them."""
    return read_number(word, decimal) == read_number(word, decimal)


def read_number(word: str, decimal: str) -> float:
    """The number that a word is with this decimal mark; NaN where it is none, or has the other mark."""
    if "_" in word or (decimal != "." and "." in word):
        return float("nan")
    return number(word.replace(decimal, "."))
