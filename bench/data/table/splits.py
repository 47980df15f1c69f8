"""The rows of each split of a table: at random, in order, by a column, or by a file of row numbers."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bench.config import FEWEST
from bench.data.numpy_files import loaded
from bench.data.table.column import shown
from bench.data.table.frame import Frame, Words, as_words, plain
from bench.data.table.reading import read
from bench.errors import BenchError, unknown

FRACTIONS = (0.7, 0.15, 0.15)
PARTS = ("train", "validation", "test")
TIME = "time"
"""The way of ordered rows; a column of that name is one like any other."""
WORDS = {
    "train": ("train", "training", "0"),
    "validation": ("validation", "valid", "val", "dev", "1"),
    "test": ("test", "testing", "2"),
}
"""What a column says of a row's split, in any case."""


class Splits(NamedTuple):
    """Places of the rows of each split, in the order of their tensors."""

    train: Any
    validation: Any
    test: Any


class Way(NamedTuple):
    """How a table is split.

    Attributes:
        splits: the rows.
        words: how, in words.
        files: that say it.
    """

    splits: Splits
    words: str
    files: tuple[Path, ...] = ()


def split_rows(frame: Frame, split: str | Sequence[float] | None, seed: int, classes: Any = None) -> Way:
    """The rows of the three splits, each in a random order.

    Args:
        frame: the table; a column that says the split is taken out of it.
        split: None for 70, 15 and 15 % at random; three fractions; `time` for the same in the order of the rows; a
            column of `train`, `validation` and `test`; or a file of row numbers: an .npz of arrays of those names, or a
            table of the columns `row` and `split`. Row numbers count from 0.
        seed: of the order and of a random choice.
        classes: of each row, where there are any: each then has its share in every split.

    Raises:
        BenchError: there is no such way, or it leaves a part with too few rows.
    """
    generator = np.random.default_rng(seed)
    files: tuple[Path, ...] = ()
    if split is None or not isinstance(split, str):
        shares = fractions_of(frame, split)
        splits = at_random(frame.rows, shares, generator, classes)
        words = f"at random, seed {seed}"
    elif split == TIME:
        splits, words = in_order(frame.rows, FRACTIONS), "in the order of the rows"
    elif split in frame.columns:
        splits, words = by_column(frame, split), f"by column {split}"
    elif Path(split).suffix:
        splits, words, files = by_file(frame, Path(split)), f"by {Path(split).name}", (Path(split),)
    else:
        known = [*frame.columns, TIME]
        raise unknown("split", split, known, f"data.split of {frame.name}, a column, `time`, fractions or a file")
    check_sizes(frame, splits, words)
    if files or words.startswith(("by", "in")):
        splits = Splits(*(part[generator.permutation(len(part))] for part in splits))
    return Way(splits, words, files)


def fractions_of(frame: Frame, split: Sequence[float] | None) -> tuple[float, ...]:
    """The shares of the three splits.

    Raises:
        BenchError: they are not three positive numbers of the sum 1.
    """
    shares = FRACTIONS if split is None else tuple(split)
    numbers = all(isinstance(share, int | float) for share in shares)
    if len(shares) != 3 or not numbers or min(shares) <= 0 or not math.isclose(sum(shares), 1, abs_tol=1e-6):
        raise BenchError(
            f"data.split={list(shares)} of {frame.name}: give three fractions of the sum 1, such as [0.7,0.15,0.15]"
        )
    return shares


def at_random(rows: int, shares: Sequence[float], generator: np.random.Generator, classes: Any) -> Splits:
    """A random order, cut; of classes each by itself, and the whole in a random order again."""
    order = generator.permutation(rows)
    if classes is None:
        return cut(order, shares)
    position = np.empty(rows)
    for one in np.unique(classes):
        own = order[classes[order] == one]
        position[own] = (np.arange(len(own)) + 0.5) / len(own)
    train, validation = (sum(shares[: count + 1]) for count in range(2))
    part = np.digitize(position[order], [train, validation])
    return Splits(*(order[part == number] for number in range(3)))


def in_order(rows: int, shares: Sequence[float]) -> Splits:
    """The first rows to train on, the last to test on."""
    return cut(np.arange(rows), shares)


def cut(order: Any, shares: Sequence[float]) -> Splits:
    """An order of rows, cut into three."""
    ends = [round(len(order) * sum(shares[:count])) for count in (1, 2)]
    return Splits(*np.split(order, ends))


def by_column(frame: Frame, name: str) -> Splits:
    """The rows that a column gives to each split; the column is taken out of the frame.

    Raises:
        BenchError: it holds another word.
    """
    values = frame.take(name, "data.split")
    if not isinstance(values, Words):
        values = as_words(values)
    codes = values.codes
    part = np.asarray([part_of(word) for word in values.words])
    broken = (
        np.flatnonzero(part[codes] < 0) if not np.any(codes < 0) else np.flatnonzero((codes < 0) | (part[codes] < 0))
    )
    if len(broken):
        row = int(broken[0])
        raise BenchError(
            f"{frame.place(row, name)} is {shown(plain(values)[row])}; data.split takes train, validation and test"
        )
    return Splits(*(np.flatnonzero(part[codes] == number) for number in range(3)))


def part_of(word: str) -> int:
    """The number of the split that a word names; -1 for any other word."""
    for number, part in enumerate(PARTS):
        if word.lower() in WORDS[part]:
            return number
    return -1


def by_file(frame: Frame, path: Path) -> Splits:
    """The rows whose numbers a file gives to each split; rows that it does not name are left out.

    Row numbers are those of the file, before rows with missing values are left out.

    Raises:
        BenchError: it cannot be read, or names a row twice or one that there is not.
    """
    if not path.is_file():
        raise BenchError(f"data.split={path}: no such file; give an .npz of train, validation and test, or a table")
    if path.suffix.lower() == ".npz":
        found = numbers_of_archive(path)
    else:
        listed = read(path, as_words=("split",))
        rows, own = listed.take("row", "data.split"), by_column(listed, "split")
        if isinstance(rows, Words):
            raise BenchError(f"{path.name}: column row holds text; give row numbers, counted from 0")
        found = [rows[part] for part in own]
    together = np.concatenate(found)
    whole = frame.rows if frame.numbers is None else frame.in_file
    broken = ~((together >= 0) & (together < whole) & (together == np.round(together)))
    if bool(broken.any()):
        raise BenchError(
            f"{path.name} names row {together[broken][0]:.10g}; the rows of {frame.name} are 0 to {whole - 1}"
        )
    distinct, counts = np.unique(together, return_counts=True)
    if bool((counts > 1).any()):
        raise BenchError(f"{path.name} names row {int(distinct[counts > 1][0])} twice; give each row to one split")
    place = np.full(whole, -1)
    place[np.arange(whole) if frame.numbers is None else frame.numbers] = np.arange(frame.rows)
    places = [place[part.astype(np.int64)] for part in found]
    return Splits(*(part[part >= 0] for part in places))


def numbers_of_archive(path: Path) -> list[Any]:
    """The arrays of row numbers of an archive.

    Raises:
        BenchError: it has not those three.
    """
    arrays = loaded(path)
    missing = next((part for part in PARTS if part not in arrays), None)
    if missing is not None:
        raise BenchError(f"{path.name} has no array '{missing}'; give train, validation and test")
    found = [arrays[part].ravel() for part in PARTS]
    if any(part.dtype.kind not in "iuf" for part in found):
        raise BenchError(f"{path.name} holds no row numbers; give integers, counted from 0")
    return found


def check_sizes(frame: Frame, splits: Splits, words: str) -> None:
    """Refuses a split with too few rows.

    Raises:
        BenchError: it names the split and its rows.
    """
    for part, rows, fewest in zip(PARTS, splits, (FEWEST, 1, FEWEST), strict=True):
        if len(rows) < fewest:
            raise BenchError(
                f"{frame.name}: of {frame.rows} row{'s' * (frame.rows != 1)}, split {words}, {part} gets {len(rows)}, "
                f"where at least {fewest} are needed; give more rows, or another data.split"
            )
