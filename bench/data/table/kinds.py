"""The kind of each column of a table: found from its values, or set by the user and held against them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from bench.data.table.column import ABSENT, Kind, drop, of_kind, shown
from bench.data.table.frame import Frame, Words, as_words, is_missing
from bench.data.table.second_look import dates
from bench.errors import BenchError, unknown

MOST_WORDS = 50
"""Values of a category; the cells of more are too narrow to be modelled."""
SETTABLE = ("real", "heavy", "integer", "category")


@dataclass(frozen=True)
class Found:
    """The kind of a column.

    Attributes:
        name: of the column.
        kind: see `bench.data.table.column.Kind`.
        same_as: the earlier column that a duplicate repeats.
        words: of a category, sorted; the text of a constant word.
        codes: int32, of each row the place among `words`; None for other kinds.
    """

    name: str
    kind: Kind
    same_as: str = ""
    words: tuple[str, ...] = ()
    codes: Any = None


def kinds_of(frame: Frame, asked: Mapping[str, str]) -> list[Found]:
    """The kind of each column, in the file's order.

    Args:
        frame: without missing values.
        asked: column -> kind, as the user set it.

    Raises:
        BenchError: an unknown column or kind, a kind that the values cannot have, text of more than 50 values, or
            nothing to model.
    """
    frame.check_names(asked, "data.kinds")
    for name, kind in asked.items():
        if kind not in SETTABLE:
            advice = f" is found, never set; give {', '.join(SETTABLE)}" if kind in get_args(Kind) else ""
            if advice:
                raise BenchError(f"data.kinds of {frame.name}: {name}: {kind}{advice}")
            raise unknown("kind", kind, SETTABLE, f"data.kinds of {frame.name}, column {name}")
    if not frame.columns:
        raise BenchError(f"{frame.name}: no column is left beside label and split; name fewer of them in data.drop")
    first: dict[bytes, str] = {}
    found = []
    for name, values in frame.columns.items():
        check_finite(frame, name, values)
        earlier = first.setdefault(fingerprint(values), name)
        if name in asked:
            found.append(as_asked(frame, name, values, asked[name], earlier))
        elif earlier != name:
            found.append(Found(name, "duplicate", same_as=earlier))
        else:
            found.append(own_kind(frame, name, values))
    if all(one.kind in ("constant", "duplicate") for one in found):
        raise BenchError(f"{frame.name}: every column is constant: there is nothing to model; give other columns")
    return found


def own_kind(frame: Frame, name: str, values: Any) -> Found:
    """The kind that the values of a column say.

    Raises:
        BenchError: text of more than 50 values.
    """
    if isinstance(values, Words):
        return category(frame, name, values)
    if bool((values == values[0]).all()):
        return Found(name, "constant")
    if is_flag(values):
        return category(frame, name, as_words(values))
    return Found(name, "integer" if is_whole(values) else "real")


def as_asked(frame: Frame, name: str, values: Any, kind: str, earlier: str) -> Found:
    """The kind that the user set.

    Raises:
        BenchError: the values cannot be of it.
    """
    if kind == "category":
        return category(frame, name, values if isinstance(values, Words) else as_words(values), constant=False)
    if isinstance(values, Words):
        word = values.words[values.codes[0]]
        raise BenchError(f"{frame.place(0, name)} is {shown(word)}; {of_kind(name, kind)} asks for numbers")
    if kind == "integer" and not is_whole(values):
        row = int(np.flatnonzero(values != np.round(values))[0])
        raise BenchError(
            f"{frame.place(row, name)} is {values[row]:.10g}; {of_kind(name, 'integer')} asks for integers"
        )
    if bool((values == values[0]).all()):
        raise BenchError(
            f"{frame.place(0, name)}: every row has {values[0]:.10g}, where no density of a {kind} column has a bound; "
            f"take it out of data.kinds, or give {drop(name)}"
        )
    if earlier != name:
        raise BenchError(
            f"{frame.place(0, name)}: the column is a copy of column {earlier}, where no density has a bound; take it "
            f"out of data.kinds, or give {drop(name)}"
        )
    return Found(name, kind)  # type: ignore[arg-type]


def category(frame: Frame, name: str, values: Words, constant: bool = True, remedy: str = "") -> Found:
    """A category, its words sorted, numbers by their size; a constant where it has one word alone.

    Args:
        frame: of the file.
        name: of the column.
        values: its words.
        constant: accepts one word.
        remedy: what to do about too many of them; by default to leave the column out.

    Raises:
        BenchError: it has more than 50, or one where `constant` is not accepted.
    """
    counts = np.bincount(values.codes, minlength=len(values.words))
    there = np.flatnonzero(counts).tolist()
    if len(there) > MOST_WORDS:
        word = values.words[values.codes[0]]
        what = "dates" if dates([values.words[place] for place in there]) else "words"
        advice = "give numbers, such as days" if what == "dates" else "merge rare ones"
        raise BenchError(
            f"{frame.place(0, name)} is {shown(word)}, one of {len(there)} {what}; a category has at most "
            f"{MOST_WORDS}: {remedy or f'leave the column out by {drop(name)}'}, or {advice}"
        )
    ordered = sorted(there, key=lambda place: sorting_key(values.words[place]))
    words = tuple(values.words[place] for place in ordered)
    if len(words) == 1 and constant:
        return Found(name, "constant", words=words)
    if len(words) == 1:
        raise BenchError(f"{frame.place(0, name)}: every row has {shown(words[0])}; take it out of data.kinds")
    rank = np.full(len(values.words), ABSENT, dtype=np.int32)
    rank[ordered] = np.arange(len(ordered), dtype=np.int32)
    return Found(name, "category", words=words, codes=rank[values.codes])


def sorting_key(word: str) -> tuple[int, float, str]:
    """Numbers first, by their size, then words."""
    try:
        return 0, float(word), word
    except ValueError:
        return 1, 0.0, word


def is_whole(values: Any) -> bool:
    """True where all values are integers."""
    return bool((values == np.round(values)).all())


def is_flag(values: Any) -> bool:
    """True where there are two values and no third."""
    other = values[values != values[0]]
    return bool((other == other[0]).all())


def fingerprint(values: Any) -> bytes:
    """A digest of a column's content; equal columns have the same."""
    if isinstance(values, Words):
        words = "\0".join(values.words).encode()
        return hashlib.sha256(words + b"\0\0" + values.codes.tobytes()).digest()
    return hashlib.sha256((values + 0.0).tobytes()).digest()


def check_finite(frame: Frame, name: str, values: Any) -> None:
    """Refuses missing and infinite values.

    Raises:
        BenchError: it names the first of them.
    """
    missing = is_missing(values)
    if bool(missing.any()):
        row, count = int(np.flatnonzero(missing)[0]), int(missing.sum())
        if count == frame.rows:
            raise BenchError(f"{frame.place(0, name)}: no row has a value; leave the column out by {drop(name)}")
        raise BenchError(
            f"{frame.place(row, name)} is missing (rows that lack a value: {int(frame.missing().sum())} of "
            f"{frame.rows}); give data.missing=drop to leave such rows out, or {drop(name)}"
        )
    if not isinstance(values, Words) and not bool(np.isfinite(values).all()):
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        raise BenchError(f"{frame.place(row, name)} is {values[row]}; leave the row out, or fill it in")
