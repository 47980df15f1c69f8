"""Every plot of a study: data set by data set, then over all of them."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

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
from bench.report.plots_palette import families_of, model_of, styles
from bench.report.ranking import Difference
from bench.report.study import Study
from bench.report.style import FORMATS, RC, Plot, rendered


def draw(
    study: Study, cells: list[ModelSummary], pairs: Sequence[Difference] = (), formats: Sequence[str] = FORMATS
) -> list[Plot]:
    """The plots that the study has something to show in; equal records give equal bytes, on any number of cores.

    Args:
        study: with histories, curves, pictures, step times and trials.
        cells: its models, summarised.
        pairs: how far entries are behind the best of their data set.
        formats: of `bench.report.style.ALL_FORMATS`, beside PNG.
    """
    by_data: dict[str, list[ModelSummary]] = {}
    for cell in cells:
        by_data.setdefault(cell.data, []).append(cell)
    families = families_of(study.runs, [(cell.model, model_of(cell.model)) for cell in cells if not cell.oracle])
    plots_of = partial(of_one_data_set, study, families, pairs, formats)
    workers = min(len(by_data), os.cpu_count() or 1)
    if workers == 1:
        drawn = [plots_of(group) for group in by_data.values()]
    else:
        with ProcessPoolExecutor(workers) as pool:
            drawn = list(pool.map(plots_of, by_data.values()))
    return [*(plot for group in drawn for plot in group), *over_all(families, formats, cells)]


def of_one_data_set(
    study: Study,
    families: Mapping[str, str],
    pairs: Sequence[Difference],
    formats: Sequence[str],
    group: list[ModelSummary],
) -> list[Plot]:
    """The plots of one data set, likelihood first; of each model those at the largest budget, tuned where it was.

    Where there is a ladder of budgets, its plot stands in place of that against the sweep's clock.
    """
    look, data = styles(families), group[0].data
    with style.context(["default", RC]):
        over_budgets = plots_frontier.frontiers(study, group, look)
        group = finals(group)
        drawn = [
            plots_likelihood.dots(group, look),
            plots_differences.forest([pair for pair in pairs if pair.best.data == data], look),
            over_budgets or plots_cost.pareto(group, look),
            plots_latent.over_sizes(group, look),
            plots_quality.quality(group, look),
            plots_pictures.densities(study, group),
            plots_pictures.points(study, group, look),
            plots_images.samples(study, group),
            plots_images.reconstructions(study, group),
            plots_images.decoder_means(study, group),
            plots_images.by_class(study, group),
            plots_training.training(study, group, look),
            plots_tuning.expected(study, data, families),
            plots_curves.k_curve(study, group, look),
            plots_curves.reconstruction(study, group, look),
            plots_latent.rate_distortion(group, look),
        ]
        return [rendered(drawing, formats) for drawing in drawn if drawing is not None]


def over_all(families: Mapping[str, str], formats: Sequence[str], cells: list[ModelSummary]) -> list[Plot]:
    """The plots over all data sets."""
    with style.context(["default", RC]):
        drawn = [plots_ranks.ranks(finals(cells), styles(families)), plots_ranks.heat_map(finals(cells))]
        return [rendered(drawing, formats) for drawing in drawn if drawing is not None]
