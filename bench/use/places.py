"""The folder that a word for a run stands for: an id, a beginning of one, a path, a .zip or `STUDY/best/DATA`."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.errors import BenchError, unknown
from bench.record.reading import RECORD_BYTES, Unreadable, json_object, text_of
from bench.record.runs import FOLDER, run_path, run_paths
from bench.record.store import has_table, unsealed
from bench.record.study_folder import study_folder
from bench.use.archive import unpacked
from bench.use.best import BEST, best_run

RECORD, WEIGHTS = "record.json", "weights.safetensors"
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
        return best_folder(study_of(study, results_dir), data)
    if path.is_dir():
        raise BenchError(f"{what}: a folder without {RECORD}, so that it is no run's; give one of results/*/runs")
    return by_prefix(what, results_dir)


def by_prefix(what: str, results_dir: Path) -> Path:
    """The run whose id begins so, and is the only one.

    Raises:
        BenchError: there is none, or there are several.
    """
    stored = kept_runs(results_dir)
    places = [path for runs in sorted(results_dir.glob(f"*/{FOLDER}")) for path in run_paths(runs)]
    stored |= {place.name: place for place in places if (place / RECORD).is_file()}
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
        if (run_id := run_id_in(place.parent)) is not None:
            kept[run_id] = place.parent
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
    """The folder of the best run of a study on a data set: kept under `best/`, or under `runs/`.

    Where a study has no table, what is kept stands.

    Raises:
        BenchError: there is no best run of that data, its folder is not here, or what is kept is another run.
    """
    kept = study / BEST / data
    kept_id = run_id_in(kept)
    if kept_id is not None and not has_table(study):
        return kept
    run_id = best_run(study, data).run_id
    if kept_id == run_id:
        return kept
    folder = run_path(study / FOLDER, run_id)
    if (folder / RECORD).is_file():
        return folder
    what = f"{study.name}/{BEST}/{data} is {run_id}, whose folder is not here"
    if kept_id is None:
        raise BenchError(f"{what}; make it with bench run --again")
    raise BenchError(f"{what}; kept is {kept_id}, the best before: name that id, or bench run --again the best")


def run_id_in(folder: Path) -> str | None:
    """The id in a folder's record; None where there is no whole one."""
    with contextlib.suppress(Unreadable, FileNotFoundError):
        return str(json_object(unsealed(text_of(folder / RECORD, RECORD_BYTES))).get("run_id"))
    return None


def study_of(word: str, results_dir: Path) -> Path:
    """The folder of a study: its path, its name, or that of a study by data with one folder alone.

    Raises:
        BenchError: there is none, or a folder for each of several data sets.
    """
    path = Path(word)
    if len(path.parts) > 1 and path.is_dir():
        return path
    return study_folder(word, results_dir)
