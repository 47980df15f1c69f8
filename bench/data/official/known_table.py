"""Tables that are built in: files of known address and checksum, or those that come with scikit-learn."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sklearn import datasets as scikit

from bench.data.dataset import Dataset
from bench.data.labelled import with_labels
from bench.data.official.shuttle import unpacked_shuttle
from bench.data.sources import fetch_command, source
from bench.data.table.frame import Form, Frame, Words
from bench.data.table.table import Options, of_frame
from bench.data.table.text import read_text
from bench.errors import BenchError, unknown

UNPACKED: dict[str, Callable[[Path, str], tuple[Path, ...]]] = {"shuttle": unpacked_shuttle}
"""Sources whose files lie in an archive, and what unpacks them: of their folder and the command that fetches them."""
WITH_SCIKIT_LEARN: dict[str, Callable[[], Any]] = {
    "breast_cancer": scikit.load_breast_cancer,
    "wine": scikit.load_wine,
}
CLASSES = "class"
"""Column of the classes of scikit-learn's tables."""


def known_table(
    name: str,
    *,
    source: str,
    root: str | None = None,
    delimiter: str | None = None,
    names: list[str] | None = None,
    columns: list[str] | None = None,
    drop: list[str] | None = None,
    label: str | None = None,
    labelled: int | None = None,
    split: str | list[float] | None = None,
    seed: int = 0,
    kinds: dict[str, str] | list[str] | None = None,
    ties: Literal["keep", "dequantise"] = "keep",
) -> Dataset:
    """A table of `bench data list`, its files put one after another and treated as `bench.data.table.table` treats any.

    Args:
        name: the name of the data set's file in conf/data.
        source: its name in `bench data list`.
        root: the data root; None means $BENCH_DATA or the user's cache.
        delimiter: between the values of its files; None is a comma.
        names: of its columns, where the files have no line of names.
        columns, drop, label, labelled, split, seed, kinds, ties: as of `table`.

    Raises:
        BenchError: a file is missing or is not the official one, or an option does not fit.
    """
    options = Options(columns, drop, label, split, seed, kinds, ties, "refuse")
    files: tuple[Path, ...] = ()
    if source in WITH_SCIKIT_LEARN:
        frame = of_scikit_learn(source)
    else:
        files = files_of(source, root)
        frame = joined([read_named(path, delimiter, names, label) for path in files])
    dataset, _ = of_frame(name, frame, options, files)
    if labelled is not None and label is None:
        raise BenchError(f"data.labelled={labelled}: {name} has no labels to show; leave data.labelled out")
    return with_labels(dataset, labelled)


def files_of(name: str, root: str | None) -> tuple[Path, ...]:
    """The files of a source, unpacked where they come in an archive.

    Raises:
        BenchError: one is missing, or is not the official one by its checksum.
    """
    wanted = source(name)
    place, command = wanted.place(root), fetch_command(name, root)
    if name in UNPACKED:
        return UNPACKED[name](place, command)
    files = tuple(place / file.name for file in wanted.files)
    missing = [path for path in files if not path.is_file()]
    if missing:
        raise BenchError(f"{missing[0]} is missing; run `{command}`")
    for path, file in zip(files, wanted.files, strict=True):
        try:
            found = file.checksum_of(path)
        except OSError as error:
            raise BenchError(f"{path} cannot be read ({error.strerror}); run `{command}`") from error
        if found != file.checksum:
            raise BenchError(f"{path} is not the official file, of {file.checksum}, but {found}; run `{command}`")
    return files


def read_named(path: Path, delimiter: str | None, names: Sequence[str] | None, label: str | None) -> Frame:
    """The columns of a file, by the names that are given where it has none.

    Raises:
        BenchError: it cannot be read, or has not as many columns as names.
    """
    texts = {label} if label else set()
    if names is None:
        return read_text(path, Form(delimiter, header=True), texts)
    if label is not None and label not in names:
        raise unknown("column", label, names, f"data.label of {path.name}")
    numbered = {f"column{names.index(each) + 1}" for each in texts}
    frame = read_text(path, Form(delimiter, header=False), numbered)
    if len(frame.columns) != len(names):
        raise BenchError(f"{path} has {len(frame.columns)} columns, the official file {len(names)}; fetch it anew")
    frame.columns = dict(zip(names, frame.columns.values(), strict=True))
    return frame


def joined(frames: Sequence[Frame]) -> Frame:
    """The rows of all frames, one after another; messages name the first file."""
    first, *others = frames
    if not others:
        return first
    columns = {name: together([frame.columns[name] for frame in frames]) for name in first.columns}
    return Frame(first.path, columns, sum(frame.rows for frame in frames))


def together(parts: Sequence[Any]) -> Any:
    """One column of several parts, numbers or words."""
    if not any(isinstance(part, Words) for part in parts):
        return np.concatenate(parts)
    words = list(dict.fromkeys(word for part in parts for word in part.words))
    codes = [np.asarray([words.index(word) for word in part.words], np.int32)[part.codes] for part in parts]
    return Words(np.concatenate(codes), words)


def of_scikit_learn(name: str) -> Frame:
    """One of scikit-learn's tables, its classes as words in the column `class`."""
    bunch = WITH_SCIKIT_LEARN[name]()
    columns: dict[str, Any] = {
        str(column): bunch.data[:, place].astype(np.float64) for place, column in enumerate(bunch.feature_names)
    }
    columns[CLASSES] = Words(bunch.target.astype(np.int32), [str(word) for word in bunch.target_names])
    return Frame(Path(name), columns, len(bunch.data))
