"""A table from its file: text, NumPy arrays or Parquet, by the file's name."""

from collections.abc import Callable, Container
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from bench.data.numpy_files import loaded
from bench.data.table.frame import Form, Frame, Words
from bench.data.table.text import read_text
from bench.errors import BenchError

TEXT = (".csv", ".tsv", ".tab", ".txt", ".dat")
FORMATS = ".csv, .tsv, .txt (also .gz), .npy, .npz and .parquet"


def read(
    path: Path,
    form: Form | None = None,
    as_words: Container[str] = (),
    wanted: Callable[[str], bool] = lambda name: True,
) -> Frame:
    """The columns of a file.

    Args:
        path: its name says its format: text, gzipped or not, .npy, .npz of one array, or .parquet.
        form: how text is written; None takes the defaults.
        as_words: columns that are read as text, whatever they hold.
        wanted: tells the columns of a text file that are looked at; the others are empty arrays.

    Raises:
        BenchError: it cannot be read; the message names the file, and row and column where there are.
    """
    if not path.is_file():
        what = "a folder" if path.is_dir() else "no such file"
        raise BenchError(f"{path}: {what}; give the path of a table, one of {FORMATS}")
    name = path.name.lower().removesuffix(".gz")
    if path.stat().st_size == 0:
        raise BenchError(f"{path.name} is empty; give a table with rows")
    if name.endswith(TEXT):
        return read_text(path, Form() if form is None else form, as_words, wanted)
    if path.suffix.lower() in (".npy", ".npz"):
        return of_array(path, array_of(path))
    if path.suffix.lower() in (".parquet", ".pq"):
        return read_parquet(path)
    raise BenchError(f"{path.name}: its name says no format; give one of {FORMATS}")


class AllBut(Container[str]):
    """Every name but some."""

    def __init__(self, names: Container[str]) -> None:
        self.names = names

    def __contains__(self, name: object) -> bool:
        return name not in self.names


def columns_like(path: Path, as_words: Container[str], form: Form | None = None) -> dict[str, Any]:
    """A file's columns as arrays of numbers or words, name by name; those of `as_words` are read as words.

    Raises:
        BenchError: as `read`.
    """
    return read(path, form, as_words).arrays()


def array_of(path: Path) -> Any:
    """The array of a .npy file, mapped into memory, or the one array of a .npz file.

    Raises:
        BenchError: it cannot be read without unpickling, or the archive has several arrays.
    """
    arrays = loaded(path, mapped=True)
    if len(arrays) != 1:
        raise BenchError(f"{path.name} holds {len(arrays)} arrays ({shown_names(list(arrays))}); give one")
    return next(iter(arrays.values()))


def shown_names(names: list[str]) -> str:
    """The first few names."""
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")


def of_array(path: Path, array: Any) -> Frame:
    """The columns of an array, `column1` and so on.

    Raises:
        BenchError: it has not two axes, or holds no numbers.
    """
    if array.ndim != 2 or 0 in array.shape:
        other = f", or data=array data.path={path.name} for events of any shape" if array.ndim > 2 else ""
        raise BenchError(f"{path.name} has the shape {array.shape}; a table has rows and columns: give two axes{other}")
    if array.dtype.kind not in "biuf":
        raise BenchError(f"{path.name} holds {array.dtype}; give real numbers")
    columns = {f"column{place + 1}": array[:, place].astype(np.float64) for place in range(array.shape[1])}
    return Frame(path, columns, len(array))


def read_parquet(path: Path) -> Frame:
    """The columns of a Parquet file.

    Raises:
        BenchError: pyarrow is not installed, or the file cannot be read.
    """
    try:
        from pyarrow import ArrowException  # type: ignore[import-not-found, import-untyped, unused-ignore]
        from pyarrow.parquet import read_table  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ModuleNotFoundError as error:
        advice = "install the extra that brings it, pip install -e '.[parquet]', or write a .csv"
        raise BenchError(f"{path.name} needs pyarrow, which is not installed; {advice}") from error
    try:
        frame = read_table(path).to_pandas()
    except (ArrowException, OSError, ValueError) as error:
        raise BenchError(f"{path.name} cannot be read ({' '.join(str(error).split())}); is it whole?") from error
    return of_frame(path, frame)


def of_frame(path: Path, frame: Any) -> Frame:
    """The columns of a pandas frame: numbers as they are, anything else by its text.

    Raises:
        BenchError: it has no row, or a name twice.
    """
    import pandas as pd

    names = [str(name) for name in frame.columns]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BenchError(f"{path.name} has the name {twice} twice; rename one column")
    if len(frame) == 0 or not names:
        raise BenchError(f"{path.name} is empty; give a table with rows")
    columns: dict[str, Any] = {}
    for place, name in enumerate(names):
        series = plain_series(frame.iloc[:, place], f"{path.name}: column {name}")
        if pd.api.types.is_numeric_dtype(series.dtype) and not pd.api.types.is_bool_dtype(series.dtype):
            columns[name] = series.to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            codes, words = pd.factorize(
                series.astype(object).map(lambda value: value if pd.isna(value) else str(value))
            )
            columns[name] = Words(codes.astype(np.int32), [str(word) for word in words])
    return Frame(path, columns, len(frame))


def plain_series(series: Any, where: str) -> Any:
    """A column of a frame, decimals as numbers.

    Raises:
        BenchError: it holds lists or other values that are no value of a table.
    """
    if series.dtype != object:
        return series
    kinds = {type(value) for value in series.dropna()}
    strange = next((kind for kind in kinds if kind.__hash__ is None), None)
    if strange is not None:
        raise BenchError(f"{where} holds values of {strange.__name__}; give one number or word a row, or leave it out")
    return series.astype(np.float64) if kinds == {Decimal} else series
