"""What the plots of samples and densities are drawn from, small enough to commit."""

import io
from pathlib import Path

import numpy as np

from bench.report.study import Array, Run, label

IMAGES, POINTS, GRID = 64, 1_000, 200
LOG_FLOOR = -1e4  # far below anything a plot shows, and within float16


def pictures_of(runs: list[Run], runs_folder: Path, warnings: list[str]) -> dict[str, Array]:
    """Samples, densities and data of the first finished seed of every data set and model.

    Args:
        runs: all runs, sorted by data, model and seed.
        runs_folder: where the folders of the runs are.
        warnings: a line is added for each file that cannot be read.

    Returns:
        The `pictures` of `bench.report.study.Study`: images `(64, height, width)` and, by
        class, `(rows, classes, height, width)` uint8, points `(<=1000, 2)` float16,
        log-densities `(<=200, <=200)` float16 in nats (row = y, column = x), extents `(4,)` float32.
    """
    pictures: dict[str, Array] = {}
    for run in runs:
        cell = f"{run['data']}/{label(run)}"
        if run["status"] != "ok" or f"samples/{cell}" in pictures:
            continue
        for name, read in (("samples.npz", _samples), ("density.npz", _density)):
            path = runs_folder / run["run_id"] / name
            if not path.exists():
                continue
            try:
                with np.load(path, allow_pickle=False) as arrays:
                    found = read(dict(arrays), cell, run["data"])
            except Exception as error:  # a truncated archive fails in numpy, zipfile or zlib
                warnings.append(f"{path} cannot be read ({type(error).__name__}: {error}); left out of the pictures")
                continue
            pictures |= {key: array for key, array in found.items() if key not in pictures}
    return pictures


def archive(pictures: dict[str, Array]) -> bytes:
    """The pictures as one compressed .npz; equal pictures give equal bytes."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **{key: pictures[key] for key in sorted(pictures)})
    return buffer.getvalue()


def _samples(arrays: dict[str, Array], cell: str, data: str) -> dict[str, Array]:
    """Images or points of the plane; nothing for data that cannot be looked at so."""
    found = {f"samples/{cell}": arrays["samples"], f"real/{data}": arrays["data"]}
    if "image_shape" in arrays:
        height, width = (int(side) for side in arrays["image_shape"])
        images = {key: value[:IMAGES].reshape(-1, height, width) for key, value in found.items()}
        if "by_class" in arrays:
            images[f"by-class/{cell}"] = arrays["by_class"].reshape(*arrays["by_class"].shape[:2], height, width)
        return {key: np.round(255 * np.clip(value, 0, 1)).astype(np.uint8) for key, value in images.items()}
    if all(value.ndim == 2 and value.shape[1] == 2 for value in found.values()):
        return {key: np.clip(value[:POINTS], -6e4, 6e4).astype(np.float16) for key, value in found.items()}
    return {}


def _density(arrays: dict[str, Array], cell: str, data: str) -> dict[str, Array]:
    """The model's log-density on a grid of the plane, and the truth's where it is known."""
    found = {f"density/{cell}": arrays["log_density"]}
    if "log_truth" in arrays:
        found[f"truth/{data}"] = arrays["log_truth"]
    stride = -(-arrays["log_density"].shape[0] // GRID)
    found = {key: _compact(value[::stride, ::stride]) for key, value in found.items()}
    extent = arrays["extent"].astype(np.float32)
    return found | {f"extent/{cell}": extent, f"extent/{data}": extent}


def _compact(log_density: Array) -> Array:
    clipped: Array = np.nan_to_num(np.clip(log_density, LOG_FLOOR, -LOG_FLOOR), nan=LOG_FLOOR)
    return clipped.astype(np.float16)
