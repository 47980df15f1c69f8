"""The arrays that plots of samples and densities are drawn from, small enough to commit."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.config import is_tuned
from bench.record.reading import Unreadable, arrays_of
from bench.record.store import row_folder
from bench.report.picture_shapes import COLOURS, check_pictures
from bench.report.study import Array, Run, label

IMAGES, POINTS, GRID = 64, 1_000, 200
SHOWN_NATS = 8.0
"""Part of a log-density that plots show, from the truth's highest value down."""
UNKNOWN_NATS = 16.0
"""Part that is stored where the truth is not known, from the model's own highest value down."""
LOG_FLOOR = -1e4  # of a density that is 0 everywhere; within float16
LEVEL_NATS = SHOWN_NATS / 256  # one step of the colour map
OF_LATENTS = ("reconstructed", "reconstructed_noisy", "means", "draws")
"""Images that a run stores of its latents; their kinds have hyphens."""
OF_ORIGINALS = ("reconstructed", "reconstructed-noisy")
"""Kinds that are shown beside the originals that they are made from."""
Reader = Callable[[dict[str, Array], str, str], dict[str, Array]]
"""From a run's arrays, its cell and its data to the pictures of that cell."""


def pictures_of(runs: list[Run], runs_folder: Path, warnings: list[str]) -> dict[str, Array]:
    """Samples, densities and data of the first finished seed of every data set and model, at its largest budget, tuned.

    Args:
        runs: all runs, sorted by data, model and seed.
        runs_folder: where the folders of the runs are.
        warnings: a line is added for each file that cannot be read.

    Returns:
        The `pictures` of `bench.report.study.Study`: images, those of latents too, `(64, height, width)` and, by
        class, `(rows, classes, height, width)` uint8, points `(<=1000, 2)` float16,
        log-densities `(<=200, <=200)` float16 in nats (row = y, column = x), extents `(4,)` float32.
    """
    pictures: dict[str, Array] = {}
    for run in sorted(runs, key=before_final):
        cell = f"{run['data']}/{label(run)}"
        if run["status"] != "ok" or f"samples/{cell}" in pictures:
            continue
        for name, read in (("samples.npz", _samples), ("density.npz", _density)):
            path = row_folder(runs_folder, run["run_id"]) / name
            try:
                arrays_of_cell = drawable(read, arrays_of(path), cell, run["data"])
            except FileNotFoundError:
                continue
            except Unreadable as error:
                warnings.append(f"{path} cannot be read ({error}); left out of the pictures")
                continue
            pictures |= {key: array for key, array in arrays_of_cell.items() if key not in pictures}
            if not shares_originals(pictures, arrays_of_cell, run["data"]):
                for kind in OF_ORIGINALS:
                    pictures.pop(f"{kind}/{cell}", None)
    return pictures


def shares_originals(pictures: dict[str, Array], own: dict[str, Array], data: str) -> bool:
    """False for a run on other test examples than those shown, as the next fold is where the first seed failed."""
    name = f"real/{data}"
    return name not in own or np.array_equal(pictures[name], own[name])


def before_final(run: Run) -> tuple[float, bool, int]:
    """The place of a run's budget, setting and seed: the largest, tuned and first seed first.

    The originals are those of the first run, so that most entries have a run on the same test examples.
    """
    return -(run.get("rung") or 1.0), not is_tuned(run.get("setting")), int(run["seed"])


def drawable(read: Reader, arrays: dict[str, Array], cell: str, data: str) -> dict[str, Array]:
    """What `read` makes of a run's arrays.

    Raises:
        Unreadable: they are not the arrays that a run stores.
    """
    if any(array.dtype.kind not in "fiu" for array in arrays.values()):
        raise Unreadable("holds something else than numbers")
    try:
        with np.errstate(all="ignore"):
            pictures = read(arrays, cell, data)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise Unreadable(f"not the arrays of a run ({type(error).__name__})") from error
    check_pictures(pictures)
    return pictures


def archive(pictures: dict[str, Array]) -> bytes:
    """The pictures as one compressed .npz; equal pictures give equal bytes."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **{key: pictures[key] for key in sorted(pictures)})
    return buffer.getvalue()


def upright(pictures: Array, shape: list[int]) -> Array:
    """Flat pictures as `(n, height, width)`, with three channels `(n, height, width, 3)`, else their mean."""
    *channels, height, width = shape
    by_channel: Array = pictures.reshape(len(pictures), *(channels or [1]), height, width)
    return by_channel.transpose(0, 2, 3, 1) if channels == [COLOURS] else by_channel.mean(1)


def _samples(arrays: dict[str, Array], cell: str, data: str) -> dict[str, Array]:
    """Images or points of the plane; nothing for data that cannot be looked at so."""
    arrays_of_cell = {f"samples/{cell}": arrays["samples"], f"real/{data}": arrays["data"]}
    if "image_shape" in arrays:
        shape = [int(side) for side in arrays["image_shape"]]
        arrays_of_cell |= {f"{kind.replace('_', '-')}/{cell}": arrays[kind] for kind in OF_LATENTS if kind in arrays}
        images = {key: upright(value[:IMAGES], shape) for key, value in arrays_of_cell.items()}
        if "by_class" in arrays:
            rows, classes = arrays["by_class"].shape[:2]
            drawn = upright(arrays["by_class"].reshape(rows * classes, -1), shape)
            images[f"by-class/{cell}"] = drawn.reshape(rows, classes, *drawn.shape[1:])
        return {key: np.round(255 * np.clip(value, 0, 1)).astype(np.uint8) for key, value in images.items()}
    if all(value.ndim == 2 and value.shape[1] == 2 for value in arrays_of_cell.values()):
        step = _step(arrays_of_cell[f"real/{data}"])
        return {key: _rounded(np.clip(value[:POINTS], -6e4, 6e4), step) for key, value in arrays_of_cell.items()}
    return {}


def _step(points: Array) -> float:
    """A power of 2 below a 512th of the smaller side of the points' range: about half a pixel of a panel."""
    side = float((points.max(0) - points.min(0)).min())
    return 2.0 ** np.floor(np.log2(side / 512)) if 0 < side < np.inf else 2.0**-9


def _rounded(values: Array, step: float) -> Array:
    """The values to the next multiple of `step`, in half precision: few distinct values compress well."""
    multiples: Array = (np.round(values.astype(np.float64) / step) * step).astype(np.float16)
    return multiples


def _density(arrays: dict[str, Array], cell: str, data: str) -> dict[str, Array]:
    """The model's log-density on a grid of the plane, and the truth's where it is known."""
    arrays_of_cell = {f"density/{cell}": arrays["log_density"]}
    if "log_truth" in arrays:
        arrays_of_cell[f"truth/{data}"] = arrays["log_truth"]
    stride = -(-arrays["log_density"].shape[0] // GRID)
    arrays_of_cell = {key: value[::stride, ::stride] for key, value in arrays_of_cell.items()}
    truth = arrays_of_cell.get(f"truth/{data}")
    nats, highest = (UNKNOWN_NATS, arrays_of_cell[f"density/{cell}"]) if truth is None else (SHOWN_NATS, truth)
    high = float(np.max(highest, initial=LOG_FLOOR, where=np.isfinite(highest)))
    arrays_of_cell = {key: _compact(value, high - nats, high) for key, value in arrays_of_cell.items()}
    extent = arrays["extent"].astype(np.float32)
    return arrays_of_cell | {f"extent/{cell}": extent, f"extent/{data}": extent}


def _compact(log_density: Array, low: float, high: float) -> Array:
    """The log-density in levels of the colour map, what lies outside of the colours brought to their ends."""
    return _rounded(np.clip(np.nan_to_num(log_density, nan=low), low, high), LEVEL_NATS)
