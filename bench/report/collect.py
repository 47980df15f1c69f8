"""The first half of a report: run folders -> the files that can be committed."""

import hashlib
import json
import math
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.config import NOT_IDENTITY
from bench.record.reading import CONFIG_BYTES, Unreadable, csv_rows, shown, text_of, yaml_mapping
from bench.record.store import EVALUATION, EVALUATIONS, TABLE, Record, RunFolder, divided, row_folder, write_atomically
from bench.record.typed import printable
from bench.report.committed_rows import VERSIONS, kept_beside
from bench.report.picture_archive import archive, pictures_of
from bench.report.products import PRODUCTS, from_runs, merged, packed
from bench.report.run_settings import at, with_tuning, without_choices
from bench.report.study import (
    CURVE_COLUMNS,
    CURVE_KINDS,
    CURVES,
    HISTORIES,
    HISTORY_COLUMNS,
    PICTURES,
    Run,
    label,
    number,
    row_of,
    table_text,
    write_csv,
)
from bench.tuning import file

HISTORY_POINTS = 20
"""Validations of a run that histories.csv holds."""
CURVE_POINTS = 1_000
VARIANT_LENGTH = 250
"""Characters of the options that tell a run from others; of longer ones the rest stands as a hash."""
CurveRow = tuple[str, str, float, float]
"""run_id, kind of curve, x and y."""
NOT_A_SETTING = NOT_IDENTITY | {"seed", "device"}


@dataclass
class Collected:
    """The runs under runs/, counted, and the files there that could not be read.

    Attributes:
        finished: runs with a readable record.
        unfinished: run folders without a record.
        warnings: a line for each file that could not be read.
    """

    finished: int = 0
    unfinished: int = 0
    warnings: list[str] = field(default_factory=list)


def collect(folder: Path) -> Collected:
    """Writes table.csv, histories.csv, curves.csv, pictures.npz and products.npz of a study from its runs/.

    A study without runs/, as in a fresh clone, or without any finished run keeps the files that it has. A record
    that cannot be read is left as it is, named in a warning and has no row. Rows of runs that are not there stay, so
    that a study grows in pieces, over days and machines.

    Raises:
        BenchError: the folder cannot be written.
    """
    collected = Collected()
    runs, curves = _read(folder / "runs", collected)
    collected.finished = len(runs)
    if not runs:
        return collected
    _name_variants(runs, folder / "runs", collected.warnings)
    runs = in_order(runs)
    kept = kept_beside(folder, runs)
    histories = {run["run_id"]: _history(folder / "runs", run["run_id"], collected.warnings) for run in runs}
    pictures = pictures_of(runs, folder / "runs", collected.warnings)
    test_sets = from_runs(runs, folder / "runs", collected.warnings)
    test_sets = merged(kept.test_sets, test_sets, {run["run_id"] for run in kept.runs})
    runs = in_order([*runs, *kept.runs])
    with_tuning(runs, file.read(folder))
    write_atomically(folder / TABLE, table_text(runs))
    write_atomically(folder / HISTORIES, write_csv(("run_id", *HISTORY_COLUMNS), each(runs, histories, kept.histories)))
    write_atomically(folder / CURVES, write_csv(CURVE_COLUMNS, each(runs, curves, kept.curves)))
    write_atomically(folder / PICTURES, archive(kept.with_pictures(pictures)))
    if test_sets or kept.test_sets:
        write_atomically(folder / PRODUCTS, archive(packed(test_sets)))
    return collected


def each(runs: list[Run], new: Mapping[str, Sequence[Sequence[Any]]], kept: list[list[str]]) -> list[Sequence[Any]]:
    """The rows of every run, in the order of the runs."""
    of: dict[str, list[Sequence[Any]]] = defaultdict(list)
    for row in kept:
        of[row[0]].append(row)
    return [row for run in runs for row in new.get(run["run_id"], of[run["run_id"]])]


def _read(runs_folder: Path, collected: Collected) -> tuple[list[Run], dict[str, list[CurveRow]]]:
    """The runs, and by run_id their curves; unfinished runs are counted and broken records named in `collected`."""
    runs: list[Run] = []
    curves: dict[str, list[CurveRow]] = {}
    for run in _rows(runs_folder, collected.warnings):
        try:
            record = run.read()
            if record is None:
                collected.unfinished += 1
                continue
            row, points = row_of(record), _curves(record)
        except Unreadable as error:
            collected.warnings.append(f"{said(run.record_path)} is broken ({error}); left out")
            continue
        runs.append(row)
        curves[run.run_id] = points
    return runs, curves


def _rows(runs_folder: Path, warnings: list[str]) -> Iterator[RunFolder]:
    """The folder of each run, and those of other evaluations of it."""
    for path in _run_folders(runs_folder, warnings):
        if divided(path.name)[1]:
            warnings.append(f"{said(path)} has the name of another evaluation, which lies elsewhere; left out")
            continue
        run = RunFolder(path)
        yield run
        others = _run_folders(path / EVALUATIONS, warnings)
        yield from (run.other(other.name) for other in others if EVALUATION.fullmatch(other.name))


def _run_folders(runs_folder: Path, warnings: list[str]) -> list[Path]:
    """The folders of runs, sorted; links are named in a warning and not followed."""
    if runs_folder.is_symlink():
        warnings.append(f"{said(runs_folder)} is a link, which is not followed; let the study's folder be the link")
        return []
    try:
        with os.scandir(runs_folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
    except OSError as error:
        warnings.append(f"{said(runs_folder)} cannot be read ({error.strerror}); left out")
        return []
    links = [entry for entry in entries if entry.is_symlink()]
    warnings += [f"{said(runs_folder / link.name)} is a link, which is not followed; left out" for link in links]
    return [runs_folder / entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]


def said(path: Path) -> str:
    """A path in one printable line, whatever its folders are called."""
    return printable(str(path)).replace("\n", "\ufffd")


def _curves(record: Record) -> list[CurveRow]:
    """The rows of curves.csv of one record.

    Raises:
        Unreadable: a curve is not a list of pairs of numbers.
    """
    rows: list[CurveRow] = []
    for kind in CURVE_KINDS:
        curve = record.get(f"{kind}_curve") or []
        if not isinstance(curve, list) or not all(map(_is_point, curve)) or len(curve) > CURVE_POINTS:
            raise Unreadable(f"{kind}_curve is {shown(curve)}")
        rows += [(record["run_id"], kind, float(x), float(y)) for x, y in curve]
    return rows


def _is_point(pair: Any) -> bool:
    numbers = isinstance(pair, list) and [isinstance(value, (int, float)) for value in pair]
    return numbers == [True, True]


def _name_variants(runs: list[Run], runs_folder: Path, warnings: list[str]) -> None:
    """Gives each run the `variant` that tells it from others of its data set, model and rung."""
    groups: dict[tuple[Any, ...], list[Run]] = defaultdict(list)
    for run in runs:
        groups[run["data"], run["model"], run.get("rung")].append(run)
    for group in groups.values():
        folders = [row_folder(runs_folder, run["run_id"]) for run in group]
        settings = [_settings(place / "config.yaml", warnings) for place in folders]
        for run, setting in zip(group, settings, strict=True):
            setting |= versions(run, group)
        without_choices(group, settings)
        for run, variant in zip(group, variants(settings), strict=True):
            run["variant"] = variant and shortened(variant)
        _tell_apart(group)


def versions(run: Run, group: list[Run]) -> dict[str, str]:
    """The versions of code and data that a run was made with, that of the run started last marked as the current."""
    latest = max(group, key=lambda one: str(one.get("started") or ""))
    known = {name: column for column, name in VERSIONS.items() if run.get(column) is not None}
    current = {name: run[column] == latest.get(column) for name, column in known.items()}
    return {name: f"{run[column]}{' (current)' * current[name]}" for name, column in known.items()}


def in_order(runs: list[Run]) -> list[Run]:
    """By data, model, rung and seed."""
    return sorted(
        runs, key=lambda run: (run["data"], natural(label(run)), run.get("rung") or 1.0, run["seed"], run["run_id"])
    )


def variants(settings: list[dict[str, str]]) -> list[str | None]:
    """The options that tell each of these settings from the others, such as `beta=4.0`; None for the ordinary one.

    As few names as tell them apart, the model's own before the data's and those before what training and evaluation
    were given; of these only what differs from the value that more than half of the kinds share, where they do.
    """
    names = {name for setting in settings for name in setting}
    varied = sorted((n for n in names if len({s.get(n) for s in settings}) > 1), key=lambda n: (rank(n), n))
    telling: list[str] = []
    for name in varied:
        if kinds(settings, [*telling, name]) > kinds(settings, telling):
            telling.append(name)
    each = {tuple(setting.get(name) for name in telling) for setting in settings}
    usual = {
        name: Counter(values).most_common(1)[0] for name, values in zip(telling, zip(*each, strict=True), strict=True)
    }
    ordinary = {name: value for name, (value, count) in usual.items() if 2 * count > len(each)}
    return [
        ", ".join(
            f"{name.removeprefix('model.')}={setting.get(name)}"
            for name in telling
            if name not in ordinary or setting.get(name) != ordinary[name]
        )
        or None
        for setting in settings
    ]


def shortened(variant: str) -> str:
    """The variant in one line; the end of a long one is a hash of all of it."""
    one_line = " ".join(printable(variant).split())
    if len(one_line) <= VARIANT_LENGTH:
        return one_line
    return f"{one_line[:VARIANT_LENGTH]}… {hashlib.sha256(variant.encode(errors='replace')).hexdigest()[:8]}"


def kinds(settings: list[dict[str, str]], names: list[str]) -> int:
    """Into how many kinds these names divide the settings."""
    return len({tuple(setting.get(name) for name in names) for setting in settings})


def rank(name: str) -> int:
    """The place of a setting in the order in which they are tried for telling two models apart."""
    group = name.partition(".")[0]
    order = ("model", "data", "eval", "budget")
    ranked = order.index(group) if group in order else len(order)
    return 2 * ranked + (name.endswith(("examples", "samples", "steps", "chains")) and group == "eval")


def natural(text: str) -> list[str | int]:
    """A key by which `d=2` comes before `d=10`: words and whole numbers in turn."""
    return [int(part) if place % 2 else part for place, part in enumerate(re.split(r"([0-9]+)", text))]


def _tell_apart(group: list[Run]) -> None:
    """Runs that share even their seed, for want of a configuration, get their hash as variant."""
    seen: dict[tuple[Any, ...], int] = defaultdict(int)
    for run in group:
        seen[label(run), run["seed"], *at(run)] += 1
    clashing = [run for run in group if seen[label(run), run["seed"], *at(run)] > 1]
    for run in clashing:
        run["variant"] = run["run_id"].rsplit("-", 1)[-1]


def _settings(path: Path, warnings: list[str]) -> dict[str, str]:
    """The configuration of a run, flat (`budget.steps` -> `2000`), without what does not tell models apart."""
    try:
        config = yaml_mapping(text_of(path, CONFIG_BYTES))
    except (FileNotFoundError, Unreadable) as error:
        reason = "absent" if isinstance(error, FileNotFoundError) else error
        warnings.append(f"{said(path)} cannot be read ({reason}); its settings are not compared")
        return {}
    flat = dict(pair for key, value in config.items() for pair in _flat(str(key), value))
    own = {name: text for name, text in flat.items() if name not in NOT_A_SETTING}
    return {name: text for name, text in own.items() if not name.startswith("tune.")}


def _flat(name: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [pair for key, inner in value.items() for pair in _flat(f"{name}.{key}", inner)]
    return [(name, value if isinstance(value, str) else json.dumps(value, default=str))]


def _history(runs_folder: Path, run_id: str, warnings: list[str]) -> list[list[str]]:
    """The rows of a run's history.csv behind its row's id; none where it is absent or broken."""
    file = runs_folder / divided(run_id)[0] / "history.csv"
    try:
        rows = [row for _, row in csv_rows(file)]
        if not rows or tuple(rows[0]) != HISTORY_COLUMNS or any(len(row) != len(HISTORY_COLUMNS) for row in rows):
            raise Unreadable(f"its columns are not {','.join(HISTORY_COLUMNS)} throughout")
        for row in rows[1:]:
            list(map(number, row))
    except FileNotFoundError:
        return []
    except ValueError as error:
        warnings.append(f"{said(file)} is broken ({printable(str(error))}); left out")
        return []
    return [[run_id, *row] for row in thinned(rows[1:])]


def thinned(rows: list[list[str]]) -> list[list[str]]:
    """At most `HISTORY_POINTS` validations of a run, evenly spaced: first, last and lowest among them."""
    if len(rows) <= HISTORY_POINTS:
        return rows
    place = HISTORY_COLUMNS.index("val_nll_nats")
    values = [float(row[place] or "nan") for row in rows]
    finite = [n for n, value in enumerate(values) if math.isfinite(value)]
    lowest = [min(finite, key=values.__getitem__)] if finite else []
    count, last = HISTORY_POINTS - len(lowest), len(rows) - 1
    kept = {round(n * last / (count - 1)) for n in range(count)} | set(lowest)
    return [rows[n] for n in sorted(kept)]
