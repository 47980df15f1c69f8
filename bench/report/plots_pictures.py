"""Plots of the plane: densities and samples of two-dimensional data, a panel a model."""

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from bench.report.inert import plot_label, slug
from bench.report.model_summary import ModelSummary
from bench.report.picture_archive import SHOWN_NATS
from bench.report.plot import PAGE
from bench.report.plots_images import FIRST_SEED
from bench.report.plots_palette import Look
from bench.report.study import Array, Study
from bench.report.style import TITLE, Drawing, figure, short, titled

COLUMNS = 5
"""Panels side by side at most: a panel is as wide as a thumb in print."""
MAP, STEPS = "viridis", 16
"""Even in lightness, safe for colour-blind eyes; in steps of half a nat: contours to read, and small files."""
BAR = 0.46
"""Inches that the scale of colours takes below panels."""
TRUTH = "truth"


def densities(study: Study, cells: list[ModelSummary]) -> Drawing | None:
    """The log-density of the truth and of each model, on one colour scale."""
    data = cells[0].data
    panels = {TRUTH: (study.pictures.get(f"truth/{data}"), study.pictures.get(f"extent/{data}"))}
    for cell in cells:
        key = f"{data}/{cell.model}"
        panels[cell.model] = (study.pictures.get(f"density/{key}"), study.pictures.get(f"extent/{key}"))
    shown = {
        name: (grid.astype(np.float32), extent.astype(float))
        for name, (grid, extent) in panels.items()
        if grid is not None and extent is not None
    }
    if not shown.keys() - {TRUTH}:
        return None
    top = shown[TRUTH][0].max() if TRUTH in shown else max(grid.max() for grid, _ in shown.values())
    fig, places = panels_of(list(shown), below=BAR)
    colours = ListedColormap(colormaps[MAP](np.linspace(0, 1, STEPS)))
    for axes, (name, (grid, extent)) in zip(places, shown.items(), strict=True):
        seen = np.maximum(grid, top - SHOWN_NATS)  # -inf would spread where values are drawn between those of the grid
        image = axes.imshow(
            seen,
            cmap=colours,
            vmin=top - SHOWN_NATS,
            vmax=top,
            origin="lower",
            extent=tuple(extent),
            interpolation="bilinear",
            interpolation_stage="data",
        )
        bare(axes, name)
    height = fig.get_size_inches()[1]
    bar = fig.colorbar(image, cax=fig.add_axes((0.3, 0.33 / height, 0.4, 0.08 / height)), orientation="horizontal")
    bar.set_label("log-density, nats", labelpad=0)
    bar.outline.set_visible(False)  # type: ignore[operator]
    titled(fig, data, "log-density over the plane")
    return Drawing(
        f"density-{slug(data)}",
        data,
        f"Log-density over the plane, {data}",
        f"Log-density of {', '.join(shown)} on {data}, side by side over the same part of the plane.",
        f"One colour scale for all panels, a step each {SHOWN_NATS / STEPS:g} nats: {SHOWN_NATS:g} nats down from the "
        f"highest density of {'the truth' if TRUTH in shown else 'all models'}; all that is lower has the darkest "
        f"colour. {FIRST_SEED}",
        fig,
    )


def points(study: Study, cells: list[ModelSummary], look: Look) -> Drawing | None:
    """Samples of each model beside test data, as points of the plane."""
    data = cells[0].data
    panels = {"test data": study.pictures.get(f"real/{data}")}
    panels |= {cell.model: study.pictures.get(f"samples/{data}/{cell.model}") for cell in cells}
    shown = {name: array for name, array in panels.items() if array is not None and array.ndim == 2}
    if not shown.keys() - {"test data"}:
        return None
    frame_of = next(iter(shown.values()))
    fig, places = panels_of(list(shown))
    for axes, (name, array) in zip(places, shown.items(), strict=True):
        at = array.astype(np.float32)
        colour = look[name].colour if name in look else "black"
        axes.scatter(at[:, 0], at[:, 1], s=0.9, color=colour, alpha=0.7, linewidths=0, rasterized=True)
        frame(axes, frame_of, study.pictures.get(f"extent/{data}"))
        bare(axes, name)
    titled(fig, data, "samples beside test data")
    return Drawing(
        f"samples-{slug(data)}",
        data,
        f"Samples beside test data, {data}",
        f"Points from the test split of {data} beside samples of {', '.join(n for n in shown if n != 'test data')}.",
        f"As many points in every panel. {FIRST_SEED}",
        fig,
    )


def panels_of(names: list[str], *, below: float = 0.0) -> tuple[Figure, list[Axes]]:
    """Square panels in even rows, with so many inches below the last."""
    count = len(names)
    rows = -(-count // COLUMNS)
    columns = max(-(-count // rows), 3)
    gap, head, foot = 0.06, 0.19, 0.05 + below
    head += 0.11 if any(" (" in name for name in names) else 0
    side = (PAGE - 0.1 - gap * (columns - 1)) / columns
    height = TITLE + rows * (side + head) + foot
    fig = figure(PAGE, height)
    places = []
    for index in range(count):
        row, column = divmod(index, columns)
        left, bottom = 0.05 + column * (side + gap), height - TITLE - (row + 1) * (side + head)
        places.append(fig.add_axes((left / PAGE, bottom / height, side / PAGE, side / height)))
    return fig, places


def bare(axes: Axes, title: str) -> None:
    """No ticks, a thin frame, the name above: on two lines where it has brackets."""
    axes.set(xticks=[], yticks=[])
    name, bracket, variant = title.partition(" (")
    name, variant = short(name, 24), short(variant, 34)
    axes.set_title(plot_label(name), pad=11 if bracket else 3, loc="center", fontsize=7.5)
    if bracket:
        size = min(7.0, 190 / (len(variant) + 1))
        axes.annotate(
            plot_label(f"({variant}"), (0.5, 1), (0, 3), "axes fraction", "offset points", ha="center", fontsize=size
        )
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set(visible=True, color="#bbbbbb")


def frame(axes: Axes, real: Array, extent: Array | None) -> None:
    """The same part of the plane in every panel: the density's, else that of the data with a margin."""
    if extent is None:
        low, high = real.min(0).astype(float), real.max(0).astype(float)
        margin = np.maximum(0.1 * (high - low), 1e-6)
        extent = np.stack([low - margin, high + margin], 1).ravel()
    axes.set(xlim=extent[:2], ylim=extent[2:], aspect="equal")
