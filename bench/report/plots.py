"""Every plot of a study: data set by data set, then over all of them."""

from collections.abc import Callable

from matplotlib import style

from bench.report import (
    plots_cost,
    plots_curves,
    plots_differences,
    plots_frontier,
    plots_images,
    plots_latent,
    plots_likelihood,
    plots_pictures,
    plots_quality,
    plots_ranks,
    plots_training,
    plots_tuning,
)
from bench.report.model_summary import ModelSummary, finals
from bench.report.plot import Plot
from bench.report.plots_palette import styles
from bench.report.sheet import Sheet
from bench.report.style import RC, Drawing, rendered


def share_of_plots(sheet: Sheet, share: int, shares: int) -> dict[int, Plot]:
    """Every `shares`-th plot of one data set from `share` on, by its place among all of them."""
    with style.context(["default", RC]):
        of_share = enumerate(plots_of(sheet)[share::shares])
        drawn = {share + shares * step: drawing for step, draw_one in of_share if (drawing := draw_one())}
        return {place: rendered(drawing, sheet.formats) for place, drawing in drawn.items()}


def plots_of(sheet: Sheet) -> list[Callable[[], Drawing | None]]:
    """What draws each plot of one data set, likelihood first; of each model those at the largest budget, tuned where
    it was.

    Where there is a ladder of budgets, its plot stands in place of that against the sweep's clock.
    """
    study, look, data = sheet.study, styles(sheet.families), sheet.cells[0].data
    group = finals(sheet.cells)
    return [
        lambda: plots_likelihood.dots(group, look),
        lambda: plots_differences.forest(sheet.pairs, look),
        lambda: plots_frontier.frontiers(study, sheet.cells, look) or plots_cost.pareto(group, look),
        lambda: plots_latent.over_sizes(group, look),
        lambda: plots_quality.quality(group, look),
        lambda: plots_pictures.densities(study, group),
        lambda: plots_pictures.points(study, group, look),
        lambda: plots_images.samples(study, group),
        lambda: plots_images.reconstructions(study, group),
        lambda: plots_images.decoder_means(study, group),
        lambda: plots_images.by_class(study, group),
        lambda: plots_training.training(study, group, look),
        lambda: plots_tuning.expected(study, data, sheet.families),
        lambda: plots_curves.k_curve(study, group, look),
        lambda: plots_curves.reconstruction(study, group, look),
        lambda: plots_latent.rate_distortion(group, look),
    ]


def plots_over_all(cells: list[ModelSummary], families: dict[str, str], formats: list[str]) -> list[Plot]:
    """The plots over all data sets."""
    with style.context(["default", RC]):
        return [rendered(drawing, formats) for drawing in drawings_over_all(cells, families)]


def drawings_over_all(cells: list[ModelSummary], families: dict[str, str]) -> list[Drawing]:
    """The figures over all data sets: ranks and the map."""
    drawn = [plots_ranks.ranks(cells, styles(families)), plots_ranks.heat_map(cells)]
    return [drawing for drawing in drawn if drawing is not None]
