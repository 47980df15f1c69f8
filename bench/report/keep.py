"""Rows of a study's files whose runs are not here, kept beside those of runs that are: a model of one's own in a study
that was trained elsewhere."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from bench.report.study import (
    CURVE_COLUMNS,
    CURVES,
    HISTORIES,
    HISTORY_COLUMNS,
    TABLE,
    Array,
    Run,
    label,
    load,
    rows_of,
)

ADDED = "added"
"""In the variant of a new row that cannot be told from kept ones otherwise: their configurations are not here."""


@dataclass
class Kept:
    """What stays of the four files: rows as they are written there."""

    runs: list[Run]
    histories: list[list[str]]
    curves: list[list[str]]
    pictures: dict[str, Array]

    def with_pictures(self, new: dict[str, Array]) -> dict[str, Array]:
        """All pictures: of a data set those that were there, of a model on it the new ones."""
        of_data = {key for key in self.pictures if key.count("/") == 1}
        return self.pictures | {key: value for key, value in new.items() if key not in of_data}


NOTHING = Kept([], [], [], {})


def kept_beside(folder: Path, new: list[Run]) -> Kept:
    """What the files in `folder` hold of runs other than `new`; gives these the variants that fit beside them.

    Raises:
        BenchError: one of the files cannot be read as what it should be.
    """
    if not (folder / TABLE).exists():
        return NOTHING
    study = load(folder)
    known = {run["run_id"] for run in new}
    runs = [run for run in study.runs if run["run_id"] not in known]
    tell_apart(new, runs)
    ids = {run["run_id"] for run in runs}
    cells = {f"{run['data']}/{label(run)}" for run in runs} | {run["data"] for run in runs}
    return Kept(
        runs,
        [row for row in rows_of(folder / HISTORIES, ("run_id", *HISTORY_COLUMNS)) if row[0] in ids],
        [row for row in rows_of(folder / CURVES, CURVE_COLUMNS) if row[0] in ids],
        {key: value for key, value in study.pictures.items() if key.partition("/")[2] in cells},
    )


def tell_apart(new: list[Run], kept: list[Run]) -> None:
    """A new row takes the variant of a kept one of the same command but for the seed, or else a name of its own."""
    variants = {kind(run): run["variant"] for run in kept}
    names = {(run["data"], label(run)) for run in kept}
    for run in new:
        if kind(run) in variants:
            run["variant"] = variants[kind(run)]
        elif (run["data"], label(run)) in names:
            run["variant"] = ", ".join(filter(None, (run["variant"], ADDED)))


def kind(run: Run) -> tuple[str, str, frozenset[str]]:
    """Data, model and the words of the command, the seed apart."""
    words = frozenset(shlex.split(run["command"] or ""))
    return run["data"], run["model"], frozenset(word for word in words if not word.startswith("seed="))
