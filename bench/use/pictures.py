"""Samples as a .png: a grid of pictures, or the points of two-dimensional data."""

import io
from math import ceil, sqrt
from pathlib import Path
from typing import Any

import numpy as np

from bench.data.stored_space import StoredSpace
from bench.errors import BenchError
from bench.record.writing import write_atomically
from bench.use.units import is_table

MOST = 1_024
"""Pictures of a grid; of more samples the first are shown."""
SMALLEST_SIDE = 32
"""Pixels that a picture's shorter side is enlarged to, at least."""


def check_drawable(stored: StoredSpace) -> None:
    """Refuses data that no picture shows.

    Raises:
        BenchError: it says what to write in its place.
    """
    if is_table(stored):
        raise BenchError(f"{stored.name} is a table, which no .png shows; write a .csv or .npz")
    if stored.image_shape is None and stored.spec.dim != 2:
        raise BenchError(
            f"{stored.name} has events of {stored.spec.dim} numbers; a .png shows pictures or points alone"
        )


def write_picture(path: Path, stored: StoredSpace, events: Any, caption: str) -> None:
    """Events in the user's units as a .png whose text, and title of points, is the caption.

    Raises:
        CannotWrite: the folder cannot be written or the disk is full; nothing is left behind.
    """
    if stored.image_shape is None:
        write_atomically(path, scatter(events.reshape(len(events), 2), caption))
    else:
        write_atomically(path, grid(shades(stored, events[:MOST]), caption))


def shades(stored: StoredSpace, events: Any) -> Any:
    """Pictures `(n, height, width, channels)` in [0, 1]."""
    assert stored.image_shape is not None
    *channels, height, width = stored.image_shape
    white = stored.spec.levels - 1 if stored.spec.kind == "discrete" and stored.spec.levels else 1
    shaped = events.reshape(len(events), *(channels or [1]), height, width).astype(np.float64) / white
    return np.clip(shaped, 0, 1).transpose(0, 2, 3, 1)


def grid(pictures: Any, caption: str) -> bytes:
    """Pictures side by side, a grey line between them, as the bytes of a .png."""
    from PIL import Image, PngImagePlugin

    columns = ceil(sqrt(len(pictures)))
    rows = ceil(len(pictures) / columns)
    _, height, width, channels = pictures.shape
    times = max(1, ceil(SMALLEST_SIDE / min(height, width)))
    large = pictures.repeat(times, 1).repeat(times, 2)
    cell = (large.shape[1] + 1, large.shape[2] + 1)
    sheet = np.full((rows * cell[0] + 1, columns * cell[1] + 1, channels), 0.5)
    for number, picture in enumerate(large):
        row, column = divmod(number, columns)
        top, left = row * cell[0] + 1, column * cell[1] + 1
        sheet[top : top + large.shape[1], left : left + large.shape[2]] = picture
    levels = np.round(sheet * 255).astype(np.uint8)
    image = Image.fromarray(levels[..., 0] if channels == 1 else levels[..., :3])
    words = PngImagePlugin.PngInfo()
    words.add_text("Description", caption)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=words)
    return buffer.getvalue()


def scatter(points: Any, caption: str) -> bytes:
    """Points of a plane as the bytes of a .png."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.scatter(points[:, 0], points[:, 1], s=3, alpha=0.6, linewidths=0, color="#1f4e79")
    axes.set_aspect("equal", "datalim")
    axes.set_title(caption, fontsize=9)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120, metadata={"Description": caption})
    return buffer.getvalue()
