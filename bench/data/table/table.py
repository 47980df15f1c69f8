"""A user's own table as a data set: `data=table data.path=mine.csv`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from bench.data.dataset import Dataset
from bench.data.labelled import with_labels
from bench.data.table.column import shown
from bench.data.table.crossing import shared_rows
from bench.data.table.diagnosis import Diagnosis, check_singular, notes, warnings
from bench.data.table.fit import fitted
from bench.data.table.frame import Form, Frame, Words, as_words, is_missing
from bench.data.table.kinds import Found, category, check_finite, kinds_of
from bench.data.table.reading import read
from bench.data.table.splits import PARTS, TIME, Splits, split_rows
from bench.errors import BenchError
from bench.spec import DataSpec


@dataclass(frozen=True)
class Options:
    """What is asked of a table beside its file; see `table`."""

    columns: Sequence[str] | None = None
    drop: Sequence[str] | None = None
    label: str | None = None
    split: str | Sequence[float] | None = None
    seed: int = 0
    kinds: Mapping[str, str] | Sequence[str] | None = None
    ties: str = "keep"
    missing: str = "refuse"

    def uses(self, name: str) -> bool:
        """True for a column that is looked at: label and split are, wherever they stand."""
        if name in (self.label, None if self.split == TIME else self.split):
            return True
        return name not in (self.drop or ()) and (self.columns is None or name in self.columns)


def table(
    name: str,
    *,
    path: str,
    columns: list[str] | None = None,
    drop: list[str] | None = None,
    label: str | None = None,
    labelled: int | None = None,
    split: str | list[float] | None = None,
    seed: int = 0,
    kinds: dict[str, str] | list[str] | None = None,
    ties: Literal["keep", "dequantise"] = "keep",
    missing: Literal["refuse", "drop"] = "refuse",
    delimiter: str | None = None,
    decimal: str = ".",
    encoding: str = "utf-8",
    header: bool | None = None,
) -> Dataset:
    """A user's own table, its columns real, integer or categories, in standardised coordinates.

    Args:
        name: the name of the data set's file in conf/data.
        path: of a .csv, .tsv or .txt file, perhaps gzipped, of an .npy or .npz file of two axes, or of a .parquet file.
        columns: names of the columns that are used; null takes all.
        drop: names of columns that are left out.
        label: name of the column of classes; it is no part of an event.
        labelled: training examples whose labels an entry may see, see `with_labels`; null shows none.
        split: null for 70, 15 and 15 % at random; three fractions; `time` for the same in the order of the rows; a
            column of train, validation and test; or a file of row numbers. See `split_rows`.
        seed: of a random split and of the order of the rows.
        kinds: column -> real, heavy, integer or category, where what is found is not right; or a list of pairs, such as
            `"age: integer"`.
        ties: `dequantise` adds noise to real columns with ties, as wide as their own resolution.
        missing: `drop` leaves out rows with a missing value.
        delimiter: of a text file; null takes a tab for .tsv and a comma elsewhere.
        decimal: the mark before the fraction of a number in a text file.
        encoding: of a text file.
        header: whether a text file's first row holds names; null takes names and refuses values.

    Raises:
        BenchError: the file cannot be read, a value is not what its column holds, a split has too few rows or a label
            no training row; the message names file, row and column.
    """
    form = Form(delimiter, decimal, encoding, header)
    options = Options(columns, drop, label, split, seed, kinds, ties, missing)
    dataset, _ = diagnosed(name, Path(path), form, options)
    if labelled is not None and label is None:
        raise BenchError(f"data.labelled={labelled}: {Path(path).name} has no labels; name their column by data.label")
    return with_labels(dataset, labelled)


def diagnosed(name: str, path: Path, form: Form, options: Options) -> tuple[Dataset, Diagnosis]:
    """The data set of a table, no label in sight, and what was found of it.

    Raises:
        BenchError: as `table`.
    """
    asked = asked_kinds(options.kinds or {})
    texts = {column for column, kind in asked.items() if kind == "category"}
    texts |= {options.label} if options.label else set()
    return of_frame(name, read(path, form, texts, options.uses), options, (path,))


def of_frame(name: str, frame: Frame, options: Options, files: tuple[Path, ...]) -> tuple[Dataset, Diagnosis]:
    """The data set of the columns of a file or of several, no label in sight, and what was found of it.

    Raises:
        BenchError: as `table`.
    """
    asked = asked_kinds(options.kinds or {})
    label, split = options.label, options.split
    said = [*frame.said, *without_missing(frame, options)]
    classes = None if label is None else classes_of(frame, label)
    way = split_rows(frame, split, options.seed, None if classes is None else classes.codes)
    if classes is not None:
        check_classes(frame, str(label), classes, way.splits)
    rows, file = frame.rows, frame.name
    found = kinds_of(frame, asked)
    fit = fitted(frame, found, way.splits, options.ties == "dequantise")
    told = "" if classes is None else f"{label} ({len(classes.words)} classes)"
    diagnosis = Diagnosis(file, rows, fit, way.words, told, tuple(said), frame.place)
    check_singular(diagnosis)
    train, validation, test = fit.splits
    plain = Dataset(
        name=name,
        spec=DataSpec((train.shape[1],), "continuous"),
        space=fit.space,
        train=train,
        validation=validation,
        test=test,
        labels=None if classes is None else tuple(label_tensor(classes.codes[part]) for part in way.splits),
        class_names=() if classes is None else tuple(classes.words),
        files=(*files, *way.files),
        warnings=(*(line for line in said if "missing" in line), *warnings(diagnosis)),
    )
    shared = shared_rows(plain, way.splits, frame)
    if shared is not None and shared.beyond:
        plain = replace(plain, warnings=(*plain.warnings, shared.line))
    elif shared is not None:
        diagnosis = diagnosis._replace(said=(*diagnosis.said, shared.line))
    return replace(plain, notes=notes(diagnosis)), diagnosis


def asked_kinds(kinds: Mapping[str, str] | Sequence[str]) -> dict[str, str]:
    """Column -> kind, of a mapping or of pairs `column: kind`.

    Raises:
        BenchError: a pair without a colon.
    """
    if isinstance(kinds, Mapping):
        return {str(column): str(kind) for column, kind in kinds.items()}
    pairs = [str(pair).rpartition(":") for pair in kinds]
    if any(not colon for _, colon, _ in pairs):
        raise BenchError(f'data.kinds={list(kinds)}: give pairs, such as {{age: integer}} or ["age: integer"]')
    return {column.strip(): kind.strip() for column, _, kind in pairs}


def without_missing(frame: Frame, options: Options) -> list[str]:
    """Leaves out the rows with a missing value where that is asked for; a line says how many.

    Columns that are not used have no say.

    Raises:
        BenchError: every row has one.
    """
    label, columns = options.label, options.columns
    named = None if options.split == TIME else options.split
    frame.check_names([label] if label else [], "data.label")
    extra = [name for name in (label, named) if isinstance(name, str) and name in frame.columns]
    frame.keep(
        None if columns is None else [*columns, *extra], [name for name in options.drop or () if name not in extra]
    )
    if options.missing != "drop":
        return []
    broken = frame.missing()
    if not broken.any():
        return []
    if broken.all():
        raise BenchError(f"{frame.name}: every row has a missing value; leave columns out by data.drop")
    frame.select(np.flatnonzero(~broken))
    return [f"{int(broken.sum())} of {len(broken)} rows have a missing value and are left out"]


def classes_of(frame: Frame, label: str) -> Found:
    """The classes of the rows, their column taken out of the frame.

    Raises:
        BenchError: a label is missing or stands once, or there are too many.
    """
    values = frame.columns[label]
    missing = is_missing(values)
    if bool(missing.any()):
        raise BenchError(
            f"{frame.place(int(missing.argmax()), label)} is missing; give data.missing=drop to leave such rows "
            "out, or leave data.label out"
        )
    check_finite(frame, label, values)
    words = values if isinstance(values, Words) else as_words(values)
    found = category(frame, label, words, constant=False, remedy="leave data.label out")
    counts = np.bincount(found.codes)
    if counts.min() < 2:
        word = int(counts.argmin())
        row = int(np.flatnonzero(found.codes == word)[0])
        raise BenchError(
            f"{frame.place(row, label)} is {shown(found.words[word])}, a label that stands once: no two splits can "
            "have it; leave the row out, or merge labels"
        )
    frame.take(label, "data.label")
    return found


def check_classes(frame: Frame, label: str, classes: Found, splits: Splits) -> None:
    """Refuses a split in which a label has no training row.

    Raises:
        BenchError: it names the first row of such a label.
    """
    known = np.bincount(classes.codes[splits.train], minlength=len(classes.words)) > 0
    for part, rows in zip(PARTS[1:], splits[1:], strict=True):
        strange = rows[~known[classes.codes[rows]]]
        if len(strange):
            row = int(strange.min())
            raise BenchError(
                f"{frame.place(row, label)} is {shown(classes.words[classes.codes[row]])}, a label of {part} that no "
                "training row has; give another data.split, leave such rows out, or merge labels"
            )


def label_tensor(codes: Any) -> Tensor:
    """Classes as a tensor of bytes."""
    return torch.from_numpy(codes.astype(np.uint8))
