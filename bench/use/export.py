"""`bench export`: a run as one .zip, and the best run of each data set of a study as folders to commit."""

import argparse
import io
import re
import tempfile
from pathlib import Path

from bench.errors import BenchError
from bench.record.reading import Unreadable, json_object, shown
from bench.record.runs import FOLDER, run_path
from bench.record.store import unsealed
from bench.record.writing import write_atomically
from bench.use.archive import members_of, packed
from bench.use.best import BEST, best_runs
from bench.use.files import format_of
from bench.use.places import WEIGHTS, run_folder, study_of, with_weights

LARGEST = 100_000
"""Bytes of weights that are committed, at most."""
TEST_ROWS = 2_000
"""Test log-likelihoods that a committed run keeps, the first of them: quantiles to 0.05 %."""
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
"""What a table may call data and runs, which become folders."""
CONFIG = "config.yaml"
PLACES = {"results_dir": "results_dir: results\n", "data_root": "data_root: null\n"}
"""Lines of a configuration that name folders, and what stands in their place."""
WORDS, TENSORS = "space.json", "space.safetensors"


def export(arguments: argparse.Namespace) -> int:
    """`bench export RUN`: writes the .zip, or the folders of `STUDY/best`."""
    study, _, word = arguments.run.rpartition("/")
    if study and word == BEST:
        source = study_of(study, arguments.results_dir)
        for line in keep_best(source, arguments.out or source / BEST):
            print(line)
        return 0
    from bench.metrics.reference_rows import ROWS

    with run_folder(arguments.run, arguments.results_dir) as folder:
        members = complete(folder, arguments.run)
    name = run_id_of(members, arguments.run)
    out = Path(f"{name}.zip") if arguments.out is None else arguments.out
    format_of(out, (".zip",))
    content = packed(members)
    write_atomically(out, content)
    print(f"{out}: {name}, {len(content):,} bytes, of your data at most {ROWS} test rows")
    return 0


def complete(folder: Path, name: str) -> dict[str, bytes]:
    """The files of a run; a space that runs of older code did not store is made from their data.

    Raises:
        BenchError: one is damaged, or its space cannot be stored, so that it is of use with the data alone.
    """
    try:
        members = members_of(folder)
        if WORDS not in members:
            members |= with_space(folder)
        reason = json_object(members[WORDS].decode("utf-8", "replace")).get("reason")
    except Unreadable as error:
        raise BenchError(f"{name}: {error}") from error
    if reason:
        raise BenchError(f"{name}: {shown(reason)}, so that it cannot be used without its data")
    return members | ({CONFIG: without_places(members[CONFIG])} if CONFIG in members else {})


def without_places(config: bytes) -> bytes:
    """A run's configuration without the folders of the machine that made it."""
    lines = config.decode().splitlines(keepends=True)
    return "".join(PLACES.get(line.partition(":")[0], line) for line in lines).encode()


def with_space(folder: Path) -> dict[str, bytes]:
    """The files of the space of a run, made from its data.

    Raises:
        BenchError: the data are not here, or the run's likelihood is no longer what it was.
    """
    from bench.data.stored_space import keep_space
    from bench.use.load import load

    stored = load(folder, say=lambda line: None).stored
    with tempfile.TemporaryDirectory(prefix="bench-space-") as place:
        keep_space(Path(place), stored, stored.width, stored.reference)
        return {name: (Path(place) / name).read_bytes() for name in (WORDS, TENSORS)}


def run_id_of(members: dict[str, bytes], name: str) -> str:
    """The run's id, by its record.

    Raises:
        BenchError: the record is damaged, or the id is no file's name.
    """
    try:
        run_id = json_object(unsealed(members["record.json"].decode())).get("run_id")
    except ValueError as error:
        raise BenchError(f"{name}: record.json: {error}") from error
    if not isinstance(run_id, str) or "/" in run_id or run_id.startswith("."):
        raise BenchError(f"{name}: record.json: run_id is {shown(run_id)}")
    return run_id


def keep_best(study: Path, kept_in: Path) -> list[str]:
    """Writes the best run of each data set by a study's table into `kept_in/<data>`; a line each.

    Raises:
        BenchError: no data set has a best run, a run's folder is not here, or its weights are too large to be
            committed.
    """
    chosen, lines = best_runs(study)
    if not chosen:
        raise BenchError(lines[0] if lines else f"{study}: no trained run in its table; bench run makes one")
    kept = {}
    for data, (run_id, _) in chosen.items():
        if not (NAME.fullmatch(data) and NAME.fullmatch(run_id)):
            raise BenchError(f"{study}: its table names the run {shown(run_id)} of {shown(data)}; restore the table")
        folder = run_path(study / FOLDER, run_id)
        if not folder.is_dir():
            raise BenchError(f"{study}: {run_id}, the best run of {data}, is not here; make it with bench run --again")
        kept[data] = thinned(complete(with_weights(folder, run_id), run_id))
        size = len(kept[data][WEIGHTS])
        if size > LARGEST:
            raise BenchError(f"{run_id}: its weights are {size:,} bytes, more than the {LARGEST:,} that are committed")
    for data, members in kept.items():
        place = kept_in / data
        for name, content in members.items():
            write_atomically(place / name, content)
        run_id, bounds = chosen[data]
        told = f"; bounds alone, which may be better than they say: {', '.join(bounds)}" if bounds else ""
        lines.append(f"{place}: {run_id}, {sum(map(len, members.values())):,} bytes{told}")
    return lines


def thinned(members: dict[str, bytes]) -> dict[str, bytes]:
    """The files with the log-likelihoods of fewer test examples, in float32."""
    import numpy as np

    name = "likelihoods.npz"
    if name not in members:
        return members
    with np.load(io.BytesIO(members[name]), allow_pickle=False) as arrays:
        few = arrays["log_prob"][:TEST_ROWS].astype(np.float32)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, log_prob=few)
    return {**members, name: buffer.getvalue()}
