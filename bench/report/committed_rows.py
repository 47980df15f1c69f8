"""Rows of a study's files whose runs are not here, kept beside those of runs that are: a model of one's own in a study
that was trained elsewhere."""

from dataclasses import dataclass
from pathlib import Path

from bench.record.store import TABLE, has_table
from bench.report.products import TestSet
from bench.report.run_settings import at, unchosen_words
from bench.report.study import (
    CURVE_COLUMNS,
    CURVES,
    HISTORIES,
    HISTORY_COLUMNS,
    Array,
    Run,
    ids_in,
    label,
    load,
    rows_of,
)

VERSIONS = {"source_hash": "source", "data_hash": "content", "entry_version": "version"}
"""Columns by which runs of one configuration differ, and the names that variants give them."""


@dataclass
class CommittedRows:
    """Rows and pictures of a study's files that stay: those of runs that are not here, as written there."""

    runs: list[Run]
    histories: list[list[str]]
    curves: list[list[str]]
    pictures: dict[str, Array]
    test_sets: dict[str, TestSet]

    def with_pictures(self, new: dict[str, Array]) -> dict[str, Array]:
        """All pictures: of a data set those that were there, of a model on it the new ones."""
        of_data = {key for key in self.pictures if key.count("/") == 1}
        return self.pictures | {key: value for key, value in new.items() if key not in of_data}


def kept_beside(folder: Path, new: list[Run]) -> CommittedRows:
    """The rows in `folder` of runs other than `new`; gives the new ones the variants that fit beside them.

    Raises:
        BenchError: one of the files cannot be read as what it should be.
    """
    known = {run["run_id"] for run in new}
    if not has_table(folder) or known >= ids_in(folder / TABLE):
        return CommittedRows([], [], [], {}, {})
    study = load(folder)
    again = {(kind(run), run["seed"]) for run in new}
    others = [run for run in study.runs if run["run_id"] not in known]
    # A row of before runs had keys gives way to a new one of the same command; one of another version stays.
    runs = [run for run in others if run.get("data_hash") is not None or (kind(run), run["seed"]) not in again]
    tell_apart(new, runs)
    ids = {run["run_id"] for run in runs}
    cells = {f"{run['data']}/{label(run)}" for run in runs} | {run["data"] for run in runs}
    return CommittedRows(
        runs,
        [row for row in rows_of(folder / HISTORIES, ("run_id", *HISTORY_COLUMNS)) if row[0] in ids],
        [row for row in rows_of(folder / CURVES, CURVE_COLUMNS) if row[0] in ids],
        {key: value for key, value in study.pictures.items() if key.partition("/")[2] in cells},
        study.test_sets,
    )


def tell_apart(new: list[Run], kept: list[Run]) -> None:
    """A new row takes the variant of a kept one of the same command and versions, or a name of its own.

    The configurations of kept rows are not here. A new row of the same command is named by the version of code or data
    in which it differs, any other whose name is taken is numbered.
    """
    variants = {(kind(run), version(run)): run["variant"] for run in kept}
    of_command = {kind(run): version(run) for run in kept}
    names = {(run["data"], label(run), *at(run)) for run in kept}
    for run in new:
        if (kind(run), version(run)) not in variants:
            own = run["variant"]
            if kind(run) in of_command:
                own = ", ".join(filter(None, (own, *differences_of(version(run), of_command[kind(run)]))))
                run["variant"] = own
            number = 1
            while (run["data"], label(run), *at(run)) in names:
                number += 1
                run["variant"] = ", ".join(filter(None, (own, f"kind {number}")))
            variants[kind(run), version(run)] = run["variant"]
            names.add((run["data"], label(run), *at(run)))
        run["variant"] = variants[kind(run), version(run)]


def kind(run: Run) -> tuple[str, str, frozenset[str]]:
    """Data, model and the words of the command, without the seed and the folder of configurations."""
    words = unchosen_words(run)
    if "--config-dir" in words:
        place = words.index("--config-dir")
        del words[place : place + 2]
    return run["data"], run["model"], frozenset(word for word in words if not word.startswith("seed="))


def version(run: Run) -> tuple[str | None, ...]:
    """The versions of code and data that a run was made with."""
    return tuple(None if run.get(column) is None else str(run[column]) for column in VERSIONS)


def differences_of(new: tuple[str | None, ...], old: tuple[str | None, ...]) -> list[str]:
    """The versions in which a new row differs from an old one, such as `source=1a2b3c4d (current)`."""
    pairs = zip(VERSIONS.values(), new, old, strict=True)
    return [f"{name}={value} (current)" for name, value, before in pairs if value != before and value is not None]
