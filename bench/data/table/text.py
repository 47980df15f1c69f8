"""Text files of columns, read by pandas' C parser in pieces; what it cannot read gets a second, strict look."""

import csv
import gzip
import itertools
import re
import zlib
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.data.table import second_look
from bench.data.table.column import ABSENT, shown
from bench.data.table.frame import Form, Frame, Words
from bench.data.table.second_look import MISSING, Record, delimiter_of, is_number, read_number
from bench.errors import BenchError

LOOKED_AT = 1_000
"""Records that tell numbers from text before the file is read."""
VALUES_AT_ONCE = 2_000_000
"""Values that the parser holds at once."""
BYTES_LOOKED_AT = 4_096
FEW = 100
"""One NUL byte in so many is a fault of a text; more are another kind of file."""


@dataclass(frozen=True)
class Head:
    """What the first records of a file say.

    Attributes:
        names: of the columns; `column3` where the third has none.
        unnamed: names of those that have none.
        header: whether the first record holds the names.
        lines: that stand above the first row.
        first: records below the header.
    """

    names: tuple[str, ...]
    unnamed: tuple[str, ...]
    header: bool
    lines: int
    first: list[Record]


def read_text(
    path: Path, form: Form, as_words: Container[str] = (), wanted: Callable[[str], bool] = lambda name: True
) -> Frame:
    """The columns of a text file.

    Args:
        path: of a .csv, .tsv or .txt file, perhaps gzipped.
        form: how it is written.
        as_words: columns that are read as text, whatever they hold.
        wanted: tells the columns that are looked at; the others are empty arrays.

    Raises:
        BenchError: it cannot be read, or a row or value is not what the others are; the message gives row and column.
    """
    try:
        head = head_of(path, form)
        columns = [
            Gathered(path, form, head, place, name in as_words, wanted(name)) for place, name in enumerate(head.names)
        ]
        start = 0
        for piece in pieces(path, form, head, [column.place for column in columns if column.text]):
            for column in columns:
                column.take(piece[column.place], start)
            start += len(piece)
    except UnicodeError as error:
        raise second_look.undecodable(path, form) from error
    except LookupError as error:
        raise second_look.undecodable(path, form) from error
    except (OSError, EOFError, zlib.error) as error:
        raise BenchError(f"{path} cannot be read ({error}); is it whole?") from error
    if start == 0:
        raise BenchError(f"{path.name} has no row below its header; give a table with rows")
    check_last(path, form, head, columns[-1])
    found = {column.name: column.values() for column in columns}
    line_of = partial(second_look.line_of, path, form, head.header)
    frame = Frame(path, found, start, line_of=line_of)
    frame.leave_unnamed([name for name in head.unnamed if wanted(name)])
    return frame


def head_of(path: Path, form: Form) -> Head:
    """Names and first records.

    Raises:
        BenchError: the file is empty, no text, or its header is missing, double or of another delimiter.
    """
    check_text(path, form)
    found = list(itertools.islice(second_look.records(path, form), LOOKED_AT))
    if not found:
        raise BenchError(f"{path.name} is empty; give a table with a header and rows")
    error = second_look.other_delimiter(path, form, found[:20])
    if error is not None:
        raise error
    words = [word.strip() for word in found[0][1]]
    header = form.header
    if header is None:
        header = True
        place = second_look.nameless(words, [record for _, record in found[1:]], form.decimal)
        if place is not None:
            raise BenchError(
                f"{path.name}: row 1 (line {found[0][0]}), column {place + 1} is {shown(words[place], 20)} where a "
                "name should stand: the header is missing; add one, or give data.header=false (data.header=true where "
                "it is a name)"
            )
    if not header:
        names = tuple(f"column{place + 1}" for place in range(len(words)))
        return Head(names, (), False, found[0][0] - 1, found)
    check_double(path, words, found[0][0])
    first = found[1:]
    # Lines that a quoted name spans are one to pandas.
    within = len(re.findall(r"\r\n|\r|\n", "".join(found[0][1])))
    lines = (first[0][0] - 1 if first else found[0][0]) - within
    names = tuple(word or f"column{place + 1}" for place, word in enumerate(words))
    unnamed = tuple(name for name, word in zip(names, words, strict=True) if not word)
    head = Head(names, unnamed, True, lines, first)
    if first and len(first[0][1]) != len(names):
        raise broken_row(path, form, head)
    return head


def check_text(path: Path, form: Form) -> None:
    """Refuses a file that is no text in its encoding.

    Raises:
        BenchError: it names the encoding that it may have.
    """
    opener: Any = gzip.open if path.suffix.lower() == ".gz" else open
    with opener(path, "rb") as file:
        start: bytes = file.read(BYTES_LOOKED_AT)
    if b"\0" in start and "16" not in form.encoding and "32" not in form.encoding:
        if start.count(b"\0") <= len(start) // FEW and is_text(start, form):
            *above, before = start[: start.index(b"\0")].split(b"\n")
            column = before.count(second_look.delimiter_of(path, form).encode()) + 1
            raise BenchError(f"{path.name}: line {len(above) + 1}, column {column} has a NUL byte; take it out")
        utf16 = start[:2] in (b"\xff\xfe", b"\xfe\xff")
        advice = "give data.encoding=utf-16" if utf16 else "give a .csv, .tsv, .npy, .npz or .parquet file by its name"
        raise BenchError(f"{path.name}: row 1, column 1: the file is no {form.encoding} text; {advice}")


def is_text(start: bytes, form: Form) -> bool:
    """True where the first bytes of a file decode and no other control characters stand among them."""
    try:
        text = start.decode(form.encoding, errors="strict")
    except UnicodeDecodeError as error:
        text = start[: error.start].decode(form.encoding)
        if error.start < len(start) - 3:  # a character may be cut at the end
            return False
    except LookupError:
        return False
    return all(character >= " " or character in "\0\t\r\n" for character in text)


def check_double(path: Path, words: Sequence[str], line: int) -> None:
    """Refuses a header with the same name twice.

    Raises:
        BenchError: it names both columns.
    """
    first: dict[str, int] = {}
    for place, word in enumerate(words):
        if word and first.setdefault(word, place) != place:
            raise BenchError(
                f"{path.name}: the header (line {line}) has the name {shown(word)} twice, in columns {first[word] + 1} "
                f"and {place + 1}; rename one"
            )


def pieces(path: Path, form: Form, head: Head, text: Sequence[int]) -> Iterator[Any]:
    """The rows as frames of some, columns by their places.

    Raises:
        BenchError: a row has more values than names, or a quotation never ends.
    """
    import pandas as pd

    width = len(head.names)
    # In a file of one column blank lines are missing values, but for those behind its last row.
    alone = sum(1 for _ in second_look.rows(path, form, head.header)) if width == 1 else None
    try:
        with pd.read_csv(
            path,
            sep=delimiter_of(path, form),
            header=None,
            names=list(range(width)),
            skiprows=head.lines,
            index_col=False,
            dtype=dict.fromkeys(text, object),
            na_values=list(MISSING),
            keep_default_na=False,
            decimal=form.decimal,
            encoding=form.encoding,
            skipinitialspace=True,
            low_memory=False,
            skip_blank_lines=width > 1,
            nrows=alone,
            chunksize=max(1_000, VALUES_AT_ONCE // width),
        ) as reader:
            yield from reader
    except pd.errors.EmptyDataError:
        return
    except pd.errors.ParserError as error:
        if "inside string" in str(error):
            raise second_look.open_quote(path, form, head.header) from error
        raise broken_row(path, form, head, " ".join(str(error).split())) from error
    except csv.Error as error:
        raise BenchError(f"{path.name} cannot be read ({error}); mend it") from error


def broken_row(path: Path, form: Form, head: Head, reason: str = "rows differ in length") -> BenchError:
    """The error of the first row of another length than the header."""
    found = second_look.ragged(path, form, head.header, len(head.names))
    return found or BenchError(f"{path.name} cannot be read ({reason}); mend it")


class Gathered:
    """One column while its pieces come in.

    Attributes:
        text: whether it is read as text.
        absent: whether a value is missing in what came in.
    """

    def __init__(self, path: Path, form: Form, head: Head, place: int, asked: bool, wanted: bool) -> None:
        self.path, self.form, self.head, self.place = path, form, head, place
        self.name = head.names[place]
        self.asked, self.wanted, self.absent = asked, wanted, False
        first = [fields[place].strip() for _, fields in head.first if place < len(fields)]
        there = [word for word in first if word not in MISSING]
        self.text = self.asked or not there or not all(is_number(word, form.decimal) for word in there)
        self.parts: list[Any] = []
        self.known: dict[str, int] = {}

    def take(self, series: Any, start: int) -> None:
        """The next piece, of which the first row has the number `start`.

        Raises:
            BenchError: text in a column whose first rows are numbers.
        """
        self.absent = self.absent or bool(series.isna().any())
        if not self.wanted:
            return
        import pandas as pd

        if self.text:
            codes, words = pd.factorize(series.to_numpy(dtype=object, na_value=None))
            places = [self.code_of(str(word).strip()) for word in words]
            self.parts.append(np.asarray([*places, ABSENT], dtype=np.int32)[codes])
            return
        if series.dtype.kind not in "iuf":
            # Blanks around a value are no part of it, such as those of "NA ".
            words = [None if pd.isna(word) or str(word).strip() in MISSING else str(word) for word in series.tolist()]
            for row, word in enumerate(words):
                if word is not None and not is_number(word, self.form.decimal):
                    raise self.among_numbers(start + row, word)
            series = pd.Series([np.nan if word is None else read_number(word, self.form.decimal) for word in words])
        # A copy: a view would keep the parser's whole block.
        self.parts.append(series.to_numpy(dtype=np.float64, na_value=np.nan, copy=True))

    def code_of(self, word: str) -> int:
        """The place of a word among those that came in; `ABSENT` of one that stands for a missing value."""
        return ABSENT if word in MISSING else self.known.setdefault(word, len(self.known))

    def values(self) -> Any:
        """The whole column: numbers, or words; of mostly numbers it is read as numbers.

        Raises:
            BenchError: text among numbers, or numbers with a decimal comma.
        """
        if not self.wanted:
            return np.empty(0)
        whole = self.parts[0] if len(self.parts) == 1 else np.concatenate(self.parts)
        self.parts = []
        if not self.text:
            return whole
        words = list(self.known)
        if self.asked or not words:
            return Words(whole, words) if words else np.full(len(whole), np.nan)
        read = np.asarray([read_number(word, self.form.decimal) for word in words])
        counts = np.bincount(whole[whole != ABSENT], minlength=len(words))
        numbers = ~np.isnan(read)
        if numbers.all():
            return np.append(read, np.nan)[whole]
        marked = second_look.with_other_mark(words, self.form.decimal)
        if marked:
            row = int(np.flatnonzero(np.isin(whole, marked))[0])
            about = second_look.about_mark([words[place] for place in marked], self.form.decimal)
            raise self.at(row, f"is {shown(words[whole[row]])}, {about}")
        if 2 * counts[numbers].sum() > counts.sum():
            row = int(np.flatnonzero(np.isin(whole, np.flatnonzero(~numbers)))[0])
            raise self.among_numbers(row, words[whole[row]])
        return Words(whole, words)

    def among_numbers(self, row: int, word: str) -> BenchError:
        """The error of text among numbers."""
        if word.strip() == self.name and self.head.header:
            return self.at(row, f"is {shown(word)}: the header stands there again; leave that row out")
        if second_look.with_other_mark([word.strip()], self.form.decimal):
            return self.at(row, f"is {shown(word)}, {second_look.about_mark([word.strip()], self.form.decimal)}")
        advice = (
            f"mend it; a run may leave the column out by data.drop=[{self.name}], or take it as words by "
            f"data.kinds={{{self.name}: category}}"
        )
        return self.at(row, f"is {shown(word)}, text among numbers; {advice}")

    def at(self, row: int, fault: str) -> BenchError:
        """An error that begins with the place of a row."""
        line = second_look.line_of(self.path, self.form, self.head.header, row)
        return BenchError(f"{self.path.name}: row {row + 1} (line {line}), column {self.name} {fault}")


def check_last(path: Path, form: Form, head: Head, last: Gathered) -> None:
    """Refuses rows with fewer values than names, which the parser fills up: the last column is then missing.

    Raises:
        BenchError: it names the first of them.
    """
    error = second_look.ragged(path, form, head.header, len(head.names)) if last.absent else None
    if error is not None:
        raise error
