"""The folder that a word for a run stands for: an id, a beginning of one, a path, a .zip or `STUDY/best/DATA`."""

import contextlib
import math
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

from bench.config import is_tuned
from bench.errors import BenchError, unknown
from bench.record.reading import RECORD_BYTES, Unreadable, json_object, text_of
from bench.record.store import divided, table_rows
from bench.use.archive import unpacked

RECORD, WEIGHTS = "record.json", "weights.safetensors"
BEST = "best"
"""In a study's folder: a run of each data set that is kept with its weights."""
SHOWN = 4


@contextlib.contextmanager
def run_folder(what: str, results_dir: Path) -> Iterator[Path]:
    """The folder of a run, while the block lasts; that of a .zip is temporary.

    Args:
        what: a run's folder, a .zip of one, an id or its beginning, or `quick/best/digits`.
        results_dir: folder of studies.

    Raises:
        BenchError: there is no such run, several begin so, or it has no weights.
    """
    path = Path(what)
    if path.suffix == ".zip":
        if not path.is_file():
            raise BenchError(f"{what}: no such file")
        with tempfile.TemporaryDirectory(prefix="bench-run-") as place:
            unpacked(path, Path(place))
            yield with_weights(Path(place), what)
        return
    yield with_weights(found(what, results_dir), what)


def found(what: str, results_dir: Path) -> Path:
    """The folder of a run that lies unpacked.

    Raises:
        BenchError: there is none, or there are several.
    """
    path = Path(what)
    if (path / RECORD).is_file():
        return path
    study, _, data = what.rpartition(f"/{BEST}/")
    if study and data:
        return best_folder(results_dir / study, data)
    if path.is_dir():
        raise BenchError(f"{what}: a folder without {RECORD}, so that it is no run's; give one of results/*/runs")
    return by_prefix(what, results_dir)


def by_prefix(what: str, results_dir: Path) -> Path:
    """The run whose id begins so, and is the only one.

    Raises:
        BenchError: there is none, or there are several.
    """
    stored = kept_runs(results_dir)
    stored |= {place.parent.name: place.parent for place in sorted(results_dir.glob(f"*/runs/*/{RECORD}"))}
    if what in stored:
        return stored[what]
    begun = [name for name in stored if what and name.startswith(what)]
    if len(begun) == 1:
        return stored[begun[0]]
    if begun:
        more = f" and {len(begun) - SHOWN} more" if len(begun) > SHOWN else ""
        raise BenchError(f"{what}: {len(begun)} runs begin so, {', '.join(begun[:SHOWN])}{more}; write more of the id")
    if not stored:
        raise BenchError(f"no run {what}: {results_dir} holds no run folders; give its path, or --results-dir")
    raise unknown("run", what, stored, str(results_dir))


def kept_runs(results_dir: Path) -> dict[str, Path]:
    """Run id -> folder of the runs that studies keep under `best/`; damaged records are none."""
    kept = {}
    for place in sorted(results_dir.glob(f"*/{BEST}/*/{RECORD}")):
        with contextlib.suppress(Unreadable, FileNotFoundError):
            kept[str(json_object(text_of(place, RECORD_BYTES)).get("run_id"))] = place.parent
    return kept


def with_weights(folder: Path, what: str) -> Path:
    """The folder, where it holds weights.

    Raises:
        BenchError: it holds none.
    """
    if not (folder / RECORD).is_file():
        raise BenchError(f"{what}: no {RECORD} in it, so that it is no run's")
    if not (folder / WEIGHTS).is_file():
        raise BenchError(f"{what}: a run without {WEIGHTS}: it did not end ok, or is a trial; make it with bench run")
    return folder


def best_folder(study: Path, data: str) -> Path:
    """The best run of a study on a data set: the one kept under `best/`, else its folder under `runs/`.

    Raises:
        BenchError: the table has none of that data, or the run's folder is not here.
    """
    kept = study / BEST / data
    if (kept / RECORD).is_file():
        return kept
    run_id = best_runs(study, data)[data]
    folder = study / "runs" / run_id
    if not (folder / RECORD).is_file():
        raise BenchError(f"{study.name}/{BEST}/{data} is {run_id}, whose folder is not here; make it with bench run")
    return folder


def best_runs(study: Path, data: str | None = None) -> dict[str, str]:
    """Data set -> id of its best run, by the study's table.

    The best entry has the lowest mean test NLL among the tuned runs of the data set that ended ok, at any rung of a
    ladder; in a study without tuned runs, among all that are trained. Of its seeds the best run on validation is
    taken, so that no seed is chosen by the test split.

    Args:
        study: its folder.
        data: of this data set alone.

    Raises:
        BenchError: the study has no table, or no run of that data.
    """
    rows = [row for row in table_rows(study) if row.get("status") == "ok" and not divided(row.get("run_id", ""))[1]]
    if not rows:
        raise BenchError(f"{study}: no {study.name}/table.csv with runs that ended ok; is it a study's folder?")
    groups: dict[str, dict[tuple[str, ...], list[dict[str, str]]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if number(row, "nll_nats") is not None and row.get("steps"):
            groups[row["data"]][tuple(row.get(name, "") for name in ("model", "variant", "rung", "setting"))].append(
                row
            )
    if data is not None and data not in groups:
        raise unknown("data set", data, groups, f"the table of {study.name}")
    return {name: best_of(list(groups[name].values())) for name in sorted(groups) if data in (None, name)}


def best_of(entries: list[list[dict[str, str]]]) -> str:
    """The id of the best run, of the rows of each entry."""
    tuned = [rows for rows in entries if is_tuned(rows[0].get("setting"))]
    best = min(tuned or entries, key=lambda rows: fmean(number(row, "nll_nats") or 0.0 for row in rows))
    first = min(best, key=lambda row: (least(row), number(row, "seed") or 0.0))
    return first["run_id"]


def least(row: dict[str, str]) -> float:
    """A row's validation NLL, to be as small as possible; infinite where another value chose the weights."""
    value = number(row, "val_nll_nats")
    return math.inf if value is None else value


def number(row: dict[str, str], column: str) -> float | None:
    """The finite number in a cell; None where there is none."""
    try:
        value = float(row.get(column, ""))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
