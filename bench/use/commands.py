"""`bench sample`, `score`, `encode`, `decode` and `reconstruct`: read all, compute, write one file last.

Their arguments are settled, see `bench.use.settled`.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import BenchError
from bench.use.files import ARRAYS, form_of, read_in_order, read_rows, unnamed, write_arrays, write_columns
from bench.use.load import load_folder
from bench.use.loaded import LoadedRun
from bench.use.picture_rows import holds_pictures, picture_rows
from bench.use.scores import CELLS
from bench.use.units import column_names, is_table, to_array, to_columns, units_of, words_of


def opened(arguments: argparse.Namespace) -> tuple[LoadedRun, list[str]]:
    """The run that a command names, and what is to be told of its version once nothing is refused: see `tell`."""
    lines: list[str] = []
    run = load_folder(arguments.folder, arguments.run, arguments.trust_sources, arguments.device, lines.append)
    return run, lines


def tell(lines: Sequence[str]) -> None:
    """Prints lines to the error stream. What is refused is one line alone."""
    for line in lines:
        print(f"bench: {line}", file=sys.stderr)


def sample(arguments: argparse.Namespace) -> int:
    """`bench sample`: draws in the user's units."""
    run, about = opened(arguments)
    drawable(run, arguments.out)
    x = run.model_sample(arguments.n, seed=arguments.seed, label=arguments.label, temperature=arguments.temperature)
    beside = {free_name(run, name): np.full(len(x), value) for name, value in asked(run, arguments).items()}
    words = "".join(f", {name} {value}" for name, value in asked(run, arguments).items())
    tell(about)
    write_events(run, arguments.out, x, "samples", beside, f"{len(x)} samples of {run.config.model['name']}{words}")
    print(f"{arguments.out}: {len(x)} samples of {run.record['run_id']}, seed {arguments.seed}{words}")
    return 0


def asked(run: LoadedRun, arguments: argparse.Namespace) -> dict[str, Any]:
    """What samples are drawn by, to stand beside them: their label, by the user's name of its column; a temperature."""
    found: dict[str, Any] = {}
    if arguments.label is not None:
        whole = arguments.label.lstrip("-").isdecimal()
        found[str(run.config.data.get("label") or "label")] = int(arguments.label) if whole else arguments.label
    return found | ({"temperature": arguments.temperature} if arguments.temperature != 1 else {})


def free_name(run: LoadedRun, name: str) -> str:
    """A name for a column beside an event's own: itself, or with `sample_` before it where an own one has it."""
    taken = {*column_names(run.stored), "samples"}
    while name in taken:
        name = f"sample_{name}"
    return name


def score(arguments: argparse.Namespace) -> int:
    """`bench score`: likelihood and place among the test rows of each row of a file."""
    out, (run, about) = arguments.out, opened(arguments)
    given, names = rows_of(run, arguments)
    scores = run.score(given, arguments.file.name)
    tell(about)
    columns: dict[str, Any] = ({"picture": names} if names else {}) | {"log_prob": scores.log_prob}
    if units_of(run.stored) is not None:
        columns["log_prob_standardised"] = scores.log_prob_report
    columns |= {
        name: values
        for name in ("standard_error", "nll_distance", "quantile", "nll_distance_quantile")
        if (values := getattr(scores, name)) is not None
    }
    rows = len(scores.log_prob)
    columns |= {name: np.full(rows, getattr(scores, name), dtype=object) for name in ("measure", "estimator")}
    columns |= {"is_bound": np.full(rows, scores.is_bound)}
    write(out, columns)
    mean, bound = float(scores.log_prob.mean()), ">=" if scores.is_bound else "="
    of = f" of the {scores.measure}{bounded(scores.log_cell)}" if scores.measure == CELLS else ""
    test = "" if scores.quantile is None else f", at the quantile {float(np.mean(scores.quantile)):.3g} of test rows"
    print(
        f"{out}: {rows} rows, mean log p {bound} {mean:.6g} nats ({scores.estimator}){of}{test}{left_out(run, given)}"
    )
    return 0


def bounded(log_cell: float | None) -> str:
    """What a density of cells bounds, in words."""
    if log_cell is None:
        return ""
    size = f" with the {log_cell:.6g} nats of a cell's size" if log_cell else ""
    return f",{size} a bound of their probability"


def encode(arguments: argparse.Namespace) -> int:
    """`bench encode`: the latent of each row of a file."""
    out, (run, about) = arguments.out, opened(arguments)
    z = run.encode(rows_of(run, arguments)[0], arguments.file.name)
    tell(about)
    flat = z.reshape(len(z), -1)
    write(out, {f"z{place}": flat[:, place] for place in range(flat.shape[1])}, {"z": z})
    kind = "exact" if run.entry.latent == "exact" else "posterior means"
    print(f"{out}: {len(z)} latents of {flat.shape[1]} numbers ({kind})")
    return 0


def decode(arguments: argparse.Namespace) -> int:
    """`bench decode`: latents in the user's units."""

    def decoded(run: LoadedRun) -> Any:
        return run.model_decoded(latents_in(arguments.file), arguments.file.name)

    return mapped(arguments, "decoded", decoded)


def reconstruct(arguments: argparse.Namespace) -> int:
    """`bench reconstruct`: decode(encode(x)) of each row of a file."""

    def reconstructed(run: LoadedRun) -> Any:
        return run.model_reconstructed(rows_of(run, arguments)[0], arguments.file.name)

    return mapped(arguments, "reconstructed", reconstructed)


def mapped(arguments: argparse.Namespace, done: str, events: Callable[[LoadedRun], Any]) -> int:
    """A command that makes events of a file, named by what is done to its rows."""
    out, (run, about) = arguments.out, opened(arguments)
    drawable(run, out)
    x = events(run)
    tell(about)
    write_events(run, out, x, done, {}, f"{len(x)} {done} by {run.config.model['name']}")
    print(f"{out}: {len(x)} rows {done} by {run.record['run_id']}")
    return 0


def rows_of(run: LoadedRun, arguments: argparse.Namespace) -> tuple[Any, list[str]]:
    """The rows of the file, as `bench.use.units.from_user` takes them, and the names of pictures that came in files."""
    path, own = arguments.file, words_of(run.stored)
    if holds_pictures(path):
        return picture_rows(run.stored, run.config.data, path)
    form = form_of({**run.config.data, **arguments.form})
    if arguments.form.get("header") is False and path.suffix.lower() not in ARRAYS and unnamed(0) not in own:
        return read_in_order(path, own, form), []
    return read_rows(path, own, form), []


def left_out(run: LoadedRun, given: Any) -> str:
    """The columns of a file that the model does not have, in words."""
    strange = [name for name in given if name not in column_names(run.stored)] if isinstance(given, dict) else []
    return f"; left out: {', '.join(strange)}" if strange else ""


def latents_in(path: Path) -> Any:
    """Latents of a file: an array, or its columns z0, z1, ... in the order of their numbers.

    Raises:
        BenchError: another column is there, or holds no numbers.
    """
    given = read_rows(path)
    if not isinstance(given, dict):
        return given
    names = [f"z{place}" for place in range(len(given))]
    strange = next((name for name in names if name not in given), None)
    if strange is not None:
        raise BenchError(
            f"{path.name}: no column {strange}; latents are columns z0, z1, ..., as bench encode writes them"
        )
    try:
        return np.stack([np.asarray(given[name], dtype=np.float64) for name in names], 1)
    except ValueError as error:
        raise BenchError(f"{path.name}: {error}; latents are numbers") from error


def drawable(run: LoadedRun, out: Path) -> None:
    """Refuses a .png of what no picture shows, before anything is computed."""
    if out.suffix.lower() == ".png":
        from bench.use.pictures import check_drawable

        check_drawable(run.stored)


def write_events(run: LoadedRun, out: Path, x: Any, name: str, beside: dict[str, Any], caption: str) -> None:
    """Events of model space in the user's units, in the format of the file's name.

    Args:
        run: they are of.
        out: the file.
        x: in model space.
        name: of the array in an .npz.
        beside: more columns, one value a row.
        caption: of a picture.
    """
    stored, suffix = run.on_device(), out.suffix.lower()
    if suffix == ".png":
        from bench.use.pictures import write_picture

        write_picture(out, run.stored, to_array(stored, x), caption)
    elif suffix == ".npz" and not is_table(stored):
        write_arrays(out, {name: to_array(stored, x), **beside})
    else:
        write(out, {**to_columns(stored, x), **beside})


def write(out: Path, columns: dict[str, Any], arrays: dict[str, Any] | None = None) -> None:
    """Columns into a .csv, or into an .npz, there in the form of `arrays` where that is given."""
    if out.suffix.lower() == ".npz":
        write_arrays(out, columns if arrays is None else arrays)
    else:
        write_columns(out, columns)
