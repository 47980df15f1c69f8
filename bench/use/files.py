"""Rows from a user's file, and rows, scores and latents into one: .csv, .npz or .png by the name."""

import contextlib
import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from bench.data.numpy_files import loaded
from bench.data.table.frame import Form
from bench.data.table.reading import AllBut, columns_like
from bench.errors import BenchError
from bench.record.csv_cells import inert_cell, original
from bench.record.writing import write_atomically

ARRAYS = (".npz", ".npy")
NONE: Mapping[str, tuple[str, ...]] = MappingProxyType({})
TRUTH = {"true": True, "false": False}
FIRST = ("x", "samples", "data", "z")
"""Names of an archive's array that is looked for where it holds several."""


def read_rows(path: Path, own: Mapping[str, tuple[str, ...]] = NONE, form: Form | None = None) -> Any:
    """The rows of a file: an array of .npy and .npz, else columns by name.

    Names and words that `write_columns` made inert are those of the model again.

    Args:
        path: of the file.
        own: name of each of the model's columns -> the words that it holds; none of a column of numbers.
        form: of the text file that the run was trained on; one in the usual form is read as well.

    Raises:
        BenchError: it is not there or cannot be read; the message names the file, and row and column where there are.
    """
    check_file(path)
    if path.suffix.lower() in ARRAYS:
        return read_array(path)
    # What the model does not have may hold anything.
    numbers = {text for name, known in own.items() if not known for text in (name, inert_cell(name))}
    words = AllBut(numbers) if own else ()
    try:
        return originals(columns_like(path, words, form), own)
    except BenchError:
        if form in (None, Form()):
            raise
        with contextlib.suppress(BenchError):
            return originals(columns_like(path, words), own)
        raise


def read_in_order(path: Path, own: Mapping[str, tuple[str, ...]], form: Form) -> dict[str, Any]:
    """The columns of a text file without names: those of the model, in its order; see `read_rows`.

    Raises:
        BenchError: as `read_rows`, and where the file has more or fewer columns.
    """
    given = read_rows(path, {unnamed(place): words for place, words in enumerate(own.values())}, form)
    if len(given) != len(own):
        raise BenchError(
            f"{path.name}: {len(given)} columns without names; the model has {len(own)}, {', '.join([*own][:4])}"
            f"{', ...' * (len(own) > 4)}: give them all, in this order"
        )
    return dict(zip(own, given.values(), strict=True))


def unnamed(place: int) -> str:
    """The name of a column of a file that has no names."""
    return f"column{place + 1}"


def check_file(path: Path) -> None:
    """Refuses a path that no file of rows is at.

    Raises:
        BenchError: it says what is there.
    """
    if not path.is_file():
        raise BenchError(f"{path}: {'a folder' if path.is_dir() else 'no such file'}; give a file of rows")


def originals(columns: Mapping[str, Any], own: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """The columns of a text file, names and words without the apostrophe that `inert_cell` sets before formulas.

    A user's own file has none, so that what is the model's as it stands stays as it is; a column is one or the other.
    """
    inert = {inert_cell(name): name for name in own if name not in columns}
    named = {inert.get(name, name): values for name, values in columns.items()}
    return {name: original_words(values, own.get(name, ())) for name, values in named.items()}


def original_words(values: Any, words: tuple[str, ...]) -> Any:
    """The values of a column of words as they stand, or without apostrophes where more of them are then its words."""
    if not words or np.asarray(values).dtype != object:
        return values
    plain = np.asarray([original(str(value)) for value in values], dtype=object)
    return plain if np.isin(plain, words).sum() > np.isin(values, words).sum() else values


def form_of(options: Mapping[str, Any]) -> Form:
    """How the text file was written that a data set's options name."""
    names = [item.name for item in fields(Form)]
    return Form(**{name: options[name] for name in names if name in options})


def form_words(words: Iterable[str]) -> dict[str, Any]:
    """How a text file is written, by words such as `data.delimiter=semicolon`.

    Raises:
        BenchError: a word says something else.
    """
    found: dict[str, Any] = {}
    names = [item.name for item in fields(Form)]
    for word in words:
        name, _, value = word.partition("=")
        if name.removeprefix("data.") not in names or not name.startswith("data.") or not value:
            raise BenchError(f"{word}: of a file of rows give {', '.join(f'data.{one}=' for one in names)} alone")
        found[name.removeprefix("data.")] = value
    if "header" in found:
        if found["header"] not in TRUTH:
            raise BenchError(f"data.header={found['header']}: give true or false")
        found["header"] = TRUTH[found["header"]]
    Form(**found)
    return found


def read_array(path: Path) -> Any:
    """The array of a .npy, or the one of an .npz: its only one, or the first of `FIRST`; of one axis each, columns.

    Raises:
        BenchError: there is none, or it could be read by unpickling alone.
    """
    arrays = loaded(path)
    named = [name for name in FIRST if name in arrays]
    if named or len(arrays) == 1:
        return arrays[named[0] if named else next(iter(arrays))]
    if arrays and all(array.ndim == 1 for array in arrays.values()):
        return arrays
    raise BenchError(f"{path}: holds {', '.join(sorted(arrays)[:5]) or 'no array'}; give one array, or name it x")


def format_of(path: Path, formats: tuple[str, ...]) -> str:
    """The ending of a file that is to be written.

    Raises:
        BenchError: it is none of these formats, or its folder is not there.
    """
    suffix = path.suffix.lower()
    if suffix not in formats:
        raise BenchError(f"--out {path}: give a name that ends with {' or '.join(formats)}")
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise BenchError(f"--out {path}: {'a folder' if path.is_dir() else 'its folder is not there'}")
    return suffix


def write_columns(path: Path, columns: Mapping[str, Any]) -> None:
    """Columns of equal length as a CSV with a header; floats read back bit for bit.

    Raises:
        CannotWrite: the folder cannot be written or the disk is full; nothing is left behind.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([inert_cell(name) for name in columns])
    writer.writerows(zip(*map(cells, columns.values()), strict=True))
    write_atomically(path, buffer.getvalue())


def cells(values: Any) -> list[Any]:
    """The cells of a column; float32 as short as reads back to the same float32."""
    array = np.asarray(values)
    if array.dtype == np.float32:
        return [str(value) for value in array]
    return [inert_cell(value) if isinstance(value, str) else value for value in array.tolist()]


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Arrays as one .npz, nothing pickled: words become text of fixed length.

    Raises:
        CannotWrite: the folder cannot be written or the disk is full; nothing is left behind.
    """
    plain = {name: np.asarray(values) for name, values in arrays.items()}
    plain = {name: values.astype(str) if values.dtype == object else values for name, values in plain.items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **plain)  # type: ignore[arg-type]
    write_atomically(path, buffer.getvalue())
