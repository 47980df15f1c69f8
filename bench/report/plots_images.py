"""Plots of images: a row of them for each model, every pixel a whole number of the file's."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from bench.report.inert import plot_label, slug
from bench.report.model_summary import ModelSummary
from bench.report.plot import DPI, PAGE
from bench.report.plots_rows import in_lines
from bench.report.study import Array, Study
from bench.report.style import CHARACTER, TITLE, Drawing, figure, titled

UNCHOSEN = (
    "Not chosen: the first samples drawn. A latent-variable model with a likelihood draws each pixel with the noise of "
    "its decoder; one without shows what its decoder gives."
)
FIRST_SEED = "The first finished seed of each model."
NOISE = "0.5"
"""Standard deviations of the prior, as `bench.metrics.picture_arrays` draws them."""
EDGE = 190
"""Grey level of the lines between images."""
LEAST, MOST = 4, 10
"""Pixels of the file that one pixel of an image is wide."""
FEWEST_COLUMNS, MOST_COLUMNS = 4, 16
FEW_MODELS = 8
"""Models up to which each has two rows of images."""
GAP = 0.06


class Strip(NamedTuple):
    """A name and its images, `(n, height, width)` or with three channels behind, uint8."""

    name: str
    images: Array


def samples(study: Study, cells: list[ModelSummary]) -> Drawing | None:
    """Test images above samples of each model; None where there are no images."""
    data = cells[0].data
    found = study.pictures.get(f"real/{data}")
    drawn = strips(study, cells, "samples")
    if found is None or found.ndim < 3 or not drawn:
        return None
    names = ", ".join(strip.name for strip in drawn)
    fig = in_rows([Strip("test data", found), *drawn], 2 if len(drawn) <= FEW_MODELS else 1)
    titled(fig, data, "samples below test images")
    return Drawing(
        f"samples-{slug(data)}",
        data,
        f"Samples beside test data, {data}",
        f"Images from the test split of {data} above samples of {names}.",
        f"{UNCHOSEN} {FIRST_SEED}",
        fig,
    )


def reconstructions(study: Study, cells: list[ModelSummary]) -> Drawing | None:
    """Test images above their reconstructions, plain and at equal latent noise, of models that have them."""
    data = cells[0].data
    real, plain = study.pictures.get(f"real/{data}"), strips(study, cells, "reconstructed")
    noisy = {strip.name: strip for strip in strips(study, cells, "reconstructed-noisy")}
    if real is None or real.ndim < 3 or not plain:
        return None
    rows = [Strip("original", real)]
    for name, images in plain:
        rows += [Strip(name, images), *([Strip(f"at noise {NOISE}", noisy[name].images)] if name in noisy else [])]
    fig = in_rows(rows, 1)
    titled(fig, data, f"reconstructions, plain and at latent noise {NOISE}")
    return Drawing(
        f"reconstructed-{slug(data)}",
        data,
        f"Originals and reconstructions, {data}",
        f"Images of the test split of {data}, below them their reconstructions by {', '.join(s.name for s in plain)}, "
        "each without and with latent noise.",
        "decode(encode(x)) of the first test images, and with noise added to the latent, of "
        f"{NOISE} standard deviations of the prior for every model: a flow inverts itself, so that only the second "
        "says "
        f"how far its latent reaches. {FIRST_SEED}",
        fig,
    )


def decoder_means(study: Study, cells: list[ModelSummary]) -> Drawing | None:
    """What a decoder gives for latents of the prior, beside draws from its density there."""
    data = cells[0].data
    means, draws = strips(study, cells, "means"), {s.name: s for s in strips(study, cells, "draws")}
    rows = [row for s in means if s.name in draws for row in (s, Strip("drawn from these", draws[s.name].images))]
    if not rows:
        return None
    fig = in_rows(rows, 1)
    titled(fig, data, "decoder means above samples from them")
    return Drawing(
        f"means-{slug(data)}",
        data,
        f"Decoder means and samples, {data}",
        f"Images of {data}: means of the decoders of {', '.join(s.name for s in means)} at latents of the prior, below "
        "each a sample at the same latent.",
        "A likelihood is that of the lower rows: what a decoder gives, drawn with its noise. Papers often show the "
        "upper "
        f"ones. {FIRST_SEED}",
        fig,
    )


def by_class(study: Study, cells: list[ModelSummary]) -> Drawing | None:
    """Samples that models drew of each class, a column a class."""
    data = cells[0].data
    found = {c.model: grid for c in cells if (grid := study.pictures.get(f"by-class/{data}/{c.model}")) is not None}
    if not found:
        return None
    rows, classes = next(iter(found.values())).shape[:2]
    strips_of = [Strip(name, grid.reshape(-1, *grid.shape[2:])) for name, grid in found.items()]
    fig = in_rows(strips_of, rows, classes)
    titled(fig, data, "samples of each class, a column a class")
    return Drawing(
        f"by-class-{slug(data)}",
        data,
        f"Samples of each class, {data}",
        f"Samples of {', '.join(found)} on {data}, a column for each of {classes} classes, in their order.",
        f"Asked for by label, and not chosen: the first {rows} drawn of each class. {FIRST_SEED}",
        fig,
    )


def strips(study: Study, cells: Sequence[ModelSummary], kind: str) -> list[Strip]:
    """The images of one kind that models have, in the order of the cells."""
    keys = [(cell.model, f"{kind}/{cell.data}/{cell.model}") for cell in cells]
    return [
        Strip(name, array) for name, key in keys if (array := study.pictures.get(key)) is not None and array.ndim > 2
    ]


def in_rows(rows: Sequence[Strip], lines: int, columns: int | None = None) -> Figure:
    """The strips below one another, names left of them, each pixel of an image so many pixels wide as there is room.

    Args:
        rows: names and images.
        lines: of images in each strip.
        columns: images in a line; as many as fit where none is given.
    """
    names = [in_lines(strip.name) for strip in rows]
    left = 0.14 + CHARACTER * max(len(line) for name in names for line in name.split("\n"))
    room = int((PAGE - left - 0.06) * DPI)
    width = rows[0].images.shape[2]
    fit = columns or min(
        min(len(s.images) // lines or 1 for s in rows), MOST_COLUMNS, max(room // (LEAST * (width + 1)), 1)
    )
    columns = max(fit, 1) if columns else max(fit, min(FEWEST_COLUMNS, *(len(s.images) for s in rows)))
    scale = max(1, min(MOST, (room - 1) // (columns * (width + 1) + 1)))
    pictures = [mosaic(strip.images[: lines * columns], columns) for strip in rows]
    tall = [scale * picture.shape[0] / DPI for picture in pictures]
    least = [max(t, 0.13 * (name.count("\n") + 1)) for t, name in zip(tall, names, strict=True)]
    total = round(DPI * (TITLE + 0.04 + sum(least) + GAP * len(rows))) / DPI
    across = left + scale * pictures[0].shape[1] / DPI + 0.06
    whole = round(DPI * max(across, 2.4)) / DPI
    fig = figure(whole, total)
    top = round(DPI * (total - TITLE - 0.04)) / DPI
    axes = fig.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    for name, picture, high, taken in zip(names, pictures, tall, least, strict=True):
        start = round(left * DPI) / DPI
        edges = (start, start + scale * picture.shape[1] / DPI, top - high, top)
        axes.imshow(picture, cmap="gray", vmin=0, vmax=255, aspect="auto", interpolation="nearest", extent=edges)
        fig.text((left - 0.06) / whole, (top - high / 2) / total, plot_label(name), ha="right", va="center", fontsize=7)
        top = round(DPI * (top - taken - GAP)) / DPI
    axes.set(xlim=(0, whole), ylim=(0, total))
    return fig


def mosaic(images: Array, columns: int | None = None) -> Array:
    """`(n, height, width)` or `(n, height, width, 3)` uint8 as one picture, a grey line between images.

    There are as many rows as columns if not said.
    """
    side = columns or int(np.sqrt(len(images)))
    rows = max(len(images) // side, 1) if columns else side
    channels = [(0, 0)] * (images.ndim - 3)
    shown = images[: rows * side]
    if len(shown) < rows * side:
        blank = np.full((rows * side - len(shown), *shown.shape[1:]), EDGE, np.uint8)
        shown = np.concatenate([shown, blank])
    padded = np.pad(shown, [(0, 0), (1, 0), (1, 0), *channels], constant_values=EDGE)
    _, height, width, *colours = padded.shape
    picture = padded.reshape(rows, side, height, width, *colours).swapaxes(1, 2)
    picture = picture.reshape(rows * height, side * width, *colours)
    return np.pad(picture, [(0, 1), (0, 1), *channels], constant_values=EDGE)
