"""Plots to look at: densities and samples of toys, grids of images."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.report.inert import plot_label, slug
from bench.report.model_summary import ModelSummary
from bench.report.picture_archive import SHOWN_NATS
from bench.report.study import Array, Study
from bench.report.style import WIDTH, Plot, Style, figure, png

COLUMNS = 3  # panels side by side stay legible on a phone
MAP = "viridis"  # even in lightness, safe for colour-blind eyes
BAR, LABELS = 0.56, 0.2  # inches below panels
IMAGES = (
    "Not chosen: the first samples drawn. A latent-variable model with a likelihood draws each pixel with the noise of "
    "its decoder; one without shows what its decoder gives."
)
FIRST_SEED = "The first finished seed of each model."


def densities(study: Study, cells: list[ModelSummary]) -> Plot | None:
    """The log-density of the truth and of each model, on one colour scale."""
    data = cells[0].data
    panels = {"truth": (study.pictures.get(f"truth/{data}"), study.pictures.get(f"extent/{data}"))}
    for cell in cells:
        key = f"{data}/{cell.model}"
        panels[cell.model] = (study.pictures.get(f"density/{key}"), study.pictures.get(f"extent/{key}"))
    shown = {
        name: (grid.astype(np.float32), extent.astype(float))
        for name, (grid, extent) in panels.items()
        if grid is not None and extent is not None
    }
    if not shown.keys() - {"truth"}:
        return None
    top = shown["truth"][0].max() if "truth" in shown else max(grid.max() for grid, _ in shown.values())
    fig, places = _panels(list(shown), below=BAR)
    for axes, (name, (grid, extent)) in zip(places, shown.items(), strict=True):
        seen = np.maximum(grid, top - SHOWN_NATS)  # -inf would spread where values are drawn between those of the grid
        image = axes.imshow(
            seen,
            cmap=MAP,
            vmin=top - SHOWN_NATS,
            vmax=top,
            origin="lower",
            extent=tuple(extent),
            interpolation="bilinear",
        )
        _bare(axes, name)
    height = fig.get_size_inches()[1]
    bar = fig.colorbar(image, cax=fig.add_axes((0.25, 0.42 / height, 0.5, 0.12 / height)), orientation="horizontal")
    bar.set_label("log-density, nats", labelpad=1)
    bar.outline.set_visible(False)  # type: ignore[operator]
    return Plot(
        f"density-{slug(data)}",
        data,
        "Log-density over the plane",
        f"Log-density of {', '.join(shown)} on {data}, side by side over the same part of the plane.",
        f"One colour scale for all panels: {SHOWN_NATS:g} nats down from the highest density of "
        f"{'the truth' if 'truth' in shown else 'all models'}; all that is lower has the darkest colour. {FIRST_SEED}",
        png(fig),
    )


def samples(study: Study, cells: list[ModelSummary], look: dict[str, Style]) -> Plot | None:
    """Samples of each model beside test data: points of the plane or images."""
    data = cells[0].data
    panels = {"test data": study.pictures.get(f"real/{data}")}
    panels |= {cell.model: study.pictures.get(f"samples/{data}/{cell.model}") for cell in cells}
    present = {name: array for name, array in panels.items() if array is not None}
    dimensions = {array.ndim for array in present.values()}
    images = max(dimensions, default=0) > 2
    shown = {name: array for name, array in present.items() if images == (array.ndim > 2)}
    if not shown.keys() - {"test data"}:
        return None
    fig, places = _panels(list(shown))
    for axes, (name, array) in zip(places, shown.items(), strict=True):
        if images:
            axes.imshow(mosaic(array), cmap="gray", vmin=0, vmax=255)
        else:
            points = array.astype(np.float32)
            colour = look[name].colour if name in look else "black"
            axes.scatter(points[:, 0], points[:, 1], s=2.2, color=colour, alpha=0.55, linewidths=0)
            _frame(axes, shown["test data"], study.pictures.get(f"extent/{data}"))
        _bare(axes, name)
    kind = "Images" if images else "Points"
    return Plot(
        f"samples-{slug(data)}",
        data,
        "Samples beside test data",
        f"{kind} from the test split of {data} beside samples of {', '.join(n for n in shown if n != 'test data')}.",
        f"{IMAGES if images else 'As many points in every panel.'} {FIRST_SEED}",
        png(fig),
    )


def by_class(study: Study, cells: list[ModelSummary]) -> Plot | None:
    """Samples that models drew of each class, a column a class."""
    data = cells[0].data
    shown = {
        cell.model: grid for cell in cells if (grid := study.pictures.get(f"by-class/{data}/{cell.model}")) is not None
    }
    if not shown:
        return None
    rows, classes = next(iter(shown.values())).shape[:2]
    fig, places = _panels(list(shown), below=LABELS, columns=1, aspect=rows / classes)
    for axes, (name, grid) in zip(places, shown.items(), strict=True):
        picture = mosaic(grid.reshape(-1, *grid.shape[2:]), classes)
        axes.imshow(picture, cmap="gray", vmin=0, vmax=255)
        _bare(axes, name)
        column = picture.shape[1] / classes
        axes.set_xticks([column * (label + 0.5) for label in range(classes)], [str(label) for label in range(classes)])
        axes.tick_params(axis="x", length=0, pad=3, labelsize=10)
    return Plot(
        f"by-class-{slug(data)}",
        data,
        "Samples of each class",
        f"Samples of {', '.join(shown)} on {data}, a column for each of {classes} classes, its label below.",
        f"Asked for by label, and not chosen: the first {rows} drawn of each class. {FIRST_SEED}",
        png(fig),
    )


def mosaic(images: Array, columns: int | None = None) -> Array:
    """`(n, height, width)` or `(n, height, width, 3)` uint8 as one picture, a grey line between images.

    There are as many rows as columns if not said.
    """
    side = columns or int(np.sqrt(len(images)))
    rows = len(images) // side if columns else side
    channels = [(0, 0)] * (images.ndim - 3)
    padded = np.pad(images[: rows * side], [(0, 0), (1, 0), (1, 0), *channels], constant_values=110)
    _, height, width, *colours = padded.shape
    picture = padded.reshape(rows, side, height, width, *colours).swapaxes(1, 2)
    picture = picture.reshape(rows * height, side * width, *colours)
    return np.pad(picture, [(0, 1), (0, 1), *channels], constant_values=110)


def _panels(
    names: list[str], *, below: float = 0.0, columns: int | None = None, aspect: float = 1.0
) -> tuple[Figure, list[Axes]]:
    """Panels of that height over width, in rows of at most three, with so many inches below the last."""
    count = len(names)
    columns = columns or (2 if count == 4 else min(count, COLUMNS))
    rows = -(-count // columns)
    side, gap, head, foot = (WIDTH - 0.1 * (columns - 1) - 0.1) / columns, 0.1, 0.27, 0.06 + below
    head += 0.2 if any(" (" in name for name in names) else 0
    tall = aspect * side
    height = rows * (tall + head) + foot
    fig = figure(WIDTH, height)
    places = []
    for index in range(count):
        row, column = divmod(index, columns)
        left, bottom = 0.05 + column * (side + gap), height - (row + 1) * (tall + head)
        places.append(fig.add_axes((left / WIDTH, bottom / height, side / WIDTH, tall / height)))
    return fig, places


def _bare(axes: Axes, title: str) -> None:
    axes.set(xticks=[], yticks=[])
    name, bracket, variant = title.partition(" (")
    axes.set_title(plot_label(name), pad=18 if bracket else 4)
    if bracket:
        size = min(10.0, 220 / (len(variant) + 1))  # so that it ends with its panel, one of three
        axes.annotate(
            plot_label(f"({variant}"), (0.5, 1), (0, 4), "axes fraction", "offset points", ha="center", fontsize=size
        )
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set(visible=True, color="#bbbbbb")


def _frame(axes: Axes, real: Array, extent: Array | None) -> None:
    """The same part of the plane in every panel: the density's, else that of the data with a margin."""
    if extent is None:
        low, high = real.min(0).astype(float), real.max(0).astype(float)
        margin = 0.1 * (high - low)
        extent = np.stack([low - margin, high + margin], 1).ravel()
    axes.set(xlim=extent[:2], ylim=extent[2:], aspect="equal")
